//! `kill -9` at random moments of live traffic, by Prometheus and by scraping, side by side. The bench does it more often.

use std::fs;
use std::path::PathBuf;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::live::{ERRORS, SLOS, SOON, daemon, evaluate, shop, wait_counted, wait_measured};
use crate::stand::Daemon;
use crate::stand::past::Dice;

/// Of each daemon.
pub const KILLS: usize = 40;

/// By then after its launch a daemon has started, asked, written and waited.
const ROUND: Duration = Duration::from_millis(1_500);

#[test]
fn a_kill_at_any_moment_loses_no_event_and_counts_none_twice() {
    kill(KILLS);
}

/// Kills two daemons so many times each and compares what they counted with the truth. Returns the shortest time that a
/// daemon took from its launch, with its ledger, to its first answer.
pub fn kill(times: usize) -> Duration {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    println!("seed: {seed}");
    let (prometheus, service) = shop(1);
    let mut asking = daemon(&prometheus, &evaluate(1, 1));
    let mut scraping = Daemon::scraping(&[&service], &evaluate(1, 1), SLOS);
    scraping.start();
    wait_measured(&scraping);
    // Only a Prometheus knows what was before.
    let before = service.truth();
    service.flow(ERRORS);
    let fastest = scope(|scope| {
        let one = scope.spawn(|| kill_often(&mut asking, times, Dice(seed)));
        let other = scope.spawn(|| kill_often(&mut scraping, times, Dice(!seed)));
        one.join().unwrap().min(other.join().unwrap())
    });
    asking.start();
    scraping.start();
    service.pause();
    prometheus.wait_caught_up(&service);
    service.wait_scraped();
    wait_counted(&[asking], service.truth());
    wait_counted(&[scraping], service.truth() - before);
    println!("the fastest of {} starts: {fastest:?}", 2 * times);
    fastest
}

/// In turns: at a random moment of a round, and while it writes. Returns the shortest time to its first answer.
fn kill_often(daemon: &mut Daemon, times: usize, mut dice: Dice) -> Duration {
    let mut fastest = Duration::MAX;
    for turn in 0..times {
        daemon.kill();
        daemon.launch();
        let launched = Instant::now();
        if turn % 2 == 0 {
            sleep(ROUND.mul_f64(dice.toss()));
        } else {
            while !daemon.is_live() {
                sleep(Duration::from_millis(2));
                assert!(launched.elapsed() < SOON, "{}", daemon.output());
            }
            fastest = fastest.min(launched.elapsed());
            wait_writing(daemon);
        }
    }
    daemon.kill();
    fastest
}

/// Returns in the moment in which a write to the ledger is seen to have begun.
fn wait_writing(daemon: &Daemon) {
    let log = PathBuf::from(format!("{}-wal", daemon.ledger().display()));
    let written = || fs::metadata(&log).ok().map(|log| (log.len(), log.modified().unwrap()));
    let before = written();
    let deadline = Instant::now() + SOON;
    while written() == before {
        assert!(Instant::now() < deadline, "nothing is written: {}", daemon.output());
        sleep(Duration::from_micros(500));
    }
}
