//! A server and how to speak with it, and reading that from a configuration file.

use std::path::{Path, PathBuf};

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use crate::io::http::Error;
use crate::units::{Place, Problem, Span};
use crate::yaml::Fields;

/// One server and how to speak with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `http` or `https`, host, port and path; no credentials, they come from files.
    pub url: String,
    /// Sent with every request; see [`header`].
    pub headers: HeaderMap,
    pub credentials: Credentials,
    pub tls: Tls,
    /// From the first byte sent to the last one received.
    pub timeout: Span,
}

/// Who we say we are. The files are read anew for every request, so that a secret may be replaced at any time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Credentials {
    #[default]
    None,
    Basic {
        username: String,
        password_file: PathBuf,
    },
    Bearer {
        token_file: PathBuf,
    },
}

/// Whom we trust, beside the authorities of the system, and how we prove who we are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    pub ca_file: Option<PathBuf>,
    pub identity: Option<KeyPair>,
}

/// A client certificate and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPair {
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
}

impl Config {
    /// A server at `url`, without credentials, trusted as the system trusts it, given 10 s to answer.
    pub fn new(url: impl Into<String>) -> Config {
        Config {
            url: url.into(),
            headers: HeaderMap::new(),
            credentials: Credentials::None,
            tls: Tls::default(),
            timeout: Span::seconds(10),
        }
    }

    /// What `fields` say of a server; where they say nothing, it stays as it is. Files are found beside the one read.
    pub fn read(self, fields: &mut Fields) -> Config {
        Config {
            url: read_url(fields).unwrap_or(self.url),
            headers: read_headers(fields).unwrap_or(self.headers),
            credentials: read_credentials(fields).unwrap_or(self.credentials),
            tls: read_tls(fields).unwrap_or(self.tls),
            timeout: fields.read("timeout").unwrap_or(self.timeout),
        }
    }
}

/// A header for [`Config::headers`], marked so that its value is never shown.
pub fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let refused = |why| Error::Header { name: name.to_string(), why };
    let header: HeaderName = name.parse().map_err(|_| refused("is not the name of a header"))?;
    if header == AUTHORIZATION {
        return Err(refused("is a secret and secrets come from files"));
    }
    let mut value: HeaderValue = value.parse().map_err(|_| refused("has a value that cannot be sent"))?;
    value.set_sensitive(true);
    Ok((header, value))
}

/// Why a URL with a query is none for us: each that is asked adds its own.
pub const AFTER_PATH: &str = "goes on after its path";

/// The URL in `text`, if it is one that a server may have.
pub fn url(text: &str) -> Result<Url, Error> {
    let mut url = Url::parse(text).map_err(|_| Error::Url { url: text.to_string(), why: "is not a URL" })?;
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    // What may be a secret is taken out before anything is said about the rest; both fail only where there is no host.
    let _ = (url.set_username(""), url.set_password(None));
    let why = match url.scheme() {
        "http" | "https" if has_credentials => "holds credentials, which come from files",
        "http" | "https" if url.query().is_some() || url.fragment().is_some() => AFTER_PATH,
        "http" | "https" => return Ok(url),
        _ => "is neither http nor https",
    };
    url.set_query(None);
    Err(Error::Url { url: url.to_string(), why })
}

fn read_url(fields: &mut Fields) -> Option<String> {
    let place = fields.place_of("url");
    let text = fields.text("url")?;
    match url(text) {
        Ok(_) => Some(text.to_string()),
        Err(error) => refused(fields, "url", place, &error),
    }
}

fn read_headers(fields: &mut Fields) -> Option<HeaderMap> {
    let node = fields.take("headers")?;
    let mut headers = HeaderMap::new();
    for (name, value, entry) in node.texts("headers", fields.problems) {
        match header(name, value) {
            Ok((name, value)) => {
                headers.insert(name, value);
            }
            Err(error) => {
                refused::<()>(fields, "headers", Some(&entry.key.place), &error);
            }
        }
    }
    Some(headers)
}

fn read_credentials(fields: &mut Fields) -> Option<Credentials> {
    let second = fields.place_of("bearer_token_file").filter(|_| fields.has("basic_auth"));
    let bearer = path(fields, "bearer_token_file").map(|token_file| Credentials::Bearer { token_file });
    let Some(node) = fields.take("basic_auth") else { return bearer };
    if let Some(place) = second {
        let what = "basic_auth and bearer_token_file are two ways to say who we are";
        fields.problems.push(Problem::error("bearer_token_file", what, "keep one").at(place));
    }
    let mut basic = Fields::of(node, "basic_auth", fields.problems)?;
    let username = basic.require("username").text("username").map(str::to_string);
    let password_file = path(basic.require("password_file"), "password_file");
    basic.done();
    Some(Credentials::Basic { username: username?, password_file: password_file? })
}

