//! The account statement behind every budget: samples become increments, increments running totals, and any window is
//! the difference of two rows. Never knows an objective, a threshold or where the samples came from.

mod account;
mod adopting;
mod counting;
mod density;
mod memory;
mod newborns;
mod pack;
mod past;
mod recounting;
mod restoring;
mod row;
mod slices;
mod statement;

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{Plan, Query, Route, Series};
use crate::units::{Labels, Problem, Span, Timestamp};

pub use account::{Account, Balance, Book, Opening, Sides};
pub use counting::{Odd, Starts, Step, step};
pub use memory::Memory;
pub use past::{Day, Known, Stretch};
pub use recounting::{History, Lack, Piece, REMEMBERED};
pub use restoring::{Kept, KeptAccount};
pub use row::{Cell, Line, Row, Side};
pub use statement::{Measured, Statement};

use account::booked_sides;
use counting::{Answer, book};
pub use density::Density;
use newborns::FOUND_WITHIN;
use pack::Packer;
use statement::Cells;

/// All that was counted, and what is needed to count on.
#[derive(Debug, Default)]
pub struct Ledger {
    pub statement: Statement,
    pub accounts: Vec<Account>,
    /// The account of each SLO of the plan.
    account_of: Vec<usize>,
    /// What is remembered of each query of the plan; `None` until its first answer.
    memories: Vec<Option<Memory>>,
    /// What is remembered of queries that no plan asks any more, by key.
    parked: BTreeMap<String, Memory>,
    /// The day on which pasts were last thinned.
    pasts_thinned: Option<Timestamp>,
}

/// What has to be kept after a step: only what it changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changed {
    /// Accounts by number.
    pub accounts: BTreeMap<usize, Account>,
    pub rows: BTreeMap<Timestamp, Row>,
    /// Instants whose rows go.
    pub thinned: Vec<Timestamp>,
    /// By query, its packed memory; `None` for one that goes.
    pub queries: BTreeMap<String, Option<Vec<u8>>>,
    /// By account and day, what is known of the time before it was opened; `None` for what goes.
    pub pasts: BTreeMap<(usize, Day), Option<Vec<u8>>>,
}

impl Changed {
    /// Both, the later one winning: as if they had been one step.
    pub fn join(&mut self, later: Changed) {
        self.accounts.extend(later.accounts);
        self.thinned.retain(|at| !later.rows.contains_key(at));
        self.rows.retain(|at, _| !later.thinned.contains(at));
        self.rows.extend(later.rows);
        self.thinned.extend(later.thinned);
        self.queries.extend(later.queries);
        self.pasts.extend(later.pasts);
    }
}

impl Ledger {
    /// How to read the account of an SLO of the plan.
    pub fn book_of(&self, plan: &Plan, slo: usize) -> Book {
        let account = self.account_of[slo];
        Book { account, sides: Sides::of(&plan.slos[slo].slo.sli), opening: self.accounts[account].opening }
    }

    /// The last instant a query was answered for.
    pub fn watermark(&self, query: usize) -> Option<Timestamp> {
        self.memories[query].as_ref().map(|memory| memory.watermark)
    }

    pub fn memory(&self, query: usize) -> Option<&Memory> {
        self.memories[query].as_ref()
    }

    /// Counts the answers of a tick, each for the time from its query's watermark on, seen from `now`.
    pub fn book(&mut self, plan: &Plan, answered: &[Answered], starts: &Starts, now: Timestamp) -> Booked {
        let mut booked = Booked::default();
        let mut cells = Cells::default();
        for answer in answered {
            self.book_answer(plan, answer, starts, now, &mut cells, &mut booked);
        }
        let rows = self.statement.fill(&cells);
        booked.changed.rows = rows.into_iter().map(|row| (row.at, row)).collect();
        booked
    }

    fn book_answer(
        &mut self,
        plan: &Plan,
        answered: &Answered,
        starts: &Starts,
        now: Timestamp,
        cells: &mut Cells,
        booked: &mut Booked,
    ) {
        let Answered { query: index, until, answers } = answered;
        let (query, instants) = (&plan.queries[*index], self.instants(plan, *index, *until, now));
        let opening = |route: &Route| self.accounts[self.account_of[route.slo]].opening;
        let opened: Vec<_> = query.routes.iter().map(|route| Some(opening(route)?.at)).collect();
        let answer = Answer { query, answers, until: *until, instants: &instants, starts, opened: &opened };
        let memory = self.memories[*index].get_or_insert_with(|| first_memory(plan, *until, answers));
        let booking = book(memory, &answer);
        for (number, route) in query.routes.iter().enumerate() {
            let account = self.account_of[route.slo];
            for side in booked_sides(route.part) {
                let gained = instants.iter().copied().zip(booking.gains(number, *side).iter().copied());
                let balance = self.accounts[account].side(*side);
                for (instant, cell) in balance.book_all(gained, &booking.seen[number], plan.slos[route.slo].silence) {
                    cells.set(instant, account, *side, cell);
                }
            }
        }
        if let Some(memory) = &mut self.memories[*index] {
            memory.forget(plan.pace.max_series.saturating_mul(10));
        }
        booked.changed.accounts.extend(self.opened(plan, *index));
        booked.changed.queries.insert(query.key(), Some(self.packed(plan, *index)));
        let lacking = booking.lacking.iter().map(|(route, labels)| lacks_bound(plan, query, *route, labels));
        let slos: BTreeSet<usize> = query.routes.iter().map(|route| route.slo).collect();
        for problem in booking.problems {
            let about = |slo: &usize| problem.clone().at(&plan.slos[*slo].slo.place).about(&plan.slos[*slo].slo.id);
            booked.problems.extend(slos.iter().map(about));
        }
        booked.problems.extend(lacking);
        for (reason, count) in booking.odd {
            *booked.odd.entry(reason).or_default() += count;
        }
    }

