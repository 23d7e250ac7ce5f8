//! An account: one SLI of one SLO, and where its two running totals stand.

use crate::ledger::row::{Cell, Line, Side, events};
use crate::plan::Part;
use crate::slos::{Counted, Sli, Slo};
use crate::units::{SloId, Span, Tally, Timestamp};

/// What the two sides of an account are, as the SLI was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    TotalAndBad,
    TotalAndGood,
    GoodAndBad,
}

impl Sides {
    pub fn of(sli: &Sli) -> Sides {
        match sli {
            Sli::Events(of) => Sides::counted(of),
            Sli::Expressions { of, .. } => Sides::counted(of),
            Sli::Latency { .. } => Sides::TotalAndGood,
            Sli::Up { .. } | Sli::Value { .. } | Sli::Own { .. } => Sides::TotalAndBad,
        }
    }

    fn counted<T>(of: &Counted<T>) -> Sides {
        match of {
            Counted::BadOfTotal { .. } => Sides::TotalAndBad,
            Counted::GoodOfTotal { .. } => Sides::TotalAndGood,
            Counted::GoodAndBad { .. } => Sides::GoodAndBad,
        }
    }

    /// Both sides, in events, as total and bad. As measured: bad may be outside 0..=total.
    pub fn total_and_bad(self, first: f64, second: f64) -> (f64, f64) {
        match self {
            Sides::TotalAndBad => (first, second),
            Sides::TotalAndGood => (first, first - second),
            Sides::GoodAndBad => (first + second, second),
        }
    }

    /// The measured time of the total, given that of both sides.
    pub fn measured(self, first: Span, second: Span) -> Span {
        match self {
            Sides::TotalAndBad | Sides::TotalAndGood => first,
            Sides::GoodAndBad => first.max(second),
        }
    }
}

/// Where one side of an account stands at the watermark of its query.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Balance {
    /// Running total in parts of an event.
    pub total: i64,
    /// Running measured time.
    pub measured: Span,
    /// The newest sample seen.
    pub newest: Option<Timestamp>,
    /// The last instant booked; `None` until the side's query was answered.
    pub booked: Option<Timestamp>,
}

impl Balance {
    /// Books what was gained up to each instant, and returns the cells of those that were not booked before. `seen`:
    /// when there were samples, ascending.
    pub fn book_all(
        &mut self,
        gained: impl Iterator<Item = (Timestamp, i64)>,
        seen: &[Timestamp],
        silence: Span,
    ) -> Vec<(Timestamp, Cell)> {
        let booked = self.booked;
        let mut cells = Vec::new();
        for (instant, gained) in gained {
            self.total = self.total.saturating_add(gained);
            if booked.is_none_or(|booked| instant > booked) {
                self.measure(instant, seen, silence);
                cells.push((instant, self.cell()));
            }
        }
        cells
    }

    /// Measures the time from the last booked instant up to `instant`: as long as the newest sample is at most
    /// `silence` old.
    fn measure(&mut self, instant: Timestamp, seen: &[Timestamp], silence: Span) {
        let from = self.booked.unwrap_or(instant);
        let earlier = self.newest.into_iter().filter(|newest| *newest <= from);
        let known = self.newest.map_or(0, |newest| seen.partition_point(|sample| *sample < newest));
        let later = seen[known..].iter().copied();
        self.measured = self.measured + covered(from, instant, earlier.chain(later), silence);
        let reached = seen.partition_point(|sample| *sample <= instant);
        self.newest = self.newest.max(seen[..reached].last().copied());
        self.booked = Some(instant);
    }

    pub fn cell(&self) -> Cell {
        Cell { total: self.total, measured: (self.measured.as_millis() / 1_000) as i32 }
    }

    /// Up to when this side is measured.
    pub fn measured_until(&self, silence: Span) -> Option<Timestamp> {
        Some((self.newest? + silence).min(self.booked?))
    }
}

/// How much of `from`..`to` lies within `silence` after one of `samples` (ascending).
fn covered(from: Timestamp, to: Timestamp, samples: impl Iterator<Item = Timestamp>, silence: Span) -> Span {
    let mut covered = Span::ZERO;
    let mut reached = from;
    for sample in samples.take_while(|sample| *sample < to) {
        let (start, end) = (sample.max(reached), (sample + silence).min(to));
        if end > start {
            covered = covered + end.since(start);
            reached = end;
        }
    }
    covered
}

/// Where an account stood when both its sides were there for the first time: rows that old are thinned, this stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    pub at: Timestamp,
    pub cells: (Cell, Cell),
}

impl Opening {
    pub fn line(&self) -> Line {
        Line::EMPTY.with(Side::First, self.cells.0).with(Side::Second, self.cells.1)
    }
}

