//! The loop that reads what was before an account was opened: newest first, beside the live ticks and never in their way.
//! What it counts goes to the evaluate loop; it keeps nothing itself.

mod history;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ::prometheus::{Gauge, Registry};
use anyhow::Context;
use futures_util::future::join_all;
use reqwest::header::{ACCEPT_ENCODING, HeaderValue};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::daemon::backfill::history::Histories;
use crate::daemon::backfill::work::Work;
use crate::daemon::source::LONGEST_REST;
use crate::daemon::{Config, config};
use crate::io::prometheus::{self, Error, Prometheus};
use crate::io::{clock, http};
use crate::plan::{Facts, Pace};
use crate::promql::names;
use crate::tick::{self, Gap, History, Job, Stretch, Task};
use crate::units::{Problem, SloId, Span};

pub use work::Progress;

/// Queries under way at the same time.
const AT_ONCE: usize = 2;

/// Those who read the past, one more than may ask: while one counts, the source need not wait.
const READERS: usize = AT_ONCE + 1;

/// What was read and not yet taken up, in pieces.
const QUEUE: usize = AT_ONCE;

/// How long a failure keeps it from asking: twice as long after each, and what the source asks for if that is longer.
const WAIT: Span = Span::seconds(5);
const LONGEST_WAIT: Span = Span::minutes(2);

/// What accounts gained in a piece of their past, by account.
pub type Read = Vec<(usize, Stretch)>;

/// Why the past of some SLOs cannot be read.
pub type Failing = BTreeMap<SloId, Problem>;

/// What is to be read, and what that depends on.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub gaps: Vec<Gap>,
    pub facts: Facts,
    pub pace: Pace,
}

/// How the evaluate loop says what it wants, and hears what was read and what cannot be.
pub struct Desk {
    pub wanted: watch::Sender<Wanted>,
    pub read: mpsc::Receiver<Read>,
    pub failing: watch::Receiver<Failing>,
}

/// The loop, before it runs.
pub struct Backfill {
    wanted: watch::Receiver<Wanted>,
    reader: Reader,
}

struct Reader {
    source: Histories,
    read: mpsc::Sender<Read>,
    failing: watch::Sender<Failing>,
    tellings: Tellings,
    /// While this is so, nothing of the past is read.
    is_saving: watch::Receiver<bool>,
}

/// Where it is told how far the past is read, whoever reads it.
#[derive(Clone)]
pub struct Tellings {
    progress: watch::Sender<Progress>,
    remaining: Gauge,
}

impl Tellings {
    /// An error only where two of a kind are registered.
    pub fn build(registry: &Registry) -> Result<Tellings, ::prometheus::Error> {
        let help = "How much of the past is still to be read from the source, in seconds, of all SLOs together";
        let remaining = Gauge::new(names::BACKFILL_REMAINING, help)?;
        registry.register(Box::new(remaining.clone()))?;
        Ok(Tellings { progress: watch::Sender::default(), remaining })
    }

    /// How far it is, from now on.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    fn tell(&self, progress: Progress) {
        self.remaining.set(progress.left.as_seconds());
        self.progress.send_replace(progress);
    }
}

