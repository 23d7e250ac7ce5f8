//! Minutes of energy on the invented clock: what SLOs make of them, what a request costs, and what low-power mode does.

use crate::budget::Severity;
use crate::energy::{Bill, Item, Minute, Wish};

use crate::tick::tests::{DAY, HOUR, SLO, START, World};
use crate::tick::{KeptState, PerRequest, State, Word};
use crate::units::{Grams, Microjoules, Span, Timestamp, Watts};

const POWER: &str = "
service: host
slos: [{ name: power, objective: 90%, sli: { value: burnwatch_host_power_watts, source: self, under: 100 } }]
";

const COST: &str = "
---
service: host
slos:
  - { name: joules, objective: 90%, sli: { value: burnwatch_service_energy_joules_per_request, source: self, under: 1 } }
  - { name: carbon, objective: 90%, sli: { value: 'burnwatch_service_carbon_grams_per_request{service=\"shop\"}', source: self, under: 1 } }
  - { name: other, objective: 90%, sli: { value: 'burnwatch_service_requests_per_watthour{service=\"other\"}', source: self, over: 1 } }
";

/// The minute that ends so many minutes after the start: `watts`, of which the shop has half.
fn bill(minute: i64, watts: Option<f64>) -> Bill {
    let mean = watts.and_then(Watts::new);
    let (energy, peak, basis) = (mean.map(|mean| mean.during(Span::minutes(1))), mean, None);
    let shop = energy.map_or(0, Microjoules::get) / 2;
    let item = Item { service: "shop".into(), energy: Microjoules::new(shop), grams: Grams::new(0.006) };
    let at = Timestamp::seconds(START + minute * 60);
    let minute = Minute { at, measured: Span::minutes(1), basis, energy, mean, peak };
    Bill { minute, idle: Watts::new(20.0), grams: Grams::new(0.05), services: vec![item], on_battery: false }
}

impl World {
    /// With these minutes before it.
    fn drawing(slos: &str, bills: impl Iterator<Item = Bill>) -> World {
        let mut world = World::of(slos);
        world.bills = bills.collect();
        world
    }

    /// All events and the bad ones of the SLOs of a service.
    fn judged(&self, service: &str) -> Vec<Option<(f64, f64)>> {
        let of = self.state.standings.iter().filter(|standing| &*standing.slo.id.service == service);
        of.map(|standing| standing.since_opened.map(|tally| (tally.total(), tally.bad()))).collect()
    }
}

#[test]
fn each_measured_minute_is_judged_once_and_the_others_are_unmeasured() {
    let watts = |minute: i64| match minute {
        20..30 => None,
        30..36 => Some(120.0),
        _ => Some(60.0),
    };
    let mut world = World::drawing(POWER, (0..=60).map(|minute| bill(minute, watts(minute))));
    world.run(HOUR);
    // The first is where counting begins.
    assert_eq!(world.judged("host"), [Some((50.0, 6.0))]);
    assert_eq!(world.standing().state, Word::Exhausted);
    let measured = world.standing().counted.map(|counted| counted.measured);
    assert_eq!(measured, Some(Span::minutes(59 - 10 + 4)), "the last reading before the silence holds for 5 minutes");
    // The instant after it could still be judged by it.
    world.run(HOUR + 30 + 5 * 60);
    assert_eq!(world.standing().state, Word::NoData);
}

#[test]
fn a_host_over_its_limit_pages_and_the_page_ends_with_the_last_such_minute() {
    let day = DAY / 60;
    let watts = |minute: i64| if (1..=20).contains(&(minute - day)) { 120.0 } else { 60.0 };
    let bills = (0..=day + 60).map(|minute| bill(minute, Some(watts(minute))));
    let mut world = World::drawing(&POWER.replace("90%", "99%"), bills);
    world.run(DAY + HOUR);
    // 14.4 * 1 % of 1 h are 8.64 minutes: the ninth. Of 5 min it is less than one, and then none is left.
    assert_eq!(world.told(Severity::Page), [(DAY + 9 * 60, "opened"), (DAY + (20 + 5) * 60, "resolved")]);
}

#[test]
fn a_minute_that_is_told_twice_or_by_halves_is_not_judged_again() {
    let mut world = World::drawing(POWER, (0..=10).map(|minute| bill(minute, Some(60.0))));
    world.run(600);
    assert_eq!(world.judged("host"), [Some((10.0, 0.0))]);
    world.bills = vec![bill(9, Some(200.0)), bill(10, Some(200.0)), bill(11, Some(60.0))];
    let mut half = bill(12, Some(200.0));
    half.minute.measured = Span::seconds(30);
    world.bills.push(half);
    world.run(720);
    assert_eq!(world.judged("host"), [Some((11.0, 0.0))]);
}

#[test]
fn minutes_that_come_late_and_all_at_once_are_judged_each() {
    let mut world = World::drawing(POWER, [bill(0, Some(60.0))].into_iter());
    world.run(3_570);
    world.bills = (1..=59).map(|minute| bill(minute, Some(60.0))).collect();
    world.run(3_600);
    assert_eq!(world.judged("host"), [Some((59.0, 0.0))]);
}

