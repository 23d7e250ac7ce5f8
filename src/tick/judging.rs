//! How every SLO stands at an instant: budget, burns, alerts, and one word for it.

use std::sync::Arc;

use crate::alerts::{self, Alerts, Burning, Notice, PARTIAL, Spent};
use crate::budget::{self, Exhaustion};
use crate::ledger::{Book, Ledger, Measured, Statement};
use crate::plan::{Plan, Planned};
use crate::slos::Slo;
use crate::tick::latency::Latency;
use crate::tick::{Entry, State, telling};
use crate::units::{BurnRate, Problem, Ratio, Span, Tally, Timestamp};

/// A budget that shrank is compared with the one of so long ago.
const A_DAY: Span = Span::days(1);

/// The pace that a time to exhaustion assumes.
const PACE: Span = Span::hours(1);

/// One word for how an SLO stands; of several that fit, the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word {
    /// Nothing was measured for `no_data_after`.
    NoData,
    /// A page or a ticket is open.
    Burning,
    /// Nothing is left of the budget.
    Exhausted,
    /// Measured, and no event in the last hour.
    NoTraffic,
    Ok,
}

impl Word {
    pub const ALL: [Word; 5] = [Word::NoData, Word::Burning, Word::Exhausted, Word::NoTraffic, Word::Ok];

    pub fn name(self) -> &'static str {
        match self {
            Word::NoData => "no_data",
            Word::Burning => "burning",
            Word::Exhausted => "exhausted",
            Word::NoTraffic => "no_traffic",
            Word::Ok => "ok",
        }
    }
}

/// How one SLO stands. Judged once per tick, read by all.
#[derive(Debug, Clone)]
pub struct Standing {
    pub slo: Arc<Slo>,
    /// For those who read its account in the statement.
    pub book: Book,
    pub state: Word,
    /// What its window holds; `None` before the first count.
    pub counted: Option<Measured>,
    /// The share of the window that was measured.
    pub coverage: Ratio,
    /// The burn over each window of its alert rows, ascending; `None` where it is not known.
    pub burns: Vec<(Span, Option<BurnRate>)>,
    pub exhaustion: Exhaustion,
    pub alerts: Alerts,
    /// Up to when it was measured.
    pub last_measured: Option<Timestamp>,
    /// All events since its account was opened; `None` before the first count.
    pub since_opened: Option<Tally>,
    /// The latencies that its histogram observed over the last hour; `None` where it has none, or none are known.
    pub latency: Option<Latency>,
    /// Its past is being read: what its budget holds is not all there is.
    pub is_backfilling: bool,
    /// Some of its past was estimated.
    pub is_estimated: bool,
}

impl Standing {
    /// The share of good events over the window; `None` without any.
    pub fn sli(&self) -> Option<Ratio> {
        self.counted?.tally.good_ratio()
    }

    /// The share of the budget that is spent; `None` while nothing of the window was measured.
    pub fn consumed(&self) -> Option<f64> {
        Some(budget::consumed(self.known()?.tally, self.slo.objective))
    }

    /// The share of the budget that is left, negative when overspent; `None` while nothing of the window was measured.
    pub fn remaining(&self) -> Option<f64> {
        Some(budget::remaining(self.known()?.tally, self.slo.objective))
    }

    fn known(&self) -> Option<Measured> {
        self.counted.filter(|counted| !counted.measured.is_zero())
    }

    pub fn is_exhausted(&self) -> bool {
        self.counted.is_some_and(|counted| budget::exhausted(counted.tally, self.slo.objective))
    }

    /// Too little of the window was measured for the budget to be the whole truth.
    pub fn is_partial(&self) -> bool {
        self.coverage.get() < PARTIAL
    }
}

/// Judges every SLO at `now`; returns what there is to tell.
pub fn judge(state: &mut State, plan: &Plan, entry: &mut Entry, now: Timestamp) -> Vec<Notice> {
    let mut notices = Vec::new();
    let mut standings = Vec::with_capacity(plan.slos.len());
    for (index, planned) in plan.slos.iter().enumerate() {
        let books = Books::of(&state.ledger, plan, index, now);
        let slo = &planned.slo;
        let before = state.alerts.get(&slo.id).cloned().unwrap_or_default();
        let measured = books.last_measured.is_some_and(|last| last >= now);
        let (after, changes) = alerts::step(&before, &slo.alerting, &books.burning(planned), measured, now);
        let silent = books.last_measured.is_some() && after.is_silent(planned.no_data_after, now);
        // What is still being read may hold more, or less: thresholds wait for it.
        let is_whole = !state.standings.get(index).is_some_and(|standing| standing.is_backfilling);
        let spent = books.spent(slo).filter(|_| measured && is_whole);
        let (after, told) = telling::told(after, &changes, slo, spent.as_ref(), || books.a_day_ago(slo), silent, now);
        let standing = books.standing(planned, after.clone());
        notices.extend(told.into_iter().map(|told| telling::notice(told, &standing, books.statement, now)));
        if after != before {
            // A verdict is plain data: it always becomes JSON.
            let verdict = serde_json::to_string(&after).unwrap_or_default();
            entry.verdicts.insert(slo.id.clone(), verdict);
            state.alerts.insert(slo.id.clone(), after);
        }
        if let Some(problem) = books.excess(slo) {
            state.remarks.insert(problem, now);
        }
        standings.push(Standing { latency: state.latencies.of(&slo.id), ..standing });
    }
    state.standings = standings;
    state.look_at_pasts(plan, now);
    notices
}

