//! The account as a whole, on invented meters and invented clocks.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use proptest::prelude::*;

use crate::energy::*;
use crate::units::{Microjoules, Span, Timestamp, Watts};

/// 2^32 units of 2^-16 J, as on AMD's processors.
const RANGE: Microjoules = Microjoules::new(65_532_610_987);

/// An invented host that is read once a second.
struct Bench {
    account: Account,
    at: Span,
    now: Timestamp,
}

impl Bench {
    fn new() -> Bench {
        Bench { account: Account::default(), at: Span::seconds(1_000), now: Timestamp::seconds(1_795_176_000) }
    }

    /// A second later these zones say so many joules.
    fn read(&mut self, said: &[(&Arc<Zone>, u64)]) -> Step {
        self.pass(Span::seconds(1), said)
    }

    fn pass(&mut self, span: Span, said: &[(&Arc<Zone>, u64)]) -> Step {
        let counters =
            said.iter().map(|(zone, joules)| (*zone, counter(Microjoules::joules(*joules)))).collect::<Vec<_>>();
        self.hear(span, &counters, &[])
    }

    fn hear(&mut self, span: Span, said: &[(&Arc<Zone>, Said)], silent: &[(&Arc<Zone>, Reason)]) -> Step {
        (self.at, self.now) = (self.at + span, self.now + span);
        let reading = |(zone, said): &(&Arc<Zone>, Said)| Reading { zone: (*zone).clone(), said: said.clone() };
        let silence = |(zone, reason): &(&Arc<Zone>, Reason)| Silent {
            meter: zone.meter,
            zone: Some((*zone).clone()),
            reason: *reason,
            what: zone.to_string(),
            remedy: String::new(),
        };
        let readings = Readings {
            at: self.at,
            readings: said.iter().map(reading).collect(),
            silent: silent.iter().map(silence).collect(),
        };
        self.account.step(&readings, self.now)
    }

    /// The joules of a part; `None` where it is not told.
    fn joules(&self, role: Role) -> Option<f64> {
        let parts = self.account.statement().parts;
        parts.into_iter().find(|part| part.role == role)?.energy.map(Microjoules::as_joules)
    }

    /// The joules of everything that the host total is made of.
    fn total(&self) -> f64 {
        let parts = self.account.statement().parts.into_iter().filter(|part| part.role.is_additive());
        parts.filter_map(|part| part.energy).sum::<Microjoules>().as_joules()
    }

    fn watts(&self) -> Option<f64> {
        self.account.statement().host.watts.map(Watts::get)
    }

    fn oddities(&self) -> [u64; 3] {
        let Oddities { wraps, resets, gaps, .. } = self.account.statement().meters[0].oddities.clone();
        [wraps, resets, gaps]
    }
}

fn zone(id: &str, role: Role) -> Arc<Zone> {
    Arc::new(Zone { meter: Meter::Rapl, id: id.into(), role, method: Method::Counter })
}

fn counter(counter: Microjoules) -> Said {
    Said::Energy { counter, range: Some(RANGE) }
}

const PACKAGE: Role = Role::Package { socket: 0, die: None };

fn package() -> Arc<Zone> {
    zone("intel-rapl:0", PACKAGE)
}

fn die(die: u32) -> Arc<Zone> {
    zone(&format!("intel-rapl:{die}"), Role::Package { socket: 0, die: Some(die) })
}

#[test]
fn the_total_is_packages_and_memory_whatever_else_is_told() {
    let (package, dram) = (package(), zone("intel-rapl:0:1", Role::Dram { socket: 0, die: None }));
    let core = zone("intel-rapl:0:0", Role::Core { socket: 0, die: None });
    let uncore = zone("intel-rapl:0:2", Role::Uncore { socket: 0, die: None });
    let psys = zone("intel-rapl:1", Role::Platform { id: 0 });
    let twin = zone("intel-rapl-mmio:0", PACKAGE);
    let mut bench = Bench::new();
    bench.read(&[(&package, 100), (&dram, 10), (&core, 50), (&uncore, 5), (&psys, 200), (&twin, 100)]);
    assert_eq!((bench.total(), bench.watts()), (0.0, None));
    let step = bench.read(&[(&package, 150), (&dram, 15), (&core, 90), (&uncore, 7), (&psys, 290), (&twin, 150)]);
    assert_eq!(step.interval, Interval { span: Span::seconds(1), energy: Some(Microjoules::joules(55)) });
    assert_eq!((bench.total(), bench.watts()), (55.0, Some(55.0)));
    assert_eq!(bench.joules(Role::Core { socket: 0, die: None }), Some(40.0));
    assert_eq!(bench.joules(Role::Platform { id: 0 }), Some(90.0));
    let zones = bench.account.statement().zones;
    assert_eq!(zones.iter().find(|zone| zone.zone == twin).unwrap().repeats, Some(package));
}

