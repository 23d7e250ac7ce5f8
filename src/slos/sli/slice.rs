//! How long one slice of time is that is judged as a whole.

use std::str::FromStr;

use crate::units::{Span, SpanError};
use crate::yaml::{Fields, Remedy};

/// The length of a slice. Invariant: whole seconds, as the grid that sources evaluate expressions on.
struct Slice(Span);

#[derive(Debug, thiserror::Error)]
enum SliceError {
    #[error(transparent)]
    Unreadable(#[from] SpanError),
    #[error("slice {0:?} is not whole seconds")]
    NotWholeSeconds(String),
}

impl Remedy for SliceError {
    fn remedy(&self) -> String {
        match self {
            SliceError::Unreadable(error) => error.remedy(),
            SliceError::NotWholeSeconds(_) => "write whole seconds, such as 30s or 1m".into(),
        }
    }
}

impl FromStr for Slice {
    type Err = SliceError;

    fn from_str(text: &str) -> Result<Slice, SliceError> {
        let span: Span = text.parse()?;
        match span.as_millis() % 1_000 {
            0 => Ok(Slice(span)),
            _ => Err(SliceError::NotWholeSeconds(text.to_string())),
        }
    }
}

/// The value of the key `every`; `default` where nobody says, or says it wrong.
pub fn every(fields: &mut Fields, default: Span) -> Span {
    fields.read("every").map_or(default, |Slice(every)| every)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<Span, &str>) {
        let read = text.parse::<Slice>().map(|Slice(span)| span).map_err(|error| error.to_string());
        assert_eq!(read, expected.map_err(String::from), "{text}");
    }

    #[test]
    fn is_whole_seconds() {
        check("90s", Ok(Span::seconds(90)));
        check("1m", Ok(Span::minutes(1)));
        check("1500ms", Err("slice \"1500ms\" is not whole seconds"));
        check("5", Err("duration \"5\" has no unit"));
    }
}
