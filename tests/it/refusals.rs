//! What is said to people whose files, flags or surroundings are wrong: one clear problem each, and what to do.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::stand::http;
use crate::stand::process::Process;

const GOOD: &str = "
service: shop
slos:
  - name: availability
    objective: 99.9%
    sli: { bad: 'http_requests_total{code=\"500\"}', total: http_requests_total }
";

/// A directory with these files in its `slos/`.
fn files(texts: &[(&str, &[u8])]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("slos")).unwrap();
    for (name, text) in texts {
        fs::write(dir.path().join("slos").join(name), text).unwrap();
    }
    dir
}

/// The program as it is started in `dir`, with no configuration but its flags. One that runs where it should refuse is
/// ended, with a code of its own.
fn burnwatch(dir: &Path, arguments: &[&str]) -> Output {
    let limited = ["60", env!("CARGO_BIN_EXE_burnwatch")];
    Command::new("timeout").args(limited).args(arguments).current_dir(dir).output().unwrap()
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Starting it is refused with exit code 2 and one sentence that holds all of `words`.
#[track_caller]
fn check_refused(dir: &Path, arguments: &[&str], words: &[&str]) {
    let (code, stdout, stderr) = said(&burnwatch(dir, arguments));
    assert_eq!(code, Some(2), "{stdout}{stderr}");
    for word in words {
        assert!(stderr.contains(word), "{word:?} in:\n{stderr}");
    }
    assert!(!stderr.contains("panicked"), "{stderr}");
}

#[test]
fn every_mistake_of_every_file_is_told_in_one_run_of_check() {
    let bomb: String = (1..20).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_string(), |text, level| {
        let before = level - 1;
        text + &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{before}"); 9].join(", "))
    });
    let mistakes = "
service: shop
slos:
  - { name: objective, objective: 99.9, sli: { bad: b_total, total: t_total } }
  - { name: unit, objective: 99%, sli: { histogram: http_seconds, under: 200mx } }
  - { name: selector, objective: 99%, sli: { bad: 'b_total{code=500}', total: t_total } }
  - { name: key, objektive: 99%, sli: { bad: b_total, total: t_total } }
  - { name: twice, objective: 99%, sli: { bad: b_total, total: t_total } }
  - { name: twice, objective: 99%, sli: { bad: b_total, total: t_total } }
  - { name: keys, objective: 99%, objective: 98%, sli: { bad: b_total, total: t_total } }
  - { name: good, objective: 99%, sli: { bad: b_total, total: t_total } }
";
    let dir = files(&[
        ("a.yaml", mistakes.as_bytes()),
        ("b.yaml", b"service: shop\nslos: [\n"),
        ("c.yaml", bomb.as_bytes()),
        ("d.yaml", b"service: \xff\n"),
        ("e.yaml", GOOD.as_bytes()),
    ]);
    let (code, stdout, _) = said(&burnwatch(dir.path(), &["check"]));
    assert_eq!(code, Some(1), "{stdout}");
    let expected = [
        "slos/a.yaml:4:35: error: objective 99.9 is above 1; write 99.9% or 0.999",
        "slos/a.yaml:5:74: error: ",
        "slos/a.yaml:6:65: error: ",
        "slos/a.yaml:7:18: error: \"objektive\" is not a key of an SLO; write \"objective\"",
        "slos/a.yaml:9:7: error: shop/twice is declared twice, first at slos/a.yaml:8:",
        "slos/a.yaml:10:35: error: \"objective\" stands twice, first at line 10; keep one",
        "slos/b.yaml:",
        "slos/c.yaml:",
        "slos/d.yaml: error: ",
    ];
    for problem in expected {
        assert_eq!(stdout.matches(problem).count(), 1, "{problem:?} in:\n{stdout}");
    }
    assert_eq!(stdout.matches(": error: ").count(), expected.len(), "{stdout}");
    assert!(stdout.ends_with("4 files, 3 SLOs, 9 errors\n"), "{stdout}");
}

#[test]
fn check_says_that_nothing_is_wrong() {
    let dir = files(&[("a.yaml", GOOD.as_bytes())]);
    assert_eq!(said(&burnwatch(dir.path(), &["check"])), (Some(0), "1 file, 1 SLO, no problems\n".into(), "".into()));
}

