//! What was before the daemon, on a real Prometheus that remembers days of a service whose every request is known: what
//! is read back must equal the truth to the event, also when the daemon is killed while it reads.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use burnwatch::units::Timestamp;
use rusqlite::Connection;
use serde_json::Value;

use crate::stand::past::{Dice, EXACT, Past, SCRAPE, Trouble, declared, scenarios};
use crate::stand::{Daemon, Durations, Prometheus, Requests, Victoria, eventually, written};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

const ALL: [&str; 3] = ["availability", "latency", "up"];

/// A machine that is busy with other tests takes its time.
const READ: Duration = Duration::from_secs(300);

const EVALUATE: &str = "{ every: 5s, delay: 1s, scrape_interval: 60s, shortest_window: 5m, no_data_after: 1h }";

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// Three days and a half of a service to which nothing happens.
fn calm(ends: i64) -> Past {
    Past {
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
    }
}

/// Three days and a half in which a service is restarted and replaced, is not scraped for hours, has no traffic for some,
/// and fails for the first time on its second day.
fn pasts() -> Vec<Past> {
    let now = now();
    let ends = now - now % SCRAPE + SCRAPE;
    let ago = |hours: i64| ends - hours * HOUR;
    let calm = calm(ends);
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

#[track_caller]
fn moment(value: &Value) -> i64 {
    Timestamp::parse(value.as_str().unwrap()).unwrap().as_millis() / 1_000
}

/// That an SLO has the truth of the time that it is said to be of.
#[track_caller]
fn assert_exact(slo: &Value, past: &Past, bad: fn(Requests) -> u64) {
    let truth = past.truth(moment(&slo["from"]), moment(&slo["to"]));
    let (total, bad) = (truth.total as f64, bad(truth) as f64);
    let events = &slo["events"];
    assert_eq!((events["total"].as_f64(), events["bad"].as_f64()), (Some(total), Some(bad)), "{slo}");
    if total > 0.0 {
        let allowed = total * (1.0 - slo["objective"].as_f64().unwrap());
        let consumed = slo["budget"]["consumed"].as_f64().unwrap();
        assert!((consumed - bad / allowed).abs() < 0.000_1, "{slo}");
    }
}

/// That every number is the truth of the time that it is said to be of.
#[track_caller]
fn assert_true(daemon: &Daemon, past: &Past, days: i64) {
    for sli in EXACT {
        let slo = daemon.slo("shop", &format!("{}-{sli}", past.job));
        assert_exact(&slo, past, if sli == "latency" { |truth| truth.slow } else { |truth| truth.failed });
        let (from, to) = (moment(&slo["from"]), moment(&slo["to"]));
        assert!((days * DAY..days * DAY + HOUR + 60).contains(&(to - from)), "{slo}");
    }
}

#[test]
fn the_past_is_read_to_the_event_also_by_a_daemon_that_is_killed_while_it_reads() {
    let pasts = pasts();
    let mut prometheus = Prometheus::remembering(&pasts);
    let mut daemon = Daemon::ready(&prometheus, EVALUATE, &declared(&pasts, 3, &ALL));
    let is_begun = |left: &Option<f64>| left.is_some_and(|left| left > 0.0 && left < 9.0 * 3.0 * DAY as f64 - 600.0);
    eventually("some of it is read", READ, || daemon.past_left(), is_begun);
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
    let left = eventually("it reads on", READ, || daemon.past_left(), |left| left.is_some_and(|left| left > 0.0));
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
    daemon.wait_past_read(9);

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
    daemon.declare(&declared(&pasts, 4, &ALL));
    daemon.start();
    daemon.wait_past_read(9);
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
    seeds.iter().flat_map(|seed| scenarios(*seed, now() + SCRAPE)).collect()
}

#[track_caller]
fn assert_read_to_the_event(url: &str, pasts: &[Past]) {
    let mut daemon = Daemon::configured(url, EVALUATE, &declared(pasts, 30, &EXACT), Path::new("burnwatch.db"));
    daemon.start();
    daemon.wait_past_read(EXACT.len() * pasts.len());
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

/// The codes of what is to be said of an SLO.
fn codes(daemon: &Daemon, slo: &str) -> Vec<String> {
    let problems = daemon.slo("shop", slo)["problems"].as_array().unwrap().clone();
    problems.iter().map(|problem| problem["code"].as_str().unwrap().to_string()).collect()
}

#[test]
fn an_slo_that_goes_and_comes_back_or_is_written_anew_keeps_what_can_be_kept() {
    let now = now();
    // Traffic that goes on for as long as this test may take: samples of the future show when their time has come.
    let calm = calm(now - now % SCRAPE + HOUR);
    let ago = |hours: i64| now - hours * HOUR;
    let troubled = Past {
        job: "troubled".into(),
        troubles: vec![Trouble { from: ago(60), to: ago(58), share: 0.5 }],
        ..calm.clone()
    };
    let pasts = [calm, troubled];
    let [calm, troubled] = &pasts;
    let prometheus = Prometheus::remembering(&pasts);
    let all = declared(&pasts, 3, &EXACT);
    let mut daemon = Daemon::ready(&prometheus, EVALUATE, &all);
    daemon.wait_past_read(4);
    assert_true(&daemon, calm, 3);
    assert!(daemon.stop().success(), "{}", daemon.output());

    // The SLOs of one service are gone, though somebody else goes on to ask what one of them asked; of the other's one is
    // another and one has another objective and a label.
    let failures = |job: &str| {
        let requests = |code| format!("http_requests_total{{job=\"{job}\"{code}}}");
        format!("{{ bad: '{}', total: '{}' }}", requests(",code=~\"5..\""), requests(""))
    };
    daemon.declare(&format!(
        "service: shop\nwindow: 3d\nslos:\n\
         - {{ name: calm-meanwhile, objective: 99.9%, sli: {} }}\n\
         - {{ name: troubled-latency, objective: 99.9%, sli: {} }}\n{}",
        failures("calm"),
        failures("troubled"),
        declared(std::slice::from_ref(troubled), 3, &["availability"])
            .lines()
            .skip(3)
            .map(|slo| slo.replace("objective: 99.9%", "labels: { tier: \"1\" }, objective: 95%"))
            .collect::<String>()
    ));
    daemon.start();
    // Nothing has to be read of an account that goes on.
    let slo = daemon.slo("shop", "troubled-availability");
    assert_eq!((&slo["objective"], &slo["labels"]["tier"]), (&0.95.into(), &"1".into()));
    assert!(slo["coverage"].as_f64() > Some(0.98), "{slo}");
    daemon.wait_past_read(3);
    assert!(codes(&daemon, "troubled-latency").contains(&"sli_changed".to_string()), "{}", daemon.output());
    let written_anew = daemon.slo("shop", "troubled-latency");
    assert_exact(&written_anew, troubled, |truth| truth.failed);

    // Until traffic has come that nobody counted for the one that is gone.
    let last = moment(&written_anew["to"]);
    let to = || moment(&daemon.slo("shop", "troubled-availability")["to"]);
    eventually("another scrape", READ, to, |to| to / SCRAPE > last / SCRAPE);
    assert!(daemon.stop().success(), "{}", daemon.output());
    daemon.declare(&all);
    daemon.start();
    daemon.wait_past_read(4);
    pasts.iter().for_each(|past| assert_true(&daemon, past, 3));
    for slo in ["calm-availability", "troubled-latency"] {
        let coverage = daemon.slo("shop", slo)["coverage"].as_f64();
        assert!(coverage > Some(0.98), "{slo}: {coverage:?}");
    }
    let ledger = Connection::open(daemon.ledger()).unwrap();
    let accounts = ledger.query_row("SELECT count(*) FROM accounts", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(accounts, 6, "each goes on in its own, and those that were others are given up");
}

#[test]
fn a_past_of_too_many_samples_is_estimated_where_it_is_old_and_says_so() {
    let now = now();
    let ends = now - now % SCRAPE + SCRAPE;
    let troubles = vec![Trouble { from: ends - 60 * HOUR, to: ends - 58 * HOUR, share: 0.5 }];
    let pasts = [Past { job: "troubled".into(), troubles, ..calm(ends) }];
    let prometheus = Prometheus::remembering(&pasts);
    // As if there were a sample of its four series every 17 ms: 20 million of them are a day.
    let evaluate = EVALUATE.replace("scrape_interval: 60s", "scrape_interval: 17ms");
    let daemon = Daemon::ready(&prometheus, &evaluate, &declared(&pasts, 3, &EXACT));
    daemon.wait_past_read(2);
    for sli in EXACT {
        let name = format!("troubled-{sli}");
        assert!(codes(&daemon, &name).contains(&"estimated".to_string()), "{}", daemon.output());
        let slo = daemon.slo("shop", &name);
        let truth = pasts[0].truth(moment(&slo["from"]), moment(&slo["to"]));
        let bad = if sli == "latency" { truth.slow } else { truth.failed };
        let off = |count: &Value, truth: u64| (count.as_f64().unwrap() - truth as f64).abs() / truth as f64;
        assert!(off(&slo["events"]["total"], truth.total) < 0.02, "{slo} {truth:?}");
        assert!(off(&slo["events"]["bad"], bad) < 0.02, "{slo} {truth:?}");
        let coverage = slo["coverage"].as_f64().unwrap();
        assert!(coverage > 0.98, "{slo}");
    }
}

#[test]
fn a_source_that_refuses_the_past_is_a_warning_on_the_slo_until_it_tells() {
    let now = now();
    let pasts = [calm(now - now % SCRAPE + SCRAPE)];
    let mut prometheus = Prometheus::remembering(&pasts);
    prometheus.kill();
    // Enough for a tick, and not for ten minutes.
    prometheus.start_reading_at_most(30);
    let daemon = Daemon::ready(&prometheus, EVALUATE, &declared(&pasts, 1, &["availability"]));
    let failing = || {
        let problems = daemon.get("/api/v1/problems")["problems"].as_array().unwrap().clone();
        problems.into_iter().find(|problem| problem["code"] == "backfill_failing")
    };
    let told = eventually("it says that it cannot", READ, failing, Option::is_some).unwrap();
    assert_eq!((&told["severity"], &told["slo"]), (&"warning".into(), &"calm-availability".into()));
    assert!(told["what"].as_str().unwrap().contains("too many samples"), "{told}");
    assert_eq!(told["remedy"], "narrow its selectors, or raise what the source may read for one query");
    let (_, status) = daemon.command(&["status"]);
    assert!(status.contains("its past cannot be read"), "{status}");

    prometheus.kill();
    prometheus.start();
    daemon.wait_past_read(1);
    eventually("it says so no longer", READ, failing, Option::is_none);
    let slo = daemon.slo("shop", "calm-availability");
    assert_exact(&slo, &pasts[0], |truth| truth.failed);
}

#[test]
fn what_a_native_histogram_gained_over_a_silence_at_the_edge_of_a_piece_counts() {
    let ends = now() / SCRAPE * SCRAPE;
    let begins = ends - 30 * HOUR;
    // Pieces begin every six hours.
    let edge = (ends - 2 * HOUR) / (6 * HOUR) * (6 * HOUR);
    let is_scraped = |at: &i64| !(edge - 40 * SCRAPE..edge + 30 * SCRAPE).contains(at);
    let mut durations = Durations::default();
    let stood = (begins..=ends).step_by(SCRAPE as usize).map(|at| {
        [0.1, 0.1, 0.1, 0.4, 0.4].into_iter().for_each(|seconds| durations.observe(seconds));
        (at, durations.clone())
    });
    let prometheus = Prometheus::scraping_every(SCRAPE as u64);
    let labels = [("__name__", "order_duration_seconds"), ("instance", "a"), ("job", "shop")];
    prometheus.remember(&written(&labels, stood.filter(|(at, _)| is_scraped(at))));
    let slos = "service: shop\nwindow: 1d\nslos:\n\
                - { name: orders, objective: 60%, sli: { histogram: order_duration_seconds, under: 200ms } }\n";
    let daemon = Daemon::ready(&prometheus, EVALUATE, slos);
    daemon.wait_past_read(1);
    let slo = daemon.slo("shop", "orders");
    let scrapes = (moment(&slo["to"]).min(ends) - begins) / SCRAPE - (moment(&slo["from"]) - begins) / SCRAPE;
    let counted = (slo["events"]["total"].as_f64(), slo["events"]["bad"].as_f64());
    assert_eq!(counted, (Some(5.0 * scrapes as f64), Some(2.0 * scrapes as f64)), "{slo}\n{}", daemon.output());
}
