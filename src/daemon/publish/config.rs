//! Where rule files and dashboards are written, and who is told that they were. Never knows what is in them.

use std::path::PathBuf;

use crate::io::http;
use crate::rules::Style;
use crate::units::{Place, Problem};
use crate::yaml::{Fields, Node};

/// The rule files that the daemon keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub dir: PathBuf,
    pub style: Style,
    /// What is posted to, so that a Prometheus reads them.
    pub reload: Option<String>,
}

impl Rules {
    pub fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Rules> {
        let mut fields = Fields::of(node, "\"rules\"", problems)?;
        let dir = http::path(fields.require("dir"), "dir");
        let style = fields.choice("style", &[("standalone", Style::Standalone), ("exporter", Style::Exporter)]);
        let reload = fields.take("reload").and_then(|node| address(node, fields.problems));
        fields.done();
        Some(Rules { dir: dir?, style: style.unwrap_or(Style::Standalone), reload })
    }
}

/// The address in `node`. The line it stands in is not shown: it may hold a secret.
fn address(node: &Node, problems: &mut Vec<Problem>) -> Option<String> {
    let Some(text) = node.text() else {
        problems.push(node.misshapen("\"reload\"", "text"));
        return None;
    };
    if let Err(error) = http::url(text) {
        let place = Place { text: "".into(), ..node.place.clone() };
        let remedy = "write it such as http://localhost:9090/-/reload";
        problems.push(Problem::error("reload", error.to_string(), remedy).at(&place));
        return None;
    }
    Some(text.to_string())
}

/// The dashboards that the daemon keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dashboards {
    pub dir: PathBuf,
    /// The name of the data source that is chosen at first.
    pub datasource: String,
}

impl Dashboards {
    /// The data source where nobody names one.
    pub const DATASOURCE: &str = "Prometheus";

    pub fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Dashboards> {
        let mut fields = Fields::of(node, "\"dashboards\"", problems)?;
        let dir = http::path(fields.require("dir"), "dir");
        let datasource = fields.text("datasource").unwrap_or(Dashboards::DATASOURCE).to_string();
        fields.done();
        Some(Dashboards { dir: dir?, datasource })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::documents;

    fn check(text: &str, expected: Option<Rules>, problems: &[&str]) {
        let (nodes, mut found) = documents("etc/burnwatch.yaml", text);
        assert_eq!(Rules::read(&nodes[0], &mut found), expected, "{text}");
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(told, problems, "{text}");
    }

    #[test]
    fn reads_where_rules_go_beside_its_file_and_who_is_told() {
        let rules = |dir: &str, style, reload: Option<&str>| {
            Some(Rules { dir: dir.into(), style, reload: reload.map(String::from) })
        };
        check("{ dir: rules }", rules("etc/rules", Style::Standalone, None), &[]);
        let url = "http://localhost:9090/-/reload";
        check(
            &format!("{{ dir: /rules, style: exporter, reload: '{url}' }}"),
            rules("/rules", Style::Exporter, Some(url)),
            &[],
        );
    }

    #[test]
    fn says_what_to_write_instead() {
        let place = "etc/burnwatch.yaml:1";
        check("{ style: exporter }", None, &[&format!("{place}:1: \"rules\" wants \"dir\"; add `dir: ...`")]);
        check(
            "{ dir: r, style: both }",
            Some(Rules { dir: "etc/r".into(), style: Style::Standalone, reload: None }),
            &[&format!("{place}:18: style \"both\" is not known; write standalone or exporter")],
        );
        check(
            "{ dir: r, reload: 'http://u:s3cret@h/-/reload' }",
            Some(Rules { dir: "etc/r".into(), style: Style::Standalone, reload: None }),
            &[&format!(
                "{place}:19: url \"http://h/-/reload\" holds credentials, which come from files; \
                 write it such as http://localhost:9090/-/reload"
            )],
        );
    }

    #[test]
    fn dashboards_begin_with_the_data_source_that_is_named() {
        let read = |text: &str| {
            let (nodes, mut found) = documents("etc/burnwatch.yaml", text);
            let dashboards = Dashboards::read(&nodes[0], &mut found);
            assert_eq!(found, [], "{text}");
            dashboards
        };
        let dashboards = |datasource: &str| Some(Dashboards { dir: "etc/d".into(), datasource: datasource.into() });
        assert_eq!(read("{ dir: d }"), dashboards("Prometheus"));
        assert_eq!(read("{ dir: d, datasource: Mimir }"), dashboards("Mimir"));
    }
}
