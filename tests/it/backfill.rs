//! What was before the daemon, on a real Prometheus that remembers days of a service whose every request is known: what
//! is read back must equal the truth to the event, also when the daemon is killed while it reads.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use burnwatch::units::Timestamp;
use rusqlite::Connection;
use serde_json::Value;

use crate::stand::past::{Dice, Past, SCRAPE, Trouble, scenarios};
use crate::stand::{Daemon, Prometheus, Victoria, eventually};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// A machine that is busy with other tests takes its time.
const READ: Duration = Duration::from_secs(300);

/// What is counted request by request.
const EXACT: [&str; 2] = ["availability", "latency"];
const ALL: [&str; 3] = ["availability", "latency", "up"];

const EVALUATE: &str = "{ every: 5s, delay: 1s, scrape_interval: 60s, shortest_window: 5m, no_data_after: 1h }";

/// Three days and a half in which a service is restarted and replaced, is not scraped for hours, has no traffic for some,
/// and fails for the first time on its second day.
fn pasts() -> Vec<Past> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let ends = now - now % SCRAPE + SCRAPE;
    let ago = |hours: i64| ends - hours * HOUR;
    let calm = Past {
        job: "calm".into(),
        seed: 42,
        begins: ends - 3 * DAY - 12 * HOUR,
        ends,
        peak: 400.0,
        troubles: vec![],
        lulls: vec![],
        gaps: vec![],
        restarts: vec![],
        replacements: vec![],
    };
    let trouble = |from, to, share| Trouble { from: ago(from), to: ago(to), share };
    let eventful = Past {
        job: "eventful".into(),
        troubles: vec![trouble(84, 50, 0.0), trouble(40, 38, 0.5), trouble(9, 8, 0.2)],
        restarts: vec![ago(60), ago(31)],
        replacements: vec![ago(45), ago(20)],
        // Across the edge of a piece wherever that lies, and of a day.
        gaps: vec![(ago(70), ago(63)), (ago(30), ago(30) + 25 * SCRAPE)],
        lulls: vec![(ago(16), ago(14))],
        ..calm.clone()
    };
    let trickle = Past { job: "trickle".into(), peak: 0.05, troubles: vec![trouble(48, 24, 0.5)], ..calm.clone() };
    vec![calm, eventful, trickle]
}

/// An SLO file of these SLIs of each past, over so many days.
fn slos(pasts: &[Past], days: i64, slis: &[&str]) -> String {
    let slo = |sli: &&str, job: &str| {
        let (objective, counted) = match *sli {
            "availability" => (
                99,
                format!(
                    "bad: 'http_requests_total{{job=\"{job}\",code=~\"5..\"}}', total: 'http_requests_total{{job=\"{job}\"}}'"
                ),
            ),
            "latency" => (95, format!("histogram: 'http_request_duration_seconds{{job=\"{job}\"}}', under: 200ms")),
            _ => (99, format!("up: 'up{{job=\"{job}\"}}'")),
        };
        format!("- {{ name: {job}-{sli}, objective: {objective}%, sli: {{ {counted} }} }}\n")
    };
    let of = |past: &Past| slis.iter().map(|sli| slo(sli, &past.job)).collect::<String>();
    format!("service: shop\nwindow: {days}d\nslos:\n{}", pasts.iter().map(of).collect::<String>())
}

#[track_caller]
fn moment(value: &Value) -> i64 {
    Timestamp::parse(value.as_str().unwrap()).unwrap().as_millis() / 1_000
}

/// How much of the past the daemon still has to read, in seconds; `None` before it says.
fn remaining(daemon: &Daemon) -> Option<f64> {
    let metrics = daemon.text("/metrics");
    let line = metrics.lines().find(|line| line.starts_with("burnwatch_backfill_remaining_seconds "));
    line?.rsplit(' ').next()?.parse().ok()
}

fn backfilling(daemon: &Daemon) -> usize {
    let problems = daemon.get("/api/v1/problems");
    problems["problems"].as_array().unwrap().iter().filter(|problem| problem["code"] == "backfilling").count()
}

#[track_caller]
fn wait_read(daemon: &Daemon, slos: usize) {
    let counted = || {
        daemon.get("/api/v1/slos")["slos"].as_array().unwrap().iter().filter(|slo| slo["from"] != Value::Null).count()
    };
    eventually("every SLO is counted", READ, counted, |counted| *counted == slos);
    eventually("the past is read", READ, || backfilling(daemon), |count| *count == 0);
}

