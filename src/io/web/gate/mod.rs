//! Who may come in, and by which door: the web.yml of exporter-toolkit, with TLS and users. It is read anew when one of
//! its files changes; what was right last stays in force. Never knows what is asked for.

mod tls;
mod users;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use rustls::ServerConfig;

use crate::units::{Place, Problem};
use crate::yaml::{self, Fields, Node};

use tls::Tls;
pub use users::{Entry, Users};

/// The headers that may be set, as exporter-toolkit has them.
const HEADERS: [&str; 5] = [
    "content-security-policy",
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
    "x-xss-protection",
];

/// What web.yml says.
#[derive(Default)]
pub struct Rules {
    /// None: no TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// None: everybody may come in.
    pub users: Option<Users>,
    /// Set on every answer.
    pub headers: HeaderMap,
}

/// The rules as the files say them now.
pub struct Gate {
    path: Option<PathBuf>,
    address: SocketAddr,
    last: Mutex<Last>,
}

/// What was read last.
#[derive(Default)]
struct Last {
    rules: Arc<Rules>,
    files: Vec<(PathBuf, Stamp)>,
    problems: Vec<Problem>,
}

/// Which file is at a path, and when it last changed in any way; None where there is none.
type Stamp = Option<(u64, i64, i64, u64)>;

fn stamp(path: &Path) -> Stamp {
    let file = fs::metadata(path).ok()?;
    Some((file.ino(), file.ctime(), file.ctime_nsec(), file.len()))
}

impl Gate {
    /// The gate at `address` by the rules of `path`, or everything that is wrong with them.
    pub fn open(path: Option<&Path>, address: SocketAddr) -> Result<Gate, Vec<Problem>> {
        let mut last = Last::default();
        if let Some(path) = path {
            last.rules = Arc::new(read(path, &mut last.files)?);
        }
        Ok(Gate { path: path.map(Path::to_path_buf), address, last: Mutex::new(last) })
    }

    /// What is in force. Files that changed are read first.
    pub fn rules(&self) -> Arc<Rules> {
        // Whoever held it last has only replaced what is in it.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = self.path.as_deref().filter(|_| last.files.iter().any(|(path, at)| stamp(path) != *at)) {
            match read(path, &mut last.files) {
                Ok(rules) => {
                    last.rules = Arc::new(rules);
                    last.problems.clear();
                    tracing::info!("{} and its files are read anew", path.display());
                }
                Err(problems) => last.problems = problems,
            }
        }
        last.rules.clone()
    }

    /// What is wrong with the files now, and what is left open to everybody.
    pub fn problems(&self) -> Vec<Problem> {
        let rules = self.rules();
        let mut problems = self.last.lock().unwrap_or_else(PoisonError::into_inner).problems.clone();
        for problem in &mut problems {
            problem.remedy += "; until then what was right last is in force";
        }
        problems.extend(self.exposure(&rules));
        problems
    }

    fn exposure(&self, rules: &Rules) -> Option<Problem> {
        let address = self.address;
        let (what, remedy) = match (&rules.tls, &rules.users) {
            _ if address.ip().to_canonical().is_loopback() => return None,
            (Some(_), _) => return None,
            (None, Some(_)) => ("passwords are sent to it unencrypted", "add a tls_server_config to web.config_file"),
            (None, None) => (
                "whoever reaches it reads everything",
                "listen on 127.0.0.1, or set web.config_file with a tls_server_config and basic_auth_users",
            ),
        };
        Some(Problem::warning("exposed", format!("{address} is reached from other hosts without TLS: {what}"), remedy))
    }
}

/// The rules in `path`. `files` become those that were looked at, as they were just before: a later change is noticed.
fn read(path: &Path, files: &mut Vec<(PathBuf, Stamp)>) -> Result<Rules, Vec<Problem>> {
    let watch = |path: &Path| (path.to_path_buf(), stamp(path));
    *files = vec![watch(path)];
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|cause| {
        let remedy = "check web.config_file, and that burnwatch may read it";
        vec![
            Problem::error("config_file", format!("cannot be read: {cause}"), remedy).at(&Place::of_file(name.clone())),
        ]
    })?;
    let (documents, mut problems) = yaml::documents(&name, &text);
    let (mut rules, mut tls) = (Rules::default(), None);
    if let Some(mut fields) = documents.first().and_then(|node| Fields::of(node, "a web configuration", &mut problems))
    {
        tls = fields.take("tls_server_config").and_then(|node| Tls::read(node, fields.problems));
        rules.users = fields.take("basic_auth_users").and_then(|node| Users::read(node, fields.problems));
        if let Some(node) = fields.take("http_server_config") {
            rules.headers = read_http(node, fields.problems);
        }
        fields.done();
    }
    if let Some(tls) = &tls {
        files.extend(tls.files().map(watch));
        match tls.server() {
            Ok(server) => rules.tls = Some(Arc::new(server)),
            Err(error) => {
                let remedy = "check what stands in it, and that burnwatch may read it";
                problems.push(Problem::error("tls_server_config", error.to_string(), remedy));
            }
        }
    }
    // The lines themselves may hold secrets.
    for place in problems.iter_mut().filter_map(|problem| problem.place.as_mut()) {
        place.text = "".into();
    }
    if problems.is_empty() { Ok(rules) } else { Err(problems) }
}

fn read_http(node: &Node, problems: &mut Vec<Problem>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(mut fields) = Fields::of(node, "http_server_config", problems) else { return headers };
    // A permission, which HTTP/1.1 makes no use of.
    fields.choice("http2", &[("true", ()), ("false", ())]);
    if let Some(node) = fields.take("headers") {
        for (name, value, entry) in node.texts("headers", fields.problems) {
            let known = HEADERS.iter().find(|known| name.eq_ignore_ascii_case(known));
            let header = known.and_then(|known| Some((known, HeaderValue::from_str(value).ok()?)));
            match header {
                Some((name, value)) => {
                    headers.insert(HeaderName::from_static(name), value);
                }
                None => {
                    let remedy = format!("there are {}, with a value of one line", HEADERS.join(", "));
                    let what = format!("header {name:?} cannot be set");
                    fields.problems.push(Problem::error("headers", what, remedy).at(&entry.key.place));
                }
            }
        }
    }
    fields.done();
    headers
}

#[cfg(test)]
mod tests;
