//! The rows of the ledger, and what lies between two of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ledger::account::{Book, Opening};
use crate::ledger::density::Density;
use crate::ledger::past::{Day, Known, Past, Stretch};
use crate::ledger::row::{Cell, Line, Row, Side, events};
use crate::units::{Ratio, Span, Tally, Timestamp};

/// What was counted between two rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    pub from: Timestamp,
    pub to: Timestamp,
    pub tally: Tally,
    /// By how many events the bad ones as measured lie outside 0..=total: two counters that do not fit each other.
    pub excess: f64,
    /// How much of `from`..`to` was measured.
    pub measured: Span,
}

impl Measured {
    /// The share of `window` that was measured.
    pub fn coverage(&self, window: Span) -> Ratio {
        Ratio::held(self.measured.share_of(window.max(self.to.since(self.from))))
    }
}

/// All rows, oldest first, and what is known of accounts before they were opened. Cloning copies pointers, never lines.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statement {
    rows: Vec<Row>,
    /// By account.
    pasts: Arc<BTreeMap<usize, Arc<Past>>>,
}

impl Statement {
    /// Rows in any order; of two at one instant the later stays.
    pub fn new(rows: impl IntoIterator<Item = Row>) -> Statement {
        let rows: BTreeMap<Timestamp, Row> = rows.into_iter().map(|row| (row.at, row)).collect();
        Statement { rows: rows.into_values().collect(), pasts: Arc::default() }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn row(&self, at: Timestamp) -> Option<&Row> {
        self.rows.binary_search_by_key(&at, |row| row.at).ok().map(|index| &self.rows[index])
    }

    /// The instant of the newest row.
    pub fn newest(&self) -> Option<Timestamp> {
        self.rows.last().map(|row| row.at)
    }

    /// The instants of rows after `from` up to `to`.
    pub fn instants(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = Timestamp> {
        let start = self.rows.partition_point(|row| row.at <= from);
        self.rows[start..].iter().map(|row| row.at).take_while(move |at| *at <= to)
    }

    /// Fills cells; rows that are not there yet appear. Returns the rows as they are now.
    pub fn fill(&mut self, cells: &Cells) -> Vec<Row> {
        let fill = |(at, cells): (&Timestamp, &Vec<(usize, Side, Cell)>)| {
            let found = self.rows.binary_search_by_key(at, |row| row.at);
            let mut lines = found.map_or(Vec::new(), |index| self.rows[index].lines.to_vec());
            for (account, side, cell) in cells {
                if lines.len() <= *account {
                    lines.resize(account + 1, Line::EMPTY);
                }
                lines[*account] = lines[*account].with(*side, *cell);
            }
            let row = Row { at: *at, lines: lines.into() };
            match found {
                Ok(index) => self.rows[index] = row.clone(),
                Err(index) => self.rows.insert(index, row.clone()),
            }
            row
        };
        cells.0.iter().map(fill).collect()
    }

    /// Drops what is not kept any more, and says what.
    pub fn thin(&mut self, density: &Density, now: Timestamp) -> Vec<Timestamp> {
        let mut gone = density.thinned(self.rows.iter().map(|row| row.at), now);
        gone.sort_unstable();
        if !gone.is_empty() {
            self.rows.retain(|row| gone.binary_search(&row.at).is_err());
        }
        gone
    }

    /// What an account counted in the window that ends at `now`: up to its last complete line, from the last one at or
    /// before the window's start, or from the oldest where it is younger. `None` before that.
    pub fn measured(&self, book: &Book, window: Span, now: Timestamp) -> Option<Measured> {
        let (to, end) = self.line_at(book, now)?;
        let oldest = || self.first_line(book).filter(|(at, _)| *at <= to);
        let (from, start) = self.line_at(book, now - window).or_else(oldest)?;
        let events_since = |side: fn(&(Cell, Cell)) -> &Cell| events(side(&end).total - side(&start).total);
        let seconds_since =
            |side: fn(&(Cell, Cell)) -> &Cell| Span::seconds(i64::from(side(&end).measured - side(&start).measured));
        let (total, bad) = book.sides.total_and_bad(events_since(|line| &line.0), events_since(|line| &line.1));
        Some(Measured {
            from,
            to,
            tally: Tally::held(total, bad),
            excess: (bad - total).max(-bad).max(0.0),
            measured: book.sides.measured(seconds_since(|line| &line.0), seconds_since(|line| &line.1)),
        })
    }

    /// The last complete line of an account at or before an instant.
    fn line_at(&self, book: &Book, at: Timestamp) -> Option<(Timestamp, (Cell, Cell))> {
        let opened = book.opening.map(|opening| opening.at);
        if let (Some(opened), Some(past)) = (opened, self.pasts.get(&book.account))
            && at < opened
        {
            return past.line_at(at).and_then(whole);
        }
        let end = self.rows.partition_point(|row| row.at <= at);
        let rows = self.rows[..end].iter().rev().take_while(|row| opened.is_none_or(|opened| row.at >= opened));
        let line = rows.filter_map(|row| Some((row.at, row.line(book.account).complete()?))).next();
        line.or_else(|| book.opening.filter(|opening| opening.at <= at).map(|opening| (opening.at, opening.cells)))
    }

    /// The oldest line of an account that is known.
    fn first_line(&self, book: &Book) -> Option<(Timestamp, (Cell, Cell))> {
        let oldest = self.pasts.get(&book.account).and_then(|past| past.oldest()).and_then(whole);
        oldest.or_else(|| book.opening.map(|opening| (opening.at, opening.cells)))
    }

    /// How far back an account is known.
    pub fn known(&self, account: usize, opening: Opening) -> Known {
        let newly_opened = Known { from: opening.at, again: None, estimated: None };
        self.pasts.get(&account).map_or(newly_opened, |past| past.known())
    }

    /// Every line of an account, newest first.
    pub fn lines(&self, book: &Book) -> Vec<(Timestamp, Line)> {
        let Some(opening) = book.opening else { return Vec::new() };
        let rows = self.rows.iter().rev().take_while(|row| row.at >= opening.at);
        let lines = rows.map(|row| (row.at, row.line(book.account))).filter(|(_, line)| line.complete().is_some());
        let mut lines: Vec<(Timestamp, Line)> = lines.collect();
        if lines.last().is_none_or(|(at, _)| *at > opening.at) {
            lines.push((opening.at, opening.line()));
        }
        lines.extend(self.pasts.get(&book.account).map_or(&[][..], |past| past.lines()));
        lines
    }

    /// Takes up what was read of an account's past; returns the days that changed, to be kept.
    pub fn join_past(&mut self, account: usize, opening: Opening, stretch: Stretch) -> BTreeMap<Day, Vec<u8>> {
        let past = Arc::make_mut(&mut self.pasts).entry(account).or_insert_with(|| Arc::new(Past::before(opening)));
        Arc::make_mut(past).join(stretch)
    }

    /// Puts a past in its place.
    pub fn set_past(&mut self, account: usize, past: Past) {
        Arc::make_mut(&mut self.pasts).insert(account, Arc::new(past));
    }

    /// Drops the past of an account that is given up.
    pub fn forget_past(&mut self, account: usize) {
        if self.pasts.contains_key(&account) {
            Arc::make_mut(&mut self.pasts).remove(&account);
        }
    }

    /// Drops what is not kept any more of all pasts, and says of which accounts which days.
    pub fn thin_pasts(&mut self, density: &Density, now: Timestamp) -> Vec<(usize, Day)> {
        let mut gone = Vec::new();
        for (account, past) in Arc::make_mut(&mut self.pasts) {
            gone.extend(Arc::make_mut(past).thin(density, now).into_iter().map(|day| (*account, day)));
        }
        gone
    }

    /// The oldest complete line of an account.
    pub fn oldest_line(&self, account: usize) -> Option<(Timestamp, (Cell, Cell))> {
        self.rows.iter().find_map(|row| Some((row.at, row.line(account).complete()?)))
    }

    /// The newest cell of one side of an account.
    pub fn newest_cell(&self, account: usize, side: Side) -> Option<(Timestamp, Cell)> {
        self.rows.iter().rev().find_map(|row| Some((row.at, row.line(account).cell(side)?)))
    }
}

fn whole((at, line): (Timestamp, Line)) -> Option<(Timestamp, (Cell, Cell))> {
    Some((at, line.complete()?))
}

/// Cells to be filled, by instant.
#[derive(Debug, Default)]
pub struct Cells(BTreeMap<Timestamp, Vec<(usize, Side, Cell)>>);

impl Cells {
    pub fn set(&mut self, at: Timestamp, account: usize, side: Side, cell: Cell) {
        self.0.entry(at).or_default().push((account, side, cell));
    }
}
