//! What the API answers: a snapshot in the shapes of `json`.

use std::collections::BTreeMap;

use crate::alerts;
use crate::alerts::{News, Notice, What};
use crate::budget::{self, Exhaustion};
use crate::outbox::{Delivery, State};
use crate::report::json::{self, Count, Length};
use crate::report::number::{DECIMALS, FINE, rounded};
use crate::report::snapshot::{Listed, Snapshot};
use crate::tick::{Standing, Word};
use crate::units::{About, BurnRate, Problem, SloId, Timestamp, Watts};

/// Which SLOs are asked for; the default is all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wanted {
    pub service: Option<String>,
    pub state: Option<Word>,
    /// Each of these labels with this value.
    pub labels: Vec<(String, String)>,
    /// Only those that come after this one.
    pub after: Option<SloId>,
    /// At most so many.
    pub limit: Option<usize>,
}

impl Wanted {
    fn includes(&self, standing: &Standing) -> bool {
        let slo = &standing.slo;
        self.service.as_deref().is_none_or(|service| service == &*slo.id.service)
            && self.state.is_none_or(|state| state == standing.state)
            && self.labels.iter().all(|(name, value)| slo.labels.get(name) == value)
            && self.after.as_ref().is_none_or(|after| slo.id > *after)
    }
}

/// The SLOs that are wanted, sorted by service and name.
pub fn slos(snapshot: &Snapshot, wanted: &Wanted) -> json::Slos {
    let mut problems: BTreeMap<&SloId, Vec<&Listed>> = BTreeMap::new();
    for listed in &snapshot.problems {
        if let About::Slo(id) = &listed.problem.about {
            problems.entry(id).or_default().push(listed);
        }
    }
    let of = |standing: &Standing| problems.get(&standing.slo.id).map_or(&[][..], Vec::as_slice);
    let standings = snapshot.standings.iter().filter(|standing| wanted.includes(standing));
    let slos = standings.take(wanted.limit.unwrap_or(usize::MAX)).map(|standing| standing.answer(of(standing)));
    json::Slos { as_of: as_of(snapshot), slos: slos.collect() }
}

/// One SLO; `None` for one that is not declared.
pub fn slo(snapshot: &Snapshot, id: &SloId) -> Option<json::OneSlo> {
    let standing = snapshot.standing(id)?;
    let about = |listed: &&Listed| matches!(&listed.problem.about, About::Slo(about) if about == id);
    let problems: Vec<&Listed> = snapshot.problems.iter().filter(about).collect();
    Some(json::OneSlo { as_of: as_of(snapshot), slo: standing.answer(&problems) })
}

/// Every open alert, by SLO, pages first.
pub fn alerts(snapshot: &Snapshot) -> json::Alerts {
    let of_slo = |standing: &Standing| {
        let SloId { service, slo } = standing.slo.id.clone();
        let alerts = open_alerts(&standing.alerts);
        alerts.into_iter().map(move |alert| json::AlertOfSlo {
            service: service.to_string(),
            slo: slo.to_string(),
            alert,
        })
    };
    json::Alerts { as_of: as_of(snapshot), alerts: snapshot.standings.iter().flat_map(of_slo).collect() }
}

/// Everything that is wrong.
pub fn problems(snapshot: &Snapshot) -> json::Problems {
    json::Problems { as_of: as_of(snapshot), problems: snapshot.problems.iter().map(listed).collect() }
}

/// The deliveries of notices.
pub fn notifications(deliveries: &[Delivery]) -> json::Notifications {
    let told = |delivery: &Delivery| {
        let Delivery { channel, notice, state, attempts, answer, .. } = delivery;
        let (service, slo) = notice.names();
        json::Notification {
            id: notice.id.clone(),
            kind: notice.news.kind().name().to_string(),
            service: service.map(String::from),
            slo: slo.map(String::from),
            channel: channel.to_string(),
            at: notice.at.to_string(),
            state: state.name().to_string(),
            attempts: *attempts,
            next: match state {
                State::Pending(at) => Some(at.to_string()),
                State::Delivered(_) | State::GivenUp(_) => None,
            },
            answer: (*attempts > 0 || !answer.is_empty()).then(|| answer.clone()),
        }
    };
    json::Notifications { notifications: deliveries.iter().map(told).collect() }
}

