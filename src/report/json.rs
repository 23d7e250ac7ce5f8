//! The shapes in which the API answers. Clients depend on every name here; `burnwatch status` is one of them.
//! Never knows where a number comes from. Unknown numbers are null, moments RFC 3339 in UTC, ratios 0 to 1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::report::snapshot::Checks;

pub use crate::report::number::{Count, Length};

/// Burn rates by window (`5m`, `1h`), shortest first; null where one is not known.
pub type Burns = BTreeMap<Length, Option<f64>>;

/// `/api/v1/slos`: SLOs sorted by service and name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Slos {
    /// The instant of the last tick; null before the first.
    pub as_of: Option<String>,
    pub slos: Vec<Slo>,
}

/// `/api/v1/slos/{service}/{slo}`: one SLO, with the instant beside its fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OneSlo {
    pub as_of: Option<String>,
    #[serde(flatten)]
    pub slo: Slo,
}

/// How one SLO stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Slo {
    #[schema(example = "checkout")]
    pub service: String,
    #[schema(example = "availability")]
    pub slo: String,
    #[schema(example = json!({"tier": "1"}))]
    pub labels: BTreeMap<String, String>,
    #[schema(example = "payments@example.com")]
    pub owner: Option<String>,
    #[schema(example = 0.999)]
    pub objective: f64,
    #[schema(example = "30d")]
    pub window: String,
    /// The instants between which `events` were counted: those of the ledger's rows nearest to the window's edges.
    pub from: Option<String>,
    pub to: Option<String>,
    /// `events`, `expressions`, `latency`, `gauge`, `value` or `own`.
    pub kind: String,
    /// `no_data`, `burning`, `exhausted`, `no_traffic` or `ok`: of several that fit, the first.
    pub state: String,
    /// Whether less than 90 % of the window was measured.
    pub partial: bool,
    /// The share of the window that was measured.
    pub coverage: f64,
    pub events: Events,
    /// The share of good events over the window; null without any events.
    pub sli: Option<f64>,
    pub budget: Budget,
    #[schema(value_type = BTreeMap<String, Option<f64>>)]
    pub burn: Burns,
    /// Null for SLOs that do not count durations.
    pub latency: Option<Latency>,
    pub alerts: Vec<Alert>,
    pub problems: Vec<Problem>,
}

/// Within how many seconds so many percent of the last hour's observations lay; null where nothing was observed. They
/// are spread evenly within a bucket of the histogram; those above its highest finite bound count as if they were at it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Latency {
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
    #[serde(rename = "p99.9")]
    pub p999: Option<f64>,
    /// The percentile that the objective names, which may be another one: p97 at an objective of 97 %.
    pub at_objective: Option<f64>,
    /// What `at_objective` should not exceed: the threshold of the SLO.
    pub under: f64,
}

/// Events counted over the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Events {
    pub total: Option<Count>,
    pub bad: Option<Count>,
}

/// What the objective allows, and what is left of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Budget {
    /// In events.
    pub allowed: Option<Count>,
    /// As a share of what is allowed; above 1 when overspent.
    pub consumed: Option<f64>,
    /// 1 - consumed; negative when overspent.
    pub remaining: Option<f64>,
    pub exhausted: bool,
    /// `in`, `never`, `now` or `unknown`: when it runs out at the pace of the last hour.
    pub exhausts: String,
    /// Null unless `exhausts` is `in`.
    pub exhausts_in_seconds: Option<i64>,
}

/// An open alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    /// `page` or `ticket`.
    pub severity: String,
    /// `firing`, `held` or `suppressed`.
    pub state: String,
    pub since: String,
    pub because: String,
    /// The burns that opened it.
    #[schema(value_type = BTreeMap<String, Option<f64>>)]
    pub burn: Burns,
}

/// `/api/v1/alerts`: every open alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Alerts {
    pub as_of: Option<String>,
    pub alerts: Vec<AlertOfSlo>,
}

