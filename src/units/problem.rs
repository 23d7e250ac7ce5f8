//! Something that is wrong, said so that it can be mended.

use std::fmt;
use std::sync::Arc;

use crate::units::SloId;

/// How much it matters. An error keeps something from working, a warning will surprise somebody, a note is good to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Error,
    Warning,
    Note,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where in a file something stands. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub file: Arc<str>,
    /// 0 where the problem is about the whole file.
    pub line: u32,
    pub column: u32,
    /// The line itself, to show beneath the problem; empty where there is none to show.
    pub text: Arc<str>,
}

impl Place {
    pub fn of_file(file: impl Into<Arc<str>>) -> Place {
        Place { file: file.into(), line: 0, column: 0, text: "".into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file),
            line => write!(f, "{}:{line}:{}", self.file, self.column),
        }
    }
}

/// What a problem is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum About {
    /// burnwatch as a whole.
    All,
    Service(Box<str>),
    Slo(SloId),
}

impl About {
    /// The service and the SLO, as far as it is about one.
    pub fn names(&self) -> (Option<&str>, Option<&str>) {
        match self {
            About::All => (None, None),
            About::Service(service) => (Some(service), None),
            About::Slo(id) => (Some(&id.service), Some(&id.slo)),
        }
    }
}

/// One thing that is wrong: what, where, and what to do. Lower case, no full stop, values quoted as they were written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Problem {
    pub severity: Severity,
    /// A stable word for programs, such as `no_such_bucket`.
    pub code: &'static str,
    pub place: Option<Place>,
    pub about: About,
    pub what: String,
    /// What to do; empty where there is nothing to say.
    pub remedy: String,
}

impl Problem {
    pub fn error(code: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Problem {
        let (what, remedy) = (what.into(), remedy.into());
        Problem { severity: Severity::Error, code, place: None, about: About::All, what, remedy }
    }

    pub fn warning(code: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Problem {
        Problem { severity: Severity::Warning, ..Problem::error(code, what, remedy) }
    }

    pub fn note(code: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Problem {
        Problem { severity: Severity::Note, ..Problem::error(code, what, remedy) }
    }

    pub fn at(self, place: &Place) -> Problem {
        Problem { place: Some(place.clone()), ..self }
    }

    pub fn about(self, id: &SloId) -> Problem {
        Problem { about: About::Slo(id.clone()), ..self }
    }
}

impl fmt::Display for Problem {
    /// `slos/checkout.yaml:7:16: objective 99.9 is above 1; write 99.9% or 0.999`
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}", self.what)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

/// The word of `known` that `word` was probably meant to be, if one is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = |candidate: &str| strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase());
    known
        .into_iter()
        .map(|candidate| (near(candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().max(word.chars().count()) / 3)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_what_and_what_to_do() {
        let place = Place { file: "slos/checkout.yaml".into(), line: 7, column: 16, text: "".into() };
        let problem = Problem::error("objective", "objective 99.9 is above 1", "write 99.9% or 0.999").at(&place);
        assert_eq!(problem.to_string(), "slos/checkout.yaml:7:16: objective 99.9 is above 1; write 99.9% or 0.999");
    }

    #[test]
    fn names_the_nearest_word_or_none() {
        assert_eq!(nearest("objetive", ["objective", "window"]), Some("objective"));
        assert_eq!(nearest("Window", ["objective", "window"]), Some("window"));
        assert_eq!(nearest("banana", ["objective", "window"]), None);
    }
}