/// That every number is the truth of the time that it is said to be of.
#[track_caller]
fn assert_true(daemon: &Daemon, past: &Past, days: i64) {
    for sli in EXACT {
        let slo = daemon.slo("shop", &format!("{}-{sli}", past.job));
        let truth = past.truth(moment(&slo["from"]), moment(&slo["to"]));
        let bad = if sli == "latency" { truth.slow } else { truth.failed };
        let events = &slo["events"];
        let counted = (events["total"].as_f64(), events["bad"].as_f64());
        assert_eq!(counted, (Some(truth.total as f64), Some(bad as f64)), "{slo}\n{}", daemon.output());
        if truth.total > 0 {
            let allowed = truth.total as f64 * (1.0 - slo["objective"].as_f64().unwrap());
            let consumed = slo["budget"]["consumed"].as_f64().unwrap();
            assert!((consumed - bad as f64 / allowed).abs() < 0.000_1, "{slo}");
        }
        let (from, to) = (moment(&slo["from"]), moment(&slo["to"]));
        assert!((days * DAY..days * DAY + HOUR + 60).contains(&(to - from)), "{slo}");
    }
}

#[test]
fn the_past_is_read_to_the_event_also_by_a_daemon_that_is_killed_while_it_reads() {
    let pasts = pasts();
    let mut prometheus = Prometheus::remembering(&pasts);
    let mut daemon = Daemon::ready(&prometheus, EVALUATE, &slos(&pasts, 3, &ALL));
    let is_begun = |left: &Option<f64>| left.is_some_and(|left| left > 0.0 && left < 9.0 * 3.0 * DAY as f64 - 600.0);
    eventually("some of it is read", READ, || remaining(&daemon), is_begun);
    // The rest has to wait, and what was read is written.
    prometheus.kill();
    let written = || {
        let ledger = Connection::open(daemon.ledger()).unwrap();
        ledger.query_row("SELECT count(*) FROM pasts", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    eventually("some of it is written", READ, written, |days| *days > 0);
    daemon.kill();
    prometheus.start();
    daemon.start();
    let left = eventually("it reads on", READ, || remaining(&daemon), |left| left.is_some_and(|left| left > 0.0));
    assert!(is_begun(&left), "{left:?} of all is left");
    // It is killed again and again while it starts, reads, counts and writes.
    let mut dice = Dice(42);
    for _ in 0..5 {
        daemon.kill();
        daemon.launch();
        sleep(Duration::from_millis(200 + (500.0 * dice.toss()) as u64));
    }
    daemon.kill();
    daemon.start();
    wait_read(&daemon, 9);

    for past in &pasts {
        assert_true(&daemon, past, 3);
    }
    let coverage = |slo: &str| daemon.slo("shop", slo)["coverage"].as_f64().unwrap();
    assert!(coverage("calm-availability") > 0.98, "{}", coverage("calm-availability"));
    // A gap of seven hours and one of 25 minutes, five minutes of each measured.
    let expected = 1.0 - (7.0 + 25.0 / 60.0 - 10.0 / 60.0) / 72.0;
    let eventful = coverage("eventful-availability");
    assert!((eventful - expected).abs() < 0.02, "{eventful} {expected}");
    let up = daemon.slo("shop", "calm-up");
    // Two instances, a slice a minute.
    let slices = 2 * (moment(&up["to"]) - moment(&up["from"])) / 60;
    assert!((up["events"]["total"].as_f64().unwrap() - slices as f64).abs() <= 6.0, "{up}");

    // And a longer window reads the rest.
    assert!(daemon.stop().success(), "{}", daemon.output());
    daemon.declare(&slos(&pasts, 4, &ALL));
    daemon.start();
    wait_read(&daemon, 9);
    let slo = daemon.slo("shop", "calm-availability");
    let calm = &pasts[0];
    // Its processes began 20 s before the first scrape, so what they had served by then counts too.
    let began: u64 = calm.scrapes().take(1).flat_map(|scrape| scrape.exposed).map(|process| process.served.total).sum();
    let truth = calm.truth(calm.begins, moment(&slo["to"])).total + began;
    assert_eq!(slo["events"]["total"].as_f64(), Some(truth as f64), "{slo}");
    let coverage = slo["coverage"].as_f64().unwrap();
    assert!((coverage - 3.5 / 4.0).abs() < 0.02, "where there is no history, coverage says so: {slo}");
}

/// What months held of everything that may happen to a service.
fn months(seeds: &[u64]) -> Vec<Past> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    seeds.iter().flat_map(|seed| scenarios(*seed, now + SCRAPE)).collect()
}

#[track_caller]
fn assert_read_to_the_event(url: &str, pasts: &[Past]) {
    let mut daemon = Daemon::configured(url, EVALUATE, &slos(pasts, 30, &EXACT), Path::new("burnwatch.db"));
    daemon.start();
    wait_read(&daemon, EXACT.len() * pasts.len());
    pasts.iter().for_each(|past| assert_true(&daemon, past, 30));
}

#[test]
fn a_month_of_everything_that_may_happen_is_read_to_the_event_from_prometheus() {
    let pasts = months(&[1, 2]);
    assert_read_to_the_event(&Prometheus::remembering(&pasts).url(), &pasts);
}

#[test]
fn a_month_of_everything_that_may_happen_is_read_to_the_event_from_victoriametrics() {
    let pasts = months(&[3]);
    assert_read_to_the_event(&Victoria::remembering(&pasts).url(), &pasts);
}
