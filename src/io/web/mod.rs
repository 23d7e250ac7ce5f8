//! What burnwatch tells over HTTP: probes, metrics and the API, all from the latest snapshot.
//! Never asks, counts or waits for anything: an answer costs what it takes to write it.

mod api;
mod health;
mod metrics;
mod parameters;
mod process;
mod refusal;

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use prometheus::Registry;
use tokio::sync::oneshot;

use crate::io::web::metrics::Requests;
use crate::outbox::Record;
use crate::report::{Energy, Snapshot};
use crate::units::Problem;
use crate::yaml::{Fields, Node};

pub use tokio::net::TcpListener as Listener;

/// A peer that is still reading its answer by then, is cut off at a stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Where is listened, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Host and port.
    pub listen: String,
}

impl Default for Config {
    fn default() -> Config {
        Config { listen: "127.0.0.1:9872".into() }
    }
}

impl Config {
    pub fn read(node: &Node, problems: &mut Vec<Problem>) -> Config {
        let mut config = Config::default();
        let Some(mut fields) = Fields::of(node, "web", problems) else { return config };
        if let Some(listen) = fields.text("listen") {
            config.listen = listen.to_string();
        }
        fields.done();
        config
    }
}

/// Why nothing can be told.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("{0} is in use; stop what listens there, or choose another with --listen")]
    InUse(String),
    #[error("{0:?} is no host with a port; write one such as 127.0.0.1:9872")]
    NoAddress(String),
    #[error("{0} is no address of this host; choose one that is with --listen, such as 127.0.0.1:9872")]
    NotHere(String),
    #[error("{listen} cannot be listened on: {reason}; choose another with --listen")]
    Refused { listen: String, reason: String },
}

/// Takes the address, so that a daemon that cannot have it does not start.
pub async fn bind(listen: &str) -> Result<Listener, Error> {
    let name = listen.to_string();
    Listener::bind(listen).await.map_err(|cause| match cause.kind() {
        ErrorKind::AddrInUse => Error::InUse(name),
        ErrorKind::AddrNotAvailable => Error::NotHere(name),
        ErrorKind::InvalidInput => Error::NoAddress(name),
        _ => Error::Refused { listen: name, reason: cause.to_string() },
    })
}

/// What is served: the latest snapshot, what the meters said last, and the metrics that the parts of the daemon keep of themselves.
#[derive(Clone)]
pub struct Site {
    published: Arc<ArcSwap<Snapshot>>,
    deliveries: Arc<Mutex<Record>>,
    energy: Arc<ArcSwap<Energy>>,
    registry: Registry,
    requests: Requests,
    stopping: Arc<AtomicBool>,
}

impl Site {
    /// An error only where `registry` holds one of this module's metrics already.
    pub fn new(
        published: Arc<ArcSwap<Snapshot>>,
        deliveries: Arc<Mutex<Record>>,
        energy: Arc<ArcSwap<Energy>>,
        registry: Registry,
    ) -> Result<Site, prometheus::Error> {
        let requests = Requests::build(&registry)?;
        Ok(Site { published, deliveries, energy, registry, requests, stopping: Arc::default() })
    }

    /// Says from now on that the daemon is not ready, so that nobody is sent to it any more.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.published.load_full()
    }
}

/// Serves until `shutdown`, then ends what is under way.
pub async fn serve(listener: Listener, site: Site, shutdown: impl Future<Output = ()> + Send + 'static) {
    let (stopping, stopped) = oneshot::channel();
    let signal = async move {
        shutdown.await;
        // Nobody waits for it where serving has ended already.
        _ = stopping.send(());
    };
    let serving = axum::serve(listener, router(site)).with_graceful_shutdown(signal);
    let cut_off = async {
        match stopped.await {
            Ok(()) => tokio::time::sleep(DRAIN).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        served = async { serving.await } => {
            if let Err(error) = served {
                tracing::error!("serving ended: {error}");
            }
        }
        () = cut_off => tracing::warn!("cut off who was still reading {} s after the stop", DRAIN.as_secs()),
    }
}

fn router(site: Site) -> Router {
    Router::new()
        .route("/health", get(health::health))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/-/healthy", get(health::health))
        .route("/-/ready", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .route("/metrics/energy", get(metrics::energy))
        .route("/api/v1/slos", get(api::slos))
        .route("/api/v1/slos/{service}/{slo}", get(api::slo))
        .route("/api/v1/slos/{service}/{slo}/history", get(api::history))
        .route("/api/v1/energy", get(api::energy))
        .route("/api/v1/alerts", get(api::alerts))
        .route("/api/v1/problems", get(api::problems))
        .route("/api/v1/notifications", get(api::notifications))
        .fallback(refusal::no_such_path)
        .method_not_allowed_fallback(refusal::no_such_method)
        .layer(from_fn_with_state(site.clone(), metrics::counted))
        .with_state(site)
}

#[cfg(test)]
mod tests;
