//! Targets that the daemon scrapes itself, as a source: a watch over each, and the answers to a tick's questions from
//! what they exposed in the last minutes. There is no history: what a counter gained while nobody looked is the
//! difference to its last counted value, which the ledger keeps.

use std::collections::BTreeSet;
use std::hash::Hasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use twox_hash::XxHash64;

use crate::daemon::source::{Round, histograms, latest};
use crate::io::clock;
use crate::io::scrape::{Config, Error, Exposed, Full, Recent, Scrape, Scraper, Wanted};
use crate::plan::{self, Facts, Pace, Plan, Query, Question, Reading, Series, Target, buckets};
use crate::promql::{Narrowing, Selector, names};
use crate::report::Check;
use crate::slos::Slo;
use crate::tick::{Ask, Over, Piece, Starts};
use crate::units::{Labels, Problem, Severity, Span, Timestamp};

/// All targets, as the evaluate loop asks them.
pub struct Scraped {
    targets: Arc<Targets>,
}

/// One target, and what runs for it.
pub struct Watch {
    scraper: Scraper,
    /// Its place among the targets.
    index: usize,
    every: Span,
    /// How long after each multiple of `every` it is scraped, so that not all are at once.
    offset: Span,
    wanted: Arc<Wanted>,
    targets: Arc<Targets>,
}

/// What the watches bring and the evaluate loop reads.
struct Targets {
    state: Mutex<State>,
    /// Told whenever a scrape ended.
    ended: Notify,
}

struct State {
    recent: Recent,
    /// When the last of the first scrapes began: nothing can be said of an instant before.
    since: Timestamp,
    lasts: Vec<Last>,
}

/// How the last scrape of a target went.
struct Last {
    /// When the scrape began that has not ended yet.
    under_way: Option<Timestamp>,
    is_up: bool,
    problem: Option<Problem>,
}

impl Scraped {
    /// Reads the files that the targets name. What SLOs do not read is not kept.
    pub fn build(config: &Config, pace: &Pace, slos: &[Arc<Slo>]) -> Result<(Scraped, Vec<Watch>), Error> {
        let began = clock::now();
        let (plan, _) = plan::plan(slos.to_vec(), &Facts::default(), pace.clone());
        let read = plan.queries.iter().filter_map(selector).map(Selector::metric);
        let wanted = Arc::new(Wanted::only(read.chain([names::PROCESS_START])));
        // The first scrapes begin at once; what is asked before they end waits for them.
        let last = || Last { under_way: Some(began), is_up: true, problem: None };
        let lasts = config.targets.iter().map(|_| last()).collect();
        let state = Mutex::new(State { recent: Recent::default(), since: began, lasts });
        let targets = Arc::new(Targets { state, ended: Notify::new() });
        let mut watches = Vec::new();
        for (index, target) in config.targets.iter().enumerate() {
            let scraper = Scraper::build(target)?;
            let offset = offset(&target.labels, config.every);
            let (wanted, targets) = (wanted.clone(), targets.clone());
            watches.push(Watch { scraper, index, every: config.every, offset, wanted, targets });
        }
        Ok((Scraped { targets }, watches))
    }

    /// Whether at least one target answered.
    pub fn is_up(&self) -> bool {
        self.targets.enter().lasts.iter().any(|last| last.is_up)
    }

    /// Answers once every scrape has ended that began by the instant asked for. Nothing is answered for an instant
    /// before the first scrapes: who had asked the targets then, might have learned something.
    pub async fn ask(&self, plan: &Plan, asks: &[Ask]) -> Round {
        let mut round = Round { pieces: Vec::new(), idle: Vec::new(), samples: 0 };
        let Some(until) = asks.iter().map(|ask| ask.until).max() else { return round };
        self.targets.settled(until).await;
        let mut state = self.targets.enter();
        for ask in asks.iter().filter(|ask| ask.until >= state.since) {
            let Some(series) = answer(&state.recent, &plan.queries[ask.query], ask) else { continue };
            round.samples += series.iter().map(|series| series.samples.len()).sum::<usize>();
            round.pieces.push(Piece { query: ask.query, until: ask.until, answer: Ok(vec![series]) });
        }
        state.recent.forget(oldest(plan, asks, until));
        round
    }

    /// What is wrong with targets, and how they are as a whole.
    pub fn found(&self) -> (Vec<Problem>, Check) {
        let state = self.targets.enter();
        let problems: Vec<Problem> = state.lasts.iter().filter_map(|last| last.problem.clone()).collect();
        let failing = problems.iter().filter(|problem| problem.severity == Severity::Error);
        let failing: Vec<&str> = failing.map(|problem| &*problem.what).collect();
        let check = match failing.is_empty() {
            true => Check::Healthy,
            false => Check::Degraded(failing.join("; ")),
        };
        (problems, check)
    }

    /// When the processes of these targets started, as they said in the `range` before `at`.
    pub fn starts(&self, targets: &BTreeSet<Target>, at: Timestamp, range: Span) -> Starts {
        let told = self.targets.enter().recent.select(names::PROCESS_START, &Narrowing::all(), at - range, at);
        let told = told.into_iter().flat_map(|Series { labels, samples, .. }| {
            samples.into_iter().map(move |sample| (labels.clone(), sample.value))
        });
        latest(targets, told)
    }