/// All that is needed to read one account's lines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Book {
    /// The account's number.
    pub account: usize,
    pub sides: Sides,
    pub opening: Option<Opening>,
}

/// One SLI of one SLO, numbered once. A changed SLI opens a new account; everything else about an SLO may change.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    pub id: SloId,
    /// The SLI in normal form.
    pub fingerprint: String,
    /// When its SLO was last declared; `None` while it is.
    pub removed: Option<Timestamp>,
    /// `None` until both sides were booked.
    pub opening: Option<Opening>,
    pub sides: [Balance; 2],
}

impl Account {
    pub fn opened(slo: &Slo) -> Account {
        let fingerprint = slo.sli.fingerprint();
        Account { id: slo.id.clone(), fingerprint, removed: None, opening: None, sides: [Balance::default(); 2] }
    }

    /// Notes the opening, if it is now. Returns whether it is.
    pub fn open(&mut self) -> bool {
        let [first, second] = &self.sides;
        let both = first.booked.zip(second.booked);
        if let (None, Some((one, other))) = (self.opening, both) {
            self.opening = Some(Opening { at: one.max(other), cells: (first.cell(), second.cell()) });
            return true;
        }
        false
    }

    /// All events that were counted as they came, also before a break; `None` before it is opened.
    pub fn events(&self, sides: Sides) -> Option<Tally> {
        self.opening?;
        let [first, second] = &self.sides;
        let (total, bad) = sides.total_and_bad(events(first.total), events(second.total));
        Some(Tally::held(total, bad))
    }

    pub fn side(&mut self, side: Side) -> &mut Balance {
        &mut self.sides[side as usize]
    }

    /// Up to when the SLO is measured: both queries answered, and the total had samples.
    pub fn measured_until(&self, sides: Sides, silence: Span) -> Option<Timestamp> {
        let [first, second] = &self.sides;
        let answered = first.booked?.min(second.booked?);
        let measured = match sides {
            Sides::TotalAndBad | Sides::TotalAndGood => first.measured_until(silence),
            Sides::GoodAndBad => first.measured_until(silence).max(second.measured_until(silence)),
        };
        Some(measured?.min(answered))
    }
}

/// Which sides of an account a route books.
pub fn booked_sides(part: Part) -> &'static [Side] {
    match part {
        Part::First => &[Side::First],
        Part::Second => &[Side::Second],
        Part::Cut { .. } | Part::Slices | Part::Both { .. } | Part::Within(_) => &Side::BOTH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::seconds(seconds)
    }

    fn measured(from: i64, to: i64, samples: &[i64], silence: i64) -> f64 {
        covered(at(from), at(to), samples.iter().map(|s| at(*s)), Span::seconds(silence)).as_seconds()
    }

    #[test]
    fn time_is_measured_while_the_newest_sample_is_young() {
        assert_eq!(measured(100, 130, &[95, 110, 125], 300), 30.0);
        assert_eq!(measured(100, 130, &[90], 20), 10.0);
        assert_eq!(measured(100, 130, &[], 300), 0.0);
        assert_eq!(measured(100, 200, &[100, 150], 20), 40.0);
        assert_eq!(measured(100, 200, &[50], 20), 0.0);
        assert_eq!(measured(100, 200, &[200], 20), 0.0);
    }

    #[test]
    fn booking_in_one_step_or_in_many_measures_the_same() {
        let seen: Vec<Timestamp> = [3, 9, 40, 41, 77].map(at).to_vec();
        let book = |steps: &[i64]| {
            let mut balance = Balance { booked: Some(at(0)), ..Balance::default() };
            let mut from = at(0);
            for step in steps {
                let within: Vec<Timestamp> = seen.iter().copied().filter(|s| *s > from && *s <= at(*step)).collect();
                balance.book_all([(at(*step), 10)].into_iter(), &within, Span::seconds(12));
                from = at(*step);
            }
            balance.measured
        };
        assert_eq!(book(&[100]), book(&[10, 20, 30, 40, 50, 60, 70, 80, 90, 100]));
        assert_eq!(book(&[100]), book(&[5, 41, 78, 100]));
        assert_eq!(book(&[100]), Span::seconds(18 + 13 + 12));
    }

    #[test]
    fn both_sides_mean_what_the_sli_says() {
        assert_eq!(Sides::TotalAndBad.total_and_bad(10.0, 1.0), (10.0, 1.0));
        assert_eq!(Sides::TotalAndGood.total_and_bad(10.0, 9.0), (10.0, 1.0));
        assert_eq!(Sides::GoodAndBad.total_and_bad(9.0, 1.0), (10.0, 1.0));
    }
}
