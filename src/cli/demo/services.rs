//! The shop's services as a scraper meets them: each serves its metrics on a free port of this machine.

use std::net::SocketAddr;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tokio::task::JoinSet;

use crate::cli::demo::exposition::text;
use crate::cli::demo::shop::{SERVICES, Service, Shop};
use crate::io::{clock, web};

/// The format that they serve.
pub const FORMAT: &str = "text/plain; version=0.0.4";

/// Serving until dropped.
pub struct Services {
    addresses: Vec<SocketAddr>,
    _serving: JoinSet<()>,
}

impl Services {
    pub async fn open(shop: Shop) -> anyhow::Result<Services> {
        let (mut addresses, mut serving) = (Vec::new(), JoinSet::new());
        for service in &SERVICES {
            let listener = web::bind("127.0.0.1:0").await?;
            addresses.push(listener.local_addr()?);
            let metrics = move || async move { ([(CONTENT_TYPE, FORMAT)], text(&shop, service, clock::now())) };
            let router = Router::new().route("/metrics", get(metrics));
            // It never ends by itself; what cannot be accepted is tried again.
            serving.spawn(async move { _ = axum::serve(listener, router).await });
        }
        Ok(Services { addresses, _serving: serving })
    }

    /// What each is called, and where it is.
    pub fn targets(&self) -> impl Iterator<Item = ([(&'static str, String); 2], SocketAddr)> {
        SERVICES.iter().map(Service::target).zip(self.addresses.iter().copied())
    }
}
