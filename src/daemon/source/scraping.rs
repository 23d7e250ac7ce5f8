//! Targets that the daemon scrapes itself, as a source: a watch over each, and the answers to a tick's questions from
//! what they exposed in the last minutes. There is no history: what a counter gained while nobody looked is the
//! difference to its last counted value, which the ledger keeps. Nor is there a clock but this host's: one that is set
//! on is followed, one that is set back is waited for at half the pace, so that ticks go on and none comes twice.

use std::collections::BTreeSet;
use std::hash::Hasher;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use twox_hash::XxHash64;

use crate::daemon::source::{CLOCKS_DIFFER, Round, histograms, latest};
use crate::io::clock::{self, Steady};
use crate::io::scrape::{Config, Error, Exposed, Full, Limits, Recent, Scrape, Scraper, Wanted};
use crate::plan::{Facts, Plan, Query, Question, Reading, Series, Target, buckets};
use crate::promql::{Narrowing, Selector, names};
use crate::report::Check;
use crate::tick::{Ask, Over, Piece, Starts, latency};
use crate::units::{Labels, Problem, Severity, Span, Timestamp};

/// A series that was silent for longer has no value now; the same as in Prometheus.
const LOOKBACK: Span = Span::minutes(5);

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
    wanted: watch::Receiver<Arc<Wanted>>,
    targets: Arc<Targets>,
}

/// What the watches bring and the evaluate loop reads.
struct Targets {
    state: Mutex<State>,
    /// Told whenever a scrape ended.
    ended: Notify,
    /// What of a scrape is kept: what SLOs read.
    wanted: watch::Sender<Arc<Wanted>>,
}

struct State {
    recent: Recent,
    /// By which scrapes and instants are told.
    clock: Steady,
    /// When the last of the first scrapes began: nothing can be said of an instant before.
    since: Timestamp,
    lasts: Vec<Last>,
}

/// How the last scrape of a target went.
struct Last {
    /// When the scrape began, or was wanted, that has not ended yet.
    under_way: Option<Timestamp>,
    /// Whether no scrape has begun yet.
    is_new: bool,
    is_up: bool,
    problem: Option<Problem>,
}

