//! The disk fills up under a daemon that counts, and is emptied again: it goes on in memory, tells nobody what is not
//! written, says that and where, and catches up by itself.

use burnwatch::units::Timestamp;
use rusqlite::Connection;

use crate::live::{ERRORS, SLOS, SOON, evaluate, shop, wait_counted, wait_measured};
use crate::stand::{Daemon, Receiver, Requests, SmallDisk, eventually};

#[test]
fn a_full_disk_is_told_and_what_was_counted_meanwhile_is_written_and_sent_once_there_is_room() {
    let (prometheus, service) = shop(1);
    // A day's budget is spent by 8.6 s of total outage.
    let slos = SLOS.replace("99.9%", "99.99%");
    let (disk, receiver) = (SmallDisk::mounted(), Receiver::start(&[]));
    let ledger = disk.path().join("ledger.db");
    let mut daemons = [Daemon::configured(&prometheus.url(), &evaluate(1, 1), &slos, &ledger)];
    let [daemon] = &mut daemons;
    daemon.configure(&format!("notify: [{{ name: hook, webhook: {{ url: '{}' }} }}]", receiver.url()));
    daemon.start();
    wait_measured(daemon);
    service.flow(Requests { failed: 0, ..ERRORS });
    service.wait_scraped();

    disk.fill();
    let health = || daemon.answer("/health");
    eventually("the full disk is told", SOON, health, |(status, _)| *status == 503);
    let (status, reason) = daemon.answer("/health/ready");
    assert!(status == 503 && reason.contains(ledger.to_str().unwrap()), "{status} {reason}");
    assert!(daemon.problems().iter().any(|(code, _)| code == "ledger"), "{:?}", daemon.problems());
    let instant = || Timestamp::parse(daemon.get("/api/v1/slos")["as_of"].as_str().unwrap()).unwrap();
    let full = instant();
    // The budget is spent meanwhile; the ticks go on, and what they count is seen.
    service.flow(ERRORS);
    service.wait_scraped();
    service.serve(Requests { total: 10_000_000, failed: 10_000_000, slow: 0 });
    let coverage = || daemon.slo("shop", "availability")["coverage"].as_f64().unwrap();
    eventually("13 s are measured", SOON, coverage, |coverage| *coverage > 0.000_15);
    service.pause();
    prometheus.wait_caught_up(&service);
    let failed = || daemon.slo("shop", "availability")["events"]["bad"].as_f64();
    eventually("the truth is seen", SOON, failed, |failed| *failed == Some(service.truth().failed as f64));
    let seen = instant();
    assert_eq!(daemon.slo("shop", "availability")["budget"]["exhausted"], true);
    daemon.wait_next_tick();
    assert_eq!(receiver.posts().len(), 0, "nothing that is not written leaves");
    assert_eq!(daemon.answer("/health").0, 503, "still");

    disk.make_room();
    eventually("there is room", SOON, health, |(status, _)| *status == 200);
    assert_eq!(daemon.answer("/health/ready").0, 200);
    let told = || receiver.accepted().iter().map(|post| post["kind"].to_string()).collect::<Vec<_>>();
    let exhausted = |told: &Vec<String>| told.iter().filter(|kind| **kind == "\"budget_exhausted\"").count();
    eventually("the notices leave", SOON, told, |told| exhausted(told) == 1);
    daemon.wait_next_tick();
    assert_eq!(exhausted(&told()), 1, "{:?}", told());
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
