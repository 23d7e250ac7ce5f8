//! The daemon without a Prometheus: it scrapes a service whose counts are known, and must count the truth to the event.

use std::future;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::Value;

use crate::live::{ERRORS, SLOS, SOON, evaluate, wait_counted, wait_measured};
use crate::prometheus_source::fake::Fake;
use crate::stand::{Daemon, Requests, Service, check_metrics, eventually};

/// A daemon that scrapes these targets every second, not started yet.
fn reading(targets: &[String], evaluate: &str, slos: &str) -> Daemon {
    let source = format!("scrape: {{ every: 1s, targets: [{}] }}", targets.join(", "));
    Daemon::reading(&source, evaluate, slos, Path::new("burnwatch.db"))
}

fn target(job: &str, url: &str) -> String {
    format!("{{ url: '{url}', labels: {{ job: {job} }} }}")
}

fn url(service: &Service) -> String {
    format!("http://{}/metrics", service.instance())
}

/// What it says of targets that are not scraped.
fn failing(daemon: &Daemon) -> Vec<String> {
    let problems = daemon.get("/api/v1/problems")["problems"].as_array().unwrap().clone();
    let failing = problems.iter().filter(|problem| problem["code"] == "scrape_failed");
    failing.map(|problem| problem["what"].as_str().unwrap().to_string()).collect()
}

/// Started, with its baseline of services at rest: what is served from here on, it must count.
#[track_caller]
fn daemon(services: &[&Service], evaluate: &str) -> Daemon {
    let mut daemon = Daemon::scraping(services, evaluate, SLOS);
    daemon.start();
    wait_measured(&daemon);
    daemon
}

fn shop() -> Service {
    let service = Service::start();
    service.serve(Requests { total: 500, failed: 0, slow: 40 });
    service
}

/// Pauses a service, and returns when every daemon has counted all that it and others served: then a process may end.
#[track_caller]
fn settle(daemons: &[Daemon], service: &Service, others: Requests) {
    service.pause();
    service.wait_scraped();
    wait_counted(daemons, service.truth() + others);
}

#[test]
fn counts_to_the_event_through_resets_a_gap_and_kills() {
    let service = shop();
    let mut daemons = [(1, 1), (2, 1)].map(|(every, delay)| daemon(&[&service], &evaluate(every, delay)));
    service.mark();

    service.flow(Requests { failed: 0, ..ERRORS });
    (0..3).for_each(|_| daemons[0].wait_next_tick());
    // The error series is born at full traffic, while one daemon is not there.
    daemons[0].kill();
    service.flow(ERRORS);
    service.wait_scraped();
    daemons[0].start();
    service.wait_scraped();

    // A gap, in which the traffic goes on.
    service.down();
    sleep(Duration::from_secs(20));
    service.up();
    service.wait_scraped();

    // Killed at full traffic, several times.
    for _ in 0..3 {
        daemons[0].kill();
        sleep(Duration::from_millis(700));
        daemons[0].start();
        service.wait_scraped();
    }

    // Another process.
    settle(&daemons, &service, Requests::default());
    service.restart();
    service.serve(Requests { total: 800, failed: 400, slow: 200 });
    service.flow(ERRORS);
    service.wait_scraped();
    // And another, while one daemon is not there. It sees a reset by the fall: the new process has served less by then.
    settle(&daemons, &service, Requests::default());
    daemons[0].kill();
    service.restart();
    service.flow(ERRORS);
    service.wait_scraped();
    daemons[0].start();
    service.wait_scraped();
    settle(&daemons, &service, Requests::default());
}

