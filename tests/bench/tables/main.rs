//! The tables of the README, measured on a real Prometheus: what peers make of a known month, what it costs to ask, and
//! what many SLOs take.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on says so by ending")]
#![allow(clippy::disallowed_methods, reason = "it runs beside real servers, in real time")]
#![allow(dead_code, unused_imports, reason = "of the stand it needs but a part")]

#[path = "../many.rs"]
mod many;
#[path = "../../it/stand/mod.rs"]
mod stand;

mod backfill;
mod cost;
mod peers;
mod scale;
mod truth;

use std::process::ExitCode;

/// Fails where a goal is missed.
fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |table: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == table);
    if is_wanted("truth") {
        truth::print();
    }
    let with_goals = [("cost", cost::print as fn() -> bool), ("scale", scale::print), ("backfill", backfill::print)];
    let is_met =
        with_goals.into_iter().filter(|(table, _)| is_wanted(table)).fold(true, |all, (_, print)| all & print());
    if is_met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
