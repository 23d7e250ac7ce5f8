//! Files that change while the daemon runs, told by a request, a signal or the files themselves. What is right is taken up
//! between two ticks, what is wrong stays as it was, and no event is lost by it.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::live::{ERRORS, SLOS, SOON, evaluate, shop, wait_counted, wait_measured};
use crate::notices;
use crate::stand::{Daemon, Receiver, Requests, Service, check_metrics, eventually, http};

const RELOADS: usize = 100;
/// After each, so that they fall on every part of a tick.
const PAUSE: Duration = Duration::from_millis(130);
/// What memory may grow by while nothing leaks: arenas that fill, and the ledger.
const MEMORY_KIB: u64 = 16 << 10;
/// Connections to a Prometheus that come and go.
const DESCRIPTORS: usize = 12;

/// One more SLO, of a wider selector on which those of [`SLOS`] ride while it is there.
const WIDER: &str = "  - { name: wider, objective: 99%, sli: { bad: 'http_requests_total{code=\"500\"}', total: http_requests_total } }\n";
const BROKEN: &str = "service: [";

fn availability() -> &'static str {
    SLOS.split("  - name: latency").next().unwrap()
}

/// A daemon that scrapes `service` each second and ticks as often.
fn scraping(service: &Service, slos: &str) -> Daemon {
    let mut daemon = Daemon::scraping(&[service], &evaluate(1, 1), slos);
    daemon.start();
    measured(&daemon, "availability");
    daemon
}

#[track_caller]
fn measured(daemon: &Daemon, name: &str) {
    let state = || daemon.slo("shop", name)["state"].clone();
    eventually(&format!("{name} is measured"), SOON, state, |state| *state != "no_data");
}

/// The SLOs that it counts, with their objectives.
fn declared(daemon: &Daemon) -> Vec<(String, f64)> {
    let slos = daemon.get("/api/v1/slos")["slos"].take();
    let told = |slo: &Value| (slo["slo"].as_str().unwrap().to_string(), slo["objective"].as_f64().unwrap());
    let mut declared: Vec<_> = slos.as_array().unwrap().iter().map(told).collect();
    declared.sort_by(|a, b| a.0.cmp(&b.0));
    declared
}

fn expected(slos: &[(&str, f64)]) -> Vec<(String, f64)> {
    slos.iter().map(|(name, objective)| (name.to_string(), *objective)).collect()
}

fn codes(refusal: &Value) -> Vec<&str> {
    refusal["problems"].as_array().unwrap().iter().map(|problem| problem["code"].as_str().unwrap()).collect()
}

/// Puts `to` in the place of `from` in its configuration.
fn reconfigure(daemon: &Daemon, from: &str, to: &str) {
    let path = daemon.path("burnwatch.yaml");
    let config = fs::read_to_string(&path).unwrap();
    assert!(config.contains(from), "{config}");
    fs::write(path, config.replace(from, to)).unwrap();
}

