//! What people are told while a service fails, by channels that fail too: each thing once, in the end, and the same
//! whoever sends it.

mod alertmanager;
mod mail;
mod secrets;
mod webhook;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::live::evaluate;
use crate::stand::{Daemon, Requests, Service, eventually};

/// A day's budget of 99.99 % is spent by 8.6 s of total outage.
const SLOS: &str = "
service: shop
owner: payments@example.com
labels: { tier: '1' }
window: 1d
slos:
  - name: availability
    description: orders taken
    objective: 99.99%
    sli: { bad: 'http_requests_total{job=\"shop\",code=~\"5..\"}', total: 'http_requests_total{job=\"shop\"}' }
    alerts: { runbook: 'https://wiki.example.com/shop' }
";

/// A notice on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(90);

const OUTAGE: Requests = Requests { total: 2, failed: 2, slow: 0 };

/// A service, and a daemon that scrapes it every second with these channels, not started yet.
pub fn shop(notify: &str) -> (Service, Daemon) {
    let service = Service::start();
    service.serve(Requests { total: 500, failed: 0, slow: 40 });
    let daemon = scraping(&service, notify);
    (service, daemon)
}

fn scraping(service: &Service, notify: &str) -> Daemon {
    let target = format!("{{ url: 'http://{}/metrics', labels: {{ job: shop }} }}", service.instance());
    let source = format!("scrape: {{ every: 1s, targets: [{target}] }}");
    let daemon = Daemon::reading(&source, &evaluate(1, 1), SLOS, Path::new("burnwatch.db"));
    daemon.configure(notify);
    daemon
}

/// Started, and it has its baseline of the service.
#[track_caller]
pub fn start(daemon: &mut Daemon) {
    daemon.start();
    let state = || daemon.slo("shop", "availability")["state"].clone();
    eventually("the SLO is measured", SOON, state, |state| *state != "no_data");
}

/// Spends the whole budget between two scrapes. The series of errors is there before: one that is born with so many is
/// not believed.
pub fn fail_at_once(service: &Service) {
    service.serve(Requests { total: 1_000_000, failed: 1, slow: 0 });
    service.wait_scraped();
    service.serve(Requests { total: 100_000_000, failed: 100_000_000, slow: 0 });
}

/// What the daemon says of its deliveries to a channel.
pub fn deliveries(daemon: &Daemon, channel: &str) -> Vec<Value> {
    let all = daemon.get("/api/v1/notifications")["notifications"].as_array().unwrap().clone();
    all.into_iter().filter(|delivery| delivery["channel"] == channel).collect()
}

fn kinds(notices: &[Value]) -> Vec<String> {
    notices.iter().map(|notice| notice["kind"].as_str().unwrap().to_string()).collect()
}