#[test]
fn an_instance_takes_over_from_another_and_nothing_is_lost() {
    let (old, new) = (shop(), Service::start_when_scraped());
    new.down();
    let daemons = [(1, 1), (2, 1)].map(|(every, delay)| daemon(&[&old, &new], &evaluate(every, delay)));
    old.mark();
    let down = format!("scraping shop: {} answered 503 Service Unavailable", url(&new));
    for daemon in &daemons {
        assert_eq!(failing(daemon), [&*down]);
        assert_eq!(daemon.get("/health")["checks"]["source"]["reason"], *down);
    }

    old.flow(ERRORS);
    old.wait_scraped();
    settle(&daemons, &old, Requests::default());
    old.down();
    // It has served requests by its first scrape.
    new.serve(Requests { total: 30, failed: 2, slow: 5 });
    new.up();
    new.wait_scraped();
    new.flow(ERRORS);
    new.wait_scraped();
    settle(&daemons, &new, old.truth());
    for daemon in &daemons {
        let [failing] = &failing(daemon)[..] else { panic!("the old one alone") };
        assert!(failing.contains(&old.instance()), "{failing}");
        assert_eq!(check_metrics(&daemon.text("/metrics")), Ok(()));
    }
}

#[test]
fn up_is_a_gauge_of_every_target_whether_it_answers_or_not() {
    let service = Service::start();
    let slos = "service: shop\nslos: [{ name: up, objective: 99%, sli: { up: 'up{job=\"shop\"}', every: 4s } }]\n";
    let mut daemon = reading(&[target("shop", &url(&service))], &evaluate(1, 1), slos);
    daemon.start();
    let events = || {
        let events = &daemon.slo("shop", "up")["events"];
        (events["total"].as_f64().unwrap_or(0.0), events["bad"].as_f64().unwrap_or(0.0))
    };
    eventually("two good slices", SOON, events, |events| *events == (2.0, 0.0));
    service.down();
    let (_, bad) = eventually("two bad slices", SOON, events, |(_, bad)| *bad >= 2.0);
    service.up();
    // The slice under way may be bad, and the one that was not judged yet when it came up again.
    let (total, _) = events();
    let (_, after) = eventually("four slices more", SOON, events, |(now, _)| *now >= total + 4.0);
    assert!(after <= bad + 2.0, "{bad} bad slices, then {after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_that_says_when_it_began_counts_from_there() {
    let is_there = Arc::new(AtomicBool::new(false));
    let fake = async |tells: bool| {
        let is_there = is_there.clone();
        Fake::answering(move || {
            let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - 5;
            let created = if tells { format!("jobs_created {began}\n") } else { String::new() };
            let body = format!("# TYPE jobs counter\njobs_total 7\n{created}# EOF\n");
            let status = if is_there.load(Ordering::SeqCst) { StatusCode::OK } else { StatusCode::NOT_FOUND };
            (status, [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0")], body)
        })
        .await
    };
    let (telling, silent, service) = (fake(true).await, fake(false).await, Service::start());
    let slo = |job: &str, total: &str| {
        let bad = "http_requests_total{code=\"500\"}";
        format!("  - {{ name: {job}, objective: 99%, sli: {{ bad: '{bad}', total: '{total}{{job=\"{job}\"}}' }} }}\n")
    };
    let slos = ["telling", "silent"].map(|job| slo(job, "jobs_total")).concat();
    let slos = format!("service: shop\nslos:\n{slos}{}", slo("here", "http_requests_total"));
    let targets = [("telling", &*telling.url), ("silent", &*silent.url), ("here", &*url(&service))];
    let mut daemon = reading(&targets.map(|(job, url)| target(job, url)), &evaluate(1, 1), &slos);
    daemon.start();
    // Counting has gone on for a while before they come.
    (0..8).for_each(|_| daemon.wait_next_tick());
    is_there.store(true, Ordering::SeqCst);
    let total = |job: &str| daemon.slo("shop", job)["events"]["total"].as_f64();
    let totals = || [total("telling"), total("silent")];
    eventually("both are counted", SOON, totals, |totals| totals.iter().all(Option::is_some) && totals[0] > Some(0.0));
    daemon.wait_next_tick();
    daemon.wait_next_tick();
    assert_eq!(totals(), [Some(7.0), Some(0.0)], "and not again, though it says so each time");
}

/// Bytes that come as fast as they are taken, or so slowly that they never end.
fn flood() -> Response {
    Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'#'; 65_536]))).into_response()
}

