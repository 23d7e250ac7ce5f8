//! What the integration tests do forty times, two hundred times: `cargo bench --bench kills [-- TIMES]`. And how long a
//! ledger takes to open that is as old and as wide as ledgers get.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on says so by ending")]
#![allow(clippy::disallowed_methods, reason = "it runs beside real servers, in real time")]
#![allow(dead_code, unused_imports, reason = "of the stand and the tests it needs but a part")]

#[path = "../../it/faults/kills.rs"]
mod kills;
#[path = "../../it/live.rs"]
mod live;
#[path = "../../it/stand/mod.rs"]
mod stand;

use std::path::Path;
use std::time::{Duration, Instant};

use burnwatch::io::store::Store;
use burnwatch::ledger::{Account, Cell, Changed, Density, Line, Row, Side};
use burnwatch::slos;
use burnwatch::tick::{Entry, State};
use burnwatch::units::{Span, Timestamp};

/// Of each daemon, where no other number is given.
const KILLS: usize = 200;
/// An opened ledger is answered from within this time, whatever its age.
const OPEN_WITHIN: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() {
    let times = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    println!("| a ledger of | opens in |\n|---|---:|");
    for slos in [100, 1_000] {
        let opened = opening(slos).await;
        println!("| {slos} SLOs over 400 days | {} ms |", opened.as_millis());
        assert!(opened < OPEN_WITHIN, "{opened:?}");
    }
    let fastest = tokio::task::spawn_blocking(move || kills::kill(times.unwrap_or(KILLS))).await.unwrap();
    assert!(fastest < OPEN_WITHIN, "{fastest:?}");
}

/// How long it takes to read all that is kept of so many SLOs after 400 days; the shortest of three times.
async fn opening(slos: usize) -> Duration {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let (store, _) = Store::open(&path).unwrap();
    store.commit(aged(slos)).await.unwrap();
    store.close();
    (0..3).map(|_| opened(&path)).min().unwrap()
}

fn opened(path: &Path) -> Duration {
    let began = Instant::now();
    let (_store, contents) = Store::open(path).unwrap();
    let (state, problems) = State::restored(contents.state);
    let took = began.elapsed();
    assert_eq!(problems, []);
    assert!(state.ledger.statement.len() > 1_000, "{} rows", state.ledger.statement.len());
    took
}

/// Every row that is kept by then, with a line of each SLO.
fn aged(slos: usize) -> Entry {
    let text: String = (0..slos)
        .map(|slo| format!("  - {{ name: s{slo}, objective: 99%, sli: {{ bad: b{slo}, total: t{slo} }} }}\n"))
        .collect();
    let (declared, problems) = slos::read("f", &format!("service: many\nslos:\n{text}"));
    assert_eq!(problems, []);
    let now = Timestamp::seconds(1_790_000_000);
    let density = Density { every: Span::seconds(30), longest: Span::days(30), keep: Span::days(400) };
    let row = |(number, at): (usize, Timestamp)| {
        let cell = Cell { total: number as i64 * 1_024_000, measured: number as i32 * 60 };
        let line = Side::BOTH.into_iter().fold(Line::EMPTY, |line, side| line.with(side, cell));
        (at, Row { at, lines: vec![line; slos].into() }.into())
    };
    let ledger = Changed {
        accounts: declared.iter().map(Account::opened).enumerate().collect(),
        rows: density.instants(now - Span::days(400), now, now).into_iter().enumerate().map(row).collect(),
        ..Changed::default()
    };
    Entry { ledger, ..Entry::default() }
}