impl json::Notice {
    /// A notice as programs read it.
    pub fn of(notice: &Notice) -> json::Notice {
        let Notice { id, news, at, because, subject, figures, power } = notice;
        let (service, slo) = notice.names();
        let changed = |severity: budget::Severity, what: What| json::Changed {
            severity: severity.name().to_string(),
            state: what.name().to_string(),
        };
        let share = |share: Option<f64>| share.map(|share| rounded(share, DECIMALS));
        json::Notice {
            version: 1,
            id: id.clone(),
            kind: news.kind().name().to_string(),
            at: at.to_string(),
            service: service.map(String::from),
            slo: slo.map(String::from),
            because: because.clone(),
            threshold: match news {
                News::BudgetConsumed { threshold } => Some(*threshold),
                _ => None,
            },
            alert: match news {
                News::Burn { severity, what, .. } => Some(changed(*severity, *what)),
                News::NoData { released: Some(severity) } => Some(changed(*severity, What::Released)),
                _ => None,
            },
            budget: power
                .is_none()
                .then(|| json::Spent { consumed: share(figures.consumed), remaining: share(figures.remaining) }),
            burn: power
                .is_none()
                .then(|| figures.burns.iter().map(|(window, burn)| (Length(*window), share(*burn))).collect()),
            power: power.map(|power| json::Drawn {
                state: host_state(news).into(),
                mean_watts: share(power.mean.map(Watts::get)),
                peak_watts: share(power.peak.map(Watts::get)),
                limit_watts: power.limit.map(Watts::get),
            }),
            labels: subject.labels.clone(),
            links: json::Links { runbook: subject.runbook.clone() },
        }
    }
}

/// What became of the host.
fn host_state(news: &News) -> &'static str {
    match news {
        News::PowerAbove { recovered: true } => "recovered",
        News::LowPower { on: true } => "entered",
        News::LowPower { on: false } => "left",
        _ => "above",
    }
}

/// How the daemon is.
pub fn health(snapshot: &Snapshot, version: &str) -> json::Health {
    let checks = &snapshot.checks;
    let all = [&checks.source, &checks.ledger, &checks.rules, &checks.notify, &checks.power];
    let status = if all.iter().any(|check| check.reason().is_some()) { "degraded" } else { "healthy" };
    json::Health { status: status.into(), version: version.into(), checks: checks.clone() }
}

impl Standing {
    /// How it stands, as the API tells it, with what is wrong with it.
    fn answer(&self, problems: &[&Listed]) -> json::Slo {
        let slo = &self.slo;
        let burn = |(window, burn): &(_, Option<BurnRate>)| (Length(*window), burn.map(told));
        json::Slo {
            service: slo.id.service.to_string(),
            slo: slo.id.slo.to_string(),
            labels: slo.labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            owner: slo.owner.clone(),
            objective: slo.objective.ratio(),
            window: slo.window.to_string(),
            from: self.counted.map(|counted| counted.from.to_string()),
            to: self.counted.map(|counted| counted.to.to_string()),
            kind: slo.sli.kind().to_string(),
            state: self.state.name().to_string(),
            partial: self.is_partial(),
            coverage: rounded(self.coverage.get(), FINE),
            events: json::Events {
                total: self.counted.map(|counted| Count(counted.tally.total())),
                bad: self.counted.map(|counted| Count(counted.tally.bad())),
            },
            sli: self.sli().map(|sli| rounded(sli.get(), FINE)),
            budget: self.budget(),
            burn: self.burns.iter().map(burn).collect(),
            latency: self.latency(),
            alerts: open_alerts(&self.alerts),
            problems: problems.iter().copied().map(listed).collect(),
        }
    }

    fn latency(&self) -> Option<json::Latency> {
        let under = self.slo.sli.threshold_in_seconds()?;
        let known = self.latency.as_ref();
        let at = |wanted: &str| {
            let (_, seconds) = known?.percentiles.iter().find(|(percentile, _)| *percentile == wanted)?;
            Some(rounded(*seconds, FINE))
        };
        Some(json::Latency {
            p50: at("50"),
            p90: at("90"),
            p95: at("95"),
            p99: at("99"),
            p999: at("99.9"),
            at_objective: known.map(|latency| rounded(latency.at_objective, FINE)),
            under,
        })
    }

