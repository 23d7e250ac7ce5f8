//! One thing that is metered, told by one zone or by several that are twins: each stretch of time is counted once, by
//! the first of them that knows all of it. Never knows what the thing is added to.

use std::mem;

use crate::energy::mirror::Mirror;
use crate::energy::track::{Delta, Track};
use crate::energy::{Meter, Method, Role, Zone};
use crate::units::{Microjoules, Span, Watts};

/// Power is shown for so long after it was last measured: some counters are renewed only every two seconds.
const HELD: Span = Span::seconds(10);

/// What makes zones twins: of processors and memory all but estimates tell the same, of anything else only the zones of
/// one meter may.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub role: Role,
    pub meter: Option<Meter>,
}

impl Key {
    pub fn of(zone: &Zone) -> Key {
        let is_shared = match &zone.role {
            Role::Package { .. } | Role::Dram { .. } | Role::Core { .. } | Role::Uncore { .. } => {
                zone.method != Method::Estimated
            }
            Role::Platform { .. } | Role::Gpu { .. } => false,
        };
        Key { role: zone.role.clone(), meter: (!is_shared).then_some(zone.meter) }
    }

    /// Whether it may stand for the whole host. `psys` never does: what it includes is the maker's choice, and some say less
    /// than their packages.
    pub fn is_platform(&self) -> bool {
        matches!(self.role, Role::Platform { .. }) && self.meter != Some(Meter::Rapl)
    }

    /// Of `keys`, the first die of the socket that this one is of.
    pub fn first_die<'a>(&self, mut keys: impl Iterator<Item = &'a Key>) -> Option<&'a Key> {
        let Role::Package { socket: of, .. } = self.role else { return None };
        keys.find(|key| key.meter == self.meter && matches!(key.role, Role::Package { socket, .. } if socket == of))
    }
}

/// The running totals of one thing.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// Everything before is counted.
    pub counted_to: Option<Span>,
    pub energy: Microjoules,
    /// How much time that took.
    pub measured: Span,
    pub watts: Option<Watts>,
    /// Whether any zone that tells it is there, be it silent.
    pub is_there: bool,
    /// Nothing tells it now.
    pub is_silent: bool,
    /// Whether it is a die that repeats another, as far as is known.
    pub is_mirrored: bool,
    mirror: Mirror,
    /// What of its energy the host total has.
    pub credited: Microjoules,
    /// As they were when the running minute began.
    minute: (Microjoules, Span),
}

impl Part {
    /// Takes up what its zones said at `at`, the first of them first.
    pub fn step(&mut self, twins: &[&Track], at: Span) {
        self.is_there = true;
        self.is_silent = twins.iter().all(|track| track.silent(at).is_some());
        let Some(counted_to) = self.counted_to else {
            self.counted_to = twins.iter().find_map(|track| track.counts_from());
            return;
        };
        let from = |track: &Track| track.delta.map(|delta| delta.from).or(track.counts_from());
        let heard = || twins.iter().filter(|track| track.is_heard() && track.silent(at).is_none());
        let whole = heard().find(|track| from(track) == Some(counted_to));
        let rest = || heard().find(|track| track.delta.is_some_and(|delta| delta.from > counted_to));
        let teller = whole.or_else(rest).and_then(|track| Some((track.delta?, track.watts)));
        if let Some((Delta { from, to, energy }, watts)) = teller {
            self.energy += energy;
            self.measured = self.measured + (to - from);
            self.watts = watts;
            self.counted_to = Some(to);
        } else if self.is_silent || at - counted_to > HELD {
            self.watts = None;
        }
    }

    /// Compares it with the first die of its socket, where both are counted up to the same instant.
    pub fn compare(&mut self, first: Microjoules, counted_to: Option<Span>) {
        if counted_to == self.counted_to {
            self.mirror.compare(first, self.energy);
        }
        self.is_mirrored = !self.mirror.is_distinct;
    }

    /// It is the first die of its socket. One that repeated another till then, which is gone, is counted from here on.
    pub fn lead(&mut self) {
        if mem::take(&mut self.is_mirrored) {
            self.credited = self.energy;
        }
    }

    /// What was counted since the minute began, and over what time.
    pub fn of_minute(&self) -> (Microjoules, Span) {
        (self.energy - self.minute.0, self.measured - self.minute.1)
    }

    pub fn begin_minute(&mut self) {
        self.minute = (self.energy, self.measured);
    }
}
