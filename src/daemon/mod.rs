//! The daemon: built from everything that can fail at start, then loops that run until they are told to stop.

mod backfill;
mod carbon;
mod charging;
mod config;
mod deliver;
mod evaluate;
mod gauges;
mod inquiry;
mod measure;
mod problems;
mod publish;
mod renew;
mod source;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ::prometheus::Registry;
use anyhow::{anyhow, bail};
use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::daemon::backfill::Backfill;
use crate::daemon::carbon::Asking;
use crate::daemon::deliver::Post;
use crate::daemon::evaluate::{Evaluation, Parts};
use crate::daemon::gauges::{Gauges, Notifications};
use crate::daemon::measure::Measurement;
use crate::daemon::problems::{Origin, Problems};
use crate::daemon::publish::Publisher;
use crate::daemon::source::{Source, Watch};
use crate::io::store::{Contents, Store};
use crate::io::supervisor::{Supervisor, Word};
use crate::io::{clock, files, web};
use crate::report::{Findings, Snapshot};
use crate::slos::{self, Slo};
use crate::tick::State;
use crate::units::{Problem, Severity};

pub use backfill::Progress;
pub use config::{Config, Log, LogFormat, Overrides};
pub use inquiry::Inquiry;
pub use publish::Dashboards;

/// After a stop everything has to have ended by then.
const STOP_WITHIN: Duration = Duration::from_secs(8);

/// A daemon that can run: its files are read, its ledger is open, its socket is bound.
pub struct Daemon {
    evaluation: Evaluation,
    backfill: Option<Backfill>,
    publisher: Option<Publisher>,
    asking: Option<Asking>,
    measurement: Measurement,
    watches: Vec<Watch>,
    post: Post,
    listener: web::Listener,
    site: web::Site,
    supervisor: Supervisor,
    published: Arc<ArcSwap<Snapshot>>,
}

/// The SLOs of the files that `paths` name, and all that is wrong with them.
pub fn declared(paths: &[String], base: &Path) -> (Vec<Slo>, Vec<Problem>, usize) {
    let (texts, mut problems) = files::texts(paths, base);
    let mut declared = Vec::new();
    for text in &texts {
        let (slos, found) = slos::read(&text.name, &text.text);
        declared.extend(slos);
        problems.extend(found);
    }
    let (declared, repeated) = slos::unique(declared);
    problems.extend(repeated);
    problems.sort_by(|a, b| a.place.cmp(&b.place));
    (declared, problems, texts.len())
}

