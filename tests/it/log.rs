//! What the daemon logs of everything that can go wrong at once: lines that a program can sort by.

use std::time::Duration;

use serde_json::Value;

use crate::live::evaluate;
use crate::stand::{Daemon, Manner, Receiver, Requests, Service, eventually, http};
use crate::web::exchanged;

/// On a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(60);

const SLOS: &str = "
service: shop
window: 1d
slos:
  - name: availability
    objective: 99.99%
    sli: { bad: 'http_requests_total{job=\"shop\",code=~\"5..\"}', total: 'http_requests_total{job=\"shop\"}' }
";

/// Returns when it has logged a line with these fields.
#[track_caller]
fn wait_logged(daemon: &Daemon, fields: &[(&str, &str)]) -> Value {
    let is_it = |line: &Value| fields.iter().all(|(name, value)| line[name].as_str() == Some(value));
    let line = || daemon.log().into_iter().rev().find(is_it);
    eventually(&format!("a line with {fields:?}"), SOON, line, Option::is_some).unwrap()
}

#[test]
fn every_line_is_flat_and_names_what_it_is_about_as_the_metrics_do() {
    let (service, receiver) = (Service::start(), Receiver::start(&[Manner::Answer(500)]));
    service.serve(Requests { total: 500, failed: 1, slow: 0 });
    let mut daemon = Daemon::scraping(&[&service], &evaluate(1, 1), SLOS);
    let hook = format!("notify: [{{ name: hook, webhook: {{ url: '{}' }} }}]", receiver.url());
    daemon.configure(&format!("log: {{ level: debug }}\n{hook}"));
    daemon.write("slos/wrong.yaml", "service: shop\nslos: [{ name: wrong, objective: 101%, sli: { up: up } }]");
    daemon.write("slos/broken.yaml", "service: [");
    daemon.start();
    let of = |slo| [("service", "shop"), ("slo", slo)];
    let state = || daemon.slo("shop", "availability")["state"].clone();
    eventually("it is measured", SOON, state, |state| *state != "no_data");
    let wrong = wait_logged(&daemon, &of("wrong"));
    assert_eq!((&wrong["level"], &wrong["code"]), (&"ERROR".into(), &"objective".into()), "{wrong}");

    service.serve(Requests { total: 100_000, failed: 100_000, slow: 0 });
    let [service_is, slo_is] = of("availability");
    wait_logged(&daemon, &[service_is, slo_is, ("kind", "budget_exhausted"), ("level", "WARN")]);
    for told in ["not delivered yet", "delivered"] {
        wait_logged(&daemon, &[service_is, slo_is, ("channel", "hook"), ("message", told)]);
    }
    service.down();
    let source = || daemon.log().into_iter().find(|line| line["message"].as_str().unwrap().contains("503"));
    let source = eventually("the source is told", SOON, source, Option::is_some).unwrap();
    assert!(source["code"].is_string() && source["service"].is_null(), "{source}");
    daemon.stop();
    assert_eq!(daemon.log().last().unwrap()["message"], "stopped");
}

#[test]
fn who_is_refused_is_told_a_name_by_which_the_log_knows_why() {
    let service = Service::start();
    let mut daemon = Daemon::scraping(&[&service], &evaluate(1, 1), SLOS);
    daemon.start();
    let ask = |path: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        let answer = exchanged(daemon.port(), head.as_bytes());
        answer.lines().find_map(|line| line.strip_prefix("x-request-id: ").map(str::to_string))
    };
    assert_eq!(ask("/health/live"), None);
    let long = format!("/{}", "x".repeat(1_000));
    let ids = ["/nowhere?password=secret", "/api/v1/slos?state=none", &long].map(|path| ask(path).unwrap());
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
    for (id, (path, code)) in ids.iter().zip([("/nowhere", 404), ("/api/v1/slos", 400), (&long[..200], 404)]) {
        let line = wait_logged(&daemon, &[("request_id", id), ("path", path)]);
        assert_eq!(
            (&line["code"], &line["method"], &line["client"]),
            (&code.into(), &"GET".into(), &"127.0.0.1".into())
        );
    }
    assert!(!daemon.output().contains("secret"));
}

#[test]
fn a_reload_changes_how_much_is_logged() {
    let service = Service::start();
    let mut daemon = Daemon::scraping(&[&service], &evaluate(1, 1), SLOS);
    daemon.configure("log: { level: error }");
    daemon.start();
    daemon.answer("/nowhere");
    assert_eq!(daemon.output(), "");
    let config = std::fs::read_to_string(daemon.path("burnwatch.yaml")).unwrap();
    daemon.write("burnwatch.yaml", &config.replace("level: error", "level: info"));
    assert_eq!(http::post(daemon.port(), "/-/reload", "").unwrap().0, 200);
    let logged = || {
        daemon.answer("/nowhere");
        daemon.log()
    };
    eventually("a refusal is logged", SOON, logged, |lines| lines.iter().any(|line| line["message"] == "refused"));
}
