//! The daemon on a real Prometheus that scrapes a service whose counts are known. What `/api/v1/slos` says must equal
//! the truth to the event, whatever happens in between; and where the daemon cannot know, it must say that.

use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::stand::{Daemon, Prometheus, Requests, Service, check_metrics, eventually};

pub const SLOS: &str = r#"
service: shop
window: 1d
slos:
  - name: availability
    objective: 99.9%
    sli:
      bad:   'http_requests_total{job="shop",code=~"5.."}'
      total: 'http_requests_total{job="shop"}'
  - name: latency
    objective: 95%
    sli:
      histogram: 'http_request_duration_seconds{job="shop"}'
      under: 200ms
"#;

/// The daemon's next word on something, on a machine that is busy with other tests.
pub const SOON: Duration = Duration::from_secs(60);
/// A page over 2 min needs one minute of measurements, and a total outage in it.
const PAGE: Duration = Duration::from_secs(150);

const CALM: Requests = Requests { total: 3, failed: 0, slow: 1 };
pub const ERRORS: Requests = Requests { total: 3, failed: 1, slow: 1 };
const OUTAGE: Requests = Requests { total: 2, failed: 2, slow: 0 };

/// A Prometheus that scrapes every `seconds` and has stored the first 500 requests of a service now at rest.
pub fn shop(seconds: u64) -> (Prometheus, Service) {
    let service = Service::start();
    service.serve(Requests { total: 500, failed: 0, slow: 40 });
    let prometheus = Prometheus::scraping_every(seconds);
    prometheus.watch(&[&service]);
    prometheus.wait_caught_up(&service);
    (prometheus, service)
}

/// `evaluate:` for a tick of so many seconds, each instant judged `delay` seconds later.
pub fn evaluate(every: u64, delay: u64) -> String {
    let no_data_after = (5 * every).max(15);
    format!(
        "{{ every: {every}s, delay: {delay}s, scrape_interval: 1s, shortest_window: 30s, no_data_after: {no_data_after}s }}"
    )
}

/// A daemon that measures: what is served from here on it must count, and from the source what was served before.
pub fn daemon(prometheus: &Prometheus, evaluate: &str) -> Daemon {
    let daemon = Daemon::ready(prometheus, evaluate, SLOS);
    wait_measured(&daemon);
    daemon
}

pub fn wait_measured(daemon: &Daemon) {
    for name in ["availability", "latency"] {
        let state = || daemon.slo("shop", name)["state"].clone();
        eventually("the SLO is measured", SOON, state, |state| *state != "no_data");
    }
}

/// Events (total, bad) of availability and of latency.
type Events = [(Option<f64>, Option<f64>); 2];

fn counted(daemon: &Daemon) -> Events {
    ["availability", "latency"].map(|name| {
        let events = &daemon.slo("shop", name)["events"];
        (events["total"].as_f64(), events["bad"].as_f64())
    })
}

/// Returns when every daemon has counted the truth, and has not counted on after two more ticks.
#[track_caller]
pub fn wait_counted(daemons: &[Daemon], truth: Requests) {
    let [total, failed, slow] = [truth.total, truth.failed, truth.slow].map(|count| Some(count as f64));
    let truth: Vec<Events> = daemons.iter().map(|_| [(total, failed), (total, slow)]).collect();
    let all = || -> Vec<Events> { daemons.iter().map(counted).collect() };
    eventually(&format!("the truth: {truth:?}"), SOON, all, |counted| *counted == truth);
    for daemon in daemons {
        daemon.wait_next_tick();
        daemon.wait_next_tick();
    }
    assert_eq!(all(), truth, "two ticks later");
}

/// The state of the page of availability; null where there is none.
fn page(daemon: &Daemon) -> Value {
    let slo = daemon.slo("shop", "availability");
    let mut alerts = slo["alerts"].as_array().unwrap().iter();
    alerts.find(|alert| alert["severity"] == "page").map_or(Value::Null, |page| page["state"].clone())
}

