//! The same service, live: a Prometheus that scrapes it each second runs the standalone rules that a daemon wrote, and
//! both tell what is left of the budget.

use std::path::Path;
use std::time::Duration;

use crate::live::evaluate;
use crate::stand::{Daemon, Prometheus, Requests, Service, eventually};

/// 1 s scrapes: a tile of the day's budget is 2 min, and the rates in it run over 30 s.
const TILE: Duration = Duration::from_secs(2 * (120 + 30));
const SOON: Duration = Duration::from_secs(60);

/// So much is allowed that half a minute of errors does not exhaust it. Orders are native histograms.
const SLOS: &str = r#"
service: shop
window: 1d
slos:
  - name: availability
    objective: 80%
    sli: { bad: 'http_requests_total{code="500"}', total: http_requests_total }
  - name: latency
    objective: 80%
    sli: { histogram: http_request_duration_seconds, under: 200ms }
  - name: orders
    objective: 80%
    sli: { histogram: order_duration_seconds, under: 1s }
"#;
const NAMES: [&str; 3] = ["availability", "latency", "orders"];

/// A phase of the traffic is as long as the rhythm of the sums, in scrapes: `rate` guesses what happened at the edge of its
/// window from what happened within, and so there is one such edge in each phase.
const PHASE: usize = 15;
const CALM: Requests = Requests { total: 3, failed: 0, slow: 1 };
const ERRORS: Requests = Requests { total: 3, failed: 1, slow: 2 };

#[test]
fn the_rules_of_a_daemon_and_its_ledger_agree_live() {
    let (service, kitchen) = (Service::start(), Service::start());
    // Every series is there before anything counts: what one shows at first no rate can tell.
    service.serve(Requests { total: 2, failed: 1, slow: 1 });
    kitchen.take_orders(&[0.1, 9.0]);
    let prometheus = Prometheus::scraping_every(1);
    prometheus.watch(&[&service, &kitchen]);
    prometheus.wait_caught_up(&service);
    let orders = || prometheus.number("count(histogram_count(order_duration_seconds))");
    eventually("the orders are known to be native", SOON, orders, Option::is_some);

    let mut daemon = Daemon::configured(&prometheus.url(), &evaluate(1, 1), SLOS, Path::new("burnwatch.db"));
    daemon.configure(&format!("rules: {{ dir: rules, reload: '{}/-/reload' }}", prometheus.url()));
    prometheus.configure(&format!("rule_files: ['{}']", daemon.path("rules/*.yaml").display()));
    daemon.start();
    let recorded = |name: &str, slo: &str| prometheus.number(&format!("slo:{name}{{service=\"shop\",slo=\"{slo}\"}}"));
    let recording = || NAMES.map(|slo| recorded("bad_events:rate30s", slo));
    eventually("every SLO is recorded", SOON, recording, |rates| rates.iter().all(Option::is_some));

    for (requests, orders) in [(CALM, [0.1, 0.1, 9.0]), (ERRORS, [0.1, 9.0, 9.0]), (CALM, [0.1, 0.1, 0.1])] {
        service.flow(requests);
        for _ in 0..PHASE {
            kitchen.take_orders(&orders.repeat(10));
            service.wait_scraped();
        }
    }
    service.pause();
    prometheus.wait_caught_up(&service);

    // The budgets of both, once the last tile is counted.
    let budgets = || {
        NAMES.map(|slo| {
            let counted = daemon.slo("shop", slo)["budget"]["remaining"].as_f64();
            (slo, recorded("error_budget_remaining:ratio", slo), counted)
        })
    };
    let agree = |budgets: &[(&str, Option<f64>, Option<f64>); 3]| {
        budgets
            .iter()
            .all(|(_, rules, ledger)| rules.zip(*ledger).is_some_and(|(one, other)| (one - other).abs() < 0.01))
    };
    let budgets = eventually("both say the same", TILE, budgets, agree);
    for (slo, _, ledger) in budgets {
        assert!(ledger < Some(0.9), "{slo}: there is something to disagree about: {ledger:?}");
        let coverage = recorded("window_coverage:ratio", slo).unwrap();
        let covered = daemon.slo("shop", slo)["coverage"].as_f64().unwrap();
        assert!((coverage - covered).abs() < 0.01, "{slo}: {coverage} and {covered}");
    }
    let recorded = prometheus.query("{__name__=~\"slo:.*\"}");
    let poisoned = recorded.as_array().unwrap().iter().find(|series| series["value"][1] == "NaN");
    assert_eq!(poisoned, None);
}
