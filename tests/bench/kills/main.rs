//! What the integration tests do forty times, two hundred times: `cargo bench --bench kills [-- TIMES]`. And how long a
//! ledger takes to open that is as old and as wide as ledgers get.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on says so by ending")]
#![allow(clippy::disallowed_methods, reason = "it runs beside real servers, in real time")]
#![allow(dead_code, unused_imports, reason = "of the stand and the tests it needs but a part")]

#[path = "../../it/faults/kills.rs"]
mod kills;
#[path = "../../it/live.rs"]
mod live;
#[path = "../many.rs"]
mod many;
#[path = "../../it/stand/mod.rs"]
mod stand;

use std::path::Path;
use std::time::{Duration, Instant};

use burnwatch::units::Timestamp;

/// Of each daemon, where no other number is given.
const KILLS: usize = 200;
/// An opened ledger is answered from within this time, whatever its age.
const OPEN_WITHIN: Duration = Duration::from_secs(1);

fn main() {
    let times = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    println!("| a ledger of | opens in |\n|---|---:|");
    for slos in [100, 1_000] {
        let opened = opening(slos);
        println!("| {slos} SLOs over 400 days | {} ms |", opened.as_millis());
        assert!(opened < OPEN_WITHIN, "{opened:?}");
    }
    let fastest = kills::kill(times.unwrap_or(KILLS));
    assert!(fastest < OPEN_WITHIN, "{fastest:?}");
}

/// How long it takes to read all that is kept of so many SLOs after 400 days; the shortest of three times.
fn opening(slos: usize) -> Duration {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    many::store(&path, &many::declared(slos), many::KEPT, Timestamp::seconds(1_790_000_010));
    (0..3).map(|_| opened(&path)).min().unwrap()
}

fn opened(path: &Path) -> Duration {
    let began = Instant::now();
    let state = many::opened(path);
    let took = began.elapsed();
    assert!(state.ledger.statement.len() > 1_000, "{} rows", state.ledger.statement.len());
    took
}
