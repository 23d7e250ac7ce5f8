//! What is asked of long ago where the samples are too many to be read: what counters gained by the hour, as the source
//! estimates it. Never knows how long ago that is.

use crate::plan::bounds::bounds_pattern;
use crate::plan::planning::{Facts, buckets};
use crate::promql::{Expression, Matcher, Op, Selector, names};
use crate::slos::{Counted, Sli, Slo};
use crate::units::Span;

/// What is estimated at once: what came when within it, nobody knows.
pub const ESTIMATED_SPAN: Span = Span::hours(1);

/// The same SLO counted from rates over whole hours; `None` where samples are all there is, or all that is read anyway.
pub fn estimated(slo: &Slo, facts: &Facts) -> Option<Slo> {
    let of = match &slo.sli {
        Sli::Events(Counted::BadOfTotal { bad, total }) => {
            Counted::BadOfTotal { bad: increase(bad)?, total: increase(total)? }
        }
        Sli::Events(Counted::GoodOfTotal { good, total }) => {
            Counted::GoodOfTotal { good: increase(good)?, total: increase(total)? }
        }
        Sli::Events(Counted::GoodAndBad { good, bad }) => {
            Counted::GoodAndBad { good: increase(good)?, bad: increase(bad)? }
        }
        Sli::Latency { histogram, under, .. } => {
            let buckets = buckets(histogram);
            let texts = facts.bounds.get(&buckets.to_string()).map_or(&[][..], Vec::as_slice);
            let bound = |op, value: &str| Matcher::new(names::BOUND_LABEL, op, value);
            let pattern = bounds_pattern([*under].into_iter(), texts);
            let good = buckets.and(bound(Op::Match, &pattern)).and(bound(Op::NotEqual, "+Inf"));
            Counted::GoodOfTotal { good: increase(&good)?, total: increase(&buckets.and(bound(Op::Equal, "+Inf")))? }
        }
        Sli::Expressions { .. } | Sli::Up { .. } | Sli::Value { .. } | Sli::Own { .. } => return None,
    };
    Some(Slo { sli: Sli::Expressions { of, every: ESTIMATED_SPAN }, ..slo.clone() })
}

fn increase(selector: &Selector) -> Option<Expression> {
    Expression::parse(&format!("sum(increase({selector}[$window]))")).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::slos::read;

    #[track_caller]
    fn check(sli: &str, expected: Option<&str>) {
        let (slos, problems) =
            read("f", &format!("service: s\nslos:\n  - {{ name: a, objective: 99%, sli: {{ {sli} }} }}\n"));
        assert_eq!(problems, []);
        let bounds = [("h_seconds_bucket".to_string(), vec!["0.200".to_string(), "+Inf".to_string()])];
        let facts = Facts { bounds: bounds.into(), ..Facts::default() };
        let estimated = estimated(&slos[0], &facts).map(|slo| slo.sli.fingerprint());
        assert_eq!(estimated.as_deref(), expected, "{sli}");
    }

    #[test]
    fn counters_are_estimated_by_the_hour_and_nothing_else_is() {
        check(
            "bad: 'x{code=\"500\"}', total: x",
            Some(r#"expressions bad=sum(increase(x{code="500"}[$window])) total=sum(increase(x[$window])) every=1h"#),
        );
        check(
            "good: g, bad: b",
            Some("expressions good=sum(increase(g[$window])) bad=sum(increase(b[$window])) every=1h"),
        );
        check(
            "histogram: h_seconds, under: 200ms",
            Some(
                r#"expressions good=sum(increase(h_seconds_bucket{le!="+Inf",le=~"0\\.20*|0\\.200|\\+Inf"}[$window])) total=sum(increase(h_seconds_bucket{le="+Inf"}[$window])) every=1h"#,
            ),
        );
        check("up: probe_success", None);
        check("value: max(depth), under: 3", None);
    }
}
