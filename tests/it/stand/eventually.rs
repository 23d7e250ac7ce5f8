//! Waiting for a condition instead of for a time.

use std::fmt::Debug;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What `look` sees as soon as `holds` is true of it. Panics with the last thing seen when that takes too long.
#[track_caller]
pub fn eventually<T: Debug>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> T,
    holds: impl Fn(&T) -> bool,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        let seen = look();
        if holds(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "not within {within:?}: {what}; last seen: {seen:?}");
        sleep(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_what_it_saw_when_the_condition_held() {
        let mut count = 0;
        let look = || {
            count += 1;
            count
        };
        assert_eq!(eventually("the third look", Duration::from_secs(5), look, |seen| *seen == 3), 3);
    }

    #[test]
    #[should_panic(expected = "not within 60ms: pigs fly; last seen: \"mud\"")]
    fn says_what_it_waited_for_and_what_it_saw_last() {
        eventually("pigs fly", Duration::from_millis(60), || "mud", |_| false);
    }
}
