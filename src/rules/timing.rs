//! Over which spans one SLO's events are recorded, and how often: what is read is read again as rarely as can be.

use crate::budget::{Row, Rows, Severity, burn_windows, rows};
use crate::rules::Terms;
use crate::slos::{Sli, Slo};
use crate::units::Span;

/// The cadence of what pages, and how many evaluations a base window has: 30 s for 5 min.
const FASTEST_NEEDED: Span = Span::seconds(30);
const EVALUATIONS_IN_BASE: i64 = 10;

/// What no page waits for is evaluated more rarely. What is read as an instant vector has to be under the five minutes
/// that Prometheus looks back: 30 s, 2.5 min and 4 min. Sums take every fifth base rate, so two in a base window: each
/// event is in just two of them, whenever it came.
const SLOW: i64 = 5;
const WINDOW: i64 = 8;

/// A long window of at most so many base windows is read from the source itself; sums of base rates would blur the
/// beginning of an outage, and a page for a total one come after 176 s instead of 52 s.
const BASES_READ: i64 = 12;

/// What tickets and budgets look at is summed up from tiles, about so many for the shortest long window of a ticket
/// (10 min of 1 d) and for the SLO's window (1 h of 30 d). Sums run behind by up to a tile, which neither of them minds.
const TILES_OF_TICKET: i64 = 120;
const TILES_OF_WINDOW: i64 = 720;

/// The rhythm of one SLO's rules.
pub struct Timing {
    pub rows: Rows,
    /// The shortest window: rates over it are recorded, and all longer ones are sums of them.
    pub base: Span,
    /// The shortest long window, where it is read from the source, too.
    pub direct: Option<Span>,
    /// Set where the SLI is judged in slices: how long one is.
    pub slice: Option<Span>,
    /// Events are counted in tiles of this length, and of this one for the SLO's window.
    pub tile: Span,
    pub window_tile: Span,
    pub fast: Span,
    pub slow: Span,
    pub window: Span,
}

impl Timing {
    pub fn new(slo: &Slo, terms: &Terms) -> Timing {
        let (every, slice) = match &slo.sli {
            Sli::Events(_) | Sli::Latency { .. } => (Span::ZERO, None),
            Sli::Expressions { every, .. } => ((*every).max(terms.shortest_rate), None),
            Sli::Up { every, .. } | Sli::Value { every, .. } | Sli::Own { every, .. } => (*every, Some(*every)),
        };
        let rows = rows(slo.window, slo.objective, terms.floor.max(every));
        let fitted: Vec<Row> =
            rows.rows.iter().copied().chain(rows.dropped.iter().map(|dropped| dropped.row)).collect();
        let base = fitted.iter().map(|row| row.short).min().unwrap_or(terms.floor);
        let direct = rows.rows.first().map(|row| row.long).filter(|long| *long <= base * BASES_READ);
        let fast = whole_seconds(base / EVALUATIONS_IN_BASE).min(FASTEST_NEEDED).min(slice.unwrap_or(base));
        let slow = fast * SLOW;
        let ticket = fitted.iter().filter(|row| row.severity == Severity::Ticket).map(|row| row.long).min();
        let tile = multiple(slow, ticket.unwrap_or(base) / TILES_OF_TICKET);
        let window_tile = multiple(tile, slo.window.span() / TILES_OF_WINDOW);
        Timing { rows, base, direct, slice, tile, window_tile, fast, slow, window: fast * WINDOW }
    }

    /// The windows over which rates are recorded, each once.
    pub fn rates(&self) -> Vec<Span> {
        let mut rates: Vec<Span> = self.slice.into_iter().chain([self.base]).chain(self.direct).collect();
        rates.dedup();
        rates
    }

    /// The windows over which the burn is recorded, ascending.
    pub fn burns(&self) -> Vec<Span> {
        burn_windows(&self.rows)
    }

    /// Whether a page waits for the burn over a window, as far as it is soon computed.
    pub fn is_urgent(&self, burn: Span) -> bool {
        let is_short_of_page = |row: &Row| row.severity == Severity::Page && row.short == burn;
        self.rates().contains(&burn) || self.rows.rows.iter().any(is_short_of_page)
    }

    /// Whether only tickets wait for the burn over a window, a long one: it is summed up from tiles.
    pub fn is_tiled(&self, burn: Span) -> bool {
        let rows_with = |is_its: fn(&Row) -> Span| self.rows.rows.iter().filter(move |row| is_its(row) == burn);
        let is_ticket = |row: &Row| row.severity == Severity::Ticket;
        rows_with(|row| row.long).all(is_ticket) && rows_with(|row| row.short).count() == 0 && self.is_long(burn)
    }

    /// Whether some row takes the window for its long one: there a short history must not pass for the whole of it.
    pub fn is_long(&self, burn: Span) -> bool {
        self.rows.rows.iter().any(|row| row.long == burn)
    }
}

/// The largest multiple of `step` within `span`, at least one.
fn multiple(step: Span, span: Span) -> Span {
    step * (span.as_millis() / step.as_millis().max(1)).max(1)
}

fn whole_seconds(span: Span) -> Span {
    let second = Span::seconds(1);
    Span::seconds(span.as_millis() / second.as_millis()).max(second)
}
