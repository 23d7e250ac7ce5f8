//! What a request costs, on a host that exists only as files and a service whose requests are known: a request always
//! costs the same energy and CPU time there, so that what is told of it has one right answer.

mod host;

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::energy::host::{Host, IDLE_WATTS, JOULES_PER_REQUEST};
use crate::live::{SLOS, SOON, evaluate};
use crate::stand::{Daemon, Receiver, Service, check_metrics, eventually, http};

/// A whole minute of the clock has to be measured; it ends within two.
const MINUTES: Duration = Duration::from_secs(180);
const MANY_MINUTES: Duration = Duration::from_secs(600);
/// The second of a minute from which on the one before is told, wherever that is.
const TOLD: u64 = 5;

const GRAMS_PER_KWH: f64 = 360.0;
const PUE: f64 = 1.5;

/// A daemon that measures the host, and scrapes the service that runs there.
fn daemon(host: &Host, service: &Service, receiver: &Receiver) -> Daemon {
    let target = format!("{{ url: 'http://{}/metrics', labels: {{ job: shop }} }}", service.instance());
    let source = format!("scrape: {{ every: 1s, targets: [{target}] }}");
    let mut daemon = Daemon::reading(&source, &evaluate(1, 1), SLOS, Path::new("burnwatch.db"));
    // The limit of a second's power is out of reach: a machine that stood still shows much of it at once.
    let slos = include_str!("../../../slos/host.yaml").replace("under: 200", "under: 2000");
    daemon.write("slos/host.yaml", &slos);
    daemon.configure(&host.section(&format!(
        "idle_watts: {IDLE_WATTS}W, services: {{ shop: {{ unit: shop.service, requests: availability }} }}"
    )));
    daemon.configure(&format!("carbon: {{ grams_per_kwh: {GRAMS_PER_KWH}, pue: {PUE} }}"));
    daemon
        .configure(&format!("notify: [{{ name: hook, webhook: {{ url: '{}' }}, only: [low_power] }}]", receiver.url()));
    daemon.start();
    daemon
}

/// The value of a series in an exposition; `None` where it is absent.
fn value(exposition: &str, series: &str) -> Option<f64> {
    exposition.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[track_caller]
fn assert_within_a_percent(value: Option<f64>, expected: f64, of: &str) {
    let value = value.unwrap_or_else(|| panic!("{of} is not told"));
    assert!((value / expected - 1.0).abs() < 0.01, "{of} is {value} and should be {expected}");
}

fn second_of_minute() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() % 60
}

/// In whole microjoules, as they were counted.
fn microjoules(exposition: &str, series: &str) -> i64 {
    (value(exposition, series).unwrap_or_else(|| panic!("{series} is not told")) * 1e6).round() as i64
}

/// How many minutes each SLO of the host was judged by, and how many were bad.
fn judged(daemon: &Daemon) -> Vec<(f64, f64)> {
    let events = |name: &str| {
        let events = daemon.slo("host", name)["events"].clone();
        (events["total"].as_f64().unwrap_or(0.0), events["bad"].as_f64().unwrap_or(0.0))
    };
    ["power", "peak-power", "efficiency", "carbon"].map(events).into()
}

