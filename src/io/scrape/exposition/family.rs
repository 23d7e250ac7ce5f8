//! The family of metrics that a body is at, and when its series began, which OpenMetrics tells in lines of their own.
//! Never knows a value.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::io::scrape::exposition::line::Suffixes;
use crate::io::scrape::exposition::{Exposed, Format, Wanted};
use crate::plan::SeriesId;
use crate::promql::names::{BOUND_LABEL, NAME_LABEL};
use crate::units::{Labels, Timestamp};

/// What the name of a line ends with that tells when series began.
const CREATED_SUFFIX: &str = "_created";
/// The label that tells the quantiles of a summary apart.
const QUANTILE_LABEL: &str = "quantile";

#[derive(Default)]
pub struct Family<'t> {
    name: Cow<'t, str>,
    /// What its series end with that have a beginning; none where they have none.
    suffixes: Suffixes,
    /// The first series that may be one of it.
    first: usize,
    created: HashMap<SeriesId, Timestamp>,
}

impl<'t> Family<'t> {
    pub fn new(name: Cow<'t, str>, suffixes: Suffixes, format: Format) -> Family<'t> {
        let suffixes = if format == Format::OpenMetrics { suffixes } else { &[] };
        Family { name, suffixes, ..Family::default() }
    }

    pub fn beginning_at(self, first: usize) -> Family<'t> {
        Family { first, ..self }
    }

    /// Whether `metric` tells when series of this family began.
    pub fn is_created(&self, metric: &str) -> bool {
        !self.suffixes.is_empty() && metric.strip_suffix(CREATED_SUFFIX) == Some(&*self.name)
    }

    /// Whether any of its series that have a beginning is kept.
    pub fn is_wanted(&self, wanted: &Wanted) -> bool {
        self.suffixes.iter().any(|suffix| wanted.keeps(&format!("{}{suffix}", self.name)))
    }

    /// How many beginnings are noted.
    pub fn dates(&self) -> usize {
        self.created.len()
    }

    /// Notes that the series with these labels began so many `seconds` after 1970; what is no number says nothing.
    pub fn note(&mut self, labels: &Labels, seconds: f64) {
        if seconds.is_finite() {
            self.created.insert(kin(labels), Timestamp::millis((seconds * 1_000.0).round() as i64));
        }
    }

    /// Tells each series of this family when it began.
    pub fn date(&self, exposed: &mut [Exposed]) {
        if self.created.is_empty() {
            return;
        }
        for exposed in exposed.iter_mut().skip(self.first) {
            let suffix = exposed.labels.get(NAME_LABEL).strip_prefix(&*self.name);
            if suffix.is_some_and(|suffix| self.suffixes.contains(&suffix)) {
                exposed.created = self.created.get(&kin(&exposed.labels)).copied();
            }
        }
    }
}

/// What the buckets of one histogram, or the quantiles of one summary, have in common.
fn kin(labels: &Labels) -> SeriesId {
    SeriesId::of_pairs(labels.iter().filter(|(name, _)| ![BOUND_LABEL, QUANTILE_LABEL].contains(name)))
}
