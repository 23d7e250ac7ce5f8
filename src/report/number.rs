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

/// Seconds as people say them, with three digits that tell something: `143ms`, `1.24s`, `50us`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Duration(pub f64);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        const UNITS: [(f64, &str); 4] = [(1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")];
        let Duration(seconds) = self;
        // What rounds to 1000 of a unit is 1 of the next.
        let (size, unit) = UNITS.into_iter().find(|(size, _)| *seconds >= size * 0.9995).unwrap_or((1.0, "s"));
        let amount = seconds / size;
        let decimals = if amount >= 99.95 {
            0
        } else if amount >= 9.995 {
            1
        } else {
            2
        };
        let text = format!("{amount:.decimals$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        write!(f, "{text}{unit}")
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
    fn durations_are_told_in_the_unit_that_fits_them() {
        let check = |seconds, expected| assert_eq!(Duration(seconds).to_string(), expected);
        check(0.143_21, "143ms");
        check(0.2, "200ms");
        check(1.0, "1s");
        check(1.236, "1.24s");
        check(12.345, "12.3s");
        check(300.0, "300s");
        check(0.999_7, "1s");
        check(0.099_96, "100ms");
        check(0.004_5, "4.5ms");
        check(0.000_05, "50us");
        check(5e-8, "50ns");
        check(0.0, "0s");
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
