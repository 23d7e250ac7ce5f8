//! How long the parts take that are at work in every tick, or at every start: `cargo bench --bench core [-- FILTER]`.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says so by ending")]
#![allow(clippy::disallowed_methods, reason = "it measures real time")]
#![allow(dead_code, reason = "of the many it needs but a part")]

#[path = "../many.rs"]
mod many;

mod answer;
mod exposition;
mod ledger;
mod plan;
mod rules;
mod tick;

use criterion::{criterion_group, criterion_main};

/// So many SLOs, of ten series each.
const SLOS: usize = 1_000;

criterion_group!(core, tick::bench, plan::bench, answer::bench, exposition::bench, ledger::bench, rules::bench);
criterion_main!(core);
