//! `burnwatch completions`: what a shell needs to complete commands and flags.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::cli::{Args, NAME, print};

pub const EXAMPLES: &str = "\
Examples:
  burnwatch completions bash > /etc/bash_completion.d/burnwatch
  burnwatch completions zsh > \"${fpath[1]}/_burnwatch\"
  burnwatch completions fish > ~/.config/fish/completions/burnwatch.fish";

pub fn completions(shell: Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    generate(shell, &mut Args::command(), NAME, &mut script);
    print(&String::from_utf8(script)?)?;
    Ok(ExitCode::SUCCESS)
}
