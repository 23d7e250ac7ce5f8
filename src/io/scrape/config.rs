//! What is scraped, how often, and what its series are called, read from a configuration file.

use std::collections::HashMap;

use crate::io::http;
use crate::promql::names::BOUND_LABEL;
use crate::slos;
use crate::units::{Labels, Place, Problem, Span};
use crate::yaml::{Fields, Node};

/// Where a target has its metrics unless its URL says so.
const PATH: &str = "/metrics";
/// The labels that every target has.
const JOB_LABEL: &str = "job";
const INSTANCE_LABEL: &str = "instance";

/// What is scraped, and how often.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// From one scrape of a target to its next.
    pub every: Span,
    /// For the whole of a scrape, where a target says nothing else; at most `every`.
    pub timeout: Span,
    pub targets: Vec<Target>,
}

/// A page with metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    pub http: http::Config,
    /// All that its series have in common. Invariant: `job` and `instance` are there; no other target has the same.
    pub labels: Labels,
}

impl Default for Config {
    fn default() -> Config {
        Config { every: Span::seconds(15), timeout: Span::seconds(10), targets: Vec::new() }
    }
}

impl Config {
    /// What `node` says of a source that is scraped; where it says nothing or nothing readable, the default.
    pub fn read(node: &Node, problems: &mut Vec<Problem>) -> Config {
        let default = Config::default();
        let Some(mut fields) = Fields::of(node, "a source that is scraped", problems) else { return default };
        let every = fields.read("every").unwrap_or(default.every);
        let place = fields.place_of("timeout");
        let timeout = fields.read("timeout").unwrap_or(default.timeout);
        let timeout = within(every, timeout, place, fields.problems);
        let mut targets = Vec::new();
        if let Some(nodes) = fields.require("targets").list("targets") {
            targets = distinct(nodes, every, timeout, fields.problems);
            if nodes.is_empty() {
                let what = "targets is empty: there is nothing to scrape";
                let remedy = "name a page with metrics, such as - url: http://localhost:8000/metrics";
                fields.problems.push(Problem::error("targets", what, remedy).at(&node.place));
            }
        }
        fields.done();
        Config { every, timeout, targets }
    }
}

/// The targets that `nodes` name. Two with equal labels are a problem, for their series would be taken for one another.
fn distinct(nodes: &[Node], every: Span, timeout: Span, problems: &mut Vec<Problem>) -> Vec<Target> {
    let mut first: HashMap<Labels, (String, u32)> = HashMap::new();
    let mut targets = Vec::new();
    for node in nodes {
        let Some(target) = Target::read(node, every, timeout, problems) else { continue };
        let (url, labels) = (&target.http.url, &target.labels);
        if let Some((other, line)) = first.get(labels) {
            let what = format!("{url} and {other} (line {line}) have the same labels {labels}");
            let remedy = "keep one, or tell them apart by a label of their own, such as labels: { instance: a }";
            problems.push(Problem::error("targets", what, remedy).at(&node.place));
            continue;
        }
        first.insert(labels.clone(), (url.clone(), node.place.line));
        targets.push(target);
    }
    targets
}

impl Target {
    fn read(node: &Node, every: Span, timeout: Span, problems: &mut Vec<Problem>) -> Option<Target> {
        let mut fields = Fields::of(node, "a target", problems)?;
        let place = fields.place_of("timeout");
        let said = http::Config { timeout, ..http::Config::new("") }.read(fields.require("url"));
        let timeout = within(every, said.timeout, place, fields.problems);
        let own = read_labels(&mut fields);
        fields.done();
        let mut url = http::url(&said.url).ok()?;
        if url.path() == "/" {
            url.set_path(PATH);
        }
        let host = url.host_str().unwrap_or_default();
        let instance = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
        let labels = Labels::new([(JOB_LABEL, host), (INSTANCE_LABEL, &instance)]).overlaid(&own);
        let http = http::Config { url: url.to_string(), timeout, ..said };
        Some(Target { http, labels })
    }
}

/// A `timeout` that ends a scrape before the next begins; one that stands at `place` and is longer is a problem.
fn within(every: Span, timeout: Span, place: Option<&Place>, problems: &mut Vec<Problem>) -> Span {
    if let (true, Some(place)) = (timeout > every, place) {
        let what = format!("timeout {timeout} is longer than every ({every})");
        problems.push(Problem::error("timeout", what, format!("write {every} or less")).at(place));
    }
    timeout.min(every)
}

fn read_labels(fields: &mut Fields) -> Labels {
    let place = fields.place_of("labels");
    let labels = slos::labels::of_target(fields);
    for (name, value) in labels.iter() {
        let (what, remedy) = match (name, value) {
            (BOUND_LABEL, _) => ("would hide the bounds of histograms", "choose another name"),
            (_, "") => ("is empty", "give it a value or remove it"),
            _ => continue,
        };
        let problem = Problem::error("labels", format!("label {name:?} {what}"), remedy);
        fields.problems.extend(place.map(|place| problem.at(place)));
    }
    labels
}
