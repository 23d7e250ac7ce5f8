//! The one outbound client: where it goes, whom it trusts, who it says it is, and how much it reads of an answer.
//! Never knows what is asked or what an answer means. Secrets come from files and stand in no error and no `Debug`.

mod config;
mod error;

use std::error::Error as StdError;
use std::future::Future;
use std::path::Path;
use std::time::Duration;
use std::{fs, io, iter};

use chrono::DateTime;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Certificate, Identity, RequestBuilder, Response, StatusCode, Url, redirect};

use crate::io::clock::{self, Offset};
use crate::units::{Span, Timestamp};

pub use config::{Config, Credentials, KeyPair, Tls, header, path, url};
pub use error::Error;

/// The most that is read of an answer, after decompression, where nothing else is said: 64 MiB.
pub const MAX_BODY: usize = 64 << 20;

/// A client for one server.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: Url,
    origin: String,
    credentials: Credentials,
    timeout: Span,
    max_body: usize,
}

/// What a server said, whatever its status.
pub struct Answer {
    pub status: StatusCode,
    /// The language of the body; empty where it is not told.
    pub content_type: String,
    /// How far the server's clock is from ours, where it told the time.
    pub clock: Option<Offset>,
    /// How long the server asks to be left alone.
    pub retry_after: Option<Span>,
    pub body: Vec<u8>,
}

impl Client {
    /// Reads the files that `config` names, so that a wrong one is known at start.
    pub fn build(config: &Config) -> Result<Client, Error> {
        // Only the first provider of a process stays; a later one changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = config::url(&config.url)?;
        let timeout = Duration::from_millis(config.timeout.as_millis().unsigned_abs());
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("burnwatch/", env!("CARGO_PKG_VERSION")))
            .default_headers(config.headers.clone())
            .redirect(redirect::Policy::none())
            .timeout(timeout);
        if is_local(&url) {
            http = http.no_proxy(); // HTTP_PROXY is for the world outside
        }
        let authorities = match &config.tls.ca_file {
            Some(path) => certificates(path)?,
            None => vec![],
        };
        http = match url.scheme() {
            "https" => http.tls_certs_merge(authorities),
            _ => http.tls_certs_only([]), // a host without any authorities can still speak plain HTTP
        };
        if let Some(pair) = &config.tls.identity {
            http = http.identity(identity(pair)?);
        }
        let http = http.build().map_err(|error| Error::Client { cause: told(&error) })?;
        let (origin, credentials) = (url.origin().ascii_serialization(), config.credentials.clone());
        let client = Client { http, url, origin, credentials, timeout: config.timeout, max_body: MAX_BODY };
        client.authorization()?;
        Ok(client)
    }

    /// This client for one page only: errors name its whole address, and of its answers at most `max_body` bytes are
    /// read after decompression.
    pub fn of_one_page(self, max_body: usize) -> Client {
        Client { origin: self.url.to_string(), max_body, ..self }
    }

    /// This client, with `params` behind its address.
    pub fn with_params(mut self, params: &[(String, String)]) -> Client {
        if !params.is_empty() {
            self.url.query_pairs_mut().extend_pairs(params);
        }
        self
    }

    /// This client, reading at most `max_body` bytes of an answer.
    pub fn reading_at_most(self, max_body: usize) -> Client {
        Client { max_body, ..self }
    }

    /// The client beneath, for a library that makes the requests itself. It knows no credentials: see
    /// [`Client::authorization`].
    pub fn transport(&self) -> &reqwest::Client {
        &self.http
    }

    /// The server's address without a slash at its end, so that `/path` may follow.
    pub fn url(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Scheme, host and port, or the whole address of one page: what errors name.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub fn timeout(&self) -> Span {
        self.timeout
    }

    /// A request for `path` (which begins with a slash) below the server's address.
    pub fn get(&self, path: &str) -> Result<RequestBuilder, Error> {
        self.authorized(self.http.get(format!("{}{path}", self.url())))
    }

    /// The same that sends something; to the address itself where `path` is empty.
    pub fn post(&self, path: &str) -> Result<RequestBuilder, Error> {
        match path {
            "" => self.authorized(self.http.post(self.url.clone())),
            path => self.authorized(self.http.post(format!("{}{path}", self.url()))),
        }
    }

    /// A request for the address itself.
    pub fn page(&self) -> Result<RequestBuilder, Error> {
        self.authorized(self.http.get(self.url.clone()))
    }

    /// The `Authorization` header as the files say it now; `None` where there are no credentials.
    pub fn authorization(&self) -> Result<Option<HeaderValue>, Error> {
        let request = self.page()?.build();
        let mut request = request.map_err(|error| Error::Client { cause: told(&error) })?;
        Ok(request.headers_mut().remove(AUTHORIZATION))
    }

    fn authorized(&self, request: RequestBuilder) -> Result<RequestBuilder, Error> {
        Ok(match &self.credentials {
            Credentials::None => request,
            Credentials::Basic { username, password_file } => {
                request.basic_auth(username, Some(secret(password_file)?))
            }
            Credentials::Bearer { token_file } => request.bearer_auth(secret(token_file)?),
        })
    }

    /// Waits for `sent` and reads its answer, as much of it as may be read. An answer with an unhappy status is an answer
    /// too (see [`Client::refusal`]); a redirect is not, for credentials are not carried elsewhere.
    pub async fn answer<E>(&self, sent: impl Future<Output = Result<Response, E>>) -> Result<Answer, Error>
    where
        E: StdError + 'static,
    {
        let sent_at = clock::now();
        let mut response = sent.await.map_err(|error| self.failure(&error))?;
        let received_at = clock::now();
        let status = response.status();
        let date = response.headers().get(DATE).and_then(moment);
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_string();
        if let (true, Some(to)) = (status.is_redirection(), response.headers().get(LOCATION)) {
            let to = String::from_utf8_lossy(to.as_bytes());
            let to = to.split(['?', '#']).next().unwrap_or_default().to_string();
            return Err(Error::Redirected { origin: self.origin.clone(), to });
        }
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| wait(value, date.unwrap_or(received_at)));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failure(&error))? {
            if body.len() + chunk.len() > self.max_body {
                return Err(Error::TooLong { origin: self.origin.clone(), mebibytes: self.max_body >> 20 });
            }
            body.extend_from_slice(&chunk);
        }
        let clock = date.map(|date| Offset::between(date, sent_at, received_at));
        Ok(Answer { status, content_type, clock, retry_after, body })
    }

    /// The error that `answer` is to somebody who wanted something done.
    pub fn refusal(&self, answer: &Answer) -> Error {
        Error::Status { origin: self.origin.clone(), status: answer.status, retry_after: answer.retry_after }
    }

    /// What went wrong below HTTP. The library says only "error sending request"; its causes know more.
    fn failure(&self, error: &(dyn StdError + 'static)) -> Error {
        let (origin, cause) = (self.origin.clone(), told(error));
        let library = || causes(error).filter_map(|cause| cause.downcast_ref::<reqwest::Error>());
        if library().any(reqwest::Error::is_timeout) {
            return Error::Slow { origin, timeout: self.timeout };
        }
        for inner in causes(error) {
            match inner.downcast_ref::<rustls::Error>() {
                Some(rustls::Error::InvalidCertificate(_)) => return Error::Untrusted { origin, cause },
                Some(_) => return Error::Handshake { origin, cause },
                None => {}
            }
            match inner.downcast_ref::<io::Error>().map(io::Error::kind) {
                Some(io::ErrorKind::ConnectionRefused) => return Error::Refused { origin },
                _ if inner.to_string() == "dns error" => return Error::UnknownHost { origin, cause },
                _ => {}
            }
        }
        match library().any(|error| error.is_body() || error.is_decode()) {
            true => Error::Cut { origin, cause },
            false => Error::Unreachable { origin, cause },
        }
    }
}

fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|cause| Error::File { path: path.to_path_buf(), cause })
}

/// The one line that `path` holds.
pub fn secret(path: &Path) -> Result<String, Error> {
    let text = String::from_utf8(read(path)?).unwrap_or_default();
    let text = text.trim();
    match text.is_empty() || text.contains(char::is_control) {
        true => Err(Error::Unusable { path: path.to_path_buf(), what: "secret of one line" }),
        false => Ok(text.to_string()),
    }
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, Error> {
    let certificates = Certificate::from_pem_bundle(&read(path)?).unwrap_or_default();
    match certificates.is_empty() {
        true => Err(Error::Unusable { path: path.to_path_buf(), what: "PEM certificate" }),
        false => Ok(certificates),
    }
}

fn identity(pair: &KeyPair) -> Result<Identity, Error> {
    let mut pem = read(&pair.key_file)?;
    pem.push(b'\n');
    pem.extend(read(&pair.cert_file)?);
    Identity::from_pem(&pem).map_err(|_| Error::Unusable {
        path: pair.cert_file.clone(),
        what: "PEM certificate, or its key_file no PEM key",
    })
}

/// The moment in a header such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn moment(value: &HeaderValue) -> Option<Timestamp> {
    let moment = DateTime::parse_from_rfc2822(value.to_str().ok()?).ok()?;
    Some(Timestamp::seconds(moment.timestamp()))
}

/// How long `Retry-After` says to wait, in seconds or until a moment.
fn wait(value: &HeaderValue, now: Timestamp) -> Option<Span> {
    match value.to_str().ok()?.trim().parse() {
        Ok(seconds) => Some(Span::seconds(seconds)),
        Err(_) => moment(value).map(|then| then.since(now)),
    }
}

/// `error` and what it came from, outermost first. An `io::Error` hides the error within it from `source`.
fn causes<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner as &(dyn StdError + 'static)),
        None => error.source(),
    })
}

/// The causes of `error` as one line. What the library itself says is left out: it names the whole URL.
fn told(error: &(dyn StdError + 'static)) -> String {
    let library = causes(error).filter(|cause| cause.is::<reqwest::Error>()).last();
    let mut told: Vec<String> = vec![];
    for cause in causes(library.unwrap_or(error)).skip(usize::from(library.is_some())) {
        let text = cause.to_string();
        if !told.iter().any(|before| before.ends_with(&text)) {
            told.push(text);
        }
    }
    match told.is_empty() {
        true => "no cause given".to_string(),
        false => told.join(": "),
    }
}