#[test]
fn a_minute_that_comes_after_its_instant_is_judged_all_the_same() {
    let mut world = World::drawing(POWER, std::iter::empty());
    for minute in 0..=10 {
        world.run(minute * 60);
        world.bills.push(bill(minute, Some(60.0)));
    }
    world.run(630);
    assert_eq!(world.judged("host"), [Some((10.0, 0.0))]);
}

/// What a request of the shop cost, after ten minutes of 100 requests a second and 100 W.
fn cost(slos: &str) -> (World, PerRequest) {
    let mut world = World::drawing(slos, (1..=10).map(|minute| bill(minute, Some(100.0))));
    world.run(600);
    let cost = world.state.energy.services[0].cost.expect("known");
    (world, cost)
}

#[test]
fn a_request_costs_the_energy_of_five_minutes_by_the_requests_of_the_same() {
    let (world, cost) = cost(&format!("{}{COST}", SLO.replace("WINDOW", "30d")));
    assert_eq!(
        cost,
        PerRequest { over: Span::minutes(5), requests: 30_000.0, joules: 15_000.0, grams: Grams::new(0.03) }
    );
    assert_eq!((cost.joules(), cost.per_watthour(), cost.grams()), (Some(0.5), Some(7_200.0), Some(0.000_001)));
    assert_eq!(world.judged("host"), [Some((9.0, 0.0)), Some((9.0, 0.0)), Some((0.0, 0.0))]);
}

#[test]
fn a_second_slo_of_a_service_changes_nothing_of_what_a_request_costs() {
    let one = SLO.replace("WINDOW", "30d");
    let second = "  - { name: reachable, objective: 99%, sli: { up: up } }\n";
    assert_eq!(cost(&format!("{one}{second}")).1, cost(&one).1);
}

#[test]
fn without_requests_energy_has_no_price() {
    let nothing = PerRequest { over: Span::minutes(1), requests: 0.0, joules: 5.0, grams: Grams::new(1.0) };
    assert_eq!((nothing.joules(), nothing.per_watthour(), nothing.grams()), (None, None, None));
    let mut world = World::drawing(&SLO.replace("WINDOW", "30d"), (1..=10).map(|minute| bill(minute, Some(100.0))));
    world.source_down = vec![(0, 1_000)];
    world.run(600);
    let shop = &world.state.energy.services[0];
    assert_eq!((shop.requests, shop.cost), (None, None));
}

#[test]
fn totals_go_on_over_a_restart_and_hold_each_minute_once() {
    let mut world = World::drawing(POWER, (1..=10).map(|minute| bill(minute, Some(60.0))));
    world.run(600);
    let energy = world.kept.energy.clone();
    let (restored, problems) = State::restored(KeptState { energy, ..KeptState::default() });
    assert_eq!((problems, &restored.energy.kept), (Vec::new(), &world.state.energy.kept));
    world.state.energy = restored.energy;
    world.bills = vec![bill(10, Some(60.0)), bill(11, Some(90.0))];
    world.run(660);
    let totals = world.state.energy.kept.totals;
    assert_eq!(totals.energy, Microjoules::joules(10 * 3_600 + 5_400));
    assert_eq!((totals.measured, totals.peak, totals.idle), (Span::minutes(11), Watts::new(90.0), Watts::new(20.0)));
    assert!((totals.grams.expect("known") - 11.0 * 0.05).abs() < 1e-9);
    assert_eq!(totals.typical().map(|watts| watts.to_string()), Some("62.7 W".into()));
}

/// A day and two hours with an outage after the day, in low-power mode or not.
fn outage(is_saving: bool) -> World {
    let mut world = World::with_window("30d");
    world.wish = Some(Wish { on: is_saving, until: None });
    world.outages = vec![(DAY + 15, DAY + 200)];
    world.run(DAY + 2 * HOUR);
    world
}

#[test]
fn in_low_power_mode_no_event_is_lost_and_a_page_opens_at_most_four_ticks_later() {
    let (usual, saving) = (outage(false), outage(true));
    assert!(saving.instants.len() * 3 < usual.instants.len(), "{}", saving.instants.len());
    assert_eq!(saving.judged("shop"), usual.judged("shop"));
    let opened = |world: &World| world.told(Severity::Page)[0].0;
    let later = opened(&saving) - opened(&usual);
    assert!((0..=4 * 30).contains(&later), "{later} s later");
}

#[test]
fn while_a_budget_burns_every_instant_is_evaluated() {
    let saving = outage(true);
    let page = saving.told(Severity::Page);
    let (opened, resolved) = (page[0].0, page[1].0);
    let within = saving.instants.iter().filter(|instant| (opened..resolved).contains(*instant)).count();
    assert_eq!(within as i64, (resolved - opened) / 30);
}
