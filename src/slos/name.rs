//! What services and SLOs may be called.

use std::str::FromStr;

use crate::yaml::Remedy;

/// A name that is safe in labels, files and addresses: `[a-zA-Z0-9][a-zA-Z0-9_.-]*`, at most 63 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

const MAX_BYTES: usize = 63;

impl Name {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NameError {
    #[error("the name is empty")]
    Empty,
    #[error("the name {0:?} has {1:?} in it")]
    Letter(String, char),
    #[error("the name {0:?} begins with {1:?}")]
    First(String, char),
    #[error("the name {0:?} is longer than 63 letters")]
    TooLong(String),
}

impl Remedy for NameError {
    fn remedy(&self) -> String {
        match self {
            Self::Empty => "write a name such as checkout".into(),
            Self::Letter(..) => "use the letters a-z and A-Z, digits, _ . and -".into(),
            Self::First(..) => "begin with a letter or a digit".into(),
            Self::TooLong(_) => "shorten it".into(),
        }
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Name, NameError> {
        let is_allowed = |letter: &char| letter.is_ascii_alphanumeric() || "_.-".contains(*letter);
        if let Some(letter) = text.chars().find(|letter| !is_allowed(letter)) {
            return Err(NameError::Letter(text.into(), letter));
        }
        match text.chars().next() {
            None => Err(NameError::Empty),
            Some(first) if !first.is_ascii_alphanumeric() => Err(NameError::First(text.into(), first)),
            Some(_) if text.len() > MAX_BYTES => Err(NameError::TooLong(text.into())),
            Some(_) => Ok(Name(text.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(), NameError>) {
        assert_eq!(text.parse::<Name>().map(|_| ()), expected);
    }

    #[test]
    fn is_letters_digits_and_three_signs() {
        for text in ["a", "0", "checkout", "post-agents_plan.v2-p99.9", &"x".repeat(63)] {
            check(text, Ok(()));
        }
        check("", Err(NameError::Empty));
        check("my slo", Err(NameError::Letter("my slo".into(), ' ')));
        check("é", Err(NameError::Letter("é".into(), 'é')));
        check("a/b", Err(NameError::Letter("a/b".into(), '/')));
        check(".a", Err(NameError::First(".a".into(), '.')));
        check(&"x".repeat(64), Err(NameError::TooLong("x".repeat(64))));
    }
}
