//! The whole tick on an invented clock: a service that is scraped, a source that answers or does not, and what the
//! daemon then says.

mod backfill;
mod energy;
mod notices;
mod points;

use std::sync::Arc;

use crate::alerts::{News, Notice};
use crate::budget::{Exhaustion, Severity};
use crate::energy::{Bill, Wish};
use crate::plan::{Facts, MeteredService, Metering, Pace, Plan, Sample, Series, plan};
use crate::slos;
use crate::tick::{
    Ask, Effect, Entry, NoAnswer, Over, Piece, Seen, Standing, State, Word, adopt, asks, overloaded, tick,
};
use crate::units::{Labels, Place, Problem, Span, Timestamp};

const SLO: &str = "
service: shop
window: WINDOW
slos:
  - { name: availability, objective: 99.9%, sli: { bad: 'http_total{code=\"500\"}', total: http_total } }
";

/// When the invented world begins.
const START: i64 = 1_700_000_100;

/// A service with 100 requests a second, scraped every 15 s, seen through a source and judged every 30 s.
struct World {
    plan: Plan,
    state: State,
    /// Seconds since the start.
    now: i64,
    /// Spans (in seconds since the start) in which all requests fail.
    outages: Vec<(i64, i64)>,
    /// Spans in which the service is not scraped.
    silences: Vec<(i64, i64)>,
    /// Spans in which the source does not answer.
    source_down: Vec<(i64, i64)>,
    /// How long a sample takes to be seen.
    lateness: i64,
    /// The longest range that the source answers.
    longest_range: Option<Span>,
    notices: Vec<(i64, Notice)>,
    kept: Entry,
    /// The grid points that were answered.
    points: Vec<i64>,
    /// Of minutes that the tick is still to hear of.
    bills: Vec<Bill>,
    wish: Option<Wish>,
    /// The instants that were evaluated.
    instants: Vec<i64>,
}

fn within(spans: &[(i64, i64)], at: i64) -> bool {
    spans.iter().any(|(from, to)| (*from..*to).contains(&at))
}

impl World {
    fn new() -> World {
        World::with_window("30d")
    }

    fn with_window(window: &str) -> World {
        World::of(&SLO.replace("WINDOW", window))
    }

    fn of(slos: &str) -> World {
        let (slos, problems) = slos::read("f", slos);
        assert_eq!(problems, []);
        let shop = MeteredService { name: "shop".into(), requests: None, place: Place::of_file("f") };
        let metering = Metering { services: vec![shop], ..Metering::NOTHING };
        let pace = Pace { scrape_interval: Span::seconds(15), max_series: 1_000, metering, ..Pace::DEFAULT };
        let plan = plan(slos.into_iter().map(Arc::new).collect(), &Facts::default(), pace).0;
        let (state, kept) = adopt(State::default(), None, &plan, Timestamp::seconds(START));
        let (outages, silences, source_down) = Default::default();
        World {
            plan,
            state,
            now: 0,
            outages,
            silences,
            source_down,
            lateness: 0,
            longest_range: None,
            notices: Vec::new(),
            kept,
            points: Vec::new(),
            bills: Vec::new(),
            wish: None,
            instants: Vec::new(),
        }
    }

    /// What the service has counted by a second: all requests, and the failed ones.
    fn counters(&self, second: i64) -> (f64, f64) {
        let failed: i64 = self.outages.iter().map(|(from, to)| (second.min(*to) - from).max(0)).sum();
        (100.0 * second as f64, 100.0 * failed as f64)
    }

