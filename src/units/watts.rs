//! Power.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::units::{Microjoules, Span};

/// Power in watts. Invariant: finite and at least 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Watts(f64);

impl Watts {
    pub const ZERO: Watts = Watts(0.0);

    /// `None` for what is negative, infinite or not a number.
    pub const fn new(watts: f64) -> Option<Watts> {
        if watts.is_finite() && watts >= 0.0 { Some(Watts(watts)) } else { None }
    }

    pub const fn get(self) -> f64 {
        self.0
    }

    /// The energy that this power spends in `span`.
    pub fn during(self, span: Span) -> Microjoules {
        Microjoules::new((self.0 * span.as_millis() as f64 * 1_000.0).round() as u64)
    }

    /// The higher of both.
    pub fn max(self, other: Watts) -> Watts {
        Watts(self.0.max(other.0))
    }
}

impl Add for Watts {
    type Output = Watts;
    fn add(self, other: Watts) -> Watts {
        Watts(self.0 + other.0)
    }
}

impl Sum for Watts {
    fn sum<I: Iterator<Item = Watts>>(all: I) -> Watts {
        all.fold(Watts::ZERO, Add::add)
    }
}

impl fmt::Display for Watts {
    /// With at most one decimal: `61.2 W`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let text = format!("{:.1}", self.0);
        write!(f, "{} W", text.strip_suffix(".0").unwrap_or(&text))
    }
}

/// Why a text is not a power.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a power above 0")]
pub struct WattsError(String);

impl WattsError {
    /// What to write instead.
    pub fn remedy(&self) -> String {
        "write watts such as 200W, 0.5W or 1.2kW".into()
    }
}

impl FromStr for Watts {
    type Err = WattsError;

    /// Reads a decimal number above 0 with `W`, `kW` or nothing behind it, which is watts.
    fn from_str(text: &str) -> Result<Watts, WattsError> {
        let wrong = || WattsError(text.to_string());
        let (number, factor) = match text.strip_suffix("kW") {
            Some(number) => (number, 1_000.0),
            None => (text.strip_suffix('W').unwrap_or(text), 1.0),
        };
        let number = number.trim_end();
        let is_decimal = number.starts_with(|c: char| c.is_ascii_digit())
            && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let watts = number.parse::<f64>().ok().filter(|watts| is_decimal && *watts > 0.0);
        watts.and_then(|watts| Watts::new(watts * factor)).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, watts: Option<f64>) {
        assert_eq!(text.parse::<Watts>().ok().map(Watts::get), watts, "{text:?}");
    }

    #[test]
    fn is_read_with_its_unit_or_without() {
        check("200W", Some(200.0));
        check("200", Some(200.0));
        check("0.5 W", Some(0.5));
        check("1.2kW", Some(1200.0));
        for text in ["", "W", "0W", "-5W", "1e3W", "inf", "nan", ".5W", "5 A", "200Wh", "1.2.3W"] {
            check(text, None);
        }
    }

    #[test]
    fn is_never_negative_nor_infinite() {
        assert_eq!([-0.1, f64::INFINITY, f64::NAN].map(Watts::new), [None; 3]);
    }

    #[test]
    fn reads_with_at_most_one_decimal() {
        assert_eq!([61.24, 200.0].map(|watts| Watts(watts).to_string()), ["61.2 W", "200 W"]);
    }
}
