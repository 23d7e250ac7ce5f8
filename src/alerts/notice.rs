//! What somebody should hear of an SLO, whole: all that any channel says of it is in here, as it was at that instant.
//! Never knows who hears it, nor how it travels.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::alerts::{Change, What};
use crate::budget::Severity;
use crate::units::{SloId, Span, Timestamp, Watts};

/// How many bytes of the digest make an id.
const ID_BYTES: usize = 16;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum News {
    /// A threshold below the whole budget was passed.
    BudgetConsumed {
        threshold: f64,
    },
    BudgetExhausted,
    /// An exhausted budget has something left again.
    BudgetRecovered,
    /// An alert opened or was resolved.
    Burn {
        severity: Severity,
        what: What,
        since: Timestamp,
    },
    /// Nothing was measured for long, or for so long that an alert of this severity was given up.
    NoData {
        released: Option<Severity>,
    },
    /// Low-power mode was entered or left.
    LowPower {
        on: bool,
    },
    /// The host drew more than it should for a minute, or has recovered from that.
    PowerAbove {
        recovered: bool,
    },
}

/// The kinds of news, as people choose among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    BudgetConsumed,
    BudgetExhausted,
    BudgetRecovered,
    Burn,
    NoData,
    PowerAbove,
    LowPower,
}

impl Kind {
    pub const ALL: [Kind; 7] = [
        Kind::BudgetConsumed,
        Kind::BudgetExhausted,
        Kind::BudgetRecovered,
        Kind::Burn,
        Kind::NoData,
        Kind::PowerAbove,
        Kind::LowPower,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::BudgetConsumed => "budget_consumed",
            Kind::BudgetExhausted => "budget_exhausted",
            Kind::BudgetRecovered => "budget_recovered",
            Kind::Burn => "burn",
            Kind::NoData => "no_data",
            Kind::PowerAbove => "power_above",
            Kind::LowPower => "low_power",
        }
    }

    /// Whether rule files alert it too.
    pub fn is_in_rules(self) -> bool {
        match self {
            Kind::BudgetConsumed | Kind::BudgetExhausted | Kind::BudgetRecovered => false,
            Kind::PowerAbove | Kind::LowPower => false,
            Kind::Burn | Kind::NoData => true,
        }
    }
}

impl News {
    /// What is told of an alert that changed.
    pub fn of(change: &Change) -> News {
        let Change { severity, what, since, .. } = *change;
        match what {
            What::Opened | What::Resolved => News::Burn { severity, what, since },
            What::Released => News::NoData { released: Some(severity) },
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            News::BudgetConsumed { .. } => Kind::BudgetConsumed,
            News::BudgetExhausted => Kind::BudgetExhausted,
            News::BudgetRecovered => Kind::BudgetRecovered,
            News::Burn { .. } => Kind::Burn,
            News::NoData { .. } => Kind::NoData,
            News::PowerAbove { .. } => Kind::PowerAbove,
            News::LowPower { .. } => Kind::LowPower,
        }
    }

    /// What tells this from other news of its kind at the same instant.
    fn detail(&self) -> String {
        match self {
            News::BudgetConsumed { threshold } => threshold.to_string(),
            News::BudgetExhausted | News::BudgetRecovered | News::NoData { released: None } => String::new(),
            News::Burn { severity, what, .. } => format!("{severity} {}", what.name()),
            News::NoData { released: Some(severity) } => severity.to_string(),
            News::PowerAbove { recovered } => recovered.to_string(),
            News::LowPower { on } => on.to_string(),
        }
    }
}

impl fmt::Display for News {
    /// What happened, in a few words: `error budget exhausted`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            News::BudgetConsumed { threshold } => write!(f, "{} % of the error budget consumed", threshold * 100.0),
            News::BudgetExhausted => write!(f, "error budget exhausted"),
            News::BudgetRecovered => write!(f, "error budget recovered"),
            News::Burn { severity, what, .. } => write!(f, "{severity} {}", what.name()),
            News::NoData { released: None } => write!(f, "no data"),
            News::NoData { released: Some(severity) } => write!(f, "no data, {severity} released"),
            News::LowPower { on: true } => write!(f, "low-power mode entered"),
            News::LowPower { on: false } => write!(f, "low-power mode left"),
            News::PowerAbove { recovered: false } => write!(f, "power above its limit"),
            News::PowerAbove { recovered: true } => write!(f, "power below its limit again"),
        }
    }
}

/// Something that somebody should hear. The ledger keeps it as JSON until it was delivered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Of whom, what and when: a restart and a second daemon make the same one.
    pub id: String,
    pub news: News,
    pub at: Timestamp,
    pub because: String,
    /// Empty but for its labels where it is about the host.
    pub subject: Subject,
    pub figures: Figures,
    /// Only of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<Drawn>,
}

/// What the host drew over a minute.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Drawn {
    /// `None` where it was not measured.
    pub mean: Option<Watts>,
    pub peak: Option<Watts>,
    /// What it should not draw more than; `None` where nobody says.
    pub limit: Option<Watts>,
}

/// The SLO that a notice is about, as it was declared.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Subject {
    pub service: String,
    pub slo: String,
    pub description: String,
    pub owner: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub runbook: Option<String>,
}

