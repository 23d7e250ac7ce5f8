//! What becomes of an SLO's alert rows, told before somebody waits for an alert that cannot come.

use crate::budget::{Dropped, Severity};
use crate::plan::Planned;
use crate::slos::{Slo, Tone};
use crate::units::Problem;

/// A note of the rows that are dropped, for each reason, and a warning where tickets are wanted and no row is left.
/// Severities that are off are not spoken of.
pub fn dropped_rows(planned: &Planned) -> Vec<Problem> {
    let Planned { slo, rows, .. } = planned;
    let dropped: Vec<&Dropped> = rows.dropped.iter().filter(|dropped| speaks(slo, dropped.row.severity)).collect();
    let mut problems: Vec<Problem> = dropped.chunk_by(|a, b| a.reason() == b.reason()).map(note).collect();
    let is_wanted = Severity::ALL.into_iter().any(|severity| speaks(slo, severity));
    if is_wanted && !rows.rows.iter().any(|row| speaks(slo, row.severity)) {
        let what = "no alert is left: pages are off, and at this objective no ticket can be relied on";
        problems.push(Problem::warning("no_alert_row", what, "turn pages on, or ask for a higher objective"));
    }
    problems.into_iter().map(|problem| problem.at(&slo.place).about(&slo.id)).collect()
}

fn speaks(slo: &Slo, severity: Severity) -> bool {
    match slo.alerting.tone(severity) {
        Tone::On { .. } => true,
        Tone::Off => false,
    }
}

/// The rows that one reason drops.
fn note(dropped: &[&Dropped]) -> Problem {
    let rows: Vec<String> = dropped.iter().map(|dropped| dropped.row.to_string()).collect();
    let reason = dropped.first().map_or_else(String::new, |dropped| dropped.reason());
    Problem::note("dropped_row", format!("no {}: {reason}", rows.join(", no ")), "")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use super::*;
    use crate::budget::rows;
    use crate::slos::read;
    use crate::units::Span;

    fn check(objective: &str, window: &str, alerts: &str, expected: &[&str]) {
        let text = format!(
            "service: s\nslos:\n  - {{ name: a, objective: {objective}, window: {window}, sli: {{ up: up }}, alerts: {{ {alerts} }} }}\n"
        );
        let (mut slos, problems) = read("f", &text);
        assert_eq!(problems, []);
        let slo = Arc::new(slos.remove(0));
        let rows = rows(slo.window, slo.objective, Span::minutes(5));
        let planned = Planned { slo, rows, silence: Span::minutes(5), no_data_after: Span::minutes(5) };
        let told = dropped_rows(&planned).into_iter().map(|problem| format!("{}: {problem}", problem.severity));
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn nothing_is_told_of_a_whole_table() {
        check("99.9%", "30d", "", &[]);
        check("99.9%", "30d", "page: off, ticket: off", &[]);
    }

    #[test]
    fn rows_that_one_reason_drops_are_one_note() {
        check(
            "80%",
            "30d",
            "",
            &["note: f:3:7: no page above 14.4 over 1h and 5m, no page above 6 over 6h and 30m: \
               at this objective a threshold from 4.75 on cannot be relied on"],
        );
        check(
            "99.9%",
            "1d",
            "",
            &["note: f:3:7: no page above 14.4 over 15m and 5m: the page above 6 has the same windows"],
        );
    }

    #[test]
    fn rows_that_are_off_anyway_are_not_missed() {
        check("80%", "30d", "page: off", &[]);
    }

    #[test]
    fn an_slo_whose_tickets_cannot_come_and_whose_pages_are_off_is_warned_of() {
        check(
            "5%",
            "30d",
            "page: off",
            &[
                "note: f:3:7: no ticket above 3 over 1d and 2h, no ticket above 1 over 3d and 6h: \
                 at this objective a threshold from 1 on cannot be relied on",
                "warning: f:3:7: no alert is left: pages are off, and at this objective no ticket can be relied on; \
                 turn pages on, or ask for a higher objective",
            ],
        );
    }
}
