//! A name for every request: who is refused finds it in the answer, and the line of the log that says why bears it too.
//! Never knows what is asked.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::io::clock;
use crate::io::web::{Site, rate};
use crate::units::Timestamp;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Refusals that are logged within a minute: whoever knocks at every door, fills no disk.
const LOGGED: Quota = Quota::per_minute(NonZeroU32::MIN.saturating_add(59));

/// So many characters of a path are logged.
const PATH: usize = 200;

/// When this process began and which of its requests it is: the same name does not come twice, after a restart neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    started: Timestamp,
    number: u64,
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:x}-{}", self.started.as_millis(), self.number)
    }
}

/// Those that were given, and how many refusals may be logged now.
pub struct RequestIds {
    started: Timestamp,
    given: AtomicU64,
    log: DefaultDirectRateLimiter,
}

impl RequestIds {
    pub fn begin() -> Arc<RequestIds> {
        Arc::new(RequestIds { started: clock::now(), given: AtomicU64::new(0), log: RateLimiter::direct(LOGGED) })
    }

    fn next(&self) -> RequestId {
        RequestId { started: self.started, number: self.given.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

/// Names a request; one that is refused is logged.
pub async fn named(State(site): State<Site>, mut request: Request, next: Next) -> Response {
    let id = site.request_ids.next();
    request.extensions_mut().insert(id);
    let (client, method) = (rate::client(&site, &request), request.method().clone());
    let path: String = request.uri().path().chars().take(PATH).collect();
    let mut response = next.run(request).await;
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        if site.request_ids.log.check().is_ok() {
            let code = status.as_u16();
            tracing::info!(request_id = %id, %client, %method, path, code, "refused");
        }
        // Digits and letters.
        if let Ok(id) = HeaderValue::try_from(id.to_string()) {
            response.headers_mut().insert(X_REQUEST_ID, id);
        }
    }
    response
}
