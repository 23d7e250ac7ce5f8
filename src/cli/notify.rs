//! `burnwatch notify test`: a sample notice to every channel, and what each said.

use std::process::ExitCode;

use anyhow::bail;

use crate::alerts::Notice;
use crate::cli::{exit, print};
use crate::daemon::Config;
use crate::io::clock;
use crate::io::notify::{self, Channel};
use crate::outbox::Outcome;
use crate::report::Findings;

pub const EXAMPLES: &str = "\
Examples:
  burnwatch notify test
  burnwatch notify test mail --config /etc/burnwatch/burnwatch.yaml

Exit codes: 0 every channel took it, 1 one did not, 2 could not try";

#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Send a sample notice, and say what was answered
    #[command(after_help = EXAMPLES)]
    Test {
        /// One channel only
        channel: Option<String>,
    },
}

pub async fn notify(config: &Config, Action::Test { channel }: &Action) -> anyhow::Result<ExitCode> {
    let is_meant = |name: &str| channel.as_ref().is_none_or(|channel| channel == name);
    let channels: Vec<&notify::Config> = config.notify.iter().filter(|config| is_meant(&config.name)).collect();
    let wrong = Findings { problems: config.notify_problems.clone(), ..Findings::default() };
    if channels.is_empty() && wrong.problems.is_empty() {
        let names: Vec<&str> = config.notify.iter().map(|config| &*config.name).collect();
        match channel {
            Some(channel) if !names.is_empty() => {
                bail!("there is no channel {channel:?}; there are {}", names.join(", "))
            }
            _ => bail!("no channel is configured; add some under notify in burnwatch.yaml"),
        }
    }
    let mut failed = !wrong.problems.is_empty();
    if failed {
        print(&wrong.text())?;
    }
    for config in channels {
        let (is_fine, said) = tried(config).await;
        failed |= !is_fine;
        print(&format!("{}: {} {said}\n", config.name, if is_fine { "ok," } else { "failed," }))?;
    }
    Ok(exit(failed))
}

/// Whether the channel took a sample, and what it said.
async fn tried(config: &notify::Config) -> (bool, String) {
    let now = clock::now();
    let answers = match Channel::build(config) {
        (None, problem) => return (false, problem.map(|problem| problem.to_string()).unwrap_or_default()),
        (Some(Channel::Messenger(messenger)), _) => vec![messenger.send(&Notice::sample(now)).await],
        (Some(Channel::Alertmanager(alertmanager)), _) => {
            let mut answers = Vec::new();
            for peer in &alertmanager.peers {
                answers.push(peer.post(notify::alertmanager::sample(now)).await);
            }
            answers
        }
    };
    let is_fine = answers.iter().all(|answer| answer.outcome == Outcome::Accepted);
    (is_fine, answers.into_iter().map(|answer| answer.said).collect::<Vec<_>>().join("; "))
}
