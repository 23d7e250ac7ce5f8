//! A real Alertmanager that hears from two daemons.

use std::time::Duration;

use burnwatch::units::Timestamp;
use serde_json::Value;

use crate::notices::{OUTAGE, SOON, scraping, shop, start};
use crate::stand::{Alertmanager, Daemon, Requests, eventually};

/// A page over 2 min needs one minute of measurements and one of quiet; a renewal comes within one.
const PAGE: Duration = Duration::from_secs(240);

fn ends(alert: &Value) -> Timestamp {
    Timestamp::parse(alert["endsAt"].as_str().unwrap()).unwrap()
}

fn of(alerts: &[Value], severity: &str) -> Vec<Value> {
    alerts.iter().filter(|alert| alert["labels"]["severity"] == severity).cloned().collect()
}

#[test]
fn an_outage_is_one_alert_per_severity_from_two_daemons_over_a_restart_until_it_is_over() {
    let mut alertmanager = Alertmanager::start();
    let notify = format!(
        "notify:\n  - {{ name: am, alertmanager: {{ urls: ['{}'] }}, match: {{ tier: '1' }} }}",
        alertmanager.url()
    );
    let (service, first) = shop(&notify);
    let second = scraping(&service, &notify);
    let mut daemons = [first, second];
    daemons.iter_mut().for_each(start);
    service.flow(OUTAGE);
    let is_paging = |daemon: &Daemon| !daemon.get("/api/v1/alerts")["alerts"].as_array().unwrap().is_empty();
    let paging = || daemons.iter().all(is_paging);
    eventually("both daemons page", PAGE, paging, |paging| *paging);
    let told = eventually("the alert", SOON, || alertmanager.alerts(), |alerts| !of(alerts, "page").is_empty());
    let pages = of(&told, "page");
    assert_eq!(pages.len(), 1, "two daemons, one alert: {pages:?}");
    let labels = serde_json::json!({
        "alertname": "ErrorBudgetBurn", "service": "shop", "slo": "availability", "severity": "page", "tier": "1",
    });
    assert_eq!(pages[0]["labels"], labels);
    let says = |name: &str| pages[0]["annotations"][name].as_str().unwrap().to_string();
    assert!(says("description").starts_with("burning "), "{pages:?}");
    assert_eq!(says("runbook_url"), "https://wiki.example.com/shop");

    // Both have told: from here on only a renewal brings it back.
    let delivered = "burnwatch_notifications_total{channel=\"am\",outcome=\"delivered\"}";
    let told = || daemons.iter().all(|daemon| daemon.text("/metrics").contains(delivered));
    eventually("both have told", SOON, told, |told| *told);
    alertmanager.restart();
    let renewed = eventually("it is renewed", PAGE, || of(&alertmanager.alerts(), "page"), |pages| !pages.is_empty());
    assert!(ends(&renewed[0]) > ends(&pages[0]), "{renewed:?} after {pages:?}");

    service.flow(Requests { total: 5, failed: 0, slow: 0 });
    eventually("it is over", PAGE, || alertmanager.alerts(), |alerts| of(alerts, "page").is_empty());
    let is_open = |daemon: &Daemon| {
        let alerts = daemon.get("/api/v1/alerts")["alerts"].as_array().unwrap().clone();
        !of(&alerts, "page").is_empty()
    };
    assert!(!daemons.iter().all(is_open), "it was resolved, and not forgotten");
}
