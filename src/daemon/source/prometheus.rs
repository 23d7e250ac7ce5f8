//! A Prometheus as a source: puts a tick's questions to it, and learns what it holds and what time it has.

use std::collections::{BTreeSet, HashMap, HashSet};

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, StreamExt};

use crate::daemon::source::{CLOCKS_DIFFER, Round, histograms, latest};
use crate::io::clock::{self, Offset};
use crate::io::prometheus::{Answer, Error, Prometheus};
use crate::plan::{Facts, Plan, Query, Question, Series, Target, buckets};
use crate::promql::{Matcher, Op, Selector, names};
use crate::tick::{Ask, NoAnswer, Over, Piece, Starts, latency};
use crate::units::{Problem, Span, Timestamp};

/// Questions handed to the client at once; it holds back those over its own bound.
pub const IN_HAND: usize = 64;

/// So many questions without any answer, and the others of the round are given up.
const GIVE_UP: usize = 8;

/// More instances than this are not named one by one when their starts are asked for.
const NAMED_INSTANCES: usize = 100;

/// No source is left alone for longer, whatever it asks for.
pub const LONGEST_REST: Span = Span::minutes(10);

/// How far back it is looked for what the source holds: names, labels, the bounds of histograms.
pub const SEEN: Span = Span::hours(1);

/// A Prometheus and how far its clock is from ours.
pub struct Queried {
    prometheus: Prometheus,
    offset: Offset,
    /// Whether it answered anything when it was last asked; until then it is taken to be.
    pub is_up: bool,
    /// Until when it asked to be left alone, by our clock.
    rest_until: Option<Timestamp>,
    /// More samples in one tick are told.
    max_samples: usize,
}

impl Queried {
    pub fn new(prometheus: Prometheus, max_samples: usize) -> Queried {
        Queried { prometheus, offset: Offset::NONE, is_up: true, rest_until: None, max_samples }
    }

    /// What went wrong in a round, each thing once.
    pub fn problems(&self, plan: &Plan, round: &Round) -> Vec<Problem> {
        let mut problems = failures(plan, &round.pieces);
        if round.samples > self.max_samples {
            let what =
                format!("a tick read {} samples, more than max_samples allows ({})", round.samples, self.max_samples);
            let remedy = "narrow the selectors, or raise source.prometheus.max_samples";
            problems.push(Problem::warning("too_many_samples", what, remedy));
        }
        problems
    }

    /// The time of day at the source.
    pub fn now(&self) -> Timestamp {
        self.offset.applied_to(clock::now())
    }

    /// Asks the source for nothing but the time.
    pub async fn look_at_its_clock(&mut self) {
        if let Ok(Answer { clock: Some(offset), .. }) = self.prometheus.samples("burnwatch_clock[1s]", self.now()).await
        {
            self.offset = offset;
        }
    }

    /// The problem that both clocks differ.
    pub fn clock_problem(&self) -> Option<Problem> {
        let ahead = if self.offset.as_millis() > 0 { "behind" } else { "ahead of" };
        let size = self.offset.size();
        (size > CLOCKS_DIFFER).then(|| {
            let what = format!("this host's clock is {} s {ahead} the source's", size.as_seconds().round());
            Problem::warning("clock", what, "set both by NTP; until then the source's clock is used")
        })
    }

    /// Whether it asked to be left alone for a while that is not over.
    pub fn is_resting(&self) -> bool {
        let now = clock::now();
        // A clock that was set back makes no while longer.
        self.rest_until.is_some_and(|until| now < until && until.since(now) <= LONGEST_REST)
    }