#[test]
fn counts_to_the_event_through_a_gap_a_kill_a_reset_and_a_new_instance() {
    let (prometheus, old) = shop(1);
    let mut daemons =
        [(1, 1), (1, 1), (2, 1), (5, 2)].map(|(every, delay)| daemon(&prometheus, &evaluate(every, delay)));

    old.flow(CALM);
    old.wait_scraped();
    // The error series is born, at full traffic.
    old.flow(ERRORS);
    old.wait_scraped();

    // A scrape gap, in which the traffic goes on.
    old.down();
    sleep(Duration::from_secs(20));
    old.up();
    old.wait_scraped();

    // One daemon is killed at full traffic; the counters are reset while it is away.
    daemons[0].kill();
    old.wait_scraped();
    old.pause();
    prometheus.wait_caught_up(&old);
    old.restart();
    old.flow(ERRORS);
    old.wait_scraped();
    daemons[0].start();
    old.wait_scraped();
    old.pause();
    prometheus.wait_caught_up(&old);

    // The instance is replaced; the new one has served requests by its first scrape.
    let new = Service::start_when_scraped();
    new.serve(Requests { total: 30, failed: 2, slow: 5 });
    prometheus.watch(&[&new]);
    new.wait_scraped();
    new.flow(ERRORS);
    new.wait_scraped();
    new.pause();
    prometheus.wait_caught_up(&new);

    wait_counted(&daemons, old.truth() + new.truth());

    // The killed one and its twin say the same of the same instant.
    let (killed, twin) = eventually(
        "the twins at one instant",
        SOON,
        || (daemons[0].get("/api/v1/slos"), daemons[1].get("/api/v1/slos")),
        |(killed, twin)| killed["as_of"] == twin["as_of"],
    );
    for slo in 0..2 {
        for key in ["service", "slo", "events", "sli", "budget", "burn", "state"] {
            assert_eq!(killed["slos"][slo][key], twin["slos"][slo][key], "{key} at {}", killed["as_of"]);
        }
    }
}

#[test]
fn holds_the_page_and_loses_nothing_while_prometheus_is_stopped() {
    let (mut prometheus, service) = shop(1);
    let daemon = daemon(&prometheus, &evaluate(1, 1));
    let availability = || daemon.slo("shop", "availability");

    service.flow(OUTAGE);
    eventually("the page", PAGE, || page(&daemon), |page| page == "firing");
    prometheus.kill();
    let coverage = || availability()["coverage"].as_f64().unwrap();
    let covered = coverage();

    eventually("the source is missed", SOON, || availability()["state"].clone(), |state| state == "no_data");
    assert_eq!(page(&daemon), "held");
    // By now at least 15 s have passed, 0.00017 of the day; half of that is the tick under way, and rounding.
    assert!(coverage() - covered < 0.000_085, "grew from {covered} to {}", coverage());

    prometheus.start();
    eventually("the source is back", SOON, || availability()["state"].clone(), |state| state != "no_data");
    service.pause();
    prometheus.wait_caught_up(&service);
    wait_counted(&[daemon], service.truth());
}

#[test]
fn a_target_that_answers_after_eight_seconds_loses_nothing() {
    let (prometheus, service) = shop(10);
    let evaluate = "{ every: 1s, delay: 1s, scrape_interval: 10s, shortest_window: 1m, no_data_after: 1m }";
    let daemon = daemon(&prometheus, evaluate);

    service.delay(Duration::from_secs(8));
    service.flow(ERRORS);
    service.wait_scraped();
    service.pause();
    prometheus.wait_caught_up(&service);
    wait_counted(&[daemon], service.truth());
}

#[test]
fn a_stopped_target_is_no_data_and_not_ok() {
    let (prometheus, service) = shop(1);
    let daemon = daemon(&prometheus, &evaluate(1, 1));
    let state = || daemon.slo("shop", "availability")["state"].clone();

    service.flow(CALM);
    eventually("traffic without an error", SOON, state, |state| state == "ok");
    drop(service);
    eventually("the target is missed", SOON, state, |state| state == "no_data");
    daemon.wait_next_tick();
    assert_eq!(state(), "no_data", "one tick later");
}

#[test]
fn promtool_finds_no_fault_in_its_metrics_and_it_stops_when_asked() {
    let (prometheus, service) = shop(1);
    let mut daemon = daemon(&prometheus, &evaluate(1, 1));
    service.flow(ERRORS);
    let bad = || daemon.slo("shop", "availability")["events"]["bad"].as_f64();
    eventually("an error is counted", SOON, bad, |bad| *bad > Some(0.0));

    let metrics = daemon.text("/metrics");
    assert!(metrics.contains("\nburnwatch_slo_bad_events_total{"), "{metrics}");
    assert_eq!(check_metrics(&metrics), Ok(()));

    assert!(daemon.stop().success(), "{}", daemon.output());
    assert!(!daemon.output().contains("panicked"), "{}", daemon.output());
}
