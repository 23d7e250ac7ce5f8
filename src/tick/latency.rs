//! The latencies that were observed over the last hour, from histograms that are read whole every few minutes. They are
//! not kept: after a restart they cover what was read since. Never knows how histograms are asked for.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::plan::{Distribution, Plan, Reader, Series, SeriesId};
use crate::promql::Selector;
use crate::slos::Slo;
use crate::tick::buckets::{Buckets, histograms};
use crate::units::{Labels, Ratio, SloId, Span, Timestamp};

/// So far back observations count; and a histogram that was not seen for longer is new when it comes back.
const COVERED: Span = Span::hours(1);

/// Histograms are read at least so often: then one reading may fail, and the next still makes up for it.
pub const SELDOM: Span = Span::minutes(30);

/// Observations leave together that came within one of these: twelve make up the hour, however often histograms are
/// read.
const SLOT: Span = Span::minutes(5);

/// The shares of observations whose latencies are told.
const PERCENTILES: [(&str, f64); 5] = [("50", 0.5), ("90", 0.9), ("95", 0.95), ("99", 0.99), ("99.9", 0.999)];

/// Within how many seconds shares of the last hour's observations lay.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency {
    /// By percentile: `50`, `90`, `95`, `99`, `99.9`.
    pub percentiles: Vec<(&'static str, f64)>,
    /// Of the share that the objective asks for: to be compared with the threshold.
    pub at_objective: f64,
}

/// A distribution of the plan, to be read as it is at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    pub distribution: usize,
    pub at: Timestamp,
}

/// What was read; `None` where the source did not answer: the next reading makes up for it.
#[derive(Debug)]
pub struct Answer {
    pub ask: Ask,
    pub series: Option<Vec<Series>>,
}

/// What was read of all histograms, and what came of it.
#[derive(Debug, Default)]
pub struct Latencies {
    /// By the selector of a distribution.
    read: HashMap<Selector, Read>,
    observed: HashMap<SloId, Observed>,
}

/// How one distribution was last seen.
#[derive(Debug, Default)]
struct Read {
    /// The last instant it was asked for.
    asked: Option<Timestamp>,
    lasts: HashMap<SeriesId, (Timestamp, Buckets)>,
}

/// What one SLO's histograms observed.
#[derive(Debug)]
struct Observed {
    /// What it reads: another one's observations are others.
    selector: Selector,
    /// By the end of each slot.
    slots: BTreeMap<Timestamp, Buckets>,
    latency: Option<Latency>,
}

impl Latencies {
    /// The latency of an SLO's last hour; `None` where nothing was observed, or its histograms measure no time.
    pub fn of(&self, slo: &SloId) -> Option<Latency> {
        self.observed.get(slo)?.latency.clone()
    }

    /// What has to be read at `now`: all that was not asked for since the grid's last instant.
    pub fn asks(&self, plan: &Plan, now: Timestamp) -> Vec<Ask> {
        let Some(every) = plan.pace.latency_quantiles else { return Vec::new() };
        let at = now.on_grid(every);
        let asked = |distribution: &Distribution| self.read.get(&distribution.selector)?.asked;
        let due = plan.distributions.iter().enumerate();
        let due = due.filter(|(_, distribution)| asked(distribution).is_none_or(|asked| asked < at));
        due.map(|(distribution, _)| Ask { distribution, at }).collect()
    }

    /// Adds what was read since the last time, and forgets what is older than an hour.
    pub fn book(&mut self, plan: &Plan, answers: Vec<Answer>, now: Timestamp) {
        let mut changed = self.forget(now);
        for Answer { ask: Ask { distribution, at }, series } in answers {
            let Distribution { selector, readers } = &plan.distributions[distribution];
            let read = self.read.entry(selector.clone()).or_default();
            read.asked = Some(at);
            let Some(series) = series else { continue };
            let gained = read.gained(&series, at);
            for reader in readers {
                let id = &plan.slos[reader.slo].slo.id;
                self.observed.entry(id.clone()).or_insert_with(|| Observed::new(reader)).add(&gained, reader, at);
                changed.insert(id.clone());
            }
        }
        for slo in plan.slos.iter().map(|planned| &planned.slo).filter(|slo| changed.contains(&slo.id)) {
            if let Some(observed) = self.observed.get_mut(&slo.id) {
                observed.latency = observed.latency(slo);
            }
        }
    }

