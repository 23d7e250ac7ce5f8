//! `burnwatch check` as people and pipelines run it: what it says of files, and what it finds on a real Prometheus that
//! scrapes a service. And what a shell and a reader of manuals are given.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::stand::{Prometheus, Requests, Service, http};

/// One SLO that is right and, after it, one for each thing that may surprise.
const SLOS: &str = r#"service: shop
window: 30d
slos:
  - { name: good, objective: 95%, sli: { histogram: http_request_duration_seconds, under: 200ms } }
  - { name: metric, objective: 99%, sli: { good: http_requests_total, total: http_request_total } }
  - { name: calm, objective: 99%, sli: { bad: 'http_requests_total{code=~"5.."}', total: http_requests_total } }
  - { name: label, objective: 99%, sli: { up: 'up{job="shpo"}' } }
  - { name: bucket, objective: 99%, sli: { histogram: http_request_duration_seconds, under: 300ms } }
  - { name: refused, objective: 99%, sli: { value: up * on(job) http_request_duration_seconds_bucket, under: 1 } }
  - { name: several, objective: 99%, sli: { bad: 'increase(http_request_duration_seconds_bucket[$window])', total: 'sum(increase(http_requests_total[$window]))' } }
  - { name: loose, objective: 90%, sli: { up: up } }
"#;

fn shop(slos: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("slos")).unwrap();
    fs::write(dir.path().join("slos/shop.yaml"), slos).unwrap();
    dir
}

/// The exit code, and what was printed on stdout and stderr.
fn burnwatch(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_burnwatch")).args(arguments).current_dir(dir).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A service with calm traffic, stored by a Prometheus that keeps 15 days, twice over: two instances.
fn served() -> (Prometheus, [Service; 2]) {
    let services = [Service::start(), Service::start()];
    let prometheus = Prometheus::keeping("15d", 1);
    prometheus.watch(&services.each_ref());
    for service in &services {
        service.serve(Requests { total: 100, failed: 0, slow: 20 });
        prometheus.wait_caught_up(service);
        service.wait_scraped(); // an increase needs two samples
    }
    (prometheus, services)
}

#[test]
fn a_source_is_asked_and_everything_that_surprises_is_told_with_what_to_do() {
    let (prometheus, _services) = served();
    let dir = shop(SLOS);
    let url = prometheus.url();

    let (code, stdout, stderr) = burnwatch(dir.path(), &["check", "--prometheus", &url, "--output", "json"]);
    assert_eq!(code, 1, "{stdout}{stderr}");
    let told: Value = serde_json::from_str(&stdout).unwrap();
    let problem = |problem: &Value| {
        let text = |key: &str| problem[key].as_str().unwrap_or("-").to_string();
        format!("{} {} {}: {}; {}", text("slo"), text("severity"), text("code"), text("what"), text("remedy"))
    };
    let problems: Vec<String> = told["problems"].as_array().unwrap().iter().map(problem).collect();
    let expected = [
        "metric warning selects_nothing: \"total\" selects nothing: the source has no metric http_request_total; \
         the nearest is http_requests_total",
        "calm warning selects_nothing: \"bad\" selects nothing: no series is http_requests_total{code=~\"5..\"}; \
         right if nothing bad happened lately; its code is \"200\"",
        "label warning selects_nothing: \"up\" selects nothing: no series is up{job=\"shpo\"}; \
         the nearest job is \"shop\"",
        "bucket error no_such_bucket: http_request_duration_seconds has no bucket at 0.3; \
         the nearest are 0.2 and 0.5; write one of them, or add the bucket",
        "refused error source_refused: the source refused the query: found duplicate series for the match group",
        "several warning gives_several: \"bad\" gives 12 series, and one is wanted; \
         it is unmeasured; write sum(...) around it",
        "loose note dropped_row: no page above 14.4 over 1h and 5m: \
         at this objective a threshold from 9.5 on cannot be relied on; ",
        "- warning retention: the source keeps samples for 15d, and 8 SLOs look back 30d; \
         the ledger remembers what was counted, but nothing older is there to count when an SLO is new",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{expected}\n{problem}");
    }
    assert_eq!(told["problems"][2]["line"], 7);

    let cost = |name: &str| {
        let costs = told["costs"].as_array().unwrap();
        let cost = costs.iter().find(|cost| cost["slo"] == name).unwrap();
        assert_eq!(cost["samples"].as_u64() > Some(0), cost["series"].as_u64() > Some(0), "{cost}");
        (cost["queries"].as_u64().unwrap(), cost["series"].as_u64().unwrap())
    };
    assert_eq!((cost("good"), cost("calm"), cost("label"), cost("loose")), ((1, 4), (1, 2), (1, 0), (1, 2)));

    let (_, stdout, _) = burnwatch(dir.path(), &["check", "--prometheus", &url]);
    assert!(stdout.contains("slos/shop.yaml:7:7: warning: \"up\" selects nothing"), "{stdout}");
    assert!(stdout.contains("\nSLO                   QUERIES  SERIES  SAMPLES A TICK\n"), "{stdout}");
    assert!(stdout.ends_with("\n1 file, 8 SLOs, 2 errors, 5 warnings, 1 note\n"), "{stdout}");

    let (code, stdout, _) = burnwatch(dir.path(), &["check", "--prometheus", &url, "--explain", "calm"]);
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.contains("    found now: 2 series, "), "{stdout}");
    assert!(stdout.contains("calm") && !stdout.contains("no_such_bucket"), "only its own problems: {stdout}");
    let (code, stdout, _) = burnwatch(dir.path(), &["check", "--prometheus", &url, "--explain", "bucket"]);
    assert_eq!(code, 1, "{stdout}");
}

