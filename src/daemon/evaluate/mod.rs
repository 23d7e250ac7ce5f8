//! The loop that counts and judges: at each instant it asks the source, steps the state, writes what changed, and only
//! then lets anything be seen or heard.

mod learning;
mod orders;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use std::{mem, slice};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::alerts::Notice;
use crate::daemon::backfill::{Desk, Read, Wanted};
use crate::daemon::declared::Declared;
use crate::daemon::deliver::Counter;
use crate::daemon::gauges::Gauges;
use crate::daemon::measure::Power;
use crate::daemon::problems::{Origin, Problems};
use crate::daemon::publish::Press;
use crate::daemon::source::{Round, Source};
use crate::io::clock::{self, Stopwatch};
use crate::io::store::{Commit, Failed, Store};
use crate::io::supervisor::Supervisor;
use crate::io::web::Gate;
use crate::plan::{Facts, Pace, Plan, plan};
use crate::report::{Check, Checks, Snapshot, snapshot};
use crate::slos::Slo;
use crate::tick::{self, Effect, Entry, Piece, Seen, State, latency};
use crate::units::{Problem, Span, Timestamp, Window};

pub use orders::Orders;

/// A clock that is this far from the next instant was set back; the source is asked for the time.
const SET_BACK: Span = Span::seconds(15);

/// The state and all that its loop needs.
pub struct Evaluation {
    slos: Vec<Arc<Slo>>,
    /// Whether every declared SLO is among them.
    has_all_slos: bool,
    pace: Pace,
    delay: Span,
    plan: Plan,
    facts: Facts,
    learn_at: Option<Timestamp>,
    state: State,
    source: Source,
    source_check: Check,
    /// Whether the last round brought something nearer that is still behind: then the next follows at once. What failed
    /// waits for the next instant.
    progressed: bool,
    /// Where it is said what is to be read of the past.
    desk: Desk,
    /// Where it is said what there is to publish.
    press: Press,
    /// The accounts and windows that this was said of, whether something older is known of them, and when.
    expected: (BTreeSet<(usize, Window, bool)>, Timestamp),
    store: Store,
    ledger_check: Check,
    /// What is not written yet, from ticks whose commit failed.
    pending: Entry,
    /// What is not told yet, for it must be written first.
    untold: Vec<Notice>,
    /// Where notices are handed over once they are written.
    counter: Counter,
    /// What is heard of the meters.
    power: Power,
    problems: Problems,
    /// Knows what is wrong with who may ask us.
    gate: Arc<Gate>,
    gauges: Gauges,
    /// Is told that this loop lives: while it waits, not while it is at work on a tick.
    supervisor: Supervisor,
    published: Arc<ArcSwap<Snapshot>>,
    /// What a reload says.
    orders: mpsc::Receiver<Orders>,
    last: Option<Timestamp>,
}

/// What the loop is built from.
pub struct Parts {
    pub declared: Declared,
    pub pace: Pace,
    pub delay: Span,
    pub state: State,
    pub source: Source,
    pub store: Store,
    pub desk: Desk,
    pub press: Press,
    pub counter: Counter,
    pub power: Power,
    pub problems: Problems,
    pub gate: Arc<Gate>,
    pub gauges: Gauges,
    pub supervisor: Supervisor,
    pub published: Arc<ArcSwap<Snapshot>>,
    pub orders: mpsc::Receiver<Orders>,
}

impl Evaluation {
    pub fn new(parts: Parts) -> Evaluation {
        let Parts { declared, pace, delay, state, source, store, .. } = parts;
        let Parts { desk, press, counter, power, problems, gate, gauges, supervisor, published, orders, .. } = parts;
        if let Some(newest) = state.ledger.statement.newest() {
            source.go_on_from(newest);
        }
        let now = source.now();
        let (plan, planning) = plan(declared.slos.clone(), &Facts::default(), pace.clone());
        source.want(&plan);
        let (state, pending) = tick::adopt(state, None, &plan, now);
        let mut evaluation = Evaluation {
            has_all_slos: declared.is_whole(),
            slos: declared.slos,
            pace,
            delay,
            plan,
            facts: Facts::default(),
            learn_at: None,
            state,
            source,
            source_check: Check::Healthy,
            progressed: false,
            desk,
            press,
            expected: (BTreeSet::new(), now),
            store,
            ledger_check: Check::Healthy,
            pending,
            untold: Vec::new(),
            counter,
            power,
            problems,
            gate,
            gauges,
            supervisor,
            published,
            orders,
            last: None,
        };
        evaluation.problems.replace(Origin::Plan, planning, now);
        evaluation
    }

