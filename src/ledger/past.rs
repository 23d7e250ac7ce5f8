//! What an account held before it was opened, as far as that was read from the source's history: lines that continue its
//! running totals downwards. They are negative there; only differences mean anything. Never knows how it was counted.

use std::collections::BTreeMap;

use crate::ledger::account::Opening;
use crate::ledger::density::Density;
use crate::ledger::pack::{Packer, Unpacker};
use crate::ledger::row::{Cell, Line, Side};
use crate::units::{Span, Timestamp};

/// The past is kept by the day: numbers of days since 1970.
pub type Day = i64;

const DAY: Span = Span::days(1);

/// What both sides of an account gained up to an instant since the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub at: Timestamp,
    /// By side, in parts of an event.
    pub gained: [i64; 2],
    /// By side, in seconds.
    pub measured: [i32; 2],
}

/// What an account gained after an instant, step by step. Invariant: steps ascend, and there is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    pub from: Timestamp,
    pub steps: Vec<Step>,
    /// Whether rates were read, not samples.
    pub is_estimated: bool,
}

impl Stretch {
    /// Its last instant.
    fn to(&self) -> Timestamp {
        self.steps.last().map_or(self.from, |step| step.at)
    }

    fn pack(&self, pack: &mut Packer) {
        pack.i64(self.from.as_millis());
        pack.i32(i32::from(self.is_estimated));
        pack.list(self.steps.iter(), |pack, step| {
            pack.i64(step.at.as_millis());
            for side in Side::BOTH {
                pack.i64(step.gained[side as usize]);
                pack.i32(step.measured[side as usize]);
            }
        });
    }

    fn unpack(read: &mut Unpacker) -> Option<Stretch> {
        let (from, is_estimated) = (Timestamp::millis(read.i64()?), read.i32()? != 0);
        let steps = read.list(|read| {
            let at = Timestamp::millis(read.i64()?);
            let mut side = || Some((read.i64()?, read.i32()?));
            let ((first, first_measured), (second, second_measured)) = (side()?, side()?);
            Some(Step { at, gained: [first, second], measured: [first_measured, second_measured] })
        })?;
        Some(Stretch { from, steps, is_estimated })
    }
}

/// What is known of a day, as it is kept.
fn packed(stretches: &[Stretch]) -> Vec<u8> {
    let mut pack = Packer::default();
    pack.list(stretches.iter(), |pack, stretch| stretch.pack(pack));
    pack.sealed()
}

/// `None` where it is damaged.
pub fn unpacked(bytes: &[u8]) -> Option<Vec<Stretch>> {
    Unpacker::opened(bytes)?.list(Stretch::unpack)
}

/// How far back an account is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    pub from: Timestamp,
    /// What lies before this is known again, but not what lies between.
    pub again: Option<Timestamp>,
    /// The last instant of what was estimated; `None` where every sample was counted.
    pub estimated: Option<Timestamp>,
}

/// Lines before an opening, without a gap between them and it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    opening: Opening,
    /// Newest first.
    lines: Vec<(Timestamp, Line)>,
    /// Read before, but something between them and the lines is missing. By their last instant.
    apart: BTreeMap<Timestamp, Stretch>,
    /// The last instant of what was estimated.
    estimated: Option<Timestamp>,
}

impl Past {
    pub fn before(opening: Opening) -> Past {
        Past { opening, lines: Vec::new(), apart: BTreeMap::new(), estimated: None }
    }

    /// The past that was kept.
    pub fn restored(opening: Opening, kept: impl IntoIterator<Item = Stretch>) -> Past {
        let apart = kept.into_iter().map(|stretch| (stretch.to(), stretch)).collect();
        let mut past = Past { apart, ..Past::before(opening) };
        past.join_what_fits();
        past
    }

    /// Where its oldest line is: everything after it is known.
    pub fn reach(&self) -> Timestamp {
        self.lines.last().map_or(self.opening.at, |(at, _)| *at)
    }

    pub fn known(&self) -> Known {
        Known { from: self.reach(), again: self.apart.keys().next_back().copied(), estimated: self.estimated }
    }

    /// The newest line at or before an instant that lies before the opening.
    pub fn line_at(&self, at: Timestamp) -> Option<(Timestamp, Line)> {
        self.lines.get(self.lines.partition_point(|line| line.0 > at)).copied()
    }

    pub fn oldest(&self) -> Option<(Timestamp, Line)> {
        self.lines.last().copied()
    }

    /// Takes up what was read of the time before its oldest line; returns the days that changed, to be kept. What does
    /// not end there was read before, or for another opening.
    pub fn join(&mut self, stretch: Stretch) -> BTreeMap<Day, Vec<u8>> {
        let to = stretch.to();
        if to != self.reach() || stretch.steps.is_empty() {
            return BTreeMap::new();
        }
        let mut days: Vec<Day> = stretch.steps.iter().map(|step| day(step.at)).collect();
        days.dedup();
        self.append(stretch);
        self.join_what_fits();
        days.into_iter().map(|day| (day, packed(&self.stretches_of(day)))).collect()
    }

