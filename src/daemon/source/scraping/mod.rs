//! Targets that the daemon scrapes itself, as a source: a watch over each, and the answers to a tick's questions from
//! what they exposed in the last minutes. There is no history: what a counter gained while nobody looked is the
//! difference to its last counted value, which the ledger keeps. Nor is there a clock but this host's: one that is set
//! on is followed, one that is set back is waited for at half the pace, so that ticks go on and none comes twice.

mod watch;

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use crate::daemon::source::{CLOCKS_DIFFER, Round, histograms, latest};
use crate::io::clock::Steady;
use crate::io::scrape::{Config, Error, Recent, Wanted};
use crate::plan::{Facts, Plan, Query, Question, Reading, Series, Target, buckets};
use crate::promql::{Narrowing, Selector, names};
use crate::report::Check;
use crate::tick::{Ask, Over, Piece, Starts, latency};
use crate::units::{Labels, Problem, Severity, Span, Timestamp};

pub use watch::Watch;

use watch::Targets;

/// A series that was silent for longer has no value now; the same as in Prometheus.
const LOOKBACK: Span = Span::minutes(5);

/// All targets, as the evaluate loop asks them.
pub struct Scraped {
    targets: Arc<Targets>,
}

impl Scraped {
    /// Of what the targets expose nothing is kept until somebody wants it.
    pub fn build(config: &Config) -> Result<(Scraped, Vec<Watch>), Error> {
        let targets = Arc::new(Targets::new(config.targets.len()));
        let watch = |(index, target)| Watch::build(&targets, index, target, config.every);
        let watches = config.targets.iter().enumerate().map(watch).collect::<Result<_, _>>()?;
        Ok((Scraped { targets }, watches))
    }

    /// Keeps from now on what the questions of a plan read. Where some of that was not kept before, all targets are
    /// scraped at once, and it is waited for that.
    pub fn want(&self, plan: &Plan) {
        let metrics: BTreeSet<&str> =
            plan.queries.iter().filter_map(selector).map(Selector::metric).chain([names::PROCESS_START]).collect();
        let state = &mut *self.targets.enter();
        let now = state.clock.now();
        self.targets.wanted.send_if_modified(|wanted| {
            let is_more = metrics.iter().any(|metric| !wanted.keeps(metric));
            *wanted = Arc::new(Wanted::only(metrics.iter().copied()));
            if is_more {
                state.lasts.iter_mut().for_each(|last| _ = last.under_way.get_or_insert(now));
            }
            is_more
        });
    }

    /// Goes on from what another, which ends, scraped by now: for no instant is there less to tell.
    pub fn take_over(&self, former: &Scraped) {
        let (state, former) = (&mut *self.targets.enter(), &mut *former.targets.enter());
        mem::swap(&mut state.recent, &mut former.recent);
        mem::swap(&mut state.clock, &mut former.clock);
        state.since = former.since;
        state.lasts.iter_mut().for_each(|last| last.is_new = false);
    }

    /// The time of day, which goes on from `newest` where that is later: it was counted up to there already.
    pub fn go_on_from(&self, newest: Timestamp) {
        let state = &mut *self.targets.enter();
        let now = state.clock.now().max(newest);
        state.clock = Steady::not_before(now);
    }

    /// The time of day, which never goes back.
    pub fn now(&self) -> Timestamp {
        self.targets.now()
    }

    /// The problem that our clock was set back.
    pub fn clock_problem(&self) -> Option<Problem> {
        let (until, behind) = self.targets.enter().clock.catching_up();
        (behind > CLOCKS_DIFFER).then(|| {
            let until = until.on_grid(Span::minutes(1)) + Span::minutes(1);
            let remedy = format!("set it by NTP; until {until} time passes here at half its pace");
            Problem::warning("clock", "this host's clock was set back", remedy)
        })
    }

    /// Whether at least one target answered.
    pub fn is_up(&self) -> bool {
        self.targets.enter().lasts.iter().any(|last| last.is_up)
    }

    /// Answers once every scrape has ended that began by the instant asked for. Nothing is answered for an instant
    /// before the first scrapes: who had asked the targets then, might have learned something.
    pub async fn ask(&self, plan: &Plan, asks: &[Ask]) -> Round {
        let mut round = Round { pieces: Vec::new(), idle: Vec::new(), samples: 0 };
        let Some(until) = asks.iter().map(|ask| ask.until).max() else {
            if plan.queries.is_empty() {
                let state = &mut *self.targets.enter();
                state.recent.forget(state.clock.now());
            }
            return round;
        };
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

    /// Whole histograms, each series with its newest sample.
    pub async fn distributions(&self, plan: &Plan, asks: &[latency::Ask]) -> Vec<latency::Answer> {
        let Some(latest) = asks.iter().map(|ask| ask.at).max() else { return Vec::new() };
        self.targets.settled(latest).await;
        let recent = &self.targets.enter().recent;
        let answer = |ask: &latency::Ask| {
            let selector = &plan.distributions[ask.distribution].selector;
            let narrowing = Narrowing::new(selector.matchers());
            let newest = |mut series: Series| {
                series.samples.drain(..series.samples.len().saturating_sub(1));
                series
            };
            let series = narrowing.map(|narrowing| {
                let series = recent.select(selector.metric(), &narrowing, ask.at - LOOKBACK, ask.at);
                series.into_iter().map(newest).collect()
            });
            latency::Answer { ask: *ask, series }
        };
        asks.iter().map(answer).collect()
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
        self.targets.settled(self.now()).await;
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
        Question::Points { .. } | Question::Own { .. } => None,
    });
    asked.chain(next).min().unwrap_or(until)
}

fn selector(query: &Query) -> Option<&Selector> {
    match &query.question {
        Question::Raw { selector, .. } => Some(selector),
        Question::Points { .. } | Question::Own { .. } => None,
    }
}

#[cfg(test)]
mod tests;
