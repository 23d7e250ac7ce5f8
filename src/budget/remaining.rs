//! How much of a budget is spent, how much is left, and for how long. Never knows what is done about it.

use crate::budget::burn;
use crate::units::{BurnRate, Objective, Span, Tally, Window};

/// The bad events that the objective allows among those counted; rarely a whole number.
pub fn allowed(tally: Tally, objective: Objective) -> f64 {
    objective.allowed() * tally.total()
}

/// The share of the budget that is spent: bad / allowed events, above 1 when overspent, 0 without events.
///
/// Computed as (bad / total) / share, which is 1 exactly when the budget is spent exactly: `bad / total` and the share
/// are then the floats nearest to one and the same number. `bad / (share * total)` rounds twice: 7 bad of 100 would
/// not exhaust 93 %, for 0.07 * 100 is a little above 7 in binary.
pub fn consumed(tally: Tally, objective: Objective) -> f64 {
    burn(tally, objective).map_or(0.0, BurnRate::get)
}

/// The share of the budget that is left: 1 - consumed, negative when overspent.
pub fn remaining(tally: Tally, objective: Objective) -> f64 {
    1.0 - consumed(tally, objective)
}

/// Whether nothing is left of the budget. Never without events.
pub fn exhausted(tally: Tally, objective: Objective) -> bool {
    remaining(tally, objective) <= 0.0
}

/// When a budget runs out at the pace of the last hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhaustion {
    In(Span),
    /// Nothing is being spent.
    Never,
    /// It has run out.
    Now,
    /// The last hour's burn is not known.
    Unknown,
}

impl Exhaustion {
    pub fn name(self) -> &'static str {
        match self {
            Exhaustion::In(_) => "in",
            Exhaustion::Never => "never",
            Exhaustion::Now => "now",
            Exhaustion::Unknown => "unknown",
        }
    }
}

/// When the `remaining` share of the budget runs out, were it spent on as over the last hour.
pub fn exhaustion(remaining: f64, window: Window, burn_1h: Option<BurnRate>) -> Exhaustion {
    match burn_1h {
        _ if remaining <= 0.0 => Exhaustion::Now,
        None => Exhaustion::Unknown,
        Some(BurnRate::NONE) => Exhaustion::Never,
        Some(burn) => {
            let millis = remaining * window.span().as_millis() as f64 / burn.get();
            Exhaustion::In(Span::millis(millis as i64))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(objective: &str, total: f64, bad: f64, expected: f64) {
        let left = remaining(Tally::held(total, bad), objective.parse().unwrap());
        assert!((left - expected).abs() < 1e-12, "{bad} bad of {total} at {objective} leave {left}");
        assert_eq!(exhausted(Tally::held(total, bad), objective.parse().unwrap()), expected <= 0.0);
    }

    fn check_exhaustion(remaining: f64, burn_1h: f64, expected: Exhaustion) {
        assert_eq!(exhaustion(remaining, Window::DEFAULT, BurnRate::new(burn_1h)), expected);
    }

    #[test]
    fn a_budget_of_432_is_exhausted_by_432_and_not_by_431() {
        check("99.9%", 432_000.0, 432.0, 0.0);
        check("99.9%", 432_000.0, 431.0, 1.0 / 432.0);
        check("99.9%", 432_000.0, 434.0, -2.0 / 432.0);
        assert_eq!(allowed(Tally::held(432_000.0, 0.0), "99.9%".parse().unwrap()), 432.0);
    }

    #[test]
    fn a_budget_spent_to_the_event_is_exhausted_whatever_the_objective() {
        for parts in 1..10_000_u32 {
            let objective: Objective = format!("0.{:04}", 10_000 - parts).parse().unwrap();
            for times in [1.0, 3.0, 10_007.0] {
                let (total, bad) = (10_000.0 * times, f64::from(parts) * times);
                assert!(exhausted(Tally::held(total, bad), objective), "{bad} bad of {total} at {objective}");
                assert!(
                    !exhausted(Tally::held(total, bad - 1.0), objective),
                    "{bad} - 1 bad of {total} at {objective}"
                );
            }
        }
    }

    #[test]
    fn without_events_the_budget_is_whole() {
        check("99.9%", 0.0, 0.0, 1.0);
    }

    #[test]
    fn three_nines_over_30_days_allow_43_2_minutes() {
        let seconds = Tally::held(Window::DEFAULT.span().as_seconds(), 0.0);
        assert_eq!(allowed(seconds, "99.9%".parse().unwrap()), 43.2 * 60.0);
    }

    #[test]
    fn events_weigh_by_their_number_not_by_their_time() {
        // 144 slices of 1000 good events and 144 of 5 good and 5 bad are 0.495 % bad; a mean of ratios would say 25 %.
        let (total, bad) = (144.0 * 1000.0 + 144.0 * 10.0, 144.0 * 5.0);
        assert_eq!(Tally::held(total, bad).bad_ratio().unwrap().to_string(), "0.495 %");
        check("99%", total, bad, 0.504950495049505);
    }

    #[test]
    fn runs_out_sooner_the_faster_it_is_spent() {
        check_exhaustion(1.0, 1.0, Exhaustion::In(Span::days(30)));
        check_exhaustion(0.5, 1.0, Exhaustion::In(Span::days(15)));
        check_exhaustion(0.5, 720.0, Exhaustion::In(Span::minutes(30)));
    }

    #[test]
    fn never_runs_out_at_burn_0_and_has_run_out_once_exhausted() {
        check_exhaustion(0.5, 0.0, Exhaustion::Never);
        check_exhaustion(0.0, 0.0, Exhaustion::Now);
        check_exhaustion(-0.5, 3.0, Exhaustion::Now);
        check_exhaustion(-0.5, f64::NAN, Exhaustion::Now);
    }

    #[test]
    fn nobody_knows_when_it_runs_out_while_the_last_hour_is_not_known() {
        check_exhaustion(0.5, f64::NAN, Exhaustion::Unknown);
    }
}