#[test]
fn a_wrap_adds_the_true_energy_and_a_reset_none() {
    let zone = package();
    let mut bench = Bench::new();
    let before = Microjoules::new(RANGE.get() - 30_000_000);
    bench.hear(Span::seconds(1), &[(&zone, counter(before))], &[]);
    bench.read(&[(&zone, 20)]);
    assert_eq!((bench.total(), bench.watts(), bench.oddities()), (50.0, Some(50.0), [1, 0, 0]));
    bench.read(&[(&zone, 30_000)]); // 30 kJ in a second
    assert_eq!((bench.total(), bench.oddities()), (50.0, [1, 1, 0]));
    bench.read(&[(&zone, 7)]);
    assert_eq!((bench.total(), bench.watts(), bench.oddities()), (50.0, Some(50.0), [1, 2, 0]));
    bench.read(&[(&zone, 67)]);
    assert_eq!((bench.total(), bench.watts()), (110.0, Some(60.0)));
}

#[test]
fn a_fall_is_a_reset_where_the_range_is_not_known() {
    let (zone, mut bench) = (package(), Bench::new());
    let said = |counter| Said::Energy { counter, range: None };
    for microjoules in [RANGE.get() - 1, 5, 1_000_005] {
        bench.hear(Span::seconds(1), &[(&zone, said(Microjoules::new(microjoules)))], &[]);
    }
    assert_eq!((bench.total(), bench.oddities()), (1.0, [0, 1, 0]));
}

#[test]
fn of_two_sockets_one_may_wrap() {
    let other = zone("intel-rapl:1", Role::Package { socket: 1, die: None });
    let (zone, mut bench) = (package(), Bench::new());
    let near = counter(Microjoules::new(RANGE.get() - 10_000_000));
    bench.hear(Span::seconds(1), &[(&zone, near), (&other, counter(Microjoules::joules(1)))], &[]);
    bench.read(&[(&zone, 90), (&other, 121)]);
    assert_eq!((bench.total(), bench.watts(), bench.oddities()), (220.0, Some(220.0), [1, 0, 0]));
}

#[test]
fn after_so_long_that_a_wrap_may_hide_nothing_is_made_up() {
    let (zone, mut bench) = (package(), Bench::new());
    bench.read(&[(&zone, 1_000)]);
    bench.pass(Span::seconds(40), &[(&zone, 3_000)]);
    assert_eq!((bench.total(), bench.oddities()), (2_000.0, [0, 0, 1]));
    bench.pass(Span::seconds(40), &[(&zone, 10)]);
    assert_eq!((bench.total(), bench.oddities()), (2_000.0, [0, 0, 2]));
}

#[test]
fn a_missed_reading_is_made_up_for_and_three_are_silence() {
    let (zone, mut bench) = (package(), Bench::new());
    bench.read(&[(&zone, 100)]);
    bench.read(&[(&zone, 150)]);
    for missed in 1..=5 {
        bench.hear(Span::seconds(1), &[], &[(&zone, Reason::Parse)]);
        assert_eq!(bench.joules(PACKAGE).is_some(), missed < 3);
        assert_eq!(bench.account.statement().meters[0].is_up, missed < 3);
        assert_eq!(bench.watts().is_some(), missed < 3);
    }
    assert_eq!(bench.account.statement().meters[0].oddities.errors, [(Reason::Parse, 5)].into());
    bench.read(&[(&zone, 450)]);
    assert_eq!((bench.total(), bench.watts()), (350.0, Some(50.0)));
}

