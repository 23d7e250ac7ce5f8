//! What targets exposed in the last minutes, held in memory for the questions of a tick: what Prometheus would answer to
//! `selector[range]`. Pure. Never knows an SLO, a target's address, nor which samples were counted.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::io::scrape::Exposed;
use crate::plan::{Sample, Series, SeriesId};
use crate::promql::Narrowing;
use crate::promql::names::NAME_LABEL;
use crate::units::{Labels, Timestamp};

/// How much is held of all targets.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A scrape that would bring more is refused: each has labels, some hundred bytes.
    pub series: usize,
    /// Of more the oldest go, 16 bytes each.
    pub samples: usize,
}

impl Limits {
    pub const DEFAULT: Limits = Limits { series: 300_000, samples: 10_000_000 };
}

/// The series of a scrape would be more than may be held; none of them is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// The samples of the last minutes, by metric and series.
#[derive(Debug)]
pub struct Recent {
    limits: Limits,
    metrics: HashMap<Box<str>, HashMap<Labels, Held>>,
    /// How many samples are held, by when they were read.
    samples: BTreeMap<Timestamp, usize>,
}

/// The samples of one series, oldest first. Invariant: there is one.
#[derive(Debug)]
struct Held {
    id: SeriesId,
    target: Option<SeriesId>,
    born: Option<Timestamp>,
    samples: VecDeque<Sample>,
}

impl Recent {
    pub fn within(limits: Limits) -> Recent {
        Recent { limits, metrics: HashMap::new(), samples: BTreeMap::new() }
    }

    /// Takes what was read at one moment. Of a series that was read then or later already (the clock was set back),
    /// nothing is taken: its samples must ascend.
    pub fn add(&mut self, at: Timestamp, exposed: Vec<Exposed>) -> Result<(), Full> {
        let is_new = |exposed: &&Exposed| {
            let series = self.metrics.get(exposed.labels.get(NAME_LABEL));
            !series.is_some_and(|series| series.contains_key(&exposed.labels))
        };
        let new = exposed.iter().filter(is_new).count();
        if new > 0 && self.series() + new > self.limits.series {
            return Err(Full);
        }
        for Exposed { labels, value, created } in exposed {
            let series = self.metrics.entry(labels.get(NAME_LABEL).into()).or_default();
            let held = series.entry(labels).or_insert_with_key(|labels| {
                let (id, target) = (SeriesId::of(labels), SeriesId::of_target(labels));
                Held { id, target, born: None, samples: VecDeque::new() }
            });
            if held.samples.back().is_none_or(|last| last.at < at) {
                held.born = created;
                held.samples.push_back(Sample { at, value });
                *self.samples.entry(at).or_default() += 1;
            }
        }
        self.bound();
        Ok(())
    }

    /// The series of a metric that `narrowing` admits, with their samples after `from` up to and with `until`; those
    /// that have any.
    pub fn select(&self, metric: &str, narrowing: &Narrowing, from: Timestamp, until: Timestamp) -> Vec<Series> {
        let series = self.matching(metric, narrowing).filter_map(|(labels, held)| {
            let within = held.samples.iter().filter(|sample| from < sample.at && sample.at <= until);
            let samples: Vec<Sample> = within.copied().collect();
            let (&Held { id, target, born, .. }, histograms) = (held, Vec::new());
            (!samples.is_empty()).then(|| Series { id, target, labels: labels.clone(), samples, histograms, born })
        });
        series.collect()
    }

    /// The labels of every series of a metric that `narrowing` admits.
    pub fn labels(&self, metric: &str, narrowing: &Narrowing) -> impl Iterator<Item = &Labels> {
        self.matching(metric, narrowing).map(|(labels, _)| labels)
    }

    /// Forgets the samples from before a moment, and the series that have no others.
    pub fn forget(&mut self, before: Timestamp) {
        if self.samples.first_key_value().is_none_or(|(oldest, _)| *oldest >= before) {
            return;
        }
        self.samples = self.samples.split_off(&before);
        for series in self.metrics.values_mut() {
            series.retain(|_, held| {
                let old = held.samples.partition_point(|sample| sample.at < before);
                held.samples.drain(..old);
                !held.samples.is_empty()
            });
        }
        self.metrics.retain(|_, series| !series.is_empty());
    }

    /// Lets the oldest samples go that are too many.
    fn bound(&mut self) {
        let mut held: usize = self.samples.values().sum();
        let mut older = self.samples.iter();
        let mut before = None;
        while held > self.limits.samples
            && let Some((at, count)) = older.next()
        {
            held -= count;
            before = Some(Timestamp::millis(at.as_millis() + 1));
        }
        before.into_iter().for_each(|before| self.forget(before));
    }

    fn series(&self) -> usize {
        self.metrics.values().map(HashMap::len).sum()
    }

    fn matching(&self, metric: &str, narrowing: &Narrowing) -> impl Iterator<Item = (&Labels, &Held)> {
        let series = self.metrics.get(metric).into_iter().flatten();
        series.filter(|(labels, _)| narrowing.admits(labels))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::promql::Selector;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::seconds(seconds)
    }

    /// `x code=500` as a target exposes it.
    fn exposed(series: &str, value: f64) -> Exposed {
        let (metric, labels) = series.split_once(' ').unwrap_or((series, ""));
        let labels = labels.split(',').filter_map(|pair| pair.split_once('='));
        Exposed { labels: Labels::new([(NAME_LABEL, metric)].into_iter().chain(labels)), value, created: None }
    }

