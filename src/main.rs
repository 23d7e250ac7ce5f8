//! burnwatch: parse, run, exit code.

use std::process::ExitCode;

use burnwatch::cli::{self, Args};
use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    // It is the first, so it is the one that stays.
    _ = rustls::crypto::ring::default_provider().install_default();
    match cli::run(Args::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("burnwatch: {error:#}");
            ExitCode::from(2)
        }
    }
}
