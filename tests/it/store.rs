//! The ledger's file under everything that befalls files: its daemon is killed, its bytes rot, its disk is full. What is
//! counted in the end must still equal the truth, and what could not be read or written must be said.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use burnwatch::units::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::live::{ERRORS, SLOS, SOON, daemon, evaluate, shop, wait_counted, wait_measured};
use crate::stand::{Daemon, eventually};

#[test]
fn a_kill_at_any_moment_loses_no_event_and_counts_none_twice() {
    let (prometheus, service) = shop(1);
    let mut daemon = daemon(&prometheus, &evaluate(1, 1));
    service.flow(ERRORS);
    // Up to 1.5 s after each start: while it starts, asks, writes and waits; scattered as the golden ratio scatters.
    for kill in 1..=10 {
        daemon.kill();
        daemon.launch();
        sleep(Duration::from_millis(f64::from(kill * 927 % 1_500) as u64));
    }
    daemon.kill();
    daemon.start();
    service.pause();
    prometheus.wait_caught_up(&service);
    wait_counted(&[daemon], service.truth());
}

/// What the daemon says of damage.
fn damages(daemon: &Daemon) -> Vec<String> {
    let problems = daemon.get("/api/v1/problems");
    let all = problems["problems"].as_array().unwrap().iter();
    let of_damage = all.filter(|problem| problem["code"] == "ledger_damaged");
    of_damage.map(|problem| problem["what"].as_str().unwrap().to_string()).collect()
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
    service.wait_scraped();

    daemon.kill();
    rot(daemon.ledger(), "rows", "at = (SELECT max(at) FROM rows)");
    rot(daemon.ledger(), "queries", "key LIKE 'counters %'");
    service.wait_scraped();
    daemon.start();
    daemon.wait_next_tick();
    daemon.wait_next_tick();
    let told = damages(daemon);
    assert!(told.len() == 2 && told[0].contains("the row of") && told[1].contains("counters "), "{told:?}");

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

/// A file system of its own, as small as a disk that is nearly full.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mounted() -> SmallDisk {
        let disk = SmallDisk(tempfile::tempdir().unwrap());
        let mount = ["-t", "tmpfs", "-o", "size=2m", "tmpfs"];
        let done = Command::new("mount").args(mount).arg(disk.0.path()).status().unwrap();
        assert!(done.success(), "mounting a tmpfs takes root: tests/run says so");
        disk
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut ballast = File::create(self.0.path().join("ballast")).unwrap();
        let full = loop {
            if let Err(error) = ballast.write_all(&[0; 4_096]) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::StorageFull);
    }

    fn make_room(&self) {
        fs::remove_file(self.0.path().join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, for its files may still be open; the directory is removed after it.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_told_and_what_was_counted_meanwhile_is_written_once_there_is_room() {
    let (prometheus, service) = shop(1);
    let disk = SmallDisk::mounted();
    let ledger = disk.0.path().join("ledger.db");
    let mut daemons = [Daemon::configured(&prometheus.url(), &evaluate(1, 1), SLOS, &ledger)];
    let [daemon] = &mut daemons;
    daemon.start();
    wait_measured(daemon);
    service.flow(ERRORS);

    disk.fill();
    let health = || daemon.answer("/health");
    eventually("the full disk is told", SOON, health, |(status, _)| *status == 503);
    let (status, reason) = daemon.answer("/health/ready");
    assert!(status == 503 && reason.contains(ledger.to_str().unwrap()), "{status} {reason}");
    let instant = || Timestamp::parse(daemon.get("/api/v1/slos")["as_of"].as_str().unwrap()).unwrap();
    let full = instant();
    // The ticks go on, and what they count is seen.
    service.wait_scraped();
    service.pause();
    prometheus.wait_caught_up(&service);
    let failed = || daemon.slo("shop", "availability")["events"]["bad"].as_f64();
    eventually("the truth is seen", SOON, failed, |failed| *failed == Some(service.truth().failed as f64));
    let seen = instant();

    disk.make_room();
    eventually("there is room", SOON, health, |(status, _)| *status == 200);
    assert_eq!(daemon.answer("/health/ready").0, 200);
    daemon.kill();
    let rows = "SELECT count(*) FROM rows WHERE at > ? AND at <= ?";
    let written: i64 = Connection::open(&ledger)
        .unwrap()
        .query_row(rows, [full.as_millis(), seen.as_millis()], |row| row.get(0))
        .unwrap();
    assert_eq!(written, seen.since(full).as_millis() / 1_000, "a row for each tick in between");
    daemon.start();
    wait_counted(&daemons, service.truth());
}
