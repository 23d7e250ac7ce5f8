//! The ledger as it is kept: bytes per row and per query, each sealed; and the ledger that they make again.

use std::collections::BTreeMap;

use crate::ledger::account::{Account, Balance, Opening};
use crate::ledger::memory::Memory;
use crate::ledger::pack::{Packer, Unpacker};
use crate::ledger::past::{Day, Past};
use crate::ledger::row::{Cell, Line, Row, Side};
use crate::ledger::{Ledger, Statement, past};
use crate::units::{Problem, SloId, Span, Timestamp};

/// An account as it is kept; its running totals are kept with the queries that count them.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptAccount {
    pub id: SloId,
    pub fingerprint: String,
    pub removed: Option<Timestamp>,
    /// Its packed [`Opening`].
    pub opening: Option<Vec<u8>>,
}

/// All that is kept of a ledger.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kept {
    /// By number, without gaps.
    pub accounts: Vec<KeptAccount>,
    /// Read as they come, for a thousand SLOs' rows are 45 MB and need not be there twice; `None` where one is damaged.
    pub rows: Vec<(Timestamp, Option<Row>)>,
    pub queries: BTreeMap<String, Vec<u8>>,
    /// By account and day, what is known of the time before it was opened.
    pub pasts: BTreeMap<(usize, Day), Vec<u8>>,
}

impl Opening {
    pub fn packed(&self) -> Vec<u8> {
        let mut pack = Packer::default();
        pack.i64(self.at.as_millis());
        for cell in [self.cells.0, self.cells.1] {
            pack.i64(cell.total);
            pack.i32(cell.measured);
        }
        pack.sealed()
    }

    /// `None` where it is damaged.
    fn unpacked(bytes: &[u8]) -> Option<Opening> {
        let mut read = Unpacker::opened(bytes)?;
        let at = Timestamp::millis(read.i64()?);
        let mut cell = || Some(Cell { total: read.i64()?, measured: read.i32()? });
        Some(Opening { at, cells: (cell()?, cell()?) })
    }
}

impl Row {
    /// Its lines as bytes.
    pub fn packed(&self) -> Vec<u8> {
        let mut pack = Packer::default();
        pack.list(self.lines.iter(), |pack, line| {
            for side in Side::BOTH {
                // An empty cell is a total that no cell reaches.
                let cell = line.cell(side).unwrap_or(Cell { total: i64::MIN, measured: 0 });
                pack.i64(cell.total);
                pack.i32(cell.measured);
            }
        });
        pack.sealed()
    }

    /// `None` where it is damaged.
    pub fn unpacked(at: Timestamp, bytes: &[u8]) -> Option<Row> {
        let lines = Unpacker::opened(bytes)?.list(|read| {
            let mut line = Line::EMPTY;
            for side in Side::BOTH {
                let cell = Cell { total: read.i64()?, measured: read.i32()? };
                line = line.with(side, cell);
            }
            Some(line)
        })?;
        Some(Row { at, lines: lines.into() })
    }
}

/// The account's number, which of its sides, and where that stands.
type PackedSide = (usize, usize, Balance);

pub fn pack_side(pack: &mut Packer, account: usize, side: Side, balance: &Balance) {
    pack.u64(account as u64);
    pack.i32(side as i32);
    pack.i64(balance.total);
    pack.i64(balance.measured.as_millis());
    pack.i64(balance.newest.map_or(i64::MIN, Timestamp::as_millis));
    pack.i64(balance.booked.map_or(i64::MIN, Timestamp::as_millis));
}

fn unpack_side(read: &mut Unpacker) -> Option<PackedSide> {
    let moment = |millis: i64| (millis != i64::MIN).then_some(Timestamp::millis(millis));
    let (account, side) = (read.u64()? as usize, read.i32()?);
    let balance = Balance {
        total: read.i64()?,
        measured: Span::millis(read.i64()?),
        newest: moment(read.i64()?),
        booked: moment(read.i64()?),
    };
    (side == 0 || side == 1).then_some((account, side as usize, balance))
}