    fn budget(&self) -> json::Budget {
        json::Budget {
            allowed: self.counted.map(|counted| Count(budget::allowed(counted.tally, self.slo.objective))),
            consumed: self.consumed().map(|consumed| rounded(consumed, DECIMALS)),
            remaining: self.remaining().map(|remaining| rounded(remaining, DECIMALS)),
            exhausted: self.is_exhausted(),
            exhausts: self.exhaustion.name().to_string(),
            exhausts_in_seconds: match self.exhaustion {
                Exhaustion::In(span) => Some(span.as_millis() / 1_000),
                Exhaustion::Never | Exhaustion::Now | Exhaustion::Unknown => None,
            },
        }
    }
}

impl json::Problem {
    /// A problem as programs read it.
    pub fn of(problem: &Problem, since: Option<Timestamp>) -> json::Problem {
        let place = problem.place.as_ref();
        let in_file = place.filter(|place| place.line > 0);
        let (service, slo) = problem.about.names();
        json::Problem {
            severity: problem.severity.name().to_string(),
            code: problem.code.to_string(),
            file: place.map(|place| place.file.to_string()),
            line: in_file.map(|place| place.line),
            column: in_file.map(|place| place.column),
            service: service.map(String::from),
            slo: slo.map(String::from),
            what: problem.what.clone(),
            remedy: problem.remedy.clone(),
            since: since.map(|since| since.to_string()),
        }
    }
}

impl json::KeptBack {
    /// What `problems` kept from being taken up, the first of them in words.
    pub fn of(problems: &[Problem]) -> json::KeptBack {
        let first = problems.first().map(Problem::to_string).unwrap_or_default();
        let message = match problems.len() {
            0 | 1 => first,
            many => format!("{first} (and {} more)", many - 1),
        };
        let error = json::Error { code: "kept_back".into(), message, ..json::Error::default() };
        json::KeptBack { error, problems: problems.iter().map(|problem| json::Problem::of(problem, None)).collect() }
    }
}

fn listed(listed: &Listed) -> json::Problem {
    json::Problem::of(&listed.problem, Some(listed.since))
}

fn open_alerts(alerts: &alerts::Alerts) -> Vec<json::Alert> {
    let open = |(severity, state, alert): (budget::Severity, alerts::State, &alerts::Alert)| json::Alert {
        severity: severity.name().to_string(),
        state: state.name().to_string(),
        since: alert.since.to_string(),
        because: alert.because.to_string(),
        burn: alert.because.burns().into_iter().map(|(window, burn)| (Length(window), Some(told(burn)))).collect(),
    };
    alerts.open().map(open).collect()
}

fn told(burn: BurnRate) -> f64 {
    rounded(burn.get(), DECIMALS)
}

