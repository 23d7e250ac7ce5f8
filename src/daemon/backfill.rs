//! The loop that reads what was before an account was opened: newest first, beside the live ticks and never in their way.
//! What it counts goes to the evaluate loop; it keeps nothing itself.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::prometheus::{Gauge, Registry};
use anyhow::Context;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::daemon::source::{LONGEST_REST, starts};
use crate::daemon::{Config, config};
use crate::io::prometheus::{self, Answer, Error, Prometheus};
use crate::io::{clock, http};
use crate::plan::{Facts, Pace, Plan, Query, Question, SeriesId, plan};
use crate::promql::names;
use crate::tick::{self, Gap, History, Job, PastPiece, REMEMBERED, Stretch, Task};
use crate::units::Span;

/// Queries under way at the same time.
const AT_ONCE: usize = 2;

/// What was read and not yet taken up, in pieces.
const QUEUE: usize = AT_ONCE;

/// How long a failure keeps it from asking: twice as long after each, and what the source asks for if that is longer.
const WAIT: Span = Span::seconds(5);
const LONGEST_WAIT: Span = Span::minutes(2);

/// What accounts gained in a piece of their past, by account.
pub type Read = Vec<(usize, Stretch)>;

/// What is to be read, and what that depends on.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub gaps: Vec<Gap>,
    pub facts: Facts,
    pub pace: Pace,
}

/// How the evaluate loop says what it wants and hears what was read.
pub struct Desk {
    pub wanted: watch::Sender<Wanted>,
    pub read: mpsc::Receiver<Read>,
}

/// The loop, before it runs.
pub struct Backfill {
    wanted: watch::Receiver<Wanted>,
    reader: Reader,
}

struct Reader {
    prometheus: Prometheus,
    read: mpsc::Sender<Read>,
    remaining: Gauge,
    /// While this is so, nothing of the past is read.
    is_saving: watch::Receiver<bool>,
}

impl Backfill {
    /// With its own connections to the source; `None` where the source remembers nothing.
    pub fn build(
        config: &Config,
        registry: &Registry,
        is_saving: watch::Receiver<bool>,
    ) -> anyhow::Result<(Option<Backfill>, Desk)> {
        let nothing = Wanted { gaps: Vec::new(), facts: Facts::default(), pace: config.pace.clone() };
        let (wanting, wanted) = watch::channel(nothing);
        let (reading, read) = mpsc::channel(QUEUE);
        let desk = Desk { wanted: wanting, read };
        let config::Source::Prometheus(source) = &config.source else { return Ok((None, desk)) };
        let source = prometheus::Config { concurrency: AT_ONCE, ..source.clone() };
        let prometheus = Prometheus::build(&source).context("source.prometheus")?;
        let help = "How much of the past is still to be read from the source, in seconds, of all SLOs together";
        let remaining = Gauge::new(names::BACKFILL_REMAINING, help)?;
        registry.register(Box::new(remaining.clone()))?;
        let reader = Reader { prometheus, read: reading, remaining, is_saving };
        Ok((Some(Backfill { wanted, reader }), desk))
    }