    /// The past of an account that goes on after a break: these lines (newest first) were before the break. Also the
    /// days to be kept.
    pub fn before_a_break(
        opening: Opening,
        lines: Vec<(Timestamp, Line)>,
        estimated: Option<Timestamp>,
    ) -> (Past, BTreeMap<Day, Vec<u8>>) {
        let Some(((at, line), older)) = lines.split_first() else { return (Past::before(opening), BTreeMap::new()) };
        let cell = |side| line.cell(side).unwrap_or(Cell { total: 0, measured: 0 });
        let before = Opening { at: *at, cells: (cell(Side::First), cell(Side::Second)) };
        let former = Past { lines: older.to_vec(), estimated, ..Past::before(before) };
        let mut days: Vec<Day> = lines.iter().map(|(at, _)| day(*at)).collect();
        days.dedup();
        let stretches = days.into_iter().flat_map(|day| former.stretches_of(day));
        let past = Past { apart: stretches.map(|stretch| (stretch.to(), stretch)).collect(), ..Past::before(opening) };
        let kept = past.apart.keys().map(|to| (day(*to), packed(&past.stretches_of(day(*to))))).collect();
        (past, kept)
    }

    /// Its lines, newest first.
    pub fn lines(&self) -> &[(Timestamp, Line)] {
        &self.lines
    }

    fn append(&mut self, stretch: Stretch) {
        let (_, mut line) = self.oldest().unwrap_or((self.opening.at, self.opening.line()));
        let befores = stretch.steps.iter().map(|step| step.at).rev().skip(1).chain([stretch.from]);
        for (step, before) in stretch.steps.iter().rev().zip(befores) {
            line = less(line, step);
            self.lines.push((before, line));
        }
        if stretch.is_estimated {
            self.estimated = self.estimated.max(Some(stretch.to()));
        }
    }

    fn join_what_fits(&mut self) {
        // What ends after the oldest line overlaps with what was read since, and goes.
        while let Some((to, stretch)) = self.apart.split_off(&self.reach()).pop_first() {
            if to == self.reach() {
                self.append(stretch);
            }
        }
    }

    /// What it holds of a day.
    fn stretches_of(&self, wanted: Day) -> Vec<Stretch> {
        // Newest first, so those of later days stand before, and those of a day together.
        let later = self.lines.partition_point(|(at, _)| day(*at) > wanted);
        let newest = (self.opening.at, self.opening.line());
        let uppers = [newest].into_iter().chain(self.lines.iter().copied()).skip(later);
        let pairs = uppers.zip(self.lines.iter().skip(later)).skip_while(|((at, _), _)| day(*at) > wanted);
        let pairs = pairs.take_while(|((at, _), _)| day(*at) == wanted);
        let mut stretch = Stretch { from: self.opening.at, steps: Vec::new(), is_estimated: false };
        for ((at, upper), (before, lower)) in pairs {
            stretch.from = *before;
            stretch.is_estimated |= self.estimated.is_some_and(|estimated| at <= estimated);
            stretch.steps.push(step(at, upper, *lower));
        }
        stretch.steps.reverse();
        let joined = (!stretch.steps.is_empty()).then_some(stretch);
        let apart = self.apart.iter().filter(|(to, _)| day(**to) == wanted).map(|(_, stretch)| stretch.clone());
        joined.into_iter().chain(apart).collect()
    }

    /// Drops lines that are not kept any more; returns the days of which nothing is left.
    pub fn thin(&mut self, density: &Density, now: Timestamp) -> Vec<Day> {
        let instants = self.lines.iter().rev().map(|line| line.0).chain([self.opening.at]);
        let mut gone = density.thinned(instants, now);
        // While it is kept at all, the oldest line tells how far the past was read.
        let reach = self.reach();
        gone.retain(|at| *at != reach || density.step(now.since(reach)).is_none());
        gone.sort_unstable();
        self.lines.retain(|(at, _)| gone.binary_search(at).is_err());
        let left = self.lines.last().map(|line| day(line.0));
        let mut days: Vec<Day> = gone.into_iter().map(day).filter(|day| left.is_none_or(|left| *day < left)).collect();
        days.dedup();
        days
    }
}

/// The day whose end is the first at or after an instant.
fn day(at: Timestamp) -> Day {
    (at - Span::millis(1)).on_grid(DAY).as_millis() / DAY.as_millis()
}

/// When a day begins.
pub fn beginning(day: Day) -> Timestamp {
    Timestamp::millis(day * DAY.as_millis())
}

/// Where an account stood before a step.
fn less(line: Line, step: &Step) -> Line {
    Side::BOTH.into_iter().fold(line, |line, side| {
        let cell = line.cell(side).unwrap_or(Cell { total: 0, measured: 0 });
        let total = cell.total.saturating_sub(step.gained[side as usize]);
        line.with(side, Cell { total, measured: cell.measured.saturating_sub(step.measured[side as usize]) })
    })
}

fn step(at: Timestamp, upper: Line, lower: Line) -> Step {
    let mut step = Step { at, gained: [0; 2], measured: [0; 2] };
    for side in Side::BOTH {
        if let (Some(upper), Some(lower)) = (upper.cell(side), lower.cell(side)) {
            step.gained[side as usize] = upper.total.saturating_sub(lower.total);
            step.measured[side as usize] = upper.measured - lower.measured;
        }
    }
    step
}
