//! A Prometheus, or whatever speaks its API: PromQL out, samples in, and nothing half understood.
//! Never knows an SLO, nor what was asked before.

pub mod answer;
mod error;
pub mod rules;

use std::sync::Arc;

use prometheus_http_query as api;
use reqwest::header::AUTHORIZATION;
use tokio::sync::Semaphore;

use crate::io::clock::Offset;
use crate::io::http;
use crate::plan::Series;
use crate::promql::names;
use crate::units::{Labels, Problem, Span, Timestamp};
use crate::yaml::{Fields, Node, Whole};

pub use error::Error;
pub use rules::{NotReloaded, Reload, Running};

/// Where the source is and how much it is asked at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub http: http::Config,
    /// Queries under way at the same time.
    pub concurrency: usize,
    /// Series in one answer.
    pub max_series: usize,
    /// Samples in one answer.
    pub max_samples: usize,
}

impl Default for Config {
    fn default() -> Config {
        let http = http::Config::new("http://localhost:9090");
        Config { http, concurrency: 8, max_series: 100_000, max_samples: 5_000_000 }
    }
}

impl Config {
    /// What `node` says of a source; where it says nothing or nothing readable, the default.
    pub fn read(node: &Node, problems: &mut Vec<Problem>) -> Config {
        let default = Config::default();
        let Some(mut fields) = Fields::of(node, "a Prometheus source", problems) else { return default };
        let config = Config {
            http: default.http.read(&mut fields),
            concurrency: count(&mut fields, "concurrency").unwrap_or(default.concurrency),
            max_series: count(&mut fields, "max_series").unwrap_or(default.max_series),
            max_samples: count(&mut fields, "max_samples").unwrap_or(default.max_samples),
        };
        fields.done();
        config
    }
}

/// The number at `key`, which must be at least 1.
fn count(fields: &mut Fields, key: &'static str) -> Option<usize> {
    let place = fields.place_of(key);
    let Whole(number) = fields.read(key)?;
    if let (0, Some(place)) = (number, place) {
        fields
            .problems
            .push(Problem::error(key, format!("{key} 0 lets nothing through"), "write at least 1").at(place));
        return None;
    }
    usize::try_from(number).ok()
}

/// A source of samples. Clones share the bound on queries under way.
#[derive(Clone)]
pub struct Prometheus {
    http: http::Client,
    api: api::Client,
    turns: Arc<Semaphore>,
    limits: answer::Limits,
}

/// What was answered, and what was learned beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<T> {
    pub value: T,
    /// How far the source's clock is from ours, where it told the time.
    pub clock: Option<Offset>,
    /// Samples received.
    pub samples: usize,
}

/// Sent with every question, so that the answer is whole, fresh and made of raw samples; each server reads its own.
const ALWAYS: [(&str, &str); 4] = [
    ("nocache", "1"),                // VictoriaMetrics: no answers from its cache
    ("dedup", "true"),               // Thanos: replicas count once
    ("partial_response", "false"),   // Thanos: all stores or none
    ("max_source_resolution", "0s"), // Thanos: counters as scraped, not averaged
];

/// An answer of so many bytes takes a tenth of a millisecond to read: not on a thread that others wait for.
const LONG: usize = 1 << 14;

impl Prometheus {
    pub fn build(config: &Config) -> Result<Prometheus, Error> {
        let http = http::Client::build(&config.http)?;
        let api = api::Client::from(http.transport().clone(), http.url())
            .map_err(|error| http::Error::Client { cause: error.to_string() })?;
        let turns = Arc::new(Semaphore::new(config.concurrency.clamp(1, Semaphore::MAX_PERMITS)));
        let limits = answer::Limits { series: config.max_series, samples: config.max_samples };
        Ok(Prometheus { http, api, turns, limits })
    }

    /// The raw samples that `query` (a selector with a range) finds at `at`.
    pub async fn samples(&self, query: &str, at: Timestamp) -> Result<Answer<Vec<Series>>, Error> {
        let turn = self.turns.acquire().await;
        let answer = self.query(query, at).await?;
        drop(turn);
        self.matrix(answer).await
    }

    /// The values of `query` at `from` and every `step` after it up to `to`, all of them whole seconds.
    pub async fn points(
        &self,
        query: &str,
        from: Timestamp,
        to: Timestamp,
        step: Span,
    ) -> Result<Answer<Vec<Series>>, Error> {
        let turn = self.turns.acquire().await;
        let (from, to) = (from.as_millis() / 1_000, to.as_millis() / 1_000);
        let mut request = self.api.query_range(query, from, to, step.as_seconds());
        request = request.timeout(self.http.timeout().as_millis());
        for (name, value) in ALWAYS {
            request = request.query(name, value);
        }
        if let Some(authorization) = self.http.authorization()? {
            request = request.header(AUTHORIZATION, authorization);
        }
        let answer = self.accepted(self.http.answer(request.post_raw()).await?)?;
        drop(turn);
        self.matrix(answer).await
    }

    /// What was answered. Whoever asks next need not wait until it is read.
    async fn matrix(&self, http::Answer { body, clock, .. }: http::Answer) -> Result<Answer<Vec<Series>>, Error> {
        let limits = self.limits;
        let value = match body.len() {
            ..LONG => answer::matrix(&body, limits)?,
            LONG.. => {
                let read = tokio::task::spawn_blocking(move || answer::matrix(&body, limits));
                read.await.map_err(|error| Error::Unreadable { what: error.to_string() })??
            }
        };
        let samples = value.iter().map(|series| series.samples.len() + series.histograms.len()).sum();
        Ok(Answer { value, clock, samples })
    }

