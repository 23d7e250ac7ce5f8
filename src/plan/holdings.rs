//! What a source was found to hold of what SLOs read, and what it costs to read that at each tick.
//! Never knows how it was asked.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::plan::{Facts, Plan, Query, Question, Reading, Route, Series, buckets};
use crate::promql::{Selector, names};
use crate::slos::{Sli, Slo};
use crate::units::{SloId, Span};

/// What a source was found to hold when it was asked as a tick asks.
#[derive(Debug, Default)]
pub struct Holdings {
    pub facts: Facts,
    /// By query of the plan, what each thing it asks for brought; `None` where there was no answer.
    pub answers: Vec<Option<Vec<Vec<Series>>>>,
    /// How many series each selector has, as far as that was answered.
    pub counts: HashMap<Selector, usize>,
    /// The name of every metric.
    pub metrics: BTreeSet<String>,
    /// By metric and label, the values there are; only of those by which a metric was selected in vain.
    pub values: HashMap<(String, String), Vec<String>>,
    /// How long samples are kept, where that is known.
    pub retention: Option<Span>,
}

/// What is read at a tick: raw series and samples, and of expressions what they result in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    pub queries: usize,
    pub series: usize,
    pub samples: usize,
}

/// What is read for each SLO (of a query that it shares, its own part) and what is read in all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Costs {
    pub slos: Vec<(SloId, Cost)>,
    pub tick: Cost,
}

/// The selectors that an SLO reads, each under the key where it is written.
pub fn selectors(slo: &Slo, facts: &Facts) -> Vec<(&'static str, Selector)> {
    match &slo.sli {
        Sli::Events(of) => of.sides().map(|(key, selector)| (key, selector.clone())).to_vec(),
        Sli::Expressions { of, .. } => {
            let of_sides = of.sides().into_iter();
            of_sides.flat_map(|(key, side)| side.selectors().into_iter().map(move |selector| (key, selector))).collect()
        }
        Sli::Latency { histogram, .. } if facts.natives.contains(&histogram.to_string()) => {
            vec![("histogram", histogram.clone())]
        }
        Sli::Latency { histogram, .. } => vec![("histogram", buckets(histogram))],
        Sli::Up { gauge, .. } => vec![("up", gauge.clone())],
        Sli::Value { value, .. } => value.selectors().into_iter().map(|selector| ("value", selector)).collect(),
        Sli::Own { .. } => Vec::new(),
    }
}

/// What a tick costs, seen by one.
pub fn costs(plan: &Plan, found: &Holdings) -> Costs {
    let mut slos = vec![Cost::default(); plan.slos.len()];
    let mut tick = Cost::default();
    for (query, answer) in plan.queries.iter().zip(&found.answers) {
        tick.add(query.cost(answer.as_deref().unwrap_or_default(), |_| true));
        for (slo, routes) in by_slo(&query.routes) {
            let is_its = |series: &Series| routes.iter().any(|route| route.series.admits(&series.labels));
            slos[slo].add(query.cost(answer.as_deref().unwrap_or_default(), is_its));
        }
    }
    Costs { slos: plan.slos.iter().map(|planned| planned.slo.id.clone()).zip(slos).collect(), tick }
}

fn by_slo(routes: &[Route]) -> BTreeMap<usize, Vec<&Route>> {
    let mut by_slo: BTreeMap<usize, Vec<&Route>> = BTreeMap::new();
    for route in routes {
        by_slo.entry(route.slo).or_default().push(route);
    }
    by_slo
}

impl Cost {
    fn add(&mut self, other: Cost) {
        self.queries += other.queries;
        self.series += other.series;
        self.samples += other.samples;
    }
}

impl Query {
    fn cost(&self, answers: &[Vec<Series>], is_meant: impl Fn(&Series) -> bool) -> Cost {
        // Of a native histogram several series were made; only one of them is named so.
        let (queries, is_native) = match &self.question {
            Question::Raw { reading, .. } => (1, *reading == Reading::Native),
            Question::Points { asks, .. } => (asks.len(), false),
            Question::Own { .. } => (0, false),
        };
        let is_read = |series: &&Series| !is_native || series.labels.get(names::BOUND_LABEL) == "+Inf";
        let read: Vec<&Series> = answers.iter().flatten().filter(is_read).filter(|series| is_meant(series)).collect();
        Cost { queries, series: read.len(), samples: read.iter().map(|series| series.samples.len()).sum() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use super::*;
    use crate::plan::{Pace, Sample, plan};
    use crate::slos::read;
    use crate::units::{Labels, Timestamp};

    fn pace() -> Pace {
        Pace { max_series: 100, ..Pace::DEFAULT }
    }

    fn planned(slos: &str, facts: &Facts) -> Plan {
        let (slos, problems) = read("f", &format!("service: s\nslos:\n{slos}"));
        assert_eq!(problems, []);
        plan(slos.into_iter().map(Arc::new).collect(), facts, pace()).0
    }

    fn series(labels: &[(&str, &str)], samples: i64) -> Series {
        let sample = |index| Sample { at: Timestamp::seconds(index), value: 1.0 };
        Series::new(Labels::new(labels.iter().copied()), (0..samples).map(sample).collect())
    }

    fn cost(queries: usize, series: usize, samples: usize) -> Cost {
        Cost { queries, series, samples }
    }

    #[test]
    fn a_shared_query_costs_each_slo_its_part_and_the_tick_only_once() {
        let plan = planned(
            "  - { name: all, objective: 99%, sli: { bad: 'x_total{code=\"500\"}', total: x_total } }\n  \
             - { name: some, objective: 99%, sli: { bad: 'x_total{code=\"500\"}', total: 'x_total{code!=\"404\"}' } }\n",
            &Facts::default(),
        );
        let answer = ["200", "404", "500"].map(|code| series(&[("code", code)], 5)).to_vec();
        let costs = costs(&plan, &Holdings { answers: vec![Some(vec![answer])], ..Holdings::default() });
        let each: Vec<(String, Cost)> = costs.slos.into_iter().map(|(id, cost)| (id.to_string(), cost)).collect();
        assert_eq!(each, [("s/all".into(), cost(1, 3, 15)), ("s/some".into(), cost(1, 2, 10))]);
        assert_eq!(costs.tick, cost(1, 3, 15));
    }

    #[test]
    fn a_query_without_an_answer_costs_nothing_but_itself() {
        let plan = planned("  - { name: a, objective: 99%, sli: { up: up } }\n", &Facts::default());
        assert_eq!(costs(&plan, &Holdings { answers: vec![None], ..Holdings::default() }).tick, cost(1, 0, 0));
    }

    #[test]
    fn a_native_histogram_is_one_series() {
        let facts = Facts { natives: ["x_seconds".to_string()].into(), ..Facts::default() };
        let plan = planned("  - { name: a, objective: 99%, sli: { histogram: x_seconds, under: 200ms } }\n", &facts);
        let answer = ["0.2", "+Inf"].map(|le| series(&[("le", le)], 5)).to_vec();
        assert_eq!(
            costs(&plan, &Holdings { answers: vec![Some(vec![answer])], ..Holdings::default() }).tick,
            cost(1, 1, 5)
        );
    }
}
