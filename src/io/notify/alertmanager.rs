//! The alerts that are open, as Alertmanager wants to hear of them: again and again, and once more when they close. What
//! is not renewed, Alertmanager resolves by itself. It is no queue: only what is true now is sent.

use std::collections::BTreeMap;

use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use crate::budget::Severity;
use crate::io::http::{self, Client};
use crate::io::notify::Trouble;
use crate::outbox::{Answer, Outcome};
use crate::report::Snapshot;
use crate::slos::Tone;
use crate::tick::Standing;
use crate::units::{Labels, Problem, Span, Timestamp};
use crate::yaml::{Fields, Node};

/// What rule files call the same alert.
const ALERT: &str = "ErrorBudgetBurn";

/// An alert is renewed so often.
pub const RENEWED_EVERY: Span = Span::minutes(1);

/// And holds so long without: three renewals may be lost.
pub const HOLDS: Span = Span::minutes(4);

/// Several Alertmanagers of one cluster, each of which is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub servers: Vec<http::Config>,
}

impl Config {
    pub fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Config> {
        let mut fields = Fields::of(node, "an alertmanager channel", problems)?;
        let urls = fields.require("urls").list("urls");
        let server = http::Config::new("").read(&mut fields);
        fields.done();
        let mut servers = Vec::new();
        for node in urls? {
            match http::url(node.text().unwrap_or_default()) {
                Ok(url) => servers.push(http::Config { url: url.into(), ..server.clone() }),
                Err(error) => problems.push(Problem::error("urls", error.to_string(), error.remedy()).at(&node.place)),
            }
        }
        if urls?.is_empty() {
            problems.push(Problem::error("urls", "no Alertmanager is named", "write its url").at(&node.place));
        }
        Some(Config { servers })
    }
}

/// The Alertmanagers of one channel, and of which SLOs they hear.
pub struct Alertmanager {
    pub peers: Vec<Peer>,
    pub labels: Labels,
}

/// One of them.
pub struct Peer {
    client: Client,
}

/// An open alert. Its labels say which one it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    pub since: Timestamp,
    pub annotations: Labels,
}

impl Alertmanager {
    pub fn build(config: &Config, labels: &Labels) -> Result<Alertmanager, Trouble> {
        let peer = |config| Ok::<Peer, http::Error>(Peer { client: Client::build(config)? });
        let peers = config.servers.iter().map(peer).collect::<Result<_, _>>()?;
        Ok(Alertmanager { peers, labels: labels.clone() })
    }
}

/// The alerts of a snapshot that are firing or held, of SLOs with these labels, by their own labels.
pub fn open(snapshot: &Snapshot, wanted: &Labels) -> BTreeMap<Labels, Alert> {
    let is_wanted = |standing: &&Standing| {
        wanted.iter().all(|(name, value)| match name {
            "service" => &*standing.slo.id.service == value,
            "slo" => &*standing.slo.id.slo == value,
            name => standing.slo.labels.get(name) == value,
        })
    };
    let of_slo = |standing: &Standing| {
        let active = Severity::ALL.into_iter().filter_map(|severity| of_severity(standing, severity));
        active.collect::<Vec<_>>()
    };
    snapshot.standings.iter().filter(is_wanted).flat_map(of_slo).collect()
}

fn of_severity(standing: &Standing, severity: Severity) -> Option<(Labels, Alert)> {
    let alert = standing.alerts.active(severity)?;
    let slo = &standing.slo;
    let Tone::On { labels, annotations } = slo.alerting.tone(severity) else { return None };
    let own = [("alertname", ALERT), ("severity", severity.name())].into_iter().chain(slo.id.labels());
    let said = [
        ("summary", format!("{} burns its error budget", slo.id)),
        ("description", alert.because.to_string()),
        ("runbook_url", slo.alerting.runbook.clone().unwrap_or_default()),
    ];
    let said = Labels::new(said.into_iter().filter(|(_, text)| !text.is_empty()));
    let names = slo.labels.overlaid(&Labels::new(own)).overlaid(labels);
    Some((names, Alert { since: alert.since, annotations: said.overlaid(annotations) }))
}

