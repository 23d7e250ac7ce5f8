//! A declared and checked SLO.

use std::fmt;

use crate::budget::Severity;
use crate::promql::{Expression, Selector};
use crate::slos::Unit;
use crate::units::{Labels, Objective, Place, Ratio, SloId, Span, Window};

/// What people declared, checked: everything later stages need of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Slo {
    pub id: SloId,
    /// Where its name stands.
    pub place: Place,
    pub description: String,
    /// Who is told by default.
    pub owner: Option<String>,
    /// Put on every exported series, rule and notice.
    pub labels: Labels,
    pub window: Window,
    pub objective: Objective,
    pub sli: Sli,
    pub alerting: Alerting,
    /// Shares of the budget whose consumption is told, ascending.
    pub notify_at: Vec<Ratio>,
}

/// What is counted.
#[derive(Debug, Clone, PartialEq)]
pub enum Sli {
    /// Counters of events.
    Events(Counted<Selector>),
    /// Expressions that each tell how many events there were in `$window`, asked once for each slice of `every`.
    Expressions { of: Counted<Expression>, every: Span },
    /// Observations of a histogram at or under a threshold, in the metric's own unit, where that is known.
    Latency { histogram: Selector, under: f64, unit: Option<Unit> },
    /// A 0/1 gauge: each slice of `every` is an event, good when every sample in it is 1.
    Up { gauge: Selector, every: Span },
    /// An expression: each series of its result at the end of a slice is an event, good within the bound.
    Value { value: Expression, bound: Bound, every: Span },
    /// One of burnwatch's own readings, which need no source; else as [`Sli::Value`].
    Own { value: Selector, bound: Bound, every: Span },
}

impl Sli {
    /// The histogram that it reads.
    pub fn histogram(&self) -> Option<&Selector> {
        match self {
            Sli::Latency { histogram, .. } => Some(histogram),
            Sli::Events(_) | Sli::Expressions { .. } | Sli::Up { .. } | Sli::Value { .. } | Sli::Own { .. } => None,
        }
    }

    /// What its histogram observed, in seconds; `None` where it has none, or one that is not known to observe times.
    pub fn seconds(&self, observed: f64) -> Option<f64> {
        match self {
            Sli::Latency { unit, .. } => (*unit)?.seconds(observed),
            Sli::Events(_) | Sli::Expressions { .. } | Sli::Up { .. } | Sli::Value { .. } | Sli::Own { .. } => None,
        }
    }

    /// The threshold of its histogram, in seconds; `None` as for [`Sli::seconds`].
    pub fn threshold_in_seconds(&self) -> Option<f64> {
        match self {
            Sli::Latency { under, .. } => self.seconds(*under),
            Sli::Events(_) | Sli::Expressions { .. } | Sli::Up { .. } | Sli::Value { .. } | Sli::Own { .. } => None,
        }
    }

    /// How it is counted, in one word.
    pub fn kind(&self) -> &'static str {
        match self {
            Sli::Events(_) => "events",
            Sli::Expressions { .. } => "expressions",
            Sli::Latency { .. } => "latency",
            Sli::Up { .. } => "gauge",
            Sli::Value { .. } => "value",
            Sli::Own { .. } => "own",
        }
    }

    /// What is counted, in normal form: two SLIs with one fingerprint count the same, whatever was written.
    pub fn fingerprint(&self) -> String {
        let kind = self.kind();
        match self {
            Sli::Events(of) => format!("{kind} {of}"),
            Sli::Expressions { of, every } => format!("{kind} {of} every={every}"),
            Sli::Latency { histogram, under, .. } => format!("{kind} histogram={histogram} under={under}"),
            Sli::Up { gauge, every } => format!("{kind} up={gauge} every={every}"),
            Sli::Value { value, bound, every } => format!("{kind} value={value} {bound} every={every}"),
            Sli::Own { value, bound, every } => format!("{kind} value={value} {bound} every={every}"),
        }
    }
}

/// Two of good, bad and total: which two, and what each is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted<T> {
    BadOfTotal { bad: T, total: T },
    GoodOfTotal { good: T, total: T },
    GoodAndBad { good: T, bad: T },
}

impl<T> Counted<T> {
    /// Both sides by their keys, in the order in which they are counted: the total first, where one is written.
    pub fn sides(&self) -> [(&'static str, &T); 2] {
        match self {
            Counted::BadOfTotal { bad, total } => [("total", total), ("bad", bad)],
            Counted::GoodOfTotal { good, total } => [("total", total), ("good", good)],
            Counted::GoodAndBad { good, bad } => [("good", good), ("bad", bad)],
        }
    }
}

impl<T: fmt::Display> fmt::Display for Counted<T> {
    /// As it is written: `bad=x total=y`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Counted::BadOfTotal { bad, total } => write!(f, "bad={bad} total={total}"),
            Counted::GoodOfTotal { good, total } => write!(f, "good={good} total={total}"),
            Counted::GoodAndBad { good, bad } => write!(f, "good={good} bad={bad}"),
        }
    }
}

/// Which values are good, in the unit of the value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    Under(f64),
    Over(f64),
}

impl Bound {
    /// Whether `value` is good. One that is just at the bound is not, and neither is NaN.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Bound::Under(bound) => value < bound,
            Bound::Over(bound) => value > bound,
        }
    }
}

impl fmt::Display for Bound {
    /// As it is written: `under=100`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Bound::Under(bound) => write!(f, "under={bound}"),
            Bound::Over(bound) => write!(f, "over={bound}"),
        }
    }
}

/// How its burn is alerted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Alerting {
    pub page: Tone,
    pub ticket: Tone,
    /// No alert while the long window holds fewer events.
    pub min_events: u64,
    pub runbook: Option<String>,
}

impl Alerting {
    pub fn tone(&self, severity: Severity) -> &Tone {
        match severity {
            Severity::Page => &self.page,
            Severity::Ticket => &self.ticket,
        }
    }
}

/// Whether alerts of one severity are raised, and what they carry.
#[derive(Debug, Clone, PartialEq)]
pub enum Tone {
    Off,
    On { labels: Labels, annotations: Labels },
}

impl Default for Tone {
    fn default() -> Tone {
        Tone::On { labels: Labels::default(), annotations: Labels::default() }
    }
}
