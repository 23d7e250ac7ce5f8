//! Where counts come from: a Prometheus that is asked, or targets that the daemon scrapes itself. The evaluate loop puts
//! the same questions to both.

mod prometheus;
mod scraping;

use std::collections::BTreeSet;

use anyhow::Context;

use crate::daemon::{Config, config};
use crate::io::prometheus::{Error, Prometheus};
use crate::plan::{Facts, Plan, Target};
use crate::promql::Selector;
use crate::report::Check;
use crate::tick::{Ask, NoAnswer, Piece, Starts, latency};
use crate::units::{Labels, Problem, Span, Timestamp};

pub use prometheus::{IN_HAND, LONGEST_REST, Queried, SEEN, starts};
pub use scraping::{Scraped, Watch};

/// More clock difference than this is told.
const CLOCKS_DIFFER: Span = Span::seconds(10);

/// Who is asked.
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
pub enum Source {
    Queried(Queried),
    Scraped(Scraped),
}

/// What a round of questions brought.
pub struct Round {
    /// What was asked, and its answers.
    pub pieces: Vec<Piece>,
    /// What needed no asking.
    pub idle: Vec<Piece>,
    /// Raw samples read.
    pub samples: usize,
}

impl Round {
    /// Takes the answers that need what was not answered for none, to be asked again.
    pub fn refuse(&mut self, error: &Error, needs: impl Fn(&Piece) -> bool) {
        for piece in self.pieces.iter_mut().filter(|piece| needs(piece)) {
            piece.answer = Err(NoAnswer { problem: error.problem(), too_much: false });
        }
    }
}

impl Source {
    /// The source that `config` names, and what has to run for it: a watch over each target that is scraped.
    pub fn build(config: &Config) -> anyhow::Result<(Source, Vec<Watch>)> {
        Ok(match &config.source {
            config::Source::Prometheus(prometheus) => {
                let server = Prometheus::build(prometheus).context("source.prometheus")?;
                (Source::Queried(Queried::new(server, prometheus.max_samples)), Vec::new())
            }
            config::Source::Scrape(scrape) => {
                let (scraped, watches) = Scraped::build(scrape).context("source.scrape")?;
                (Source::Scraped(scraped), watches)
            }
        })
    }

    /// Whether it answered anything when it was last asked; until then it is taken to.
    pub fn is_up(&self) -> bool {
        match self {
            Source::Queried(queried) => queried.is_up,
            Source::Scraped(scraped) => scraped.is_up(),
        }
    }

    /// Whether it asked to be left alone for a while that is not over.
    pub fn is_resting(&self) -> bool {
        match self {
            Source::Queried(queried) => queried.is_resting(),
            Source::Scraped(_) => false,
        }
    }

    /// The time of day at the source.
    pub fn now(&self) -> Timestamp {
        match self {
            Source::Queried(queried) => queried.now(),
            Source::Scraped(scraped) => scraped.now(),
        }
    }

    /// Says up to when was counted already. A Prometheus has its own time, whatever was counted.
    pub fn go_on_from(&self, newest: Timestamp) {
        match self {
            Source::Queried(_) => {}
            Source::Scraped(scraped) => scraped.go_on_from(newest),
        }
    }

    /// Says what will be asked: every question of a plan. A Prometheus keeps everything anyway.
    pub fn want(&self, plan: &Plan) {
        match self {
            Source::Queried(_) => {}
            Source::Scraped(scraped) => scraped.want(plan),
        }
    }

    /// Goes on where `former` stood, as far as both have anything in common.
    pub fn take_over(&self, former: &Source) {
        if let (Source::Scraped(scraped), Source::Scraped(former)) = (self, former) {
            scraped.take_over(former);
        }
    }

    /// Asks the source for nothing but the time; who scrapes, uses our own.
    pub async fn look_at_its_clock(&mut self) {
        match self {
            Source::Queried(queried) => queried.look_at_its_clock().await,
            Source::Scraped(_) => {}
        }
    }

    /// The problem that both clocks differ, or that ours was set back where it is the only one.
    pub fn clock_problem(&self) -> Option<Problem> {
        match self {
            Source::Queried(queried) => queried.clock_problem(),
            Source::Scraped(scraped) => scraped.clock_problem(),
        }
    }

    /// Puts the questions of a tick.
    pub async fn ask(&mut self, plan: &Plan, asks: &[Ask]) -> Round {
        match self {
            Source::Queried(queried) => queried.ask(plan, asks).await,
            Source::Scraped(scraped) => scraped.ask(plan, asks).await,
        }
    }

    /// What is wrong with the source after a round, each thing once, and how it is; `None` where a round had nothing to
    /// ask.
    pub fn found(&self, plan: &Plan, round: &Round) -> Option<(Vec<Problem>, Check)> {
        match self {
            Source::Queried(_) if round.pieces.is_empty() => None,
            Source::Queried(queried) => {
                let problems = queried.problems(plan, round);
                let check = problems.first().map_or(Check::Healthy, |problem| Check::Degraded(problem.to_string()));
                Some((problems, check))
            }
            Source::Scraped(scraped) => Some(scraped.found()),
        }
    }

    /// When the processes of these targets started, of several in the `range` before `at` the last: also those that
    /// have ended by then, for a catch-up meets them later.
    pub async fn starts(&self, targets: &BTreeSet<Target>, at: Timestamp, range: Span) -> Result<Starts, Error> {
        match self {
            Source::Queried(queried) => queried.starts(targets, at, range).await,
            Source::Scraped(scraped) => Ok(scraped.starts(targets, at, range)),
        }
    }

    /// Whole histograms, and what keeps the source from telling some of them.
    pub async fn distributions(&self, plan: &Plan, asks: &[latency::Ask]) -> (Vec<latency::Answer>, Vec<Problem>) {
        match self {
            Source::Queried(queried) => queried.distributions(plan, asks).await,
            Source::Scraped(scraped) => (scraped.distributions(plan, asks).await, Vec::new()),
        }
    }

    /// What the source holds for the questions of a plan, and why some of it is not known; that stays as it was `known`.
    pub async fn facts(&self, plan: &Plan, known: &Facts) -> (Facts, Vec<Error>) {
        match self {
            Source::Queried(queried) => queried.facts(plan, known).await,
            Source::Scraped(scraped) => (scraped.facts(plan).await, Vec::new()),
        }
    }
}

/// The histograms that some SLO reads, each once.
fn histograms(plan: &Plan) -> BTreeSet<&Selector> {
    plan.slos.iter().filter_map(|planned| planned.slo.sli.histogram()).collect()
}

/// The latest start of each of these targets, of what `process_start_time_seconds` was.
fn latest(targets: &BTreeSet<Target>, told: impl IntoIterator<Item = (Labels, f64)>) -> Starts {
    let mut starts = Starts::new();
    for (labels, seconds) in told {
        if let Some(target) = Target::of(&labels).filter(|target| targets.contains(target)) {
            let start = Timestamp::millis((seconds * 1_000.0) as i64);
            let last = starts.entry(target).or_insert(start);
            *last = start.max(*last);
        }
    }
    starts
}