impl Daemon {
    /// Everything that can fail at start, does here.
    pub async fn build(config: &Config) -> anyhow::Result<Daemon> {
        let supervisor = Supervisor::of_environment()?;
        let (slos, file_problems, _) = declared(&config.slos, &config.base);
        let slos: Vec<Arc<Slo>> = slos.into_iter().map(Arc::new).collect();
        let (source, watches) = Source::build(config, &slos)?;
        let listener = web::bind(&config.web.listen).await?;
        let gate = web::Gate::open(config.web.config_file.as_deref(), listener.local_addr()?);
        let wrong = |problems| Findings { problems, ..Findings::default() }.text();
        let gate = gate.map_err(|problems| anyhow!("web.config_file is wrong\n{}", wrong(problems).trim_end()))?;
        let gate = Arc::new(gate);
        let (store, Contents { state: kept, deliveries, unread }) = Store::open(&config.state)?;
        let now = clock::now();
        let (state, mut damaged) = State::restored(kept);
        damaged.extend(deliver::damage(unread));
        let is_lacking = |problem: &Problem| problem.severity == Severity::Error || problem.code == files::NO_FILES;
        let has_all_slos = !file_problems.iter().any(is_lacking);
        if let Some(newest) = state.ledger.statement.newest() {
            source.go_on_from(newest);
        }
        let mut problems = Problems::default();
        problems.replace(Origin::Files, file_problems, now);
        problems.replace(Origin::Damage, damaged, now);
        let registry = Registry::new();
        let gauges = Gauges::build(&registry)?;
        let (carbon, asking) = carbon::build(config)?;
        let (measurement, power) = measure::build(config, state.energy.kept.totals.idle, carbon);
        let (backfill, desk) = Backfill::build(config, &registry, power.is_saving())?;
        let (publisher, press) = Publisher::build(config)?;
        let notifications = Notifications::build(&registry)?;
        let (channels, unusable) = deliver::channels(&config.notify, config.rules.is_some());
        problems.replace(Origin::Notify, config.notify_problems.iter().cloned().chain(unusable), now);
        let published = Arc::new(ArcSwap::from_pointee(Snapshot::starting(problems.listed())));
        let post = Post::build(channels, deliveries, store.clone(), published.clone(), notifications).await;
        let told = web::Told {
            snapshot: published.clone(),
            deliveries: post.record.clone(),
            energy: power.published(),
            wishes: power.wishes(),
        };
        let site = web::Site::new(&config.web, gate.clone(), told, registry)?;
        tracing::info!(
            slos = slos.len(),
            source = %config.source,
            ledger = %config.state.display(),
            listen = %listener.local_addr()?,
            "burnwatch {} starts",
            env!("CARGO_PKG_VERSION")
        );
        let evaluation = Evaluation::new(Parts {
            slos,
            has_all_slos,
            pace: config.pace.clone(),
            delay: config.delay,
            state,
            source,
            store,
            desk,
            press,
            counter: post.counter(),
            power,
            problems,
            gate,
            gauges,
            supervisor: supervisor.clone(),
            published: published.clone(),
        });
        Ok(Daemon {
            evaluation,
            backfill,
            publisher,
            asking,
            measurement,
            watches,
            post,
            listener,
            site,
            supervisor,
            published,
        })
    }

    /// Where it listens, also where any port was asked for.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What is known, after each tick anew.
    pub fn published(&self) -> Arc<ArcSwap<Snapshot>> {
        self.published.clone()
    }

    /// How far the past is read; `None` where the source remembers none.
    pub fn progress(&self) -> Option<watch::Receiver<Progress>> {
        self.backfill.as_ref().map(Backfill::progress)
    }

    /// Counts, judges and serves until `shutdown`; an error where one of the loops ended by itself.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Daemon { evaluation, backfill, publisher, asking, measurement, watches, post, listener, site, .. } = self;
        let supervisor = self.supervisor;
        let stop = CancellationToken::new();
        let mut loops = JoinSet::new();
        for watch in watches {
            loops.spawn(watch.run(stop.clone()));
        }
        post.start(&mut loops, &stop);
        loops.spawn(evaluation.run(stop.clone()));
        loops.spawn(measurement.run(stop.clone()));
        if let Some(backfill) = backfill {
            loops.spawn(backfill.run(stop.clone()));
        }
        if let Some(publisher) = publisher {
            loops.spawn(publisher.run(stop.clone()));
        }
        if let Some(asking) = asking {
            loops.spawn(asking.run(stop.clone()));
        }
        loops.spawn(web::serve(listener, site.clone(), stop.clone().cancelled_owned()));
        let ended = tokio::select! {
            () = shutdown => None,
            ended = loops.join_next() => ended,
        };
        supervisor.tell(Word::Stopping);
        site.stop();
        stop.cancel();
        let drained = tokio::time::timeout(STOP_WITHIN, async { while loops.join_next().await.is_some() {} }).await;
        match (ended, drained) {
            (Some(Err(panic)), _) => bail!("a part of the daemon failed: {panic}"),
            (Some(Ok(())), _) => bail!("a part of the daemon ended by itself"),
            (None, Err(_)) => bail!("not everything ended within {} s", STOP_WITHIN.as_secs()),
            (None, Ok(())) => Ok(()),
        }
    }
}
