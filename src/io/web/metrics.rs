//! `/metrics`: what the snapshot holds encoded, what the meters said last, then what the daemon tells of itself; and the
//! count of requests.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TEXT_FORMAT, TextEncoder};

use crate::io::clock::{self, Stopwatch};
use crate::io::web::openapi::Entered;
use crate::io::web::{Site, process};
use crate::promql::names;
use crate::report::{self, Snapshot};
use crate::units::Timestamp;

/// The path of all requests that have no route, so that nobody makes up series.
const NO_ROUTE: &str = "other";

/// What is counted of requests, and when that began.
#[derive(Clone)]
pub struct Requests {
    total: IntCounterVec,
    duration: HistogramVec,
    started: Timestamp,
}

impl Requests {
    pub fn build(registry: &Registry) -> Result<Requests, prometheus::Error> {
        let build = Opts::new(names::BUILD_INFO, "Always 1; its label says which version runs.");
        let build = IntGauge::with_opts(build.const_label("version", env!("CARGO_PKG_VERSION")))?;
        build.set(1);
        registry.register(Box::new(build))?;
        let total = Opts::new(names::HTTP_REQUESTS, "Requests answered, by path and status code.");
        let total = IntCounterVec::new(total, &["path", "code"])?;
        registry.register(Box::new(total.clone()))?;
        let duration = HistogramOpts::new(names::HTTP_REQUEST_DURATION, "How long it took to answer a request.");
        let duration = HistogramVec::new(duration.buckets(BOUNDS.to_vec()), &["path"])?;
        registry.register(Box::new(duration.clone()))?;
        Ok(Requests { total, duration, started: clock::now() })
    }
}

/// Seconds at which answers are told apart: the thresholds of `slos/burnwatch.yaml` are among them.
const BOUNDS: [f64; 9] = [0.001, 0.002_5, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0];

/// Answers a request and counts it under the pattern of its route, never under its own path.
pub async fn counted(State(site): State<Site>, request: Request, next: Next) -> Response {
    let watch = Stopwatch::started();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let path = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    site.requests.total.with_label_values(&[path, response.status().as_str()]).inc();
    site.requests.duration.with_label_values(&[path]).observe(watch.elapsed().as_secs_f64());
    response
}

/// Metrics of every SLO and of the daemon itself, in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "metrics",
    responses((status = 200, body = String, content_type = "text/plain"), Entered))]
pub async fn metrics(State(site): State<Site>) -> Response {
    let mut families = site.registry.gather();
    families.extend(process::families(Path::new("/proc/self"), site.requests.started));
    let snapshot = site.snapshot();
    // Encoding fails only for families without a name or without series, and there are none.
    let own = report::energy::text(&site.energy.load(), &snapshot.energy)
        + &TextEncoder::new().encode_to_string(&families).unwrap_or_default();
    let of_slos = Bytes::from_owner(Text(snapshot));
    let length = of_slos.len() + own.len();
    let parts = [of_slos, own.into()].map(Ok::<_, Infallible>);
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(TEXT_FORMAT)), (CONTENT_LENGTH, length.into())];
    (headers, Body::from_stream(stream::iter(parts))).into_response()
}

/// The text of a snapshot, shared by all who are reading it: however many and slow they are, it is there once.
struct Text(Arc<Snapshot>);

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.0.metrics.as_bytes()
    }
}

/// The energy metrics alone.
#[utoipa::path(get, path = "/metrics/energy", tag = "metrics",
    responses((status = 200, body = String, content_type = "text/plain"), Entered))]
pub async fn energy(State(site): State<Site>) -> Response {
    let text = report::energy::text(&site.energy.load(), &site.snapshot().energy);
    ([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response()
}
