//! The one alert table: which burn, over which windows, is worth a page or a ticket. Rule files print it, alerts run it.
//! Never knows a count, nor what is open.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::{BurnRate, Objective, Span, Window};

/// How urgently an alert wants somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Now.
    Page,
    /// In working hours.
    Ticket,
}

impl Severity {
    pub const ALL: [Severity; 2] = [Severity::Page, Severity::Ticket];

    pub fn name(self) -> &'static str {
        match self {
            Severity::Page => "page",
            Severity::Ticket => "ticket",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One row of the table: it speaks when the burn over both windows is above `burn`. The long window says that it
/// matters, the short one that it still goes on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub severity: Severity,
    pub burn: BurnRate,
    pub long: Span,
    pub short: Span,
}

/// SRE workbook, ch. 5: of a 30 d budget these spend 2 % in 1 h, 5 % in 6 h, 10 % in 1 d and 10 % in 3 d.
const TABLE: [Row; 4] = [
    row(Severity::Page, 14.4, Span::hours(1), Span::minutes(5)),
    row(Severity::Page, 6.0, Span::hours(6), Span::minutes(30)),
    row(Severity::Ticket, 3.0, Span::days(1), Span::hours(2)),
    row(Severity::Ticket, 1.0, Span::days(3), Span::hours(6)),
];

/// The window whose table it is; from 21 d on the table is near enough as it stands.
const TABLE_DAYS: i64 = 30;
const UNSCALED: Span = Span::days(21);

/// A long window holds at least this many short ones, or the two say the same.
const SHORTS_IN_LONG: i64 = 3;

/// A total outage burns 1 / share. A threshold from 0.95 of that on would be missed by a few good events.
const RELIABLE: f64 = 0.95;

/// The threshold of the page that is left where none of the table's can be reached, of 1 / share.
const LAST_PAGE: f64 = 0.9;

/// Only evaluated at compile time, for [`TABLE`].
const fn row(severity: Severity, burn: f64, long: Span, short: Span) -> Row {
    match BurnRate::new(burn) {
        Some(burn) => Row { severity, burn, long, short },
        None => panic!("a threshold is a burn rate"),
    }
}

/// The rows of one SLO, pages before tickets, and what became of the others.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows {
    pub rows: Vec<Row>,
    pub dropped: Vec<Dropped>,
}

/// A row of the table that an SLO does not have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropped {
    pub row: Row,
    pub why: Why,
}

/// Why a row is dropped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Why {
    /// Another row has the same windows and this lower burn: it speaks whenever this one would.
    Covered { by: BurnRate },
    /// The objective allows so much that a threshold from `limit` on cannot be relied on.
    OutOfReach { limit: BurnRate },
}

/// The alert rows of an SLO: each window of the table fitted to the SLO's window and to the `floor` under short ones,
/// which is max(shortest_window, 4 x scrape_interval); then rows that became equal joined; then those out of reach dropped.
///
/// The floor holds for every SLO window, also from 21 d on: a rate over fewer than four scrapes is none. The page that
/// takes the place of all others has the windows of the first row, fitted like any other.
pub fn rows(window: Window, objective: Objective, floor: Span) -> Rows {
    let fitted = TABLE.map(|row| row.fitted(window, floor));
    let mut table = Rows::default();
    for (index, row) in fitted.iter().enumerate() {
        // Burns fall down the table, so of equal rows the last is the lowest.
        match fitted[index + 1..].iter().rfind(|lower| lower.has_windows_of(row)) {
            Some(lower) => table.dropped.push(Dropped { row: *row, why: Why::Covered { by: lower.burn } }),
            None => table.rows.push(*row),
        }
    }
    if let Some(limit) = BurnRate::new(RELIABLE / objective.allowed()) {
        for row in table.rows.extract_if(.., |row| row.burn >= limit) {
            table.dropped.push(Dropped { row, why: Why::OutOfReach { limit } });
        }
    }
    if table.rows.iter().all(|row| row.severity != Severity::Page) {
        let burn = BurnRate::new(LAST_PAGE / objective.allowed());
        table.rows.splice(0..0, burn.map(|burn| Row { burn, ..fitted[0] }));
    }
    table
}

/// Every window over which some row looks, each once, ascending.
pub fn burn_windows(rows: &Rows) -> Vec<Span> {
    let mut windows: Vec<Span> = rows.rows.iter().flat_map(|row| [row.short, row.long]).collect();
    windows.sort();
    windows.dedup();
    windows
}

impl Row {
    /// Whether both speak of the same severity and windows: no two rows of an SLO do.
    pub fn has_windows_of(&self, other: &Row) -> bool {
        (self.severity, self.long, self.short) == (other.severity, other.long, other.short)
    }

    fn fitted(self, window: Window, floor: Span) -> Row {
        let short = scaled(self.short, window).max(floor);
        let long = scaled(self.long, window).max(short * SHORTS_IN_LONG);
        Row { long, short, ..self }
    }
}

impl fmt::Display for Row {
    /// `page above 14.4 over 1h and 5m`
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} above {} over {} and {}", self.severity, self.burn, self.long, self.short)
    }
}

impl Dropped {
    /// `at this objective a threshold from 9.5 on cannot be relied on`
    pub fn reason(&self) -> String {
        match self.why {
            Why::Covered { by } => format!("the {} above {by} has the same windows", self.row.severity),
            Why::OutOfReach { limit } => {
                format!("at this objective a threshold from {limit} on cannot be relied on")
            }
        }
    }
}