/// How the SLO stood. What is not known is `None`; shares are of the whole budget, above 1 or negative when overspent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Figures {
    pub objective: f64,
    pub window: Span,
    pub total: Option<f64>,
    pub bad: Option<f64>,
    pub allowed: Option<f64>,
    pub consumed: Option<f64>,
    pub remaining: Option<f64>,
    /// The share of the window that was measured.
    pub coverage: f64,
    /// By window, shortest first.
    pub burns: Vec<(Span, Option<f64>)>,
    /// The share of the budget that was left, at evenly spaced instants up to this one over one window.
    pub burn_down: Vec<Option<f64>>,
}

impl Notice {
    pub fn new(news: News, at: Timestamp, because: String, subject: Subject, figures: Figures) -> Notice {
        let id = id(&SloId::new(&*subject.service, &*subject.slo).to_string(), &news, at);
        Notice { id, news, at, because, subject, figures, power: None }
    }

    /// One about the host of this name, which is its label `host`.
    pub fn of_host(host: &str, news: News, at: Timestamp, because: String, power: Drawn) -> Notice {
        let id = id(host, &news, at);
        let subject = Subject { labels: [("host".to_string(), host.to_string())].into(), ..Subject::default() };
        Notice { id, news, at, because, subject, figures: Figures::default(), power: Some(power) }
    }

    /// Whom it is about: `checkout/availability`, or the host's name.
    pub fn whom(&self) -> String {
        match self.power {
            Some(_) => self.label("host").to_string(),
            None => format!("{}/{}", self.subject.service, self.subject.slo),
        }
    }

    /// The service and the SLO; neither where it is about the host.
    pub fn names(&self) -> (Option<&str>, Option<&str>) {
        match self.power {
            Some(_) => (None, None),
            None => (Some(&self.subject.service), Some(&self.subject.slo)),
        }
    }

    /// One that says what it is, to try a channel with.
    pub fn sample(at: Timestamp) -> Notice {
        let subject = Subject {
            service: "burnwatch".into(),
            slo: "test".into(),
            description: "a sample, sent by hand".into(),
            ..Subject::default()
        };
        let figures = Figures {
            objective: 0.999,
            window: Span::days(30),
            total: Some(432_000.0),
            bad: Some(324.0),
            allowed: Some(432.0),
            consumed: Some(0.75),
            remaining: Some(0.25),
            coverage: 1.0,
            burns: vec![(Span::hours(1), Some(1.5)), (Span::hours(6), Some(0.9))],
            burn_down: (1..=30).map(|day: i32| Some(1.0 - f64::from(day.min(24)) / 32.0)).collect(),
        };
        let because = "somebody ran `burnwatch notify test`: nothing happened".to_string();
        Notice::new(News::BudgetConsumed { threshold: 0.75 }, at, because, subject, figures)
    }

    /// The value of a label; `service` and `slo` are there too.
    pub fn label(&self, name: &str) -> &str {
        match name {
            "service" => &self.subject.service,
            "slo" => &self.subject.slo,
            name => self.subject.labels.get(name).map_or("", String::as_str),
        }
    }
}

impl fmt::Display for Notice {
    /// `checkout/availability: error budget exhausted: consumed 100.5 % ...`
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}: {}", self.whom(), self.news, self.because)
    }
}

fn id(subject: &str, news: &News, at: Timestamp) -> String {
    let told = format!("{subject}\n{}\n{}\n{}", news.kind().name(), news.detail(), at.as_millis());
    Sha256::digest(told)[..ID_BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;

    fn noon() -> Timestamp {
        Timestamp::seconds(1_795_176_000)
    }

    #[test]
    fn an_id_is_the_same_from_every_daemon_and_tells_all_else_apart() {
        let of = |slo: &str, news: News, at| id(&SloId::new("checkout", slo).to_string(), &news, at);
        let burn = |severity, what| News::Burn { severity, what, since: noon() };
        let ids = [
            of("availability", News::BudgetExhausted, noon()),
            of("latency", News::BudgetExhausted, noon()),
            of("availability", News::BudgetRecovered, noon()),
            of("availability", News::BudgetExhausted, noon() + Span::millis(1)),
            of("availability", News::BudgetConsumed { threshold: 0.75 }, noon()),
            of("availability", News::BudgetConsumed { threshold: 0.9 }, noon()),
            of("availability", burn(Severity::Page, What::Opened), noon()),
            of("availability", burn(Severity::Page, What::Resolved), noon()),
            of("availability", burn(Severity::Ticket, What::Opened), noon()),
        ];
        assert_eq!(ids[0], "343b7b61886a098bde59086635933ab8");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        assert!(ids.iter().all(|id| id.len() == 32), "{ids:?}");
        let later = News::Burn { severity: Severity::Page, what: What::Opened, since: noon() - Span::hours(1) };
        assert_eq!(of("availability", later, noon()), ids[6], "when it began is no part of it");
    }

    #[test]
    fn a_notice_comes_back_from_the_ledger_as_it_was() {
        let sample = Notice::sample(noon());
        let kept = serde_json::to_string(&sample).unwrap();
        assert_eq!(serde_json::from_str::<Notice>(&kept).unwrap(), sample);
        assert!(kept.contains(r#""news":{"kind":"budget_consumed","threshold":0.75}"#), "{kept}");
    }

    #[test]
    fn news_say_what_happened_in_a_few_words() {
        let burn = News::Burn { severity: Severity::Page, what: What::Opened, since: noon() };
        let told =
            [News::BudgetConsumed { threshold: 0.75 }, News::BudgetExhausted, burn, News::NoData { released: None }];
        let expected = ["75 % of the error budget consumed", "error budget exhausted", "page opened", "no data"];
        assert_eq!(told.map(|news| news.to_string()), expected);
    }
}
