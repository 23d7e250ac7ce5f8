//! The name of an SLO.

use std::fmt;

/// What one SLO is called: its service, and its name within the service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SloId {
    pub service: Box<str>,
    pub slo: Box<str>,
}

impl SloId {
    pub fn new(service: impl Into<Box<str>>, slo: impl Into<Box<str>>) -> SloId {
        SloId { service: service.into(), slo: slo.into() }
    }

    /// The labels that tell its series, its rules and its alerts from those of others.
    pub fn labels(&self) -> [(&'static str, &str); 2] {
        [("service", &self.service), ("slo", &self.slo)]
    }
}

impl fmt::Display for SloId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.slo)
    }
}
