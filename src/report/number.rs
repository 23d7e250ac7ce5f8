//! Numbers as they are told: short, and never rounded onto a bound that they have not reached.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::units::Span;

/// Decimals of an SLI and of coverage: seven nines, and a second of a year.
pub const FINE: i32 = 8;

/// Decimals of all other ratios and of burn rates.
pub const DECIMALS: i32 = 4;

/// Arithmetic in binary is this near; what is nearer to a whole number is that number.
const NOISE: f64 = 1e-12;

/// `value` with so many decimals. Rounding makes no whole number of one that is not: a budget of which 0.00001 is left
/// is not exhausted, and an SLI of 0.999999999 is not 1.
pub fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    let rounded = (value * scale).round() / scale;
    let becomes_whole = rounded.fract() == 0.0 && (value - rounded).abs() > NOISE;
    // Adding 0 makes 0 of -0.
    if becomes_whole { value } else { rounded + 0.0 }
}

/// A number of events: at most three decimals, a whole one without any.
#[derive(Debug, Clone, Copy, PartialEq, ToSchema, Deserialize)]
pub struct Count(pub f64);

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let thousandths = (self.0 * 1_000.0).round();
        if thousandths % 1_000.0 == 0.0 {
            to.serialize_i64((thousandths / 1_000.0) as i64)
        } else {
            to.serialize_f64(thousandths / 1_000.0)
        }
    }
}

/// A span as its text, such as `5m`, in the order of lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Length(pub Span);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Length {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Length, D::Error> {
        String::deserialize(from)?.parse().map(Length).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn rounds_but_never_onto_a_bound_that_was_not_reached() {
        assert_eq!(rounded(0.492_927_2, 4), 0.4929);
        assert_eq!(rounded(0.000_01, 4), 0.000_01);
        assert_eq!(rounded(-0.000_01, 4), -0.000_01);
        assert_eq!(rounded(0.999_999_999, 8), 0.999_999_999);
        assert_eq!(rounded(14.4 - 1e-15, 4), 14.4);
        assert_eq!(rounded(2.0 + 4e-16, 4), 2.0);
        assert_eq!(format!("{:?}", rounded(-1e-16, 4)), "0.0");
    }

    #[test]
    fn counts_are_whole_where_they_can_be() {
        let check = |count, expected| assert_eq!(serde_json::to_string(&Count(count)).unwrap(), expected);
        check(2.0, "2");
        check(430_177_423.0, "430177423");
        check(430_177.423, "430177.423");
        check(0.000_4, "0");
        check(1.0 / 3.0, "0.333");
    }
}
