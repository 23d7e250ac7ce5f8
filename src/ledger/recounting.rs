//! A piece of the past, counted from the source's history by the rules of live counting. Each piece stands for itself:
//! it reads a little of what came before it, and where that does not tell where a series stood, the source is asked.
//! Never knows which pieces there are.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::ledger::account::{Balance, booked_sides};
use crate::ledger::counting::{Answer, Booking, Starts, book};
use crate::ledger::density::Density;
use crate::ledger::memory::{Last, Memory};
use crate::ledger::newborns::unproved;
use crate::ledger::past::{Step, Stretch};
use crate::ledger::row::Cell;
use crate::plan::{Plan, Query, Series, SeriesId, Target};
use crate::units::{Span, Timestamp};

/// How much of what came before a piece is read with it: more than a target misses in passing.
const BASELINE: Span = Span::minutes(10);

/// A series that was silent for longer starts from a baseline, as in live counting.
pub const REMEMBERED: Span = Span::hours(24);

/// A piece of the past: the time after `from` up to `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// What the source told of a piece for one query.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// By what was asked, from [`Piece::read_from`] on.
    pub answers: Vec<Vec<Series>>,
    /// When the processes started that came in this piece.
    pub starts: Starts,
    /// Where series stood before what was read: those that [`Piece::unproved`] names.
    pub lasts: HashMap<SeriesId, f64>,
}

/// An SLO of the plan, and the part of a piece that its account lacks.
#[derive(Debug, Clone, Copy)]
pub struct Lack {
    pub slo: usize,
    pub part: Piece,
}

impl Piece {
    /// From when on samples are read for it: the silence of an SLO may reach back further than a baseline.
    pub fn read_from(&self, plan: &Plan, query: &Query) -> Timestamp {
        let silences = query.routes.iter().map(|route| plan.slos[route.slo].silence);
        self.from - silences.fold(BASELINE, Span::max)
    }

    /// The targets that came in this piece: the source is asked when their processes started.
    pub fn newcomers(&self, query: &Query, history: &History) -> BTreeSet<Target> {
        if !query.reads_counters() {
            return BTreeSet::new();
        }
        let series = || history.answers.first().into_iter().flatten();
        let began = |series: &&Series| series.samples.first().is_some_and(|first| first.at > self.from);
        let mut new: BTreeSet<Target> =
            series().filter(began).filter_map(|series| Target::of(&series.labels)).collect();
        if !new.is_empty() {
            let old = series().filter(|series| !began(series) && !series.samples.is_empty());
            old.filter_map(|series| Target::of(&series.labels)).for_each(|target| _ = new.remove(&target));
        }
        new
    }

    /// The series that came in this piece without a proof that they are newborn: the source is asked where they stood.
    pub fn unproved(&self, plan: &Plan, query: &Query, history: &History) -> HashSet<SeriesId> {
        if !query.reads_counters() {
            return HashSet::new();
        }
        let mut unproved = unproved(&self.memory(plan, query, history), &self.answer(query, history, &[]));
        for series in history.answers.iter().flatten() {
            if series.samples.first().is_none_or(|first| first.at <= self.from) {
                unproved.remove(&series.id);
            }
        }
        unproved
    }

    /// What each account gained in the part it lacks. `history`: by query.
    pub fn stretches(
        &self,
        plan: &Plan,
        density: &Density,
        lacks: &[Lack],
        history: &[History],
        now: Timestamp,
    ) -> Vec<Option<Stretch>> {
        let mut instants = density.instants(self.from, self.to, now);
        instants.extend(lacks.iter().flat_map(|lack| [lack.part.from, lack.part.to]));
        instants.push(self.from);
        instants.retain(|instant| *instant >= self.from && *instant <= self.to);
        instants.sort_unstable();
        instants.dedup();
        let book = |(query, history): (&Query, &History)| {
            book(&mut self.memory(plan, query, history), &self.answer(query, history, &instants))
        };
        let bookings: Vec<Booking> = plan.queries.iter().zip(history).map(book).collect();
        lacks.iter().map(|lack| self.stretch(plan, lack, &instants, &bookings)).collect()
    }

    fn stretch(&self, plan: &Plan, lack: &Lack, instants: &[Timestamp], bookings: &[Booking]) -> Option<Stretch> {
        let mut sides: [Vec<(Timestamp, Cell)>; 2] = [Vec::new(), Vec::new()];
        for (query, booking) in plan.queries.iter().zip(bookings) {
            for (number, route) in query.routes.iter().enumerate().filter(|(_, route)| route.slo == lack.slo) {
                for side in booked_sides(route.part) {
                    // What was gained up to the first instant was only read as a baseline.
                    let gained = instants.iter().copied().zip(booking.gains(number, *side).iter().copied()).skip(1);
                    let mut balance = Balance { booked: Some(self.from), ..Balance::default() };
                    let cells = balance.book_all(gained, &booking.seen[number], plan.slos[lack.slo].silence);
                    sides[*side as usize] = cells;
                }
            }
        }
        let [first, second] = sides;
        let mut before = [Cell { total: 0, measured: 0 }; 2];
        let mut steps = Vec::new();
        for ((at, one), (_, other)) in first.into_iter().zip(second) {
            let cells = [one, other];
            if at > lack.part.from && at <= lack.part.to {
                let gained = [0, 1].map(|side| cells[side].total.saturating_sub(before[side].total));
                let measured = [0, 1].map(|side| cells[side].measured - before[side].measured);
                steps.push(Step { at, gained, measured });
            }
            before = cells;
        }
        (!steps.is_empty()).then_some(Stretch { from: lack.part.from, steps, is_estimated: false })
    }

    fn memory(&self, plan: &Plan, query: &Query, history: &History) -> Memory {
        let at = self.read_from(plan, query);
        let mut memory = Memory::starting(at);
        memory.lasts = history.lasts.iter().map(|(id, value)| (*id, Last { at, value: *value })).collect();
        if !memory.lasts.is_empty() {
            // The source was asked so far back: what was not there is known too.
            memory.since = at - REMEMBERED;
        }
        memory
    }

    fn answer<'a>(&self, query: &'a Query, history: &'a History, instants: &'a [Timestamp]) -> Answer<'a> {
        let History { answers, starts, .. } = history;
        Answer { query, answers, until: self.to, instants, starts, opened: &[] }
    }
}
