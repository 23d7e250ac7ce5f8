//! The probes: whether the process answers, whether it may be sent to, and what of it is not as it should be.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::io::web::Site;
use crate::report::{self, json};

/// 503 only while the ledger cannot be written: whatever else is wrong, a restart would not mend it.
pub async fn health(State(site): State<Site>) -> (StatusCode, Json<json::Health>) {
    let snapshot = site.snapshot();
    let status = match snapshot.checks.ledger.reason() {
        Some(_) => StatusCode::SERVICE_UNAVAILABLE,
        None => StatusCode::OK,
    };
    (status, Json(report::health(&snapshot, env!("CARGO_PKG_VERSION"))))
}

pub async fn live() -> Json<json::Status> {
    Json(json::Status { status: "live".into(), reason: None })
}

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
