//! `POST /-/reload`: the wish that the files be read again, and what of them could not be taken up. Never reads them: the
//! daemon does.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::sync::oneshot;

use crate::io::web::Site;
use crate::io::web::openapi::{Limited, NotNow};
use crate::io::web::refusal::Refusal;
use crate::report::json;
use crate::units::Problem;

/// Where whoever asked for a reload hears why some of it was kept back; nothing where all was taken up.
pub type Reload = oneshot::Sender<Vec<Problem>>;

/// Reads the configuration and the SLO files again, and answers once what they say is in force.
///
/// What is wrong stays as it was: an SLO keeps its last good definition, `burnwatch.yaml` is taken up whole or not at all.
#[utoipa::path(post, path = "/-/reload", tag = "probes",
    responses((status = 200, body = json::Status), (status = 400, body = json::KeptBack), NotNow, Limited))]
pub async fn reload(State(site): State<Site>) -> Result<Response, Refusal> {
    let Some(reloads) = &site.reloads else {
        return Err(Refusal::conflict("no_reload", "there is nothing to read again"));
    };
    let (told, heard) = oneshot::channel();
    reloads.try_send(told).map_err(|_| Refusal::conflict("too_many", "too many reloads are asked for already"))?;
    // Dropped unanswered where the daemon ends.
    let kept_back = heard.await.map_err(|_| Refusal::conflict("stopping", "the daemon is stopping"))?;
    if kept_back.is_empty() {
        return Ok(Json(json::Status { status: "reloaded".into(), reason: None }).into_response());
    }
    Ok((StatusCode::BAD_REQUEST, Json(json::KeptBack::of(&kept_back))).into_response())
}
