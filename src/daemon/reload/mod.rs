//! A reload: the files are read again, and what they say by now takes the place of what they said. Parts of which nothing
//! changed run on; the others are built as at the start, all of them or none. Never counts anything: what is declared is
//! handed to the evaluate loop, which takes it up between two ticks.

mod lookout;
mod reading;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::daemon::Config;
use crate::daemon::backfill::{Backfill, Desk, Tellings};
use crate::daemon::deliver::{self, Channels, Post};
use crate::daemon::evaluate::Orders;
use crate::daemon::gauges::Readings;
use crate::daemon::loops::Loops;
use crate::daemon::publish::{Press, Publisher};
use crate::daemon::source::{Source, Watch};
use crate::io::{clock, web};
use crate::units::Problem;

pub use lookout::Lookout;
pub use reading::Reading;

/// Reloads that are asked for and not done yet.
pub const ASKED: usize = 16;

/// Where a reload is asked for.
#[derive(Clone)]
pub struct Reloads(pub mpsc::Sender<web::Reload>);

impl Reloads {
    /// Asks for one, and waits until it is done.
    pub async fn reload(&self) {
        let (told, done) = oneshot::channel();
        if self.0.send(told).await.is_ok() {
            // Where the daemon ends, nobody answers.
            _ = done.await;
        }
    }
}

/// All that goes by the files, and by what they are read again.
pub struct Crew {
    pub reading: Reading,
    /// What runs from the start on.
    pub shift: Shift,
    pub post: Post,
    pub site: web::Site,
    pub address: SocketAddr,
    pub tellings: Tellings,
    pub is_saving: watch::Receiver<bool>,
    pub gauges: Readings,
    pub level: watch::Sender<tracing::Level>,
    pub orders: mpsc::Sender<Orders>,
    pub asked: mpsc::Receiver<web::Reload>,
    pub lookout: Lookout,
    pub on_duty: OnDuty,
}

/// The loops that run by the configuration until others take their place. `None`: those that run, run on.
#[derive(Default)]
pub struct Shift {
    pub watches: Option<Vec<Watch>>,
    pub backfill: Option<Option<Backfill>>,
    pub publisher: Option<Option<Publisher>>,
}

/// By what each of them is told to end.
#[derive(Default)]
pub struct OnDuty {
    watches: Vec<CancellationToken>,
    backfill: Vec<CancellationToken>,
    publisher: Vec<CancellationToken>,
}

/// What another configuration makes of the parts that it changes.
#[derive(Default)]
struct Parts {
    shift: Shift,
    source: Option<Source>,
    desk: Option<Desk>,
    press: Option<Press>,
    channels: Option<(Channels, Vec<Problem>)>,
    access: Option<web::Access>,
}

impl Crew {
    /// Begins to work.
    pub fn start(&mut self, loops: &mut Loops) {
        self.gauges.read(self.reading.kept_back().is_empty(), clock::now());
        self.lookout.look_out(&self.reading.config);
        self.relieve(loops);
    }

    /// Waits until the files are to be read again: somebody asks for that, or they changed.
    pub async fn wish(&mut self) -> Option<web::Reload> {
        tokio::select! {
            asked = self.asked.recv() => asked,
            () = self.lookout.changed() => None,
        }
    }

    /// Reads the files again, has what they say taken up, and tells `asked` why not all of it.
    pub async fn reload(&mut self, asked: Option<web::Reload>, loops: &mut Loops) {
        // Before they are read: what changes while they are is noticed then.
        let unwatched = self.lookout.look_out(&self.reading.config);
        let mut reading = self.reading.again();
        if asked.is_none() && reading == self.reading {
            return;
        }
        let parts = self.parts(&reading.config).unwrap_or_else(|problems| {
            reading = self.reading.with_its_configuration(problems);
            Parts::default()
        });
        if reading.config != self.reading.config {
            self.lookout.look_out(&reading.config);
        }
        let kept_back = reading.kept_back();
        self.reading = reading;
        if !self.is_taken_up(parts, unwatched, loops).await {
            return;
        }
        self.gauges.read(kept_back.is_empty(), clock::now());
        match kept_back.len() {
            0 => tracing::info!(slos = self.reading.declared.slos.len(), "reloaded"),
            problems => tracing::warn!(problems, "reloaded, and what is wrong stays as it was"),
        }
        if let Some(asked) = asked {
            // Who asked may be gone.
            _ = asked.send(kept_back);
        }
    }