    /// Takes up a new plan: what it does not read any more is forgotten.
    pub fn adopt(&mut self, plan: &Plan) {
        let selectors: HashSet<&Selector> = plan.distributions.iter().map(|read| &read.selector).collect();
        self.read.retain(|selector, _| selectors.contains(selector));
        let readers = plan.distributions.iter().flat_map(|distribution| &distribution.readers);
        let read: HashMap<&SloId, &Selector> =
            readers.map(|reader| (&plan.slos[reader.slo].slo.id, &reader.selector)).collect();
        self.observed.retain(|id, observed| read.get(id) == Some(&&observed.selector));
        let slos = plan.slos.iter().map(|planned| &planned.slo);
        slos.for_each(|slo| _ = self.observed.get_mut(&slo.id).map(|seen| seen.latency = seen.latency(slo)));
    }

    /// The SLOs of which observations were forgotten.
    fn forget(&mut self, now: Timestamp) -> HashSet<SloId> {
        for read in self.read.values_mut() {
            read.lasts.retain(|_, (at, _)| now.since(*at) <= COVERED);
        }
        let mut changed = HashSet::new();
        for (id, observed) in &mut self.observed {
            let before = observed.slots.len();
            observed.slots.retain(|end, _| now.since(*end) < COVERED);
            if observed.slots.len() < before {
                changed.insert(id.clone());
            }
        }
        changed
    }
}

impl Read {
    /// What each histogram observed since it was last seen; one that is seen for the first time is where that begins.
    fn gained<'a>(&mut self, series: &'a [Series], at: Timestamp) -> Vec<(&'a Labels, Buckets)> {
        let mut gained = Vec::new();
        for (id, labels, buckets) in histograms(series) {
            if let Some((_, last)) = self.lasts.get(&id) {
                let Some(since) = buckets.since(last) else { continue };
                gained.push((labels, since));
            }
            self.lasts.insert(id, (at, buckets));
        }
        gained
    }
}

impl Observed {
    fn new(reader: &Reader) -> Observed {
        Observed { selector: reader.selector.clone(), slots: BTreeMap::new(), latency: None }
    }

    fn add(&mut self, gained: &[(&Labels, Buckets)], reader: &Reader, at: Timestamp) {
        let end = if at.on_grid(SLOT) == at { at } else { at.on_grid(SLOT) + SLOT };
        let slot = self.slots.entry(end).or_default();
        let own = gained.iter().filter(|(labels, _)| reader.series.admits(labels));
        own.for_each(|(_, buckets)| slot.add(buckets));
    }

