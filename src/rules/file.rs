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
use crate::units::{Labels, Problem, Span};

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

/// The rules of one service. They are made when they are asked for, since those of many SLOs are large.
#[derive(Debug, Clone)]
pub struct RuleFile<'a> {
    pub service: &'a str,
    /// In the order of their declaration.
    pub slos: Vec<&'a Slo>,
    pub terms: &'a Terms,
    /// Whether the daemon's own group is among them.
    is_daemons: bool,
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

/// The rule files of all SLOs, by service, with that of the daemon where there is one.
pub fn files<'a, S: Borrow<Slo>>(slos: &'a [S], terms: &'a Terms) -> Vec<RuleFile<'a>> {
    let file = |service: &'a str| RuleFile { service, slos: Vec::new(), terms, is_daemons: false };
    let mut files: BTreeMap<&str, RuleFile> = BTreeMap::new();
    for slo in slos.iter().map(Borrow::borrow) {
        let service = &*slo.id.service;
        files.entry(service).or_insert_with(|| file(service)).slos.push(slo);
    }
    if terms.has_daemon || terms.style == Style::Exporter || slos.iter().any(|slo| is_own(slo.borrow())) {
        files.entry(DAEMON).or_insert_with(|| file(DAEMON)).is_daemons = true;
    }
    files.into_values().collect()
}

/// What the authors of SLOs should know of their rules.
pub fn notes<S: Borrow<Slo>>(slos: &[S], style: Style) -> Vec<Problem> {
    let note = |slo: &Slo| {
        let what = format!("{} reads what only burnwatch measures", slo.id);
        let remedy = "its alerts work while the daemon runs and is scraped";
        Problem::note("own_reading", what, remedy).at(&slo.place).about(&slo.id)
    };
    let slos = slos.iter().map(Borrow::borrow);
    slos.filter(|slo| style == Style::Standalone && is_own(slo)).map(note).collect()
}

/// Whether only burnwatch measures what an SLO reads; then Prometheus can but take the daemon's word for it.
fn is_own(slo: &Slo) -> bool {
    matches!(slo.sli, Sli::Own { .. })
}

/// The groups of one SLO.
fn groups(slo: &Slo, terms: &Terms) -> Vec<Group> {
    let timing = Timing::new(slo, terms);
    let standalone = match terms.style {
        Style::Standalone => standalone(slo, &timing, terms),
        Style::Exporter => None,
    };
    standalone.unwrap_or_else(|| exporter::group(slo, &timing, terms).into_iter().collect())
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
        if let Some(first) = seen.insert(name, file.service) {
            let what = format!("the rule files of {first} and {} would both be {}", file.service, file.name(format));
            let problem = Problem::error("colliding_names", what, "give one of the services another name");
            let place = file.slos.first().map(|slo| slo.place.clone());
            problems.push(Problem { place, ..problem });
        }
    }
    problems
}

impl RuleFile<'_> {
    /// The name of the file: the service's, and for Kubernetes only what a resource may be called.
    pub fn name(&self, format: Format) -> String {
        match format {
            Format::Prometheus => format!("{}.yaml", self.service),
            Format::Operator => format!("{}.yaml", resource(self.service)),
        }
    }

    /// The daemon's group comes first.
    pub fn groups(&self) -> Vec<Group> {
        let daemon = self.is_daemons.then(|| exporter::daemon(self.terms.style));
        daemon.into_iter().chain(self.slos.iter().flat_map(|slo| groups(slo, self.terms))).collect()
    }

    /// The text of the file, under its header.
    pub fn text(&self, format: Format) -> String {
        let head = format!("{HEADER}{}", commented(INHIBITION));
        match format {
            Format::Prometheus => written(head, &self.groups(), 0),
            Format::Operator => {
                let name = resource(self.service);
                written(format!("{head}{RESOURCE}metadata:\n  name: slo-{name}\nspec:\n"), &self.groups(), 2)
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
