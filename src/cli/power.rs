//! `burnwatch power`: what the host draws and which meters tell it, read here and now; it needs no daemon.

use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;

use crate::cli::{clearing, print};
use crate::daemon::Config;
use crate::energy::{Account, Statement};
use crate::io::clock;
use crate::io::power::Meters;
use crate::report::{meters, meters_text};

pub const EXAMPLES: &str = "\
Examples:
  burnwatch power
  burnwatch power --watch
  sudo burnwatch power --output json

Exit codes: 0 told, 2 the configuration is wrong";

#[derive(Debug, clap::Args)]
pub struct Flags {
    /// table, or json
    #[arg(long, default_value = "table", value_name = "FORMAT", hide_possible_values = true)]
    output: Output,
    /// Read again and again, until ctrl-C
    #[arg(long)]
    watch: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    Table,
    Json,
}

/// Power is the difference of two readings, so the first is told after one interval.
pub async fn power(config: &Config, flags: &Flags) -> anyhow::Result<ExitCode> {
    let power = &config.power;
    let every = Duration::from_millis(power.every.as_millis().unsigned_abs());
    let (mut meters, mut account) = (Meters::open(power), Account::default());
    let clear = if flags.watch { clearing() } else { "" };
    account.step(&meters.read(), clock::now());
    loop {
        tokio::time::sleep(every).await;
        account.step(&meters.read(), clock::now());
        print(&format!("{clear}{}", shown(&account.statement(), config, flags.output)?))?;
        if !flags.watch {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn shown(statement: &Statement, config: &Config, output: Output) -> anyhow::Result<String> {
    Ok(match output {
        Output::Table => meters_text(statement, comfy_table::Table::new().width()),
        Output::Json => serde_json::to_string_pretty(&meters(statement, config.power.idle))? + "\n",
    })
}
