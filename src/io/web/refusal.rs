//! What those hear who ask for what is not there, or ask in the wrong way: always JSON, always what to do.

use axum::Json;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use crate::report::json;
use crate::units::SloId;

/// Why a request has no answer.
#[derive(Debug, PartialEq)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub fn bad_parameter(message: String) -> Refusal {
        Refusal { status: StatusCode::BAD_REQUEST, code: "bad_parameter", message }
    }

    /// It cannot be done as things are.
    pub fn conflict(code: &'static str, message: String) -> Refusal {
        Refusal { status: StatusCode::CONFLICT, code, message }
    }

    pub fn not_found(message: String) -> Refusal {
        Refusal { status: StatusCode::NOT_FOUND, code: "not_found", message }
    }

    pub fn no_such_slo(id: &SloId) -> Refusal {
        Refusal::not_found(format!("there is no SLO {id}; /api/v1/slos lists those there are"))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = json::Error { code: self.code.into(), message: self.message };
        (self.status, Json(json::Refusal { error })).into_response()
    }
}

pub async fn no_such_path(uri: Uri) -> Refusal {
    Refusal::not_found(format!("there is nothing at {}", uri.path()))
}

pub async fn no_such_method(method: Method, uri: Uri) -> Refusal {
    let message = format!("{} does not take {method}; use GET", uri.path());
    Refusal { status: StatusCode::METHOD_NOT_ALLOWED, code: "method_not_allowed", message }
}
