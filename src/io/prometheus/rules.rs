//! The rules that a Prometheus runs, as it tells them, and having it read its rule files again.
//! Never knows which rules there should be.

use reqwest::StatusCode;
use serde::Deserialize;

use crate::io::http;
use crate::io::prometheus::{Error, answer};
use crate::units::{Labels, Span};

/// One rule that is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    pub group: String,
    /// What is recorded, or the name of the alert.
    pub name: String,
    pub labels: Labels,
    /// As the server prints it, which need not be how it was written.
    pub query: String,
    /// What the last evaluation failed with, in the server's words; also `None` before the first.
    pub error: Option<String>,
}

/// The rules of an answer of `/api/v1/rules`, in its order.
pub fn rules(body: &[u8]) -> Result<Vec<Running>, Error> {
    let Groups { groups } = answer::data(body)?;
    let of_group = |group: Group| {
        let name = group.name;
        group.rules.into_iter().map(move |rule| rule.running(name.clone())).collect::<Vec<_>>()
    };
    Ok(groups.into_iter().flat_map(of_group).collect())
}

#[derive(Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    name: String,
    query: String,
    #[serde(default)]
    labels: answer::Metric,
    /// `ok`, `err` or, before the first evaluation, `unknown`.
    #[serde(default)]
    health: String,
    #[serde(default)]
    last_error: String,
}

impl Rule {
    fn running(self, group: String) -> Running {
        let Rule { name, query, labels: answer::Metric(labels), health, last_error } = self;
        let error = match (&*health, &*last_error) {
            ("err", "") => Some("no reason was given".to_string()),
            (_, "") => None,
            _ => Some(last_error),
        };
        Running { group, name, labels, query, error }
    }
}

/// A Prometheus applies thousands of rules within a second; a restart of all of them may take a while.
const RELOAD_TIMEOUT: Span = Span::seconds(60);

/// The most that is read of what a server says to a reload, and the most of it that is told.
const MAX_ANSWER: usize = 1 << 20;
const MAX_WORDS: usize = 300;

/// Where a server is told to read its files again.
pub struct Reload {
    http: http::Client,
}

/// Why a server did not read its files again.
#[derive(Debug, thiserror::Error)]
pub enum NotReloaded {
    #[error(transparent)]
    Http(#[from] http::Error),
    #[error("{url} answered {status}: {words}")]
    Refused { url: String, status: StatusCode, words: String },
}

impl NotReloaded {
    /// Whether what it read is wrong, so that it goes on with what it had before.
    pub fn is_about_the_files(&self) -> bool {
        matches!(self, NotReloaded::Refused { status: StatusCode::INTERNAL_SERVER_ERROR, .. })
    }

    /// What to do; empty where there is nothing to say.
    pub fn remedy(&self) -> &'static str {
        match self {
            NotReloaded::Http(error) => error.remedy(),
            NotReloaded::Refused { status: StatusCode::INTERNAL_SERVER_ERROR, .. } => {
                "its log says which file is wrong"
            }
            NotReloaded::Refused { status: StatusCode::FORBIDDEN, .. } => {
                "start Prometheus with --web.enable-lifecycle, or remove rules.reload and reload it yourself"
            }
            NotReloaded::Refused { .. } => "check rules.reload; Prometheus has it at /-/reload",
        }
    }
}

impl Reload {
    /// `config.url` is the whole address, such as `http://localhost:9090/-/reload`.
    pub fn build(config: &http::Config) -> Result<Reload, http::Error> {
        let config = http::Config { timeout: RELOAD_TIMEOUT.max(config.timeout), ..config.clone() };
        Ok(Reload { http: http::Client::build(&config)?.of_one_page(MAX_ANSWER) })
    }

    pub fn url(&self) -> &str {
        self.http.origin()
    }

    /// Returns when the server has read its files and runs what they say.
    pub async fn reload(&self) -> Result<(), NotReloaded> {
        let answer = self.http.answer(self.http.post("")?.send()).await?;
        match answer.status.is_success() {
            true => Ok(()),
            false => {
                let words = words(&String::from_utf8_lossy(&answer.body));
                Err(NotReloaded::Refused { url: self.url().to_string(), status: answer.status, words })
            }
        }
    }
}

/// What a server said, in one line that is not too long.
fn words(body: &str) -> String {
    let line: String = body.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_WORDS).collect();
    match line.is_empty() {
        true => "no reason was given".to_string(),
        false => line,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn answer(rules: &str) -> Vec<u8> {
        let groups = format!(r#"[{{"name":"shop-up-fast","file":"/etc/shop.yaml","interval":3,"rules":[{rules}]}}]"#);
        format!(r#"{{"status":"success","data":{{"groups":{groups}}}}}"#).into_bytes()
    }

    fn check(rule: &str, expected: Option<&str>) {
        let read = rules(&answer(rule)).unwrap();
        assert_eq!(read[0].error.as_deref(), expected, "{rule}");
    }

    #[test]
    fn reads_recordings_and_alerts() {
        let recording = r#"{"name":"slo:a","query":"sum(b)","labels":{"slo":"up"},"health":"ok","type":"recording",
            "evaluationTime":0.001,"lastEvaluation":"2026-11-21T08:00:00Z"}"#;
        let alert = r#"{"state":"firing","name":"Burn","query":"a > 1","duration":0,"labels":{"severity":"page"},
            "annotations":{"summary":"s"},"alerts":[{"labels":{},"value":"1"}],"health":"unknown","type":"alerting"}"#;
        let running = |name: &str, query: &str, label: [&str; 2]| Running {
            group: "shop-up-fast".into(),
            name: name.into(),
            labels: Labels::new([(label[0], label[1])]),
            query: query.into(),
            error: None,
        };
        let expected = [running("slo:a", "sum(b)", ["slo", "up"]), running("Burn", "a > 1", ["severity", "page"])];
        assert_eq!(rules(&answer(&format!("{recording},{alert}"))).unwrap(), expected);
        assert_eq!(rules(br#"{"status":"success","data":{"groups":[]}}"#).unwrap(), []);
    }

    #[test]
    fn a_rule_fails_with_the_words_of_the_server() {
        check(r#"{"name":"a","query":"b","health":"ok"}"#, None);
        check(r#"{"name":"a","query":"b","health":"unknown","lastError":""}"#, None);
        check(r#"{"name":"a","query":"b","health":"err","lastError":"many-to-many"}"#, Some("many-to-many"));
        check(r#"{"name":"a","query":"b","health":"err"}"#, Some("no reason was given"));
    }

    #[test]
    fn what_is_cut_refused_or_partial_is_no_answer() {
        let whole = answer(r#"{"name":"a","query":"b"}"#);
        assert!(rules(&whole[..whole.len() - 1]).is_err());
        assert!(rules(br#"{"status":"error","errorType":"x","error":"y"}"#).is_err());
        assert!(rules(br#"{"status":"success","warnings":["a ruler is gone"],"data":{"groups":[]}}"#).is_err());
    }

    #[test]
    fn what_is_said_to_a_reload_is_told_in_a_line() {
        assert_eq!(
            words("failed to reload config:\n  one or more errors\n"),
            "failed to reload config: one or more errors"
        );
        assert_eq!(words(" \n"), "no reason was given");
        assert_eq!(words(&"x".repeat(1_000)).len(), MAX_WORDS);
    }
}
