//! The bound of a latency SLI, from what people write to the number that stands in the metric's buckets.

use std::fmt;
use std::str::FromStr;

use crate::units::{Span, SpanError};
use crate::yaml::{Number, Remedy};

/// What a histogram observes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Minutes,
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
    Bytes,
}

impl Unit {
    /// As the key `unit` says them.
    pub const WORDS: [(&'static str, Unit); 6] = [
        ("s", Unit::Seconds),
        ("ms", Unit::Milliseconds),
        ("us", Unit::Microseconds),
        ("ns", Unit::Nanoseconds),
        ("m", Unit::Minutes),
        ("bytes", Unit::Bytes),
    ];

    /// The unit that a metric's name ends in, after Prometheus' custom.
    pub fn of_metric(metric: &str) -> Option<Unit> {
        match metric.rsplit_once('_')?.1 {
            "minutes" => Some(Unit::Minutes),
            "seconds" => Some(Unit::Seconds),
            "milliseconds" | "ms" => Some(Unit::Milliseconds),
            "microseconds" | "us" => Some(Unit::Microseconds),
            "nanoseconds" | "ns" => Some(Unit::Nanoseconds),
            "bytes" => Some(Unit::Bytes),
            _ => None,
        }
    }

    /// `span` in this unit; `None` where it measures no time. Exact operands make one rounding, so 200 ms is the same
    /// float as the `0.2` of a bucket.
    fn of_span(self, span: Span) -> Option<f64> {
        let millis = span.as_millis() as f64;
        match self {
            Unit::Minutes => Some(millis / 60_000.0),
            Unit::Seconds => Some(millis / 1_000.0),
            Unit::Milliseconds => Some(millis),
            Unit::Microseconds => Some(millis * 1_000.0),
            Unit::Nanoseconds => Some(millis * 1_000_000.0),
            Unit::Bytes => None,
        }
    }

    /// `observed`, which is in this unit, in seconds; `None` where it measures no time.
    pub fn seconds(self, observed: f64) -> Option<f64> {
        match self {
            Unit::Minutes => Some(observed * 60.0),
            Unit::Seconds => Some(observed),
            Unit::Milliseconds => Some(observed / 1e3),
            Unit::Microseconds => Some(observed / 1e6),
            Unit::Nanoseconds => Some(observed / 1e9),
            Unit::Bytes => None,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let word = Unit::WORDS.iter().find(|(_, unit)| unit == self).map_or("", |(word, _)| word);
        f.write_str(word)
    }
}

/// A threshold as it was written. Invariant: above 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// A bare number, in the metric's own unit.
    Bare(f64),
    Time(Span),
    Bytes(f64),
}

/// Why a text is no threshold, or none for its metric.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ThresholdError {
    #[error("threshold {0:?} is neither a number nor a duration nor a size")]
    Unreadable(String),
    #[error("threshold {0} is not above 0")]
    Zero(String),
    #[error(transparent)]
    Span(SpanError),
    #[error("threshold {0} is a time, and the histogram's name tells no unit")]
    NoUnit(Span),
    #[error("threshold {0} is a time, and the histogram counts bytes")]
    TimeOfBytes(Span),
    #[error("the threshold is a size, and the histogram does not count bytes")]
    SizeOfOther,
}

impl Remedy for ThresholdError {
    fn remedy(&self) -> String {
        match self {
            Self::Unreadable(_) => "write a duration such as 200ms, or a number in the metric's own unit".into(),
            Self::Zero(_) => "write what is still good, such as 200ms".into(),
            Self::Span(error) => error.remedy(),
            Self::NoUnit(_) => "say what it observes in with \"unit\": s, ms, us or ns".into(),
            Self::TimeOfBytes(_) => "write a size such as 64KiB, or a number".into(),
            Self::SizeOfOther => "write a duration such as 200ms, or a number in the metric's own unit".into(),
        }
    }
}

