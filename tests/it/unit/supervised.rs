//! A daemon with a supervisor that listens at a socket, as systemd does.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::stand::{Daemon, Service, SmallDisk, eventually, http};
use crate::unit::{EVALUATE, SLOS, SOON};

/// How long the supervisor would wait. The tests wait longer, for what is slow is no fault of the daemon's here.
const WITHIN: Duration = Duration::from_secs(1);

struct Supervisor {
    socket: UnixDatagram,
    _dir: TempDir,
}

impl Supervisor {
    fn of(daemon: &mut Daemon) -> Supervisor {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        daemon.live_under(&path, WITHIN);
        Supervisor { socket: UnixDatagram::bind(path).unwrap(), _dir: dir }
    }

    /// What it is told next; `None` where that takes longer.
    fn told(&self, within: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(within)).unwrap();
        let mut word = [0; 64];
        let length = self.socket.recv(&mut word).ok()?;
        Some(String::from_utf8(word[..length].to_vec()).unwrap())
    }

    /// Returns when it is told this.
    #[track_caller]
    fn wait_told(&self, word: &str) {
        eventually(word, SOON, || self.told(SOON), |told| told.as_deref() == Some(word));
    }

    /// Returns when it has heard nothing for longer than it would have waited.
    #[track_caller]
    fn wait_silence(&self) {
        eventually("silence", SOON, || self.told(WITHIN * 3 / 2), Option::is_none);
    }
}

fn daemon(target: &str, state: &Path) -> Daemon {
    let source = format!("scrape: {{ every: 1s, targets: [{{ url: 'http://{target}/metrics' }}] }}");
    Daemon::reading(&source, EVALUATE, SLOS, state)
}

#[test]
fn it_is_ready_once_its_first_tick_has_ended_lives_and_says_when_it_reloads_and_stops() {
    let service = Service::start();
    // The first tick waits for the first scrape.
    service.delay(Duration::from_secs(2));
    let mut daemon = daemon(&service.instance(), "burnwatch.db".as_ref());
    let supervisor = Supervisor::of(&mut daemon);
    daemon.launch();
    supervisor.wait_told("READY=1");
    assert_eq!(daemon.answer("/health/ready").0, 200);
    (0..5).for_each(|_| supervisor.wait_told("WATCHDOG=1"));
    assert_eq!(http::post(daemon.port(), "/-/reload", "").unwrap().0, 200);
    supervisor.wait_told("RELOADING=1");
    supervisor.wait_told("READY=1");
    assert!(daemon.stop().success());
    supervisor.wait_told("STOPPING=1");
}

#[test]
fn a_source_that_is_down_and_a_full_disk_are_no_reason_to_be_started_anew() {
    let disk = SmallDisk::mounted();
    let nobody = format!("127.0.0.1:{}", http::free_port());
    let mut daemon = daemon(&nobody, &disk.path().join("ledger.db"));
    let supervisor = Supervisor::of(&mut daemon);
    daemon.launch();
    supervisor.wait_told("READY=1");
    disk.fill();
    let health = || {
        // Its queue is short.
        while supervisor.told(Duration::from_millis(1)).is_some() {}
        daemon.answer("/health")
    };
    eventually("the full disk is told", SOON, health, |(status, _)| *status == 503);
    let since = Instant::now();
    while since.elapsed() < WITHIN * 5 {
        supervisor.wait_told("WATCHDOG=1");
    }
    assert_eq!(daemon.answer("/health").0, 503, "still");
}

#[test]
fn a_tick_that_does_not_end_is_heard_of_by_silence() {
    let service = Service::start();
    let mut daemon = daemon(&service.instance(), "burnwatch.db".as_ref());
    let supervisor = Supervisor::of(&mut daemon);
    daemon.launch();
    supervisor.wait_told("READY=1");
    // Its commit waits for this one.
    let other = Connection::open(daemon.ledger()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    supervisor.wait_silence();
    other.execute_batch("ROLLBACK").unwrap();
    (0..5).for_each(|_| supervisor.wait_told("WATCHDOG=1"));
}
