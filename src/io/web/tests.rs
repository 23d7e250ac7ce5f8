use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tower::ServiceExt;

use crate::io::web::*;
use crate::report::{Check, example};
use crate::units::Problem;

fn site(snapshot: Snapshot) -> Site {
    listening(Told { snapshot: Arc::new(ArcSwap::from_pointee(snapshot)), ..Told::default() })
}

fn listening(told: Told) -> Site {
    let config = Config { rate_limit: None, ..Config::default() };
    let gate = Gate::open(None, ([127, 0, 0, 1], 0).into()).unwrap();
    Site::new(&config, gate.into(), told, Registry::new()).unwrap()
}

async fn asked(site: &Site, method: &str, path: &str) -> (u16, String) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = router(site.clone()).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn got(path: &str) -> (u16, Value) {
    let (status, body) = asked(&site(example::snapshot()), "GET", path).await;
    (status, serde_json::from_str(&body).unwrap_or_else(|_| panic!("{path} is no JSON: {body}")))
}

fn message(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message}})
}

#[tokio::test]
async fn every_documented_path_answers() {
    let probes = ["/health", "/health/live", "/health/ready", "/-/healthy", "/-/ready"];
    for path in
        probes.into_iter().chain(["/api/v1/alerts", "/api/v1/problems", "/api/v1/notifications", "/api/v1/energy"])
    {
        assert_eq!(got(path).await.0, 200, "{path}");
    }
    assert_eq!(got("/api/v1/slos").await.1["slos"].as_array().map(Vec::len), Some(3));
    assert_eq!(got("/api/v1/slos/checkout/availability").await.1["events"]["bad"], 212046);
    let (_, history) = got("/api/v1/slos/checkout/availability/history?points=3&to=2026-11-20T12:00:00Z").await;
    assert_eq!(history["points"][2]["bad"], 212046);
    assert_eq!(history["to"], "2026-11-20T12:00:00Z");
}

#[tokio::test]
async fn every_route_is_described() {
    let (_, description) = got("/openapi.json").await;
    let paths: Vec<&str> = description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "/-/healthy",
        "/-/ready",
        "/-/reload",
        "/api/v1/alerts",
        "/api/v1/energy",
        "/api/v1/low-power",
        "/api/v1/notifications",
        "/api/v1/problems",
        "/api/v1/slos",
        "/api/v1/slos/{service}/{slo}",
        "/api/v1/slos/{service}/{slo}/history",
        "/health",
        "/health/live",
        "/health/ready",
        "/metrics",
        "/metrics/energy",
        "/openapi.json",
    ];
    assert_eq!(paths, expected);
    let parameters = description["paths"]["/api/v1/slos"]["get"]["parameters"].as_array().unwrap();
    assert_eq!(
        parameters.iter().map(|of| of["name"].clone()).collect::<Vec<_>>(),
        ["service", "state", "label", "limit", "after"]
    );
    for schema in ["Slos", "Refusal", "Error", "Latency", "Check", "Energy", "LowPower", "Wish"] {
        assert!(description["components"]["schemas"].get(schema).is_some(), "{schema} is not described");
    }
}

