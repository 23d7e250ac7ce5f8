//! What any request may be, whatever it asks: how large, how long under way, from which page and by whom. Never knows
//! what is asked.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, ORIGIN};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::io::web::Site;
use crate::io::web::gate::Entry;
use crate::io::web::rate;
use crate::io::web::refusal::Refusal;
use crate::io::web::request_id::RequestId;

/// The largest body that is read: 1 MiB.
pub const MAX_BODY: usize = 1 << 20;

/// A request has to be answered within that, its body and its turn included.
const REQUEST: Duration = Duration::from_secs(10);

/// What browsers say of where a request comes from.
const FETCH_SITE: &str = "sec-fetch-site";

/// Answers what keeps to the bounds, with the headers that web.yml sets.
pub async fn bounded(State(site): State<Site>, request: Request, next: Next) -> Response {
    let rules = site.access().gate.rules();
    let mut response = match overstepped(&request) {
        Some(refusal) => refusal.into_response(),
        None => match tokio::time::timeout(REQUEST, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Refusal::too_slow(REQUEST).into_response(),
        },
    };
    response.headers_mut().extend(rules.headers.clone());
    response
}

fn overstepped(request: &Request) -> Option<Refusal> {
    let headers = request.headers();
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_BODY as u64) {
        return Some(Refusal::too_large(MAX_BODY));
    }
    let is_reading = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    (!is_reading && is_cross_site(headers)).then(Refusal::cross_site)
}

/// Whether a page of another site sent it: a browser that shows one says so. What says nothing is no browser.
fn is_cross_site(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    match (text(FETCH_SITE), text(ORIGIN.as_str())) {
        (Some(site), _) => !matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => origin.split_once("://").map(|(_, host)| host) != text(HOST.as_str()),
        (None, None) => false,
    }
}

/// Answers those who may come in.
pub async fn admitted(State(site): State<Site>, request: Request, next: Next) -> Response {
    let rules = site.access().gate.rules();
    let Some(users) = &rules.users else { return next.run(request).await };
    let entry = users.entry(request.headers().get(AUTHORIZATION)).await;
    let client = rate::client(&site, &request);
    let request_id = request.extensions().get::<RequestId>().map(tracing::field::display);
    match entry {
        Entry::Open => return next.run(request).await,
        Entry::Unnamed => {}
        Entry::WrongPassword(user) => tracing::warn!(request_id, %client, %user, "a wrong password"),
        // What was given as a name may be a password.
        Entry::UnknownUser => tracing::warn!(request_id, %client, "a user who is not known"),
    }
    Refusal::unauthorized().into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_of_another_site_is_cross_site() {
        let check = |headers: &[(&'static str, &'static str)], expected: bool| {
            let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            assert_eq!(is_cross_site(&headers), expected, "{headers:?}");
        };
        check(&[("host", "slo:9872")], false);
        check(&[("sec-fetch-site", "same-origin")], false);
        check(&[("sec-fetch-site", "none")], false);
        check(&[("sec-fetch-site", "cross-site"), ("host", "slo"), ("origin", "http://slo")], true);
        check(&[("sec-fetch-site", "same-site")], true);
        check(&[("host", "slo:9872"), ("origin", "http://slo:9872")], false);
        check(&[("host", "slo:9872"), ("origin", "http://slo:80")], true);
        check(&[("host", "slo"), ("origin", "null")], true);
        check(&[("origin", "http://evil.example")], true);
    }
}
