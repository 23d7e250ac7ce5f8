//! Every kind of SLI beside counters, on a real Prometheus: each slice and each observation counts once, also when the
//! daemon is killed in the middle of a slice.

use std::time::Duration;

use burnwatch::units::Timestamp;
use serde_json::Value;

use crate::stand::{Daemon, Prometheus, Requests, Service, eventually};

/// A machine that is busy with other tests takes its time.
const SOON: Duration = Duration::from_secs(60);

/// Each second, seen two seconds later: by then a scrape, which may take one second, is stored.
const EVALUATE: &str = "{ every: 1s, delay: 2s, scrape_interval: 1s, shortest_window: 30s, no_data_after: 15s }";

/// In seconds; the slices of every SLO here.
const EVERY: i64 = 4;

/// The gain of a counter between two moments is exact, where `increase` would extrapolate.
const SLICES: &str = r#"
service: shop
window: 1d
slos:
  - name: bad-of-total
    objective: 99%
    sli:
      bad: 'sum(http_requests_total{code=~"5.."}) - (sum(http_requests_total{code=~"5.."} offset $window) or vector(0))'
      total: 'sum(http_requests_total) - sum(http_requests_total offset $window)'
      every: 4s
  - name: good-and-bad
    objective: 99%
    sli:
      good: 'sum(http_requests_total{code="200"}) - sum(http_requests_total{code="200"} offset $window)'
      bad: 'sum(http_requests_total{code=~"5.."}) - (sum(http_requests_total{code=~"5.."} offset $window) or vector(0))'
      every: 4s
  - { name: open, objective: 99%, sli: { value: shop_open, over: 0.5, every: 4s } }
  - { name: closed, objective: 99%, sli: { value: sum(shop_open), under: 1.5, every: 4s } }
  - { name: throughout, objective: 99%, sli: { up: shop_open, every: 4s } }
"#;

#[track_caller]
fn moment(value: &Value) -> i64 {
    Timestamp::parse(value.as_str().unwrap()).unwrap().as_millis() / 1_000
}

/// Total and bad events of an SLO.
fn events(daemon: &Daemon, slo: &str) -> (Option<f64>, Option<f64>) {
    let events = &daemon.slo("shop", slo)["events"];
    (events["total"].as_f64(), events["bad"].as_f64())
}

#[track_caller]
fn wait_measured(daemon: &Daemon, slos: &[&str]) {
    for slo in slos {
        let state = || daemon.slo("shop", slo)["state"].clone();
        eventually(&format!("{slo} is measured"), SOON, state, |state| *state != "no_data");
    }
}

/// When (in seconds) each series of the gauge had which value, as Prometheus stores it.
fn openings(prometheus: &Prometheus) -> Vec<Vec<(f64, f64)>> {
    let number = |value: &Value| value.as_str().and_then(|text| text.parse().ok()).unwrap();
    let sample = |sample: &Value| (sample[0].as_f64().unwrap(), number(&sample[1]));
    let series = prometheus.query("shop_open[10m]");
    series
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["values"].as_array().unwrap().iter().map(sample).collect())
        .collect()
}

/// The ends of the slices that an SLO has counted.
fn ends(slo: &Value) -> impl Iterator<Item = f64> + use<> {
    let (from, to) = (moment(&slo["from"]), moment(&slo["to"]));
    (from + 1..=to).filter(|second| second % EVERY == 0).map(|second| second as f64)
}

/// The values of the samples after `start` up to `end`.
fn within(series: &[(f64, f64)], start: f64, end: f64) -> Vec<f64> {
    series.iter().filter(|(at, _)| *at > start && *at <= end).map(|(_, value)| *value).collect()
}

#[test]
fn counts_every_slice_once_though_it_is_killed_in_the_middle_of_one() {
    let services = [Service::start(), Service::start()];
    let [shop, branch] = &services;
    let prometheus = Prometheus::scraping_every(1);
    for service in &services {
        service.serve(Requests { total: 500, failed: 0, slow: 0 });
        service.set_open(true);
    }
    prometheus.watch(&[shop, branch]);
    services.iter().for_each(|service| prometheus.wait_caught_up(service));
    // A slice looks back: what was not stored at its beginning would seem to have been gained in it.
    let stored = || prometheus.number("count(http_requests_total) == count(http_requests_total offset 6s)");
    eventually("every series was stored for a slice", SOON, stored, Option::is_some);
    let mut daemon = Daemon::ready(&prometheus, EVALUATE, SLICES);
    wait_measured(&daemon, &["bad-of-total", "good-and-bad", "open", "closed", "throughout"]);
    services.iter().for_each(Service::mark);

    shop.flow(Requests { total: 3, failed: 1, slow: 0 });
    branch.flow(Requests { total: 2, failed: 0, slow: 0 });
    branch.wait_scraped();
    branch.set_open(false);
    branch.wait_scraped();
    let as_of = || moment(&daemon.get("/api/v1/slos")["as_of"]);
    let killed_at = eventually("the middle of a slice", SOON, as_of, |as_of| as_of % EVERY == EVERY / 2);
    daemon.kill();
    branch.set_open(true);
    (0..3).for_each(|_| shop.wait_scraped());
    daemon.start();
    shop.wait_scraped();
    services.iter().for_each(Service::pause);
    services.iter().for_each(|service| prometheus.wait_caught_up(service));

    let truth = shop.truth() + branch.truth();
    let truth = (Some(truth.total as f64), Some(truth.failed as f64));
    let both = || ["bad-of-total", "good-and-bad"].map(|slo| events(&daemon, slo));
    eventually(&format!("the truth: {truth:?}"), SOON, both, |counted| *counted == [truth; 2]);
    let as_of = || moment(&daemon.get("/api/v1/slos")["as_of"]);
    let counted_at = as_of();
    eventually("two slices later", SOON, as_of, |as_of| *as_of > counted_at + 2 * EVERY);
    assert_eq!(both(), [truth; 2], "two slices later");

    let openings = openings(&prometheus);
    // Prometheus takes the last sample of five minutes for the present value; none here is that old.
    let before_end = |end: f64| openings.iter().filter_map(|series| within(series, 0.0, end).pop()).collect::<Vec<_>>();
    let check = |name: &str, judged: &dyn Fn(f64) -> Vec<bool>| {
        let slo = daemon.slo("shop", name);
        assert!(moment(&slo["from"]) < killed_at && killed_at + EVERY < moment(&slo["to"]), "{slo}");
        let bad: Vec<bool> = ends(&slo).flat_map(judged).map(|good| !good).collect();
        let count = |bad: &[bool]| bad.iter().filter(|bad| **bad).count() as f64;
        assert!(count(&bad) > 0.0 && count(&bad) < bad.len() as f64, "{name} shows nothing: {bad:?}");
        let told = (slo["events"]["total"].as_f64(), slo["events"]["bad"].as_f64());
        assert_eq!(told, (Some(bad.len() as f64), Some(count(&bad))), "{slo}");
    };
    check("open", &|end| before_end(end).iter().map(|value| *value > 0.5).collect());
    check("closed", &|end| {
        // Nothing was stored yet at the first of them.
        let values = before_end(end);
        (!values.is_empty()).then(|| values.iter().sum::<f64>() < 1.5).into_iter().collect()
    });
    check("throughout", &|end| {
        let slices = openings.iter().map(|series| within(series, end - EVERY as f64, end));
        slices.filter(|slice| !slice.is_empty()).map(|slice| slice.iter().all(|value| *value == 1.0)).collect()
    });
}

