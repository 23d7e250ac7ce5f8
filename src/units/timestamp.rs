//! A moment.

use std::fmt;
use std::ops::{Add, Sub};

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};

use crate::units::Span;

/// A moment in whole milliseconds since 1970-01-01T00:00:00Z, as Prometheus keeps its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn millis(millis: i64) -> Timestamp {
        Timestamp(millis)
    }

    pub const fn seconds(seconds: i64) -> Timestamp {
        Timestamp(seconds.saturating_mul(1_000))
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1_000.0
    }

    /// The time from `earlier` to this; nothing where `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Span {
        Span::millis(self.0.saturating_sub(earlier.0))
    }

    /// The last whole multiple of `step` at or before this moment: the grid that every daemon shares.
    pub fn on_grid(self, step: Span) -> Timestamp {
        Timestamp(self.0 - self.0.rem_euclid(step.as_millis().max(1)))
    }

    /// Reads RFC 3339 (`2026-11-20T12:00:00Z`) or seconds since 1970.
    pub fn parse(text: &str) -> Option<Timestamp> {
        if let Ok(seconds) = text.parse::<f64>() {
            return seconds.is_finite().then_some(Timestamp((seconds * 1_000.0) as i64));
        }
        DateTime::parse_from_rfc3339(text).ok().map(|moment| Timestamp(moment.timestamp_millis()))
    }
}

impl Add<Span> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(span.as_millis()))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Timestamp;
    fn sub(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_sub(span.as_millis()))
    }
}

impl fmt::Display for Timestamp {
    /// As RFC 3339 in UTC, with milliseconds only where there are some.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let precision = if self.0.rem_euclid(1_000) == 0 { SecondsFormat::Secs } else { SecondsFormat::Millis };
        match DateTime::from_timestamp_millis(self.0) {
            Some(moment) => write!(f, "{}", moment.to_rfc3339_opts(precision, true)),
            None => write!(f, "{} ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_as_rfc_3339() {
        let noon = Timestamp::seconds(1_795_176_000);
        assert_eq!(noon.to_string(), "2026-11-20T12:00:00Z");
        assert_eq!(Timestamp::parse("2026-11-20T12:00:00Z"), Some(noon));
        assert_eq!(Timestamp::parse("2026-11-20T13:00:00+01:00"), Some(noon));
        assert_eq!(Timestamp::parse("1795176000"), Some(noon));
        assert_eq!(Timestamp::parse("noon"), None);
        assert_eq!(Timestamp::millis(1).to_string(), "1970-01-01T00:00:00.001Z");
    }

    #[test]
    fn falls_on_the_last_grid_point_at_or_before_it() {
        let step = Span::seconds(30);
        assert_eq!(Timestamp::seconds(89).on_grid(step), Timestamp::seconds(60));
        assert_eq!(Timestamp::seconds(90).on_grid(step), Timestamp::seconds(90));
        assert_eq!(Timestamp::seconds(-1).on_grid(step), Timestamp::seconds(-30));
    }
}
