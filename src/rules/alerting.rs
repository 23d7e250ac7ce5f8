//! Alerts and what they say: the rows of the one alert table as PromQL, and for people.

use std::borrow::Cow;

use crate::budget::{Row, Severity};
use crate::promql::names;
use crate::rules::reading::Recorded;
use crate::rules::timing::Timing;
use crate::rules::{Rule, Terms};
use crate::slos::{Slo, Tone};
use crate::units::{Labels, Span};

/// The budget is spent faster than it should be.
pub const BURN_ALERT: &str = "ErrorBudgetBurn";
/// Nothing is measured.
pub const NO_DATA_ALERT: &str = "SLONoData";
/// The daemon itself does not count.
pub const DOWN_ALERT: &str = "BurnwatchDown";

/// What of an SLO's alerting rules do not depend on who computes.
pub struct Alerts<'a> {
    slo: &'a Slo,
    timing: &'a Timing,
}

impl<'a> Alerts<'a> {
    pub fn of(slo: &'a Slo, timing: &'a Timing) -> Alerts<'a> {
        Alerts { slo, timing }
    }

    /// The alert of one severity on what `expr` gives; `None` where it is off or has no row.
    pub fn burn(&self, severity: Severity, expr: impl FnOnce(&[Row]) -> String) -> Option<Rule> {
        let slo = self.slo;
        let rows: Vec<Row> = self.timing.rows.rows.iter().filter(|row| row.severity == severity).copied().collect();
        if rows.is_empty() {
            return None;
        }
        let pace = match severity {
            Severity::Page => "too fast",
            Severity::Ticket => "faster than it is earned",
        };
        let summary = format!("{} is spending its {} error budget {pace}", self.name(), slo.window);
        let spoken: Vec<String> =
            rows.iter().map(|row| format!("{} over {} and {}", row.burn, row.long, row.short)).collect();
        let description =
            format!("{} over {}: the burn is above {}", slo.objective, slo.window, spoken.join(", or above "));
        self.alert(BURN_ALERT, severity, expr(&rows), summary, description)
    }

    /// The alert that nothing is measured, for whoever gets the tickets; `None` where no alert is wanted.
    pub fn no_data(&self, expr: String, terms: &Terms) -> Option<Rule> {
        let summary = format!("{} is not measured; its burn alerts cannot fire", self.name());
        let description =
            format!("{} over {}: nothing was measured for {}", self.slo.objective, self.slo.window, terms.patience());
        let severity = match (&self.slo.alerting.ticket, &self.slo.alerting.page) {
            (Tone::Off, Tone::On { .. }) => Severity::Page,
            (Tone::Off | Tone::On { .. }, _) => Severity::Ticket,
        };
        self.alert(NO_DATA_ALERT, severity, expr, summary, description)
    }

    /// Labels and annotations that people wrote are laid over these, but for those that say which SLO it is. Prometheus
    /// reads both as templates; they arrive as they were written.
    fn alert(
        &self,
        alert: &'static str,
        severity: Severity,
        expr: String,
        summary: String,
        description: String,
    ) -> Option<Rule> {
        let slo = self.slo;
        let Tone::On { labels, annotations } = slo.alerting.tone(severity) else { return None };
        let said = slo.labels.iter().chain([("severity", severity.name())]).chain(labels.iter());
        let id = slo.id.labels().map(|(name, value)| (name, Cow::from(value)));
        let labels = Labels::new(said.map(named_verbatim).chain(id));
        let description = match &*slo.description {
            "" => description,
            said => format!("{}; {description}", verbatim(said)),
        };
        let told = [("summary", Cow::from(summary)), ("description", Cow::from(description))];
        let runbook = slo.alerting.runbook.as_deref().map(|runbook| ("runbook_url", verbatim(runbook)));
        let annotations = Labels::new(told.into_iter().chain(runbook).chain(annotations.iter().map(named_verbatim)));
        Some(Rule::Alerting { alert, expr, labels, annotations })
    }

    fn name(&self) -> String {
        format!("{} {}", self.slo.id.service, self.slo.id.slo)
    }
}

/// When the recorded burns, and where asked for the recorded events, are worth an alert by some row.
pub fn exceeded(slo: &Slo, recorded: &Recorded, timing: &Timing, rows: &[Row]) -> String {
    let rows: Vec<String> = rows.iter().map(|row| format!("({})", row_exceeded(slo, recorded, timing, row))).collect();
    rows.join("\nor\n")
}

fn row_exceeded(slo: &Slo, recorded: &Recorded, timing: &Timing, row: &Row) -> String {
    let limit = row.burn.get().to_string();
    let burn = |over: Span| [&recorded.series(&names::recorded_burn_rate(over)), " > ", &limit].concat();
    let both = format!("{} and {}", burn(row.short), burn(row.long));
    // The last row is for what goes on for long: it speaks however few events there are.
    let is_last = timing.rows.rows.last() == Some(row);
    match slo.alerting.min_events {
        0 => both,
        _ if is_last => both,
        least => format!("{both} and {} >= {least}", events_over(recorded, timing, row.long)),
    }
}

fn events_over(recorded: &Recorded, timing: &Timing, over: Span) -> String {
    let rate = |over: Span| recorded.series(&names::recorded_events_rate(over));
    if timing.rates().contains(&over) {
        format!("{} * {}", over.as_seconds(), rate(over))
    } else if timing.is_tiled(over) {
        let count = recorded.series(&names::recorded_events_count(timing.tile));
        format!("sum_over_time({count}[{over}:{}])", timing.tile)
    } else {
        let slow = timing.slow;
        format!("{} * sum_over_time({}[{over}:{slow}])", slow.as_seconds(), rate(timing.base))
    }
}

fn named_verbatim<'a>((name, text): (&'a str, &'a str)) -> (&'a str, Cow<'a, str>) {
    (name, verbatim(text))
}

/// A text as Prometheus' templates have to be given it.
fn verbatim(text: &str) -> Cow<'_, str> {
    match text.contains("{{") {
        true => text.replace("{{", "{{\"{{\"}}").into(),
        false => text.into(),
    }
}