#[test]
fn a_source_that_does_not_answer_is_exit_2_and_hides_nothing() {
    let dir = shop(&SLOS.replace("99%", "99.9"));
    let url = format!("http://127.0.0.1:{}", http::free_port());
    let (code, stdout, stderr) = burnwatch(dir.path(), &["check", "--prometheus", &url]);
    assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
    let sentence = format!("burnwatch: the source could not be asked: {url} refused the connection; ");
    assert!(stderr.starts_with(&sentence), "{stderr}");
    assert!(stderr.contains("slos/shop.yaml:5:"), "{stderr}");
}

#[test]
fn a_warning_fails_only_where_that_is_wished() {
    let slos = "service: shop\nslos:\n  - { name: a, objective: 5%, sli: { up: up }, alerts: { page: off } }\n";
    let dir = shop(slos);
    let (code, stdout, _) = burnwatch(dir.path(), &["check"]);
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.contains("warning: no alert is left: pages are off"), "{stdout}");
    assert!(stdout.ends_with("1 file, 1 SLO, 1 warning, 1 note\n"), "{stdout}");
    assert_eq!(burnwatch(dir.path(), &["check", "--strict"]).0, 1);
    let (code, stdout, _) = burnwatch(dir.path(), &["check", "--quiet", "--output", "github"]);
    assert_eq!(code, 0);
    let lines: Vec<&str> = stdout.lines().map(|line| line.split("::").nth(1).unwrap()).collect();
    let place = "file=slos/shop.yaml,line=3,col=7";
    assert_eq!(lines, [format!("notice {place}"), format!("warning {place}")], "{stdout}");
}

#[test]
fn one_slo_is_explained_in_words() {
    let dir = shop(
        "service: shop\nslos:\n  - name: latency\n    description: pages are shown fast enough to be read\n    \
         objective: 99.9%\n    sli: { histogram: http_seconds, under: 200ms }\n  \
         - { name: other, objective: 99%, sli: { up: up } }\n",
    );
    let expected = r#"shop/latency
    pages are shown fast enough to be read
    slos/shop.yaml:3:5

Asked of the source
    http_seconds_bucket{le=~"0\\.20*|\\+Inf"}[2m30s]
        every 30s; each sample in it counts once

Counted
    histogram: http_seconds
        an event for each observation, good at or under 0.2

Objective
    99.9% of the events of any 30d are good
    the budget is 0.1% of them: 43.2 minutes of outage, were traffic even

Alerts
    page above 14.4 over 1h and 5m: 2% of the budget
    page above 6 over 6h and 30m: 5% of the budget
    ticket above 3 over 1d and 2h: 10% of the budget
    ticket above 1 over 3d and 6h: 10% of the budget

Freshness
    time counts as measured while the histogram has a sample at most 5m old
    no_data once nothing was measured for 5m
"#;
    let explain = |name: &str| burnwatch(dir.path(), &["check", "--explain", name]);
    assert_eq!(explain("shop/latency"), (0, expected.to_string(), String::new()));
    assert_eq!(explain("latency").1, expected);
    let (code, _, stderr) = explain("shop/latencies");
    assert_eq!(code, 2);
    assert!(
        stderr.contains("no SLO without errors is called \"shop/latencies\"; the nearest is shop/latency"),
        "{stderr}"
    );
}

#[test]
fn a_shell_reads_its_completions() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, stdout, _) = burnwatch(dir.path(), &["completions", shell]);
        assert_eq!(code, 0);
        for word in ["check", "explain", "prometheus"] {
            assert!(stdout.contains(word), "{word} for {shell}: {stdout}");
        }
    }
    let script = burnwatch(dir.path(), &["completions", "bash"]).1;
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
}

#[test]
fn the_manual_is_a_page_of_roff() {
    let dir = tempfile::tempdir().unwrap();
    let (code, page, _) = burnwatch(dir.path(), &["man"]);
    assert_eq!(code, 0);
    assert!(page.lines().any(|line| line.starts_with(".TH burnwatch 1 ")), "{page}");
    assert!(page.contains(".SH \"BURNWATCH CHECK\"\n"), "{page}");
    assert_eq!(page.matches(".nf\n").count(), page.matches(".fi\n").count());
}
