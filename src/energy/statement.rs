//! What is known of the host's energy after a reading, for everyone who shows it. Never knows how it came about.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::energy::{Meter, Method, Minute, Reason, Role, Silent, Zone};
use crate::units::{Microjoules, Watts};

/// Everything that is known. Counters began at 0 with the first reading.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statement {
    pub host: Host,
    /// Sorted by role; each thing once, however many zones tell it.
    pub parts: Vec<PartState>,
    /// Sorted; also those that are silent.
    pub zones: Vec<ZoneState>,
    /// Sorted; every meter that said anything, or should have.
    pub meters: Vec<MeterState>,
    /// What could not be read, with the remedies.
    pub silent: Vec<Silent>,
    /// The last minute that ended.
    pub minute: Option<Minute>,
}

/// The whole host.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Host {
    /// What the total is made of; `None` where nothing tells it now.
    pub basis: Option<Basis>,
    /// At the last reading.
    pub watts: Option<Watts>,
}

/// What the host total is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// Packages and memory.
    Components,
    /// A meter of the whole platform, such as that of the power supply or of a battery.
    Platform,
    /// A guess.
    Estimate,
}

impl Basis {
    pub fn name(self) -> &'static str {
        match self {
            Basis::Components => "components",
            Basis::Platform => "platform",
            Basis::Estimate => "estimate",
        }
    }
}

/// One thing that is metered; a die that only mirrors another is none.
#[derive(Debug, Clone, PartialEq)]
pub struct PartState {
    pub role: Role,
    /// Of the zone that tells it.
    pub meter: Meter,
    pub method: Method,
    /// Since the first reading; `None` while nothing tells it.
    pub energy: Option<Microjoules>,
    /// At the last reading.
    pub watts: Option<Watts>,
}

/// One zone as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct ZoneState {
    pub zone: Arc<Zone>,
    /// `None` while it is silent, and before its second reading.
    pub watts: Option<Watts>,
    /// Why it says nothing.
    pub silent: Option<Reason>,
    /// Whose counter it repeats, so that it is not added again.
    pub repeats: Option<Arc<Zone>>,
}

/// One meter as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct MeterState {
    pub meter: Meter,
    /// Whether any of its zones is heard.
    pub is_up: bool,
    /// `None` before it was heard.
    pub method: Option<Method>,
    /// Why it, or one of its zones, is not heard.
    pub silent: Option<Reason>,
    pub oddities: Oddities,
}

/// What was odd about a meter since the start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Oddities {
    pub wraps: u64,
    pub resets: u64,
    pub gaps: u64,
    pub errors: BTreeMap<Reason, u64>,
}