/// Its open descriptors, and its resident memory in KiB.
fn held(daemon: &Daemon) -> (usize, u64) {
    let proc = format!("/proc/{}", daemon.id());
    let status = fs::read_to_string(format!("{proc}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let descriptors = fs::read_dir(format!("{proc}/fd")).unwrap().count();
    (descriptors, resident.trim().trim_end_matches(" kB").parse().unwrap())
}

#[test]
fn a_hundred_reloads_under_load_miss_no_event_and_no_tick_and_hold_nothing() {
    let (prometheus, service) = shop(1);
    let daemons = [(), ()].map(|()| Daemon::ready(&prometheus, &evaluate(1, 1), SLOS));
    daemons.iter().for_each(wait_measured);
    let [reloaded, twin] = &daemons;
    let ticks = |daemon: &Daemon| daemon.series("burnwatch_tick_duration_seconds_count").unwrap();
    service.flow(ERRORS);
    let before = daemons.each_ref().map(ticks);
    let (more, other) = (format!("{SLOS}{WIDER}"), SLOS.replace("99.9%", "99.5%"));
    let wrong = SLOS.replace("99.9%", "99.9");
    let versions = [(SLOS, 200, 3), (&more, 200, 4), (&other, 200, 3), (&wrong, 400, 3), (BROKEN, 400, 3)];
    let mut first = (0, 0);
    for reload in 0..RELOADS {
        let (slos, status, _) = versions[reload % versions.len()];
        reloaded.declare(slos);
        assert_eq!(reloaded.reload().0, status, "{slos}\n{}", reloaded.output());
        if reload == RELOADS / 5 {
            first = held(reloaded);
        }
        sleep(PAUSE);
    }
    assert_eq!(declared(reloaded), expected(&[("availability", 0.995), ("latency", 0.95)]), "what was right last");
    reloaded.declare(SLOS);
    assert_eq!(reloaded.reload().0, 200);
    let wider = || reloaded.series("burnwatch_source_series{query=\"http_requests_total\"}");
    eventually("what nobody asks any more is forgotten", SOON, wider, Option::is_none);
    let (descriptors, memory) = held(reloaded);
    assert!(descriptors <= first.0 + DESCRIPTORS, "{descriptors} descriptors after {}", first.0);
    assert!(memory <= first.1 + MEMORY_KIB, "{memory} KiB after {}", first.1);
    let [ticked, twins] = [(reloaded, before[0]), (twin, before[1])].map(|(daemon, before)| ticks(daemon) - before);
    assert!(ticked + 3.0 > twins, "{ticked} ticks, and {twins} of one that was left alone");
    service.pause();
    service.wait_scraped();
    wait_counted(&daemons, service.truth());
}

#[test]
fn what_is_wrong_stays_as_it_was_and_is_told_until_it_is_mended() {
    let service = Service::start();
    let daemon = scraping(&service, SLOS);
    let successful = || daemon.series("burnwatch_config_last_reload_successful");
    let all = expected(&[("availability", 0.999), ("latency", 0.95)]);
    assert_eq!(successful(), Some(1.0));

    // One SLO of two.
    daemon.declare(&SLOS.replace("99.9%", "99.9").replace("95%", "90%"));
    let (status, refusal) = daemon.reload();
    assert_eq!((status, codes(&refusal)), (400, vec!["objective"]), "{refusal}");
    assert_eq!(refusal["problems"][0]["slo"], "availability");
    assert_eq!(declared(&daemon), expected(&[("availability", 0.999), ("latency", 0.9)]));
    assert_eq!(daemon.slo("shop", "availability")["problems"][0]["code"], "objective", "it carries the problem");
    assert_eq!(successful(), Some(0.0));

    // The whole file, and another that comes.
    daemon.declare(SLOS);
    assert_eq!(daemon.reload().0, 200);
    daemon.declare(BROKEN);
    daemon.write("slos/other.yaml", &format!("service: other\nslos:\n{WIDER}"));
    assert_eq!(daemon.reload().0, 400);
    let with_the_other = [all.clone(), expected(&[("wider", 0.99)])].concat();
    assert_eq!(declared(&daemon), with_the_other);

    // The configuration: all or nothing, and what is declared goes on.
    daemon.declare(SLOS);
    fs::remove_file(daemon.path("slos/other.yaml")).unwrap();
    reconfigure(&daemon, "no_data_after: 15s", "no_data_after: 20s, evry: 2s");
    let (status, refusal) = daemon.reload();
    assert_eq!((status, codes(&refusal)), (400, vec!["unknown_key"]), "{refusal}");
    assert_eq!(declared(&daemon), all);
    reconfigure(&daemon, ", evry: 2s", "");
    daemon.configure("notify: [{ name: hook }]");
    let (status, refusal) = daemon.reload();
    assert_eq!((status, codes(&refusal)), (400, vec!["channel"]), "{refusal}");
    reconfigure(&daemon, "notify: [{ name: hook }]", "");

    // What only a start takes up.
    reconfigure(&daemon, "listen: 127.0.0.1", "listen: 127.0.0.2");
    reconfigure(&daemon, "path: burnwatch.db", "path: other.db");
    let (status, refusal) = daemon.reload();
    assert_eq!((status, codes(&refusal)), (400, vec!["restart", "restart"]), "{refusal}");
    let whats: Vec<&str> =
        refusal["problems"].as_array().unwrap().iter().map(|problem| problem["what"].as_str().unwrap()).collect();
    assert_eq!(whats, ["web.listen is taken up by a start only", "state.path is taken up by a start only"]);
    assert!(daemon.problems().iter().any(|(code, _)| code == "restart"));
    reconfigure(&daemon, "listen: 127.0.0.2", "listen: 127.0.0.1");
    reconfigure(&daemon, "path: other.db", "path: burnwatch.db");

    assert_eq!(daemon.reload(), (200, serde_json::json!({"status": "reloaded"})));
    assert_eq!((declared(&daemon), successful()), (all, Some(1.0)));
    assert_eq!(daemon.problems(), []);
    assert_eq!(check_metrics(&daemon.text("/metrics")), Ok(()));
    assert_eq!(http::get(daemon.port(), "/-/reload").unwrap().0, 405);
}

#[test]
fn files_that_change_are_taken_up_by_themselves_and_at_a_signal() {
    let service = Service::start();
    let daemon = scraping(&service, availability());
    let names = || declared(&daemon).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let told = |expected: &[&str]| {
        eventually(&format!("{expected:?}"), SOON, names, |names| names == expected);
    };
    daemon.write("slos/other.yaml", &format!("service: other\nslos:\n{WIDER}"));
    told(&["availability", "wider"]);
    fs::remove_file(daemon.path("slos/other.yaml")).unwrap();
    told(&["availability"]);
    // As editors do.
    daemon.write(".shop.new", SLOS);
    fs::rename(daemon.path(".shop.new"), daemon.path("slos/shop.yaml")).unwrap();
    told(&["availability", "latency"]);
    // The directory goes with all that is in it, and comes back.
    fs::rename(daemon.path("slos"), daemon.path("away")).unwrap();
    let codes = || daemon.problems().into_iter().map(|(code, _)| code).collect::<Vec<_>>();
    eventually("it is missed", SOON, codes, |codes| codes.iter().any(|code| code == "no_files"));
    told(&["availability", "latency"]);
    daemon.write("away/shop.yaml", availability());
    fs::rename(daemon.path("away"), daemon.path("slos")).unwrap();
    told(&["availability"]);

    // Nothing that is watched: a signal tells.
    let reloads = || daemon.output().matches("reloaded").count();
    let before = reloads();
    let signal = format!("kill -HUP {}", daemon.id());
    assert!(Command::new("sh").args(["-c", &signal]).status().unwrap().success());
    eventually("it is reloaded", SOON, reloads, |reloads| *reloads > before);
    told(&["availability"]);
}

#[test]
fn a_new_slo_is_given_its_past_before_the_next_tick() {
    let (prometheus, service) = shop(1);
    let daemon = Daemon::ready(&prometheus, &evaluate(20, 1), availability());
    let pasts = || daemon.output().matches("the past is read").count();
    eventually("the first past is read", SOON, pasts, |pasts| *pasts == 1);
    daemon.wait_next_tick();
    let as_of = || daemon.get("/api/v1/slos")["as_of"].clone();
    let before = as_of();
    daemon.declare(SLOS);
    assert_eq!(daemon.reload().0, 200);
    eventually("its past is read", SOON, pasts, |pasts| *pasts == 2);
    assert_eq!(as_of(), before, "it waited for a tick");
    let events = || daemon.slo("shop", "latency")["events"]["total"].as_f64();
    let truth = service.truth().total as f64;
    eventually("its past is counted", SOON, events, |total| *total == Some(truth));
}

#[test]
fn a_new_slo_of_scraped_targets_and_a_new_target_are_counted_from_then_on() {
    let (service, other) = (Service::start(), Service::start());
    let some = Requests { total: 100, failed: 0, slow: 10 };
    [&service, &other].into_iter().for_each(|service| service.serve(some + some));
    let daemon = scraping(&service, availability());
    let events = |name: &str| daemon.slo("shop", name)["events"]["total"].as_f64();
    let told = |availability: f64, latency: Option<f64>| {
        let all = || (events("availability"), latency.and_then(|_| events("latency")));
        eventually("the truth", SOON, all, |told| *told == (Some(availability), latency));
    };
    service.serve(some);
    told(100.0, None);
    daemon.declare(SLOS);
    assert_eq!(daemon.reload().0, 200);
    measured(&daemon, "latency");
    service.serve(some);
    told(200.0, Some(100.0));

    let target = format!("targets: [{{ url: 'http://{}/metrics', labels: {{ job: shop }} }}, ", other.instance());
    reconfigure(&daemon, "targets: [", &target);
    assert_eq!(daemon.reload().0, 200);
    other.wait_scraped();
    daemon.wait_next_tick();
    daemon.wait_next_tick();
    [&service, &other].into_iter().for_each(|service| service.serve(some));
    told(400.0, Some(300.0));
}

#[test]
fn what_waits_for_a_channel_goes_where_a_reload_says() {
    let nowhere = format!("http://127.0.0.1:{}/hook", http::free_port());
    let receiver = Receiver::start(&[]);
    let hook = |url: &str| format!("notify: [{{ name: hook, webhook: {{ url: '{url}' }}, only: [budget_exhausted] }}]");
    let (service, mut daemon) = notices::shop(&hook(&nowhere));
    notices::start(&mut daemon);
    notices::fail_at_once(&service);
    let attempts = || notices::deliveries(&daemon, "hook").first().and_then(|first| first["attempts"].as_u64());
    eventually("it cannot be sent", SOON, attempts, |attempts| *attempts > Some(0));
    reconfigure(&daemon, &nowhere, &receiver.url());
    assert_eq!(daemon.reload().0, 200);
    let told = eventually("it is sent", SOON, || receiver.accepted(), |told| !told.is_empty());
    assert_eq!(told[0]["kind"], "budget_exhausted");
}
