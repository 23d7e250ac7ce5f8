//! What it takes to run many SLOs, beside what it may take.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use burnwatch::units::Timestamp;

use crate::many::{KEPT, Many, declared, series, store, text};
use crate::stand::past::{Constant, SCRAPE};
use crate::stand::{Daemon, Prometheus, Requests, Service, eventually};

/// For how long a daemon at rest is looked at: four ticks.
const REST: Duration = Duration::from_secs(120);
/// On a machine that is busy with something else.
const SOON: Duration = Duration::from_secs(300);
/// How often what takes a moment is repeated; the middle one counts.
const TIMES: usize = 11;
/// The kernel counts time on a processor in hundredths of a second, on every Linux of today.
const HERTZ: f64 = 100.0;
/// As it is by default, but that nobody has to wait for late samples.
const EVALUATE: &str = "{ every: 30s, delay: 1s, scrape_interval: 1m }";
const AT_REST: &str = "{ every: 30s, delay: 1s, scrape_interval: 15s }";

/// Prints what something took and whether it was no more than it may.
fn print_row(what: &str, most: f64, took: f64, unit: &str) -> bool {
    let is_met = took <= most;
    println!("| {what} | {most} {unit} | {took:.2} {unit} | {} |", if is_met { "met" } else { "missed" });
    is_met
}

/// Whether every goal is met.
pub fn print() -> bool {
    println!("| of many SLOs | at most | measured | |");
    println!("|---|---:|---:|---|");
    let of_tick = tick();
    let of_ledger = ledger();
    let at_rest = rest();
    println!();
    of_tick && of_ledger && at_rest
}

/// The processor's time for one tick of 10 000 SLOs with all windows and a whole ledger.
fn tick() -> bool {
    let mut many = Many::aged(10_000, KEPT);
    let took = middle(|| {
        let seen = many.seen();
        let before = on_processor();
        std::hint::black_box(many.tick(seen));
        (on_processor() - before).as_secs_f64() * 1_000.0
    });
    print_row("a tick of 10 000 SLOs of 10 series, CPU", 100.0, took, "ms")
}

/// A daemon whose ledger is as old and as wide as ledgers get: its memory, and how soon it answers `/metrics`.
fn ledger() -> bool {
    let count = 1_000;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let prometheus = Prometheus::holding(&[], &exported(count, now));
    let daemon = Daemon::configured(&prometheus.url(), EVALUATE, &text(count), Path::new("burnwatch.db"));
    store(daemon.ledger(), &declared(count), KEPT, Timestamp::seconds(now - now % 30));
    let mut daemon = daemon;
    daemon.start();
    wait_measured(&daemon, count);
    daemon.wait_next_tick();
    daemon.wait_next_tick();
    let of_memory = print_row("1 000 SLOs over 400 days, resident", 64.0, memory(&daemon, "VmRSS:"), "MiB");
    println!("| the same, the most it ever was | - | {:.2} MiB | |", memory(&daemon, "VmHWM:"));
    let took = middle(|| {
        let began = Instant::now();
        assert!(daemon.text("/metrics").len() > count * 1_000);
        began.elapsed().as_secs_f64() * 1_000.0
    });
    of_memory & print_row("`/metrics` of 1 000 SLOs, over HTTP", 10.0, took, "ms")
}

/// The series of so many SLOs, a while before and after now; they stand still.
fn exported(count: usize, now: i64) -> Vec<Constant> {
    let constant = |(slo, labels): (usize, Vec<(&str, String)>)| {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let series = format!("requests_{slo}_total{{{}}}", labels.join(","));
        Constant { series, every: SCRAPE, from: now - 600, to: now + 1_800 }
    };
    (0..count).flat_map(|slo| series(slo).map(move |labels| (slo, labels))).map(constant).collect()
}

/// A daemon with 100 SLOs of services with traffic, all of whose past is read.
fn rest() -> bool {
    let services: Vec<Service> = (0..50).map(|_| Service::start()).collect();
    services.iter().for_each(|service| service.serve(Requests { total: 500, failed: 1, slow: 40 }));
    let prometheus = Prometheus::scraping_every(15);
    prometheus.watch(&services.iter().collect::<Vec<_>>());
    services.iter().for_each(|service| prometheus.wait_caught_up(service));
    services.iter().for_each(|service| service.flow(Requests { total: 3, failed: 0, slow: 1 }));
    let slo = |(number, service): (usize, &Service)| {
        let of = format!("instance=\"{}\"", service.instance());
        let requests = format!("http_requests_total{{{of}");
        let events = format!("{{ bad: '{requests},code=~\"5..\"}}', total: '{requests}}}' }}");
        let histogram = format!("{{ histogram: 'http_request_duration_seconds{{{of}}}', under: 200ms }}");
        format!(
            "  - {{ name: a{number}, objective: 99.9%, sli: {events} }}\n  - {{ name: l{number}, objective: 95%, sli: {histogram} }}\n"
        )
    };
    let slos: String = services.iter().enumerate().map(slo).collect();
    let slos = format!("service: shop\nwindow: 1d\nslos:\n{slos}");
    let daemon = Daemon::ready(&prometheus, AT_REST, &slos);
    wait_measured(&daemon, 100);
    daemon.wait_past_read(100);
    let before = processor_seconds(daemon.id());
    sleep(REST);
    let took = processor_seconds(daemon.id()) - before;
    print_row("100 SLOs at rest, of a core", 0.5, 100.0 * took / REST.as_secs_f64(), "%")
}

/// Returns when so many SLOs are measured.
fn wait_measured(daemon: &Daemon, count: usize) {
    let measured = || {
        let slos = daemon.get("/api/v1/slos?limit=10000")["slos"].take();
        slos.as_array().unwrap().iter().filter(|slo| slo["state"] != "no_data").count()
    };
    eventually("every SLO is measured", SOON, measured, |measured| *measured == count);
}

/// The middle of what something took, so many times.
fn middle(took: impl FnMut() -> f64) -> f64 {
    let mut all: Vec<f64> = std::iter::repeat_with(took).take(TIMES).collect();
    all.sort_by(f64::total_cmp);
    all[TIMES / 2]
}

/// How long this thread has run, as the kernel counts it.
fn on_processor() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(told.split(' ').next().unwrap().parse().unwrap())
}

/// The seconds that a process has taken of a processor so far.
fn processor_seconds(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // Behind its name, which may hold blanks: the 12th and the 13th are what it took in user and in kernel mode.
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / HERTZ
}

/// A figure of a process' memory, in MiB.
fn memory(daemon: &Daemon, figure: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(figure)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1_024.0
}
