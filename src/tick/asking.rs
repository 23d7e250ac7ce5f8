//! What the source is asked next: each query from its own watermark, oldest first, in pieces that it can answer.

use std::collections::{BTreeSet, HashSet};

use crate::plan::{Plan, Query, Question, Target};
use crate::promql::Selector;
use crate::tick::{Piece, State};
use crate::units::{Span, Timestamp};

/// The longest span that is asked at once.
pub const LONGEST_PIECE: Span = Span::minutes(10);

/// Halving stops here.
pub const SHORTEST_PIECE: Span = Span::seconds(1);

/// One query of the plan, to be answered for the time up to an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    pub query: usize,
    pub until: Timestamp,
    pub over: Over,
}

/// What is asked over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Raw samples so far back.
    Range(Span),
    /// Grid points, first and last.
    Points { from: Timestamp, to: Timestamp, every: Span },
    /// No grid point has come: the answer is known to be empty.
    Nothing,
}

/// The questions that bring every query up to `now`, or a piece nearer.
pub fn asks(state: &State, plan: &Plan, now: Timestamp) -> Vec<Ask> {
    let ask = |query: usize| {
        let Some(watermark) = state.ledger.watermark(query) else {
            return Some(Ask { query, until: now, over: over(plan, query, now, now) });
        };
        if watermark >= now {
            return None;
        }
        let piece = state.pieces[query].max(plan.pace.every);
        // What a daemon scraped is all there, however long it was away.
        let is_live = plan.pace.is_scraping || is_one_piece(plan, watermark, now);
        let until = if is_live { now } else { (watermark + piece).on_grid(plan.pace.every).min(now) };
        Some(Ask { query, until, over: over(plan, query, watermark, until) })
    };
    (0..plan.queries.len()).filter(|query| !plan.queries[*query].is_own()).filter_map(ask).collect()
}

/// Whether a span is asked for at once, however small the pieces are.
fn is_one_piece(plan: &Plan, watermark: Timestamp, until: Timestamp) -> bool {
    until.since(watermark) <= plan.pace.every * 2
}

/// The selectors that were too much for the source though no shorter span can be asked for, and on which narrower ones
/// ride: those may be answered by themselves.
pub fn overloaded(state: &State, plan: &Plan, pieces: &[Piece]) -> HashSet<Selector> {
    let is_refused = |piece: &&Piece| {
        let is_shortest = |watermark| is_one_piece(plan, watermark, piece.until);
        piece.answer.as_ref().is_err_and(|no_answer| no_answer.too_much)
            && state.ledger.watermark(piece.query).is_none_or(is_shortest)
    };
    pieces.iter().filter(is_refused).filter_map(|piece| plan.queries[piece.query].carrier().cloned()).collect()
}

/// What a tick at `now` asks when the one before it was answered, and every expression once, whatever its grid.
pub fn every_ask(plan: &Plan, now: Timestamp) -> Vec<Ask> {
    let ask = |(query, asked): (usize, &Query)| {
        let over = match asked.question {
            Question::Raw { reading, .. } => Over::Range(plan.range(reading, now - plan.pace.every, now)),
            Question::Points { every, .. } => Over::Points { from: now, to: now, every },
            Question::Own { .. } => return None,
        };
        Some(Ask { query, until: now, over })
    };
    plan.queries.iter().enumerate().filter_map(ask).collect()
}

fn over(plan: &Plan, query: usize, watermark: Timestamp, until: Timestamp) -> Over {
    match plan.queries[query].question {
        Question::Raw { reading, .. } => Over::Range(plan.range(reading, watermark, until)),
        Question::Points { every, .. } => match (watermark.on_grid(every) + every, until.on_grid(every)) {
            (from, to) if from <= to => Over::Points { from, to, every },
            _ => Over::Nothing,
        },
        Question::Own { .. } => Over::Nothing,
    }
}

/// The targets of which these answers show series for the first time.
pub fn newcomers(state: &State, plan: &Plan, pieces: &[Piece]) -> BTreeSet<Target> {
    let new = |piece: &Piece| {
        let series = piece.answer.as_ref().ok()?.first()?;
        Some(state.ledger.memory(piece.query)?.newcomers(series))
    };
    pieces.iter().filter(|piece| plan.queries[piece.query].reads_counters()).filter_map(new).flatten().collect()
}
