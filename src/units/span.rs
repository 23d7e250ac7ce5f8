//! A length of time.

use std::fmt;
use std::ops::{Add, Div, Mul, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// A length of time in whole milliseconds. Invariant: not negative, at most ten thousand years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Span(i64);

const MAX: i64 = 10_000 * 366 * 86_400_000;

/// Units of a PromQL duration, largest first: text and milliseconds. A day is 24 hours, a week 7 days, a year 365.
const UNITS: [(&str, i64); 7] = [
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl Span {
    pub const ZERO: Span = Span(0);

    /// Negative and overlong lengths are held to the nearest allowed one.
    pub const fn millis(millis: i64) -> Span {
        match millis {
            ..0 => Span(0),
            MAX.. => Span(MAX),
            millis => Span(millis),
        }
    }

    pub const fn seconds(seconds: i64) -> Span {
        Span::millis(seconds.saturating_mul(1_000))
    }

    pub const fn minutes(minutes: i64) -> Span {
        Span::seconds(minutes.saturating_mul(60))
    }

    pub const fn hours(hours: i64) -> Span {
        Span::minutes(hours.saturating_mul(60))
    }

    pub const fn days(days: i64) -> Span {
        Span::hours(days.saturating_mul(24))
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1_000.0
    }

    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// This span as a share of `whole`, such as 0.5 for 12 h of 1 d; 0 of nothing.
    pub fn share_of(self, whole: Span) -> f64 {
        if whole.is_zero() { 0.0 } else { self.0 as f64 / whole.0 as f64 }
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span::millis(self.0 + other.0)
    }
}

impl Sub for Span {
    type Output = Span;
    /// What is left; nothing where `other` is longer.
    fn sub(self, other: Span) -> Span {
        Span::millis(self.0 - other.0)
    }
}

impl Mul<i64> for Span {
    type Output = Span;
    fn mul(self, times: i64) -> Span {
        Span::millis(self.0.saturating_mul(times))
    }
}

impl Div<i64> for Span {
    type Output = Span;
    fn div(self, parts: i64) -> Span {
        Span::millis(self.0 / parts.max(1))
    }
}

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    #[error("{0:?} is not a duration")]
    Unreadable(String),
    #[error("duration {0:?} has no unit")]
    NoUnit(String),
    #[error("duration {0:?} is not above 0")]
    Zero(String),
    #[error("duration {0:?} is too long")]
    TooLong(String),
}

impl SpanError {
    /// What to write instead.
    pub fn remedy(&self) -> String {
        match self {
            Self::NoUnit(text) => format!("write its unit, such as {text}s or {text}ms"),
            Self::Unreadable(_) => {
                "write numbers with units, largest first, such as 250ms, 2s, 5m, 1h30m or 30d".into()
            }
            Self::Zero(_) | Self::TooLong(_) => "write a duration above 0, such as 30s or 5m".into(),
        }
    }
}

impl FromStr for Span {
    type Err = SpanError;

    /// Reads a PromQL duration above 0: whole numbers with the units y w d h m s ms, largest first, each once.
    fn from_str(text: &str) -> Result<Span, SpanError> {
        let unreadable = || SpanError::Unreadable(text.to_string());
        let mut rest = text;
        let mut millis: i64 = 0;
        let mut allowed = &UNITS[..];
        if rest.is_empty() {
            return Err(unreadable());
        }
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, after) = rest.split_at(digits);
            if number.is_empty() {
                return Err(unreadable());
            }
            if after.is_empty() && number.len() == text.len() {
                return Err(SpanError::NoUnit(text.to_string()));
            }
            let letters = after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
            let (unit, after) = after.split_at(letters);
            let position = allowed.iter().position(|(name, _)| *name == unit).ok_or_else(unreadable)?;
            let too_long = || SpanError::TooLong(text.to_string());
            let number: i64 = number.parse().map_err(|_| too_long())?;
            let part = number.checked_mul(allowed[position].1).ok_or_else(too_long)?;
            millis = millis.checked_add(part).filter(|sum| *sum <= MAX).ok_or_else(too_long)?;
            allowed = &allowed[position + 1..];
            rest = after;
        }
        if millis == 0 { Err(SpanError::Zero(text.to_string())) } else { Ok(Span(millis)) }
    }
}

impl fmt::Display for Span {
    /// As a PromQL duration in days and less: `30d`, `1h30m`, `250ms`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (name, millis) in &UNITS[2..] {
            let count = rest / millis;
            rest %= millis;
            if count > 0 {
                count.fmt(f)?;
                f.write_str(name)?;
            }
            if rest == 0 {
                break;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Span, D::Error> {
        i64::deserialize(from).map(Span::millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<Span, SpanError>) {
        assert_eq!(text.parse::<Span>(), expected, "{text}");
    }

    #[test]
    fn reads_durations_as_promql_does() {
        check("250ms", Ok(Span::millis(250)));
        check("2s", Ok(Span::seconds(2)));
        check("1h30m", Ok(Span::minutes(90)));
        check("30d", Ok(Span::days(30)));
        check("4w", Ok(Span::days(28)));
        check("1s500ms", Ok(Span::millis(1500)));
    }

    #[test]
    fn refuses_what_is_no_duration_and_says_why() {
        for text in ["", "s", "1.5h", "-1s", "1h1h", "30m1h", "1 h", "5min", "5m3", "1y2y"] {
            check(text, Err(SpanError::Unreadable(text.into())));
        }
        check("5", Err(SpanError::NoUnit("5".into())));
        check("0s", Err(SpanError::Zero("0s".into())));
        check("99999999999y", Err(SpanError::TooLong("99999999999y".into())));
        check("99999999999999999999s", Err(SpanError::TooLong("99999999999999999999s".into())));
    }

    #[test]
    fn reads_back_as_days_and_less() {
        for text in ["30d", "1h30m", "250ms", "5m", "1d", "6h", "2s500ms"] {
            assert_eq!(text.parse::<Span>().map(|span| span.to_string()), Ok(text.to_string()));
        }
        assert_eq!(Span::ZERO.to_string(), "0s");
    }

    #[test]
    fn is_kept_as_milliseconds_and_held_to_its_bounds_when_read_back() {
        assert_eq!(serde_json::to_string(&Span::minutes(5)).ok(), Some("300000".into()));
        assert_eq!(serde_json::from_str("300000").ok(), Some(Span::minutes(5)));
        assert_eq!(serde_json::from_str("-1").ok(), Some(Span::ZERO));
    }

    #[test]
    fn is_never_negative() {
        assert_eq!(Span::seconds(1) - Span::seconds(2), Span::ZERO);
    }
}
