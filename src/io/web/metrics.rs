//! `/metrics`: what the snapshot holds encoded, what the meters said last, then what the daemon tells of itself; and the
//! count of requests.

use std::path::Path;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TEXT_FORMAT, TextEncoder};

use crate::io::clock::{self, Stopwatch};
use crate::io::web::{Site, process};
use crate::promql::names;
use crate::report;
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

pub async fn metrics(State(site): State<Site>) -> Response {
    let mut families = site.registry.gather();
    families.extend(process::families(Path::new("/proc/self"), site.requests.started));
    let mut text = site.snapshot().metrics.clone() + &report::energy::text(&site.energy.load());
    // Encoding fails only for families without a name or without series, and there are none.
    _ = TextEncoder::new().encode_utf8(&families, &mut text);
    ([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response()
}

/// The energy metrics alone.
pub async fn energy(State(site): State<Site>) -> Response {
    ([(CONTENT_TYPE, TEXT_FORMAT)], report::energy::text(&site.energy.load())).into_response()
}
