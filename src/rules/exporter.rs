//! Alerts on what the daemon exports: minimum events, holding and suppression are the daemon's.

use crate::budget::Severity;
use crate::promql::{Matcher, Op, names};
use crate::rules::alerting::{Alerts, DOWN_ALERT};
use crate::rules::file::{DAEMON, Group, Rule};
use crate::rules::reading::Recorded;
use crate::rules::timing::Timing;
use crate::rules::{Style, Terms};
use crate::slos::Slo;
use crate::units::{Labels, Span};

/// How often these rules are evaluated: each reads a sample or two.
const EVERY: Span = Span::seconds(30);

/// No tick for so long is more than a restart.
const DOWN_AFTER: Span = Span::minutes(10);

/// The alerts of one SLO, if any are wanted. `max` forgets the labels of the target that was scraped.
pub fn group(slo: &Slo, timing: &Timing, terms: &Terms) -> Option<Group> {
    let (recorded, alerts) = (Recorded::of(&slo.id), Alerts::of(slo, timing));
    let active = |severity: Severity| {
        let severity = Matcher::new("severity", Op::Equal, severity.name());
        format!("max({}) == 1", recorded.selector(names::ALERT_ACTIVE).and(severity))
    };
    let burns = Severity::ALL.map(|severity| alerts.burn(severity, |_| active(severity)));
    let measured = recorded.series(names::SLO_LAST_MEASURED);
    let unmeasured = format!("time() - max({measured}) > {}", terms.patience().as_seconds());
    let rules: Vec<Rule> = burns.into_iter().flatten().chain(alerts.no_data(unmeasured, terms)).collect();
    let name = format!("{}-{}", slo.id.service, slo.id.slo);
    (!rules.is_empty()).then(|| Group::new(name, EVERY.min(timing.fast), rules))
}

/// The alert on the daemon: its series go when it does, and an alert on what is not there says nothing.
pub fn daemon(style: Style) -> Group {
    let (severity, loss) = match style {
        Style::Standalone => (Severity::Ticket, "no budget is counted; the burn alerts of Prometheus go on"),
        Style::Exporter => (Severity::Page, "no SLO alert can fire"),
    };
    let tick = names::TICK_LAST;
    let expr = format!("absent_over_time({tick}[{DOWN_AFTER}])\nor time() - max({tick}) > {}", DOWN_AFTER.as_seconds());
    let summary = format!("burnwatch has not completed a tick for {DOWN_AFTER}: {loss}");
    let description = "it does not run, does not get on, or this Prometheus does not scrape it";
    let rule = Rule::Alerting {
        alert: DOWN_ALERT,
        expr,
        labels: Labels::new([("severity", severity.name())]),
        annotations: Labels::new([("summary", &*summary), ("description", description)]),
    };
    Group::new(DAEMON.into(), EVERY, vec![rule])
}
