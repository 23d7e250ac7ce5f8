//! What those hear who ask for what is not there, ask in the wrong way, or may not ask: always JSON, always what to do.

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use crate::report::json;
use crate::units::SloId;

/// Why a request has no answer.
#[derive(Debug, PartialEq)]
pub struct Refusal {
    status: StatusCode,
    error: json::Error,
}

impl Refusal {
    fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Refusal {
        let error = json::Error { code: code.into(), message: message.into(), ..json::Error::default() };
        Refusal { status, error }
    }

    pub fn bad_parameter(message: String) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, "bad_parameter", message)
    }

    /// It cannot be done as things are.
    pub fn conflict(code: &str, message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::CONFLICT, code, message)
    }

    pub fn not_found(message: String) -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub fn no_such_slo(id: &SloId) -> Refusal {
        Refusal::not_found(format!("there is no SLO {id}; /api/v1/slos lists those there are"))
    }

    pub fn unauthorized() -> Refusal {
        Refusal::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "say who you are, with a user and a password that are known",
        )
    }

    pub fn cross_site() -> Refusal {
        let message =
            "a page of another site may not change anything here; send it from this one, or without a browser";
        Refusal::new(StatusCode::FORBIDDEN, "cross_site", message)
    }

    pub fn too_slow(within: std::time::Duration) -> Refusal {
        let message = format!("a request has to be all here and answered within {} s", within.as_secs());
        Refusal::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", message)
    }

    pub fn too_large(most: usize) -> Refusal {
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", format!("a body has at most {} MiB", most >> 20))
    }

    /// `retry_after` in seconds.
    pub fn too_often(message: String, retry_after: u64, limit: u32) -> Refusal {
        let mut refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", message);
        refusal.error.retry_after = Some(retry_after);
        refusal.error.limit = Some(limit);
        refusal
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let retry_after = self.error.retry_after;
        let mut response = (self.status, Json(json::Refusal { error: self.error })).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"burnwatch\""));
        }
        response
    }
}

pub async fn no_such_path(uri: Uri) -> Refusal {
    Refusal::not_found(format!("there is nothing at {}", uri.path()))
}

pub async fn no_such_method(method: Method, uri: Uri) -> Refusal {
    let other = if method == Method::GET { Method::POST } else { Method::GET };
    let message = format!("{} does not take {method}; use {other}", uri.path());
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}
