//! `burnwatch demo`: the ordinary daemon on an invented shop, in a directory that a user could have written and that is
//! gone afterwards. Never counts or judges anything itself.

mod shop;
mod exposition;
mod services;
mod history;
mod screen;

use std::fs;
use std::io::{IsTerminal, stdout};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use terminal_size::{Height, Width, terminal_size_of};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::demo::screen::{Frame, Lately, Room};
use crate::cli::demo::services::Services;
use crate::cli::demo::shop::Shop;
use crate::cli::log::Log;
use crate::cli::{config, print, status};
use crate::daemon::{self, Config, Daemon, Overrides};
use crate::io::store::Store;
use crate::io::{clock, web};
use crate::report::Snapshot;
use crate::units::Span;

pub const EXAMPLES: &str = "\
It needs no configuration, no SLO files and no Prometheus, and heeds none. Its ledger lies in a temporary directory \
that goes when it ends. Where 127.0.0.1:9872 is taken it listens on a free port, unless --listen says where. Its log \
is written only with --log-format, to stderr.

Examples:
  burnwatch demo
  burnwatch demo --listen 127.0.0.1:9999 | tee demo.txt
  burnwatch status --watch

Exit codes: 0 ended by a signal, 2 could not start or go on";

/// What the shop promises.
const SLOS: &str = include_str!("shop.yaml");

/// From one tick to the next, and from one scrape to the next.
const EVERY: Span = Span::seconds(1);

/// Where it listens when its own address is taken.
const ANY_PORT: &str = "127.0.0.1:0";

/// After a signal everything has to have ended by then; who still reads an answer is cut off.
const END_WITHIN: Duration = Duration::from_millis(700);

/// How often it is looked for a new tick.
const LOOK: Duration = Duration::from_millis(100);

/// Runs until SIGINT, SIGTERM or SIGHUP. Whatever happens, the directory goes with it.
pub async fn demo(overrides: Overrides, is_quiet: bool) -> anyhow::Result<ExitCode> {
    let signalled = signalled().context("cannot wait for signals")?;
    let directory = tempfile::Builder::new().prefix("burnwatch-demo-").tempdir();
    let directory = directory.context("no place for a ledger; set TMPDIR to a directory that can be written")?;
    let shop = Shop::opened_at(clock::now().on_grid(EVERY));
    let services = Services::open(shop).await?;
    let mut config = configured(directory.path(), &services, &overrides)?;
    if config.log.format.is_some() {
        Log::begun(&config.log, is_quiet);
    }
    remember(&shop, &config).await?;
    let daemon = built(&mut config, overrides.listen.is_none()).await?;
    let viewer = Viewer {
        published: daemon.published(),
        shop,
        address: daemon.address()?,
        // Log lines would tear the table apart.
        is_live: stdout().is_terminal() && config.log.format.is_none(),
    };
    let stop = CancellationToken::new();
    tokio::select! {
        ended = daemon.run(stop.clone().cancelled_owned()) => ended?,
        failed = viewer.show(), if !is_quiet => failed?,
        () = async {
            signalled.await;
            stop.cancel();
            tokio::time::sleep(END_WITHIN).await;
        } => {}
    }
    directory.close().context("the temporary directory cannot be removed")?;
    Ok(ExitCode::SUCCESS)
}

/// The first signal that ends it. A further one changes nothing: it is about to end.
fn signalled() -> std::io::Result<impl Future<Output = ()>> {
    let [interrupt, terminate, hangup] = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let (mut interrupt, mut terminate, mut hangup) = (signal(interrupt)?, signal(terminate)?, signal(hangup)?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

/// The configuration that a user would have written for the shop, in the directory with its SLO file and its ledger.
fn configured(directory: &Path, services: &Services, overrides: &Overrides) -> anyhow::Result<Config> {
    let targets: Vec<String> = services
        .targets()
        .map(|(labels, address)| {
            let labels = labels.map(|(name, value)| format!("{name}: {value}")).join(", ");
            format!("      - {{ url: 'http://{address}/metrics', labels: {{ {labels} }} }}")
        })
        .collect();
    let text = format!(
        "slos: [shop.yaml]\n\
         source:\n  scrape:\n    every: {EVERY}\n    timeout: {EVERY}\n    targets:\n{}\n\
         evaluate: {{ every: {EVERY}, delay: 200ms, scrape_interval: {EVERY}, latency_quantiles: 5s }}\n\
         state: {{ path: ledger.db }}\n\
         web: {{ rate_limit: off }}\n", // it is there to be looked at
        targets.join("\n")
    );
    let path = directory.join("burnwatch.yaml");
    fs::write(directory.join("shop.yaml"), SLOS)
        .and_then(|()| fs::write(&path, text))
        .with_context(|| format!("nothing can be written to {}", directory.display()))?;
    let Overrides { listen, log_format, .. } = overrides.clone();
    config(Overrides { config: Some(path), listen, log_format, ..Overrides::default() })
}

/// Writes the month before the opening to the ledger, for the daemon to find.
async fn remember(shop: &Shop, config: &Config) -> anyhow::Result<()> {
    let (slos, _, _) = daemon::declared(&config.slos, &config.base);
    let slos = slos.into_iter().map(Arc::new).collect();
    let (_, entry) = history::history(shop, slos, config.pace.clone(), shop.opened());
    let (store, _) = Store::open(&config.state)?;
    store.commit(entry).await.map_err(|failed| failed.error)?;
    store.close();
    Ok(())
}

/// The daemon; where its address is taken and need not be that one, on another.
async fn built(config: &mut Config, may_move: bool) -> anyhow::Result<Daemon> {
    match Daemon::build(config).await {
        Err(error) if may_move && matches!(error.downcast_ref(), Some(web::Error::InUse(_))) => {
            config.web.listen = ANY_PORT.to_string();
            config.overrides.listen = Some(ANY_PORT.to_string());
            Daemon::build(config).await
        }
        built => built,
    }
}

/// Who looks at the terminal, or reads what is printed.
struct Viewer {
    published: Arc<ArcSwap<Snapshot>>,
    shop: Shop,
    address: SocketAddr,
    is_live: bool,
}

impl Viewer {
    /// On a terminal the table after each tick; else once, and then a line for whatever changes.
    async fn show(&self) -> anyhow::Result<()> {
        let mut lately = Lately::default();
        let mut before: Option<Frame> = None;
        loop {
            let frame = Frame::of(&self.published.load(), &self.shop);
            if let Some(frame) = frame.filter(|frame| before.as_ref().is_none_or(|before| before.at < frame.at)) {
                let news = before.as_ref().map_or(Vec::new(), |before| frame.news_since(before));
                match (self.is_live, &before) {
                    (true, _) => {
                        lately.extend(news);
                        let page = frame.page(&status::table(&frame.slos), &lately, self.address, room());
                        print(&screen::redrawn(&page, before.is_none()))?;
                    }
                    (false, None) => print(&frame.page(&status::table(&frame.slos), &lately, self.address, None))?,
                    (false, Some(_)) => print(&news.iter().map(|line| format!("{line}\n")).collect::<String>())?,
                }
                before = Some(frame);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// How much the terminal shows above the line where the cursor stands.
fn room() -> Option<Room> {
    let (Width(width), Height(height)) = terminal_size_of(stdout())?;
    Some(Room { width: width.into(), height: usize::from(height).saturating_sub(1) })
}
