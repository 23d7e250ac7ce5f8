//! burnwatch counts the good and bad events behind every SLO exactly once and tells what is left of the error budget.
//!
//! The modules stand in the order in which data passes through them. A module names only modules on lower floors;
//! `tests/it/architecture.rs` holds it to that.

/// Of the program, its tests and its benches alike.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

// 0. The words everything else is said in.
pub mod units;
// 1. Reading, asking, judging, measuring: each knows only the words.
pub mod yaml;
pub mod promql;
pub mod budget;
pub mod energy;
// 2. What people declared.
pub mod slos;
// 3. What is asked, and for whom; and what others may run by themselves.
pub mod plan;
pub mod rules;
pub mod dashboards;
// 4. What was counted.
pub mod ledger;
// 5. Who is told.
pub mod alerts;
// 6. One evaluation: all of the above, at an instant; and what became of telling it.
pub mod tick;
pub mod outbox;
// 7. What others read.
pub mod report;

// ---- the I/O line: above it functions of their arguments, below it the world, which can fail ----

// 8. The edges.
pub mod io;
// 9. The loops.
pub mod daemon;
// 10. What people type.
pub mod cli;