impl Ledger {
    /// The ledger that was kept. What is damaged is left out and said: a row costs one edge of windows, a query's
    /// memory nothing but time, for its totals are in the rows.
    pub fn restored(kept: Kept) -> (Ledger, Vec<Problem>) {
        let damaged_row =
            |at: Timestamp| damaged(format!("the row of {at}"), "windows that begin there use the row before");
        let is_damaged = |(at, row): &(Timestamp, Option<Row>)| row.is_none().then_some(*at);
        let mut problems: Vec<Problem> = kept.rows.iter().filter_map(is_damaged).map(damaged_row).collect();
        let statement = Statement::new(kept.rows.into_iter().filter_map(|(_, row)| row));
        let restored = |(number, kept)| restored_account(number, kept, &statement, &mut problems);
        let accounts = kept.accounts.into_iter().enumerate().map(restored).collect();
        let mut ledger = Ledger { statement, accounts, ..Ledger::default() };
        for (key, bytes) in &kept.queries {
            match unpack_query(bytes) {
                Some((sides, memory)) => {
                    ledger.restore_sides(sides);
                    ledger.parked.insert(key.clone(), memory);
                }
                None => {
                    problems.push(damaged(format!("what is remembered of {key}"), "it goes on from the last row"));
                }
            }
        }
        ledger.restore_from_rows();
        problems.extend(ledger.restore_pasts(&kept.pasts));
        (ledger, problems)
    }

    /// Of two standings of one side the later booked one holds: totals never fall.
    fn restore_sides(&mut self, sides: Vec<PackedSide>) {
        for (account, side, balance) in sides {
            if let Some(known) = self.accounts.get_mut(account).map(|account| &mut account.sides[side])
                && known.booked <= balance.booked
            {
                *known = balance;
            }
        }
    }

    /// Days that are damaged are read from the source again.
    fn restore_pasts(&mut self, kept: &BTreeMap<(usize, Day), Vec<u8>>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (number, account) in self.accounts.iter().enumerate() {
            let Some(opening) = account.opening else { continue };
            let mut stretches = Vec::new();
            for ((_, day), bytes) in kept.range((number, Day::MIN)..=(number, Day::MAX)) {
                let known = past::unpacked(bytes);
                if known.is_none() {
                    let what = format!("the past of {} on {}", account.id, past::beginning(*day));
                    problems.push(damaged(what, "it is read from the source again").about(&account.id));
                }
                stretches.extend(known.into_iter().flatten());
            }
            if !stretches.is_empty() {
                self.statement.set_past(number, Past::restored(opening, stretches));
            }
        }
        problems
    }

    /// Sides whose query's memory was lost go on from their newest cell.
    fn restore_from_rows(&mut self) {
        for (number, account) in self.accounts.iter_mut().enumerate() {
            for side in Side::BOTH {
                if account.side(side).booked.is_some() {
                    continue;
                }
                if let Some((at, cell)) = self.statement.newest_cell(number, side) {
                    let measured = Span::seconds(i64::from(cell.measured));
                    *account.side(side) = Balance { total: cell.total, measured, newest: None, booked: Some(at) };
                }
            }
        }
    }
}

fn restored_account(number: usize, kept: KeptAccount, statement: &Statement, problems: &mut Vec<Problem>) -> Account {
    let KeptAccount { id, fingerprint, removed, opening } = kept;
    let opening = opening.and_then(|bytes| {
        Opening::unpacked(&bytes).or_else(|| {
            problems.push(damaged(format!("the beginning of {id}"), "it begins with its oldest row").about(&id));
            statement.oldest_line(number).map(|(at, cells)| Opening { at, cells })
        })
    });
    Account { id, fingerprint, removed, opening, sides: [Balance::default(); 2] }
}

fn unpack_query(bytes: &[u8]) -> Option<(Vec<PackedSide>, Memory)> {
    let mut read = Unpacker::opened(bytes)?;
    Some((read.list(unpack_side)?, Memory::unpack(&mut read)?))
}

fn damaged(what: String, consequence: &str) -> Problem {
    let remedy = format!("{consequence}; look after the disk");
    Problem::error("ledger_damaged", format!("{what} is damaged in the ledger and left out"), remedy)
}
