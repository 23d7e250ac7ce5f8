//! What low-power mode spares: the CPU time of a daemon that counts from a real Prometheus and reads a meter, in the mode
//! and out of it. Fails where it is less than 30 %, or where an event was lost.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on says so by ending")]
#![allow(clippy::disallowed_methods, reason = "it runs beside real servers, in real time")]
#![allow(dead_code, unused_imports, reason = "of the stand it needs but a part")]

#[path = "../../it/power/tree.rs"]
mod tree;
#[path = "../../it/stand/mod.rs"]
mod stand;

use std::thread::sleep;
use std::time::Duration;

use stand::{Daemon, Prometheus, Requests, Service, eventually, http};
use tree::Tree;

/// For how long each is measured.
const MEASURED: Duration = Duration::from_secs(25);
/// The mode is entered and left with a tick.
const SOON: Duration = Duration::from_secs(60);
const SLOS: usize = 20;
const SPARED: f64 = 0.3;

fn main() {
    let tree = Tree::with(&[("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "dram")]);
    let service = Service::start();
    service.serve(Requests { total: 500, failed: 0, slow: 0 });
    let prometheus = Prometheus::scraping_every(1);
    prometheus.watch(&[&service]);
    prometheus.wait_caught_up(&service);
    let evaluate = "{ every: 1s, delay: 1s, scrape_interval: 1s, shortest_window: 30s, no_data_after: 30s }";
    let mut daemon = Daemon::configured(&prometheus.url(), evaluate, &slos(), "burnwatch.db".as_ref());
    daemon.configure(&tree.section(", meters: [rapl]"));
    daemon.start();
    // Low-power mode would spare the reading of the past too, which is no everyday work.
    let state = || daemon.slo("shop", "a0")["state"].clone();
    eventually("it is counted", SOON, state, |state| *state != "no_data");
    let problems = || daemon.get("/api/v1/problems").to_string();
    eventually("the past is read", SOON * 3, problems, |problems| !problems.contains("\"backfilling\""));
    service.flow(Requests { total: 3, failed: 0, slow: 0 });

    println!(
        "CPU time of a daemon with {SLOS} SLOs, a tick and ten readings a second, over {} s\n",
        MEASURED.as_secs()
    );
    println!("| mode | CPU | of a core |");
    println!("|---|---:|---:|");
    let usual = measured(&daemon, "usual");
    wish(&daemon, true);
    let saving = measured(&daemon, "low power");
    wish(&daemon, false);
    service.pause();
    let spared = 1.0 - saving / usual;
    println!("\n{:.0} % less; at least {:.0} % is wanted\n", spared * 100.0, SPARED * 100.0);

    let counted = || daemon.slo("shop", "a0")["events"]["total"].as_f64();
    let truth = service.served().total as f64;
    eventually("no event is lost", SOON, counted, |counted| *counted == Some(truth));
    std::process::exit(i32::from(spared < SPARED));
}

/// As many as are wanted, of the same requests: so their past is soon read.
fn slos() -> String {
    let sli = "{ bad: 'http_requests_total{job=\"shop\",code=\"500\"}', total: 'http_requests_total{job=\"shop\"}' }";
    let slo = |number: usize| format!("  - {{ name: a{number}, objective: 99%, sli: {sli} }}\n");
    format!("service: shop\nwindow: 1d\nslos:\n{}", (0..SLOS).map(slo).collect::<String>())
}

fn value(daemon: &Daemon, name: &str) -> Option<f64> {
    let text = daemon.text("/metrics");
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

fn measured(daemon: &Daemon, mode: &str) -> f64 {
    let cpu = || value(daemon, "process_cpu_seconds_total").unwrap();
    let before = cpu();
    sleep(MEASURED);
    let spent = cpu() - before;
    println!("| {mode} | {spent:.2} s | {:.2} % |", 100.0 * spent / MEASURED.as_secs_f64());
    spent
}

fn wish(daemon: &Daemon, on: bool) {
    let body = format!("{{\"on\":{on}}}");
    assert_eq!(http::post(daemon.port(), "/api/v1/low-power", &body).unwrap().0, 202);
    let mode = || daemon.get("/api/v1/low-power")["on"].as_bool();
    eventually("the mode is as was wished", SOON, mode, |mode| *mode == Some(on));
}
