//! What all meters said at one instant. Never knows a file, a register, nor what the numbers add up to.

use std::fmt;
use std::sync::Arc;

use crate::units::{Microjoules, Span, Watts};

/// Everything that was read at one instant.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Readings {
    /// On a clock that only goes forward, from any beginning; never the time of day.
    pub at: Span,
    pub readings: Vec<Reading>,
    /// What was there to be read, or was asked for, and could not be. A zone is in one of the lists, or is gone.
    pub silent: Vec<Silent>,
}

/// What one zone said.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub zone: Arc<Zone>,
    pub said: Said,
}

/// A number that a meter keeps.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// Energy since some beginning. It wraps to 0 above `range`; `None` where that is not known, and a fall is a reset.
    Energy { counter: Microjoules, range: Option<Microjoules> },
    /// Power now, to be integrated over time.
    Power(Watts),
}

/// A part of the host that is metered by itself. Zones of one role are the same thing, told twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Zone {
    pub meter: Meter,
    /// What the meter calls it, such as `intel-rapl:0`; unique within the meter. Of twins the first in order counts.
    pub id: String,
    pub role: Role,
    pub method: Method,
}

/// Where numbers come from, the most trusted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meter {
    Rapl,
    Ioreport,
    Hwmon,
    Battery,
    Nvml,
    Estimate,
}

/// What a zone measures.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A processor with its caches and controllers; of some, each die by itself.
    Package {
        socket: u32,
        die: Option<u32>,
    },
    /// The memory of a package, which is no part of it.
    Dram {
        socket: u32,
        die: Option<u32>,
    },
    /// The cores of a package, a part of it.
    Core {
        socket: u32,
        die: Option<u32>,
    },
    /// The graphics of a package, a part of it.
    Uncore {
        socket: u32,
        die: Option<u32>,
    },
    /// The whole machine as `id` sees it; those of one meter are added up.
    Platform {
        id: u32,
    },
    Gpu {
        gpu: String,
    },
}

/// How energy is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Hardware counts it.
    Counter,
    /// Measured power, summed up over time.
    Integrated,
    /// Guessed from how busy the host is.
    Estimated,
}

/// Why something cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It is not there.
    NotFound,
    /// Not by this user.
    Permission,
    /// The system failed to read it.
    Io,
    /// What was read is not a number.
    Parse,
    /// It is always the same number, and nothing that runs draws nothing.
    Standstill,
    /// It says nothing of the host at present, as a battery that is not discharging.
    Idle,
}

/// A meter, or one zone of it, that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Silent {
    pub meter: Meter,
    /// `None` where it is the whole meter.
    pub zone: Option<Arc<Zone>>,
    pub reason: Reason,
    /// The path and the error.
    pub what: String,
    /// What to do; empty where there is nothing to be done.
    pub remedy: String,
}

impl Meter {
    pub const ALL: [Meter; 6] =
        [Meter::Rapl, Meter::Ioreport, Meter::Hwmon, Meter::Battery, Meter::Nvml, Meter::Estimate];

    pub fn name(self) -> &'static str {
        match self {
            Meter::Rapl => "rapl",
            Meter::Ioreport => "ioreport",
            Meter::Hwmon => "hwmon",
            Meter::Battery => "battery",
            Meter::Nvml => "nvml",
            Meter::Estimate => "estimate",
        }
    }

    /// What it calls the whole platform.
    pub fn platform(self) -> &'static str {
        match self {
            Meter::Rapl => "psys",
            other => other.name(),
        }
    }
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Method::Counter => "counter",
            Method::Integrated => "integrated",
            Method::Estimated => "estimated",
        }
    }
}

impl Reason {
    pub fn name(self) -> &'static str {
        match self {
            Reason::NotFound => "not_found",
            Reason::Permission => "permission",
            Reason::Io => "io",
            Reason::Parse => "parse",
            Reason::Standstill => "standstill",
            Reason::Idle => "idle",
        }
    }
}

impl fmt::Display for Silent {
    /// What is wrong, and what to do.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.remedy.is_empty() {
            true => write!(f, "{}", self.what),
            false => write!(f, "{}; {}", self.what, self.remedy),
        }
    }
}

impl Zone {
    /// As people call it: `package-0`, `dram-0-die-1`, `psys`.
    pub fn name(&self) -> String {
        let numbered = |name: &str, socket: u32, die: Option<u32>| match die {
            Some(die) => format!("{name}-{socket}-die-{die}"),
            None => format!("{name}-{socket}"),
        };
        match &self.role {
            Role::Package { socket, die } => numbered("package", *socket, *die),
            Role::Dram { socket, die } => numbered("dram", *socket, *die),
            Role::Core { socket, die } => numbered("core", *socket, *die),
            Role::Uncore { socket, die } => numbered("uncore", *socket, *die),
            Role::Platform { id: 0 } => self.meter.platform().to_string(),
            Role::Platform { id } => numbered(self.meter.platform(), *id, None),
            Role::Gpu { gpu } => format!("gpu-{gpu}"),
        }
    }
}

impl fmt::Display for Zone {
    /// With where it is told: `package-0 (intel-rapl:0)`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.id)
    }
}

impl Role {
    /// Whether it is a part of the host total.
    pub fn is_additive(&self) -> bool {
        matches!(self, Role::Package { .. } | Role::Dram { .. })
    }
}
