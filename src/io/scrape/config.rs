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
    /// What is asked of the page, as `?name=value`: exporters that ask others first want to know whom.
    pub params: Vec<(String, String)>,
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
        let params = read_params(&mut fields);
        fields.done();
        let mut url = http::url(&said.url).ok()?;
        if url.path() == "/" {
            url.set_path(PATH);
        }
        let host = url.host_str().unwrap_or_default();
        let instance = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
        let labels = Labels::new([(JOB_LABEL, host), (INSTANCE_LABEL, &instance)]).overlaid(&own);
        let http = http::Config { url: url.to_string(), timeout, ..said };
        Some(Target { http, params, labels })
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

fn read_params(fields: &mut Fields) -> Vec<(String, String)> {
    let Some(node) = fields.take("params") else { return Vec::new() };
    let params = node.texts("params", fields.problems);
    params.into_iter().map(|(name, value, _)| (name.to_string(), value.to_string())).collect()
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::yaml::documents;

    fn read(text: &str) -> (Config, Vec<String>) {
        let (nodes, mut problems) = documents("f", text);
        let config = Config::read(&nodes[0], &mut problems);
        (config, problems.iter().map(ToString::to_string).collect())
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(read(text).1, [expected]);
    }

    /// What is wrong with one target.
    #[track_caller]
    fn check_target(target: &str, expected: &str) {
        check(&format!("targets:\n- {target}\n"), expected);
    }

    #[test]
    fn reads_what_is_scraped_and_how_often() {
        let (config, problems) = read(
            "every: 5s\ntimeout: 2s\ntargets:\n\
             - url: http://localhost:8000\n\
             - { url: https://shop.example/app/metrics/, labels: { job: checkout, zone: a }, timeout: 1s, bearer_token_file: /t }\n\
             - { url: 'http://[::1]:9/', labels: { instance: b } }\n",
        );
        assert_eq!(problems, [""; 0]);
        assert_eq!((config.every, config.timeout), (Span::seconds(5), Span::seconds(2)));
        let told = |target: &Target| format!("{} {} {}", target.http.url, target.http.timeout, target.labels);
        assert_eq!(
            config.targets.iter().map(told).collect::<Vec<_>>(),
            [
                r#"http://localhost:8000/metrics 2s {instance="localhost:8000",job="localhost"}"#,
                r#"https://shop.example/app/metrics/ 1s {instance="shop.example:443",job="checkout",zone="a"}"#,
                r#"http://[::1]:9/metrics 2s {instance="b",job="[::1]"}"#,
            ]
        );
        assert_eq!(config.targets[1].http.credentials, http::Credentials::Bearer { token_file: "/t".into() });
    }

    #[test]
    fn a_page_may_be_asked_for_something() {
        let probe = "{ url: http://probe:9115/probe, params: { target: 'https://shop.example/', module: http_2xx }, \
                     labels: { instance: shop } }";
        let (config, problems) = read(&format!("targets: [{probe}]"));
        assert_eq!(problems, [""; 0]);
        let params = [("target", "https://shop.example/"), ("module", "http_2xx")];
        assert_eq!(config.targets[0].params, params.map(|(name, value)| (name.to_string(), value.to_string())));
        check_target(
            "{ url: http://a, params: [] }",
            "f:2:28: \"params\" wants a mapping, found a list; write `key: value` lines beneath it, or { key: value }",
        );
    }

    #[test]
    fn a_scrape_ends_before_the_next_begins() {
        let often = read("{ every: 5s, targets: [{ url: http://a }] }");
        assert_eq!((often.0.timeout, often.0.targets[0].http.timeout), (Span::seconds(5), Span::seconds(5)));
        assert_eq!(read("targets: [{ url: http://a }]").0.timeout, Span::seconds(10));
        let remedy = "is longer than every (5s); write 5s or less";
        check("{ every: 5s, timeout: 6s, targets: [{ url: http://a }] }", &format!("f:1:14: timeout 6s {remedy}"));
        check("{ every: 5s, targets: [{ url: http://a, timeout: 1m }] }", &format!("f:1:41: timeout 1m {remedy}"));
    }

    #[test]
    fn says_what_is_wrong_with_the_targets() {
        let example = "name a page with metrics, such as - url: http://localhost:8000/metrics";
        check("{ every: 5s }", "f:1:1: a source that is scraped wants \"targets\"; add `targets: ...`");
        check("targets: []", &format!("f:1:1: targets is empty: there is nothing to scrape; {example}"));
        check_target("{ labels: { job: a } }", "f:2:3: a target wants \"url\"; add `url: ...`");
        check_target(
            "http://a",
            "f:2:3: a target wants a mapping, found text; write `key: value` lines beneath it, or { key: value }",
        );
        check_target(
            "url: localhost:8000",
            "f:2:3: url \"localhost:8000\" is neither http nor https; write it such as http://localhost:9090",
        );
        check_target("{ url: http://a, label: {} }", "f:2:20: \"label\" is not a key of a target; write \"labels\"");
    }

    #[test]
    fn says_what_is_wrong_with_labels() {
        let target = |labels: &str| format!("{{ url: http://a, labels: {{ {labels} }} }}");
        check_target(
            &target("a-b: c"),
            "f:2:30: label \"a-b\" is no label name; use letters, digits and _, and begin with no digit",
        );
        check_target(
            &target("__x: c"),
            "f:2:30: label \"__x\" begins with __, as Prometheus' internal ones do; choose another name",
        );
        check_target(&target("le: c"), "f:2:20: label \"le\" would hide the bounds of histograms; choose another name");
        check_target(&target("job: ''"), "f:2:20: label \"job\" is empty; give it a value or remove it");
    }

    #[test]
    fn two_targets_with_the_same_labels_are_told_by_their_urls() {
        let (config, problems) =
            read("targets:\n- url: http://a\n- url: http://a/b\n- { url: http://a/c, labels: { part: c } }\n");
        assert_eq!(
            problems,
            ["f:3:3: http://a/b and http://a/metrics (line 2) have the same labels {instance=\"a:80\",job=\"a\"}; \
              keep one, or tell them apart by a label of their own, such as labels: { instance: a }"]
        );
        assert_eq!(config.targets.len(), 2);
    }
}