/// Sizes and their bytes.
const SIZES: [(&str, f64); 7] = [
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("B", 1.0),
];

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Threshold, ThresholdError> {
        let above_zero = |number: f64| match number > 0.0 {
            true => Ok(number),
            false => Err(ThresholdError::Zero(text.to_string())),
        };
        if let Ok(Number(number)) = text.parse() {
            return above_zero(number).map(Threshold::Bare);
        }
        let size = SIZES.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?.trim_end(), bytes)));
        if let Some((number, bytes)) = size {
            let Number(number) = number.parse().map_err(|_| ThresholdError::Unreadable(text.to_string()))?;
            return above_zero(number * bytes).map(Threshold::Bytes);
        }
        let is_timed = text.starts_with(|first: char| first.is_ascii_digit()) && text.ends_with(char::is_alphabetic);
        match text.parse() {
            Ok(span) => Ok(Threshold::Time(span)),
            Err(error) if is_timed => Err(ThresholdError::Span(error)),
            Err(_) => Err(ThresholdError::Unreadable(text.to_string())),
        }
    }
}

impl Threshold {
    /// The threshold in the unit of a histogram that observes in `unit`.
    pub fn within(self, unit: Option<Unit>) -> Result<f64, ThresholdError> {
        match (self, unit) {
            (Threshold::Bare(number), _) => Ok(number),
            (Threshold::Time(span), None) => Err(ThresholdError::NoUnit(span)),
            (Threshold::Time(span), Some(unit)) => unit.of_span(span).ok_or(ThresholdError::TimeOfBytes(span)),
            (Threshold::Bytes(bytes), Some(Unit::Bytes)) => Ok(bytes),
            (Threshold::Bytes(_), _) => Err(ThresholdError::SizeOfOther),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, metric: &str, expected: Result<f64, &str>) {
        let under = text.parse::<Threshold>().and_then(|threshold| threshold.within(Unit::of_metric(metric)));
        let told = under.map_err(|error| format!("{error}; {}", error.remedy()));
        assert_eq!(told, expected.map_err(String::from), "{text} {metric}");
    }

    #[test]
    fn is_the_number_that_stands_in_the_buckets() {
        check("200ms", "request_duration_seconds", Ok(0.2));
        check("1s500ms", "request_duration_seconds", Ok(1.5));
        check("2s", "request_duration_milliseconds", Ok(2000.0));
        check("5ms", "request_duration_us", Ok(5000.0));
        check("1ms", "gc_ns", Ok(1e6));
        check("90s", "job_minutes", Ok(1.5));
        check("64KiB", "response_size_bytes", Ok(65536.0));
        check("0.5MB", "response_size_bytes", Ok(500_000.0));
    }

    #[test]
    fn is_in_the_metrics_own_unit_where_it_is_a_bare_number() {
        check("0.25", "request_duration_seconds", Ok(0.25));
        check("250", "request_latency", Ok(250.0));
        check("1024", "response_size_bytes", Ok(1024.0));
    }

    #[test]
    fn what_was_observed_in_any_unit_of_time_is_told_in_seconds() {
        let told = |(_, unit): (&str, Unit)| unit.seconds(120.0);
        let expected = [Some(120.0), Some(0.12), Some(0.00012), Some(0.00000012), Some(7200.0), None];
        assert_eq!(Unit::WORDS.map(told), expected);
    }

    #[test]
    fn refuses_what_does_not_fit_the_metric() {
        let no_unit = "threshold 200ms is a time, and the histogram's name tells no unit; \
                       say what it observes in with \"unit\": s, ms, us or ns";
        check("200ms", "latency", Err(no_unit));
        let bytes =
            "threshold 200ms is a time, and the histogram counts bytes; write a size such as 64KiB, or a number";
        check("200ms", "size_bytes", Err(bytes));
        let size = "the threshold is a size, and the histogram does not count bytes; \
                    write a duration such as 200ms, or a number in the metric's own unit";
        check("1MiB", "duration_seconds", Err(size));
    }

    #[test]
    fn refuses_what_is_no_threshold() {
        check("0", "a_seconds", Err("threshold 0 is not above 0; write what is still good, such as 200ms"));
        check("0s", "a_seconds", Err(r#"duration "0s" is not above 0; write a duration above 0, such as 30s or 5m"#));
        for text in ["", "fast", ".5", "012", "1_000", "-1s", "MiB"] {
            assert_eq!(text.parse::<Threshold>(), Err(ThresholdError::Unreadable(text.into())));
        }
        assert!(matches!("1.5s".parse::<Threshold>(), Err(ThresholdError::Span(SpanError::Unreadable(_)))));
    }
}