#[tokio::test]
async fn slos_are_chosen_by_parameters_and_misspelt_ones_are_told() {
    let names = async |query: &str| -> Vec<String> {
        let (_, answer) = got(&format!("/api/v1/slos?{query}")).await;
        answer["slos"].as_array().unwrap().iter().map(|slo| format!("{}/{}", slo["service"], slo["slo"])).collect()
    };
    assert_eq!(names("service=search").await.len(), 1);
    assert_eq!(names("state=no_data").await, [r#""checkout"/"latency""#]);
    assert_eq!(names("label=tier:1").await, [r#""checkout"/"availability""#]);
    assert_eq!(names("after=checkout%2Favailability&limit=1").await, [r#""checkout"/"latency""#]);
    let refused = async |query: &str, says: &str| {
        let expected = (400, message("bad_parameter", says));
        assert_eq!(got(&format!("/api/v1/slos?{query}")).await, expected, "{query}");
    };
    refused("sevice=x", r#"there is no parameter "sevice"; write service"#).await;
    refused("x=1", r#"there is no parameter "x"; there are service, state, label, limit, after"#).await;
    refused("state=fine", r#"state is "fine"; write one of no_data, burning, exhausted, no_traffic, ok"#).await;
    refused("label=tier", r#"label is "tier"; write such as tier:1"#).await;
    refused("limit=0", r#"limit is "0"; write a whole number from 1 on"#).await;
    refused("after=checkout", r#"after is "checkout"; write such as checkout/availability"#).await;
}

#[tokio::test]
async fn a_range_that_makes_no_sense_is_told() {
    let refused = async |query: &str, says: &str| {
        let expected = (400, message("bad_parameter", says));
        assert_eq!(got(&format!("/api/v1/slos/search/availability/history?{query}")).await, expected, "{query}");
    };
    let moment = "write a moment such as 2026-11-20T12:00:00Z, or seconds since 1970";
    refused("from=noon", &format!(r#"from is "noon"; {moment}"#)).await;
    refused("points=1001", r#"points is "1001"; write a whole number from 1 to 1000"#).await;
    refused("from=60&to=0", "from 1970-01-01T00:01:00Z is not before to 1970-01-01T00:00:00Z").await;
}

#[tokio::test]
async fn what_is_not_there_is_said_in_json() {
    let nothing = message("not_found", "there is no SLO checkout/x; /api/v1/slos lists those there are");
    assert_eq!(got("/api/v1/slos/checkout/x").await, (404, nothing.clone()));
    assert_eq!(got("/api/v1/slos/checkout/x/history").await, (404, nothing));
    assert_eq!(got("/nothing").await, (404, message("not_found", "there is nothing at /nothing")));
    let (status, body) = asked(&site(example::snapshot()), "POST", "/api/v1/slos").await;
    let expected = message("method_not_allowed", "/api/v1/slos does not take POST; use GET");
    assert_eq!((status, serde_json::from_str::<Value>(&body).unwrap()), (405, expected));
}

#[tokio::test]
async fn is_ready_from_the_first_tick_until_it_stops() {
    let starting = site(Snapshot::starting(Vec::new()));
    let unready = |reason: &str| (503, format!(r#"{{"status":"unready","reason":"{reason}"}}"#));
    assert_eq!(asked(&starting, "GET", "/health/ready").await, unready("the first tick is not done yet"));
    assert_eq!(asked(&starting, "GET", "/health").await.0, 200);

    starting.published.store(Arc::new(example::snapshot()));
    assert_eq!(asked(&starting, "GET", "/health/ready").await, (200, r#"{"status":"ready"}"#.into()));

    starting.stop();
    assert_eq!(asked(&starting, "GET", "/-/ready").await, unready("the daemon is stopping"));
    assert_eq!(asked(&starting, "GET", "/health/live").await, (200, r#"{"status":"live"}"#.into()));
}

#[tokio::test]
async fn a_ledger_that_cannot_be_written_is_neither_ready_nor_healthy() {
    let mut snapshot = example::snapshot();
    snapshot.checks.ledger = Check::Degraded("nothing can be written to the ledger /var/x.db: full".into());
    let site = site(snapshot);
    for path in ["/health", "/health/ready"] {
        let (status, body) = asked(&site, "GET", path).await;
        assert_eq!(status, 503, "{path}");
        assert!(body.contains("/var/x.db"), "{path}: {body}");
    }
    assert_eq!(asked(&site, "GET", "/api/v1/slos").await.0, 200, "what is known is told all the same");
}

#[tokio::test]
async fn metrics_are_those_of_the_snapshot_and_of_the_daemon_itself() {
    let starting = site(Snapshot::starting(Vec::new()));
    let (_, before) = asked(&starting, "GET", "/metrics").await;
    assert!(!before.contains("burnwatch_slo_"), "{before}");
    assert!(before.contains(concat!("burnwatch_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1\n")));
    assert!(before.contains("\nprocess_start_time_seconds "), "{before}");

    starting.published.store(Arc::new(example::snapshot()));
    asked(&starting, "GET", "/made/up").await;
    asked(&starting, "GET", "/api/v1/slos/a/b").await;
    let (_, after) = asked(&starting, "GET", "/metrics").await;
    assert!(after.starts_with(&example::snapshot().metrics));
    for series in [
        r#"burnwatch_http_requests_total{code="404",path="other"} 1"#,
        r#"burnwatch_http_requests_total{code="404",path="/api/v1/slos/{service}/{slo}"} 1"#,
        r#"burnwatch_http_requests_total{code="200",path="/metrics"} 1"#,
    ] {
        assert!(after.contains(series), "{series} is not in {after}");
    }
}

#[tokio::test]
async fn a_taken_port_and_a_bad_address_are_told_with_what_to_do() {
    let taken = bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = bind(&address).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{address} is in use; stop what listens there, or choose another with --listen")
    );
    for listen in ["9872", "127.0.0.1", "127.0.0.1:99999", "here and there"] {
        assert_eq!(bind(listen).await.unwrap_err(), Error::NoAddress(listen.into()));
    }
    assert_eq!(bind("192.0.2.1:9872").await.unwrap_err(), Error::NotHere("192.0.2.1:9872".into()));
}

#[tokio::test]
async fn serves_until_it_is_told_to_stop_however_idle_its_clients() {
    let listener = bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(serve(listener, site(example::snapshot()), async { _ = stopped.await }));
    let _idle = tokio::net::TcpStream::connect(address).await.unwrap();
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(10), serving).await.expect("it ends").unwrap();
    let refused = tokio::time::timeout(Duration::from_secs(5), tokio::net::TcpStream::connect(address)).await.unwrap();
    assert!(refused.is_err());
}

#[tokio::test]
async fn low_power_mode_is_wished_for_where_power_is_measured() {
    let (wishes, mut heard) = mpsc::channel(1);
    let snapshot = Arc::new(ArcSwap::from_pointee(example::snapshot()));
    let measuring = listening(Told { snapshot, wishes: Some(wishes), ..Told::default() });
    let wish = async |site: &Site, body: &str| {
        let request = Request::builder().method("POST").uri("/api/v1/low-power").body(Body::from(body.to_string()));
        let response = router(site.clone()).oneshot(request.unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice::<Value>(&body).unwrap())
    };
    let off = json!({"on": false, "since": null, "because": null});
    assert_eq!(got("/api/v1/low-power").await, (200, off.clone()));
    assert_eq!(wish(&measuring, r#"{"on":true}"#).await, (202, off));
    assert_eq!(heard.try_recv(), Ok(Wish { on: true, until: None }));
    assert_eq!(wish(&measuring, r#"{"on":false,"for":"1h"}"#).await.0, 202);
    assert!(heard.try_recv().is_ok_and(|wish| !wish.on && wish.until.is_some()));
    for body in [
        "",
        "on",
        r#"{"on":1}"#,
        r#"{"on":true,"fro":"1h"}"#,
        r#"{"on":true,"for":"1"}"#,
        r#"{"on":true,"for":"900d"}"#,
    ] {
        let (status, answer) = wish(&measuring, body).await;
        let says = answer["error"]["message"].as_str().unwrap().ends_with(r#"; write {"on":true,"for":"1h"}"#);
        assert!(status == 400 && says, "{body}: {answer}");
    }
    let refused = "burnwatch.yaml has no power section, so there is no low-power mode; write power: {}";
    assert_eq!(wish(&site(example::snapshot()), r#"{"on":true}"#).await, (409, message("no_power", refused)));
}

#[tokio::test]
async fn a_reload_is_answered_once_it_is_done_and_says_what_was_kept_back() {
    let (reloads, mut asked) = mpsc::channel::<Reload>(1);
    let site = listening(Told { reloads: Some(reloads), ..Told::default() });
    tokio::spawn(async move {
        let wrong = Problem::error("objective", "objective 99 is above 1", "write 99%");
        for kept_back in [vec![], vec![wrong.clone()], vec![wrong.clone(), wrong]] {
            asked.recv().await.unwrap().send(kept_back).unwrap();
        }
    });
    assert_eq!(asked_as_json(&site).await, (200, json!({"status": "reloaded"})));
    let (status, body) = asked_as_json(&site).await;
    assert_eq!((status, &body["error"]["code"]), (400, &json!("kept_back")));
    assert_eq!(body["error"]["message"], "objective 99 is above 1; write 99%");
    assert_eq!(body["problems"][0]["code"], "objective");
    let message = asked_as_json(&site).await.1["error"]["message"].take();
    assert_eq!(message, "objective 99 is above 1; write 99% (and 1 more)");
    assert_eq!(asked_as_json(&site).await.0, 409, "the daemon is stopping");
}

async fn asked_as_json(site: &Site) -> (u16, Value) {
    let (status, body) = asked(site, "POST", "/-/reload").await;
    (status, serde_json::from_str(&body).unwrap())
}
