//! The watch over one target, and what all of them bring.

use std::hash::Hasher;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use twox_hash::XxHash64;

use crate::io::clock::{self, Steady};
use crate::io::scrape::{Error, Exposed, Full, Limits, Recent, Scrape, Scraper, Target, Wanted};
use crate::promql::names;
use crate::units::{Labels, Problem, Span, Timestamp};

/// One target, and what runs for it.
pub struct Watch {
    pub(in crate::daemon::source::scraping) scraper: Scraper,
    /// Its place among the targets.
    index: usize,
    every: Span,
    /// How long after each multiple of `every` it is scraped, so that not all are at once.
    offset: Span,
    pub(in crate::daemon::source::scraping) wanted: watch::Receiver<Arc<Wanted>>,
    targets: Arc<Targets>,
}

/// What the watches bring and the evaluate loop reads.
pub struct Targets {
    state: Mutex<State>,
    /// Told whenever a scrape ended.
    ended: Notify,
    /// What of a scrape is kept: what SLOs read.
    pub wanted: watch::Sender<Arc<Wanted>>,
}

pub struct State {
    pub recent: Recent,
    /// By which scrapes and instants are told.
    pub clock: Steady,
    /// When the last of the first scrapes began: nothing can be said of an instant before.
    pub since: Timestamp,
    pub lasts: Vec<Last>,
}

/// How the last scrape of a target went.
pub struct Last {
    /// When the scrape began, or was wanted, that has not ended yet.
    pub under_way: Option<Timestamp>,
    /// Whether no scrape has begun yet.
    pub is_new: bool,
    pub is_up: bool,
    pub problem: Option<Problem>,
}

impl Watch {
    /// Reads the files that the target names.
    pub fn build(targets: &Arc<Targets>, index: usize, target: &Target, every: Span) -> Result<Watch, Error> {
        let offset = offset(&target.labels, every);
        let (scraper, wanted) = (Scraper::build(target)?, targets.wanted.subscribe());
        Ok(Watch { scraper, index, every, offset, wanted, targets: targets.clone() })
    }

    /// Scrapes its target at once, and from then on in its turn, until it is told to stop. A scrape under way is
    /// abandoned then: nothing of it was counted.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = self.turn() => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// One scrape, and the time until the next or until more is wanted.
    async fn turn(&mut self) {
        let began = self.targets.now();
        self.begin(began);
        let wanted = self.wanted.borrow_and_update().clone();
        let scraped = self.scraper.scrape(&wanted).await;
        self.end(began, scraped);
        let now = clock::now();
        let next = (now - self.offset).on_grid(self.every) + self.every + self.offset;
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(next.since(now).as_millis().unsigned_abs())) => {}
            Ok(()) = self.wanted.changed() => {}
        }
    }

    pub(in crate::daemon::source::scraping) fn begin(&self, at: Timestamp) {
        let state = &mut *self.targets.enter();
        let last = &mut state.lasts[self.index];
        // The first one is waited for since the daemon was built.
        if mem::take(&mut last.is_new) {
            state.since = state.since.max(at);
        }
        last.under_way.get_or_insert(at);
    }

    /// Keeps what a scrape that `began` then brought, and whether it brought anything.
    pub(in crate::daemon::source::scraping) fn end(&self, began: Timestamp, scraped: Result<Scrape, Error>) {
        let mut state = self.targets.enter();
        let up = |value: f64| {
            let name = Labels::new([(names::NAME_LABEL, names::UP)]);
            vec![Exposed { labels: self.scraper.labels().overlaid(&name), value, created: None }]
        };
        let kept = scraped.and_then(|Scrape { exposed, flaw }| {
            let own = up(1.0).into_iter().chain(exposed).collect();
            state.recent.add(began, own).map_err(|Full| Error::Full { url: self.scraper.url().into() })?;
            Ok(flaw)
        });
        let is_up = kept.is_ok();
        if !is_up {
            _ = state.recent.add(began, up(0.0));
        }
        let problem = kept.unwrap_or_else(Some).map(|error| {
            let Problem { what, .. } = error.problem();
            let job = self.scraper.labels().get("job");
            Problem { what: format!("scraping {job}: {what}"), ..error.problem() }
        });
        // What more was wanted meanwhile is scraped next.
        let again = self.wanted.has_changed().unwrap_or(false).then(|| state.clock.now());
        state.lasts[self.index] = Last { under_way: again, is_new: false, is_up, problem };
        drop(state);
        self.targets.ended.notify_waiters();
    }
}

impl Targets {
    /// The first scrapes begin at once; what is asked before they end waits for them.
    pub fn new(count: usize) -> Targets {
        let mut clock = Steady::not_before(clock::now());
        let began = clock.now();
        let last = || Last { under_way: Some(began), is_new: true, is_up: true, problem: None };
        let lasts = std::iter::repeat_with(last).take(count).collect();
        let state = Mutex::new(State { recent: Recent::within(Limits::DEFAULT), clock, since: began, lasts });
        let nothing = Arc::new(Wanted::only([names::PROCESS_START]));
        Targets { state, ended: Notify::new(), wanted: watch::Sender::new(nothing) }
    }

    pub fn now(&self) -> Timestamp {
        self.enter().clock.now()
    }

    /// Returns when every scrape has ended that began by `until`; the timeout of a scrape is the longest that takes.
    pub async fn settled(&self, until: Timestamp) {
        loop {
            let ended = self.ended.notified();
            if !self.enter().lasts.iter().any(|last| last.under_way.is_some_and(|began| began <= until)) {
                return;
            }
            ended.await;
        }
    }

    pub fn enter(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where in `every` a target with these labels has its turn: the same at each start, and different for most.
fn offset(labels: &Labels, every: Span) -> Span {
    let mut hash = XxHash64::with_seed(0);
    hash.write(labels.to_string().as_bytes());
    Span::millis((hash.finish() % every.as_millis().max(1).unsigned_abs()).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_turns_of_targets_are_spread_and_always_the_same() {
        let every = Span::seconds(10);
        let turn = |index: usize| offset(&Labels::new([("job", "shop"), ("instance", &format!("i{index}"))]), every);
        let offsets: Vec<Span> = (0..100).map(turn).collect();
        for tenth in 0..10 {
            let within = |offset: &&Span| (tenth * 1_000..(tenth + 1) * 1_000).contains(&offset.as_millis());
            assert!((1..30).contains(&offsets.iter().filter(within).count()), "{offsets:?}");
        }
        assert_eq!(turn(0), offsets[0]);
    }
}
