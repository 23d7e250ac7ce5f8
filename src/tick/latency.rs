//! The latencies that were observed over the last hour, from histograms that are read whole every few minutes. They are
//! not kept: after a restart they cover what was read since. Never knows how histograms are asked for.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::plan::{Distribution, Plan, Reader, Series, SeriesId};
use crate::promql::Selector;
use crate::slos::Slo;
use crate::tick::buckets::{Buckets, histograms};
use crate::units::{Labels, Ratio, SloId, Span, Timestamp};

/// So far back observations count; and a histogram that was not seen for so long is new when it comes back.
pub const COVERED: Span = Span::hours(1);

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
            read.lasts.retain(|_, (at, _)| now.since(*at) < COVERED);
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
