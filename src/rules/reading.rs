//! How the events of each kind of SLI are read in PromQL: all of them and the bad ones, a second.
//! Never knows an objective.

use crate::promql::{Expression, Kind, Matcher, Op, Selector, bound_pattern, names};
use crate::rules::Terms;
use crate::rules::timing::Timing;
use crate::slos::{Bound, Counted, Sli, Slo};
use crate::units::{SloId, Span};

/// The recorded series of one SLO. Only what names the SLO tells them from others: were its further labels on them, too,
/// one that changes would part the history in two, and every sum over it would fail until the older part is forgotten.
pub struct Recorded {
    any: Selector,
    /// They are asked for some hundred times.
    conditions: String,
}

impl Recorded {
    pub fn of(id: &SloId) -> Recorded {
        let matchers = id.labels().map(|(label, value)| Matcher::new(label, Op::Equal, value));
        let any = Selector::new(names::RECORDED_COVERAGE, matchers);
        Recorded { conditions: any.conditions(), any }
    }

    /// The selector of the one of a name.
    pub fn selector(&self, name: &str) -> Selector {
        self.any.with_metric(name)
    }

    /// The same as it is written; `name` is one of [`names`].
    pub fn series(&self, name: &str) -> String {
        [name, &self.conditions].concat()
    }
}

/// The expressions whose values are recorded as the rates of all events and of the bad ones; `None` where Prometheus
/// cannot read them.
///
/// Bad events that nobody exported yet are none, as long as there are others; a bucket that is not there is unknown.
/// `>= 0` holds for every number, and for NaN it does not: one would poison all later sums.
pub fn rates(slo: &Slo, recorded: &Recorded, timing: &Timing, over: Span, terms: &Terms) -> Option<[String; 2]> {
    let events = recorded.series(&names::recorded_events_rate(over));
    let rates = match &slo.sli {
        Sli::Events(of) => both(of, |selector| rate(selector, over), &events),
        Sli::Expressions { of, .. } => both(of, |expression| per_second(expression, over), &events),
        Sli::Latency { histogram, under, .. } if terms.is_native(histogram) => native(histogram, *under, over, &events),
        Sli::Latency { histogram, under, .. } => classic(histogram, *under, over, &events),
        Sli::Up { every, .. } | Sli::Value { every, .. } if over > *every => {
            let slices = over.as_seconds() / every.as_seconds();
            [names::recorded_events_rate(*every), names::recorded_bad_events_rate(*every)]
                .map(|slice| format!("sum_over_time({}[{over}:{every}]) / {slices}", recorded.series(&slice)))
        }
        Sli::Up { gauge, every } => {
            let lowest = format!("min_over_time({gauge}[{every}])");
            slices(&lowest, &format!("{lowest} != 1"), timing, &events)
        }
        Sli::Value { value, bound, every } => {
            let value = vector(value, *every);
            let outside = match bound {
                Bound::Under(bound) => format!("({value}) >= {bound}"),
                Bound::Over(bound) => format!("({value}) <= {bound}"),
            };
            slices(&format!("({value}) >= -Inf"), &outside, timing, &events)
        }
        Sli::Own { .. } => return None,
    };
    Some(rates)
}

fn rate(selector: &Selector, over: Span) -> String {
    format!("sum(rate({selector}[{over}]))")
}

fn per_second(expression: &Expression, over: Span) -> String {
    format!("sum({}) / {}", vector(expression, over), over.as_seconds())
}

/// An expression as a vector, for that is what can be summed up and counted.
fn vector(expression: &Expression, window: Span) -> String {
    let text = expression.with_window(window);
    match expression.kind() {
        Kind::Scalar => format!("vector({text})"),
        Kind::Vector | Kind::Matrix | Kind::Text => text,
    }
}

/// All and bad from two of good, bad and total, each read once where that can be.
fn both<T>(of: &Counted<T>, read: impl Fn(&T) -> String, events: &str) -> [String; 2] {
    let or_none = |side: String| format!("{side} >= 0\nor on() 0 * {events}");
    match of {
        Counted::BadOfTotal { bad, total } => [format!("{} >= 0", read(total)), or_none(read(bad))],
        Counted::GoodOfTotal { good, total } => {
            let good = format!("({} >= 0 or on() 0 * {events})", read(good));
            let bad = format!("clamp_min(\n  {events}\n  - on() {good},\n0)");
            [format!("{} >= 0", read(total)), bad]
        }
        // A label tells the two sums apart, so that one is enough where the other is missing.
        Counted::GoodAndBad { good, bad } => {
            let (good, bad) = (read(good), read(bad));
            [format!("sum(\n  {good}\n  or label_replace({bad}, \"side\", \"bad\", \"\", \"\")\n) >= 0"), or_none(bad)]
        }
    }
}

fn classic(histogram: &Selector, under: f64, over: Span, events: &str) -> [String; 2] {
    let buckets = histogram.with_metric(&names::bucket(histogram.metric()));
    let all = buckets.and(Matcher::new(names::BOUND_LABEL, Op::Equal, "+Inf"));
    let good = buckets.and(Matcher::new(names::BOUND_LABEL, Op::Match, bound_pattern(under)));
    let bad = format!("clamp_min(\n  {events}\n  - on() {},\n0) >= 0", rate(&good, over));
    [format!("{} >= 0", rate(&all, over)), bad]
}

/// Interpolated by Prometheus. Without observations the fraction is NaN, and nothing is bad.
fn native(histogram: &Selector, under: f64, over: Span, events: &str) -> [String; 2] {
    let rate = rate(histogram, over);
    let bad = format!("{events} * on() (1 - histogram_fraction(-Inf, {under}, {rate})) >= 0\nor on() 0 * {events}");
    [format!("histogram_count({rate}) >= 0"), bad]
}

/// Slices a second: `all` gives one series for each, `bad` for each that is bad.
fn slices(all: &str, bad: &str, timing: &Timing, events: &str) -> [String; 2] {
    let seconds = timing.slice.unwrap_or(timing.base).as_seconds();
    [format!("count({all}) / {seconds}"), format!("count({bad}) / {seconds}\nor on() 0 * {events}")]
}
