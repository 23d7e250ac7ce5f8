//! `burnwatch run`: the daemon, until a signal.

use std::io::IsTerminal;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;

use crate::cli::progress::{self, Foot};
use crate::daemon::{Config, Daemon, Log, LogFormat};

pub const EXAMPLES: &str = "\
Examples:
  burnwatch run --prometheus http://localhost:9090
  burnwatch run slos/checkout.yaml --state /var/lib/burnwatch/ledger.db --listen 0.0.0.0:9872

Exit codes: 0 stopped by a signal, 2 could not start or go on";

/// Runs until SIGTERM or SIGINT; a second one ends at once. SIGHUP has the files read again.
pub async fn run(config: &Config, is_quiet: bool) -> anyhow::Result<ExitCode> {
    let foot = log_as(&config.log, is_quiet);
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hangup = signal(SignalKind::hangup())?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping; a second signal ends at once");
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::warn!("ended at once");
            std::process::exit(2);
        });
    };
    let daemon = Daemon::build(config).await?;
    let (progress, reloads) = (daemon.progress(), daemon.reloads());
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            reloads.reload().await;
        }
    });
    let ended = tokio::select! {
        ended = daemon.run(shutdown) => ended,
        never = progress::follow(progress, foot.as_ref()), if !is_quiet => match never {},
    };
    foot.inspect(Foot::clear);
    ended?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Text on a terminal and JSON elsewhere, if the configuration does not say. Text on a terminal leaves room for a line at
/// its foot, which is returned.
pub fn log_as(log: &Log, is_quiet: bool) -> Option<Foot> {
    let is_terminal = std::io::stderr().is_terminal();
    let level = if is_quiet { LevelFilter::WARN } else { LevelFilter::from_level(log.level) };
    let foot = Foot::default();
    let lines = tracing_subscriber::fmt().with_writer(foot.clone()).with_max_level(level).with_target(false);
    match log.format.unwrap_or(if is_terminal { LogFormat::Text } else { LogFormat::Json }) {
        LogFormat::Text => {
            lines.with_ansi(is_terminal).init();
            is_terminal.then_some(foot)
        }
        LogFormat::Json => {
            lines.json().flatten_event(true).init();
            None
        }
    }
}