    /// Puts the questions of a tick; none while the source wants to be left alone. One that does not answer at all keeps
    /// the tick for one timeout, not for one of each question.
    pub async fn ask(&mut self, plan: &Plan, asks: &[Ask]) -> Round {
        if self.is_resting() {
            return Round { pieces: Vec::new(), idle: Vec::new(), samples: 0 };
        }
        let (idle, asks): (Vec<Ask>, Vec<Ask>) = asks.iter().partition(|ask| ask.over == Over::Nothing);
        let questions: Vec<_> = asks.iter().map(|ask| self.answer(plan, *ask)).collect();
        let mut answering = stream::iter(questions).buffer_unordered(IN_HAND);
        let mut answers = Vec::with_capacity(asks.len());
        while let Some(answer) = answering.next().await {
            answers.push(answer);
            if is_down(&answers) {
                break;
            }
        }
        drop(answering);
        if let Some(offset) = answers.iter().rev().find_map(|(_, answer)| answer.as_ref().ok()?.clock) {
            self.offset = offset;
        }
        let rest = answers.iter().filter_map(|(_, answer)| answer.as_ref().err()?.retry_after()).max();
        self.rest_until = rest.map(|rest| clock::now() + rest.min(LONGEST_REST));
        let now = self.now();
        let samples = answers.iter().filter_map(|(_, answer)| Some(answer.as_ref().ok()?.samples)).sum();
        let mut pieces: Vec<Piece> = answers.into_iter().map(|(ask, answer)| piece(ask, answer, now)).collect();
        pieces.extend(given_up(&asks, &pieces));
        pieces.sort_by_key(|piece| piece.query);
        if !asks.is_empty() {
            self.is_up = pieces.iter().any(|piece| piece.answer.is_ok());
        }
        let nothing = |ask: Ask| Piece { query: ask.query, until: ask.until, answer: Ok(Vec::new()) };
        Round { pieces, idle: idle.into_iter().map(nothing).collect(), samples }
    }

    async fn answer(&self, plan: &Plan, ask: Ask) -> (Ask, Result<Answer<Vec<Vec<Series>>>, Error>) {
        let query = &plan.queries[ask.query];
        let answer = match (&query.question, ask.over) {
            (Question::Raw { ask: selector, .. }, Over::Range(range)) => {
                let samples = self.prometheus.samples(&format!("{selector}[{range}]"), ask.until).await;
                samples.map(|Answer { value, clock, samples }| Answer {
                    value: vec![query.read(value)],
                    clock,
                    samples,
                })
            }
            (Question::Points { asks, .. }, Over::Points { from, to, every }) => {
                self.points(asks, from, to, every).await
            }
            (Question::Raw { .. } | Question::Points { .. } | Question::Own { .. }, _) => {
                Ok(Answer { value: Vec::new(), clock: None, samples: 0 })
            }
        };
        (ask, answer)
    }

    /// The values of every expression at each grid point.
    async fn points(
        &self,
        asks: &[String],
        from: Timestamp,
        to: Timestamp,
        every: Span,
    ) -> Result<Answer<Vec<Vec<Series>>>, Error> {
        let mut all = Answer { value: Vec::new(), clock: None, samples: 0 };
        for ask in asks {
            let answer = self.prometheus.points(ask, from, to, every).await?;
            all.value.push(answer.value);
            all.clock = answer.clock.or(all.clock);
            all.samples += answer.samples;
        }
        Ok(all)
    }

    /// When the processes of these targets started, of several in the `range` before `at` the last: also those that
    /// have ended by then, for a catch-up meets them later.
    pub async fn starts(&self, targets: &BTreeSet<Target>, at: Timestamp, range: Span) -> Result<Starts, Error> {
        starts(&self.prometheus, "last_over_time", targets, at, range).await
    }

    /// Whole histograms, and what keeps the source from telling some of them. One that is down is told of elsewhere.
    pub async fn distributions(&self, plan: &Plan, asks: &[latency::Ask]) -> (Vec<latency::Answer>, Vec<Problem>) {
        let questions = asks.iter().map(|ask| async move {
            let selector = plan.distributions[ask.distribution].selector.to_string();
            (*ask, self.prometheus.instant(&selector, ask.at).await)
        });
        let questions: Vec<_> = questions.collect();
        let mut reading = stream::iter(questions).buffer_unordered(IN_HAND);
        let (mut answers, mut problems, mut unreached) = (Vec::with_capacity(asks.len()), Vec::new(), 0);
        while let (Some((ask, answer)), ..GIVE_UP) = (reading.next().await, unreached) {
            match &answer {
                Err(Error::Http(_)) => unreached += 1,
                Err(error) => problems.extend(unread(plan, ask, error)),
                Ok(_) => {}
            }
            answers.push(latency::Answer { ask, series: answer.ok().map(|answer| answer.value) });
        }
        (answers, problems)
    }

