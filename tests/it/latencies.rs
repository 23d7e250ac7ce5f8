//! Observed latencies on a real Prometheus: of classic and of native histograms, from what came while the daemon watched
//! and from nothing else.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use burnwatch::units::Timestamp;
use serde_json::{Value, json};

use crate::stand::{Daemon, Prometheus, Requests, Service, check_metrics, eventually};

/// A machine that is busy with other tests takes its time.
const SOON: Duration = Duration::from_secs(60);

/// Histograms are read whole every two seconds.
fn evaluate(latency_quantiles: &str) -> String {
    format!(
        "{{ every: 1s, delay: 2s, scrape_interval: 1s, shortest_window: 30s, no_data_after: 15s, \
         latency_quantiles: {latency_quantiles} }}"
    )
}

const SLOS: &str = r#"
service: shop
window: 1d
slos:
  - { name: requests, objective: 97%, sli: { histogram: http_request_duration_seconds, under: 200ms } }
  - { name: here, objective: 95%, sli: { histogram: 'http_request_duration_seconds{job="shop"}', under: 500ms } }
  - { name: orders, objective: 50%, sli: { histogram: order_duration_seconds, under: 200ms } }
  - { name: availability, objective: 99%, sli: { bad: 'http_requests_total{code="500"}', total: http_requests_total } }
"#;

const UNKNOWN: [Option<f64>; 6] = [None; 6];

/// The percentiles of an SLO and what its objective asks for, to the microsecond.
fn latency(daemon: &Daemon, slo: &str) -> [Option<f64>; 6] {
    let latency = &daemon.slo("shop", slo)["latency"];
    ["p50", "p90", "p95", "p99", "p99.9", "at_objective"]
        .map(|name| latency[name].as_f64().map(|seconds| (seconds * 1e6).round() / 1e6))
}

/// Returns when the daemon has read every histogram as it is now.
#[track_caller]
fn wait_read(daemon: &Daemon) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let as_of = || Timestamp::parse(daemon.get("/api/v1/slos")["as_of"].as_str().unwrap_or_default());
    let read = Some(Timestamp::seconds(now + 3));
    eventually("histograms are read", SOON, as_of, |as_of| *as_of >= read);
}

#[test]
fn tells_within_what_time_so_many_percent_were_done_since_it_began_to_watch() {
    let (shop, kitchen) = (Service::start(), Service::start());
    let prometheus = Prometheus::scraping_every(1);
    prometheus.watch(&[&shop, &kitchen]);
    shop.serve(Requests { total: 340, failed: 0, slow: 40 });
    kitchen.take_orders(&[5.0; 500]);
    prometheus.wait_caught_up(&shop);
    let stored = || prometheus.number("histogram_count(order_duration_seconds)");
    eventually("the first orders are stored", SOON, stored, |stored| *stored == Some(500.0));
    let mut daemon = Daemon::ready(&prometheus, &evaluate("2s"), SLOS);
    let unasked = Daemon::ready(&prometheus, &evaluate("off"), SLOS);
    wait_read(&daemon);
    assert_eq!(latency(&daemon, "requests"), UNKNOWN, "what was there before tells nothing");

    // 90 in each of the first three buckets, 15 in each of the next two.
    shop.serve(Requests { total: 300, failed: 0, slow: 30 });
    kitchen.take_orders(&[0.1; 100]);
    let told = [Some(0.083_333), Some(0.2), Some(0.5), Some(0.9), Some(0.99)];
    let [p50, p90, p95, p99, p999] = told;
    let requests = || latency(&daemon, "requests");
    eventually("their latency", SOON, requests, |told| *told == [p50, p90, p95, p99, p999, Some(0.7)]);
    assert_eq!(latency(&daemon, "here"), [p50, p90, p95, p99, p999, p95]);
    let orders = || latency(&daemon, "orders")[0];
    let near = |seconds: &Option<f64>| seconds.is_some_and(|seconds| (0.09..0.11).contains(&seconds));
    eventually("the orders' latency, within a bucket of theirs", SOON, orders, near);
    assert_eq!(daemon.slo("shop", "requests")["latency"]["under"], json!(0.2));
    assert_eq!(daemon.slo("shop", "availability")["latency"], Value::Null);

    let metrics = daemon.text("/metrics");
    let series = |percentile: &str| {
        format!("burnwatch_slo_latency_seconds{{service=\"shop\",slo=\"here\",percentile=\"{percentile}\"}} ")
    };
    for percentile in ["50", "90", "95", "99", "99.9"] {
        assert!(metrics.contains(&series(percentile)), "{percentile} in {metrics}");
    }
    assert_eq!(check_metrics(&metrics), Ok(()));
    assert_eq!(latency(&unasked, "requests"), UNKNOWN);
    assert!(!unasked.text("/metrics").contains("burnwatch_slo_latency_seconds"));

    daemon.kill();
    daemon.start();
    assert_eq!(latency(&daemon, "requests"), UNKNOWN, "they are not kept");
    wait_read(&daemon);
    assert_eq!(latency(&daemon, "requests"), UNKNOWN, "nothing came since");
    assert_eq!(daemon.get("/api/v1/problems")["problems"].to_string().matches("latency_unknown").count(), 0);
}
