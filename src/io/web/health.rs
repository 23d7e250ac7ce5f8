//! The probes: whether the process answers, whether it may be sent to, and what of it is not as it should be.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::io::web::Site;
use crate::io::web::openapi::Entered;
use crate::report::{self, json};

/// How every part of the daemon is.
///
/// 503 only while the ledger cannot be written: whatever else is wrong, a restart would not mend it.
#[utoipa::path(get, path = "/health", tag = "probes",
    responses((status = 200, body = json::Health), (status = 503, body = json::Health), Entered))]
pub async fn health(State(site): State<Site>) -> (StatusCode, Json<json::Health>) {
    let snapshot = site.snapshot();
    let status = match snapshot.checks.ledger.reason() {
        Some(_) => StatusCode::SERVICE_UNAVAILABLE,
        None => StatusCode::OK,
    };
    (status, Json(report::health(&snapshot, env!("CARGO_PKG_VERSION"))))
}

/// 200 while the process can answer.
#[utoipa::path(get, path = "/health/live", tag = "probes", responses((status = 200, body = json::Status), Entered))]
pub async fn live() -> Json<json::Status> {
    Json(json::Status { status: "live".into(), reason: None })
}

/// 200 from the first tick on until it stops.
#[utoipa::path(get, path = "/health/ready", tag = "probes",
    responses((status = 200, body = json::Status), (status = 503, body = json::Status), Entered))]
pub async fn ready(State(site): State<Site>) -> (StatusCode, Json<json::Status>) {
    let snapshot = site.snapshot();
    let unready = if site.is_stopping() { Some("the daemon is stopping") } else { snapshot.unready() };
    match unready {
        Some(reason) => {
            let status = json::Status { status: "unready".into(), reason: Some(reason.into()) };
            (StatusCode::SERVICE_UNAVAILABLE, Json(status))
        }
        None => (StatusCode::OK, Json(json::Status { status: "ready".into(), reason: None })),
    }
}

/// The same as `/health`, where Prometheus has it.
#[utoipa::path(get, path = "/-/healthy", tag = "probes",
    responses((status = 200, body = json::Health), (status = 503, body = json::Health), Entered))]
pub async fn healthy(site: State<Site>) -> (StatusCode, Json<json::Health>) {
    health(site).await
}

/// The same as `/health/ready`, where Prometheus has it.
#[utoipa::path(get, path = "/-/ready", tag = "probes",
    responses((status = 200, body = json::Status), (status = 503, body = json::Status), Entered))]
pub async fn ready_too(site: State<Site>) -> (StatusCode, Json<json::Status>) {
    ready(site).await
}
