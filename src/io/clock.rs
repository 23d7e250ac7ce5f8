//! The time of day, the machine's own, and how far another clock is from ours: the only place that reads a clock.
//! Never knows what the time is for.
#![allow(clippy::disallowed_methods, reason = "this is the clock")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::units::{Span, Timestamp};

/// The time of day on this machine.
pub fn now() -> Timestamp {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Timestamp::millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
        Err(_) => Timestamp::millis(0), // a clock before 1970 is not set
    }
}

/// Measures how long something took, whatever happens to the time of day meanwhile. The one started first is the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    pub fn started() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// A time of day that never goes back. Where ours was set back, it goes on at half the pace until ours has caught up:
/// nothing happens twice, and nothing stands still meanwhile.
#[derive(Debug, Clone, Copy)]
pub struct Steady {
    from: Timestamp,
    since: Stopwatch,
}

impl Steady {
    /// Ours, but not before `from`.
    pub fn not_before(from: Timestamp) -> Steady {
        Steady { from, since: Stopwatch::started() }
    }

    pub fn now(&mut self) -> Timestamp {
        self.at(now(), self.since.elapsed())
    }

    /// When ours will have caught up, and how far behind it is now.
    pub fn catching_up(&mut self) -> (Timestamp, Span) {
        let (shown, ours) = (self.now(), now());
        let behind = shown.since(ours).max(Span::ZERO);
        (shown + behind, behind)
    }

    /// What it shows when ours shows `ours`, so long after `from`.
    fn at(&mut self, ours: Timestamp, elapsed: Duration) -> Timestamp {
        let slowed = self.from + Span::millis(i64::try_from(elapsed.as_millis() / 2).unwrap_or(i64::MAX));
        if ours >= slowed {
            *self = Steady::not_before(ours);
        }
        ours.max(slowed)
    }
}

/// How far another clock is ahead of ours, in whole milliseconds; negative where it is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offset(i64);

impl Offset {
    pub const NONE: Offset = Offset(0);

    /// The smallest offset that explains `date`, the other clock's whole second (as in an HTTP `Date` header) at some
    /// moment between our `sent` and `received`: none where both clocks may agree, so agreeing clocks never jitter.
    pub fn between(date: Timestamp, sent: Timestamp, received: Timestamp) -> Offset {
        let least = date.as_millis().saturating_sub(received.as_millis());
        let most = date.as_millis().saturating_add(1_000).saturating_sub(sent.as_millis());
        match (least, most) {
            (1.., _) => Offset(least),
            (_, ..=0) => Offset(most),
            _ => Offset::NONE,
        }
    }

    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// How far apart the clocks are, whichever is ahead.
    pub fn size(self) -> Span {
        Span::millis(self.0.saturating_abs())
    }

    /// What the other clock shows when ours shows `ours`.
    pub fn applied_to(self, ours: Timestamp) -> Timestamp {
        Timestamp::millis(ours.as_millis().saturating_add(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `date` in seconds; `sent`, `received` and the offset in milliseconds.
    fn check(date: i64, (sent, received): (i64, i64), expected: i64) {
        let offset = Offset::between(Timestamp::seconds(date), Timestamp::millis(sent), Timestamp::millis(received));
        assert_eq!(offset, Offset(expected), "date {date} between {sent} and {received}");
    }

    #[test]
    fn clocks_that_may_agree_are_not_apart() {
        check(100, (100_000, 100_000), 0);
        check(100, (100_999, 101_500), 0);
        check(100, (99_500, 100_000), 0);
        check(100, (90_000, 130_000), 0);
    }

    #[test]
    fn clocks_that_cannot_agree_are_as_far_apart_as_they_must_be() {
        check(100, (99_000, 99_990), 10);
        check(100, (101_500, 101_600), -500);
        check(3_700, (100_000, 100_100), 3_599_900);
        check(100, (3_700_000, 3_700_100), -3_599_000);
    }

    #[test]
    fn a_steady_clock_follows_ours_but_not_back_and_waits_for_it_at_half_the_pace() {
        let (at, seconds) = (Timestamp::seconds, Duration::from_secs);
        let mut steady = Steady::not_before(at(100));
        assert_eq!(steady.at(at(110), seconds(10)), at(110));
        assert_eq!(steady.at(at(3_710), seconds(1)), at(3_710), "set on");
        assert_eq!(steady.at(at(110), seconds(10)), at(3_715), "set back");
        assert_eq!(steady.at(at(111), seconds(11)), at(3_715) + Span::millis(500));
        assert_eq!(steady.at(at(7_300), seconds(7_200)), at(7_310));
        assert_eq!(steady.at(at(7_320), seconds(7_220)), at(7_320), "ours has caught up");
    }

    #[test]
    fn absurd_dates_are_held_to_what_fits() {
        check(i64::MAX, (0, 0), i64::MAX);
        check(i64::MIN, (i64::MAX, i64::MAX), i64::MIN);
    }

    #[test]
    fn an_offset_tells_what_the_other_clock_shows() {
        let behind = Offset(-500);
        assert_eq!(behind.applied_to(Timestamp::seconds(10)), Timestamp::millis(9_500));
        assert_eq!(behind.size(), Span::millis(500));
    }
}