fn drip() -> Response {
    Body::from_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>()).into_response()
}

/// More series than may be held, all of a metric that an SLO reads.
fn crowd() -> String {
    (0..100_001).map(|index| format!("http_requests_total{{code=\"200\",id=\"{index}\"}} 1\n")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_targets_are_problems_and_the_others_count_on() {
    let malformed = Fake::answering(|| "http_requests_total{code=\"200\"} 3\nhttp_requests_total{code= 4\n").await;
    let mixed = Fake::answering(|| "http_requests_total 3\n# EOF\nhttp_requests_total 4\n").await;
    let page = Fake::answering(|| "<!doctype html><title>Sign in</title>").await;
    let (endless, slow) = (Fake::answering(flood).await, Fake::answering(drip).await);
    let (silent, huge) = (Fake::serving(future::pending::<&str>).await, Fake::answering(crowd).await);
    let bad = [&malformed, &page, &endless, &slow, &silent, &huge];
    let service = shop();
    let mut targets: Vec<String> = bad.iter().map(|fake| target("shop", &fake.url)).collect();
    targets.extend([target("odd", &mixed.url), target("shop", &url(&service))]);
    let mut daemon = reading(&targets, &evaluate(2, 1), SLOS);
    daemon.start();
    wait_measured(&daemon);
    service.mark();
    service.flow(ERRORS);
    service.wait_scraped();
    for fake in bad {
        let is_told = |failing: &Vec<String>| failing.iter().any(|what| what.contains(&fake.url));
        eventually(&format!("{} is a problem", fake.url), SOON, || failing(&daemon), is_told);
    }
    let daemons = [daemon];
    settle(&daemons, &service, Requests::default());
    let metrics = daemons[0].text("/metrics");
    let resident = metrics.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    let resident: f64 = resident.unwrap().parse().unwrap();
    assert!(resident < 256e6, "{} MB resident", resident / 1e6);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_page_is_asked_for_each_of_its_targets() {
    let exporter = Fake::answering(|| "probe_success 1\n").await;
    let probe = |host: &str| {
        let params = format!("params: {{ target: 'https://{host}/?a=b&c', module: http_2xx }}");
        format!("{{ url: '{}/probe', {params}, labels: {{ instance: {host} }} }}", exporter.url)
    };
    let slo = "service: shop\nslos:\n- { name: up, objective: 99%, sli: { up: 'probe_success{instance=\"b\"}' } }\n";
    let mut daemon = reading(&[probe("a"), probe("b")], &evaluate(1, 1), slo);
    daemon.start();
    let asked = || exporter.asked().iter().map(|asked| asked.uri.to_string()).collect::<Vec<_>>();
    let ask = |host| format!("/probe?target=https%3A%2F%2F{host}%2F%3Fa%3Db%26c&module=http_2xx");
    eventually("both are asked for", SOON, asked, |asked| ["a", "b"].iter().all(|host| asked.contains(&ask(host))));
}

#[test]
fn check_says_what_cannot_be_had_by_scraping_and_asks_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let slos = "service: shop\nslos:\n  - name: a\n    objective: 99%\n    \
                sli: { bad: 'sum(rate(b[$window]))', total: 'sum(rate(t[$window]))' }\n";
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("a.yaml", slos);
    write("burnwatch.yaml", "source: { scrape: { targets: [{ url: 'http://127.0.0.1:1/metrics' }] } }\n");
    let check = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_burnwatch"));
        let output = command.args(["check", "a.yaml", "--output", "json"]).current_dir(&dir).output().unwrap();
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), json["problems"].as_array().unwrap().clone())
    };
    let (code, problems) = check();
    assert_eq!((code, problems.len()), (Some(1), 1), "{problems:?}");
    assert_eq!((&problems[0]["code"], &problems[0]["line"]), (&"needs_prometheus".into(), &3.into()));
    write("burnwatch.yaml", "source: { prometheus: { url: 'http://127.0.0.1:1' } }\n");
    assert_eq!(check(), (Some(0), vec![]));
}
