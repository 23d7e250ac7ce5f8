//! Why a source gave no answer, and what to do. No answer is never an empty answer.

use crate::io::http;
use crate::units::{Problem, Span};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Http(#[from] http::Error),
    #[error("{origin} answered with a web page")]
    Page { origin: String },
    /// The server understood that it was asked and said no.
    #[error("the source refused the query: {what} ({kind}, status {status})")]
    Refused { status: u16, kind: String, what: String, retry_after: Option<Span> },
    /// The server says itself that something is missing.
    #[error("the source answered in part only: {}", warnings.join("; "))]
    Partial { warnings: Vec<String> },
    #[error("the source's answer cannot be read: {what}")]
    Unreadable { what: String },
    #[error("the query gives a {found}, not a {wanted}")]
    OtherKind { found: String, wanted: &'static str },
    #[error("{count} series, more than max_series ({limit})")]
    TooManySeries { count: usize, limit: usize },
    #[error("{count} samples, more than max_samples ({limit})")]
    TooManySamples { count: usize, limit: usize },
}

impl Error {
    /// What to do; empty where there is nothing to say.
    pub fn remedy(&self) -> &'static str {
        match self {
            Error::Http(error) => error.remedy(),
            Error::Page { .. } => "check that the url leads to a Prometheus API and not to a login or another program",
            Error::Refused { status: 401 | 403, .. } => "check basic_auth, bearer_token_file and headers of the source",
            Error::Refused { .. } => "",
            Error::Partial { .. } => "nothing was counted of it; see to the part that is missing",
            Error::Unreadable { .. } => "check that the url leads to a Prometheus API, and see its log",
            Error::OtherKind { wanted: "matrix", .. } => "write a selector with a range, such as requests_total[5m]",
            Error::OtherKind { .. } => "write an expression that gives series, such as sum(requests_total)",
            Error::TooManySeries { .. } => "narrow the selector, raise max_series, or write an expression with $window",
            Error::TooManySamples { .. } => {
                "narrow the selector, raise max_samples, or write an expression with $window"
            }
        }
    }

    /// Whether the same question over a shorter span may be answered.
    pub fn is_too_much(&self) -> bool {
        match self {
            // 422 is what Prometheus and its kin say when a limit on samples is passed.
            Error::Refused { status, .. } => *status == 422,
            Error::Http(http::Error::TooLong { .. }) | Error::TooManySamples { .. } | Error::TooManySeries { .. } => {
                true
            }
            Error::Http(_)
            | Error::Page { .. }
            | Error::Partial { .. }
            | Error::Unreadable { .. }
            | Error::OtherKind { .. } => false,
        }
    }

    /// How long the source asked to be left alone.
    pub fn retry_after(&self) -> Option<Span> {
        match self {
            Error::Http(error) => error.retry_after(),
            Error::Refused { retry_after, .. } => *retry_after,
            Error::Page { .. }
            | Error::Partial { .. }
            | Error::Unreadable { .. }
            | Error::OtherKind { .. }
            | Error::TooManySeries { .. }
            | Error::TooManySamples { .. } => None,
        }
    }

    pub fn problem(&self) -> Problem {
        let code = match self {
            Error::Http(_) => "source_unreachable",
            Error::Page { .. } | Error::Unreadable { .. } => "source_unreadable",
            Error::Refused { .. } | Error::OtherKind { .. } => "source_refused",
            Error::Partial { .. } => "source_partial",
            Error::TooManySeries { .. } => "too_many_series",
            Error::TooManySamples { .. } => "too_many_samples",
        };
        Problem::error(code, self.to_string(), self.remedy())
    }
}
