//! The dashboards as Grafana and Prometheus take them: every word known to Grafana's own library, and every question put
//! to a real Prometheus that scrapes burnwatch.

use std::fs;
use std::path::Path;
use std::time::Duration;

use burnwatch::dashboards::dashboards;
use serde_json::Value;

use crate::live::{daemon, evaluate, shop};
use crate::stand::{Requests, eventually, python};

/// Reads each dashboard into the classes of Grafana's library, writes it again, and names what was lost on the way: that
/// is what Grafana does not know.
const READ_AND_WRITE: &str = r#"
import json, sys
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

def lost(ours, theirs, path):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [fault for key in ours for fault in lost(ours[key], theirs.get(key, "nothing"), f"{path}.{key}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [fault for n, pair in enumerate(zip(ours, theirs)) for fault in lost(*pair, f"{path}[{n}]")]
    return [] if ours == theirs else [f"{path}: {ours} became {theirs}"]

for name in sys.argv[1:]:
    ours = json.load(open(name))
    theirs = json.loads(JSONEncoder().encode(Dashboard.from_json(ours)))
    print("\n".join(lost(ours, theirs, name)), end="")
"#;

#[test]
fn grafana_knows_every_word_of_the_dashboards() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let read = python().args(["-c", READ_AND_WRITE]).args(files).output().unwrap();
    let said = [read.stdout, read.stderr].concat();
    assert_eq!((read.status.success(), String::from_utf8_lossy(&said).as_ref()), (true, ""));
}

#[test]
fn a_prometheus_that_scrapes_burnwatch_answers_every_question_of_the_dashboards() {
    let (prometheus, service) = shop(1);
    let daemon = daemon(&prometheus, &evaluate(1, 1));
    prometheus.watch_also(&daemon);
    service.serve(Requests { total: 100, failed: 1, slow: 1 });
    let burning = || prometheus.number("count(count by (slo) (burnwatch_slo_burn_rate))");
    eventually("both burn rates are scraped", Duration::from_secs(90), burning, |slos| *slos == Some(2.0));
    for file in dashboards("Prometheus") {
        let dashboard: Value = serde_json::from_str(&file.text).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                let answer = prometheus.query(&asked(target["expr"].as_str().unwrap()));
                let is_measured_here = file.name != "energy.json" && !is_unmeasured(panel);
                assert!(!is_measured_here || answer != serde_json::json!([]), "{}: {target}", panel["title"]);
            }
        }
    }
}

/// An expression as Grafana puts it, with its variables replaced.
fn asked(expression: &str) -> String {
    let choices = [
        ("\"$service\"", "\"shop\""),
        ("\"$slo\"", "\"availability\""),
        ("\"$owner\"", "\".*\""),
        ("$__rate_interval", "1m"),
        ("${__from:date:seconds}", "0"),
    ];
    choices.iter().fold(expression.to_string(), |text, (variable, choice)| text.replace(variable, choice))
}

/// What a shop of an hour ago cannot show yet.
fn is_unmeasured(panel: &Value) -> bool {
    ["Active alerts", "Latency"].contains(&panel["title"].as_str().unwrap())
}
