//! `burnwatch demo` as a stranger starts it: budgets are there and move, and nothing is left when it ends.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::stand::process::Process;
use crate::stand::{eventually, http};

/// Numbers move within so long after the start; a second is what it takes on a machine of one's own.
const MOVING: Duration = Duration::from_secs(10);
/// A second is promised; a machine that is busy with other tests may take some more. Who is slow is otherwise waited for
/// until 5 s have passed.
const END: Duration = Duration::from_secs(4);

/// A demo with a place of its own for temporary files.
struct Demo {
    dir: TempDir,
    process: Process,
    port: u16,
}

impl Demo {
    /// Started and ready, on a free port.
    #[track_caller]
    fn ready(flags: &[&str]) -> Demo {
        let port = http::free_port();
        let mut demo = Demo::start(&[&["--listen", &format!("127.0.0.1:{port}")], flags].concat());
        demo.process.wait_ready(port, "/health/ready");
        Demo { port, ..demo }
    }

    fn start(flags: &[&str]) -> Demo {
        let dir = tempfile::tempdir().unwrap();
        let process = Process::start(&mut command(flags, dir.path()), &dir.path().join("output")).unwrap();
        Demo { dir, process, port: 0 }
    }

    /// Everything it has said.
    fn said(&self) -> String {
        said(&self.dir)
    }

    #[track_caller]
    fn slos(&self) -> Vec<Value> {
        let (status, body) = http::get(self.port, "/api/v1/slos").unwrap();
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Value>(&body).unwrap()["slos"].as_array().unwrap().clone()
    }

    /// Sends it a signal; it has to leave as if it had never been there. What it had said.
    #[track_caller]
    fn end(self, signal: &str) -> String {
        assert!(!left_behind(&self.dir).is_empty(), "its ledger lies elsewhere");
        let Demo { dir, process, .. } = self;
        let status = process.signal(signal, END);
        assert_eq!((status.code(), left_behind(&dir)), (Some(0), vec![]), "after SIG{signal}:\n{}", said(&dir));
        said(&dir)
    }
}

/// The demo, keeping its temporary files in `dir`.
fn command(flags: &[&str], dir: &Path) -> Command {
    fs::create_dir(dir.join("tmp")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_burnwatch"));
    command.arg("demo").args(flags).env("TMPDIR", dir.join("tmp")).current_dir(dir);
    command
}

fn said(dir: &TempDir) -> String {
    fs::read_to_string(dir.path().join("output")).unwrap()
}

/// What lies where it keeps its files, and where it was started.
fn left_behind(dir: &TempDir) -> Vec<String> {
    let names =
        |path: &Path| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut left: Vec<String> = names(&dir.path().join("tmp")).chain(names(dir.path())).collect();
    left.retain(|name| name != "tmp" && name != "output");
    left
}

#[test]
fn budgets_are_exhausted_burning_and_calm_and_move_within_seconds() {
    let demo = Demo::ready(&[]);
    let slos = demo.slos();
    let is_in = |state: &str| slos.iter().any(|slo| slo["state"] == state);
    assert!(is_in("exhausted") && is_in("burning") && is_in("ok"), "{slos:?}");
    assert!(slos.iter().all(|slo| slo["coverage"].as_f64() > Some(0.99)), "{slos:?}");
    assert!(slos.iter().all(|slo| slo["problems"] == Value::Array(vec![])), "{slos:?}");

    // Every counter is scraped, and goes on from where the history ended.
    let total = |slo: &Value| slo["events"]["total"].as_f64().unwrap();
    let counters = |slos: Vec<Value>| slos.into_iter().filter(|slo| slo["kind"] != "gauge").collect::<Vec<_>>();
    let before = counters(slos);
    let look = || counters(demo.slos());
    let moved = |now: &Vec<Value>| before.iter().zip(now).all(|(before, now)| total(now) > total(before));
    let after = eventually("all events move", MOVING, look, moved);
    for (before, after) in before.iter().zip(&after) {
        assert!(total(after) < total(before) * 1.001, "{before} became {after}");
    }

    // Nobody who is slow to ask keeps it.
    let mut slow = TcpStream::connect(("127.0.0.1", demo.port)).unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\n").unwrap();
    demo.end("INT");
}

#[test]
fn says_once_how_all_stands_where_to_look_and_then_what_changes() {
    let demo = Demo::ready(&[]);
    let port = demo.port;
    // The card processor recovers three quarters of a minute after the start.
    let over = "payments: the card processor times out: over";
    eventually("an incident ends", Duration::from_secs(120), || demo.said(), |said| said.contains(over));
    let said = demo.end("TERM");
    assert!(said.starts_with("burnwatch demo: an invented shop"), "{said}");
    assert_eq!(said.matches("BUDGET LEFT").count(), 1, "{said}");
    assert!(said.contains(&format!("burnwatch status --listen 127.0.0.1:{port}\n")), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
    let last = said.lines().find(|line| line.ends_with(over)).unwrap();
    assert_eq!(last.as_bytes()[2], b':', "{last}");
}

#[test]
fn says_nothing_when_it_is_to_be_quiet() {
    let demo = Demo::ready(&["--quiet"]);
    let events = |demo: &Demo| demo.slos()[0]["events"]["total"].clone();
    let before = events(&demo);
    eventually("the next tick", MOVING, || events(&demo), |now| *now != before);
    assert_eq!(demo.end("HUP"), "");
}

#[test]
fn takes_another_port_where_its_own_is_taken() {
    // Whoever has it, it is taken.
    let _taken = TcpListener::bind("127.0.0.1:9872");
    let mut demo = Demo::start(&[]);
    let said =
        eventually("it says where it is", MOVING * 3, || demo.said(), |said| said.contains("--listen 127.0.0.1:"));
    let (_, port) = said.split_once("--listen 127.0.0.1:").unwrap();
    demo.port = port.lines().next().unwrap().parse().unwrap();
    assert_ne!(demo.port, 9872);
    assert_eq!(demo.slos().len(), 8);
    demo.end("INT");
}

#[test]
fn a_start_that_fails_says_why_and_leaves_nothing() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let ended = command(&["--listen", &address], dir.path()).output().unwrap();
    let error = String::from_utf8(ended.stderr).unwrap();
    let expected =
        format!("burnwatch: {address} is in use; stop what listens there, or choose another with --listen\n");
    assert_eq!((ended.status.code(), error), (Some(2), expected));
    assert_eq!((ended.stdout, left_behind(&dir)), (vec![], vec![]));
}