#[test]
fn what_cannot_be_read_makes_the_total_unknown_not_smaller() {
    let (zone, dram, mut bench) =
        (package(), zone("intel-rapl:0:1", Role::Dram { socket: 0, die: None }), Bench::new());
    for joules in [100, 150] {
        let said = [(&zone, counter(Microjoules::joules(joules)))];
        let step = bench.hear(Span::seconds(1), &said, &[(&dram, Reason::Permission)]);
        assert_eq!((step.interval.energy, bench.account.statement().host), (None, Host::default()));
    }
    assert_eq!(bench.joules(PACKAGE), Some(50.0));
    assert_eq!(bench.joules(Role::Dram { socket: 0, die: None }), None);
}

#[test]
fn a_zone_that_is_gone_is_no_part_of_the_total_and_counts_on_when_it_is_back() {
    let (zone, other) = (package(), zone("intel-rapl:1", Role::Package { socket: 1, die: None }));
    let mut bench = Bench::new();
    bench.read(&[(&zone, 0), (&other, 0)]);
    bench.read(&[(&zone, 10), (&other, 20)]);
    (2..5).for_each(|second| _ = bench.read(&[(&zone, second * 10)]));
    assert_eq!((bench.total(), bench.watts()), (40.0, Some(10.0)));
    bench.read(&[(&zone, 50), (&other, 80)]);
    assert_eq!((bench.total(), bench.watts()), (130.0, Some(25.0)));
}

#[test]
fn a_twin_steps_in_and_no_second_is_counted_twice() {
    let (zone, twin, mut bench) = (package(), zone("intel-rapl-mmio:0", PACKAGE), Bench::new());
    let at = |joules| counter(Microjoules::joules(joules));
    let second = Span::seconds(1);
    bench.hear(second, &[(&zone, at(100)), (&twin, at(500))], &[]);
    bench.hear(second, &[(&twin, at(550))], &[(&zone, Reason::Io)]);
    assert_eq!(bench.total(), 50.0);
    bench.hear(second, &[(&zone, at(210)), (&twin, at(610))], &[]);
    assert_eq!(bench.total(), 110.0);
    bench.hear(second, &[(&zone, at(250))], &[(&twin, Reason::Io)]);
    assert_eq!((bench.total(), bench.watts()), (150.0, Some(40.0)));
}

#[test]
fn mirrored_dies_count_once_and_distinct_ones_in_full() {
    let (first, second) = (die(0), die(1));
    let mut bench = Bench::new();
    (0..100).for_each(|s| _ = bench.read(&[(&first, s * 68), (&second, s * 68)]));
    assert_eq!((bench.total(), bench.watts()), (99.0 * 68.0, Some(68.0)));
    let zones = bench.account.statement().zones;
    assert_eq!(zones[1].repeats.as_ref(), Some(&first));

    let mut bench = Bench::new();
    let energy = (0..100).map(|s| bench.read(&[(&first, s * 60), (&second, s * 50)]).interval.energy);
    assert_eq!(energy.flatten().sum::<Microjoules>(), Microjoules::joules(99 * 110));
    assert_eq!((bench.total(), bench.watts()), (99.0 * 110.0, Some(110.0)));
}

#[test]
fn a_mirrored_die_takes_over_when_the_first_is_gone_and_brings_nothing_of_the_past() {
    let (first, second) = (die(0), die(1));
    let mut bench = Bench::new();
    let both = (0..10).map(|s| bench.read(&[(&first, s * 68), (&second, s * 68)]).interval.energy).collect::<Vec<_>>();
    let alone = (10..20).map(|s| bench.read(&[(&second, s * 68)]).interval.energy).collect::<Vec<_>>();
    let credited = both.into_iter().chain(alone).flatten().sum::<Microjoules>().as_joules();
    // Of the seconds until that is noticed nobody knows.
    assert_eq!(credited, (19 - 3) as f64 * 68.0);
    assert_eq!(bench.watts(), Some(68.0));
}

