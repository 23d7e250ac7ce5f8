//! The span an objective speaks of.

use std::fmt;
use std::str::FromStr;

use crate::units::{Span, SpanError};

/// A rolling window. Invariant: whole days, from 1 to 366.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window(u16);

/// Why a text is not a window.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WindowError {
    #[error(transparent)]
    Unreadable(#[from] SpanError),
    #[error("window {0} is not whole days")]
    NotWholeDays(String),
    #[error("window {0} is longer than 366d")]
    TooLong(String),
}

impl WindowError {
    /// What to write instead.
    pub fn remedy(&self) -> String {
        "write whole days or weeks from 1d to 366d, such as 30d or 4w".into()
    }
}

impl Window {
    /// 30 days, the window of an SLO that names none.
    pub const DEFAULT: Window = Window(30);

    pub fn span(self) -> Span {
        Span::days(i64::from(self.0))
    }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Window, WindowError> {
        let span: Span = text.parse()?;
        let day = Span::days(1).as_millis();
        if span.as_millis() % day != 0 {
            return Err(WindowError::NotWholeDays(text.to_string()));
        }
        match span.as_millis() / day {
            days @ 1..=366 => Ok(Window(days as u16)),
            _ => Err(WindowError::TooLong(text.to_string())),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.span())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_whole_days_from_1_to_366() {
        assert_eq!("30d".parse(), Ok(Window::DEFAULT));
        assert_eq!("4w".parse(), Ok(Window(28)));
        assert_eq!("24h".parse(), Ok(Window(1)));
        assert_eq!("36h".parse::<Window>(), Err(WindowError::NotWholeDays("36h".into())));
        assert_eq!("367d".parse::<Window>(), Err(WindowError::TooLong("367d".into())));
        assert_eq!("30".parse::<Window>(), Err(WindowError::Unreadable(SpanError::NoUnit("30".into()))));
    }
}