/// Standings as they are, no verdict changed.
pub fn judge_quietly(state: &mut State, plan: &Plan, now: Timestamp) {
    let standing = |(index, planned): (usize, &Planned)| {
        let alerts = state.alerts.get(&planned.slo.id).cloned().unwrap_or_default();
        let standing = Books::of(&state.ledger, plan, index, now).standing(planned, alerts);
        Standing { latency: state.latencies.of(&planned.slo.id), ..standing }
    };
    state.standings = plan.slos.iter().enumerate().map(standing).collect();
    state.look_at_pasts(plan, now);
}

/// What the ledger holds of one SLO, at one instant.
struct Books<'a> {
    statement: &'a Statement,
    book: Book,
    /// By window: the same few are asked for again and again.
    counted: Vec<(Span, Option<Measured>)>,
    last_measured: Option<Timestamp>,
    since_opened: Option<Tally>,
    no_data_after: Span,
    now: Timestamp,
}

impl<'a> Books<'a> {
    fn of(ledger: &'a Ledger, plan: &Plan, slo: usize, now: Timestamp) -> Books<'a> {
        let (planned, book) = (&plan.slos[slo], ledger.book_of(plan, slo));
        let (statement, account) = (&ledger.statement, &ledger.accounts[book.account]);
        let windows = budget::burn_windows(&planned.rows).into_iter().chain([PACE, planned.slo.window.span()]);
        Books {
            statement,
            book,
            counted: windows.map(|window| (window, statement.measured(&book, window, now))).collect(),
            last_measured: account.measured_until(book.sides, planned.silence),
            since_opened: account.events(book.sides),
            no_data_after: planned.no_data_after,
            now,
        }
    }

    fn counted(&self, window: Span) -> Option<Measured> {
        match self.counted.iter().find(|(counted, _)| *counted == window) {
            Some((_, counted)) => *counted,
            None => self.statement.measured(&self.book, window, self.now),
        }
    }

    fn burn(&self, slo: &Slo, window: Span) -> Option<BurnRate> {
        let counted = self.counted(window)?;
        budget::known_burn(counted.tally, slo.objective, window, counted.coverage(window))
    }

    /// What is spent of the budget, while anything of the window was measured.
    fn spent(&self, slo: &Slo) -> Option<Spent> {
        let window = slo.window.span();
        let counted = self.counted(window).filter(|counted| !counted.measured.is_zero())?;
        let coverage = counted.coverage(window);
        Some(Spent { window: slo.window, objective: slo.objective, tally: counted.tally, coverage, a_day_ago: None })
    }

    fn a_day_ago(&self, slo: &Slo) -> Option<Tally> {
        let counted = self.statement.measured(&self.book, slo.window.span(), self.now - A_DAY)?;
        Some(counted.tally)
    }

    fn burning(&self, planned: &Planned) -> Vec<Burning> {
        let burning = |row: &budget::Row| Burning {
            row: *row,
            long: self.burn(&planned.slo, row.long),
            short: self.burn(&planned.slo, row.short),
            long_events: self.counted(row.long).map_or(0.0, |counted| counted.tally.total()),
        };
        planned.rows.rows.iter().map(burning).collect()
    }

    /// Bad events outside 0..=total over an hour: the two selectors do not fit each other.
    fn excess(&self, slo: &Slo) -> Option<Problem> {
        let hour = self.counted(PACE)?;
        (hour.excess >= 1.0 && hour.measured >= PACE).then(|| {
            let what = "over the last hour bad exceeds total, or is below 0";
            Problem::warning("bad_exceeds_total", what, "check that both selectors count the same requests")
                .at(&slo.place)
                .about(&slo.id)
        })
    }

    fn standing(&self, planned: &Planned, alerts: Alerts) -> Standing {
        let slo = planned.slo.clone();
        let counted = self.counted(slo.window.span());
        let remaining = counted.map(|counted| budget::remaining(counted.tally, slo.objective));
        let pace = self.burn(&slo, PACE);
        let exhaustion =
            remaining.map_or(Exhaustion::Unknown, |remaining| budget::exhaustion(remaining, slo.window, pace));
        let burn = |window| (window, self.burn(&slo, window));
        let mut standing = Standing {
            book: self.book,
            state: Word::Ok,
            counted,
            coverage: counted.map_or(Ratio::NOTHING, |counted| counted.coverage(slo.window.span())),
            burns: budget::burn_windows(&planned.rows).into_iter().map(burn).collect(),
            exhaustion,
            alerts,
            last_measured: self.last_measured,
            since_opened: self.since_opened,
            latency: None,
            is_backfilling: false,
            is_estimated: false,
            slo,
        };
        standing.state = self.word(&standing);
        standing
    }

    fn word(&self, standing: &Standing) -> Word {
        let silent = |last: Timestamp| self.now.since(last) >= self.no_data_after;
        if self.last_measured.is_none_or(silent) {
            Word::NoData
        } else if standing.alerts.open().next().is_some() {
            Word::Burning
        } else if standing.is_exhausted() {
            Word::Exhausted
        } else if self.counted(PACE).is_none_or(|hour| hour.tally.total() == 0.0) {
            Word::NoTraffic
        } else {
            Word::Ok
        }
    }
}
