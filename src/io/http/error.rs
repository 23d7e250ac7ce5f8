//! Why there is no client, or no answer, and what to do.

use std::io;
use std::path::PathBuf;

use reqwest::StatusCode;

use crate::io::http::config::AFTER_PATH;
use crate::units::Span;

/// Why there is no client or no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("url {url:?} {why}")]
    Url { url: String, why: &'static str },
    #[error("header {name:?} {why}")]
    Header { name: String, why: &'static str },
    #[error("{path} cannot be read: {cause}", path = path.display())]
    File { path: PathBuf, cause: io::Error },
    #[error("{path} holds no {what}", path = path.display())]
    Unusable { path: PathBuf, what: &'static str },
    #[error("no HTTP client can be made: {cause}")]
    Client { cause: String },
    #[error("{origin} refused the connection")]
    Refused { origin: String },
    #[error("the host of {origin} is not known: {cause}")]
    UnknownHost { origin: String, cause: String },
    #[error("the certificate of {origin} is not trusted: {cause}")]
    Untrusted { origin: String, cause: String },
    #[error("no TLS with {origin}: {cause}")]
    Handshake { origin: String, cause: String },
    #[error("{origin} cannot be reached: {cause}")]
    Unreachable { origin: String, cause: String },
    #[error("{origin} did not answer within {timeout}")]
    Slow { origin: String, timeout: Span },
    #[error("the answer of {origin} was cut off: {cause}")]
    Cut { origin: String, cause: String },
    #[error("the answer of {origin} is larger than {mebibytes} MiB")]
    TooLong { origin: String, mebibytes: usize },
    #[error("{origin} redirects to {to}")]
    Redirected { origin: String, to: String },
    #[error("{origin} answered {status}")]
    Status { origin: String, status: StatusCode, retry_after: Option<Span> },
}

impl Error {
    /// What to do; empty where there is nothing to say.
    pub fn remedy(&self) -> &'static str {
        match self {
            Error::Url { why: AFTER_PATH, .. } => {
                "end it with the path; what a page is to be asked, a target to scrape names under params"
            }
            Error::Url { .. } => "write it such as http://localhost:9090",
            Error::Header { .. } => "write a name and a text; credentials go into basic_auth or bearer_token_file",
            Error::File { .. } => "check that it exists and that burnwatch may read it",
            Error::Unusable { .. } => "check what was written to it",
            Error::Client { .. } => {
                "check the files that tls names, and that the system has certificates (ca-certificates)"
            }
            Error::Refused { .. } => "check that it is running and that host and port are right",
            Error::UnknownHost { .. } => "check the host's name in the url",
            Error::Untrusted { .. } => {
                "set tls.ca_file to the authority that signed it, or use the name it was made for"
            }
            Error::Handshake { .. } => {
                "check that the port speaks https, and set tls.cert_file and tls.key_file if it asks who we are"
            }
            Error::Unreachable { .. } => "check the url and the network between",
            Error::Slow { .. } => "see what keeps it, or set a longer timeout",
            Error::Cut { .. } => "see its log, and that of any proxy between",
            Error::TooLong { .. } => "ask for less",
            Error::Redirected { .. } => "redirects are not followed; write the address it leads to",
            Error::Status { status, .. } => match status.as_u16() {
                401 => "set basic_auth or bearer_token_file, and check what the file holds",
                403 => "these credentials do not suffice; check what they may read",
                404 => "check the path of the url",
                429 => "it is asked too often; lower concurrency or raise its limit",
                500.. => "see its log, and that of any proxy between",
                _ => "",
            },
        }
    }

    /// How long the server asked to be left alone.
    pub fn retry_after(&self) -> Option<Span> {
        match self {
            Error::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
