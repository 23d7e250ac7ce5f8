//! The past of a service: weeks of traffic made up from a seed, in whole requests, with everything that goes wrong in
//! production. What its processes exposed at each scrape is known, and so is how many requests any span holds.

mod blocks;
mod declared;
mod scenarios;
mod traffic;

use crate::stand::Requests;

pub use blocks::{Constant, store, texts};
pub use declared::{EXACT, declared};
pub use scenarios::scenarios;
pub use traffic::Dice;

/// The distance of two scrapes, in seconds.
pub const SCRAPE: i64 = 60;

/// One service's past. All times are in seconds since 1970, all spans half open at their end.
#[derive(Debug, Clone)]
pub struct Past {
    /// What it is called, which is its label `job`.
    pub job: String,
    pub seed: u64,
    pub begins: i64,
    pub ends: i64,
    /// Requests per minute and instance at the height of a working day.
    pub peak: f64,
    pub troubles: Vec<Trouble>,
    /// No request comes in these.
    pub lulls: Vec<(i64, i64)>,
    /// Traffic goes on, but nobody scrapes.
    pub gaps: Vec<(i64, i64)>,
    /// A new process at the same address.
    pub restarts: Vec<i64>,
    /// A new process at a new address.
    pub replacements: Vec<i64>,
}

/// A span in which a share of the requests fails, and as many are slow.
#[derive(Debug, Clone)]
pub struct Trouble {
    pub from: i64,
    pub to: i64,
    pub share: f64,
}

/// What one process exposed at one scrape.
#[derive(Debug, Clone, PartialEq)]
pub struct Exposed {
    pub instance: String,
    pub started: i64,
    pub served: Requests,
}

/// One scrape of all processes, and what they served since the one before.
#[derive(Debug, Clone, PartialEq)]
pub struct Scrape {
    pub at: i64,
    pub exposed: Vec<Exposed>,
    pub gained: Requests,
}

impl Past {
    /// Every scrape that took place, oldest first.
    pub fn scrapes(&self) -> impl Iterator<Item = Scrape> + '_ {
        traffic::scrapes(self)
    }

    /// What was served between two moments, each request belonging to the scrape that first showed it.
    pub fn truth(&self, from: i64, to: i64) -> Requests {
        let within = self.scrapes().filter(|scrape| scrape.at > from && scrape.at <= to);
        within.fold(Requests::default(), |sum, scrape| sum + scrape.gained)
    }
}

fn within(spans: &[(i64, i64)], at: i64) -> bool {
    spans.iter().any(|(from, to)| (*from..*to).contains(&at))
}
