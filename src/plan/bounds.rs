//! The bounds of classic histograms: numbers that are written in many ways (`0.2`, `0.200`, `2e-01`).

use std::collections::BTreeSet;

use crate::plan::planning::{Facts, buckets};
use crate::promql::bound_pattern;
use crate::slos::{Sli, Slo};
use crate::units::Problem;

/// A pattern for `le` that names `+Inf` and each of `bounds`: in plain decimals with any trailing zeros, and every one
/// of `texts` (what the source was seen to write) that is the same number.
pub fn bounds_pattern(bounds: impl Iterator<Item = f64>, texts: &[String]) -> String {
    let mut alternatives = BTreeSet::new();
    for bound in bounds {
        alternatives.insert(bound_pattern(bound));
        let spelled = texts.iter().filter(|text| text.parse() == Ok(bound));
        alternatives.extend(spelled.map(|text| regex::escape(text)));
    }
    alternatives.insert(r"\+Inf".to_string());
    alternatives.into_iter().collect::<Vec<_>>().join("|")
}

/// The problem of a latency SLO whose threshold is no bound of its histogram, as far as the source told its bounds.
pub fn missing_bound(slo: &Slo, facts: &Facts) -> Option<Problem> {
    let Sli::Latency { histogram, under, .. } = &slo.sli else { return None };
    let texts = facts.bounds.get(&buckets(histogram).to_string())?;
    let mut bounds: Vec<f64> =
        texts.iter().filter_map(|text| text.parse().ok()).filter(|bound| !f64::is_nan(*bound)).collect();
    if bounds.is_empty() || bounds.contains(under) {
        return None;
    }
    bounds.sort_by(f64::total_cmp);
    let below = bounds.iter().rev().find(|bound| *bound < under);
    let above = bounds.iter().find(|bound| *bound > under && bound.is_finite());
    let remedy = match (below, above) {
        (Some(below), Some(above)) => {
            format!("the nearest are {below} and {above}; write one of them, or add the bucket")
        }
        (Some(only), None) | (None, Some(only)) => format!("the nearest is {only}; write it, or add the bucket"),
        (None, None) => "it has none but +Inf; add the bucket".to_string(),
    };
    let what = format!("{histogram} has no bucket at {under}");
    Some(Problem::error("no_such_bucket", what, remedy).at(&slo.place).about(&slo.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bounds: &[f64], texts: &[&str], expected: &str) {
        let texts: Vec<String> = texts.iter().map(|text| text.to_string()).collect();
        assert_eq!(bounds_pattern(bounds.iter().copied(), &texts), expected);
    }

    #[test]
    fn a_bound_is_asked_for_however_it_may_be_written() {
        check(&[0.2], &[], r"0\.20*|\+Inf");
        check(&[1.0], &["1.0", "2.0"], r"1(\.0+)?|1\.0|\+Inf");
        check(&[0.2, 0.5], &["2e-1"], r"0\.20*|0\.50*|2e\-1|\+Inf");
        check(&[1e6], &["1e+06"], r"1000000(\.0+)?|1(\.0+)?[eE]\+?0*6|1e\+06|\+Inf");
    }

    #[test]
    fn the_pattern_matches_what_it_should_and_nothing_else() {
        let pattern = regex::Regex::new(&format!("^(?:{})$", bounds_pattern([0.2].into_iter(), &[]))).expect("valid");
        for text in ["0.2", "0.20", "0.200", "+Inf"] {
            assert!(pattern.is_match(text), "{text}");
        }
        for text in ["0.21", "10.2", "0.02", "0", "Inf"] {
            assert!(!pattern.is_match(text), "{text}");
        }
    }
}
