//! What a tick has to tell of one SLO, and the notices that say so. Never decides what is wrong: the alerts, the budget's
//! thresholds and the silence do.

use crate::alerts::{Alerts, Change, Figures, News, Notice, Spent, Subject};
use crate::budget;
use crate::ledger::Statement;
use crate::slos::Slo;
use crate::tick::Standing;
use crate::units::{Tally, Timestamp};

/// How many instants a notice shows of its budget.
const BURN_DOWN: i64 = 30;

/// News, and why.
pub struct Told {
    news: News,
    because: String,
}

/// The alerts once everything was told, and all there is to tell. `spent` is `None` where the tick's span was not
/// measured: then no threshold is judged. `a_day_ago` tells what the window held that ended then.
pub fn told(
    alerts: Alerts,
    changes: &[Change],
    slo: &Slo,
    spent: Option<&Spent>,
    a_day_ago: impl FnOnce() -> Option<Tally>,
    silent: bool,
    now: Timestamp,
) -> (Alerts, Vec<Told>) {
    let mut told: Vec<Told> = changes.iter().map(of_alert).collect();
    let mut passed = alerts.passed;
    if let Some(spent) = spent {
        let (after, news) = passed.step(&slo.notify_at, spent, slo.alerting.min_events);
        passed = after;
        let because = || Spent { a_day_ago: a_day_ago(), ..*spent }.to_string();
        told.extend(news.map(|news| Told { news, because: because() }));
    }
    if silent && !alerts.silent {
        let since = alerts.held_since.unwrap_or(now);
        let because = format!("nothing was measured since {since}");
        told.push(Told { news: News::NoData { released: None }, because });
    }
    (Alerts { passed, silent, ..alerts }, told)
}

fn of_alert(change: &Change) -> Told {
    let news = News::of(change);
    let because = match news {
        News::NoData { .. } => {
            let since = change.since;
            format!("nothing was measured for a day to judge it by; it was open since {since}, {}", change.because)
        }
        _ => change.because.to_string(),
    };
    Told { news, because }
}

/// The notice of what was told, with the SLO as it stands.
pub fn notice(told: Told, standing: &Standing, statement: &Statement, now: Timestamp) -> Notice {
    let slo = &standing.slo;
    let labels = slo.labels.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    let subject = Subject {
        service: slo.id.service.to_string(),
        slo: slo.id.slo.to_string(),
        description: slo.description.clone(),
        owner: slo.owner.clone(),
        labels: labels.collect(),
        runbook: slo.alerting.runbook.clone(),
    };
    Notice::new(told.news, now, told.because, subject, figures(standing, statement, now))
}

fn figures(standing: &Standing, statement: &Statement, now: Timestamp) -> Figures {
    let slo = &standing.slo;
    let window = slo.window.span();
    let left = |step: i64| {
        let at = now - window * (BURN_DOWN - step) / BURN_DOWN;
        let counted = statement.measured(&standing.book, window, at).filter(|counted| !counted.measured.is_zero());
        counted.map(|counted| budget::remaining(counted.tally, slo.objective))
    };
    let tally = standing.counted.map(|counted| counted.tally);
    Figures {
        objective: slo.objective.ratio(),
        window,
        total: tally.map(|tally| tally.total()),
        bad: tally.map(|tally| tally.bad()),
        allowed: tally.map(|tally| budget::allowed(tally, slo.objective)),
        consumed: standing.consumed(),
        remaining: standing.remaining(),
        coverage: standing.coverage.get(),
        burns: standing.burns.iter().map(|(window, burn)| (*window, burn.map(|burn| burn.get()))).collect(),
        burn_down: (1..=BURN_DOWN).map(left).collect(),
    }
}