/// An open alert, and whose it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlertOfSlo {
    pub service: String,
    pub slo: String,
    #[serde(flatten)]
    pub alert: Alert,
}

/// `/api/v1/problems`: everything that is wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problems {
    pub as_of: Option<String>,
    pub problems: Vec<Problem>,
}

/// Something that is wrong: what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `error`, `warning` or `note`.
    pub severity: String,
    /// A stable word for programs.
    pub code: String,
    /// Null where it is not about a file.
    pub file: Option<String>,
    /// From 1; null where it is about the whole file.
    pub line: Option<u32>,
    pub column: Option<u32>,
    pub service: Option<String>,
    pub slo: Option<String>,
    pub what: String,
    /// Empty where there is nothing to say.
    pub remedy: String,
    /// Since when it is known; null from `burnwatch check`, which does not remember.
    pub since: Option<String>,
}

/// `burnwatch check --output json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Checked {
    pub files: usize,
    pub slos: usize,
    pub problems: Vec<Problem>,
    /// What a tick reads for each SLO; absent where no source was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costs: Option<Vec<Cost>>,
}

/// What one tick reads for one SLO.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cost {
    pub service: String,
    pub slo: String,
    pub queries: usize,
    pub series: usize,
    pub samples: usize,
}

/// `/api/v1/slos/{service}/{slo}/history`: `points` instants, `step_seconds` apart, the last one at `to`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct History {
    pub from: String,
    pub to: String,
    pub step_seconds: f64,
    pub points: Vec<Point>,
}

/// What was counted from the beginning of the history up to one instant; null before the SLO was first counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Point {
    pub t: String,
    pub total: Option<Count>,
    pub bad: Option<Count>,
    /// How much of the time since `from` was measured.
    pub measured_seconds: Option<f64>,
    /// What was left of the budget of the SLO's window that ended at `t`.
    pub remaining: Option<f64>,
}

/// What a webhook is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    /// Of this shape.
    pub version: u32,
    /// The same however often it is sent, and from every daemon that watches the same SLO.
    pub id: String,
    /// `budget_consumed`, `budget_exhausted`, `budget_recovered`, `burn`, `no_data`, `power_above` or `low_power`.
    pub kind: String,
    pub at: String,
    pub service: Option<String>,
    pub slo: Option<String>,
    pub because: String,
    /// The threshold that was passed; only in `budget_consumed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Only in `burn`, and in `no_data` where an alert was given up for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<Changed>,
    /// Of an SLO.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Spent>,
    /// Of an SLO.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, Option<f64>>>)]
    pub burn: Option<Burns>,
    /// Of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<Drawn>,
    pub labels: BTreeMap<String, String>,
    pub links: Links,
}

/// What the host drew over a minute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Drawn {
    /// `above` or `recovered`, of low-power mode `entered` or `left`.
    pub state: String,
    pub mean_watts: Option<f64>,
    pub peak_watts: Option<f64>,
    pub limit_watts: Option<f64>,
}

/// What became of an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// `page` or `ticket`.
    pub severity: String,
    /// `opened`, `resolved` or `released`.
    pub state: String,
}

/// What was spent of a budget, as a share of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Spent {
    pub consumed: Option<f64>,
    pub remaining: Option<f64>,
}

/// Where there is more to read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Links {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
}

/// `/api/v1/notifications`: all that are pending and the last that are done, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Notifications {
    pub notifications: Vec<Notification>,
}

/// A notice on its way to one channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Notification {
    pub id: String,
    pub kind: String,
    pub service: Option<String>,
    pub slo: Option<String>,
    pub channel: String,
    /// When what it tells happened.
    pub at: String,
    /// `pending`, `delivered` or `given_up`.
    pub state: String,
    pub attempts: u32,
    /// When it is sent again; null unless it is pending.
    pub next: Option<String>,
    /// What the channel last said; null before it was asked.
    pub answer: Option<String>,
}

/// `GET /api/v1/low-power`: low-power mode as of the last tick.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LowPower {
    pub on: bool,
    /// Null while it is off.
    pub since: Option<String>,
    pub because: Option<String>,
}

