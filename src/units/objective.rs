//! The share of events that must be good.

use std::fmt;
use std::str::FromStr;

/// An objective such as 99.9 %, read from its decimal text.
///
/// Invariant: the ratio and the allowed share are each the `f64` nearest to the exact decimal, both above 0 and
/// below 1. Nothing computes `1 - objective`: in binary that makes `1 - 0.999` larger than 0.001, and 432 bad of
/// 432 000 events would not exhaust a budget of exactly 432.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    ratio: f64,
    allowed: f64,
}

impl Objective {
    /// The share of events that must be good, such as 0.999.
    pub fn ratio(self) -> f64 {
        self.ratio
    }

    /// The share of events that may be bad, such as 0.001.
    pub fn allowed(self) -> f64 {
        self.allowed
    }

    /// The objective that allows what this one asks for: 99.9 % for 0.1 %.
    pub fn opposite(self) -> Objective {
        Objective { ratio: self.allowed, allowed: self.ratio }
    }
}

/// Why a text is not an objective.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ObjectiveError {
    #[error("objective {0:?} is not a decimal number")]
    NotANumber(String),
    #[error("objective {0} is above 1")]
    BarePercent(String),
    #[error("objective {0} is above 100%")]
    AboveAll(String),
    #[error("objective {0} leaves no error budget")]
    NoBudget(String),
    #[error("objective {0} asks for nothing")]
    Nothing(String),
    #[error("objective {0} has more than 15 decimals")]
    TooFine(String),
}

impl ObjectiveError {
    /// What to write instead.
    pub fn remedy(&self) -> String {
        match self {
            Self::NotANumber(_) => "write a percentage such as 99.9% or a ratio such as 0.999".into(),
            Self::BarePercent(text) => match format!("{text}%").parse::<Objective>() {
                Ok(objective) => format!("write {text}% or {}", objective.ratio()),
                Err(_) => "write a percentage such as 99.9% or a ratio such as 0.999".into(),
            },
            Self::AboveAll(_) => "write at most 99.999…%".into(),
            Self::NoBudget(_) => "choose one that leaves some, such as 99.99%".into(),
            Self::Nothing(_) => "choose one above 0%".into(),
            Self::TooFine(_) => "write fewer decimals".into(),
        }
    }
}

/// Decimals kept beside the point: enough for any objective, and the integers below stay exact.
const DECIMALS: usize = 15;
const ONE: u64 = 10u64.pow(DECIMALS as u32);

impl FromStr for Objective {
    type Err = ObjectiveError;

    /// Reads `99.9%`, `99.9 %` or `0.999`.
    fn from_str(text: &str) -> Result<Objective, ObjectiveError> {
        let text = text.trim();
        let (number, is_percent) = match text.strip_suffix('%') {
            Some(number) => (number.trim_end(), true),
            None => (text, false),
        };
        let not_a_number = || ObjectiveError::NotANumber(text.to_string());
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) || (whole.len() > 1 && whole.starts_with('0')) {
            return Err(not_a_number());
        }
        let fraction = fraction.trim_end_matches('0');
        let shift = if is_percent { 2 } else { 0 };
        if fraction.len() + shift > DECIMALS {
            return Err(ObjectiveError::TooFine(text.to_string()));
        }
        let scale = 10u64.pow((DECIMALS - shift - fraction.len()) as u32);
        let digits: u64 = format!("{whole}{fraction}").parse().map_err(|_| not_a_number())?;
        let good = digits.checked_mul(scale).ok_or_else(|| match is_percent {
            true => ObjectiveError::AboveAll(text.to_string()),
            false => ObjectiveError::BarePercent(text.to_string()),
        })?;
        match good {
            0 => Err(ObjectiveError::Nothing(text.to_string())),
            ONE => Err(ObjectiveError::NoBudget(text.to_string())),
            good if good > ONE && is_percent => Err(ObjectiveError::AboveAll(text.to_string())),
            good if good > ONE => Err(ObjectiveError::BarePercent(text.to_string())),
            good => Ok(Objective { ratio: nearest_float(good), allowed: nearest_float(ONE - good) }),
        }
    }
}

/// The float nearest to `parts` of [`ONE`]: both are exact in binary (under 2^53), so one division rounds once.
fn nearest_float(parts: u64) -> f64 {
    parts as f64 / ONE as f64
}

impl fmt::Display for Objective {
    /// As a percentage: `99.9%`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let good = (self.ratio * ONE as f64).round();
        write!(f, "{}%", good / (ONE / 100) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(f64, f64), ObjectiveError>) {
        assert_eq!(text.parse::<Objective>().map(|o| (o.ratio(), o.allowed())), expected, "{text}");
    }

    #[test]
    fn holds_the_allowed_share_as_the_nearest_float_of_the_decimal() {
        check("99.9%", Ok((0.999, 0.001)));
        check("99.9 %", Ok((0.999, 0.001)));
        check("0.999", Ok((0.999, 0.001)));
        check("99.99%", Ok((0.9999, 0.0001)));
        check("99.9999999%", Ok((0.999999999, 0.000000001)));
        check("95%", Ok((0.95, 0.05)));
        check("5.0%", Ok((0.05, 0.95)));
    }

    #[test]
    fn refuses_what_is_no_objective_and_says_why() {
        check("99.9", Err(ObjectiveError::BarePercent("99.9".into())));
        check("101%", Err(ObjectiveError::AboveAll("101%".into())));
        check("100%", Err(ObjectiveError::NoBudget("100%".into())));
        check("1", Err(ObjectiveError::NoBudget("1".into())));
        check("0%", Err(ObjectiveError::Nothing("0%".into())));
        for text in ["", "%", ".5", "1.", "-1%", "1e-1", "0_9", "012%", "ninety", "NaN", "99,9%"] {
            check(text, Err(ObjectiveError::NotANumber(text.into())));
        }
        check("99999999999999999999", Err(ObjectiveError::NotANumber("99999999999999999999".into())));
        check("0.9999999999999999", Err(ObjectiveError::TooFine("0.9999999999999999".into())));
    }

    #[test]
    fn tells_what_to_write_instead() {
        assert_eq!(ObjectiveError::BarePercent("99.9".into()).remedy(), "write 99.9% or 0.999");
    }

    #[test]
    fn reads_back_as_it_was_written() {
        for text in ["99.9%", "99.95%", "99.999%", "95%", "99.99999%", "0.5%"] {
            assert_eq!(text.parse::<Objective>().map(|o| o.to_string()), Ok(text.to_string()));
        }
    }
}