    /// What each of these seconds brought: series and their values.
    fn recent(scrapes: &[(i64, &[(&str, f64)])]) -> Recent {
        let mut recent = Recent::within(Limits::DEFAULT);
        for (second, series) in scrapes {
            let exposed = series.iter().map(|(series, value)| exposed(series, *value));
            recent.add(at(*second), exposed.collect()).unwrap();
        }
        recent
    }

    #[track_caller]
    fn check(recent: &Recent, selector: &str, (from, until): (i64, i64), expected: &[(&str, &[(i64, f64)])]) {
        let selector = Selector::parse(selector).unwrap();
        let narrowing = Narrowing::new(selector.matchers()).unwrap();
        let mut found: Vec<(String, Vec<(i64, f64)>)> = recent
            .select(selector.metric(), &narrowing, at(from), at(until))
            .into_iter()
            .map(|series| {
                let samples = series.samples.iter().map(|sample| (sample.at.as_millis() / 1_000, sample.value));
                (series.labels.get("code").to_string(), samples.collect())
            })
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let expected: Vec<_> = expected.iter().map(|(code, samples)| (code.to_string(), samples.to_vec())).collect();
        assert_eq!(found, expected, "{selector} in ({from}, {until}]");
    }

    const SCRAPES: &[(i64, &[(&str, f64)])] = &[
        (10, &[("x code=200", 1.0), ("y", 7.0)]),
        (20, &[("x code=200", 2.0)]),
        (30, &[("x code=200", 3.0), ("x code=500", 1.0)]),
    ];

    #[test]
    fn answers_a_selector_with_the_samples_after_a_moment_up_to_another() {
        let recent = recent(SCRAPES);
        check(&recent, "x", (0, 30), &[("200", &[(10, 1.0), (20, 2.0), (30, 3.0)]), ("500", &[(30, 1.0)])]);
        check(&recent, "x", (10, 20), &[("200", &[(20, 2.0)])]);
        check(&recent, r#"x{code=~"5.."}"#, (0, 60), &[("500", &[(30, 1.0)])]);
        check(&recent, "y", (0, 30), &[("", &[(10, 7.0)])]);
        check(&recent, "z", (0, 30), &[]);
    }

    #[test]
    fn a_series_is_who_it_is_to_every_source_and_says_when_it_began() {
        let mut recent = recent(SCRAPES);
        let born = Exposed { created: Some(at(35)), ..exposed("x code=200", 9.0) };
        recent.add(at(40), vec![born]).unwrap();
        let series = &recent.select("x", &Narrowing::all(), at(30), at(40))[0];
        let same = Series::new(Labels::new([("code", "200")]), Vec::new());
        assert_eq!((series.id, series.born), (same.id, Some(at(35))));
    }

    #[test]
    fn forgets_what_is_older_and_the_series_that_ended_by_then() {
        let mut recent = recent(SCRAPES);
        recent.forget(at(20));
        check(&recent, "x", (0, 30), &[("200", &[(20, 2.0), (30, 3.0)]), ("500", &[(30, 1.0)])]);
        assert_eq!(recent.labels("y", &Narrowing::all()).count(), 0);
        recent.forget(at(31));
        assert_eq!((recent.series(), recent.samples.len(), recent.metrics.len()), (0, 0, 0));
    }

    #[test]
    fn holds_at_most_so_many_samples_and_lets_the_oldest_go() {
        let held = |samples: usize| {
            let mut recent = Recent::within(Limits { samples, ..Limits::DEFAULT });
            (1..=5).for_each(|second| recent.add(at(second), vec![exposed("x", 1.0), exposed("y", 1.0)]).unwrap());
            recent.select("x", &Narrowing::all(), at(0), at(5))[0].samples.len()
        };
        assert_eq!([held(10), held(9), held(8), held(2)], [5, 4, 4, 1]);
    }

    #[test]
    fn refuses_a_scrape_whose_series_are_too_many_and_goes_on_with_the_others() {
        let mut recent = Recent::within(Limits { series: 3, ..Limits::DEFAULT });
        recent.add(at(10), vec![exposed("x code=200", 1.0)]).unwrap();
        let flood = ["x code=301", "x code=302", "y"].map(|series| exposed(series, 1.0));
        assert_eq!(recent.add(at(20), flood.to_vec()), Err(Full));
        assert_eq!(recent.series(), 1);
        recent.add(at(20), flood[1..].to_vec()).unwrap();
        recent.add(at(30), vec![exposed("x code=200", 2.0)]).unwrap();
        check(&recent, "x", (20, 30), &[("200", &[(30, 2.0)])]);
    }

    #[test]
    fn a_clock_that_was_set_back_brings_nothing_until_it_is_where_it_was() {
        let mut recent = recent(SCRAPES);
        recent.add(at(15), vec![exposed("x code=200", 4.0)]).unwrap();
        recent.add(at(30), vec![exposed("x code=200", 5.0)]).unwrap();
        recent.add(at(31), vec![exposed("x code=200", 6.0)]).unwrap();
        check(&recent, r#"x{code="200"}"#, (0, 60), &[("200", &[(10, 1.0), (20, 2.0), (30, 3.0), (31, 6.0)])]);
    }
}
