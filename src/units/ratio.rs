//! A share of something.

use std::fmt;

/// A share, such as the good events among all. Invariant: finite and within 0.0..=1.0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Ratio(f64);

impl Ratio {
    pub const NOTHING: Ratio = Ratio(0.0);
    pub const ALL: Ratio = Ratio(1.0);

    /// `value` as a ratio, held to 0.0..=1.0; what is not a number is nothing.
    pub fn held(value: f64) -> Ratio {
        if value.is_nan() { Ratio::NOTHING } else { Ratio(value.clamp(0.0, 1.0)) }
    }

    pub fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Ratio {
    /// As a percentage: `99.95 %`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let percent = format!("{:.4}", self.0 * 100.0);
        write!(f, "{} %", percent.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_held_between_nothing_and_all() {
        assert_eq!(Ratio::held(-0.1), Ratio::NOTHING);
        assert_eq!(Ratio::held(1.1), Ratio::ALL);
        assert_eq!(Ratio::held(f64::NAN), Ratio::NOTHING);
    }

    #[test]
    fn reads_as_a_percentage_without_trailing_zeros() {
        assert_eq!(Ratio::held(0.9995).to_string(), "99.95 %");
        assert_eq!(Ratio::held(0.9).to_string(), "90 %");
    }
}
