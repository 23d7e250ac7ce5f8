//! `/openapi.json`: every route with what it takes and answers, made of the handlers and of the types that they answer
//! with. A route that is not described here is not served.

use std::sync::Arc;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use utoipa::{IntoResponses, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::io::web::{Site, api, health, low_power, metrics, reload};
use crate::report::json;

/// The answers that only those get who have no business here.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "it stands for what the layers answer")]
pub enum Entered {
    /// Where users are configured: none was named, or the password is wrong.
    #[response(status = 401)]
    Unauthorized(json::Refusal),
}

/// The same, where the rate is limited too.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "it stands for what the layers answer")]
pub enum Limited {
    /// Where users are configured: none was named, or the password is wrong.
    #[response(status = 401)]
    Unauthorized(json::Refusal),
    /// Asked too often; `Retry-After` says when to ask again.
    #[response(status = 429)]
    TooOften(json::Refusal),
}

#[derive(IntoResponses)]
#[allow(dead_code, reason = "it stands for what parameters are refused with")]
pub enum Parametrized {
    /// A parameter that is not known, or that has no such value.
    #[response(status = 400)]
    BadParameter(json::Refusal),
}

#[derive(IntoResponses)]
#[allow(dead_code, reason = "it stands for what handlers refuse with")]
pub enum NoSlo {
    /// There is no such SLO.
    #[response(status = 404)]
    NotFound(json::Refusal),
}

#[derive(IntoResponses)]
#[allow(dead_code, reason = "it stands for what handlers refuse with")]
pub enum NotNow {
    /// It cannot be done as things are.
    #[response(status = 409)]
    Conflict(json::Refusal),
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "burnwatch",
        description = "Error budgets, counted exactly. Moments are RFC 3339 in UTC, ratios 0 to 1, \
    unknown numbers null. A refusal is `{\"error\":{\"code\":...,\"message\":...}}`. Limited answers carry X-RateLimit-Limit, \
    X-RateLimit-Remaining and X-RateLimit-Reset; what is refused carries X-Request-Id, by which the log knows it."
    ),
    components(schemas(json::Refusal, json::Error))
)]
struct Description;

/// The description as it is sent.
type Text = Extension<Arc<str>>;

/// Every route, and the one that describes them all.
pub fn described_routes() -> Router<Site> {
    let (routes, description) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(health::health))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::healthy))
        .routes(routes!(health::ready_too))
        .routes(routes!(reload::reload))
        .routes(routes!(metrics::metrics))
        .routes(routes!(metrics::energy))
        .routes(routes!(api::slos))
        .routes(routes!(api::slo))
        .routes(routes!(api::history))
        .routes(routes!(api::energy))
        .routes(routes!(low_power::low_power, low_power::wished))
        .routes(routes!(api::alerts))
        .routes(routes!(api::problems))
        .routes(routes!(api::notifications))
        .routes(routes!(openapi))
        .split_for_parts();
    // It is made of our own types: none of them fails to be written.
    let text: Arc<str> = description.to_json().unwrap_or_default().into();
    routes.layer(Extension(text))
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "description",
    responses((status = 200, body = serde_json::Value), Limited))]
async fn openapi(text: Text) -> Response {
    ([(CONTENT_TYPE, "application/json")], text.0.to_string()).into_response()
}