impl Scraped {
    /// Reads the files that the targets name. Of what they expose nothing is kept until somebody wants it.
    pub fn build(config: &Config) -> Result<(Scraped, Vec<Watch>), Error> {
        let mut clock = Steady::not_before(clock::now());
        let began = clock.now();
        // The first scrapes begin at once; what is asked before they end waits for them.
        let last = || Last { under_way: Some(began), is_new: true, is_up: true, problem: None };
        let lasts = config.targets.iter().map(|_| last()).collect();
        let state = Mutex::new(State { recent: Recent::within(Limits::DEFAULT), clock, since: began, lasts });
        let nothing = Arc::new(Wanted::only([names::PROCESS_START]));
        let targets = Arc::new(Targets { state, ended: Notify::new(), wanted: watch::Sender::new(nothing) });
        let mut watches = Vec::new();
        for (index, target) in config.targets.iter().enumerate() {
            let scraper = Scraper::build(target)?;
            let offset = offset(&target.labels, config.every);
            let (wanted, targets) = (targets.wanted.subscribe(), targets.clone());
            watches.push(Watch { scraper, index, every: config.every, offset, wanted, targets });
        }
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

/// Where in `every` a target with these labels has its turn: the same at each start, and different for most.
fn offset(labels: &Labels, every: Span) -> Span {
    let mut hash = XxHash64::with_seed(0);
    hash.write(labels.to_string().as_bytes());
    Span::millis((hash.finish() % every.as_millis().max(1).unsigned_abs()).cast_signed())
}

impl Watch {
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
        self.targets.begin(self.index, began);
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

    /// Keeps what a scrape that `began` then brought, and whether it brought anything.
    fn end(&self, began: Timestamp, scraped: Result<Scrape, Error>) {
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
    fn now(&self) -> Timestamp {
        self.enter().clock.now()
    }

    fn begin(&self, index: usize, at: Timestamp) {
        let state = &mut *self.enter();
        let last = &mut state.lasts[index];
        // The first one is waited for since the daemon was built.
        if mem::take(&mut last.is_new) {
            state.since = state.since.max(at);
        }
        last.under_way.get_or_insert(at);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use futures_util::FutureExt;

    use super::*;
    use crate::io::{http, scrape};
    use crate::plan::{self, Pace};
    use crate::slos::{self, Slo};

    const SLOS: &str = "
service: shop
slos:
  - { name: events, objective: 99%, sli: { bad: 'x_total{code=\"500\"}', total: x_total } }
  - { name: latency, objective: 99%, sli: { histogram: x_seconds, under: 200ms } }
  - { name: up, objective: 99%, sli: { up: up, every: 5m } }
";

    fn targets(count: usize) -> Vec<scrape::Target> {
        let labels = |index: usize| Labels::new([("job", "shop"), ("instance", &format!("i{index}"))]);
        let http = |index: usize| http::Config::new(format!("http://localhost:{}", 8_000 + index));
        (0..count)
            .map(|index| scrape::Target { http: http(index), params: Vec::new(), labels: labels(index) })
            .collect()
    }

    /// A source of so many targets, of which none is scraped yet, and the plan of [`SLOS`].
    fn scraped(count: usize) -> (Scraped, Vec<Watch>, Plan) {
        // Only the first one stays; another test may have been quicker.
        _ = rustls::crypto::ring::default_provider().install_default();
        let (slos, problems) = slos::read("f", SLOS);
        assert_eq!(problems, []);
        let slos: Vec<Arc<Slo>> = slos.into_iter().map(Arc::new).collect();
        let pace = Pace { is_scraping: true, ..Pace::DEFAULT };
        let config = Config { targets: targets(count), ..Config::default() };
        let (scraped, mut watches) = Scraped::build(&config).unwrap();
        let (plan, _) = plan::plan(slos, &Facts::default(), pace);
        scraped.want(&plan);
        watches.iter_mut().for_each(|watch| watch.wanted.mark_unchanged());
        (scraped, watches, plan)
    }

    /// One whole scrape that began at `at`: series such as `x_total code=500`, each with its value.
    fn bring(watch: &Watch, at: Timestamp, series: &[(&str, f64)]) {
        let exposed = series.iter().map(|(series, value)| {
            let (metric, labels) = series.split_once(' ').unwrap_or((series, ""));
            let labels = labels.split(',').filter_map(|pair| pair.split_once('='));
            let labels = Labels::new([(names::NAME_LABEL, metric)].into_iter().chain(labels));
            Exposed { labels: labels.overlaid(watch.scraper.labels()), value: *value, created: None }
        });
        let exposed = exposed.collect();
        watch.targets.begin(watch.index, at);
        watch.end(at, Ok(Scrape { exposed, flaw: None }));
    }

    fn fail(watch: &Watch, at: Timestamp) {
        watch.targets.begin(watch.index, at);
        let origin = "http://localhost:8000/metrics".to_string();
        watch.end(at, Err(Error::Http(http::Error::Refused { origin })));
    }

    fn asks(plan: &Plan, until: Timestamp) -> Vec<Ask> {
        let over = Over::Range(Span::minutes(2));
        (0..plan.queries.len()).map(|query| Ask { query, until, over }).collect()
    }

    /// By metric, the series of a round with their last values; `None` while it waits.
    fn answered(scraped: &Scraped, plan: &Plan, until: Timestamp) -> Option<Vec<(String, f64)>> {
        let round = scraped.ask(plan, &asks(plan, until)).now_or_never()?;
        let series = round.pieces.into_iter().flat_map(|piece| piece.answer.unwrap()).flatten();
        let told = series.map(|Series { labels, samples, .. }| {
            let own = ["__name__", "le", "instance"].map(|name| labels.get(name)).join(" ");
            (own.trim().to_string(), samples.last().unwrap().value)
        });
        let mut told: Vec<(String, f64)> = told.collect();
        told.sort_by(|a, b| a.0.cmp(&b.0));
        Some(told)
    }

    fn expected(series: &[(&str, f64)]) -> Option<Vec<(String, f64)>> {
        Some(series.iter().map(|(series, value)| (series.to_string(), *value)).collect())
    }

    #[test]
    fn an_instant_is_answered_once_every_scrape_has_ended_that_began_by_then() {
        let (scraped, watches, plan) = scraped(2);
        let start = clock::now();
        let at = |seconds: i64| start + Span::seconds(seconds);
        assert_eq!(answered(&scraped, &plan, at(1)), None, "both are waited for from the start");
        bring(&watches[0], at(1), &[("x_total code=200", 5.0)]);
        assert_eq!(answered(&scraped, &plan, at(1)), None, "the other may be as slow as its timeout");
        bring(&watches[1], at(2), &[("x_total code=200", 7.0)]);
        let both = [("up  i0", 1.0), ("up  i1", 1.0), ("x_total  i0", 5.0), ("x_total  i1", 7.0)];
        assert_eq!(answered(&scraped, &plan, at(2)), expected(&both));
        watches[0].targets.begin(0, at(16));
        assert_eq!(answered(&scraped, &plan, at(15)), expected(&both), "it began later");
        assert_eq!(answered(&scraped, &plan, at(16)), None);
    }

    #[test]
    fn an_instant_before_the_first_scrapes_is_not_answered() {
        let (scraped, watches, plan) = scraped(1);
        let start = clock::now();
        bring(&watches[0], start + Span::seconds(1), &[("x_total code=200", 5.0)]);
        let pieces = |until| scraped.ask(&plan, &asks(&plan, until)).now_or_never().unwrap().pieces.len();
        assert_eq!(pieces(start), 0);
        assert_eq!(pieces(start + Span::seconds(1)), plan.queries.len());
    }

    #[test]
    fn of_a_histogram_only_those_buckets_are_read_that_are_needed() {
        let (scraped, watches, plan) = scraped(1);
        let at = clock::now() + Span::seconds(1);
        let buckets = ["0.1", "2e-1", "0.5", "+Inf"].map(|le| format!("x_seconds_bucket le={le}"));
        bring(&watches[0], at, &buckets.each_ref().map(|bucket| (&**bucket, 1.0)));
        let read = [("up  i0", 1.0), ("x_seconds_bucket +Inf i0", 1.0), ("x_seconds_bucket 2e-1 i0", 1.0)];
        assert_eq!(answered(&scraped, &plan, at), expected(&read));
        let facts = scraped.facts(&plan).now_or_never().unwrap();
        assert_eq!(facts.bounds["x_seconds_bucket"], ["+Inf", "0.1", "0.5", "2e-1"]);
        assert_eq!((facts.series["up"], facts.series["x_total"]), (1, 0));
    }

    #[test]
    fn what_the_slowest_question_may_still_ask_for_is_held_and_nothing_older() {
        let (scraped, watches, plan) = scraped(1);
        let start = clock::now();
        let at = |seconds: i64| start + Span::seconds(seconds);
        (1..=60).for_each(|scrape| bring(&watches[0], at(10 * scrape), &[]));
        answered(&scraped, &plan, at(600)).unwrap();
        let oldest = |from: i64| {
            let held = scraped.targets.enter().recent.select(names::UP, &Narrowing::all(), at(from), at(600));
            held[0].samples[0].at
        };
        assert_eq!(oldest(0), at(300), "`up` is judged in slices of five minutes");
    }

    #[test]
    fn where_nobody_asks_anything_nothing_is_held() {
        let (scraped, watches, plan) = scraped(1);
        let held = || scraped.targets.enter().recent.labels(names::UP, &Narrowing::all()).count();
        bring(&watches[0], clock::now() - Span::seconds(1), &[]);
        assert!(scraped.ask(&plan, &[]).now_or_never().is_some());
        assert_eq!(held(), 1, "every question was answered for this instant");
        let (none, _) = plan::plan(Vec::new(), &Facts::default(), Pace::DEFAULT);
        assert!(scraped.ask(&none, &[]).now_or_never().is_some());
        assert_eq!(held(), 0);
    }

    #[test]
    fn where_more_is_wanted_it_is_waited_for_another_scrape_and_no_instant_is_lost() {
        let (scraped, watches, plan) = scraped(1);
        let start = clock::now();
        let at = |seconds: i64| start + Span::seconds(seconds);
        bring(&watches[0], at(1), &[("x_total code=200", 5.0)]);
        let (slos, _) = slos::read("f", &SLOS.replace("x_total", "y_total"));
        let (other, _) = plan::plan(slos.into_iter().map(Arc::new).collect(), &Facts::default(), plan.pace.clone());
        scraped.go_on_from(at(10));
        scraped.want(&other);
        assert!(scraped.facts(&other).now_or_never().is_none(), "what is wanted was never scraped");
        assert_eq!(answered(&scraped, &plan, at(1)).map(|told| told.len()), Some(2), "what was asked before is there");
        bring(&watches[0], at(2), &[("y_total code=200", 7.0)]);
        assert!(scraped.facts(&other).now_or_never().is_none(), "it may have begun before");
    }

    #[test]
    fn what_was_scraped_is_taken_over_with_the_time() {
        let (former, watches, plan) = scraped(1);
        let at = clock::now() + Span::hours(1);
        bring(&watches[0], at, &[("x_total code=200", 5.0)]);
        former.go_on_from(at);
        let (scraped, _) = Scraped::build(&Config { targets: targets(2), ..Config::default() }).unwrap();
        scraped.take_over(&former);
        assert!(scraped.now() >= at);
        scraped.targets.enter().lasts.iter_mut().for_each(|last| last.under_way = None);
        assert_eq!(answered(&scraped, &plan, at), expected(&[("up  i0", 1.0), ("x_total  i0", 5.0)]));
    }

    #[test]
    fn a_target_that_fails_is_a_problem_until_it_answers_and_brings_an_up_of_0() {
        let (scraped, watches, plan) = scraped(2);
        let start = clock::now();
        let at = |seconds: i64| start + Span::seconds(seconds);
        fail(&watches[0], at(1));
        bring(&watches[1], at(1), &[]);
        assert_eq!(answered(&scraped, &plan, at(1)), expected(&[("up  i0", 0.0), ("up  i1", 1.0)]));
        let what = "scraping shop: http://localhost:8000/metrics refused the connection";
        let (problems, check) = scraped.found();
        assert_eq!(problems.iter().map(|problem| &*problem.what).collect::<Vec<_>>(), [what]);
        assert_eq!((check, scraped.is_up()), (Check::Degraded(what.into()), true));
        fail(&watches[1], at(16));
        assert!(!scraped.is_up());
        bring(&watches[0], at(16), &[]);
        bring(&watches[1], at(31), &[]);
        assert_eq!((scraped.found(), scraped.is_up()), ((vec![], Check::Healthy), true));
    }

    #[test]
    fn the_turns_of_targets_are_spread_and_always_the_same() {
        let every = Span::seconds(10);
        let offsets: Vec<Span> = targets(100).iter().map(|target| offset(&target.labels, every)).collect();
        for tenth in 0..10 {
            let within = |offset: &&Span| (tenth * 1_000..(tenth + 1) * 1_000).contains(&offset.as_millis());
            assert!((1..30).contains(&offsets.iter().filter(within).count()), "{offsets:?}");
        }
        assert_eq!(offset(&targets(1)[0].labels, every), offsets[0]);
    }
}
