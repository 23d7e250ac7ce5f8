//! What burnwatch tells over HTTP: probes, metrics and the API, all from the latest snapshot.
//! Never asks, counts or waits for anything: an answer costs what it takes to write it.

mod client;
mod config;
mod access;
mod callers;
mod line;
mod serve;
mod gate;
mod bounds;
mod rate;
mod parameters;
mod refusal;
mod request_id;
mod health;
mod reload;
mod low_power;
mod metrics;
mod memo;
mod process;
mod api;
mod openapi;

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use prometheus::Registry;
use tokio::sync::mpsc;

use crate::energy::Wish;
use crate::io::web::memo::Memo;
use crate::io::web::metrics::Requests;
use crate::io::web::request_id::RequestIds;
use crate::outbox::Record;
use crate::report::{Energy, Snapshot};

pub use access::Access;
pub use config::{Config, Rate};
pub use gate::Gate;
pub use reload::Reload;
pub use tokio::net::TcpListener as Listener;

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

/// What there is to tell, as its owners keep it, and to hear.
#[derive(Default)]
pub struct Told {
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    pub deliveries: Arc<Mutex<Record>>,
    pub energy: Arc<ArcSwap<Energy>>,
    /// Where wishes for low-power mode go; `None` where there is none.
    pub wishes: Option<mpsc::Sender<Wish>>,
    /// Where it is asked for a reload; `None` where there is nothing to read again.
    pub reloads: Option<mpsc::Sender<Reload>>,
}

/// What is served, with the metrics that the parts of the daemon keep of themselves; and to whom.
#[derive(Clone)]
pub struct Site {
    published: Arc<ArcSwap<Snapshot>>,
    deliveries: Arc<Mutex<Record>>,
    energy: Arc<ArcSwap<Energy>>,
    memos: Arc<Memos>,
    registry: Registry,
    requests: Requests,
    request_ids: Arc<RequestIds>,
    access: Arc<ArcSwap<Access>>,
    wishes: Option<mpsc::Sender<Wish>>,
    reloads: Option<mpsc::Sender<Reload>>,
    stopping: Arc<AtomicBool>,
}

/// The answers whose length grows with the number of SLOs.
#[derive(Default)]
struct Memos {
    slos: Memo,
    alerts: Memo,
    problems: Memo,
}

impl Site {
    /// An error only where `registry` holds one of this module's metrics already.
    pub fn new(config: &Config, gate: Arc<Gate>, told: Told, registry: Registry) -> Result<Site, prometheus::Error> {
        let requests = Requests::build(&registry)?;
        let Told { snapshot: published, deliveries, energy, wishes, reloads } = told;
        let access = Arc::new(ArcSwap::from_pointee(Access::new(config, gate)));
        let (memos, stopping) = (Arc::default(), Arc::default());
        Ok(Site {
            published,
            deliveries,
            energy,
            memos,
            registry,
            requests,
            request_ids: RequestIds::begin(),
            access,
            wishes,
            reloads,
            stopping,
        })
    }

    /// From now on these may ask, so often.
    pub fn admit(&self, access: Access) {
        self.access.store(Arc::new(access));
    }

    /// Who may ask, and how often.
    pub fn access(&self) -> Arc<Access> {
        self.access.load_full()
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
pub async fn serve(listener: Listener, site: Site, shutdown: impl Future<Output = ()>) {
    serve::serve(listener, site.clone(), router(site), shutdown).await;
}

/// All there is to ask for. What is added last is passed first: a request is counted, named, held to its bounds, to the
/// rate of its client, and let in.
fn router(site: Site) -> Router {
    openapi::described_routes()
        .fallback(refusal::no_such_path)
        .method_not_allowed_fallback(refusal::no_such_method)
        .layer(DefaultBodyLimit::max(bounds::MAX_BODY))
        .layer(from_fn_with_state(site.clone(), bounds::admitted))
        .layer(from_fn_with_state(site.clone(), rate::limited))
        .layer(from_fn_with_state(site.clone(), bounds::bounded))
        .layer(from_fn_with_state(site.clone(), request_id::named))
        .layer(from_fn_with_state(site.clone(), metrics::counted))
        .with_state(site)
}

#[cfg(test)]
mod tests;