#[test]
fn a_request_costs_what_it_costs_and_the_host_is_judged_by_it_also_after_a_kill() {
    let (host, receiver) = (Host::start(), Receiver::start(&[]));
    let mut daemon = daemon(&host, host.service(), &receiver);

    // A whole minute, judged by all four SLOs.
    let told = || value(&daemon.text("/metrics"), "burnwatch_service_energy_joules_per_request{service=\"shop\"}");
    eventually("a request has its price", MINUTES, told, Option::is_some);
    eventually(
        "every SLO is judged",
        MINUTES,
        || judged(&daemon),
        |judged| judged.iter().all(|(total, _)| *total >= 1.0),
    );
    let of_minute = || (second_of_minute(), host.steady_for().as_secs());
    eventually(
        "a minute is told in which this machine never stood still",
        MANY_MINUTES,
        of_minute,
        |(second, steady)| (TOLD..40).contains(second) && *steady > second + 60,
    );
    let metrics = daemon.text("/metrics");
    let of_shop = |name: &str| value(&metrics, &format!("burnwatch_service_{name}{{service=\"shop\"}}"));
    let grams = JOULES_PER_REQUEST / 3.6e6 * GRAMS_PER_KWH * PUE;
    assert_within_a_percent(of_shop("energy_joules_per_request"), JOULES_PER_REQUEST, "joules per request");
    assert_within_a_percent(of_shop("requests_per_watthour"), 3_600.0 / JOULES_PER_REQUEST, "requests per Wh");
    assert_within_a_percent(of_shop("carbon_grams_per_request"), grams, "grams per request");
    let peak = value(&metrics, "burnwatch_host_power_peak_watts");
    assert!(
        peak.is_some_and(|peak| peak > IDLE_WATTS && peak < 200.0),
        "{peak:?} W are within the limit that is shipped"
    );
    assert_eq!(check_metrics(&metrics), Ok(()));
    assert!(judged(&daemon).iter().all(|(_, bad)| *bad == 0.0), "{:?}", judged(&daemon));

    // What was measured is idle, the service's or nobody's, to the microjoule.
    let text = daemon.text("/metrics/energy");
    let parts =
        ["idle_energy_joules_total", "unattributed_energy_joules_total"].map(|name| format!("burnwatch_{name}"));
    let parts: i64 = parts.iter().map(|name| microjoules(&text, name)).sum();
    let shop = microjoules(&text, "burnwatch_service_energy_joules_total{service=\"shop\"}");
    let whole = microjoules(&text, "burnwatch_host_energy_joules_total{component=\"package\",socket=\"0\"}");
    assert_eq!(parts + shop, whole);
    assert!(shop > 0);
    assert!(
        value(&text, "burnwatch_service_carbon_grams_total{service=\"shop\",scope=\"operational\"}").is_some(),
        "{text}"
    );
    assert!(!text.contains("scope=\"embodied\""));
    assert_eq!(
        value(&text, "burnwatch_carbon_intensity_grams_per_kilowatthour{kind=\"declared\"}"),
        Some(GRAMS_PER_KWH)
    );

    // The API tells the same.
    let energy = daemon.get("/api/v1/energy");
    let of_service = &energy["services"][0];
    assert_within_a_percent(of_service["joules_per_request"].as_f64(), JOULES_PER_REQUEST, "joules per request");
    assert_eq!(energy["power"]["idle_watts"], json!(IDLE_WATTS));

    // Killed, it goes on from where it was and counts no minute again. None ends meanwhile.
    eventually("a minute is well on its way", MINUTES, second_of_minute, |second| (10..40).contains(second));
    let kept = || daemon.get("/api/v1/energy")["since_installation"].clone();
    let (before, counted) = (kept(), judged(&daemon));
    assert!(before["joules"].as_f64() > Some(0.0) && before["grams"].as_f64() > Some(0.0), "{before}");
    daemon.kill();
    daemon.start();
    assert_eq!(daemon.get("/api/v1/energy")["since_installation"], before);
    daemon.wait_next_tick();
    assert_eq!(judged(&daemon), counted);
    low_power_mode_is_wished_for_told_and_taken_back(&daemon, &receiver);
}

fn low_power_mode_is_wished_for_told_and_taken_back(daemon: &Daemon, receiver: &Receiver) {
    let mode = || daemon.get("/api/v1/low-power")["on"].clone();
    let wish = |body: &str| http::post(daemon.port(), "/api/v1/low-power", body).unwrap().0;
    assert_eq!(mode(), json!(false));
    assert_eq!(wish(r#"{"on":true,"for":"1h"}"#), 202);
    eventually("the mode is entered", SOON, mode, |on| *on == json!(true));
    let gauge = || value(&daemon.text("/metrics"), "burnwatch_low_power_mode");
    eventually("it is exposed", SOON, gauge, |gauge| *gauge == Some(1.0));
    assert_eq!(wish(r#"{"on":false}"#), 202);
    eventually("the mode is left", SOON, mode, |on| *on == json!(false));
    let told = eventually("both are told", SOON, || receiver.accepted(), |told| told.len() == 2);
    let told: Vec<(&Value, &Value)> = told.iter().map(|notice| (&notice["kind"], &notice["power"]["state"])).collect();
    assert_eq!(told, [(&json!("low_power"), &json!("entered")), (&json!("low_power"), &json!("left"))]);
}