#[test]
fn a_package_that_stands_still_for_a_minute_is_silent_and_its_watts_before_that() {
    let (zone, mut bench) = (package(), Bench::new());
    bench.read(&[(&zone, 0)]);
    bench.read(&[(&zone, 50)]);
    (0..10).for_each(|_| _ = bench.read(&[(&zone, 50)]));
    assert_eq!(bench.watts(), Some(50.0));
    bench.read(&[(&zone, 50)]);
    assert_eq!(bench.watts(), None);
    (0..50).for_each(|_| _ = bench.read(&[(&zone, 50)]));
    let statement = bench.account.statement();
    assert_eq!((statement.host.basis, statement.meters[0].silent), (None, Some(Reason::Standstill)));
    bench.read(&[(&zone, 150)]);
    assert_eq!(bench.total(), 150.0);
}

#[test]
fn a_counter_that_is_renewed_every_other_reading_shows_steady_watts() {
    let (zone, mut bench) = (package(), Bench::new());
    (0..20).for_each(|s| _ = bench.read(&[(&zone, s / 2 * 100)]));
    assert_eq!(bench.watts(), Some(50.0));
}

#[test]
fn a_twin_moves_nothing_while_the_first_is_heard() {
    let (zone, twin, mut bench) = (package(), zone("intel-rapl-mmio:0", PACKAGE), Bench::new());
    for (first, second) in [(100, 100), (150, 150), (150, 190), (170, 190), (170, 250), (210, 250)] {
        bench.read(&[(&zone, first), (&twin, second)]);
        assert_eq!(bench.total(), (first - 100) as f64);
    }
}

fn measured(meter: Meter, role: Role, method: Method) -> Arc<Zone> {
    Arc::new(Zone { meter, id: "x".into(), role, method })
}

#[test]
fn without_packages_the_platform_tells_and_without_that_an_estimate() {
    let platform = measured(Meter::Hwmon, Role::Platform { id: 0 }, Method::Integrated);
    let battery = measured(Meter::Battery, Role::Platform { id: 0 }, Method::Integrated);
    let estimate = measured(Meter::Estimate, PACKAGE, Method::Estimated);
    let (zone, second) = (package(), Span::seconds(1));
    let watts = |watts| Said::Power(Watts::new(watts).unwrap());
    let mut bench = Bench::new();
    let check = |bench: &Bench, basis, watts| {
        let host = bench.account.statement().host;
        assert_eq!((host.basis, host.watts.map(Watts::get)), (basis, watts));
    };
    let all = [(&platform, watts(120.0)), (&battery, watts(130.0)), (&estimate, watts(90.0))];
    bench.hear(second, &all, &[(&zone, Reason::Permission)]);
    let step = bench.hear(second, &all, &[(&zone, Reason::Permission)]);
    check(&bench, Some(Basis::Platform), Some(120.0));
    assert_eq!(step.interval.energy, Some(Microjoules::joules(120)));
    (0..3).for_each(|_| _ = bench.hear(second, &all[1..], &[]));
    check(&bench, Some(Basis::Platform), Some(130.0));
    (0..3).for_each(|_| _ = bench.hear(second, &all[2..], &[(&battery, Reason::Idle)]));
    check(&bench, Some(Basis::Estimate), Some(90.0));
    (0..3).for_each(|_| _ = bench.hear(second, &[], &[]));
    check(&bench, None, None);
}

#[test]
fn power_is_integrated_and_not_over_what_nobody_measured() {
    let zone = measured(Meter::Hwmon, Role::Platform { id: 0 }, Method::Integrated);
    let mut bench = Bench::new();
    let watts = |watts| Said::Power(Watts::new(watts).unwrap());
    bench.hear(Span::seconds(1), &[(&zone, watts(100.0))], &[]);
    bench.hear(Span::seconds(2), &[(&zone, watts(200.0))], &[]);
    assert_eq!(bench.joules(Role::Platform { id: 0 }), Some(300.0));
    bench.hear(Span::seconds(61), &[(&zone, watts(200.0))], &[]);
    assert_eq!((bench.joules(Role::Platform { id: 0 }), bench.oddities()), (Some(300.0), [0, 0, 1]));
}

