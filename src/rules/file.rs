//! Rule files as text: one per service, and one for the daemon itself.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};

use crate::budget::Severity;
use crate::promql::names;
use crate::rules::alerting::{Alerts, exceeded};
use crate::rules::exporter;
use crate::rules::reading::Recorded;
use crate::rules::recording::Recordings;
use crate::rules::timing::Timing;
use crate::rules::written::written;
use crate::rules::{Style, Terms};
use crate::slos::{Sli, Slo};
use crate::units::{Labels, Place, Problem, Span};

/// The file and the group of the daemon itself, where some rule needs one. A service of that name shares the file.
pub const DAEMON: &str = "burnwatch";

/// What a generated file opens with. Only files that do are ever written over or removed.
pub const HEADER: &str = "# Made by burnwatch from SLO files. What is changed here is lost when they are made again.\n";

/// What an Alertmanager is told so that a ticket keeps quiet while its page is active.
pub const INHIBITION: &str = "\
inhibit_rules:
  - source_matchers: [alertname=\"ErrorBudgetBurn\", severity=\"page\"]
    target_matchers: [alertname=\"ErrorBudgetBurn\", severity=\"ticket\"]
    equal: [service, slo]
";

/// What the Prometheus operator knows a resource with rules by.
const RESOURCE: &str = "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\n";

/// Who reads a rule file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Prometheus,
    /// The Prometheus operator of Kubernetes.
    Operator,
}

/// The rules of one service.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleFile {
    pub service: Box<str>,
    /// Where its first SLO is declared.
    place: Option<Place>,
    pub groups: Vec<Group>,
}

/// Rules that are evaluated one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub name: String,
    pub interval: String,
    pub rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    Recording { record: String, expr: String, labels: Labels },
    Alerting { alert: &'static str, expr: String, labels: Labels, annotations: Labels },
}

/// The rule files of all SLOs, by service, with that of the daemon where there is one; and what is to be said of them.
pub fn files<S: Borrow<Slo>>(slos: &[S], terms: &Terms) -> (Vec<RuleFile>, Vec<Problem>) {
    let mut files: BTreeMap<Box<str>, RuleFile> = BTreeMap::new();
    let mut problems = Vec::new();
    let is_own = |slo: &S| matches!(slo.borrow().sli, Sli::Own { .. });
    if terms.has_daemon || terms.style == Style::Exporter || slos.iter().any(is_own) {
        let groups = vec![exporter::daemon(terms.style)];
        files.insert(DAEMON.into(), RuleFile { service: DAEMON.into(), place: None, groups });
    }
    for slo in slos.iter().map(Borrow::borrow) {
        let service = &slo.id.service;
        let new = || RuleFile { service: service.clone(), place: Some(slo.place.clone()), groups: Vec::new() };
        let (groups, problem) = groups(slo, terms);
        files.entry(service.clone()).or_insert_with(new).groups.extend(groups);
        problems.extend(problem);
    }
    (files.into_values().collect(), problems)
}

/// The groups of one SLO, and what its author should know of them.
fn groups(slo: &Slo, terms: &Terms) -> (Vec<Group>, Option<Problem>) {
    let timing = Timing::new(slo, terms);
    let exporter = || exporter::group(slo, &timing, terms).into_iter().collect();
    match terms.style {
        Style::Exporter => (exporter(), None),
        Style::Standalone => match standalone(slo, &timing, terms) {
            Some(groups) => (groups, None),
            None => {
                let what = format!("{} reads what only burnwatch measures", slo.id);
                let remedy = "its alerts work while the daemon runs and is scraped";
                let note = Problem::note("own_reading", what, remedy).at(&slo.place).about(&slo.id);
                (exporter(), Some(note))
            }
        },
    }
}

/// Prometheus computes everything; `None` where it cannot.
fn standalone(slo: &Slo, timing: &Timing, terms: &Terms) -> Option<Vec<Group>> {
    let recorded = Recorded::of(&slo.id);
    let (recordings, alerts) = (Recordings::of(slo, &recorded, timing), Alerts::of(slo, timing));
    let burn = |severity| alerts.burn(severity, |rows| exceeded(slo, &recorded, timing, rows));
    let bad = recorded.series(&names::recorded_bad_events_rate(timing.base));
    let no_data = alerts.no_data(format!("absent_over_time({bad}[{}])", terms.patience()), terms);
    let (mut fast, mut slow) = (recordings.fast(terms)?, recordings.slow());
    fast.extend(burn(Severity::Page));
    slow.extend(burn(Severity::Ticket).into_iter().chain(no_data));
    let named = |part: &str| format!("{}-{}-{part}", slo.id.service, slo.id.slo);
    Some(vec![
        Group::new(named("fast"), timing.fast, fast),
        Group::new(named("slow"), timing.slow, slow),
        Group::new(named("window"), timing.window, recordings.window()),
    ])
}

/// Files of which one would take the place of another. Letters count as one whatever their case, as on some disks.
pub fn colliding(files: &[RuleFile], format: Format) -> Vec<Problem> {
    let mut seen: HashMap<String, &str> = HashMap::new();
    let mut problems = Vec::new();
    for file in files {
        let name = file.name(format).to_lowercase();
        if let Some(first) = seen.insert(name, &file.service) {
            let what = format!("the rule files of {first} and {} would both be {}", file.service, file.name(format));
            let problem = Problem::error("colliding_names", what, "give one of the services another name");
            problems.push(Problem { place: file.place.clone(), ..problem });
        }
    }
    problems
}

impl RuleFile {
    /// The name of the file: the service's, and for Kubernetes only what a resource may be called.
    pub fn name(&self, format: Format) -> String {
        match format {
            Format::Prometheus => format!("{}.yaml", self.service),
            Format::Operator => format!("{}.yaml", resource(&self.service)),
        }
    }

    /// The text of the file, under its header.
    pub fn text(&self, format: Format) -> String {
        let head = format!("{HEADER}{}", commented(INHIBITION));
        match format {
            Format::Prometheus => written(head, &self.groups, 0),
            Format::Operator => {
                let name = resource(&self.service);
                written(format!("{head}{RESOURCE}metadata:\n  name: slo-{name}\nspec:\n"), &self.groups, 2)
            }
        }
    }
}

impl Rule {
    pub fn expr(&self) -> &str {
        match self {
            Rule::Recording { expr, .. } | Rule::Alerting { expr, .. } => expr,
        }
    }
}

impl Group {
    pub fn new(name: String, every: Span, rules: Vec<Rule>) -> Group {
        Group { name, interval: every.to_string(), rules }
    }
}

/// A service's name as the name of a resource (RFC 1123): small letters, digits and, between them, hyphens.
fn resource(service: &str) -> String {
    let small = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    service.chars().map(small).collect::<String>().trim_matches('-').to_string()
}

/// What to tell Alertmanager, where whoever reads the rules finds it.
fn commented(inhibition: &str) -> String {
    let lines: Vec<String> = inhibition.lines().map(|line| format!("#   {line}\n")).collect();
    format!("# So that a ticket keeps quiet while its page is active, Alertmanager wants:\n{}", lines.concat())
}