    #[expect(clippy::result_large_err, reason = "as a piece holds it")]
    fn answer(&self, ask: &Ask) -> Result<Vec<Vec<Series>>, NoAnswer> {
        if within(&self.source_down, self.now) {
            let problem = Problem::error("source_unreachable", "down", "");
            return Err(NoAnswer { problem, too_much: false });
        }
        let range = match ask.over {
            Over::Range(range) => range,
            Over::Points { from, to, every } => return Ok(self.points(from, to, every)),
            Over::Nothing => return Ok(Vec::new()),
        };
        let (until, from) = (ask.until.as_millis() / 1_000 - START, (ask.until - range).as_millis() / 1_000 - START);
        if self.longest_range.is_some_and(|longest| range > longest) {
            let problem = Problem::error("source_refused", "too many samples", "");
            return Err(NoAnswer { problem, too_much: true });
        }
        let seen = until.min(self.now - self.lateness);
        let scrapes = || (from.max(0)..=seen).filter(|second| second % 15 == 0 && !within(&self.silences, *second));
        let series = |code: &str, value: &dyn Fn(i64) -> f64| {
            let samples =
                scrapes().map(|second| Sample { at: Timestamp::seconds(START + second), value: value(second) });
            Series::new(Labels::new([("job", "shop"), ("instance", "a"), ("code", code)]), samples.collect())
        };
        let good = series("200", &|second| self.counters(second).0 - self.counters(second).1);
        let bad = series("500", &|second| self.counters(second).1);
        Ok(vec![[good, bad].into_iter().filter(|series| !series.samples.is_empty()).collect()])
    }

    /// Ticks until a second of this world.
    fn run(&mut self, until: i64) -> &mut World {
        while self.now + 30 <= until {
            self.now += 30;
            let now = Timestamp::seconds(START + self.now);
            if now != now.on_grid(self.state.stride(&self.plan)) {
                continue;
            }
            self.instants.push(self.now);
            loop {
                let asks = asks(&self.state, &self.plan, now);
                let piece = |ask: &Ask| Piece { query: ask.query, until: ask.until, answer: self.answer(ask) };
                let pieces: Vec<Piece> = asks.iter().map(piece).collect();
                self.points.extend(pieces.iter().flat_map(points::answered));
                let is_last = pieces.iter().all(|piece| piece.until == now || piece.answer.is_err());
                let bills = self.bills.extract_if(.., |bill| bill.minute.at <= now).collect();
                let seen = Seen { pieces, bills, wish: self.wish.take(), ..Seen::default() };
                let (state, effects) = tick(std::mem::take(&mut self.state), &self.plan, seen, now);
                self.state = state;
                for effect in effects {
                    match effect {
                        Effect::Keep(entry) => self.kept.join(entry),
                        Effect::Notify(notice) => self.notices.push((self.now, *notice)),
                    }
                }
                if is_last {
                    break;
                }
            }
        }
        self
    }

    fn standing(&self) -> &Standing {
        &self.state.standings[0]
    }

    /// When alerts of a severity opened and ended, in seconds since the start.
    fn told(&self, severity: Severity) -> Vec<(i64, &'static str)> {
        let what = |(at, notice): &(i64, Notice)| match notice.news {
            News::Burn { severity: of, what, .. } if of == severity => Some((*at, what.name())),
            News::NoData { released: Some(of) } if of == severity => Some((*at, "released")),
            _ => None,
        };
        self.notices.iter().filter_map(what).collect()
    }

    fn alert_states(&self) -> Vec<(&'static str, &'static str)> {
        self.standing().alerts.open().map(|(severity, state, _)| (severity.name(), state.name())).collect()
    }
}

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

