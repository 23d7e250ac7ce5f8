//! The command line: one file per command, each flags, a call and what is printed. Never decides anything itself.

mod run;
mod log;
mod progress;
mod check;
mod generate;
mod status;
mod notify;
mod power;
mod demo;
mod completions;
mod man;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::daemon::{Config, LogFormat, Overrides};
use crate::report::Findings;

/// What the program is called.
const NAME: &str = "burnwatch";

const EXAMPLES: &str = "\
Examples:
  burnwatch demo
  burnwatch check slos/checkout.yaml
  burnwatch run --prometheus http://localhost:9090

Exit codes: 0 done, 1 found what the command looks for, 2 could not";

/// Counts the good and bad events behind every SLO exactly once and tells what is left of its error budget
#[derive(Debug, Parser)]
#[command(name = NAME, version, disable_help_subcommand = true, after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon: ask Prometheus or scrape targets, keep the ledger, serve metrics and the API
    #[command(after_help = run::EXAMPLES)]
    Run {
        #[command(flatten)]
        paths: Paths,
    },
    /// Say everything that is wrong with SLO files and, with --prometheus, with what that server holds for them
    #[command(after_help = check::EXAMPLES)]
    Check {
        #[command(flatten)]
        paths: Paths,
        #[command(flatten)]
        flags: check::Flags,
    },
    /// Write what a Prometheus runs by itself and a Grafana shows: rule files, unit tests of them, dashboards
    #[command(after_help = generate::EXAMPLES)]
    Generate {
        /// rules, tests or dashboards, else all of them; then SLO files, directories or patterns, in place of the configuration's
        #[arg(value_name = "KIND|PATH")]
        words: Vec<String>,
        #[command(flatten)]
        flags: generate::Flags,
    },
    /// Ask a running daemon how every SLO stands, the worst first
    #[command(after_help = status::EXAMPLES)]
    Status(status::Flags),
    /// Say what the host draws, which meters tell it, and why others cannot be read
    #[command(after_help = power::EXAMPLES)]
    Power(power::Flags),
    /// Try the channels by which notices leave
    #[command(after_help = notify::EXAMPLES)]
    Notify {
        #[command(subcommand)]
        action: notify::Action,
    },
    /// Watch the daemon on an invented shop with a month of history and live incidents
    #[command(after_help = demo::EXAMPLES)]
    Demo,
    /// Print what a shell needs to complete commands and flags
    #[command(after_help = completions::EXAMPLES)]
    Completions {
        /// bash, zsh, fish, elvish or powershell
        #[arg(hide_possible_values = true)]
        shell: Shell,
    },
    /// Print the manual page
    #[command(after_help = man::EXAMPLES)]
    Man,
}

#[derive(Debug, Default, clap::Args)]
struct Paths {
    /// SLO files, directories or patterns, in place of those that the configuration names
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Common options")]
struct Common {
    /// The configuration; else ./burnwatch.yaml, /etc/burnwatch/burnwatch.yaml, built-in defaults
    #[arg(long, global = true, env = "BURNWATCH_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// SLO files, directories or patterns, separated by commas [default: slos/*.yaml]
    #[arg(long, global = true, env = "BURNWATCH_SLOS", value_name = "PATH", value_delimiter = ',')]
    slos: Vec<String>,
    /// The Prometheus to ask, in place of any source.scrape [default: http://localhost:9090]
    #[arg(long, global = true, env = "BURNWATCH_PROMETHEUS", value_name = "URL")]
    prometheus: Option<String>,
    /// The ledger's file [default: $STATE_DIRECTORY/ledger.db, else burnwatch.db]
    #[arg(long, global = true, env = "BURNWATCH_STATE", value_name = "FILE")]
    state: Option<PathBuf>,
    /// Where the daemon listens [default: 127.0.0.1:9872]
    #[arg(long, global = true, env = "BURNWATCH_LISTEN", value_name = "HOST:PORT")]
    listen: Option<String>,
    /// How log lines are written [default: text on a terminal, else json]
    #[arg(long, global = true, env = "BURNWATCH_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// Say only what is wrong
    #[arg(long, short, global = true, env = "BURNWATCH_QUIET", value_parser = clap::builder::FalseyValueParser::new())]
    quiet: bool,
}

/// Does what `args` say; an error where that could not be done.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { command, common } = args;
    let quiet = common.quiet;
    match command {
        Command::Run { paths } => run::run(&config(common.overrides(paths))?, quiet).await,
        Command::Check { paths, flags } => check::check(common.overrides(paths), &flags, quiet).await,
        Command::Generate { words, flags } => {
            let (kind, paths) = generate::Kind::leading(words);
            generate::generate(common.overrides(Paths { paths }), kind, &flags, quiet).await
        }
        Command::Status(flags) => status::status(&config(common.overrides(Paths::default()))?, &flags).await,
        Command::Power(flags) => power::power(&config(common.overrides(Paths::default()))?, &flags).await,
        Command::Notify { action } => notify::notify(&config(common.overrides(Paths::default()))?, &action).await,
        Command::Demo => demo::demo(common.overrides(Paths::default()), quiet).await,
        Command::Completions { shell } => completions::completions(shell),
        Command::Man => man::man(),
    }
}