impl Backfill {
    /// With its own connections to the source; `None` where the source remembers nothing.
    pub fn build(
        config: &Config,
        tellings: &Tellings,
        is_saving: watch::Receiver<bool>,
    ) -> anyhow::Result<(Option<Backfill>, Desk)> {
        let nothing = Wanted { gaps: Vec::new(), facts: Facts::default(), pace: config.pace.clone() };
        let (wanting, wanted) = watch::channel(nothing);
        let (reading, read) = mpsc::channel(QUEUE);
        let (failing, failed) = watch::channel(Failing::new());
        let desk = Desk { wanted: wanting, read, failing: failed };
        tellings.tell(Progress::default());
        let config::Source::Prometheus(source) = &config.source else { return Ok((None, desk)) };
        let mut source = prometheus::Config { concurrency: AT_ONCE, ..source.clone() };
        // Packing its answers takes a Prometheus four times as long as finding them. Who pays by the byte may ask for it
        // in `headers`.
        source.http.headers.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
        let source = Histories(Prometheus::build(&source).context("source.prometheus")?);
        let reader = Reader { source, read: reading, failing, tellings: tellings.clone(), is_saving };
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
        let wanted: BTreeSet<SloId> = gaps.iter().map(|gap| gap.slo.id.clone()).collect();
        self.failing.send_modify(|failing| failing.retain(|id, _| wanted.contains(id)));
        let facts = self.source.counted(facts, &gaps, &pace).await;
        let work = Work::new(tick::tasks(gaps, &facts, &pace));
        let Progress { slos, total, .. } = work.progress();
        self.tellings.tell(work.progress());
        if total.is_zero() {
            return;
        }
        tracing::info!(slos, "reading the past from the source: {total} of all SLOs together");
        // All of them in this task: where a new order ends it, nothing comes of the old one any more.
        join_all((0..READERS).map(|_| self.work(&work, &facts, &pace))).await;
        self.tellings.tell(Progress::default());
        tracing::info!(slos, "the past is read");
    }

    /// Reads task after task, always the newest piece of all, until nobody has one left.
    async fn work(&self, work: &Work, facts: &Facts, pace: &Pace) {
        let mut wait = WAIT;
        while let Some((failures, mut task)) = work.newest() {
            self.pause().await;
            let Some(job) = task.job() else { continue };
            match self.source.histories(task.plan(&job), job.piece).await {
                Ok(histories) => {
                    let before = task.remaining();
                    let Some(task) = self.hand_over(task, job, histories).await else { return };
                    self.tellings.tell(work.read(before - task.remaining()));
                    self.withdraw(&task);
                    work.put(0, vec![task]);
                    wait = WAIT;
                }
                Err(error) if error.is_too_much() && task.halve() => work.put(failures, vec![task]),
                Err(error) => {
                    if is_too_slow(&error) {
                        task.halve();
                    }
                    match failures {
                        0 => {
                            let (slos, problem) = (task.slos(), error.problem());
                            tracing::warn!(slos, "the past cannot be read now, and is tried again: {problem}");
                        }
                        _ => self.complain(&task, &error),
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

    /// Says of each SLO of a task why its past cannot be read. A source that cannot be reached at all is told of by the
    /// live ticks, once for all.
    fn complain(&self, task: &Task, error: &Error) {
        if !is_unreached(error) {
            let problem = failure(error);
            let told = task.members().map(|slo| (slo.id.clone(), problem.clone().at(&slo.place).about(&slo.id)));
            self.failing.send_modify(|failing| failing.extend(told));
        }
    }

    /// Takes back what was said of the SLOs of a task.
    fn withdraw(&self, task: &Task) {
        self.failing.send_if_modified(|failing| {
            let before = failing.len();
            task.members().for_each(|slo| _ = failing.remove(&slo.id));
            failing.len() < before
        });
    }
}

fn failure(error: &Error) -> Problem {
    let remedy = match error.remedy() {
        "" if error.is_too_much() => "narrow its selectors, or raise what the source may read for one query",
        "" => "see the log of the source",
        remedy => remedy,
    };
    Problem::warning("backfill_failing", format!("its past cannot be read, and is tried again: {error}"), remedy)
}

/// Whether less may be answered in time.
fn is_too_slow(error: &Error) -> bool {
    matches!(error, Error::Http(http::Error::Slow { .. }) | Error::Refused { status: 503, .. })
}

fn is_unreached(error: &Error) -> bool {
    use http::Error::{Handshake, Refused, UnknownHost, Unreachable, Untrusted};
    let Error::Http(error) = error else { return false };
    matches!(error, Refused { .. } | UnknownHost { .. } | Untrusted { .. } | Handshake { .. } | Unreachable { .. })
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
        let tellings = Tellings::build(&Registry::new()).unwrap();
        let (backfill, mut desk) = Backfill::build(&config, &tellings, is_saving).unwrap();
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
