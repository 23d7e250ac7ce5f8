//! Events counted over some span.

use crate::units::Ratio;

/// Events over a span: all of them, and the bad among them. Invariant: finite, 0 <= bad <= total.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tally {
    total: f64,
    bad: f64,
}

impl Tally {
    pub const NOTHING: Tally = Tally { total: 0.0, bad: 0.0 };

    /// Both sides as measured, held to 0 <= bad <= total: two counters read at slightly different moments may
    /// disagree by a few events.
    pub fn held(total: f64, bad: f64) -> Tally {
        let total = if total.is_finite() { total.max(0.0) } else { 0.0 };
        let bad = if bad.is_finite() { bad.clamp(0.0, total) } else { 0.0 };
        Tally { total, bad }
    }

    pub fn total(self) -> f64 {
        self.total
    }

    pub fn bad(self) -> f64 {
        self.bad
    }

    pub fn good(self) -> f64 {
        self.total - self.bad
    }

    /// The bad share; `None` without events, for no traffic is neither good nor bad.
    pub fn bad_ratio(self) -> Option<Ratio> {
        (self.total > 0.0).then(|| Ratio::held(self.bad / self.total))
    }

    /// The good share (the SLI); `None` without events.
    pub fn good_ratio(self) -> Option<Ratio> {
        (self.total > 0.0).then(|| Ratio::held(1.0 - self.bad / self.total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_bad_between_nothing_and_total() {
        assert_eq!(Tally::held(10.0, 12.0), Tally { total: 10.0, bad: 10.0 });
        assert_eq!(Tally::held(10.0, -1.0), Tally { total: 10.0, bad: 0.0 });
        assert_eq!(Tally::held(-1.0, 0.0), Tally::NOTHING);
        assert_eq!(Tally::held(f64::NAN, f64::NAN), Tally::NOTHING);
    }

    #[test]
    fn has_no_ratio_without_traffic() {
        assert_eq!(Tally::NOTHING.bad_ratio(), None);
        assert_eq!(Tally::NOTHING.good_ratio(), None);
        assert_eq!(Tally::held(1000.0, 1000.0).bad_ratio(), Some(Ratio::ALL));
    }
}
