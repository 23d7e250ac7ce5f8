//! Who may ask, and how often: all that a reload may replace while everything else is served on. Never knows what is asked.

use std::sync::Arc;

use ipnet::IpNet;

use crate::io::web::config::Config;
use crate::io::web::gate::Gate;
use crate::io::web::rate::Limits;

/// The gate, and the rates of those who come in by it.
pub struct Access {
    pub gate: Arc<Gate>,
    pub limits: Option<Arc<Limits>>,
    pub trusted_proxies: Box<[IpNet]>,
}

impl Access {
    pub fn new(config: &Config, gate: Arc<Gate>) -> Access {
        let limits = config.rate_limit.map(|rate| Arc::new(Limits::of(rate)));
        Access { gate, limits, trusted_proxies: config.trusted_proxies.as_slice().into() }
    }
}
