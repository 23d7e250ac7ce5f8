//! How the log is written: on the standard error, a line for each event, as text or as one flat JSON object; and down to
//! which level, which may change while it is written. Never knows what is logged.

use std::io::{IsTerminal, stderr};

use tokio::sync::watch;
use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, registry, reload};

use crate::cli::NAME;
use crate::cli::progress::Foot;
use crate::daemon::{self, LogFormat};

/// A log that is being written.
pub struct Log {
    /// The line at the foot of a terminal that shows text.
    pub foot: Option<Foot>,
    pub threshold: Threshold,
}

/// How much is written.
pub struct Threshold {
    handle: reload::Handle<Targets, Registry>,
    is_quiet: bool,
}

impl Log {
    /// Begins it: text on a terminal and JSON elsewhere, if the configuration does not say. Who wants quiet, gets
    /// warnings and errors whatever the level.
    pub fn begun(config: &daemon::Log, is_quiet: bool) -> Log {
        let is_terminal = stderr().is_terminal();
        let (threshold, handle) = reload::Layer::new(least(config.level, is_quiet));
        let foot = Foot::default();
        let lines = fmt::layer().with_writer(foot.clone()).with_target(false);
        let registry = registry().with(threshold);
        let foot = match config.format.unwrap_or(if is_terminal { LogFormat::Text } else { LogFormat::Json }) {
            LogFormat::Text => {
                registry.with(lines.with_ansi(is_terminal)).init();
                is_terminal.then_some(foot)
            }
            LogFormat::Json => {
                let flat = lines.json().flatten_event(true).with_current_span(false).with_span_list(false);
                registry.with(flat).init();
                None
            }
        };
        Log { foot, threshold: Threshold { handle, is_quiet } }
    }
}

impl Threshold {
    /// Goes by what `level` says from now on, until nobody says it any more.
    pub async fn follow(self, mut level: watch::Receiver<Level>) {
        while level.changed().await.is_ok() {
            let least = least(*level.borrow_and_update(), self.is_quiet);
            // It fails only where nothing is logged any more.
            _ = self.handle.reload(least);
        }
    }
}

/// Only what is said here: nobody knows what libraries say of what they were given.
fn least(level: Level, is_quiet: bool) -> Targets {
    let level = if is_quiet { LevelFilter::WARN } else { LevelFilter::from_level(level) };
    Targets::new().with_target(NAME, level)
}
