//! The daemon: built from everything that can fail at start, then loops that run until they are told to stop.

mod backfill;
mod carbon;
mod charging;
mod config;
mod declared;
mod deliver;
mod evaluate;
mod gauges;
mod inquiry;
mod loops;
mod measure;
mod problems;
mod publish;
mod reload;
mod renew;
mod source;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use ::prometheus::Registry;
use anyhow::anyhow;
use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};

use crate::daemon::backfill::{Backfill, Tellings};
use crate::daemon::carbon::Asking;
use crate::daemon::deliver::Post;
use crate::daemon::evaluate::{Evaluation, Parts};
use crate::daemon::gauges::{Gauges, Notifications, Readings};
use crate::daemon::loops::Loops;
use crate::daemon::measure::Measurement;
use crate::daemon::problems::{Origin, Problems};
use crate::daemon::publish::Publisher;
use crate::daemon::reload::{ASKED, Crew, Lookout, OnDuty, Reading, Shift};
use crate::daemon::source::Source;
use crate::io::store::{Contents, Store};
use crate::io::supervisor::Supervisor;
use crate::io::{clock, web};
use crate::report::{Findings, Snapshot};
use crate::tick::State;

pub use backfill::Progress;
pub use config::{Config, Log, LogFormat, Overrides};
pub use declared::declared;
pub use inquiry::Inquiry;
pub use publish::Dashboards;
pub use reload::Reloads;

/// A daemon that can run: its files are read, its ledger is open, its socket is bound.
pub struct Daemon {
    evaluation: Evaluation,
    asking: Option<Asking>,
    measurement: Measurement,
    crew: Crew,
    reloads: Reloads,
    listener: web::Listener,
    supervisor: Supervisor,
    published: Arc<ArcSwap<Snapshot>>,
}

impl Daemon {
    /// Everything that can fail at start, does here.
    pub async fn build(config: &Config) -> anyhow::Result<Daemon> {
        let supervisor = Supervisor::of_environment()?;
        let reading = Reading::first(config);
        let (source, watches) = Source::build(config)?;
        let listener = web::bind(&config.web.listen).await?;
        let address = listener.local_addr()?;
        let gate = web::Gate::open(config.web.config_file.as_deref(), address);
        let wrong = |problems| Findings { problems, ..Findings::default() }.text();
        let gate = gate.map_err(|problems| anyhow!("web.config_file is wrong\n{}", wrong(problems).trim_end()))?;
        let gate = Arc::new(gate);
        let (store, Contents { state: kept, deliveries, unread }) = Store::open(&config.state)?;
        let now = clock::now();
        let (state, mut damaged) = State::restored(kept);
        damaged.extend(deliver::damage(unread));
        let mut problems = Problems::default();
        problems.replace(Origin::Files, reading.declared.problems.clone(), now);
        problems.replace(Origin::Damage, damaged, now);
        let registry = Registry::new();
        let gauges = Gauges::build(&registry)?;
        let (carbon, asking) = carbon::build(config)?;
        let (measurement, power) = measure::build(config, state.energy.kept.totals.idle, carbon);
        let tellings = Tellings::build(&registry)?;
        let (backfill, desk) = Backfill::build(config, &tellings, power.is_saving())?;
        let (publisher, press) = Publisher::build(config)?;
        let notifications = Notifications::build(&registry)?;
        let (channels, unusable) = deliver::channels(&config.notify, config.rules.is_some());
        problems.replace(Origin::Notify, config.notify_problems.iter().cloned().chain(unusable), now);
        let published = Arc::new(ArcSwap::from_pointee(Snapshot::starting(problems.listed())));
        let mut post = Post::build(store.clone(), published.clone(), notifications);
        let counter = post.employ(channels);
        post.take(deliveries).await;
        let (reloads, asked) = mpsc::channel(ASKED);
        let told = web::Told {
            snapshot: published.clone(),
            deliveries: post.record.clone(),
            energy: power.published(),
            wishes: power.wishes(),
            reloads: Some(reloads.clone()),
        };
        let readings = Readings::build(&registry)?;
        let site = web::Site::new(&config.web, gate.clone(), told, registry)?;
        tracing::info!(
            slos = reading.declared.slos.len(),
            source = %config.source,
            ledger = %config.state.display(),
            listen = %address,
            "burnwatch {} starts",
            env!("CARGO_PKG_VERSION")
        );
        let (ordering, orders) = mpsc::channel(1);
        let crew = Crew {
            reading: reading.clone(),
            shift: Shift { watches: Some(watches), backfill: Some(backfill), publisher: Some(publisher) },
            post,
            site,
            address,
            tellings,
            is_saving: power.is_saving(),
            gauges: readings,
            level: watch::Sender::new(config.log.level),
            orders: ordering,
            asked,
            lookout: Lookout::new(),
            on_duty: OnDuty::default(),
        };
        let evaluation = Evaluation::new(Parts {
            declared: reading.declared,
            pace: config.pace.clone(),
            delay: config.delay,
            state,
            source,
            store,
            desk,
            press,
            counter,
            power,
            problems,
            gate,
            gauges,
            supervisor: supervisor.clone(),
            published: published.clone(),
            orders,
        });
        Ok(Daemon { evaluation, asking, measurement, crew, reloads: Reloads(reloads), listener, supervisor, published })
    }

    /// Where it listens, also where any port was asked for.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What is known, after each tick anew.
    pub fn published(&self) -> Arc<ArcSwap<Snapshot>> {
        self.published.clone()
    }

    /// How far the past is read.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.crew.tellings.progress()
    }

    /// How much of it is logged, which a reload may change.
    pub fn level(&self) -> watch::Receiver<tracing::Level> {
        self.crew.level.subscribe()
    }

    /// Where it is asked to read its files again.
    pub fn reloads(&self) -> Reloads {
        self.reloads.clone()
    }

    /// Counts, judges and serves until `shutdown`; an error where one of the loops ended by itself.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Daemon { evaluation, asking, measurement, mut crew, listener, supervisor, .. } = self;
        let (mut loops, site) = (Loops::default(), crew.site.clone());
        crew.start(&mut loops);
        loops.start(|stop| evaluation.run(stop));
        loops.start(|stop| measurement.run(stop));
        if let Some(asking) = asking {
            loops.start(|stop| asking.run(stop));
        }
        let serving = site.clone();
        loops.start(|stop| web::serve(listener, serving, stop.cancelled_owned()));
        let mut shutdown = pin!(shutdown);
        let fault = loop {
            tokio::select! {
                () = &mut shutdown => break None,
                fault = loops.fault() => break Some(fault),
                asked = crew.wish() => tokio::select! {
                    () = supervisor.reloading(crew.reload(asked, &mut loops)) => {}
                    () = &mut shutdown => break None,
                },
            }
        };
        supervisor.stopping();
        site.stop();
        let ended = loops.end().await;
        match fault {
            Some(fault) => Err(fault),
            None => ended,
        }
    }
}
