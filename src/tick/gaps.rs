//! What of the past is not known, of whom, and what is to be said of that. Never knows how it is read.

use std::sync::Arc;

use crate::ledger::Stretch;
use crate::plan::Plan;
use crate::slos::{Sli, Slo};
use crate::tick::{Entry, State};
use crate::units::{Problem, Span, Timestamp};

/// An SLO whose past made no progress for so long is judged by what is known.
pub const PATIENCE: Span = Span::minutes(10);

/// The past of one SLO that is still to be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Gap {
    pub slo: Arc<Slo>,
    pub account: usize,
    /// Its window begins here, or it is known again.
    pub from: Timestamp,
    /// Whether it is known again before `from`: then nothing before it is read.
    pub is_closed: bool,
    /// It is known from here on.
    pub to: Timestamp,
}

impl Gap {
    /// What is to be read.
    pub fn span(&self) -> Span {
        self.to.since(self.from)
    }
}

impl State {
    /// What is not known of the windows of a plan's SLOs, though it may lie in the source's history.
    pub fn gaps(&self, plan: &Plan, now: Timestamp) -> Vec<Gap> {
        let gap = |slo: usize| {
            let known = self.ledger.known(slo)?;
            let begin = now - plan.slos[slo].slo.window.span();
            let again = known.again.filter(|again| *again > begin);
            let account = self.ledger.book_of(plan, slo).account;
            let (from, is_closed) = (again.unwrap_or(begin), again.is_some());
            (known.from > from).then(|| Gap {
                slo: plan.slos[slo].slo.clone(),
                account,
                from,
                is_closed,
                to: known.from,
            })
        };
        (0..plan.slos.len()).filter(|slo| is_remembered(plan, *slo)).filter_map(gap).collect()
    }

    /// From now on these are being read.
    pub fn expect(&mut self, gaps: &[Gap], now: Timestamp) {
        gaps.iter().for_each(|gap| _ = self.read_at.entry(gap.account).or_insert(now));
    }

    /// Whether nothing came of some of these for a long time.
    pub fn is_stuck(&self, gaps: &[Gap], now: Timestamp) -> bool {
        let is_late = |last: &Timestamp| now.since(*last) >= PATIENCE;
        gaps.iter().any(|gap| self.read_at.get(&gap.account).is_some_and(is_late))
    }

    /// Takes up what was read of the past, between two ticks.
    pub fn join_past(&mut self, read: Vec<(usize, Stretch)>, now: Timestamp) -> Entry {
        let mut entry = Entry::default();
        for (account, stretch) in read {
            entry.ledger.join(self.ledger.join_past(account, stretch));
            self.read_at.insert(account, now);
        }
        entry
    }

    /// Notes in the standings whose past is being read, or was estimated.
    pub fn look_at_pasts(&mut self, plan: &Plan, now: Timestamp) {
        for slo in 0..self.standings.len() {
            let Some(known) = self.ledger.known(slo) else { continue };
            let from = now - plan.slos[slo].slo.window.span();
            let last = self.read_at.get(&self.ledger.book_of(plan, slo).account);
            let is_coming = last.is_none_or(|last| now.since(*last) < PATIENCE);
            let standing = &mut self.standings[slo];
            standing.is_backfilling = is_remembered(plan, slo) && is_coming && known.from > from;
            standing.is_estimated = known.estimated.is_some_and(|until| until > from);
        }
    }

    /// What is to be said of the past of the SLOs.
    pub fn notes_on_the_past(&self) -> Vec<Problem> {
        let note = |code, what| Problem::note(code, what, "");
        let notes = self.standings.iter().flat_map(|standing| {
            let backfilling = standing.is_backfilling.then(|| {
                note("backfilling", "its past is being read from the source; until that is done its budget is partial")
            });
            let estimated = standing.is_estimated.then(|| {
                note(
                    "estimated",
                    "its past has too many samples to read them all: what is long ago is estimated by the hour",
                )
            });
            let about = |problem: Problem| problem.at(&standing.slo.place).about(&standing.slo.id);
            backfilling.into_iter().chain(estimated).map(about)
        });
        notes.collect()
    }
}

/// Whether the source may know of an SLO what was before the daemon. One that is scraped remembers nothing, and nobody but
/// burnwatch has its own readings.
fn is_remembered(plan: &Plan, slo: usize) -> bool {
    !plan.pace.is_scraping && !matches!(plan.slos[slo].slo.sli, Sli::Own { .. })
}