#[test]
fn what_rides_on_a_question_that_is_too_much_for_one_tick_is_to_be_asked_apart() {
    let mut world = World::new();
    world.run(HOUR);
    let apart = |until: i64, too_much: bool| {
        let no_answer = NoAnswer { problem: Problem::error("source_refused", "too many samples", ""), too_much };
        let piece = Piece { query: 0, until: Timestamp::seconds(START + HOUR + until), answer: Err(no_answer) };
        let selectors = overloaded(&world.state, &world.plan, &[piece]);
        selectors.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(apart(60, true), ["http_total"]);
    assert_eq!(apart(90, true), [] as [&str; 0], "it is asked in halves first");
    assert_eq!(apart(30, false), [] as [&str; 0], "another reason");
}

#[test]
fn a_total_outage_pages_after_51_8_seconds_and_a_tick_and_a_short_one_is_over_4_minutes_56_after_it() {
    let mut world = World::new();
    world.outages = vec![(DAY, DAY + 120)];
    world.run(DAY + 2 * HOUR);
    let told = world.told(Severity::Page);
    // 14.4 * 0.001 * 3600 s = 51.84 s: the tick at 60 s is the first after it.
    assert_eq!(told[0], (DAY + 60, "opened"));
    // 5 min - 14.4 * 0.001 * 300 s = 295.68 s after its end: the tick at 120 + 300 s.
    assert_eq!(told[1], (DAY + 120 + 300, "resolved"));
    assert_eq!(told.len(), 2);
}

#[test]
fn an_slo_that_is_declared_no_more_ends_its_alerts() {
    let mut world = World::new();
    world.outages = vec![(DAY, DAY + 120)];
    world.run(DAY + 120);
    assert_eq!(world.alert_states(), [("page", "firing")]);
    let (nothing, _) = plan(Vec::new(), &Facts::default(), world.plan.pace.clone());
    let now = Timestamp::seconds(START + DAY + 120);
    let (state, entry) = adopt(std::mem::take(&mut world.state), Some(&world.plan), &nothing, now);
    assert!(state.alerts.is_empty() && state.standings.is_empty());
    let kept: Vec<&str> = entry.verdicts.values().map(String::as_str).collect();
    assert_eq!(kept, ["{}"], "they are not there after a restart either");
}

#[test]
fn the_page_of_a_longer_outage_is_over_29_minutes_49_after_it() {
    let mut world = World::new();
    world.outages = vec![(DAY, DAY + 180)];
    world.run(DAY + 2 * HOUR);
    // 6 * 0.001 * 21 600 s = 129.6 s open the second row; 30 min - 6 * 0.001 * 1 800 s = 1 789.2 s after the end.
    assert_eq!(world.told(Severity::Page), [(DAY + 60, "opened"), (DAY + 180 + 1_800, "resolved")]);
}

#[test]
fn an_open_page_holds_its_ticket_back_until_it_ends() {
    let mut world = World::new();
    world.outages = vec![(4 * DAY, 4 * DAY + 600)];
    world.run(4 * DAY + 30 * 60);
    assert_eq!(world.alert_states(), [("page", "firing"), ("ticket", "suppressed")]);
    assert_eq!(world.told(Severity::Ticket), []);
    world.run(4 * DAY + 3 * HOUR);
    assert_eq!(world.told(Severity::Ticket)[0].1, "opened");
    assert_eq!(world.told(Severity::Ticket)[0].0, world.told(Severity::Page)[1].0);
}

#[test]
fn a_source_that_does_not_answer_freezes_verdicts_lowers_coverage_and_loses_nothing() {
    let mut world = World::with_window("1d");
    let outage = 25 * HOUR;
    world.outages = vec![(outage, outage + 120)];
    world.source_down = vec![(outage + 130, outage + 130 + HOUR)];
    world.run(outage + 120);
    let before = world.standing().clone();
    assert_eq!(before.state, Word::Burning);
    assert_eq!(before.coverage.get(), 1.0);
    world.run(outage + HOUR);
    let during = world.standing().clone();
    assert_eq!(during.state, Word::NoData);
    assert_eq!(world.alert_states()[0], ("page", "held"));
    assert!((during.coverage.get() - (DAY - HOUR + 120) as f64 / DAY as f64).abs() < 0.005, "{:?}", during.coverage);
    assert_eq!(during.since_opened, before.since_opened);
    assert_eq!(world.told(Severity::Page).len(), 1);
    // Back again: everything is counted, and the page is judged by what really was.
    world.run(outage + 2 * HOUR);
    let after = world.standing();
    let counted = after.since_opened.map(|tally| (tally.total(), tally.bad()));
    assert_eq!(counted, Some((100.0 * (world.now - 30) as f64, 12_000.0)));
    assert_eq!(after.coverage.get(), 1.0);
    assert_eq!(world.told(Severity::Page).len(), 2);
}

#[test]
fn samples_that_come_a_minute_late_are_all_counted() {
    let mut world = World::new();
    world.lateness = 60;
    world.run(HOUR);
    assert_eq!(world.standing().state, Word::Ok);
    // From the first answer on; what was there by then and came late belongs to the past.
    let counted = world.standing().since_opened.map(|tally| tally.total());
    assert_eq!(counted, Some(100.0 * (HOUR - 60 - 30) as f64));
}

#[test]
fn a_source_that_refuses_long_spans_is_asked_for_shorter_ones_until_nothing_is_missing() {
    let mut world = World::new();
    world.run(HOUR);
    world.source_down = vec![(HOUR, 2 * HOUR)];
    world.longest_range = Some(Span::minutes(5));
    world.run(2 * HOUR + 120);
    assert_eq!(world.standing().since_opened.map(|tally| tally.total()), Some(100.0 * (world.now - 30) as f64));
}

#[test]
fn an_instant_is_asked_for_once_and_never_one_before_it() {
    let mut world = World::new();
    world.run(HOUR);
    let asked_at = |second: i64| asks(&world.state, &world.plan, Timestamp::seconds(START + second)).len();
    assert_eq!([asked_at(HOUR - 30), asked_at(HOUR), asked_at(HOUR + 30)], [0, 0, 1]);
}

#[test]
fn what_a_daemon_scraped_is_asked_for_at_once_however_long_it_was_away() {
    let mut world = World::new();
    world.run(HOUR);
    world.plan.pace.is_scraping = true;
    let now = Timestamp::seconds(START + 3 * HOUR);
    let asked: Vec<Timestamp> = asks(&world.state, &world.plan, now).iter().map(|ask| ask.until).collect();
    assert_eq!(asked, [now]);
}

#[test]
fn a_silent_service_has_no_data_though_the_source_answers() {
    let mut world = World::new();
    world.silences = vec![(DAY, DAY + 2 * HOUR)];
    world.run(DAY + 300);
    assert_eq!(world.standing().state, Word::Ok, "its last sample is five minutes old");
    world.run(DAY + 570);
    assert_eq!(world.standing().state, Word::Ok);
    world.run(DAY + 600);
    assert_eq!(world.standing().state, Word::NoData);
    world.run(DAY + 3 * HOUR);
    let after = world.standing();
    assert_eq!(after.state, Word::Ok);
    // What was counted over the gap is counted; the gap itself stays unmeasured.
    assert_eq!(after.since_opened.map(|tally| tally.total()), Some(100.0 * (world.now - 30) as f64));
    let counted = after.counted.expect("counted");
    assert_eq!((counted.to.since(counted.from) - counted.measured).as_seconds(), (2 * HOUR - 300 + 15) as f64);
}

#[test]
fn before_anything_is_measured_nothing_is_known_and_without_requests_nothing_is_consumed() {
    let mut world = World::new();
    world.run(30);
    assert_eq!(world.standing().state, Word::NoTraffic);
    assert_eq!(world.standing().sli(), None);
    assert_eq!(world.standing().consumed(), None);
    assert_eq!(world.standing().exhaustion, Exhaustion::Unknown);
    world.run(60);
    assert_eq!(world.standing().state, Word::Ok);
    assert_eq!(world.standing().consumed(), Some(0.0));
}

#[test]
fn an_outage_consumes_its_share_of_the_window_and_leaves_it_with_the_window() {
    let mut world = World::with_window("1d");
    world.outages = vec![(10 * HOUR, 10 * HOUR + 120)];
    world.run(DAY + 30);
    let standing = world.standing();
    // A day's budget at 99.9 % is 86.4 s.
    let consumed = standing.consumed().expect("counted");
    assert!((consumed - 120.0 / 86.4).abs() < 1e-9, "{consumed}");
    assert_eq!(standing.state, Word::Exhausted);
    assert_eq!(standing.exhaustion, Exhaustion::Now);
    // Its end lies at the window's edge half an hour later at the latest: that is how far apart old rows are.
    world.run(DAY + 10 * HOUR + 120 + 30 * 60);
    assert_eq!(world.standing().consumed(), Some(0.0));
}

#[test]
fn a_fresh_slo_says_how_little_it_knows() {
    let mut world = World::new();
    world.run(HOUR);
    let standing = world.standing();
    assert!(standing.is_partial());
    let coverage = standing.coverage.get();
    assert!((coverage - (HOUR - 30) as f64 / (30 * DAY) as f64).abs() < 1e-9, "{coverage}");
    let known: Vec<String> =
        standing.burns.iter().filter(|(_, burn)| burn.is_some()).map(|(window, _)| window.to_string()).collect();
    assert_eq!(known, ["5m", "30m", "1h", "6h", "1d", "3d"], "of 2h less than half was measured");
}