    /// What targets expose of what a plan asks, once those are scraped that are being scraped now.
    pub async fn facts(&self, plan: &Plan) -> Facts {
        self.targets.settled(clock::now()).await;
        let state = self.targets.enter();
        let labels = |selector: &Selector| -> Vec<Labels> {
            let Some(narrowing) = Narrowing::new(selector.matchers()) else { return Vec::new() };
            state.recent.labels(selector.metric(), &narrowing).cloned().collect()
        };
        let selectors = plan.queries.iter().filter_map(selector);
        let series = selectors.map(|selector| (selector.to_string(), labels(selector).len())).collect();
        let bounds = histograms(plan).into_iter().map(buckets).map(|buckets| {
            let labels = labels(&buckets);
            let texts: BTreeSet<&str> = labels.iter().map(|labels| labels.get(names::BOUND_LABEL)).collect();
            (buckets.to_string(), texts.into_iter().map(String::from).collect())
        });
        Facts { series, bounds: bounds.collect(), ..Facts::default() }
    }
}

/// The samples that a query asks for; `None` where that is no matter of samples.
fn answer(recent: &Recent, query: &Query, ask: &Ask) -> Option<Vec<Series>> {
    let (Question::Raw { selector, reading, .. }, Over::Range(range)) = (&query.question, ask.over) else {
        return None;
    };
    let narrowing = Narrowing::new(selector.matchers())?;
    let mut series = recent.select(selector.metric(), &narrowing, ask.until - range, ask.until);
    if *reading == Reading::Buckets {
        let thresholds: Vec<f64> = query.thresholds().chain([f64::INFINITY]).collect();
        let bound = |series: &Series| series.labels.get(names::BOUND_LABEL).parse().unwrap_or(f64::NAN);
        series.retain(|series| thresholds.contains(&bound(series)));
    }
    Some(series)
}

/// Nothing from before this moment is asked for again: watermarks only move on.
fn oldest(plan: &Plan, asks: &[Ask], until: Timestamp) -> Timestamp {
    let asked = asks.iter().filter_map(|ask| match ask.over {
        Over::Range(range) => Some(ask.until - range),
        Over::Points { .. } | Over::Nothing => None,
    });
    let next = plan.queries.iter().filter_map(|query| match query.question {
        Question::Raw { reading, .. } => Some(until - plan.range(reading, until, until)),
        Question::Points { .. } => None,
    });
    asked.chain(next).min().unwrap_or(until)
}

fn selector(query: &Query) -> Option<&Selector> {
    match &query.question {
        Question::Raw { selector, .. } => Some(selector),
        Question::Points { .. } => None,
    }
}

/// Where in `every` a target with these labels has its turn: the same at each start, and different for most.
fn offset(labels: &Labels, every: Span) -> Span {
    let mut hash = XxHash64::with_seed(0);
    hash.write(labels.to_string().as_bytes());
    Span::millis((hash.finish() % every.as_millis().max(1).unsigned_abs()).cast_signed())
}

impl Watch {
    /// Scrapes its target at once, and from then on in its turn, until it is told to stop. A scrape under way is
    /// abandoned then: nothing of it was counted.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = self.turn() => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// One scrape, and the time until the next.
    async fn turn(&self) {
        let began = clock::now();
        self.targets.begin(self.index, began);
        let scraped = self.scraper.scrape(&self.wanted).await;
        self.end(began, scraped);
        let now = clock::now();
        let next = (now - self.offset).on_grid(self.every) + self.every + self.offset;
        tokio::time::sleep(Duration::from_millis(next.since(now).as_millis().unsigned_abs())).await;
    }

    /// Keeps what a scrape brought, and whether it brought anything.
    fn end(&self, began: Timestamp, scraped: Result<Scrape, Error>) {
        let mut state = self.targets.enter();
        let up = |value: f64| {
            let name = Labels::new([(names::NAME_LABEL, names::UP)]);
            vec![Exposed { labels: self.scraper.labels().overlaid(&name), value, created: None }]
        };
        let kept = scraped.and_then(|Scrape { at, exposed, flaw }| {
            let own = up(1.0).into_iter().chain(exposed).collect();
            state.recent.add(at, own).map_err(|Full| Error::Full { url: self.scraper.url().into() })?;
            Ok(flaw)
        });
        let is_up = kept.is_ok();
        if !is_up {
            _ = state.recent.add(began, up(0.0));
        }
        let problem = kept.unwrap_or_else(Some).map(|error| error.problem());
        state.lasts[self.index] = Last { under_way: None, is_up, problem };
        drop(state);
        self.targets.ended.notify_waiters();
    }
}

impl Targets {
    fn begin(&self, index: usize, at: Timestamp) {
        let state = &mut *self.enter();
        match &mut state.lasts[index].under_way {
            // The first one, which is waited for since the daemon was built.
            Some(_) => state.since = state.since.max(at),
            idle => *idle = Some(at),
        }
    }

    /// Returns when every scrape has ended that began by `until`; the timeout of a scrape is the longest that takes.
    async fn settled(&self, until: Timestamp) {
        loop {
            let ended = self.ended.notified();
            if !self.enter().lasts.iter().any(|last| last.under_way.is_some_and(|began| began <= until)) {
                return;
            }
            ended.await;
        }
    }

    fn enter(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
