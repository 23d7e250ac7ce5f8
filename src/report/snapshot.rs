//! What readers see: everything as of one instant, taken once per tick and shared by all.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ledger::Statement;
use crate::report::metrics;
use crate::tick::{Energy, Standing, State};
use crate::units::{Problem, SloId, Timestamp};

/// A problem, and since when it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub problem: Problem,
    pub since: Timestamp,
}

/// How one part of the daemon is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(tag = "status", content = "reason", rename_all = "lowercase")]
pub enum Check {
    Healthy,
    /// Why it is not.
    Degraded(String),
    /// Not asked for.
    #[default]
    Off,
}

impl Check {
    /// Why it does not do what it should; `None` where it does, or need not.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Check::Degraded(reason) => Some(reason),
            Check::Healthy | Check::Off => None,
        }
    }
}

/// How every part of the daemon is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Checks {
    pub source: Check,
    pub ledger: Check,
    pub rules: Check,
    pub notify: Check,
    pub power: Check,
}

/// What was known at one instant.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The instant of the last tick; `None` before the first.
    pub as_of: Option<Timestamp>,
    /// Sorted by service and SLO.
    pub standings: Vec<Standing>,
    pub statement: Statement,
    pub problems: Vec<Listed>,
    pub checks: Checks,
    pub energy: Energy,
    /// The SLO metrics in the text format; empty before the first tick.
    pub metrics: String,
}

/// The snapshot of a state after the tick at `as_of`.
pub fn snapshot(state: &State, as_of: Timestamp, problems: Vec<Listed>, checks: Checks) -> Snapshot {
    let mut standings = state.standings.clone();
    standings.sort_by(|a, b| a.slo.id.cmp(&b.slo.id));
    Snapshot {
        as_of: Some(as_of),
        metrics: metrics::text(&standings, &state.odd, &checks.rules, as_of),
        standings,
        statement: state.ledger.statement.clone(),
        energy: state.energy.clone(),
        problems,
        checks,
    }
}

impl Snapshot {
    /// What is known before the first tick.
    pub fn starting(problems: Vec<Listed>) -> Snapshot {
        Snapshot { problems, ..Snapshot::default() }
    }

    pub fn standing(&self, id: &SloId) -> Option<&Standing> {
        let found = self.standings.binary_search_by(|standing| standing.slo.id.cmp(id));
        found.ok().map(|index| &self.standings[index])
    }

    /// Why the daemon is not ready; `None` once a tick is committed and while the ledger can be written. A source that
    /// does not answer keeps nobody from being ready: a restart must not wait for it.
    pub fn unready(&self) -> Option<&str> {
        match self.as_of {
            None => Some("the first tick is not done yet"),
            Some(_) => self.checks.ledger.reason(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn a_daemon_is_ready_after_its_first_tick_unless_its_ledger_cannot_be_written() {
        assert_eq!(Snapshot::default().unready(), Some("the first tick is not done yet"));
        let mut snapshot = example::snapshot();
        assert!(snapshot.checks.source.reason().is_some());
        assert_eq!(snapshot.unready(), None);
        snapshot.checks.ledger = Check::Degraded("nothing can be written to the ledger x.db: full".into());
        assert_eq!(snapshot.unready(), Some("nothing can be written to the ledger x.db: full"));
    }

    #[test]
    fn an_slo_is_found_by_its_name() {
        let id = SloId::new("search", "availability");
        assert_eq!(example::snapshot().standing(&id).map(|found| found.slo.id.clone()), Some(id));
        assert!(example::snapshot().standing(&SloId::new("search", "latency")).is_none());
    }
}