    /// Evaluates instant after instant until it is told to stop. A tick that still waits for the source is abandoned
    /// then, one that has its samples is written.
    pub async fn run(mut self, stop: CancellationToken) {
        let supervisor = self.supervisor.clone();
        // Before the first instant is chosen: by a clock that goes ahead, it would be one that is long to come.
        tokio::select! {
            _ = self.source.look_at_its_clock() => {}
            () = stop.cancelled() => {}
        }
        while !stop.is_cancelled() {
            tokio::select! {
                () = supervisor.hearing(self.learn_when_due()) => {}
                () = stop.cancelled() => break,
            }
            while let Ok(read) = self.desk.read.try_recv() {
                self.remember(read);
            }
            if let Ok(orders) = self.orders.try_recv() {
                self.obey(orders);
                continue;
            }
            let instant = self.instant();
            let is_behind = !tick::asks(&self.state, &self.plan, instant).is_empty();
            if self.last.is_none_or(|last| instant > last) || (is_behind && self.progressed) {
                let watch = Stopwatch::started();
                let seen = tokio::select! {
                    seen = supervisor.hearing(self.look(instant)) => seen,
                    () = stop.cancelled() => break,
                };
                // The answers may have told that our clock is ahead: then the instant is still to come.
                if instant <= self.instant() {
                    let overloaded = tick::overloaded(&self.state, &self.plan, &seen.pieces);
                    self.step(seen, instant).await;
                    self.ask_apart(overloaded, instant);
                    // Also where it could not be written: a process in its place could not write it either.
                    supervisor.ready();
                }
                self.gauges.tick_took(watch.elapsed());
            } else {
                tokio::select! {
                    () = supervisor.hearing(self.wait()) => {}
                    () = stop.cancelled() => break,
                }
            }
        }
        if self.pending != Entry::default() {
            self.commit(self.source.now()).await;
        }
        self.store.close();
    }

    /// The newest instant whose samples should all be there.
    fn instant(&self) -> Timestamp {
        (self.source.now() - self.delay).on_grid(self.stride())
    }

    /// How far one instant that is evaluated lies from the next.
    fn stride(&self) -> Span {
        self.state.stride(&self.plan)
    }

