//! What one zone said, turned into energy between two instants. Never knows what else the host has.

use std::sync::Arc;

use crate::energy::{Reason, Role, Said, Zone};
use crate::units::{Microjoules, Span, Watts};

/// A zone that misses so many readings in a row is silent; fewer are bridged.
const MISSED: u32 = 3;

/// A processor that runs draws something: a package whose counter stands still for so long says nothing, as those do that
/// a system has frozen for whom it does not trust (macOS 27).
const STANDSTILL: Span = Span::minutes(1);

/// Power that was not measured for longer is not made up.
const LONGEST_INTEGRATED: Span = Span::minutes(1);

/// Counters are renewed every few milliseconds: what they gain in less than a second is not held against the ceiling.
const SHORTEST_JUDGED: Span = Span::seconds(1);

/// Energy that a zone used between two instants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delta {
    pub from: Span,
    pub to: Span,
    pub energy: Microjoules,
}

/// What was odd about a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Odd {
    Wrap,
    Reset,
    Gap,
}

/// What is remembered of a zone.
#[derive(Debug)]
pub struct Track {
    pub zone: Arc<Zone>,
    /// What it said when it last said anything new.
    last: Option<(Span, Said)>,
    /// What it used since the reading before this one; `None` where that is not known, or not yet.
    pub delta: Option<Delta>,
    pub watts: Option<Watts>,
    /// Readings missed in a row, and why the last one was; `None` where the zone is not there any more.
    missed: u32,
    why: Option<Reason>,
    /// Microjoules that an integral is ahead of the whole ones, below 1.
    fraction: f64,
}

impl Track {
    pub fn new(zone: Arc<Zone>) -> Track {
        Track { zone, last: None, delta: None, watts: None, missed: 0, why: None, fraction: 0.0 }
    }

    pub fn is_of(&self, zone: &Arc<Zone>) -> bool {
        Arc::ptr_eq(&self.zone, zone) || self.zone == *zone
    }

    /// Takes up what it says at `at`.
    pub fn hear(&mut self, said: &Said, at: Span) -> Option<Odd> {
        (self.missed, self.delta) = (0, None);
        let Some((from, before)) = self.last.clone() else {
            self.last = Some((at, said.clone()));
            return None;
        };
        let (energy, odd) = match (&before, said) {
            (Said::Energy { counter: before, .. }, Said::Energy { counter, range }) => {
                rise(*before, *counter, *range, at - from, self.zone.role.ceiling())
            }
            (Said::Power(before), Said::Power(now)) => self.integral(*before, *now, at - from),
            (Said::Energy { .. }, Said::Power(_)) | (Said::Power(_), Said::Energy { .. }) => (None, Some(Odd::Reset)),
        };
        if energy == Some(Microjoules::ZERO) && self.zone.role.always_draws() {
            return odd; // it says nothing new, so that counting goes on from where it last did
        }
        self.last = Some((at, said.clone()));
        self.delta = energy.map(|energy| Delta { from, to: at, energy });
        self.watts = match said {
            Said::Power(watts) => Some(*watts),
            Said::Energy { .. } => energy.and_then(|energy| energy.over(at - from)),
        };
        odd
    }

    /// It said nothing, for this reason; without one it is not there any more. Counting goes on from what it last said,
    /// unless it had nothing to say of the host meanwhile.
    pub fn miss(&mut self, why: Option<Reason>) {
        (self.missed, self.why, self.delta) = (self.missed.saturating_add(1), why, None);
        if why == Some(Reason::Idle) {
            self.last = None;
        }
    }

    /// Why it says nothing, at `at`; `None` while it is heard.
    pub fn silent(&self, at: Span) -> Option<Reason> {
        match &self.last {
            Some((since, Said::Energy { .. })) if self.missed == 0 => {
                (self.zone.role.always_draws() && at - *since > STANDSTILL).then_some(Reason::Standstill)
            }
            Some(_) if self.missed < MISSED => None,
            Some(_) | None => Some(self.why.unwrap_or(Reason::NotFound)),
        }
    }

    /// Whether it said something at the last reading, be it nothing new.
    pub fn is_heard(&self) -> bool {
        self.missed == 0
    }

    pub fn is_gone(&self) -> bool {
        self.missed >= MISSED && self.why.is_none()
    }

    /// From when on what it says next will count.
    pub fn counts_from(&self) -> Option<Span> {
        self.last.as_ref().map(|(at, _)| *at)
    }

    fn integral(&mut self, before: Watts, now: Watts, span: Span) -> (Option<Microjoules>, Option<Odd>) {
        if span > LONGEST_INTEGRATED {
            return (None, Some(Odd::Gap));
        }
        let exact = (before.get() + now.get()) / 2.0 * span.as_seconds() * 1e6 + self.fraction;
        self.fraction = exact.fract();
        (Some(Microjoules::new(exact as u64)), None)
    }
}

/// What a counter rose by over `span`, where that can be known. `ceiling` is more than the zone ever draws.
fn rise(
    before: Microjoules,
    now: Microjoules,
    range: Option<Microjoules>,
    span: Span,
    ceiling: Watts,
) -> (Option<Microjoules>, Option<Odd>) {
    let at_most = |span: Span| Microjoules::new((ceiling.get() * span.as_seconds() * 1e6) as u64);
    let is_plausible = |energy: &Microjoules| *energy <= at_most(span.max(SHORTEST_JUDGED));
    // A whole range may have passed unseen.
    let is_gap = range.is_some_and(|range| at_most(span) >= range);
    if let Some(rise) = now.without(before) {
        return match is_plausible(&rise) {
            true => (Some(rise), is_gap.then_some(Odd::Gap)),
            false => (None, Some(Odd::Reset)),
        };
    }
    let around = range.and_then(|range| range.without(before)).map(|rest| rest + now);
    match around.filter(is_plausible) {
        Some(_) if is_gap => (None, Some(Odd::Gap)),
        Some(around) => (Some(around), Some(Odd::Wrap)),
        None => (None, Some(Odd::Reset)),
    }
}

impl Role {
    /// More than this is no measurement: sockets stay below 1 kW, accelerators below 2 kW, and a machine is fed by fewer
    /// than ten supplies of 3 kW.
    fn ceiling(&self) -> Watts {
        const PART: Watts = kilowatts(2.0);
        const ACCELERATOR: Watts = kilowatts(4.0);
        const MACHINE: Watts = kilowatts(30.0);
        match self {
            Role::Package { .. } | Role::Dram { .. } | Role::Core { .. } | Role::Uncore { .. } => PART,
            Role::Gpu { .. } => ACCELERATOR,
            Role::Platform { .. } => MACHINE,
        }
    }

    /// Whether it cannot use nothing while somebody reads it.
    fn always_draws(&self) -> bool {
        matches!(self, Role::Package { .. })
    }
}

const fn kilowatts(kilowatts: f64) -> Watts {
    match Watts::new(kilowatts * 1_000.0) {
        Some(watts) => watts,
        None => Watts::ZERO,
    }
}