    /// Reads what is wanted until it is told to stop; a question under way is abandoned then.
    pub async fn run(self, stop: CancellationToken) {
        let Backfill { mut wanted, reader } = self;
        while !stop.is_cancelled() {
            let now_wanted = wanted.borrow_and_update().clone();
            tokio::select! {
                () = reader.fill(now_wanted) => {}
                Ok(()) = wanted.changed() => continue,
                () = stop.cancelled() => break,
            }
            tokio::select! {
                Ok(()) = wanted.changed() => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

impl Reader {
    async fn fill(&self, wanted: Wanted) {
        let Wanted { gaps, facts, pace } = wanted;
        let facts = self.with_counts(facts, &gaps, &pace).await;
        let slos = gaps.len();
        let work = Work::new(tick::tasks(gaps, &facts, &pace));
        let total = work.lock().remaining;
        self.remaining.set(total.as_seconds());
        if total.is_zero() {
            return;
        }
        tracing::info!(slos, "reading the past from the source: {total} of all SLOs together");
        tokio::join!(self.work(&work, &facts, &pace), self.work(&work, &facts, &pace));
        self.remaining.set(0.0);
        tracing::info!(slos, "the past is read");
    }

    /// How many series is read has to be known of queries that the live ones do not hold.
    async fn with_counts(&self, mut facts: Facts, gaps: &[Gap], pace: &Pace) -> Facts {
        let (plan, _) = plan(gaps.iter().map(|gap| gap.slo.clone()).collect(), &facts, pace.clone());
        for query in &plan.queries {
            let Question::Raw { selector, ask, .. } = &query.question else { continue };
            if facts.series.contains_key(&selector.to_string()) {
                continue;
            }
            // Where it cannot be told, pieces that are too large are halved.
            if let Ok(counts) = self.prometheus.vector(&format!("count({ask})"), clock::now()).await {
                let count = counts.first().map_or(0.0, |(_, count)| *count) as usize;
                facts.series.insert(selector.to_string(), count);
            }
        }
        facts
    }

    /// Reads task after task, always the newest piece of all, until nobody has one left.
    async fn work(&self, work: &Work, facts: &Facts, pace: &Pace) {
        let mut wait = WAIT;
        while let Some((failures, mut task)) = work.newest() {
            self.pause().await;
            let Some(job) = task.job() else { continue };
            match self.histories(task.plan(&job), job.piece).await {
                Ok(histories) => {
                    let before = task.remaining();
                    let Some(task) = self.hand_over(task, job, histories).await else { return };
                    let left = work.progress(before - task.remaining());
                    self.remaining.set(left.as_seconds());
                    work.put(0, vec![task]);
                    wait = WAIT;
                }
                Err(error) if error.is_too_much() && task.halve() => work.put(failures, vec![task]),
                Err(error) => {
                    if is_too_slow(&error) {
                        task.halve();
                    }
                    if failures == 0 {
                        let problem = error.problem();
                        tracing::warn!(
                            slos = task.slos(),
                            "the past cannot be read now, and is tried again: {problem}"
                        );
                    }
                    // A source that is there and refuses may answer for some of the SLOs.
                    let is_refusal = matches!(error, Error::Refused { .. } | Error::TooManySeries { .. });
                    let tasks = if is_refusal { task.apart(facts, pace) } else { vec![task] };
                    work.put(failures + 1, tasks);
                    let asked = error.retry_after().unwrap_or(Span::ZERO).min(LONGEST_REST);
                    tokio::time::sleep(Duration::from_millis(wait.max(asked).as_millis().unsigned_abs())).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    }

    /// Waits for as long as less is to be spent.
    async fn pause(&self) {
        // Where nobody says so any more, the daemon is about to end.
        _ = self.is_saving.clone().wait_for(|is_saving| !is_saving).await;
    }

    /// Counts a piece and gives it to the evaluate loop; `None` where that has ended.
    async fn hand_over(&self, mut task: Task, job: Job, histories: Vec<History>) -> Option<Task> {
        let now = clock::now();
        // Millions of samples take a while: not on a thread that others wait for.
        let counted = tokio::task::spawn_blocking(move || {
            let read = task.read(&job, &histories, now);
            (task, read)
        });
        let (task, read) = counted.await.ok()?;
        self.read.send(read).await.ok()?;
        Some(task)
    }

    /// What the source holds of a piece, by query.
    async fn histories(&self, plan: &Plan, piece: PastPiece) -> Result<Vec<History>, Error> {
        let mut histories = Vec::with_capacity(plan.queries.len());
        for query in &plan.queries {
            histories.push(self.history(plan, query, piece).await?);
        }
        Ok(histories)
    }

    async fn history(&self, plan: &Plan, query: &Query, piece: PastPiece) -> Result<History, Error> {
        let from = piece.read_from(plan, query);
        let mut history = History::default();
        match &query.question {
            Question::Points { asks, every } => {
                for ask in asks {
                    let first = from.on_grid(*every) + *every;
                    let answer = self.prometheus.points(ask, first, piece.to.on_grid(*every), *every).await?;
                    history.answers.push(answer.value);
                }
            }
            // Nobody but burnwatch has its own readings, and it has no past of them.
            Question::Own { .. } => {}
            Question::Raw { ask, .. } => {
                let range = piece.to.since(from);
                let Answer { value, .. } = self.prometheus.samples(&format!("{ask}[{range}]"), piece.to).await?;
                history.answers.push(query.read(value));
                let newcomers = piece.newcomers(query, &history);
                if !newcomers.is_empty() {
                    history.starts = starts(&self.prometheus, "min_over_time", &newcomers, piece.to, range).await?;
                }
                let unproved = piece.unproved(plan, query, &history);
                if !unproved.is_empty() {
                    let question = format!("last_over_time({ask}[{REMEMBERED}])");
                    let lasts = self.prometheus.vector(&question, from).await?;
                    let lasts = lasts.into_iter().map(|(labels, value)| (SeriesId::of(&labels), value));
                    history.lasts = lasts.filter(|(id, _)| unproved.contains(id)).collect::<HashMap<_, _>>();
                }
            }
        }
        Ok(history)
    }
}

/// Whether less may be answered in time.
fn is_too_slow(error: &Error) -> bool {
    matches!(error, Error::Http(http::Error::Slow { .. }) | Error::Refused { status: 503, .. })
}

/// The tasks that nobody has in hand, each with how often in a row it failed, and how much is left of all.
struct Work(Mutex<Left>);

struct Left {
    tasks: Vec<(usize, Task)>,
    total: Span,
    remaining: Span,
}

impl Work {
    fn new(tasks: Vec<Task>) -> Work {
        let total = tasks.iter().map(Task::remaining).fold(Span::ZERO, |sum, span| sum + span);
        let tasks = tasks.into_iter().map(|task| (0, task)).collect();
        Work(Mutex::new(Left { tasks, total, remaining: total }))
    }

    fn lock(&self) -> MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the task with the newest piece, of those that failed least.
    fn newest(&self) -> Option<(usize, Task)> {
        let tasks = &mut self.lock().tasks;
        tasks.retain(|(_, task)| task.job().is_some());
        let order = |(failures, task): &(usize, Task)| {
            let newest = task.job().map_or(i64::MIN, |job| job.piece.to.as_millis());
            (*failures, -newest)
        };
        let found = (0..tasks.len()).min_by_key(|index| order(&tasks[*index]))?;
        Some(tasks.swap_remove(found))
    }

    fn put(&self, failures: usize, tasks: Vec<Task>) {
        self.lock().tasks.extend(tasks.into_iter().map(|task| (failures, task)));
    }

    /// Takes note of what was read, and says it each tenth of the way; returns what is left.
    fn progress(&self, read: Span) -> Span {
        let mut left = self.lock();
        let tenth = |remaining: Span| (10.0 * (1.0 - remaining.share_of(left.total))) as usize;
        let (before, remaining) = (tenth(left.remaining), left.remaining - read);
        if tenth(remaining) > before && !remaining.is_zero() {
            tracing::info!("{} % of the past is read", 10 * tenth(remaining));
        }
        left.remaining = remaining;
        remaining
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::daemon::Overrides;
    use crate::slos;
    use crate::units::Timestamp;

    /// A source that holds nothing, and refuses to look for it in six hours at once.
    async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
        let mut request = Vec::new();
        while !String::from_utf8_lossy(&request).contains("query=") {
            let mut piece = [0; 4_096];
            let length = stream.read(&mut piece).await?;
            request.extend_from_slice(&piece[..length]);
        }
        let (status, body) = match String::from_utf8_lossy(&request).contains("6h10m") {
            true => ("422 No", r#"{"status":"error","errorType":"execution","error":"too many samples"}"#),
            false if String::from_utf8_lossy(&request).contains("count") => {
                ("200 OK", r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#)
            }
            false => ("200 OK", r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#),
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).await
    }

    #[tokio::test]
    async fn a_source_that_refuses_long_pieces_is_asked_for_shorter_ones_until_all_is_read() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let prometheus = Some(format!("http://{}", listener.local_addr().unwrap()));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream));
            }
        });
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("burnwatch.yaml"), "{}").unwrap();
        let overrides =
            Overrides { config: Some(dir.path().join("burnwatch.yaml")), prometheus, ..Overrides::default() };
        let config = Config::load(overrides).unwrap();
        let (saving, is_saving) = watch::channel(true);
        let (backfill, mut desk) = Backfill::build(&config, &Registry::new(), is_saving).unwrap();
        let (slos, _) = slos::read("f", "service: s\nslos: [{ name: a, objective: 99%, sli: { bad: b, total: t } }]");
        let (from, to) = (Timestamp::seconds(86_400), Timestamp::seconds(3 * 86_400));
        let slo = Arc::new(slos.into_iter().next().unwrap());
        let gaps = vec![Gap { slo, account: 7, from, is_closed: false, to }];
        desk.wanted.send_replace(Wanted { gaps, facts: Facts::default(), pace: config.pace.clone() });
        let stop = CancellationToken::new();
        let running = tokio::spawn(backfill.unwrap().run(stop.clone()));

        let early = tokio::time::timeout(Duration::from_millis(200), desk.read.recv()).await;
        assert!(early.is_err(), "nothing is read while less is to be spent");
        saving.send_replace(false);
        let mut known_from = to;
        while known_from > from {
            let read = desk.read.recv().await.unwrap();
            let [(account, stretch)] = &read[..] else { panic!("{read:?}") };
            assert_eq!((*account, stretch.steps.last().unwrap().at), (7, known_from));
            assert_eq!(known_from.since(stretch.from), Span::hours(3));
            known_from = stretch.from;
        }
        assert_eq!(known_from, from);
        stop.cancel();
        running.await.unwrap();
    }
}