fn as_of(snapshot: &Snapshot) -> Option<String> {
    snapshot.as_of.map(|at| at.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;
    use crate::alerts::Drawn;
    use crate::report::example;

    fn as_value(answer: impl serde::Serialize) -> Value {
        serde_json::to_value(answer).unwrap()
    }

    fn availability() -> Value {
        json!({
            "service": "checkout", "slo": "availability", "labels": {"tier": "1"}, "owner": "payments@example.com",
            "objective": 0.999, "window": "30d", "from": "2026-10-21T12:00:00Z", "to": "2026-11-20T12:00:00Z",
            "kind": "events", "state": "ok", "partial": false, "coverage": 1.0,
            "events": {"total": 430177423, "bad": 212046}, "sli": 0.99950707,
            "budget": {"allowed": 430177.423, "consumed": 0.4929, "remaining": 0.5071, "exhausted": false,
                       "exhausts": "in", "exhausts_in_seconds": 6572016},
            "burn": {"5m": 0.0, "30m": 0.1, "1h": 0.2, "2h": 0.2, "6h": 0.2, "1d": 0.2, "3d": 0.2},
            "latency": null, "alerts": [], "problems": [],
        })
    }

    fn names(wanted: &Wanted) -> Vec<String> {
        let slos = slos(&example::snapshot(), wanted).slos;
        slos.iter().map(|slo| format!("{}/{}", slo.service, slo.slo)).collect()
    }

    #[test]
    fn an_slo_is_told_in_the_documented_shape() {
        let answer = as_value(slos(&example::snapshot(), &Wanted { limit: Some(1), ..Wanted::default() }));
        assert_eq!(answer, json!({"as_of": "2026-11-20T12:00:00Z", "slos": [availability()]}));
    }

    #[test]
    fn burns_stand_in_the_order_of_their_windows() {
        let text = serde_json::to_string(&slos(&example::snapshot(), &Wanted::default())).unwrap();
        assert!(text.contains(r#""burn":{"5m":0.0,"30m":0.1,"1h":0.2,"2h":0.2,"6h":0.2,"1d":0.2,"3d":0.2}"#), "{text}");
    }

    #[test]
    fn one_slo_has_the_instant_beside_its_fields() {
        let mut expected = availability();
        expected["as_of"] = json!("2026-11-20T12:00:00Z");
        let id = SloId::new("checkout", "availability");
        assert_eq!(as_value(slo(&example::snapshot(), &id)), expected);
        assert_eq!(slo(&example::snapshot(), &SloId::new("checkout", "nothing")), None);
    }

    #[test]
    fn what_is_not_known_is_null() {
        let latency = as_value(slo(&example::snapshot(), &SloId::new("checkout", "latency")));
        for unknown in ["/from", "/to", "/events/total", "/sli", "/budget/consumed", "/budget/remaining", "/burn/1h"] {
            assert_eq!(latency.pointer(unknown), Some(&Value::Null), "{unknown}");
        }
        assert_eq!(latency["state"], "no_data");
        assert_eq!(latency["coverage"], 0.0);
        assert_eq!(latency["budget"]["exhausts"], "unknown");
        assert_eq!(latency["problems"][0]["code"], "no_such_bucket");
    }

    #[test]
    fn latencies_are_told_by_percentile_of_slos_that_count_durations() {
        let id = SloId::new("checkout", "latency");
        let mut snapshot = example::snapshot();
        let unknown = json!({"p50": null, "p90": null, "p95": null, "p99": null, "p99.9": null,
                             "at_objective": null, "under": 0.2});
        assert_eq!(as_value(slo(&snapshot, &id))["latency"], unknown);
        let standing = snapshot.standings.iter_mut().find(|standing| standing.slo.id == id).unwrap();
        standing.latency = Some(example::latency());
        let known = json!({"p50": 0.012, "p90": 0.05, "p95": 0.1, "p99": 0.143, "p99.9": 1.0,
                           "at_objective": 1.0, "under": 0.2});
        assert_eq!(as_value(slo(&snapshot, &id))["latency"], known);
        assert_eq!(as_value(slo(&snapshot, &SloId::new("search", "availability")))["latency"], Value::Null);
    }

    #[test]
    fn open_alerts_say_whose_they_are_and_why() {
        let expected = json!({"as_of": "2026-11-20T12:00:00Z", "alerts": [{
            "service": "search", "slo": "availability", "severity": "page", "state": "firing",
            "since": "2026-11-20T11:58:30Z", "because": "burning 15.2 over 1h and 31 over 5m, above 14.4",
            "burn": {"1h": 15.2, "5m": 31.0},
        }]});
        assert_eq!(as_value(alerts(&example::snapshot())), expected);
    }

    #[test]
    fn problems_say_where_what_and_since_when() {
        let expected = json!({"as_of": "2026-11-20T12:00:00Z", "problems": [
            {"severity": "error", "code": "no_such_bucket", "file": "slos/checkout.yaml", "line": 7, "column": 16,
             "service": "checkout", "slo": "latency", "what": "x has no bucket at 0.2",
             "remedy": "the nearest are 0.1 and 0.25; write one of them", "since": "2026-11-20T11:00:00Z"},
            {"severity": "warning", "code": "clock", "file": null, "line": null, "column": null,
             "service": null, "slo": null, "what": "the source's clock is 12 s behind", "remedy": "",
             "since": "2026-11-20T11:00:00Z"},
        ]});
        assert_eq!(as_value(problems(&example::snapshot())), expected);
    }

    #[test]
    fn slos_are_chosen_by_service_state_and_label() {
        let all = ["checkout/availability", "checkout/latency", "search/availability"];
        assert_eq!(names(&Wanted::default()), all);
        assert_eq!(names(&Wanted { service: Some("checkout".into()), ..Wanted::default() }), all[..2]);
        assert_eq!(names(&Wanted { state: Some(Word::Burning), ..Wanted::default() }), all[2..]);
        assert_eq!(names(&Wanted { labels: vec![("tier".into(), "1".into())], ..Wanted::default() }), all[..1]);
        assert_eq!(names(&Wanted { labels: vec![("tier".into(), "2".into())], ..Wanted::default() }), [""; 0]);
    }

    #[test]
    fn pages_of_slos_follow_each_other_without_gap_or_overlap() {
        let first = names(&Wanted { limit: Some(2), ..Wanted::default() });
        let after = Some(SloId::new("checkout", "latency"));
        let second = names(&Wanted { after, limit: Some(2), ..Wanted::default() });
        assert_eq!([first, second].concat(), names(&Wanted::default()));
    }

    #[test]
    fn a_reading_client_gets_back_what_was_told() {
        let told = slos(&example::snapshot(), &Wanted::default());
        let read: json::Slos = serde_json::from_str(&serde_json::to_string(&told).unwrap()).unwrap();
        assert_eq!(read.slos[2].alerts, told.slos[2].alerts);
        assert_eq!(as_value(read), as_value(told));
    }

    #[test]
    fn the_daemon_is_degraded_as_soon_as_one_part_is() {
        let answer = as_value(health(&example::snapshot(), "0.1.0"));
        let expected = json!({"status": "degraded", "version": "0.1.0", "checks": {
            "source": {"status": "degraded", "reason": "no answer for 2m"}, "ledger": {"status": "healthy"},
            "rules": {"status": "off"}, "notify": {"status": "off"}, "power": {"status": "off"},
        }});
        assert_eq!(answer, expected);
        assert_eq!(health(&Snapshot::default(), "0.1.0").status, "healthy");
    }

    #[test]
    fn a_notice_is_told_in_the_documented_shape() {
        let mut notice = Notice::sample(example::noon());
        notice.subject.labels.insert("tier".into(), "1".into());
        notice.subject.runbook = Some("https://wiki.example.com/checkout".into());
        notice.figures.consumed = Some(434.0 / 432.0);
        notice.figures.remaining = Some(1.0 - 434.0 / 432.0);
        let expected = json!({
            "version": 1, "id": notice.id, "kind": "budget_consumed", "at": "2026-11-20T12:00:00Z",
            "service": "burnwatch", "slo": "test", "threshold": 0.75,
            "because": "somebody ran `burnwatch notify test`: nothing happened",
            "budget": {"consumed": 1.0046, "remaining": -0.0046}, "burn": {"1h": 1.5, "6h": 0.9},
            "labels": {"tier": "1"}, "links": {"runbook": "https://wiki.example.com/checkout"},
        });
        assert_eq!(as_value(json::Notice::of(&notice)), expected);
    }

    #[test]
    fn a_notice_of_the_host_has_power_in_place_of_a_budget() {
        let watts = |watts| Watts::new(watts).unwrap();
        let power = Drawn { mean: Some(watts(231.0)), peak: None, limit: Some(watts(200.0)) };
        let news = News::PowerAbove { recovered: true };
        let notice = Notice::of_host("here", news, example::noon(), "why".into(), power);
        let expected = json!({
            "version": 1, "id": notice.id, "kind": "power_above", "at": "2026-11-20T12:00:00Z", "service": null, "slo": null,
            "because": "why", "labels": {"host": "here"}, "links": {},
            "power": {"state": "recovered", "mean_watts": 231.0, "peak_watts": null, "limit_watts": 200.0},
        });
        assert_eq!(as_value(json::Notice::of(&notice)), expected);
    }

    #[test]
    fn a_delivery_is_told_in_the_documented_shape() {
        let notice = Notice::sample(example::noon());
        let id = notice.id.clone();
        let pending = Delivery {
            channel: "mail".into(),
            notice,
            queued: example::noon(),
            state: State::Pending(example::noon()),
            attempts: 2,
            answer: "451 try later".into(),
        };
        let done = Delivery { state: State::Delivered(example::noon()), ..pending.clone() };
        let told = as_value(notifications(&[pending, done]));
        let expected = json!({
            "id": id, "kind": "budget_consumed", "service": "burnwatch", "slo": "test", "channel": "mail",
            "at": "2026-11-20T12:00:00Z", "state": "pending", "attempts": 2, "next": "2026-11-20T12:00:00Z",
            "answer": "451 try later",
        });
        assert_eq!(told["notifications"][0], expected);
        assert_eq!(
            (&told["notifications"][1]["state"], &told["notifications"][1]["next"]),
            (&json!("delivered"), &json!(null))
        );
    }
}
