//! Targets that expose their metrics as text: one request per scrape, and series out. A scrape is whole or none.
//! What was read is held for some minutes. Never knows an SLO, nor what of it was counted.

mod config;
mod error;
pub mod exposition;
mod recent;

use reqwest::StatusCode;
use reqwest::header::ACCEPT;

use crate::io::http;
use crate::units::Labels;

use exposition::Format;

pub use config::{Config, Target};
pub use error::Error;
pub use exposition::{Exposed, Wanted};
pub use recent::{Full, Limits, Recent};

/// The most that is read of a body, after decompression: 16 MiB.
pub const LARGEST_BODY: usize = 16 << 20;

/// The languages we read, dearest first: OpenMetrics tells where it ends and when series began.
const LANGUAGES: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8,\
    application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,\
    text/plain;version=0.0.4;q=0.4,*/*;q=0.1";
/// How long we wait, in seconds: as Prometheus says it, for exporters that must ask others first.
const TIMEOUT_HEADER: &str = "X-Prometheus-Scrape-Timeout-Seconds";

/// Reads one target.
#[derive(Clone)]
pub struct Scraper {
    client: http::Client,
    labels: Labels,
}

/// What a target exposed.
#[derive(Debug)]
pub struct Scrape {
    pub exposed: Vec<Exposed>,
    /// What is wrong with it though it counts.
    pub flaw: Option<Error>,
}

impl Scraper {
    /// Reads the files that `target` names, so that a wrong one is known at start.
    pub fn build(target: &Target) -> Result<Scraper, Error> {
        let client = http::Client::build(&target.http)?.with_params(&target.params).of_one_page(LARGEST_BODY);
        Ok(Scraper { client, labels: target.labels.clone() })
    }

    /// The address of the target.
    pub fn url(&self) -> &str {
        self.client.origin()
    }

    /// The labels of the target: all that its series have in common.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The series of `wanted` metrics that the target exposes now.
    pub async fn scrape(&self, wanted: &Wanted) -> Result<Scrape, Error> {
        let url = || self.url().to_string();
        let request = self.client.page()?.header(ACCEPT, LANGUAGES);
        let request = request.header(TIMEOUT_HEADER, self.client.timeout().as_seconds().to_string());
        let answer = self.client.answer(request.send()).await?;
        if answer.status != StatusCode::OK {
            return Err(self.client.refusal(&answer).into());
        }
        if answer.body.trim_ascii_start().starts_with(b"<") {
            return Err(Error::Page { url: url() });
        }
        let read = exposition::read(&answer.body, Format::of(&answer.content_type), wanted, &self.labels);
        let exposition = read.map_err(|fault| Error::Refused { url: url(), fault })?;
        let flaw = exposition.repeated.map(|fault| Error::Repeated { url: url(), fault });
        Ok(Scrape { exposed: exposition.exposed, flaw })
    }
}
