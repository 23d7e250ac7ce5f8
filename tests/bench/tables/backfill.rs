//! How long a month of 100 SLOs takes to be read and counted, beside how long the Prometheus takes to tell it to somebody
//! who throws it away.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::stand::past::{EXACT, Past, SCRAPE, declared, scenarios};
use crate::stand::{Daemon, Prometheus};

/// Services of two instances, each with an SLO of availability and one of latency.
const SERVICES: usize = 50;
/// Live ticks that do not get in the way.
const EVALUATE: &str = "{ every: 1m, delay: 1s, scrape_interval: 1m, no_data_after: 1h, latency_quantiles: off }";
/// The most that reading may take, of what telling takes.
const MOST: f64 = 1.5;
/// As many questions at a time as a backfill asks.
const AT_ONCE: usize = 2;
/// Clock ticks of the kernel in a second, on every Linux of today.
const HERTZ: f64 = 100.0;
const LOOK: Duration = Duration::from_millis(20);

/// What somebody did in how long, and what both had to do for it, in seconds.
struct Took {
    wall: f64,
    /// `None` where it is this program.
    reader: Option<f64>,
    prometheus: f64,
}

/// Whether it took no longer than it may.
pub fn print() -> bool {
    let pasts: Vec<Past> = (0..).flat_map(|seed| scenarios(seed, now())).take(SERVICES).collect();
    let prometheus = Prometheus::remembering(&pasts);
    let log = prometheus.log_queries();
    let read = read(&prometheus, &pasts);
    let questions = questions(&log);
    let (told, bytes) = told(&prometheus, &questions);
    let slos = SERVICES * EXACT.len();
    println!(
        "The past of {slos} SLOs over 30 d, scrapes every {SCRAPE} s: {} questions, {bytes} MB\n",
        questions.len()
    );
    println!("| who asked | wall | its CPU | CPU of Prometheus |");
    println!("|---|---:|---:|---:|");
    for (who, Took { wall, reader, prometheus }) in [("burnwatch", &read), ("one who throws it away", &told)] {
        let reader = reader.map_or("-".into(), |reader| format!("{reader:.1} s"));
        println!("| {who} | {wall:.1} s | {reader} | {prometheus:.1} s |");
    }
    let times = read.wall / told.wall;
    println!("\n{times:.2} times as long, at most {MOST}\n");
    times <= MOST
}

/// What the daemon takes to read all that there is.
fn read(prometheus: &Prometheus, pasts: &[Past]) -> Took {
    let slos = declared(pasts, 30, &EXACT);
    let mut daemon = Daemon::configured(&prometheus.url(), EVALUATE, &slos, Path::new("burnwatch.db"));
    daemon.start();
    wait_left(&daemon, |left| left > 0.0);
    let (of_daemon, of_prometheus) = (cpu(holder(&daemon)), cpu(prometheus.id()));
    let began = Instant::now();
    wait_left(&daemon, |left| left == 0.0);
    let wall = began.elapsed().as_secs_f64();
    let reader = Some(cpu(holder(&daemon)) - of_daemon);
    let took = Took { wall, reader, prometheus: cpu(prometheus.id()) - of_prometheus };
    daemon.wait_past_read(pasts.len() * EXACT.len());
    assert!(!daemon.output().contains("cannot be read now"), "{}", daemon.output());
    took
}

/// The process that holds its ledger, which the lock beside that names.
fn holder(daemon: &Daemon) -> Option<u32> {
    fs::read_to_string(daemon.ledger().with_extension("db.lock")).unwrap().parse().ok()
}

fn wait_left(daemon: &Daemon, is_enough: impl Fn(f64) -> bool) {
    while !daemon.past_left().is_some_and(&is_enough) {
        sleep(LOOK);
    }
}

/// What a Prometheus was asked, and for which moments.
fn questions(log: &Path) -> Vec<(String, String)> {
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["params"]["step"], 0, "{line}");
        let text = |name: &str| line["params"][name].as_str().unwrap().to_string();
        (text("query"), text("end"))
    };
    fs::read_to_string(log).unwrap().lines().map(line).collect()
}

/// What the same answers take when nobody looks at them, and how many megabytes they are.
fn told(prometheus: &Prometheus, questions: &[(String, String)]) -> (Took, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_gzip().build().unwrap();
    let url = format!("{}/api/v1/query", prometheus.url());
    let ask = async |share: &[&(String, String)]| {
        let mut bytes = 0;
        for (query, time) in share {
            let mut answer = client.post(&url).form(&[("query", query), ("time", time)]).send().await.unwrap();
            assert!(answer.status().is_success(), "{query} at {time}: {}", answer.status());
            while let Some(piece) = answer.chunk().await.unwrap() {
                bytes += piece.len();
            }
        }
        bytes
    };
    let shares: Vec<Vec<_>> =
        (0..AT_ONCE).map(|first| questions.iter().skip(first).step_by(AT_ONCE).collect()).collect();
    let (began, of_prometheus) = (Instant::now(), cpu(prometheus.id()));
    let bytes = runtime.block_on(futures_util::future::join_all(shares.iter().map(|share| ask(share))));
    let wall = began.elapsed().as_secs_f64();
    let took = Took { wall, reader: None, prometheus: cpu(prometheus.id()) - of_prometheus };
    (took, bytes.into_iter().sum::<usize>() / 1_000_000)
}

/// The seconds of CPU that a process has taken so far.
fn cpu(process: Option<u32>) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.unwrap())).unwrap();
    // Behind its name, which may hold blanks: the 12th and the 13th are what it took in user and in kernel mode.
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap());
    ticks.sum::<f64>() / HERTZ
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}
