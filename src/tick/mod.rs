//! One evaluation: what was there and what the source said become what is there now and what has to be done.
//! It never awaits, reads no clock and cannot fail.

mod asking;
mod buckets;
mod backfill;
mod energy;
mod gaps;
mod judging;
mod power;
pub mod latency;
mod state;
mod telling;

use std::collections::BTreeMap;

use crate::alerts::Notice;
use crate::energy::{Bill, Minute, Wish};
use crate::ledger::{Answered, Changed, Odd};
use crate::plan::{Plan, Series};
use crate::units::{Problem, SloId, Timestamp};

pub use crate::ledger::{History, Piece as PastPiece, REMEMBERED, Starts, Stretch};
pub use asking::{Ask, LONGEST_PIECE, Over, asks, every_ask, newcomers, overloaded};
pub use backfill::{Job, Task, tasks};
pub use energy::{Energy, KeptEnergy, PerRequest, Served, Totals};
pub use gaps::{Gap, PATIENCE};
pub use judging::{Standing, Word};
pub use state::{KeptState, State};

/// What the source said since the last tick.
#[derive(Debug, Default)]
pub struct Seen {
    pub pieces: Vec<Piece>,
    /// When the processes started whose series are all new.
    pub starts: Starts,
    /// Histograms that were read whole.
    pub distributions: Vec<latency::Answer>,
    /// Of the minutes of energy that ended.
    pub bills: Vec<Bill>,
    /// What was wished for of low-power mode.
    pub wish: Option<Wish>,
}

/// The answer of one query for the time up to `until`.
#[derive(Debug)]
pub struct Piece {
    /// Its place in the plan.
    pub query: usize,
    pub until: Timestamp,
    /// By what was asked.
    pub answer: Result<Vec<Vec<Series>>, NoAnswer>,
}

/// Why there is none.
#[derive(Debug)]
pub struct NoAnswer {
    pub problem: Problem,
    /// Whether a shorter span may be answered.
    pub too_much: bool,
}

/// What has to be done after a tick.
#[derive(Debug)]
pub enum Effect {
    /// To be written before anything leaves the host.
    Keep(Entry),
    Notify(Box<Notice>),
}

/// What a tick changed, for the ledger's file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entry {
    pub ledger: Changed,
    /// The alerts of SLOs whose verdict changed, as JSON.
    pub verdicts: BTreeMap<SloId, String>,
    /// What is known of energy, as JSON; `None` where that is as it was.
    pub energy: Option<String>,
}

impl Entry {
    /// Both, the later one winning: as if they had been one tick.
    pub fn join(&mut self, later: Entry) {
        self.ledger.join(later.ledger);
        self.verdicts.extend(later.verdicts);
        self.energy = later.energy.or(self.energy.take());
    }
}

/// Counts what the source said and judges every SLO at the instant `now`.
pub fn tick(mut state: State, plan: &Plan, seen: Seen, now: Timestamp) -> (State, Vec<Effect>) {
    let mut entry = Entry::default();
    let mut answered = Vec::new();
    for Piece { query, until, answer } in seen.pieces {
        match answer {
            Ok(answers) => {
                answered.push(Answered { query, until, answers });
                if until >= now {
                    state.caught_up(query);
                }
            }
            Err(no_answer) => state.unanswered(query, no_answer.too_much),
        }
    }
    let booked = state.ledger.book(plan, &answered, &seen.starts, now);
    entry.ledger.join(booked.changed);
    state.remember(booked.odd, booked.problems, now);
    let minutes: Vec<Minute> = seen.bills.iter().map(|bill| bill.minute).collect();
    let (measured, low_power) = state.measure(plan, seen.bills, seen.wish, now);
    entry.join(measured);
    entry.ledger.join(state.ledger.thin(plan, now));
    state.latencies.book(plan, seen.distributions, now);
    let mut notices = judging::judge(&mut state, plan, &mut entry, now);
    notices.extend(power::judge(&mut state, plan, &minutes, &mut entry));
    notices.extend(low_power);
    state.forget_remarks(now);
    let mut effects = vec![Effect::Keep(entry)];
    effects.extend(notices.into_iter().map(|notice| Effect::Notify(Box::new(notice))));
    (state, effects)
}

/// Takes up a new plan between two ticks. `previous` is the plan that the state was last stepped with.
pub fn adopt(mut state: State, previous: Option<&Plan>, plan: &Plan, now: Timestamp) -> (State, Entry) {
    let (ledger, problems) = state.ledger.adopt(previous, plan, now);
    state.remember(Odd::new(), problems, now);
    let verdicts = state.adopt_alerts(plan);
    state.latencies.adopt(plan);
    state.pieces = vec![asking::LONGEST_PIECE; plan.queries.len()];
    // Judged at once, for the standings of the old plan would answer to the wrong SLOs.
    judging::judge_quietly(&mut state, plan, now);
    (state, Entry { ledger, verdicts, ..Entry::default() })
}

#[cfg(test)]
mod tests;