impl fmt::Display for Dropped {
    /// `no page above 14.4 over 1h and 5m: at this objective a threshold from 9.5 on cannot be relied on`
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "no {}: {}", self.row, self.reason())
    }
}

/// A window of the table for an SLO over `window`, below 21 d in proportion and rounded to a minute.
fn scaled(span: Span, window: Window) -> Span {
    if window.span() >= UNSCALED {
        return span;
    }
    let minute = Span::minutes(1).as_millis();
    let exact = span * (window.span().as_millis() / Span::days(1).as_millis()) / TABLE_DAYS;
    Span::minutes((exact.as_millis() + minute / 2) / minute)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(window: &str, objective: &str, floor: Span) -> Rows {
        rows(window.parse().unwrap(), objective.parse().unwrap(), floor)
    }

    fn texts<T: ToString>(of: &[T]) -> Vec<String> {
        of.iter().map(T::to_string).collect()
    }

    /// With the default floor of 5 min.
    fn check(window: &str, objective: &str, expected: &[&str]) {
        assert_eq!(texts(&of(window, objective, Span::minutes(5)).rows), expected, "{objective} over {window}");
    }

    fn check_dropped(window: &str, objective: &str, expected: &[&str]) {
        assert_eq!(texts(&of(window, objective, Span::minutes(5)).dropped), expected, "{objective} over {window}");
    }

    const AS_IT_STANDS: [&str; 4] = [
        "page above 14.4 over 1h and 5m",
        "page above 6 over 6h and 30m",
        "ticket above 3 over 1d and 2h",
        "ticket above 1 over 3d and 6h",
    ];

    #[test]
    fn stands_as_it_is_from_21_days_on() {
        for window in ["21d", "28d", "30d", "90d", "366d"] {
            check(window, "99.9%", &AS_IT_STANDS);
            check_dropped(window, "99.9%", &[]);
        }
    }

    #[test]
    fn shrinks_with_a_shorter_window_to_whole_minutes() {
        check(
            "20d",
            "99.9%",
            &[
                "page above 14.4 over 40m and 5m",
                "page above 6 over 4h and 20m",
                "ticket above 3 over 16h and 1h20m",
                "ticket above 1 over 2d and 4h",
            ],
        );
    }

    #[test]
    fn rounds_to_the_nearest_minute() {
        // 5 min over 30 d are 50 s over 5 d and 70 s over 7 d.
        for window in ["5d", "7d"] {
            assert_eq!(of(window, "99.9%", Span::seconds(30)).rows[0].short, Span::minutes(1), "{window}");
        }
    }

    #[test]
    fn no_short_window_is_under_the_floor_and_no_long_one_under_three_short_ones() {
        check(
            "7d",
            "99.9%",
            &[
                "page above 14.4 over 15m and 5m",
                "page above 6 over 1h24m and 7m",
                "ticket above 3 over 5h36m and 28m",
                "ticket above 1 over 16h48m and 1h24m",
            ],
        );
    }

    #[test]
    fn of_rows_that_become_equal_the_lower_burn_stays() {
        check(
            "1d",
            "99.9%",
            &["page above 6 over 15m and 5m", "ticket above 3 over 48m and 5m", "ticket above 1 over 2h24m and 12m"],
        );
        check_dropped("1d", "99.9%", &["no page above 14.4 over 15m and 5m: the page above 6 has the same windows"]);
    }

    #[test]
    fn a_lower_floor_keeps_the_rows_of_a_short_window_apart() {
        assert_eq!(
            texts(&of("1d", "99.9%", Span::seconds(30)).rows),
            [
                "page above 14.4 over 2m and 30s",
                "page above 6 over 12m and 1m",
                "ticket above 3 over 48m and 4m",
                "ticket above 1 over 2h24m and 12m",
            ]
        );
    }

    #[test]
    fn the_floor_holds_for_long_slo_windows_too() {
        let slowly_scraped = of("30d", "99.9%", Span::minutes(20));
        assert_eq!(
            texts(&slowly_scraped.rows[..2]),
            ["page above 14.4 over 1h and 20m", "page above 6 over 6h and 30m"]
        );
    }

    #[test]
    fn a_threshold_that_even_a_total_outage_hardly_passes_is_dropped() {
        check("30d", "95%", &AS_IT_STANDS);
        check("30d", "90%", &AS_IT_STANDS[1..]);
        check_dropped(
            "30d",
            "90%",
            &["no page above 14.4 over 1h and 5m: at this objective a threshold from 9.5 on cannot be relied on"],
        );
    }

    #[test]
    fn a_threshold_at_the_limit_is_dropped() {
        // 0.95 / 0.95 is 1: the last ticket is exactly at the limit.
        check("30d", "5%", &["page above 0.95 over 1h and 5m"]);
        check("30d", "6%", &["page above 0.96 over 1h and 5m", "ticket above 1 over 3d and 6h"]);
    }

    #[test]
    fn one_page_is_always_left() {
        check("30d", "80%", &["page above 4.5 over 1h and 5m", AS_IT_STANDS[2], AS_IT_STANDS[3]]);
        check("20d", "50%", &["page above 1.8 over 40m and 5m", "ticket above 1 over 2d and 4h"]);
    }

    #[test]
    fn names_each_window_once_shortest_first() {
        let windows = burn_windows(&of("30d", "99.9%", Span::minutes(5)));
        assert_eq!(texts(&windows), ["5m", "30m", "1h", "2h", "6h", "1d", "3d"]);
        let windows = burn_windows(&of("1d", "99.9%", Span::minutes(5)));
        assert_eq!(texts(&windows), ["5m", "12m", "15m", "48m", "2h24m"]);
    }
}
