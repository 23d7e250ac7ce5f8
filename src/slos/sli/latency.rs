//! Observations of a histogram at or under a threshold.

use crate::promql::{Matcher, Selector, names};
use crate::slos::Sli;
use crate::slos::sli::threshold::{Threshold, ThresholdError, Unit};
use crate::slos::sli::written::selector_of;
use crate::units::Problem;
use crate::yaml::{Fields, Node, Remedy};

pub fn sli(fields: &mut Fields) -> Option<Sli> {
    let histogram = Histogram::read(fields.require("histogram"), "histogram");
    let node = fields.require("under").take("under")?;
    let under = node.read("under", fields.problems);
    histogram?.sli(under?, node, fields.problems)
}

/// A histogram and what it observes in, as far as its name or the key `unit` tells.
pub struct Histogram {
    selector: Selector,
    unit: Option<Unit>,
}

impl Histogram {
    /// The histogram under `key`, with `unit` beside it.
    pub fn read(fields: &mut Fields, key: &'static str) -> Option<Histogram> {
        let place = fields.place_of(key);
        let selector = selector_of(fields, key);
        let said = fields.choice("unit", &Unit::WORDS);
        let (selector, place) = (selector?, place?);
        let name = selector.metric().strip_suffix(&names::bucket("")).unwrap_or(selector.metric());
        let told = Unit::of_metric(name);
        let faults = faults(&selector, name, told, said);
        fields.problems.extend(faults.into_iter().flatten().map(|problem| problem.at(place)));
        Some(Histogram { selector, unit: told.or(said) })
    }

    /// The counter of its observations.
    pub fn count(&self) -> Selector {
        self.selector.with_metric(&names::count(self.selector.metric()))
    }

    /// This histogram under more conditions.
    pub fn within<'m>(&self, matchers: impl IntoIterator<Item = &'m Matcher>) -> Histogram {
        Histogram { selector: self.selector.within(matchers), unit: self.unit }
    }

    /// What it counts at or under `threshold`, which stands at `node`.
    pub fn sli(self, threshold: Threshold, node: &Node, problems: &mut Vec<Problem>) -> Option<Sli> {
        let refused =
            |error: ThresholdError| Problem::error("under", error.to_string(), error.remedy()).at(&node.place);
        let under = threshold.within(self.unit).map_err(|error| problems.push(refused(error))).ok()?;
        Some(Sli::Latency { histogram: self.selector, under, unit: self.unit })
    }
}

/// What is wrong with a histogram called `name`, whose name has `told` its unit and whose SLO has `said` one.
fn faults(histogram: &Selector, name: &str, told: Option<Unit>, said: Option<Unit>) -> [Option<Problem>; 3] {
    let is_bucket = histogram.metric() != name;
    let is_narrowed = histogram.matchers().iter().any(|matcher| &*matcher.label == names::BOUND_LABEL);
    let is_other = told.zip(said).filter(|(told, said)| told != said);
    [
        is_bucket.then(|| {
            let what = format!("{} is only the buckets of the histogram", histogram.metric());
            Problem::error("histogram", what, format!("write {name}"))
        }),
        is_narrowed.then(|| {
            let remedy = "remove the matcher on le, for \"under\" names the bucket";
            Problem::error("histogram", "the histogram is narrowed to some of its buckets", remedy)
        }),
        is_other.map(|(told, said)| {
            let what = format!("\"unit\" says {said}, the histogram's name says {told}");
            Problem::error("unit", what, "remove \"unit\"")
        }),
    ]
}
