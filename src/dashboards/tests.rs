#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use serde_json::Value;

use crate::dashboards::{File, HEADER, dashboards};
use crate::promql::Expression;

fn read() -> Vec<(&'static str, Value)> {
    let read = |file: File| (file.name, serde_json::from_str(&file.text).unwrap());
    dashboards("Prometheus").into_iter().map(read).collect()
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().unwrap()
}

fn expressions(dashboard: &Value) -> Vec<&str> {
    let targets = panels(dashboard).iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    targets.map(|target| target["expr"].as_str().unwrap()).collect()
}

#[test]
fn every_question_is_promql_about_series_that_burnwatch_exports() {
    let names = include_str!("../promql/names.rs");
    for (name, dashboard) in read() {
        for expression in expressions(&dashboard) {
            let expression = expression.replace("${__from:date:seconds}", "0");
            let parsed = Expression::parse_dashboard(&expression);
            let parsed = parsed.unwrap_or_else(|error| panic!("{name}: {expression}: {error}"));
            for selector in parsed.selectors() {
                assert!(names.contains(&format!("\"{}\"", selector.metric())), "{name}: {selector}");
            }
        }
    }
}

#[test]
fn every_panel_says_what_it_shows_and_in_what_unit_and_asks_for_something() {
    for (name, dashboard) in read() {
        assert_eq!((&dashboard["editable"], &dashboard["tags"][0]), (&false.into(), &"burnwatch".into()), "{name}");
        assert_eq!(dashboard["templating"]["list"][0]["type"], "datasource", "{name}");
        for panel in panels(&dashboard) {
            let says = |key: &str| !panel[key].as_str().unwrap().is_empty();
            assert!(says("title") && says("description"), "{name}: {panel}");
            assert_ne!(panel["fieldConfig"]["defaults"]["unit"], "", "{name}: {panel}");
            assert!(!panel["targets"].as_array().unwrap().is_empty(), "{name}: {panel}");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{name}");
        }
    }
}

#[test]
fn counters_are_rates_over_the_interval_that_grafana_chooses_and_summed() {
    for (name, dashboard) in read() {
        for expression in expressions(&dashboard).iter().filter(|expression| expression.contains("_total")) {
            assert!(expression.contains("sum") && (expression.contains("rate(") || expression.contains("increase(")));
            let fixed = expression.contains("rate(") && !expression.contains("[$__rate_interval]");
            assert!(!fixed, "{name}: {expression}");
        }
    }
}

#[test]
fn panels_are_numbered_and_cover_each_other_nowhere() {
    for (name, dashboard) in read() {
        let mut cells = BTreeSet::new();
        for (index, panel) in panels(&dashboard).iter().enumerate() {
            assert_eq!(panel["id"], index + 1, "{name}");
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(cell.0 < 24 && cells.insert(cell), "{name}: {} at {cell:?}", panel["title"]);
            }
        }
    }
}

#[test]
fn every_text_begins_as_ours_do() {
    assert!(dashboards("Prometheus").iter().all(|file| file.text.starts_with(HEADER)));
}

#[test]
fn the_chosen_data_source_is_the_one_that_was_named() {
    for file in dashboards("Mimir") {
        let dashboard: Value = serde_json::from_str(&file.text).unwrap();
        assert_eq!(dashboard["templating"]["list"][0]["current"]["value"], "Mimir");
    }
}