/// What is posted at `now`: these are open, those have closed.
pub fn body(open: &BTreeMap<Labels, Alert>, closed: &BTreeMap<Labels, Alert>, now: Timestamp) -> String {
    let pairs = |labels: &Labels| -> BTreeMap<String, String> {
        labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    };
    let posted = |(labels, alert): (&Labels, &Alert), ends: Timestamp| {
        json!({
            "labels": pairs(labels), "annotations": pairs(&alert.annotations),
            "startsAt": alert.since.to_string(), "endsAt": ends.to_string(),
        })
    };
    let open = open.iter().map(|entry| posted(entry, now + HOLDS));
    let closed = closed.iter().map(|entry| posted(entry, now));
    serde_json::Value::Array(open.chain(closed).collect()).to_string()
}

/// An alert that says what it is, to try an Alertmanager with. It ends by itself.
pub fn sample(now: Timestamp) -> String {
    let labels = Labels::new([("alertname", "BurnwatchTest"), ("severity", "none")]);
    let annotations = Labels::new([("summary", "somebody ran `burnwatch notify test`: nothing happened")]);
    body(&[(labels, Alert { since: now, annotations })].into(), &BTreeMap::new(), now)
}

impl Peer {
    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        self.client.origin()
    }

    pub async fn post(&self, body: String) -> Answer {
        match self.sent(body).await {
            Ok(answer) => answer,
            Err(error) => {
                Answer { outcome: Outcome::Later { not_before: error.retry_after() }, said: error.to_string() }
            }
        }
    }

    async fn sent(&self, body: String) -> Result<Answer, http::Error> {
        let request = self.client.post("/api/v2/alerts")?.header(CONTENT_TYPE, "application/json").body(body);
        let answer = self.client.answer(request.send()).await?;
        let outcome = Outcome::of_status(answer.status.as_u16(), answer.retry_after);
        let said = match outcome {
            Outcome::Accepted => answer.status.to_string(),
            Outcome::Later { .. } | Outcome::Refused => self.client.refusal(&answer).to_string(),
        };
        Ok(Answer { outcome, said })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;
    use crate::report::example;

    #[test]
    fn an_open_alert_is_renewed_with_its_labels_and_a_closed_one_ends_now() {
        let snapshot = example::snapshot();
        let open = open(&snapshot, &Labels::default());
        let told: Value = serde_json::from_str(&body(&open, &BTreeMap::new(), example::noon())).unwrap();
        let expected = json!([{
            "labels": {"alertname": "ErrorBudgetBurn", "service": "search", "slo": "availability", "severity": "page"},
            "annotations": {"summary": "search/availability burns its error budget",
                            "description": "burning 15.2 over 1h and 31 over 5m, above 14.4"},
            "startsAt": "2026-11-20T11:58:30Z", "endsAt": "2026-11-20T12:04:00Z",
        }]);
        assert_eq!(told, expected);
        let closed: Value = serde_json::from_str(&body(&BTreeMap::new(), &open, example::noon())).unwrap();
        assert_eq!(closed[0]["endsAt"], "2026-11-20T12:00:00Z");
    }

    #[test]
    fn a_suppressed_alert_and_one_of_another_service_is_not_told() {
        let mut snapshot = example::snapshot();
        assert_eq!(open(&snapshot, &Labels::new([("service", "checkout")])).len(), 0);
        assert_eq!(open(&snapshot, &Labels::new([("service", "search"), ("slo", "availability")])).len(), 1);
        for standing in &mut snapshot.standings {
            if let Some(page) = &mut standing.alerts.page {
                page.suppressed = true;
            }
        }
        assert_eq!(open(&snapshot, &Labels::default()).len(), 0);
    }
}
