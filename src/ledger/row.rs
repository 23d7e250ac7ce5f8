//! One instant of the account statement: a line per account, holding running totals.

use std::sync::Arc;

use crate::units::Timestamp;

/// Running totals count in 1/1024 of an event, so that sums are exact and the same in any order.
pub const PARTS: f64 = 1024.0;

/// `events` in parts, rounded to the nearest.
pub fn parts(events: f64) -> i64 {
    (events * PARTS).round() as i64
}

/// Parts as events.
pub fn events(parts: i64) -> f64 {
    parts as f64 / PARTS
}

/// Which of the two counts of an SLI, in the order `slos::Counted` and `plan::Part` give them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    First,
    Second,
}

impl Side {
    pub const BOTH: [Side; 2] = [Side::First, Side::Second];
}

/// Where one side of an account stood at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Running total in parts of an event. Never falls.
    pub total: i64,
    /// Running measured time in whole seconds. Never falls.
    pub measured: i32,
}

/// One account at one instant: a cell per side, each empty until the query behind it has answered for the instant.
/// 24 bytes, for a thousand accounts keep millions of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    totals: [i64; 2],
    measured: [i32; 2],
}

/// The total of an empty cell: no running total gets there.
const EMPTY: i64 = i64::MIN;

impl Line {
    pub const EMPTY: Line = Line { totals: [EMPTY; 2], measured: [0; 2] };

    pub fn cell(&self, side: Side) -> Option<Cell> {
        let (total, measured) = (self.totals[side as usize], self.measured[side as usize]);
        (total != EMPTY).then_some(Cell { total, measured })
    }

    /// Both cells, once both are there.
    pub fn complete(&self) -> Option<(Cell, Cell)> {
        Some((self.cell(Side::First)?, self.cell(Side::Second)?))
    }

    pub fn with(mut self, side: Side, cell: Cell) -> Line {
        self.totals[side as usize] = cell.total;
        self.measured[side as usize] = cell.measured;
        self
    }
}

/// One instant with a line per account, by account number. Immutable: a filled gap is a new row in its place. Clones
/// share the lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub at: Timestamp,
    pub lines: Arc<[Line]>,
}

impl Row {
    /// The line of an account; empty for one that was opened later.
    pub fn line(&self, account: usize) -> Line {
        self.lines.get(account).copied().unwrap_or(Line::EMPTY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_complete_once_both_sides_are_there() {
        let first = Cell { total: 5, measured: 30 };
        let second = Cell { total: 1, measured: 30 };
        let half = Line::EMPTY.with(Side::First, first);
        assert_eq!(half.complete(), None);
        assert_eq!(half.cell(Side::Second), None);
        assert_eq!(half.with(Side::Second, second).complete(), Some((first, second)));
    }

    #[test]
    fn a_row_is_empty_for_accounts_that_came_later() {
        let row = Row { at: Timestamp::seconds(0), lines: Arc::new([]) };
        assert_eq!(row.line(3), Line::EMPTY);
    }

    #[test]
    fn a_thousandth_of_an_event_survives() {
        assert_eq!(events(parts(1234.5)), 1234.5);
        assert_eq!(parts(0.0004), 0);
    }

    #[test]
    fn a_line_is_24_bytes() {
        assert_eq!(std::mem::size_of::<Line>(), 24);
    }
}
