//! Everything that is wrong now, and since when: each origin tells all it knows and replaces what it told before.

use std::collections::BTreeMap;

use crate::report::Listed;
use crate::units::{Problem, Severity, Timestamp};

/// Who tells of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    Files,
    /// What of the configuration is kept back, or waits for a restart.
    Config,
    Plan,
    Source,
    /// Whether whole histograms can be read.
    Distributions,
    Clock,
    /// What of the ledger's file could not be read at the start.
    Damage,
    /// Whether the ledger's file can be written.
    Ledger,
    Samples,
    /// What is to be known of what was before accounts were opened.
    Past,
    /// Whose past cannot be read.
    Backfill,
    /// Channels that cannot be used.
    Notify,
    /// What keeps rule files and dashboards from being written, or rules from being run.
    Rules,
    /// Who may ask us, and who else can.
    Gate,
    /// Meters that cannot be read.
    Power,
}

/// The problems of every origin.
#[derive(Debug, Default)]
pub struct Problems(BTreeMap<Origin, BTreeMap<Problem, Timestamp>>);

impl Problems {
    /// What `origin` knows to be wrong now. Problems it told before keep the time since when they are known; what is
    /// new is logged once.
    pub fn replace(&mut self, origin: Origin, problems: impl IntoIterator<Item = Problem>, now: Timestamp) {
        let before = self.0.remove(&origin).unwrap_or_default();
        let since = |problem: Problem| {
            let since = before.get(&problem).copied();
            if since.is_none() {
                log(&problem);
            }
            (problem, since.unwrap_or(now))
        };
        let current: BTreeMap<Problem, Timestamp> = problems.into_iter().map(since).collect();
        for problem in before.keys().filter(|problem| !current.contains_key(problem)) {
            let (service, slo) = problem.about.names();
            tracing::info!(code = problem.code, service, slo, "over: {}", problem.what);
        }
        self.0.insert(origin, current);
    }

    /// Whether `origin` knows of an error.
    pub fn has_error(&self, origin: Origin) -> bool {
        let is_error = |problem: &Problem| problem.severity == Severity::Error;
        self.0.get(&origin).is_some_and(|problems| problems.keys().any(is_error))
    }

    /// All of them, errors first.
    pub fn listed(&self) -> Vec<Listed> {
        let all = self.0.values().flatten();
        let mut listed: Vec<Listed> =
            all.map(|(problem, since)| Listed { problem: problem.clone(), since: *since }).collect();
        listed.sort_by(|a, b| a.problem.cmp(&b.problem));
        listed
    }
}

fn log(problem: &Problem) {
    let (service, slo) = problem.about.names();
    match problem.severity {
        Severity::Error => tracing::error!(code = problem.code, service, slo, "{problem}"),
        Severity::Warning => tracing::warn!(code = problem.code, service, slo, "{problem}"),
        Severity::Note => tracing::info!(code = problem.code, service, slo, "{problem}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(problems: &Problems) -> Vec<(String, Timestamp)> {
        problems.listed().into_iter().map(|listed| (listed.problem.what, listed.since)).collect()
    }

    #[test]
    fn each_origin_replaces_only_its_own_and_what_lasts_keeps_its_beginning() {
        let at = Timestamp::seconds;
        let mut problems = Problems::default();
        problems.replace(Origin::Files, [Problem::warning("a", "file", "")], at(1));
        problems.replace(Origin::Source, [Problem::error("b", "down", "")], at(2));
        problems.replace(Origin::Source, [Problem::error("b", "down", ""), Problem::error("b", "slow", "")], at(3));
        assert_eq!(told(&problems), [("down".into(), at(2)), ("slow".into(), at(3)), ("file".into(), at(1))]);
        problems.replace(Origin::Source, [], at(4));
        assert_eq!(told(&problems), [("file".into(), at(1))]);
    }
}
