//! The daemon's clock is set an hour on and an hour back while it runs. By Prometheus instants are on the source's clock,
//! which nobody touches; by scraping there is no other, and it never goes back.

use std::time::{SystemTime, UNIX_EPOCH};

use burnwatch::units::Timestamp;

use crate::live::{ERRORS, SLOS, SOON, evaluate, shop, wait_counted, wait_measured};
use crate::stand::{Clock, Daemon, Requests, eventually};

const HOUR: i64 = 3_600;

/// By how many seconds its last instant is ahead of the time of day.
fn ahead(daemon: &Daemon) -> i64 {
    let as_of = daemon.get("/api/v1/slos")["as_of"].clone();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    Timestamp::parse(as_of.as_str().unwrap()).unwrap().as_millis() / 1_000 - now
}

/// What it says of clocks.
fn told(daemon: &Daemon) -> Vec<String> {
    daemon.problems().into_iter().filter(|(code, _)| code == "clock").map(|(_, what)| what).collect()
}

/// Returns when it says this of clocks, and two ticks later.
#[track_caller]
fn wait_told(daemon: &Daemon, what: Option<&str>) {
    let is_told = |told: &Vec<String>| match (what, &told[..]) {
        (Some(what), [told]) => told.contains(what),
        (what, told) => what.is_none() && told.is_empty(),
    };
    eventually(&format!("of clocks is told {what:?}"), SOON, || told(daemon), is_told);
    daemon.wait_next_tick();
    daemon.wait_next_tick();
}

#[test]
fn a_clock_that_is_set_by_an_hour_loses_no_event_counts_none_twice_and_stops_no_tick() {
    let (prometheus, service) = shop(1);
    let clock = Clock::right();
    let by_clock = |mut daemon: Daemon| {
        daemon.live_by(&clock);
        daemon.start();
        wait_measured(&daemon);
        daemon
    };
    let asking = by_clock(Daemon::configured(&prometheus.url(), &evaluate(1, 1), SLOS, "burnwatch.db".as_ref()));
    let mut scraping = by_clock(Daemon::scraping(&[&service], &evaluate(1, 1), SLOS));
    // Only a Prometheus knows what was before.
    let before = service.truth();
    service.flow(Requests { failed: 0, ..ERRORS });
    service.wait_scraped();

    for (hours, asked, scraped) in [
        (1, Some("ahead of the source's"), None),
        (0, None, Some("was set back")),
        (-1, Some("behind the source's"), Some("was set back")),
    ] {
        clock.set(hours * HOUR);
        // The error series is born while it is wrong.
        service.flow(ERRORS);
        wait_told(&asking, asked);
        wait_told(&scraping, scraped);
        service.wait_scraped();
        assert!(ahead(&asking).abs() < HOUR / 2, "{} s", ahead(&asking));
        // Where it was set on once, it stays ahead.
        assert!((HOUR / 2..HOUR * 3 / 2).contains(&ahead(&scraping)), "{} s", ahead(&scraping));
    }
    // So does a daemon that finds a ledger that is ahead of its clock.
    scraping.kill();
    scraping.start();
    wait_told(&scraping, Some("was set back"));
    assert!((HOUR / 2..HOUR * 3 / 2).contains(&ahead(&scraping)), "{} s", ahead(&scraping));

    service.pause();
    prometheus.wait_caught_up(&service);
    service.wait_scraped();
    for daemon in [&asking, &scraping] {
        assert!(!daemon.output().contains("panicked"), "{}", daemon.output());
    }
    wait_counted(&[asking], service.truth());
    wait_counted(&[scraping], service.truth() - before);
}
