//! `/api/v1/low-power`: whether less is spent, and the wish that it be. Never decides it: the next tick does.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;

use crate::energy::Wish;
use crate::io::clock;
use crate::io::web::Site;
use crate::io::web::openapi::{Limited, NotNow, Parametrized};
use crate::io::web::parameters::Parameters;
use crate::io::web::refusal::Refusal;
use crate::report::{self, json};
use crate::units::Span;

/// The longest that is wished for at once; who wishes for longer, wishes without an end.
const LONGEST: Span = Span::days(366);

/// Whether less is spent.
#[utoipa::path(get, path = "/api/v1/low-power", tag = "energy",
    responses((status = 200, body = json::LowPower), Parametrized, Limited))]
pub async fn low_power(State(site): State<Site>, parameters: Parameters) -> Result<Json<json::LowPower>, Refusal> {
    parameters.none()?;
    Ok(Json(report::low_power(&site.snapshot())))
}

/// Hands the wish to the next tick; answers how the mode is until then.
#[utoipa::path(post, path = "/api/v1/low-power", tag = "energy", request_body = json::Wish,
    responses((status = 202, body = json::LowPower), NotNow, Parametrized, Limited))]
pub async fn wished(
    State(site): State<Site>,
    parameters: Parameters,
    body: Bytes,
) -> Result<(StatusCode, Json<json::LowPower>), Refusal> {
    parameters.none()?;
    let Some(wishes) = &site.wishes else {
        let message = "burnwatch.yaml has no power section, so there is no low-power mode; write power: {}";
        return Err(Refusal::conflict("no_power", message));
    };
    let wish = wish(&body)?;
    // Who wishes faster than anybody ticks, has the last of many wishes anyway.
    wishes.try_send(wish).map_err(|_| Refusal::conflict("too_many", "too many wishes before one tick"))?;
    Ok((StatusCode::ACCEPTED, Json(report::low_power(&site.snapshot()))))
}

fn wish(body: &[u8]) -> Result<Wish, Refusal> {
    let example = r#"write {"on":true,"for":"1h"}"#;
    let refused = |what: String| Refusal::bad_parameter(format!("{what}; {example}"));
    let asked: json::Wish = serde_json::from_slice(body).map_err(|error| refused(error.to_string()))?;
    let span = |text: String| match text.parse::<Span>() {
        Ok(span) if span <= LONGEST => Ok(span),
        Ok(_) => Err(refused(format!("{text:?} is longer than {LONGEST}"))),
        Err(error) => Err(refused(error.to_string())),
    };
    let lasting = asked.lasting.map(span).transpose()?;
    Ok(Wish { on: asked.on, until: lasting.map(|lasting| clock::now() + lasting) })
}