    /// What the source holds for the questions of a plan, and why some of it is not known; that stays as it was `known`.
    pub async fn facts(&self, plan: &Plan, known: &Facts) -> (Facts, Vec<Error>) {
        let now = self.now();
        let counts = plan.queries.iter().map(|query| self.count(query, now).boxed());
        let buckets = histograms(plan).into_iter().map(|histogram| self.buckets(histogram, now).boxed());
        let questions: Vec<BoxFuture<_>> = counts.chain(buckets).collect();
        let mut learning = stream::iter(questions).buffer_unordered(IN_HAND);
        let (mut facts, mut errors, mut unreached) = (known.clone(), Vec::new(), 0);
        while let (Some(learned), ..GIVE_UP) = (learning.next().await, unreached) {
            match learned {
                Ok(learned) => facts.extend(learned),
                Err(error) => {
                    unreached += usize::from(matches!(error, Error::Http(_)));
                    errors.push(error);
                }
            }
        }
        (facts, errors)
    }

    /// How many series a query for raw samples reads.
    async fn count(&self, query: &Query, now: Timestamp) -> Result<Facts, Error> {
        let Question::Raw { selector, ask, .. } = &query.question else { return Ok(Facts::default()) };
        let counts = self.prometheus.vector(&format!("count({ask})"), now).await?;
        let count = counts.first().map_or(0.0, |(_, count)| *count) as usize;
        Ok(Facts { series: [(selector.to_string(), count)].into(), ..Facts::default() })
    }

    /// What buckets a histogram has. Asked for each, for one may be native where a wider one is not.
    async fn buckets(&self, histogram: &Selector, now: Timestamp) -> Result<Facts, Error> {
        let classic = buckets(histogram).to_string();
        let bounds = self.prometheus.label_values(names::BOUND_LABEL, &classic, now - SEEN, now).await?;
        let natives = match self.prometheus.vector(&format!("count(histogram_count({histogram}))"), now).await {
            // A server that knows no native histograms refuses the function.
            Err(Error::Refused { status: 400 | 422, .. }) => Vec::new(),
            natives => natives?,
        };
        let mut facts = Facts { bounds: [(classic, bounds)].into(), ..Facts::default() };
        if let Some((_, count)) = natives.first() {
            facts.natives.insert(histogram.to_string());
            facts.series.insert(histogram.to_string(), *count as usize);
        }
        Ok(facts)
    }
}

/// When the processes of these targets started, of several in the `range` before `at` the one that `choice` (a function
/// of PromQL) takes.
pub async fn starts(
    prometheus: &Prometheus,
    choice: &str,
    targets: &BTreeSet<Target>,
    at: Timestamp,
    range: Span,
) -> Result<Starts, Error> {
    let any_of = |label: &str, values: BTreeSet<&str>| {
        let pattern = values.into_iter().map(regex::escape).collect::<Vec<_>>().join("|");
        Matcher::new(label, Op::Match, pattern)
    };
    let mut matchers = vec![any_of("job", targets.iter().map(|target| &*target.job).collect())];
    if targets.len() <= NAMED_INSTANCES {
        matchers.push(any_of("instance", targets.iter().map(|target| &*target.instance).collect()));
    }
    let selector = Selector::new(names::PROCESS_START, matchers);
    let answer = prometheus.vector(&format!("{choice}({selector}[{range}])"), at).await?;
    Ok(latest(targets, answer))
}

/// Whether the source seems to be down: many questions in a row, and not one was answered. The others need not wait for
/// their timeouts too.
fn is_down<T>(answers: &[(Ask, Result<T, Error>)]) -> bool {
    answers.len() >= GIVE_UP && answers.iter().all(|(_, answer)| matches!(answer, Err(Error::Http(_))))
}

/// The pieces of those asks that were not waited for: what kept the others from an answer keeps them too.
fn given_up(asks: &[Ask], pieces: &[Piece]) -> Vec<Piece> {
    let waited: HashSet<usize> = pieces.iter().map(|piece| piece.query).collect();
    let problem = pieces.iter().find_map(|piece| piece.answer.as_ref().err()).map(|error| error.problem.clone());
    let Some(problem) = problem else { return Vec::new() };
    let refused = || NoAnswer { problem: problem.clone(), too_much: false };
    let others = asks.iter().filter(|ask| !waited.contains(&ask.query));
    others.map(|ask| Piece { query: ask.query, until: ask.until, answer: Err(refused()) }).collect()
}