fn read_tls(fields: &mut Fields) -> Option<Tls> {
    let node = fields.take("tls")?;
    let mut tls = Fields::of(node, "tls", fields.problems)?;
    let ca_file = path(&mut tls, "ca_file");
    if tls.has("cert_file") || tls.has("key_file") {
        tls.require("cert_file").require("key_file");
    }
    let (cert_file, key_file) = (path(&mut tls, "cert_file"), path(&mut tls, "key_file"));
    tls.done();
    let identity = cert_file.zip(key_file).map(|(cert_file, key_file)| KeyPair { cert_file, key_file });
    Some(Tls { ca_file, identity })
}

/// The path that `key` holds; a relative one begins where the file lies that it stands in.
pub fn path(fields: &mut Fields, key: &'static str) -> Option<PathBuf> {
    let directory = fields.place_of(key).and_then(|place| Path::new(&*place.file).parent());
    let text = fields.text(key)?;
    Some(directory.unwrap_or(Path::new("")).join(text))
}

/// Notes `error`, without the line it stands in: that may hold a secret.
fn refused<T>(fields: &mut Fields, code: &'static str, place: Option<&Place>, error: &Error) -> Option<T> {
    let problem = Problem::error(code, error.to_string(), error.remedy());
    fields.problems.push(match place {
        Some(place) => problem.at(&Place { text: "".into(), ..place.clone() }),
        None => problem,
    });
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::yaml::documents;

    fn read(text: &str) -> (Config, Vec<String>) {
        let (nodes, mut problems) = documents("etc/burnwatch.yaml", text);
        let mut fields = Fields::of(&nodes[0], "a server", &mut problems).unwrap();
        let config = Config::new("http://localhost:9090").read(&mut fields);
        fields.done();
        assert!(!problems.iter().any(|problem| format!("{problem:?}").contains("s3cret")), "{problems:?}");
        (config, problems.iter().map(ToString::to_string).collect())
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(read(text).1, [format!("etc/burnwatch.yaml:1:{expected}")]);
    }

    #[test]
    fn reads_all_there_is_to_say_of_a_server() {
        let (config, problems) = read(
            "url: https://prom.example/p\nheaders: { X-Scope-OrgID: team-a }\ntimeout: 3s\n\
             basic_auth: { username: u, password_file: secret }\n\
             tls: { ca_file: /ca.pem, cert_file: c.pem, key_file: k.pem }\n",
        );
        assert_eq!(problems, [""; 0]);
        let pair = KeyPair { cert_file: "etc/c.pem".into(), key_file: "etc/k.pem".into() };
        let expected = Config {
            url: "https://prom.example/p".to_string(),
            headers: HeaderMap::from_iter([header("x-scope-orgid", "team-a").unwrap()]),
            credentials: Credentials::Basic { username: "u".to_string(), password_file: "etc/secret".into() },
            tls: Tls { ca_file: Some("/ca.pem".into()), identity: Some(pair) },
            timeout: Span::seconds(3),
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn what_is_not_said_stays_as_it_is() {
        assert_eq!(read("{}"), (Config::new("http://localhost:9090"), vec![]));
        let bearer = read("bearer_token_file: ../token").0;
        assert_eq!(bearer.credentials, Credentials::Bearer { token_file: "etc/../token".into() });
    }

    #[test]
    fn says_what_to_write_instead() {
        let example = "write it such as http://localhost:9090";
        check("url: localhost:9090", &format!("1: url \"localhost:9090\" is neither http nor https; {example}"));
        check("url: ''", &format!("1: url \"\" is not a URL; {example}"));
        check(
            "url: http://h/probe?target=a",
            "1: url \"http://h/probe\" goes on after its path; end it with the path; \
             what a page is to be asked, a target to scrape names under params",
        );
        check(
            "url: http://u:s3cret@h/",
            &format!("1: url \"http://h/\" holds credentials, which come from files; {example}"),
        );
        check(
            "headers: { authorization: s3cret }",
            "12: header \"authorization\" is a secret and secrets come from files; \
             write a name and a text; credentials go into basic_auth or bearer_token_file",
        );
        check("tls: { cert_file: a }", "6: tls wants \"key_file\"; add `key_file: ...`");
        check("basic_auth: { username: u }", "13: basic_auth wants \"password_file\"; add `password_file: ...`");
        check(
            "{ basic_auth: { username: u, password_file: f }, bearer_token_file: f }",
            "50: basic_auth and bearer_token_file are two ways to say who we are; keep one",
        );
    }
}
