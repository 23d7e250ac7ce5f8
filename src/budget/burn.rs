//! How fast a budget is spent. Never knows how much of it is left.

use crate::units::{BurnRate, Objective, Ratio, Span, Tally};

/// From here on a span is long enough to speak of the share of the budget it spent, however little of it was measured.
const LONG: Span = Span::hours(6);

/// The share of a shorter span that must have been measured for its burn to be known.
const MEASURED_ENOUGH: f64 = 0.5;

/// How many times faster than allowed the budget was spent; `None` without events.
pub fn burn(tally: Tally, objective: Objective) -> Option<BurnRate> {
    let bad = tally.bad_ratio()?;
    BurnRate::new(bad.get() / objective.allowed())
}

/// [`burn`] over a `span` of which only the share `coverage` was measured.
///
/// Under 6 h it is absent where less than half was measured. From 6 h on it is multiplied by the coverage, so that it
/// says what share of the budget was spent, not how fast it went while somebody looked; where nothing at all was
/// measured it is absent.
pub fn known_burn(tally: Tally, objective: Objective, span: Span, coverage: Ratio) -> Option<BurnRate> {
    let burn = burn(tally, objective)?;
    if span < LONG {
        (coverage.get() >= MEASURED_ENOUGH).then_some(burn)
    } else if coverage > Ratio::NOTHING {
        BurnRate::new(burn.get() * coverage.get())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn three_nines() -> Objective {
        "99.9%".parse().unwrap()
    }

    fn check(span: Span, coverage: f64, expected: Option<f64>) {
        let known = known_burn(Tally::held(1000.0, 8.0), three_nines(), span, Ratio::held(coverage));
        assert_eq!(known.map(BurnRate::get), expected, "{span} of which {coverage} was measured");
    }

    #[test]
    fn one_spends_exactly_the_budget() {
        assert_eq!(burn(Tally::held(1000.0, 1.0), three_nines()), BurnRate::new(1.0));
        assert_eq!(burn(Tally::held(1000.0, 1000.0), three_nines()), BurnRate::new(1000.0));
    }

    #[test]
    fn no_bad_events_is_no_burn_and_no_events_is_not_known() {
        assert_eq!(burn(Tally::held(1000.0, 0.0), three_nines()), Some(BurnRate::NONE));
        assert_eq!(burn(Tally::NOTHING, three_nines()), None);
    }

    #[test]
    fn a_short_span_is_known_once_half_of_it_was_measured() {
        check(Span::minutes(5), 1.0, Some(8.0));
        check(Span::hours(2), 0.5, Some(8.0));
        check(Span::hours(2), 0.49, None);
        check(Span::millis(Span::hours(6).as_millis() - 1), 0.49, None);
    }

    #[test]
    fn a_long_span_says_what_share_of_the_budget_was_spent() {
        check(Span::hours(6), 1.0, Some(8.0));
        check(Span::hours(6), 0.25, Some(2.0));
        check(Span::days(3), 0.5, Some(4.0));
    }

    #[test]
    fn a_long_span_of_which_nothing_was_measured_is_not_known() {
        check(Span::days(3), 0.0, None);
    }
}
