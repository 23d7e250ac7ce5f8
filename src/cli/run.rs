//! `burnwatch run`: the daemon, until a signal.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::log::Log;
use crate::cli::progress::{self, Foot};
use crate::daemon::{Config, Daemon};

pub const EXAMPLES: &str = "\
Examples:
  burnwatch run --prometheus http://localhost:9090
  burnwatch run slos/checkout.yaml --state /var/lib/burnwatch/ledger.db --listen 0.0.0.0:9872

Exit codes: 0 stopped by a signal, 2 could not start or go on";

/// Runs until SIGTERM or SIGINT; a second one ends at once. SIGHUP has the files read again.
pub async fn run(config: &Config, is_quiet: bool) -> anyhow::Result<ExitCode> {
    let Log { foot, threshold } = Log::begun(&config.log, is_quiet);
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
    tokio::spawn(threshold.follow(daemon.level()));
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