/// The second is native as well as the first, which is wider.
const ORDERS: &str = r#"
service: shop
window: 1d
slos:
  - { name: everywhere, objective: 60%, sli: { histogram: order_duration_seconds, under: 200ms } }
  - { name: in-the-shop, objective: 60%, sli: { histogram: 'order_duration_seconds{job="shop"}', under: 200ms } }
"#;

/// Durations around 150 ms, many of them near 200 ms, always the same.
fn durations(count: usize) -> Vec<f64> {
    let mut state: u64 = 1;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    // The sum of twelve is as good as normal.
    (0..count).map(|_| 0.15 * (0.6 * ((0..12).map(|_| uniform()).sum::<f64>() - 6.0)).exp()).collect()
}

#[test]
fn counts_a_native_histogram_to_the_event_and_its_good_ones_within_half_a_percent() {
    let service = Service::start();
    let first = durations(700);
    service.take_orders(&first);
    let prometheus = Prometheus::scraping_every(1);
    prometheus.watch(&[&service]);
    let stored = || prometheus.number("histogram_count(order_duration_seconds)");
    eventually("the first orders are stored", SOON, stored, |stored| *stored == Some(700.0));
    let mut daemon = Daemon::ready(&prometheus, EVALUATE, ORDERS);
    wait_measured(&daemon, &["everywhere", "in-the-shop"]);

    let orders = durations(10_000);
    let good = first.iter().chain(&orders).filter(|seconds| **seconds <= 0.2).count() as f64;
    for (number, some) in orders.chunks(1_250).enumerate() {
        match number {
            2 => daemon.kill(),
            5 => daemon.start(),
            _ => {}
        }
        service.take_orders(some);
        service.wait_scraped();
    }
    for slo in ["everywhere", "in-the-shop"] {
        let total = || events(&daemon, slo).0;
        eventually("every order is counted", SOON, total, |total| *total == Some(10_700.0));
        daemon.wait_next_tick();
        let (total, bad) = events(&daemon, slo);
        assert_eq!(total, Some(10_700.0), "{slo}, a tick later");
        let counted = 10_700.0 - bad.unwrap();
        assert!((counted - good).abs() <= 0.005 * good, "{slo}: {counted} of {good} good ones");
        let problems = daemon.slo("shop", slo)["problems"].to_string();
        assert!(problems.contains("interpolated"), "{problems}");
    }
}

/// Of an hourly value there is nothing to ask for most of the time.
const SELDOM: &str = r#"
service: shop
slos:
  - { name: now, objective: 99%, sli: { up: shop_open } }
  - { name: hourly, objective: 99%, sli: { value: shop_open, over: 0.5, every: 1h } }
"#;

#[test]
fn a_source_that_is_down_is_one_problem_though_some_questions_need_no_asking() {
    let mut prometheus = Prometheus::scraping_every(1);
    let daemon = Daemon::ready(&prometheus, EVALUATE, SELDOM);
    let problems = || daemon.get("/api/v1/problems")["problems"].as_array().unwrap().clone();
    eventually("the past is read", SOON, problems, |problems| problems.is_empty());
    prometheus.kill();
    let told = eventually("the source is missed", SOON, problems, |problems| !problems.is_empty());
    assert_eq!((told.len(), &told[0]["code"], &told[0]["slo"]), (1, &"source_unreachable".into(), &Value::Null));
    let answered = || {
        let metrics = daemon.text("/metrics");
        assert!(metrics.contains("\nburnwatch_source_up 0\n"), "{metrics}");
        metrics
            .lines()
            .find(|line| line.starts_with("burnwatch_source_queries_total{outcome=\"answered\"}"))
            .map(String::from)
    };
    let before = answered();
    daemon.wait_next_tick();
    daemon.wait_next_tick();
    assert_eq!(answered(), before, "nothing was answered since");
}