/// `POST /api/v1/low-power`: what is wished for; it goes before thresholds and batteries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    pub on: bool,
    /// A duration such as `1h`. Without one, `true` holds until another wish, and `false` takes back what was wished for.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub lasting: Option<String>,
}

/// `/api/v1/energy`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Energy {
    /// When the meters were last read; null before.
    pub as_of: Option<String>,
    pub power: Power,
    pub since_installation: SinceInstallation,
    pub services: Vec<ServiceEnergy>,
    pub meters: Vec<Meter>,
}

/// What the host draws.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Power {
    pub now_watts: Option<f64>,
    /// Over the last minute that ended.
    pub mean_watts: Option<f64>,
    /// The highest reading of that minute.
    pub peak_watts: Option<f64>,
    /// When it does nothing.
    pub idle_watts: Option<f64>,
    /// What these watts are made of: `components` (packages and memory), `platform` (a meter of the whole machine) or
    /// `estimate`; null where nothing tells them.
    pub basis: Option<String>,
}

/// Everything that was measured, also before the last start.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct SinceInstallation {
    pub joules: Option<f64>,
    /// Of CO2e, of the part of the energy whose intensity was known.
    pub grams: Option<f64>,
    pub measured_seconds: f64,
    /// When the host did nothing.
    pub idle_watts: Option<f64>,
    /// The mean over all that was measured.
    pub typical_watts: Option<f64>,
    /// The highest reading.
    pub peak_watts: Option<f64>,
}

/// What one service spent over the last minutes, and on how many requests. Null is what is not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceEnergy {
    pub service: String,
    /// Over how long, up to 5 minutes.
    pub over_seconds: Option<f64>,
    pub joules: Option<f64>,
    pub requests: Option<Count>,
    pub joules_per_request: Option<f64>,
    pub requests_per_watthour: Option<f64>,
    /// Of CO2e.
    pub grams: Option<f64>,
    pub grams_per_request: Option<f64>,
}

/// A meter of the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Meter {
    pub meter: String,
    pub up: bool,
    /// `counter`, `integrated` or `estimated`; null before it was heard.
    pub method: Option<String>,
    /// Why it, or a part of it, cannot be read, and what to do.
    pub reason: Option<String>,
}

/// `burnwatch power --output json`: every zone of every meter, and what cannot be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Meters {
    pub power: Power,
    pub meters: Vec<Meter>,
    pub zones: Vec<Zone>,
    pub unreadable: Vec<Unreadable>,
}

/// A part of the host that a meter tells by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Zone {
    /// Such as `package-0`.
    pub zone: String,
    pub meter: String,
    /// What the meter calls it.
    pub id: String,
    pub method: String,
    pub watts: Option<f64>,
    /// The id of the zone whose counter it repeats, so that it is not added again.
    pub repeats: Option<String>,
    /// Why it says nothing.
    pub reason: Option<String>,
}

/// A meter or a zone that cannot be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Unreadable {
    pub meter: String,
    pub zone: Option<String>,
    /// `not_found`, `permission`, `io`, `parse`, `standstill` or `idle`.
    pub reason: String,
    pub what: String,
    pub remedy: String,
}

/// `/health`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `healthy` or `degraded`.
    pub status: String,
    pub version: String,
    pub checks: Checks,
}

/// `/health/live`, `/health/ready` and `/-/reload`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// `live`, `ready`, `unready` or `reloaded`.
    pub status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a reload could not take up, of which everything stays as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KeptBack {
    pub error: Error,
    pub problems: Vec<Problem>,
}

/// Any answer that is a refusal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"error": {"code": "not_found", "message": "there is nothing at /api"}}))]
pub struct Refusal {
    pub error: Error,
}

/// Why an answer was refused.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Error {
    /// A stable word for programs.
    pub code: String,
    pub message: String,
    /// In whole seconds; only where it was asked too often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// How many requests there may be; only where it was asked too often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