    /// The accounts that a query's answer opened.
    fn opened(&mut self, plan: &Plan, query: usize) -> BTreeMap<usize, Account> {
        let accounts = plan.queries[query].routes.iter().map(|route| self.account_of[route.slo]);
        let mut opened = BTreeMap::new();
        for account in accounts {
            if self.accounts[account].open() {
                opened.insert(account, self.accounts[account].clone());
            }
        }
        opened
    }

    /// The instants that an answer for `until` fills: those of rows that others filled, and those that are kept.
    fn instants(&self, plan: &Plan, query: usize, until: Timestamp, now: Timestamp) -> Vec<Timestamp> {
        let Some(watermark) = self.watermark(query) else { return vec![until] };
        let mut instants = density(plan).instants(watermark, until, now);
        instants.extend(self.statement.instants(watermark, until));
        instants.sort_unstable();
        instants.dedup();
        instants
    }

    /// How far back the account of an SLO is known; `None` before it is opened.
    pub fn known(&self, slo: usize) -> Option<Known> {
        let account = self.account_of[slo];
        Some(self.statement.known(account, self.accounts[account].opening?))
    }

    /// Takes up what was read of an account's past.
    pub fn join_past(&mut self, account: usize, stretch: Stretch) -> Changed {
        let Some(opening) = self.accounts.get(account).and_then(|account| account.opening) else {
            return Changed::default();
        };
        let days = self.statement.join_past(account, opening, stretch);
        let pasts = days.into_iter().map(|(day, packed)| ((account, day), Some(packed))).collect();
        Changed { pasts, ..Changed::default() }
    }

    /// Drops rows that are not kept any more, and once a day lines of pasts.
    pub fn thin(&mut self, plan: &Plan, now: Timestamp) -> Changed {
        let density = density(plan);
        let mut changed = Changed { thinned: self.statement.thin(&density, now), ..Changed::default() };
        let today = Some(now.on_grid(Span::days(1)));
        if self.pasts_thinned != today {
            self.pasts_thinned = today;
            let gone = self.statement.thin_pasts(&density, now);
            changed.pasts = gone.into_iter().map(|past| (past, None)).collect();
        }
        changed
    }

    /// The memory of a query with the running totals of all that it counts for.
    fn packed(&self, plan: &Plan, query: usize) -> Vec<u8> {
        let mut pack = Packer::default();
        let routes = &plan.queries[query].routes;
        let sides = |route: &Route| {
            let account = self.account_of[route.slo];
            booked_sides(route.part).iter().map(move |side| (account, *side))
        };
        let sides: Vec<(usize, Side)> = routes.iter().flat_map(sides).collect();
        pack.list(sides.into_iter(), |pack, (account, side)| {
            restoring::pack_side(pack, account, side, &self.accounts[account].sides[side as usize]);
        });
        if let Some(memory) = &self.memories[query] {
            memory.pack(&mut pack);
        }
        pack.sealed()
    }
}

/// What is kept at what age under a plan.
pub fn density(plan: &Plan) -> Density {
    Density { every: plan.pace.every, longest: plan.longest, keep: plan.pace.keep }
}

/// Where counting starts. A process that began shortly before and is found after it counts in full, for it is not in the
/// past that is read from the source; a daemon that scrapes reads none, and counts only what began after its first scrape.
fn first_memory(plan: &Plan, at: Timestamp, answers: &[Vec<Series>]) -> Memory {
    let mut memory = Memory::starting(at);
    let samples = answers.iter().flatten().filter_map(|series| series.samples.first());
    memory.since = match plan.pace.is_scraping {
        true => samples.map(|sample| sample.at - Span::millis(1)).min().unwrap_or(at),
        false => at - FOUND_WITHIN,
    };
    memory
}

fn lacks_bound(plan: &Plan, query: &Query, route: usize, labels: &Labels) -> Problem {
    let slo = &plan.slos[query.routes[route].slo].slo;
    let what = format!("the histogram of {labels} lacks the bucket that others have");
    let remedy = "its requests count neither as good nor as bad; give it the same buckets";
    Problem::error("no_such_bucket", what, remedy).at(&slo.place).about(&slo.id)
}

/// The answer of one query of the plan for the time up to `until`.
#[derive(Debug)]
pub struct Answered {
    pub query: usize,
    pub until: Timestamp,
    /// By what was asked.
    pub answers: Vec<Vec<Series>>,
}

/// What counting came to.
#[derive(Debug, Default)]
pub struct Booked {
    pub changed: Changed,
    pub odd: Odd,
    pub problems: Vec<Problem>,
}

#[cfg(test)]
mod tests;
