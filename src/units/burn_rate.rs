//! How fast an error budget is spent.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// How many times faster than allowed the budget is spent: 1 spends exactly the budget over the window.
/// Invariant: finite and at least 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct BurnRate(f64);

impl BurnRate {
    pub const NONE: BurnRate = BurnRate(0.0);

    /// `None` for what is negative, infinite or not a number.
    pub const fn new(rate: f64) -> Option<BurnRate> {
        if rate.is_finite() && rate >= 0.0 { Some(BurnRate(rate)) } else { None }
    }

    pub fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for BurnRate {
    /// With at most two decimals: `14.4`, `0.25`, `31`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        ((self.0 * 100.0).round() / 100.0).fmt(f)
    }
}

impl<'de> Deserialize<'de> for BurnRate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<BurnRate, D::Error> {
        let rate = f64::deserialize(from)?;
        BurnRate::new(rate).ok_or_else(|| D::Error::custom(format!("{rate} is no burn rate")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_never_negative_nor_infinite() {
        assert_eq!(BurnRate::new(-0.1), None);
        assert_eq!(BurnRate::new(f64::INFINITY), None);
        assert_eq!(BurnRate::new(f64::NAN), None);
    }

    #[test]
    fn is_kept_as_a_number_and_checked_when_read_back() {
        assert_eq!(serde_json::to_string(&BurnRate(14.4)).ok(), Some("14.4".into()));
        assert_eq!(serde_json::from_str("14.4").ok(), Some(BurnRate(14.4)));
        assert!(serde_json::from_str::<BurnRate>("-1").is_err());
    }

    #[test]
    fn reads_with_at_most_two_decimals() {
        assert_eq!(BurnRate::new(14.4).map(|b| b.to_string()), Some("14.4".into()));
        assert_eq!(BurnRate::new(31.0).map(|b| b.to_string()), Some("31".into()));
        assert_eq!(BurnRate::new(0.256).map(|b| b.to_string()), Some("0.26".into()));
    }
}