#[test]
fn the_daemon_runs_with_the_good_slos_lists_the_bad_and_waits_for_its_source() {
    let bad = GOOD.replace("99.9%", "99.9").replace("availability", "broken");
    let dir = files(&[("a.yaml", GOOD.as_bytes()), ("b.yaml", bad.as_bytes())]);
    let (port, nobody) = (http::free_port(), http::free_port());
    let mut command = Command::new(env!("CARGO_BIN_EXE_burnwatch"));
    let (listen, source) = (format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{nobody}"));
    command.args(["run", "--listen", &listen, "--prometheus", &source]).current_dir(&dir);
    let mut daemon = Process::start(&mut command, &dir.path().join("output")).unwrap();
    // Ready although its source is not there: a restart must not wait for Prometheus.
    daemon.wait_ready(port, "/health/ready");
    let (_, problems) = http::get(port, "/api/v1/problems").unwrap();
    let problems: serde_json::Value = serde_json::from_str(&problems).unwrap();
    let code = |code: &str| {
        let found = problems["problems"].as_array().unwrap().iter().find(|problem| problem["code"] == code);
        found.unwrap_or_else(|| panic!("{code} in {problems}")).clone()
    };
    let objective = code("objective");
    assert_eq!((&objective["slo"], &objective["line"]), (&"broken".into(), &5.into()), "{objective}");
    let source = code("source_unreachable");
    assert!(source["what"].as_str().unwrap().contains(&nobody.to_string()), "{source}");
    assert!(!source["remedy"].as_str().unwrap().is_empty(), "{source}");
    let (_, slos) = http::get(port, "/api/v1/slos").unwrap();
    let slos: serde_json::Value = serde_json::from_str(&slos).unwrap();
    let names: Vec<&str> = slos["slos"].as_array().unwrap().iter().map(|slo| slo["slo"].as_str().unwrap()).collect();
    assert_eq!(names, ["availability"]);
    assert_eq!(slos["slos"][0]["state"], "no_data");
    assert_eq!(slos["slos"][0]["budget"]["remaining"], serde_json::Value::Null);
}

#[test]
fn a_taken_port_is_refused_with_what_to_do() {
    let dir = files(&[("a.yaml", GOOD.as_bytes())]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    check_refused(dir.path(), &["run", "--listen", &listen], &[&listen, "is in use", "--listen"]);
}

#[test]
fn a_state_file_that_cannot_be_written_is_refused_with_what_to_do() {
    let dir = files(&[("a.yaml", GOOD.as_bytes())]);
    let words = ["cannot be written", "--state"];
    check_refused(dir.path(), &["run", "--listen", "127.0.0.1:0", "--state", "nowhere/ledger.db"], &words);
    check_refused(dir.path(), &["run", "--listen", "127.0.0.1:0", "--state", "slos/a.yaml/ledger.db"], &words);
}

#[test]
fn a_state_file_in_use_is_refused_naming_its_holder() {
    let dir = files(&[("a.yaml", GOOD.as_bytes())]);
    let port = http::free_port();
    let mut command = Command::new(env!("CARGO_BIN_EXE_burnwatch"));
    command.args(["run", "--listen", &format!("127.0.0.1:{port}"), "--prometheus", "http://127.0.0.1:9"]);
    let mut holder = Process::start(command.current_dir(&dir), &dir.path().join("output")).unwrap();
    holder.wait_ready(port, "/health/ready");
    let pid = format!("process {}", holder.id());
    check_refused(dir.path(), &["run", "--listen", "127.0.0.1:0"], &["in use", &pid, "--state"]);
}

#[test]
fn a_file_that_is_no_ledger_is_refused_and_left_as_it_is() {
    let dir = files(&[("a.yaml", GOOD.as_bytes())]);
    let run = ["run", "--listen", "127.0.0.1:0", "--state", "ledger.db"];
    let text = "these are somebody's notes, and longer than the header of a database is: keep them as they are, please";
    fs::write(dir.path().join("ledger.db"), text.repeat(10)).unwrap();
    check_refused(dir.path(), &run, &["ledger.db is not a burnwatch ledger", "--state"]);
    assert_eq!(fs::read_to_string(dir.path().join("ledger.db")).unwrap(), text.repeat(10));
}

#[test]
fn a_ledger_of_a_newer_layout_is_refused() {
    let dir = files(&[("a.yaml", GOOD.as_bytes())]);
    let ledger = rusqlite::Connection::open(dir.path().join("burnwatch.db")).unwrap();
    ledger
        .execute_batch("PRAGMA application_id = 0x6275726e; PRAGMA user_version = 99; CREATE TABLE future (x)")
        .unwrap();
    drop(ledger);
    check_refused(dir.path(), &["run", "--listen", "127.0.0.1:0"], &["layout 99", "newer burnwatch"]);
}

#[test]
fn a_wrong_configuration_is_refused_with_every_mistake_and_its_line() {
    let dir = files(&[]);
    let config = "evaluate: { every: 7s, latency_quantiles: 2h }\nsource: { prometheus: { ulr: http://localhost:9090 } }\nlog: { level: loud }\n";
    fs::write(dir.path().join("burnwatch.yaml"), config).unwrap();
    let words = [
        "burnwatch.yaml:1:13: error: every 7s",
        "neither divides a minute",
        "burnwatch.yaml:1:43: error: latency_quantiles 2h is too seldom for latencies of the last hour; write 5m",
        "burnwatch.yaml:2:25: error: \"ulr\"",
        "burnwatch.yaml:3:15",
    ];
    check_refused(dir.path(), &["run"], &words);
    fs::write(dir.path().join("burnwatch.yaml"), GOOD).unwrap();
    check_refused(dir.path(), &["run"], &["this is an SLO file; --config wants burnwatch.yaml"]);
    check_refused(dir.path(), &["run", "--config", "missing.yaml"], &["missing.yaml", "cannot be read", "--config"]);
}
