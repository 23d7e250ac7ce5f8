//! `/api/v1`: each handler reads its parameters and tells what the snapshot holds.

use std::sync::PoisonError;

use axum::Json;
use axum::extract::State;

use crate::io::web::Site;
use crate::io::web::parameters::{Named, Parameters};
use crate::io::web::refusal::Refusal;
use crate::report::{self, json};

pub async fn slos(State(site): State<Site>, parameters: Parameters) -> Result<Json<json::Slos>, Refusal> {
    let wanted = parameters.wanted()?;
    Ok(Json(report::slos(&site.snapshot(), &wanted)))
}

pub async fn slo(
    State(site): State<Site>,
    Named(id): Named,
    parameters: Parameters,
) -> Result<Json<json::OneSlo>, Refusal> {
    parameters.none()?;
    report::slo(&site.snapshot(), &id).map(Json).ok_or_else(|| Refusal::no_such_slo(&id))
}

pub async fn history(
    State(site): State<Site>,
    Named(id): Named,
    parameters: Parameters,
) -> Result<Json<json::History>, Refusal> {
    let range = parameters.range()?;
    report::history(&site.snapshot(), &id, &range).map(Json).ok_or_else(|| Refusal::no_such_slo(&id))
}

pub async fn alerts(State(site): State<Site>, parameters: Parameters) -> Result<Json<json::Alerts>, Refusal> {
    parameters.none()?;
    Ok(Json(report::alerts(&site.snapshot())))
}

pub async fn problems(State(site): State<Site>, parameters: Parameters) -> Result<Json<json::Problems>, Refusal> {
    parameters.none()?;
    Ok(Json(report::problems(&site.snapshot())))
}

pub async fn notifications(
    State(site): State<Site>,
    parameters: Parameters,
) -> Result<Json<json::Notifications>, Refusal> {
    parameters.none()?;
    // Whoever held it last has only noted something; what is there is whole.
    let deliveries = site.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Json(report::notifications(deliveries.deliveries())))
}

pub async fn energy(State(site): State<Site>, parameters: Parameters) -> Result<Json<json::Energy>, Refusal> {
    parameters.none()?;
    Ok(Json(report::energy::answer(&site.energy.load())))
}
