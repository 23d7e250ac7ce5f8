//! Numbers as people mean them: plain decimals, read from the text that was written.

use std::str::FromStr;

/// A decimal number at or above 0, such as `0.5` or `12`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number(pub f64);

/// A whole number at or above 0, such as `100`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole(pub u64);

/// Why a text is not the number that is wanted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NumberError {
    #[error("{0:?} is not a plain decimal number")]
    NotANumber(String),
    #[error("{0:?} is not a whole number")]
    NotWhole(String),
}

impl NumberError {
    /// What to write instead.
    pub fn remedy(&self) -> String {
        match self {
            Self::NotANumber(_) => "write digits, with a point between them where needed, such as 12 or 0.5".into(),
            Self::NotWhole(_) => "write digits only, such as 100".into(),
        }
    }
}

/// Whether `text` is digits without an idle zero in front, which other readers take for octal.
fn is_whole(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'))
}

impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Number, NumberError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let plain = is_whole(whole) && !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<f64>() {
            Ok(number) if plain && number.is_finite() => Ok(Number(number)),
            _ => Err(NumberError::NotANumber(text.to_string())),
        }
    }
}

impl FromStr for Whole {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Whole, NumberError> {
        match text.parse::<u64>() {
            Ok(number) if is_whole(text) => Ok(Whole(number)),
            _ => Err(NumberError::NotWhole(text.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_plain_decimals() {
        for (text, number) in [("0", 0.0), ("12", 12.0), ("0.5", 0.5), ("12.50", 12.5)] {
            assert_eq!(text.parse(), Ok(Number(number)));
        }
        assert_eq!("100".parse(), Ok(Whole(100)));
    }

    #[test]
    fn refuses_what_another_reader_would_read_differently() {
        for text in ["", "012", "1_000", ".5", "5.", "1e3", "0x1F", "-1", "+1", "1,5", "NaN", "inf", " 1", "00"] {
            assert_eq!(text.parse::<Number>(), Err(NumberError::NotANumber(text.into())));
            assert_eq!(text.parse::<Whole>(), Err(NumberError::NotWhole(text.into())));
        }
        assert!("1.5".parse::<Whole>().is_err());
        assert!("99999999999999999999".parse::<Whole>().is_err());
        assert!("9".repeat(400).parse::<Number>().is_err());
    }
}
