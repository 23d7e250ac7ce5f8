//! Why a target gave nothing, and what to do. A scrape that fails is none: nothing of it counts.

use crate::io::http;
use crate::io::scrape::exposition::Fault;
use crate::io::scrape::recent::Limits;
use crate::units::Problem;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Http(#[from] http::Error),
    #[error("{url} answered with a web page")]
    Page { url: String },
    #[error("what {url} exposes is refused: {fault}")]
    Refused { url: String, fault: Fault },
    #[error("with the series of {url} there would be more than are held ({most})", most = Limits::DEFAULT.series)]
    Full { url: String },
    /// All of it counts but what stands there again.
    #[error("{url} exposes a series twice: {fault}")]
    Repeated { url: String, fault: Fault },
}

impl Error {
    /// What to do; empty where there is nothing to say.
    pub fn remedy(&self) -> &'static str {
        match self {
            Error::Http(http::Error::TooLong { .. }) => "expose less, or split the target",
            Error::Http(error) => error.remedy(),
            Error::Page { .. } => "check that the url leads to metrics; most programs have them at /metrics",
            Error::Full { .. } => "narrow the SLOs' selectors to other metrics, or expose fewer series",
            Error::Refused { fault, .. } | Error::Repeated { fault, .. } => fault.remedy(),
        }
    }

    pub fn problem(&self) -> Problem {
        match self {
            Error::Http(_) | Error::Page { .. } | Error::Refused { .. } | Error::Full { .. } => {
                Problem::error("scrape_failed", self.to_string(), self.remedy())
            }
            Error::Repeated { .. } => Problem::warning("series_repeated", self.to_string(), self.remedy()),
        }
    }
}
