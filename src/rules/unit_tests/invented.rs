//! Series that an SLI would read, and what each does while all is well, and while nothing is.

use crate::promql::expression::{Aggregator, Length, Node, Series, Variable};
use crate::promql::{self, Expression, Matcher, Narrowing, Op, Selector, names};
use crate::rules::Terms;
use crate::slos::{Bound, Counted, Sli, Slo};
use crate::units::Labels;

/// What a series does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Role {
    /// Counts good events.
    Good,
    /// Counts bad events.
    Bad,
    /// Counts both.
    All,
    /// Has a value while all is well, and another while nothing is.
    Level { well: f64, ill: f64 },
}

/// The series of one SLO, and what it reads of all series.
#[derive(Debug, Clone)]
pub struct Invented {
    pub series: Vec<(Selector, Role)>,
    reads: Vec<(Box<str>, Narrowing)>,
}

impl Invented {
    /// `None` where nothing is found that the SLI would surely read so.
    pub fn of(slo: &Slo, terms: &Terms) -> Option<Invented> {
        match &slo.sli {
            Sli::Events(of) => counters(of),
            Sli::Expressions { of, .. } => {
                let plain = |side: &Expression| increase(side.node());
                counters(&match of {
                    Counted::BadOfTotal { bad, total } => {
                        Counted::BadOfTotal { bad: plain(bad)?, total: plain(total)? }
                    }
                    Counted::GoodOfTotal { good, total } => {
                        Counted::GoodOfTotal { good: plain(good)?, total: plain(total)? }
                    }
                    Counted::GoodAndBad { good, bad } => Counted::GoodAndBad { good: plain(good)?, bad: plain(bad)? },
                })
            }
            Sli::Latency { histogram, .. } if terms.is_native(histogram) => None,
            Sli::Latency { histogram, under, .. } => {
                let buckets = histogram.with_metric(&names::bucket(histogram.metric()));
                let labels = promql::labels(buckets.matchers(), None)?;
                let bucket =
                    |bound: String| series(&buckets, &labels.overlaid(&Labels::new([(names::BOUND_LABEL, bound)])));
                let series = vec![(bucket("+Inf".into()), Role::All), (bucket(under.to_string()), Role::Good)];
                Invented::reading(series, [&buckets])
            }
            Sli::Up { gauge, .. } => level(gauge, Role::Level { well: 1.0, ill: 0.0 }),
            Sli::Value { value, bound, .. } => {
                let (well, ill) = match bound {
                    Bound::Under(bound) => (bound - 1.0, bound + 1.0),
                    Bound::Over(bound) => (bound + 1.0, bound - 1.0),
                };
                // Beyond 2^53 a step of one is none.
                (bound.holds(well) && !bound.holds(ill))
                    .then(|| level(&alone(value.node())?, Role::Level { well, ill }))?
            }
            Sli::Own { .. } => None,
        }
    }

    fn reading<'s>(series: Vec<(Selector, Role)>, reads: impl IntoIterator<Item = &'s Selector>) -> Option<Invented> {
        let narrowing = |selector: &Selector| Some((selector.metric().into(), Narrowing::new(selector.matchers())?));
        Some(Invented { series, reads: reads.into_iter().map(narrowing).collect::<Option<_>>()? })
    }

    /// Whether a series is a single gauge, which is well or ill and nothing between.
    pub fn is_level(&self) -> bool {
        self.series.iter().any(|(_, role)| matches!(role, Role::Level { .. }))
    }

    /// Whether one of these series would be read by the other.
    pub fn disturbs(&self, other: &Invented) -> bool {
        self.series.iter().any(|(series, _)| {
            let labels =
                Labels::new(series.matchers().iter().map(|matcher| (matcher.label.clone(), matcher.value.clone())));
            other.reads.iter().any(|(metric, narrowing)| **metric == *series.metric() && narrowing.admits(&labels))
        })
    }
}

/// Counters of two sides: where they are of one metric, one side's own events are no events of the other.
fn counters(of: &Counted<Selector>) -> Option<Invented> {
    let [(_, first), (_, second)] = of.sides();
    let is_one_metric = first.metric() == second.metric();
    let of_both =
        |both: &Selector| Some(series(first, &promql::labels(first.within(both.matchers()).matchers(), None)?));
    let of_one = |one: &Selector, other: &Selector| {
        let unwanted = is_one_metric.then(|| other.matchers());
        Some(series(one, &promql::labels(one.matchers(), unwanted)?))
    };
    let invented = match (of, is_one_metric) {
        (Counted::BadOfTotal { bad, total }, true) => {
            vec![(of_one(total, bad)?, Role::Good), (of_both(bad)?, Role::Bad)]
        }
        (Counted::BadOfTotal { bad, total }, false) => {
            vec![(of_one(total, bad)?, Role::All), (of_one(bad, total)?, Role::Bad)]
        }
        (Counted::GoodOfTotal { good, total }, true) => {
            vec![(of_both(good)?, Role::Good), (of_one(total, good)?, Role::Bad)]
        }
        (Counted::GoodOfTotal { good, total }, false) => {
            vec![(of_one(total, good)?, Role::All), (of_one(good, total)?, Role::Good)]
        }
        (Counted::GoodAndBad { good, bad }, _) => {
            vec![(of_one(good, bad)?, Role::Good), (of_one(bad, good)?, Role::Bad)]
        }
    };
    Invented::reading(invented, [first, second])
}

fn level(gauge: &Selector, role: Role) -> Option<Invented> {
    Invented::reading(vec![(series(gauge, &promql::labels(gauge.matchers(), None)?), role)], [gauge])
}

/// A series as the selector that names all its labels.
fn series(of: &Selector, labels: &Labels) -> Selector {
    Selector::new(of.metric(), labels.iter().map(|(label, value)| Matcher::new(label, Op::Equal, value)))
}

/// The selector in `sum(increase(selector[$window]))`: the expression that everybody writes.
fn increase(node: &Node) -> Option<Selector> {
    let Node::Aggregation { aggregator, parameter: None, of, .. } = node else { return None };
    let Node::Call { function, arguments } = &**of else { return None };
    let [Node::Range { of: Series::Of(selector), range: Length::Variable(Variable::Window), shift }] = &arguments[..]
    else {
        return None;
    };
    let is_sum = *aggregator == Aggregator::Sum && function.name == "increase" && *shift == Default::default();
    is_sum.then(|| selector.clone())
}

/// The selector of which a single series gives its own value: alone, or as the largest or smallest of all.
fn alone(node: &Node) -> Option<Selector> {
    match node {
        Node::Vector { of: Series::Of(selector), shift } if *shift == Default::default() => Some(selector.clone()),
        Node::Aggregation {
            aggregator: Aggregator::Max | Aggregator::Min | Aggregator::Sum | Aggregator::Avg,
            parameter: None,
            of,
            ..
        } => alone(of),
        _ => None,
    }
}