    /// Waits for the next instant. A clock that was set back is noticed by how long that would take.
    async fn wait(&mut self) {
        let next = self.last.map_or(self.instant(), |last| (last + self.stride()).on_grid(self.stride()));
        let wait = (next + self.delay).since(self.source.now());
        if wait > self.stride() + SET_BACK {
            self.source.look_at_its_clock().await;
            self.say_that_it_waits(next);
        }
        let wait = wait.min(self.stride()).max(Span::millis(10));
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(wait.as_millis().unsigned_abs())) => {}
            Some(read) = self.desk.read.recv() => self.remember(read),
            Some(orders) = self.orders.recv() => self.obey(orders),
        }
    }

    /// Tells of a source whose own clock was set back: it is left to itself until the instants that it had are over.
    fn say_that_it_waits(&mut self, next: Timestamp) {
        let now = self.source.now();
        let problem = ((next + self.delay).since(now) > self.pace.every + SET_BACK).then(|| {
            let remedy = format!("set it by NTP; nothing is counted until it is {next} there");
            Problem::warning("clock", "the source's clock was set back", remedy)
        });
        self.problems.replace(Origin::Clock, self.source.clock_problem().into_iter().chain(problem), now);
        if let Some(last) = self.last {
            self.publish(last);
        }
    }

    /// Takes up what was read of the past; it is written with the next tick.
    fn remember(&mut self, read: Read) {
        let entry = self.state.join_past(read, self.source.now());
        self.pending.join(entry);
    }

    /// Says what is to be read of the past where that is more than before, or where nothing came of it.
    fn ask_for_the_past(&mut self, now: Timestamp) {
        let gaps = self.state.gaps(&self.plan, now);
        let wanted = gaps.iter().map(|gap| (gap.account, gap.slo.window, gap.is_closed)).collect::<BTreeSet<_>>();
        let (expected, since) = &self.expected;
        let is_stuck = now.since(*since) >= tick::PATIENCE && self.state.is_stuck(&gaps, now);
        if !wanted.is_subset(expected) || is_stuck {
            self.state.expect(&gaps, now);
            self.expected = (wanted, now);
            self.desk.wanted.send_replace(Wanted { gaps, facts: self.facts.clone(), pace: self.pace.clone() });
        }
    }

    /// Asks the source for what is new up to `instant`.
    async fn look(&mut self, instant: Timestamp) -> Seen {
        let asks = tick::asks(&self.state, &self.plan, instant);
        let mut round = self.source.ask(&self.plan, &asks).await;
        let newcomers = |pieces: &[Piece]| tick::newcomers(&self.state, &self.plan, pieces);
        let targets = newcomers(&round.pieces);
        let mut starts = tick::Starts::new();
        if !targets.is_empty() {
            let at = round.pieces.iter().map(|piece| piece.until).max().unwrap_or(instant);
            let range = tick::LONGEST_PIECE.max(self.pace.every * 2);
            match self.source.starts(&targets, at, range).await {
                Ok(answer) => starts = answer,
                // Without it a newborn would be taken for one that was there before: those are asked again instead.
                Err(error) => round.refuse(&error, |piece| !newcomers(slice::from_ref(piece)).is_empty()),
            }
        }
        self.note(&round, instant);
        let Round { mut pieces, idle, .. } = round;
        pieces.extend(idle);
        self.progressed = pieces.iter().any(|piece| piece.answer.is_ok() && piece.until < instant);
        Seen { pieces, starts, distributions: self.distributions(instant).await, ..Seen::default() }
    }

    /// Reads whole histograms when it is time: after the counts, for which nothing else has to wait.
    async fn distributions(&mut self, instant: Timestamp) -> Vec<latency::Answer> {
        let asks = self.state.latencies.asks(&self.plan, instant);
        if asks.is_empty() || !self.source.is_up() {
            return Vec::new();
        }
        let (answers, problems) = self.source.distributions(&self.plan, &asks).await;
        self.problems.replace(Origin::Distributions, problems, instant);
        answers
    }

    /// Takes note of how the source did.
    fn note(&mut self, round: &Round, now: Timestamp) {
        if let Some((problems, check)) = self.source.found(&self.plan, round) {
            self.source_check = check;
            self.problems.replace(Origin::Source, problems, now);
            self.gauges.asked(self.source.is_up(), round);
        }
        self.problems.replace(Origin::Clock, self.source.clock_problem(), now);
    }

    /// One tick: count, judge, write, show, tell.
    async fn step(&mut self, seen: Seen, instant: Timestamp) {
        let (bills, wish) = self.power.heard();
        let seen = Seen { bills, wish, ..seen };
        let state = mem::take(&mut self.state);
        let (state, effects) = tick::tick(state, &self.plan, seen, instant);
        self.state = state;
        self.power.save(self.state.is_saving());
        for effect in effects {
            match effect {
                Effect::Keep(entry) => self.pending.join(entry),
                Effect::Notify(notice) => self.untold.push(*notice),
            }
        }
        self.commit(instant).await;
        self.last = Some(instant);
        self.publish(instant);
        self.ask_for_the_past(instant);
        if self.ledger_check == Check::Healthy {
            for notice in self.untold.drain(..) {
                let ((service, slo), kind) = (notice.names(), notice.news.kind().name());
                tracing::warn!(id = notice.id, kind, service, slo, at = %notice.at, "{notice}");
            }
        }
    }

    /// Writes all that is pending. What cannot be written now is joined with what the next tick brings.
    async fn commit(&mut self, now: Timestamp) {
        let queued = self.counter.addressed(&self.untold, clock::now());
        let entry = mem::take(&mut self.pending);
        match self.store.commit(Commit { entry, queued: queued.clone(), ..Commit::default() }).await {
            Ok(()) => {
                self.counter.hand_over(queued);
                self.ledger_check = Check::Healthy;
                self.problems.replace(Origin::Ledger, [], now);
            }
            Err(failed) => {
                let Failed { error, entry } = *failed;
                self.pending = entry;
                self.ledger_check = Check::Degraded(error.to_string());
                let remedy = "make room or mend the disk; counting goes on and is written once that works";
                self.problems.replace(Origin::Ledger, [Problem::error("ledger", error.to_string(), remedy)], now);
            }
        }
    }

    fn publish(&mut self, instant: Timestamp) {
        self.problems.replace(Origin::Past, self.state.notes_on_the_past(), instant);
        self.problems.replace(Origin::Gate, self.gate.problems(), instant);
        let failing: Vec<Problem> = self.desk.failing.borrow().values().cloned().collect();
        self.problems.replace(Origin::Backfill, failing, instant);
        self.problems.replace(Origin::Samples, self.state.remarks.keys().cloned(), instant);
        let report = self.press.report();
        self.problems.replace(Origin::Rules, report.problems, instant);
        let (found, power) = self.power.found();
        self.problems.replace(Origin::Power, found, instant);
        let checks = Checks {
            source: self.source_check.clone(),
            ledger: self.ledger_check.clone(),
            rules: report.rules,
            notify: self.counter.check(),
            power,
        };
        self.published.store(Arc::new(snapshot(&self.state, instant, self.problems.listed(), checks)));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::daemon::Config;
    use crate::daemon::backfill::{Backfill, Tellings};
    use crate::daemon::publish::Publisher;
    use crate::daemon::{carbon, measure};
    use crate::units::SloId;

    /// An evaluation of nothing, with a ledger in `dir`.
    fn evaluation(dir: &std::path::Path) -> Evaluation {
        asking(dir, "http://localhost:9")
    }

    /// The same, of a source at `url`.
    fn asking(dir: &std::path::Path, url: &str) -> Evaluation {
        // Only the first one stays; another test may have been quicker.
        _ = rustls::crypto::ring::default_provider().install_default();
        let text = format!("state: {{ path: ledger.db }}\nsource: {{ prometheus: {{ url: '{url}' }} }}");
        std::fs::write(dir.join("burnwatch.yaml"), text).unwrap();
        let overrides = crate::daemon::Overrides { config: Some(dir.join("burnwatch.yaml")), ..Default::default() };
        let config = Config::load(overrides).unwrap();
        let (store, _) = Store::open(&config.state).unwrap();
        let registry = prometheus::Registry::new();
        let tellings = Tellings::build(&registry).unwrap();
        let power = measure::build(&config, None, carbon::build(&config).unwrap().0).1;
        Evaluation::new(Parts {
            declared: Declared::default(),
            pace: config.pace.clone(),
            delay: config.delay,
            state: State::default(),
            source: Source::build(&config).unwrap().0,
            store,
            desk: Backfill::build(&config, &tellings, power.is_saving()).unwrap().1,
            press: Publisher::build(&config).unwrap().1,
            counter: Counter::default(),
            power,
            problems: Problems::default(),
            gate: Arc::new(Gate::open(None, ([127, 0, 0, 1], 0).into()).unwrap()),
            gauges: Gauges::build(&registry).unwrap(),
            supervisor: Supervisor::default(),
            published: Arc::default(),
            orders: mpsc::channel(1).1,
        })
    }

    #[tokio::test]
    async fn a_source_whose_clock_was_set_back_is_told() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let body = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
            let head = "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: close";
            while let Ok((mut stream, _)) = listener.accept().await {
                _ = stream.read(&mut [0; 4_096]).await;
                _ = stream
                    .write_all(format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes())
                    .await;
            }
        });
        let dir = tempfile::tempdir().unwrap();
        let mut evaluation = asking(dir.path(), &url);
        evaluation.pace.every = Span::seconds(1);
        evaluation.source.look_at_its_clock().await;
        let told = |evaluation: &Evaluation| {
            let problems = &evaluation.published.load().problems;
            problems.iter().map(|listed| listed.problem.what.to_string()).collect::<Vec<_>>()
        };
        evaluation.last = Some(Timestamp::parse("1994-11-06T09:49:37Z").unwrap());
        evaluation.wait().await;
        let both = told(&evaluation);
        assert!(both.len() == 2 && both.iter().any(|what| what == "the source's clock was set back"), "{both:?}");
        // As it was when it was last seen.
        evaluation.last = Some(Timestamp::parse("1994-11-06T08:49:37Z").unwrap());
        evaluation.say_that_it_waits(evaluation.last.unwrap());
        assert_eq!(told(&evaluation).len(), 1, "only that both clocks differ");
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_neither_told_nor_lost() {
        let at = Timestamp::seconds;
        let dir = tempfile::tempdir().unwrap();
        let mut evaluation = evaluation(dir.path());
        let id = SloId::new("shop", "availability");
        evaluation.untold.push(Notice::sample(at(30)));
        evaluation.pending.verdicts.insert(id, "{}".into());
        let file = rusqlite::Connection::open(dir.path().join("ledger.db")).unwrap();
        let verdicts = || file.query_row("SELECT count(*) FROM verdicts", [], |row| row.get::<_, i64>(0)).unwrap();

        file.execute_batch("ALTER TABLE verdicts RENAME TO away").unwrap();
        evaluation.step(Seen::default(), at(30)).await;
        assert_eq!((evaluation.untold.len(), evaluation.pending.verdicts.len()), (1, 1));
        assert!(evaluation.published.load().unready().is_some());

        file.execute_batch("ALTER TABLE away RENAME TO verdicts").unwrap();
        evaluation.step(Seen::default(), at(60)).await;
        assert_eq!((evaluation.untold.len(), verdicts()), (0, 1));
        assert_eq!(evaluation.published.load().unready(), None);
    }
}
