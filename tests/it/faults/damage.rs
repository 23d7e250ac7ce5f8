//! Bytes of the ledger's file that rot while nobody looks. What can be read goes on and what cannot is said; a file that
//! cannot be read at all is refused and left as it is.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use burnwatch::units::Timestamp;
use rusqlite::Connection;

use crate::live::{ERRORS, SOON, daemon, evaluate, shop, wait_counted};
use crate::stand::Daemon;

/// What the daemon says of damage.
fn damages(daemon: &Daemon) -> Vec<String> {
    daemon.problems().into_iter().filter(|(code, _)| code == "ledger_damaged").map(|(_, what)| what).collect()
}

/// Turns one bit of the packed value in the row `which` of a table.
fn rot(ledger: &Path, table: &str, which: &str) {
    let connection = Connection::open(ledger).unwrap();
    let value = format!("SELECT packed FROM {table} WHERE {which}");
    let mut packed: Vec<u8> = connection.query_row(&value, [], |row| row.get(0)).unwrap();
    let middle = packed.len() / 2;
    packed[middle] ^= 1;
    let update = format!("UPDATE {table} SET packed = ? WHERE {which}");
    assert_eq!(connection.execute(&update, [packed]).unwrap(), 1);
}

#[test]
fn a_damaged_ledger_is_told_and_costs_no_event() {
    let (prometheus, service) = shop(1);
    let mut daemons = [daemon(&prometheus, &evaluate(1, 1))];
    let [daemon] = &mut daemons;
    service.flow(ERRORS);
    (0..5).for_each(|_| daemon.wait_next_tick());

    // An older row costs one edge; the newest one and what is remembered of a query are counted again.
    daemon.kill();
    let row = |before_the_newest: i64| {
        let ledger = Connection::open(daemon.ledger()).unwrap();
        let row = "SELECT at FROM rows ORDER BY at DESC LIMIT 1 OFFSET ?";
        ledger.query_row(row, [before_the_newest], |row| row.get::<_, i64>(0)).unwrap()
    };
    let rows = [row(3), row(0)];
    rows.iter().for_each(|at| rot(daemon.ledger(), "rows", &format!("at = {at}")));
    rot(daemon.ledger(), "queries", "key LIKE 'counters %'");
    service.wait_scraped();
    daemon.start();
    daemon.wait_next_tick();
    daemon.wait_next_tick();
    let lost = rows.map(|at| format!("the row of {}", Timestamp::millis(at)));
    let told = damages(daemon);
    let expected = [&*lost[0], &*lost[1], "counters "];
    assert!(told.len() == 3 && expected.iter().all(|lost| told.iter().any(|told| told.contains(lost))), "{told:?}");

    // SQLite ends the write-ahead log where its checksums end: the last ticks were never written, and are read again.
    daemon.kill();
    let log = daemon.ledger().with_extension("db-wal");
    let mut bytes = fs::read(&log).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].iter_mut().step_by(500).for_each(|byte| *byte ^= 1);
    fs::write(&log, bytes).unwrap();
    daemon.start();
    service.pause();
    prometheus.wait_caught_up(&service);
    wait_counted(&daemons, service.truth());
}

#[test]
fn a_file_that_cannot_be_read_is_refused_with_a_remedy_and_left_as_it_is() {
    let (prometheus, service) = shop(1);
    let mut daemon = daemon(&prometheus, &evaluate(1, 1));
    service.flow(ERRORS);
    (0..5).for_each(|_| daemon.wait_next_tick());
    // Stopped as it should be, all of it is in one file.
    assert!(daemon.stop().success(), "{}", daemon.output());
    let sound = fs::read(daemon.ledger()).unwrap();

    // Its header, and the first page of a table.
    for (at, words) in [(0, "is not a burnwatch ledger"), (4_096, "cannot be read")] {
        fs::write(daemon.ledger(), &sound).unwrap();
        File::options().write(true).open(daemon.ledger()).unwrap().write_all_at(&[0xA5; 512], at).unwrap();
        let damaged = fs::read(daemon.ledger()).unwrap();
        let code = daemon.launch().wait_ended(SOON).code();
        let (said, ledger) = (daemon.output(), daemon.ledger().display().to_string());
        let said = said.lines().last().unwrap_or_default();
        for words in [words, &ledger, "move"] {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert_eq!(code, Some(2), "{said}");
        assert!(fs::read(daemon.ledger()).unwrap() == damaged, "damaged at {at}, it was written to");
    }
    // It was the file alone.
    fs::write(daemon.ledger(), &sound).unwrap();
    daemon.start();
    service.pause();
    prometheus.wait_caught_up(&service);
    wait_counted(&[daemon], service.truth());
}
