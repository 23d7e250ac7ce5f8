//! `/api/v1`: each handler reads its parameters and tells what the snapshot holds.

use std::sync::PoisonError;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::io::web::Site;
use crate::io::web::openapi::{Limited, NoSlo, Parametrized};
use crate::io::web::parameters::{Named, Parameters};
use crate::io::web::refusal::Refusal;
use crate::report::{self, Wanted, json};

/// Every SLO, by service and name.
#[utoipa::path(get, path = "/api/v1/slos", tag = "slos",
    params(
        ("service" = Option<String>, Query, description = "Those of this service.", example = "checkout"),
        ("state" = Option<String>, Query, description = "Those in this state: no_data, burning, exhausted, no_traffic or ok.",
            pattern = "^(no_data|burning|exhausted|no_traffic|ok)$", example = "ok"),
        ("label" = Option<String>, Query, description = "Those with this label, as `key:value`; may stand more than once.",
            pattern = "^[^:]+:.*$", example = "tier:1"),
        ("limit" = Option<u32>, Query, description = "At most so many.", minimum = 1, example = 100),
        ("after" = Option<String>, Query, description = "Those behind this one, as `service/slo`.",
            pattern = "^[^/]+/.+$", example = "checkout/availability"),
    ),
    responses((status = 200, body = json::Slos), Parametrized, Limited))]
pub async fn slos(State(site): State<Site>, parameters: Parameters) -> Result<Response, Refusal> {
    let wanted = parameters.wanted()?;
    let snapshot = site.snapshot();
    Ok(match wanted == Wanted::default() {
        true => site.memos.slos.answer(&snapshot, |snapshot| report::slos(snapshot, &wanted)),
        false => Json(report::slos(&snapshot, &wanted)).into_response(),
    })
}

/// How one SLO stands.
#[utoipa::path(get, path = "/api/v1/slos/{service}/{slo}", tag = "slos",
    params(
        ("service" = String, Path, example = "checkout"),
        ("slo" = String, Path, example = "availability"),
    ),
    responses((status = 200, body = json::OneSlo), NoSlo, Parametrized, Limited))]
pub async fn slo(
    State(site): State<Site>,
    Named(id): Named,
    parameters: Parameters,
) -> Result<Json<json::OneSlo>, Refusal> {
    parameters.none()?;
    report::slo(&site.snapshot(), &id).map(Json).ok_or_else(|| Refusal::no_such_slo(&id))
}

/// What was counted for one SLO, and what was left of its budget, at instants of the past.
#[utoipa::path(get, path = "/api/v1/slos/{service}/{slo}/history", tag = "slos",
    params(
        ("service" = String, Path, example = "checkout"),
        ("slo" = String, Path, example = "availability"),
        ("from" = Option<String>, Query, description = "A moment, or seconds since 1970; the window's beginning if not said.",
            example = "2026-11-19T12:00:00Z"),
        ("to" = Option<String>, Query, description = "A moment, or seconds since 1970; the last tick if not said.",
            example = "2026-11-20T12:00:00Z"),
        ("points" = Option<u32>, Query, description = "How many instants.", minimum = 1, maximum = 1000, example = 100),
    ),
    responses((status = 200, body = json::History), NoSlo, Parametrized, Limited))]
pub async fn history(
    State(site): State<Site>,
    Named(id): Named,
    parameters: Parameters,
) -> Result<Json<json::History>, Refusal> {
    let range = parameters.range()?;
    report::history(&site.snapshot(), &id, &range).map(Json).ok_or_else(|| Refusal::no_such_slo(&id))
}

/// Every open alert.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "slos",
    responses((status = 200, body = json::Alerts), Parametrized, Limited))]
pub async fn alerts(State(site): State<Site>, parameters: Parameters) -> Result<Response, Refusal> {
    parameters.none()?;
    Ok(site.memos.alerts.answer(&site.snapshot(), report::alerts))
}

/// Everything that is wrong.
#[utoipa::path(get, path = "/api/v1/problems", tag = "slos",
    responses((status = 200, body = json::Problems), Parametrized, Limited))]
pub async fn problems(State(site): State<Site>, parameters: Parameters) -> Result<Response, Refusal> {
    parameters.none()?;
    Ok(site.memos.problems.answer(&site.snapshot(), report::problems))
}

/// All notices that are on their way, and the last that are done; oldest first.
#[utoipa::path(get, path = "/api/v1/notifications", tag = "notifications",
    responses((status = 200, body = json::Notifications), Parametrized, Limited))]
pub async fn notifications(
    State(site): State<Site>,
    parameters: Parameters,
) -> Result<Json<json::Notifications>, Refusal> {
    parameters.none()?;
    // Whoever held it last has only noted something; what is there is whole.
    let deliveries = site.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Json(report::notifications(deliveries.deliveries())))
}

/// What the host draws, and what it has drawn.
#[utoipa::path(get, path = "/api/v1/energy", tag = "energy",
    responses((status = 200, body = json::Energy), Parametrized, Limited))]
pub async fn energy(State(site): State<Site>, parameters: Parameters) -> Result<Json<json::Energy>, Refusal> {
    parameters.none()?;
    Ok(Json(report::energy::answer(&site.energy.load(), &site.snapshot().energy)))
}