/// An answer for an instant that the source has not reached yet is none: its samples are still to come.
fn piece(ask: Ask, answer: Result<Answer<Vec<Vec<Series>>>, Error>, now: Timestamp) -> Piece {
    let Ask { query, until, .. } = ask;
    let answer = match answer {
        Ok(_) if until > now => {
            let problem = Problem::warning("clock", "this host's clock went ahead of the source's", "");
            Err(NoAnswer { problem, too_much: false })
        }
        Ok(answer) => Ok(answer.value),
        Err(error) => Err(NoAnswer { problem: error.problem(), too_much: error.is_too_much() }),
    };
    Piece { query, until, answer }
}

/// The problems of the SLOs whose histograms cannot be read whole.
fn unread(plan: &Plan, ask: latency::Ask, error: &Error) -> Vec<Problem> {
    let distribution = &plan.distributions[ask.distribution];
    let what = format!("the latencies that {} observed are not known: {error}", distribution.selector);
    let remedy = "mend that, or set evaluate.latency_quantiles: off";
    let slos = distribution.readers.iter().map(|reader| &plan.slos[reader.slo].slo);
    let problem = Problem::warning("latency_unknown", what, remedy);
    slos.map(|slo| problem.clone().at(&slo.place).about(&slo.id)).collect()
}

/// Queries without an answer: a problem of the whole source where none was answered, else of the SLOs that ask.
fn failures(plan: &Plan, pieces: &[Piece]) -> Vec<Problem> {
    let failed: Vec<(usize, &Problem)> =
        pieces.iter().filter_map(|piece| Some((piece.query, &piece.answer.as_ref().err()?.problem))).collect();
    let mut by_text: HashMap<&Problem, usize> = HashMap::new();
    failed.iter().for_each(|(_, problem)| *by_text.entry(problem).or_default() += 1);
    if failed.len() == pieces.len() && by_text.len() == 1 {
        return by_text.into_keys().cloned().collect();
    }
    let about = |(query, problem): &(usize, &Problem)| {
        let slos = plan.queries[*query].routes.iter().map(|route| &plan.slos[route.slo].slo);
        slos.map(|slo| (*problem).clone().at(&slo.place).about(&slo.id)).collect::<Vec<_>>()
    };
    failed.iter().flat_map(about).collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::io::prometheus::Config;
    use crate::plan::{Pace, plan};
    use crate::slos;
    use crate::tick::{Over, every_ask};

    #[test]
    fn an_answer_for_an_instant_that_the_source_has_not_reached_is_none() {
        let at = Timestamp::seconds;
        let answered = |until: i64| {
            let answer = Answer { value: Vec::new(), clock: None, samples: 0 };
            piece(Ask { query: 0, until: at(until), over: Over::Nothing }, Ok(answer), at(60)).answer.is_ok()
        };
        assert_eq!([answered(60), answered(61)], [true, false]);
    }

    #[test]
    fn histograms_that_cannot_be_read_whole_are_told_to_their_slos() {
        let slos = "service: s\nslos:\n  - { name: a, objective: 99%, sli: { histogram: x_seconds, under: 1s } }\n";
        let (slos, _) = crate::slos::read("f", slos);
        let slos = slos.into_iter().map(std::sync::Arc::new).collect();
        let (plan, _) = crate::plan::plan(slos, &Facts::default(), crate::plan::Pace::DEFAULT);
        let ask = latency::Ask { distribution: 0, at: Timestamp::seconds(0) };
        let problems = unread(&plan, ask, &Error::TooManySeries { count: 5, limit: 3 });
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["f:3:7: the latencies that x_seconds_bucket observed are not known: 5 series, more than max_series (3); \
              mend that, or set evaluate.latency_quantiles: off"]
        );
    }

    #[tokio::test]
    async fn a_source_that_wants_to_be_left_alone_is_not_asked_until_then() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = Config::default();
        config.http.url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                _ = stream.read(&mut [0; 4_096]).await;
                let answer = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 60\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        let (slos, _) = slos::read("f", "service: s\nslos: [{ name: a, objective: 99%, sli: { bad: b, total: t } }]");
        let (plan, _) = plan(slos.into_iter().map(Arc::new).collect(), &Facts::default(), Pace::DEFAULT);
        let mut source = Queried::new(Prometheus::build(&config).unwrap(), 1);
        let asks = every_ask(&plan, source.now());
        let round = source.ask(&plan, &asks).await;
        assert_eq!((round.pieces.len(), asked.load(Ordering::SeqCst)), (2, 2));
        let round = source.ask(&plan, &asks).await;
        assert_eq!((round.pieces.len(), asked.load(Ordering::SeqCst)), (0, 2));
    }
}
