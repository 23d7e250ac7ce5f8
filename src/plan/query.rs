//! A question to the source, and for whom its answer counts.

use crate::plan::SeriesId;
use crate::promql::{Narrowing, Selector};
use crate::slos::Bound;
use crate::units::{Labels, Span};

/// One question, and for whom its answer counts.
#[derive(Debug)]
pub struct Query {
    pub question: Question,
    pub routes: Vec<Route>,
}

/// What is asked.
#[derive(Debug)]
pub enum Question {
    /// Every raw sample of the series that `ask` selects, each read once: the selector, for classic histograms narrowed
    /// to the bounds that are needed.
    Raw { selector: Selector, reading: Reading, ask: String },
    /// The value of each expression at every grid point of `every`.
    Points { asks: Vec<String>, every: Span },
    /// The values of one of burnwatch's own readings at every grid point of `every`: no source is asked.
    Own { reading: Selector, every: Span },
}

/// How raw samples are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reading {
    /// As counters: what they gained.
    Counters,
    /// As buckets of classic histograms: counters that belong together by instance.
    Buckets,
    /// As native histograms, of which the buckets that are needed are made.
    Native,
    /// As a 0/1 gauge, judged slice by slice.
    Slices { every: Span },
}

/// For whom an answer counts: the SLO (by its place in the plan), the series meant, and what they are to it.
#[derive(Debug)]
pub struct Route {
    pub slo: usize,
    pub series: Narrowing,
    pub part: Part,
}

/// What an answer is to an SLO. The two sides of an account are, in order: total and bad, total and good, or good and
/// bad, as the SLI was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part {
    /// Increments of the first side.
    First,
    /// Increments of the second side.
    Second,
    /// The `+Inf` bucket is the first side (total), the bucket at `under` the second (good).
    Cut { under: f64 },
    /// Each slice is one event of the first side (total); a bad one counts in the second (bad) too.
    Slices,
    /// The first expression tells the first side, the second the second; `sum` where both together are the total.
    Both { sum: bool },
    /// Each value is one event of the first side (total); one outside the bound counts in the second (bad) too.
    Within(Bound),
}

impl Query {
    /// What this query is called where it is kept, and what tells it from others across restarts and reloads.
    pub fn key(&self) -> String {
        match &self.question {
            Question::Raw { selector, reading, .. } => key(selector, *reading),
            Question::Points { asks, every } => format!("points/{every} {}", asks.join("; ")),
            Question::Own { reading, every } => format!("own/{every} {reading}"),
        }
    }

    /// Whether its series are counters, whose first value counts when they are newborn.
    pub fn reads_counters(&self) -> bool {
        match &self.question {
            Question::Raw { reading: Reading::Counters | Reading::Buckets | Reading::Native, .. } => true,
            Question::Raw { reading: Reading::Slices { .. }, .. } | Question::Points { .. } | Question::Own { .. } => {
                false
            }
        }
    }

    /// Its selector, where narrower ones ride on it.
    pub fn carrier(&self) -> Option<&Selector> {
        let Question::Raw { selector, .. } = &self.question else { return None };
        self.routes.iter().any(|route| !route.series.is_all()).then_some(selector)
    }

    /// Whether burnwatch answers it itself.
    pub fn is_own(&self) -> bool {
        matches!(self.question, Question::Own { .. })
    }

    /// The thresholds that its routes cut histograms at.
    pub fn thresholds(&self) -> impl Iterator<Item = f64> {
        self.routes.iter().filter_map(|route| match route.part {
            Part::Cut { under } => Some(under),
            Part::First | Part::Second | Part::Slices | Part::Both { .. } | Part::Within(_) => None,
        })
    }
}

/// The name of a query for raw samples in the ledger; read back by [`read_key`].
pub fn key(selector: &Selector, reading: Reading) -> String {
    match reading {
        Reading::Counters => format!("counters {selector}"),
        Reading::Buckets => format!("buckets {selector}"),
        Reading::Native => format!("native {selector}"),
        Reading::Slices { every } => format!("slices/{every} {selector}"),
    }
}

/// The query for raw samples that a [`key`] names.
pub fn read_key(key: &str) -> Option<(Selector, Reading)> {
    let (reading, selector) = key.split_once(' ')?;
    let reading = match reading.split_once('/') {
        None if reading == "counters" => Reading::Counters,
        None if reading == "buckets" => Reading::Buckets,
        None if reading == "native" => Reading::Native,
        Some(("slices", every)) => Reading::Slices { every: every.parse().ok()? },
        _ => return None,
    };
    Some((Selector::parse(selector).ok()?, reading))
}

/// The process a series comes from, as Prometheus tells it. Invariant: neither is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    pub job: Box<str>,
    pub instance: Box<str>,
}

impl Target {
    pub fn of(labels: &Labels) -> Option<Target> {
        let (job, instance) = (labels.get("job"), labels.get("instance"));
        (!job.is_empty() && !instance.is_empty()).then(|| Target { job: job.into(), instance: instance.into() })
    }
}

/// A number for the histogram that a bucket belongs to: its labels without `le`.
pub fn histogram_id(labels: &Labels) -> SeriesId {
    SeriesId::of_pairs(labels.iter().filter(|(name, _)| *name != "le"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_as_the_query_it_names() {
        for text in [
            "counters http_requests_total{job=\"checkout\"}",
            "buckets x_bucket",
            "native x",
            "slices/1m up{job=\"a b\"}",
        ] {
            let (selector, reading) = read_key(text).expect(text);
            assert_eq!(key(&selector, reading), text);
        }
        assert_eq!(read_key("nonsense up"), None);
        assert_eq!(read_key("counters"), None);
        assert_eq!(read_key("points/5m sum(x)"), None);
    }
}