#[test]
fn a_minute_has_its_mean_and_its_peak() {
    let (zone, mut bench) = (package(), Bench::new());
    let mut joules = 0;
    let mut minutes = Vec::new();
    for second in 0..130 {
        joules += if second == 30 { 200 } else { 50 };
        minutes.extend(bench.read(&[(&zone, joules)]).minute);
    }
    let [first, second] = minutes[..] else { panic!("{minutes:?}") };
    assert_eq!(first.at, Timestamp::seconds(1_795_176_060));
    assert_eq!((first.measured, first.energy), (Span::seconds(59), Some(Microjoules::joules(59 * 50 + 150))));
    let watts = [first.mean, first.peak, second.mean, second.peak].map(|watts| watts.unwrap().get());
    assert_eq!(watts, [(59.0 * 50.0 + 150.0) / 59.0, 200.0, 50.0, 50.0]);
    assert_eq!(bench.account.statement().minute, Some(second));
}

#[test]
fn a_step_of_the_time_of_day_changes_no_watts() {
    let (zone, mut bench) = (package(), Bench::new());
    let mut minutes = Vec::new();
    for second in 0..300_u64 {
        match second {
            100 => bench.now = bench.now + Span::hours(1),
            200 => bench.now = bench.now - Span::hours(2),
            _ => {}
        }
        minutes.extend(bench.read(&[(&zone, second * 50)]).minute);
        assert_eq!(bench.watts(), (second > 0).then_some(50.0));
    }
    let watts = |minute: &Minute| [minute.mean, minute.peak].map(|watts| watts.unwrap().get());
    assert!(minutes.iter().all(|minute| watts(minute) == [50.0; 2]), "{minutes:?}");
    assert_eq!(minutes.len(), 5 + 2);
    assert_eq!(bench.total(), 299.0 * 50.0);
}

#[test]
fn a_million_steps_lose_nothing() {
    let zones = [package(), measured(Meter::Hwmon, Role::Platform { id: 0 }, Method::Integrated)];
    let readings = zones.iter().map(|zone| Reading { zone: zone.clone(), said: Said::Power(Watts::ZERO) }).collect();
    let mut readings = Readings { readings, ..Readings::default() };
    let (mut account, mut raw, mut truth, mut seed) = (Account::default(), 0_u64, 0_u64, 1_u64);
    for step in 0..=1_000_000_u64 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let drawn = 1 + (seed >> 33) % 250_000_000;
        (raw, truth) = ((raw + drawn) % RANGE.get(), if step == 0 { 0 } else { truth + drawn });
        readings.at = Span::seconds(step as i64);
        readings.readings[0].said = counter(Microjoules::new(raw));
        readings.readings[1].said = Said::Power(Watts::new(100.000_000_3).unwrap());
        account.step(&readings, Timestamp::seconds(step as i64));
    }
    let Statement { parts, meters, .. } = account.statement();
    assert_eq!(parts[0].energy, Some(Microjoules::new(truth)));
    let integrated = parts[1].energy.unwrap().as_joules();
    assert!((integrated / 100_000_000.3 - 1.0).abs() < 1e-9, "{integrated}");
    assert!(meters[0].oddities.wraps > 1_000, "it has wrapped often");
}

proptest! {
    #[test]
    fn whatever_is_missed_no_total_falls_and_none_is_more_than_was_used(
        steps in prop::collection::vec((0_u64..200, any::<bool>(), any::<bool>(), 1_i64..4), 1..60),
    ) {
        let (zone, twin) = (package(), zone("intel-rapl-mmio:0", PACKAGE));
        let (mut bench, mut used, mut before) = (Bench::new(), 0, 0.0);
        bench.read(&[(&zone, 0), (&twin, 7)]);
        for (joules, first, second, seconds) in steps {
            used += joules;
            let said = [(&zone, counter(Microjoules::joules(used)), first), (&twin, counter(Microjoules::joules(used + 7)), second)];
            let heard: Vec<_> = said.iter().filter(|(.., heard)| *heard).map(|(zone, said, _)| (*zone, said.clone())).collect();
            let missed: Vec<_> = said.iter().filter(|(.., heard)| !heard).map(|(zone, ..)| (*zone, Reason::Io)).collect();
            bench.hear(Span::seconds(seconds), &heard, &missed);
            let Some(total) = bench.joules(PACKAGE) else { continue };
            prop_assert!(total >= before && total <= used as f64, "{total} of {used}, {before} before");
            before = total;
        }
    }
}
