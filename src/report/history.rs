//! How an SLO came to stand where it does: its totals and its budget at evenly spaced instants.

use crate::budget;
use crate::report::json::{self, Count};
use crate::report::number::{DECIMALS, rounded};
use crate::report::snapshot::Snapshot;
use crate::units::{SloId, Span, Timestamp};

/// The most points one history has.
pub const MAX_POINTS: usize = 1_000;

/// What a history has when nobody says: of 30 d, every four hours.
const POINTS: usize = 180;

/// The nearest that two points are.
const SHORTEST_STEP: Span = Span::seconds(1);

/// Which part of the past is asked for. What is left out is the SLO's window up to the last tick.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Range {
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    /// From 1 to [`MAX_POINTS`].
    pub points: Option<usize>,
}

/// The history of an SLO; `None` for one that is not declared, and before the first tick.
pub fn history(snapshot: &Snapshot, id: &SloId, range: &Range) -> Option<json::History> {
    let standing = snapshot.standing(id)?;
    let window = standing.slo.window.span();
    let to = range.to.unwrap_or(Timestamp::millis(i64::MAX)).min(snapshot.as_of?);
    let from = range.from.unwrap_or(to - window).min(to - SHORTEST_STEP);
    let span = to.since(from);
    let fitting = (span.as_millis() / SHORTEST_STEP.as_millis()) as usize;
    let points = range.points.unwrap_or(POINTS).min(MAX_POINTS).min(fitting).max(1);
    let step = span / points as i64;
    let from = to - step * points as i64;
    let counted = |span, t| snapshot.statement.measured(&standing.book, span, t);
    let point = |index: usize| {
        let t = to - step * (points - 1 - index) as i64;
        let since = counted(t.since(from), t);
        let remaining = counted(window, t).map(|counted| budget::remaining(counted.tally, standing.slo.objective));
        json::Point {
            t: t.to_string(),
            total: since.map(|since| Count(since.tally.total())),
            bad: since.map(|since| Count(since.tally.bad())),
            measured_seconds: since.map(|since| since.measured.as_seconds()),
            remaining: remaining.map(|remaining| rounded(remaining, DECIMALS)),
        }
    };
    Some(json::History {
        from: from.to_string(),
        to: to.to_string(),
        step_seconds: step.as_seconds(),
        points: (0..points).map(point).collect(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::report::example;

    fn search(range: Range) -> json::History {
        history(&example::snapshot(), &SloId::new("search", "availability"), &range).unwrap()
    }

    #[test]
    fn points_add_up_from_the_beginning_of_the_range() {
        let noon = example::noon();
        let range = Range { from: Some(noon - Span::hours(2)), to: Some(noon), points: Some(2) };
        let expected = serde_json::json!({
            "from": "2026-11-20T10:00:00Z", "to": "2026-11-20T12:00:00Z", "step_seconds": 3600.0, "points": [
                {"t": "2026-11-20T11:00:00Z", "total": 1000, "bad": 0, "measured_seconds": 3600.0, "remaining": 1.0},
                {"t": "2026-11-20T12:00:00Z", "total": 2000, "bad": 20, "measured_seconds": 7200.0, "remaining": -9.0},
            ],
        });
        assert_eq!(serde_json::to_value(search(range)).unwrap(), expected);
    }

    #[test]
    fn looks_over_the_window_of_the_slo_when_nobody_says() {
        let history = search(Range::default());
        assert_eq!(history.from, "2026-10-21T12:00:00Z");
        assert_eq!(history.to, "2026-11-20T12:00:00Z");
        assert_eq!(history.points.len(), POINTS);
        assert_eq!(history.step_seconds, 4.0 * 3600.0);
    }

    #[test]
    fn is_not_known_before_the_first_count() {
        assert_eq!(search(Range::default()).points[0].total, None);
        assert_eq!(search(Range::default()).points[0].remaining, None);
    }

    #[test]
    fn ends_with_the_last_tick_and_has_no_more_points_than_seconds() {
        let noon = example::noon();
        let range = Range { from: Some(noon - Span::seconds(3)), to: Some(noon + Span::hours(1)), points: Some(900) };
        let history = search(range);
        assert_eq!((history.to.as_str(), history.points.len()), ("2026-11-20T12:00:00Z", 3));
        let many = search(Range { points: Some(1_000_000), ..Range::default() });
        assert_eq!(many.points.len(), MAX_POINTS);
    }
}