    fn latency(&self, slo: &Slo) -> Option<Latency> {
        let mut hour = Buckets::default();
        self.slots.values().for_each(|slot| hour.add(slot));
        let spread = hour.spread()?;
        let seconds = |share: f64| slo.sli.seconds(spread.quantile(Ratio::held(share)));
        let percentiles = PERCENTILES.into_iter().map(|(name, share)| Some((name, seconds(share)?)));
        Some(Latency {
            percentiles: percentiles.collect::<Option<_>>()?,
            at_objective: seconds(slo.objective.ratio())?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use super::*;
    use crate::plan::{Facts, Pace, Sample, plan};
    use crate::slos;

    const SLOS: [&str; 2] = [
        "{ name: all, objective: 75%, sli: { histogram: x_seconds, under: 1s } }",
        "{ name: shop, objective: 90%, sli: { histogram: 'x_seconds{job=\"shop\"}', under: 1s } }",
    ];

    fn planned(slos: &[&str], every: Option<Span>) -> Plan {
        let slos: String = slos.iter().map(|slo| format!("  - {slo}\n")).collect();
        let (slos, problems) = slos::read("f", &format!("service: s\nslos:\n{slos}"));
        assert_eq!(problems, []);
        let pace = Pace { latency_quantiles: every, ..Pace::DEFAULT };
        plan(slos.into_iter().map(Arc::new).collect(), &Facts::default(), pace).0
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::seconds(1_700_000_100) + Span::minutes(minute)
    }

    /// A histogram of a job: how many took up to 1 s, up to 2 s, and longer.
    fn histogram(job: &str, counts: [u32; 3]) -> Vec<Series> {
        let mut count = 0;
        let bucket = |(le, more): (&str, u32)| {
            count += more;
            let labels = Labels::new([("job", job), ("le", le)]);
            Series::new(labels, vec![Sample { at: at(0), value: f64::from(count) }])
        };
        ["1", "2", "+Inf"].into_iter().zip(counts).map(bucket).collect()
    }

    struct World {
        plan: Plan,
        latencies: Latencies,
    }

    impl World {
        fn new(slos: &[&str]) -> World {
            World { plan: planned(slos, Pace::DEFAULT.latency_quantiles), latencies: Latencies::default() }
        }

        /// A tick at which everything that is due is answered so.
        fn read(&mut self, minute: i64, series: Option<Vec<Series>>) -> &mut World {
            let asks = self.latencies.asks(&self.plan, at(minute)).into_iter();
            let answers = asks.map(|ask| Answer { ask, series: series.clone() }).collect();
            self.latencies.book(&self.plan, answers, at(minute));
            self
        }

        fn asked(&self, minute: i64) -> Vec<Timestamp> {
            self.latencies.asks(&self.plan, at(minute)).into_iter().map(|ask| ask.at).collect()
        }

        /// The median and what the objective asks for.
        fn known(&self, slo: &str) -> Option<(f64, f64)> {
            let latency = self.latencies.of(&SloId::new("s", slo))?;
            assert_eq!(latency.percentiles[0].0, "50");
            Some((latency.percentiles[0].1, latency.at_objective))
        }
    }

    #[test]
    fn one_question_reads_every_bucket_for_all_slos_of_a_histogram() {
        let selectors = |plan: &Plan| -> Vec<String> {
            plan.distributions.iter().map(|distribution| distribution.selector.to_string()).collect()
        };
        assert_eq!(selectors(&planned(&SLOS, Some(Span::minutes(5)))), ["x_seconds_bucket"]);
        assert_eq!(selectors(&planned(&SLOS, None)), [""; 0]);
        let sizes = "{ name: sizes, objective: 75%, sli: { histogram: x_bytes, under: 1KiB } }";
        let unknown = "{ name: unknown, objective: 75%, sli: { histogram: x, under: 1 } }";
        assert_eq!(selectors(&planned(&[sizes, unknown], Some(Span::minutes(5)))), [""; 0], "no durations");
    }

    #[test]
    fn histograms_are_read_once_at_each_instant_of_the_grid() {
        let mut world = World::new(&SLOS);
        assert_eq!(world.asked(2), [at(0)], "at the start, as of the grid's last instant");
        world.read(2, Some(Vec::new()));
        assert_eq!(world.asked(4), []);
        assert_eq!(world.asked(5), [at(5)]);
        world.read(5, None);
        assert_eq!(world.asked(6), [], "what was not answered is skipped");
        assert_eq!(world.asked(21), [at(20)], "instants that were missed are too");
    }

    #[test]
    fn what_came_between_two_readings_is_told_and_what_was_there_before_is_not() {
        let mut world = World::new(&SLOS);
        world.read(0, Some(histogram("shop", [1_000, 0, 0])));
        assert_eq!(world.known("all"), None);
        world.read(5, Some(histogram("shop", [1_050, 50, 0])));
        assert_eq!(world.known("all"), Some((1.0, 1.5)));
        assert_eq!(world.known("shop"), Some((1.0, 1.8)));
    }

    #[test]
    fn each_slo_is_told_of_its_own_series() {
        let mut world = World::new(&SLOS);
        let both = |shop, cart| Some([histogram("shop", shop), histogram("cart", cart)].concat());
        world.read(0, both([0, 0, 0], [0, 0, 0]));
        world.read(5, both([0, 100, 0], [300, 0, 0]));
        assert_eq!(world.known("shop"), Some((1.5, 1.9)));
        assert_eq!(world.known("all"), Some((2.0 / 3.0, 1.0)));
    }

    #[test]
    fn a_reading_that_failed_is_made_up_for_by_the_next() {
        let mut world = World::new(&SLOS);
        world.read(0, Some(histogram("shop", [0, 0, 0]))).read(5, None);
        assert_eq!(world.known("all"), None);
        world.read(10, Some(histogram("shop", [0, 100, 0])));
        assert_eq!(world.known("all"), Some((1.5, 1.75)));
    }

    #[test]
    fn after_a_reset_what_is_there_counts() {
        let mut world = World::new(&SLOS);
        world.read(0, Some(histogram("shop", [500, 500, 500]))).read(5, Some(histogram("shop", [0, 100, 0])));
        assert_eq!(world.known("all"), Some((1.5, 1.75)));
    }

    #[test]
    fn what_is_an_hour_old_is_forgotten() {
        let mut world = World::new(&SLOS);
        world.read(0, Some(histogram("shop", [0, 0, 0])));
        world.read(5, Some(histogram("shop", [0, 100, 0])));
        for minute in (10..=60).step_by(5) {
            world.read(minute, Some(histogram("shop", [100, 100, 0])));
        }
        assert_eq!(world.known("all"), Some((1.0, 1.5)), "of both");
        world.read(65, Some(histogram("shop", [100, 100, 0])));
        assert_eq!(world.known("all"), Some((0.5, 0.75)), "of the second alone");
        world.read(70, Some(histogram("shop", [100, 100, 0])));
        assert_eq!(world.known("all"), None);
    }

    #[test]
    fn however_seldom_histograms_may_be_read_one_reading_may_fail() {
        let mut world = World::new(&SLOS);
        world.plan = planned(&SLOS, Some(SELDOM));
        // The half hours are 15, 45 and 75 minutes after the start.
        world.read(15, Some(histogram("shop", [0, 0, 0]))).read(45, None);
        world.read(75, Some(histogram("shop", [0, 100, 0])));
        assert_eq!(world.known("all"), Some((1.5, 1.75)));
    }

    #[test]
    fn a_source_that_is_down_for_an_hour_leaves_nothing_known_and_nothing_to_compare_with() {
        let mut world = World::new(&SLOS);
        world.read(0, Some(histogram("shop", [0, 0, 0]))).read(5, Some(histogram("shop", [100, 0, 0])));
        world.read(64, None);
        assert!(world.known("all").is_some());
        world.read(65, None);
        assert_eq!(world.known("all"), None);
        world.read(70, Some(histogram("shop", [100, 900, 0])));
        assert_eq!(world.known("all"), None, "that was not within an hour");
        world.read(75, Some(histogram("shop", [100, 1_000, 0])));
        assert_eq!(world.known("all"), Some((1.5, 1.75)));
    }

    #[test]
    fn however_often_histograms_are_read_twelve_slots_make_up_the_hour() {
        let mut world = World::new(&SLOS);
        world.plan.pace.latency_quantiles = Some(Span::seconds(20));
        let second = |tick: u32| at(0) + Span::seconds(20) * i64::from(tick);
        for tick in 0..=540 {
            let ask = Ask { distribution: 0, at: second(tick) };
            let answer = Answer { ask, series: Some(histogram("shop", [tick, 0, 0])) };
            world.latencies.book(&world.plan, vec![answer], second(tick));
        }
        let slots = &world.latencies.observed[&SloId::new("s", "all")].slots;
        let counts: Vec<f64> = slots.values().map(Buckets::count).collect();
        assert_eq!(counts, [15.0; 12]);
    }

    #[test]
    fn a_new_plan_keeps_what_is_read_as_before_and_forgets_the_rest() {
        let mut world = World::new(&SLOS);
        world.read(0, Some(histogram("shop", [0, 0, 0]))).read(5, Some(histogram("shop", [0, 100, 0])));
        let objective = SLOS[0].replace("75%", "99%");
        let other = SLOS[1].replace("\"shop\"", "\"cart\"");
        world.plan = planned(&[&objective, &other], Some(Span::minutes(5)));
        world.latencies.adopt(&world.plan);
        assert_eq!(world.known("all"), Some((1.5, 1.99)), "by its new objective");
        assert_eq!(world.known("shop"), None);
        assert_eq!(world.asked(6), [], "what was read is not read again");
        world.read(10, Some(histogram("cart", [10, 0, 0]))).read(15, Some(histogram("cart", [20, 0, 0])));
        assert_eq!(world.known("shop"), Some((0.5, 0.9)));
        world.plan = planned(&[&objective], None);
        world.latencies.adopt(&world.plan);
        assert_eq!(world.known("all"), None);
    }

    #[test]
    fn latencies_are_seconds_whatever_the_histogram_counts_in() {
        let slo = "{ name: all, objective: 75%, sli: { histogram: x, unit: ms, under: 1 } }";
        let mut world = World::new(&[slo]);
        world.read(0, Some(histogram("shop", [0, 0, 0]))).read(5, Some(histogram("shop", [0, 100, 0])));
        assert_eq!(world.known("all"), Some((0.0015, 0.00175)));
    }
}