impl Common {
    /// What these flags replace of the configuration; paths behind a command replace `--slos`.
    fn overrides(self, Paths { paths }: Paths) -> Overrides {
        Overrides {
            config: self.config,
            slos: if paths.is_empty() { self.slos } else { paths },
            prometheus: self.prometheus,
            state: self.state,
            listen: self.listen,
            log_format: self.log_format,
        }
    }
}

/// The configuration; one that is wrong keeps a command from doing anything.
fn config(overrides: Overrides) -> anyhow::Result<Config> {
    Config::load(overrides).map_err(|problems| {
        let findings = Findings { problems, ..Findings::default() };
        anyhow!("the configuration is wrong\n{}", findings.text().trim_end())
    })
}

/// The exit code of a command that looked for something.
fn exit(found: bool) -> ExitCode {
    if found { ExitCode::from(1) } else { ExitCode::SUCCESS }
}

/// What goes before a screen that takes the place of the last one; nothing where nobody looks at a terminal.
fn clearing() -> &'static str {
    if io::stdout().is_terminal() { "\x1b[2J\x1b[H" } else { "" }
}

/// Prints; a reader that has seen enough (`| head`) is no error.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to the standard output"),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn overrides(arguments: &[&str]) -> Overrides {
        let args = Args::try_parse_from(["burnwatch"].iter().chain(arguments)).unwrap();
        match args.command {
            Command::Run { paths } | Command::Check { paths, .. } => args.common.overrides(paths),
            Command::Generate { .. }
            | Command::Status(_)
            | Command::Power(_)
            | Command::Notify { .. }
            | Command::Demo
            | Command::Completions { .. }
            | Command::Man => args.common.overrides(Paths::default()),
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn common_flags_stand_before_or_behind_the_command() {
        for arguments in [["--listen", "x:1", "status"], ["status", "--listen", "x:1"]] {
            assert_eq!(overrides(&arguments).listen.as_deref(), Some("x:1"));
        }
    }

    #[test]
    fn paths_behind_a_command_replace_those_of_the_flag() {
        assert_eq!(overrides(&["check", "--slos", "a,b"]).slos, ["a", "b"]);
        assert_eq!(overrides(&["check", "--slos", "a", "c", "d"]).slos, ["c", "d"]);
    }

    #[test]
    fn every_common_flag_may_come_from_the_environment() {
        let args = Args::command();
        for flag in ["config", "slos", "prometheus", "state", "listen", "log-format", "quiet"] {
            let found = args.get_arguments().find(|argument| argument.get_long() == Some(flag)).unwrap();
            let name = format!("BURNWATCH_{}", flag.to_uppercase().replace('-', "_"));
            assert_eq!(found.get_env().and_then(|env| env.to_str()), Some(name.as_str()));
        }
    }
}