    /// The values that `query` has at `at`, by their labels.
    pub async fn vector(&self, query: &str, at: Timestamp) -> Result<Vec<(Labels, f64)>, Error> {
        let _turn = self.turns.acquire().await;
        let answer = self.query(query, at).await?;
        answer::vector(&answer.body, self.limits)
    }

    /// The series that `selector` finds at `at`, each with its newest sample or histogram.
    pub async fn instant(&self, selector: &str, at: Timestamp) -> Result<Answer<Vec<Series>>, Error> {
        let _turn = self.turns.acquire().await;
        let answer = self.query(selector, at).await?;
        let value = answer::instant(&answer.body, self.limits)?;
        Ok(Answer { clock: answer.clock, samples: value.len(), value })
    }

    /// The values of `label` among the series that `selector` finds between `from` and `to`.
    pub async fn label_values(
        &self,
        label: &str,
        selector: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<String>, Error> {
        let _turn = self.turns.acquire().await;
        let (from, to) = (seconds(from), seconds(to));
        let request = self
            .http
            .get(&format!("/api/v1/label/{label}/values"))?
            .query(&[("match[]", selector), ("start", &from), ("end", &to)])
            .query(&ALWAYS);
        let answer = self.accepted(self.http.answer(request.send()).await?)?;
        answer::data(&answer.body)
    }

    /// The name of every metric that had samples between `from` and `to`.
    pub async fn metrics(&self, from: Timestamp, to: Timestamp) -> Result<Vec<String>, Error> {
        let _turn = self.turns.acquire().await;
        let path = format!("/api/v1/label/{}/values", names::NAME_LABEL);
        let request = self.http.get(&path)?.query(&[("start", seconds(from)), ("end", seconds(to))]).query(&ALWAYS);
        let answer = self.accepted(self.http.answer(request.send()).await?)?;
        answer::data(&answer.body)
    }

    /// How long samples are kept; `None` where they are not dropped by age, or the server does not tell.
    pub async fn retention(&self) -> Result<Option<Span>, Error> {
        let _turn = self.turns.acquire().await;
        let request = self.http.get("/api/v1/status/runtimeinfo")?;
        let answer = self.accepted(self.http.answer(request.send()).await?)?;
        answer::retention(&answer.body)
    }

    /// The rules that it runs.
    pub async fn rules(&self) -> Result<Vec<Running>, Error> {
        let _turn = self.turns.acquire().await;
        let answer = self.accepted(self.http.answer(self.http.get("/api/v1/rules")?.send()).await?)?;
        rules::rules(&answer.body)
    }

    async fn query(&self, query: &str, at: Timestamp) -> Result<http::Answer, Error> {
        let mut request = self.api.query(query).query("time", seconds(at)).timeout(self.http.timeout().as_millis());
        for (name, value) in ALWAYS {
            request = request.query(name, value);
        }
        if let Some(authorization) = self.http.authorization()? {
            request = request.header(AUTHORIZATION, authorization);
        }
        self.accepted(self.http.answer(request.post_raw()).await?)
    }

    /// `answer`, if the server did what it was asked.
    fn accepted(&self, answer: http::Answer) -> Result<http::Answer, Error> {
        let is_page = answer.body.trim_ascii_start().starts_with(b"<");
        match answer.status.is_success() {
            true if is_page => Err(Error::Page { origin: self.http.origin().to_string() }),
            true => Ok(answer),
            false => Err(match answer::refusal(&answer.body) {
                Some((kind, what)) => {
                    Error::Refused { status: answer.status.as_u16(), kind, what, retry_after: answer.retry_after }
                }
                None => self.http.refusal(&answer).into(),
            }),
        }
    }
}

/// As the API reads moments: seconds, to the millisecond.
fn seconds(at: Timestamp) -> String {
    at.as_seconds().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::documents;

    fn check(text: &str, expected: Config, problems: &[&str]) {
        let (nodes, mut found) = documents("f", text);
        let config = Config::read(&nodes[0], &mut found);
        assert_eq!(
            (config, found.iter().map(ToString::to_string).collect::<Vec<_>>()),
            (expected, to_strings(problems))
        );
    }

    fn to_strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn reads_its_bounds_and_keeps_the_defaults_of_the_others() {
        let other = Config { concurrency: 2, max_series: 10, ..Config::default() };
        check("{ concurrency: 2, max_series: 10 }", other, &[]);
        check(
            "{ concurrency: 0 }",
            Config::default(),
            &["f:1:3: concurrency 0 lets nothing through; write at least 1"],
        );
        check(
            "{ max_serie: 3 }",
            Config::default(),
            &["f:1:3: \"max_serie\" is not a key of a Prometheus source; write \"max_series\""],
        );
    }

    #[test]
    fn moments_are_written_to_the_millisecond() {
        assert_eq!(seconds(Timestamp::millis(1_763_600_000_123)), "1763600000.123");
        assert_eq!(seconds(Timestamp::seconds(1_763_600_000)), "1763600000");
    }
}