    /// Builds what `config` changes, or says why it cannot be.
    fn parts(&self, config: &Config) -> Result<Parts, Vec<Problem>> {
        let before = &self.reading.config;
        let mut parts = Parts::default();
        let is_other_source = config.source != before.source;
        if is_other_source {
            let (source, watches) = Source::build(config).map_err(wrong)?;
            let (backfill, desk) = Backfill::build(config, &self.tellings, self.is_saving.clone()).map_err(wrong)?;
            (parts.source, parts.desk) = (Some(source), Some(desk));
            (parts.shift.watches, parts.shift.backfill) = (Some(watches), Some(backfill));
        }
        let are_others_written = config.rules != before.rules || config.dashboards != before.dashboards;
        if is_other_source || are_others_written || config.pace != before.pace {
            let (publisher, press) = Publisher::build(config).map_err(wrong)?;
            (parts.shift.publisher, parts.press) = (Some(publisher), Some(press));
        }
        if config.notify != before.notify || config.rules.is_some() != before.rules.is_some() {
            let (channels, unusable) = deliver::channels(&config.notify, config.rules.is_some());
            if channels.len() < config.notify.len() {
                return Err(unusable);
            }
            parts.channels = Some((channels, unusable));
        }
        if config.web != before.web {
            let gate = match config.web.config_file == before.web.config_file {
                true => self.site.access().gate.clone(),
                false => Arc::new(web::Gate::open(config.web.config_file.as_deref(), self.address)?),
            };
            parts.access = Some(web::Access::new(&config.web, gate));
        }
        Ok(parts)
    }

    /// Hands over what was read, and puts the parts in place once the evaluate loop goes by it; false where that has ended.
    async fn is_taken_up(&mut self, parts: Parts, unwatched: Option<Problem>, loops: &mut Loops) -> bool {
        let Parts { shift, mut source, desk, press, channels, access } = parts;
        if let Some(source) = &mut source {
            source.look_at_its_clock().await;
        }
        let Reading { config, problems, declared } = &self.reading;
        let (taken, done) = oneshot::channel();
        let orders = Orders {
            declared: declared.clone(),
            pace: config.pace.clone(),
            delay: config.delay,
            kept_back: problems.iter().cloned().chain(unwatched).collect(),
            source,
            desk,
            press,
            channels: channels.map(|(channels, unusable)| {
                (self.post.employ(channels), config.notify_problems.iter().cloned().chain(unusable).collect())
            }),
            gate: access.as_ref().map(|access| access.gate.clone()),
            taken,
        };
        if self.orders.send(orders).await.is_err() || done.await.is_err() {
            return false;
        }
        if let Some(access) = access {
            self.site.admit(access);
        }
        let level = self.reading.config.log.level;
        self.level.send_if_modified(|before| std::mem::replace(before, level) != level);
        self.shift = shift;
        self.relieve(loops);
        true
    }

    /// Starts the loops of the new shift, after it told those to end whose places they take.
    fn relieve(&mut self, loops: &mut Loops) {
        let Shift { watches, backfill, publisher } = std::mem::take(&mut self.shift);
        relieved(&mut self.on_duty.watches, watches, |watch| loops.start(|told| watch.run(told)));
        relieved(&mut self.on_duty.backfill, backfill, |backfill| loops.start(|told| backfill.run(told)));
        relieved(&mut self.on_duty.publisher, publisher, |publisher| loops.start(|told| publisher.run(told)));
        self.post.start(loops);
    }
}

fn relieved<T>(
    on_duty: &mut Vec<CancellationToken>,
    next: Option<impl IntoIterator<Item = T>>,
    start: impl FnMut(T) -> CancellationToken,
) {
    if let Some(next) = next {
        on_duty.iter().for_each(CancellationToken::cancel);
        *on_duty = next.into_iter().map(start).collect();
    }
}

fn wrong(error: anyhow::Error) -> Vec<Problem> {
    vec![Problem::error("config", format!("{error:#}"), "mend the configuration, or the file that it names")]
}
