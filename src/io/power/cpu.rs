//! How long the CPUs of the host have worked, by `/proc/stat`. Never knows what the work cost, nor whose it was.

use std::fs;
use std::path::Path;

use crate::energy::Reason;
use crate::io::power::number::Unread;
use crate::units::{Ratio, Span};

/// A tick of `/proc/stat`: USER_HZ is 100 on every architecture that this is built for.
const TICK: Span = Span::millis(10);

/// The CPUs of the host: how many there are, and the time that all together have spent since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cpus {
    pub count: u32,
    /// Running something. Guests are in it once, as the system tells it; what a hypervisor stole is not.
    pub busy: Span,
    /// Idle, or waiting for a disk.
    pub idle: Span,
}

impl Cpus {
    /// By `stat` below `procfs`, which everyone may read.
    pub fn read(procfs: &Path) -> Result<Cpus, Unread> {
        let path = procfs.join("stat");
        let stat = fs::read_to_string(&path).map_err(|error| Unread::of(&path, &error))?;
        let garbage = || Unread { reason: Reason::Parse, what: format!("{}: no times of CPUs", path.display()) };
        Cpus::parse(&stat).ok_or_else(garbage)
    }

    fn parse(stat: &str) -> Option<Cpus> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = line.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
        let &[user, nice, system, idle, ref rest @ ..] = &ticks[..] else { return None };
        let later = |index: usize| rest.get(index).copied().unwrap_or(0);
        let (iowait, irq, softirq) = (later(0), later(1), later(2));
        let sum = |ticks: &[u64]| ticks.iter().fold(0, |sum: u64, ticks| sum.saturating_add(*ticks));
        let time = |ticks: &[u64]| TICK * i64::try_from(sum(ticks)).unwrap_or(i64::MAX);
        let cpus = stat.lines().skip(1).filter(|line| line.starts_with("cpu")).count();
        Some(Cpus {
            count: u32::try_from(cpus).unwrap_or(u32::MAX),
            busy: time(&[user, nice, system, irq, softirq]),
            idle: time(&[idle, iowait]),
        })
    }

    /// The share of the time since `earlier` in which the CPUs worked; `None` where no time has passed.
    pub fn busy_since(self, earlier: Cpus) -> Option<Ratio> {
        let busy = self.busy - earlier.busy;
        let all = busy + (self.idle - earlier.idle);
        (!all.is_zero()).then(|| Ratio::held(busy.share_of(all)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stat: &str, expected: Option<(i64, i64)>) {
        let time = Cpus::parse(stat).map(|cpus| (cpus.busy.as_millis(), cpus.idle.as_millis()));
        assert_eq!(time, expected, "{stat:?}");
    }

    #[test]
    fn guests_are_counted_once_and_stolen_time_not_at_all() {
        // user nice system idle iowait irq softirq steal guest guest_nice
        check("cpu  100 20 30 4000 500 6 7 9999 80 10\ncpu0 1 2 3 4\n", Some((1_630, 45_000)));
        check("cpu  1 2 3 4\n", Some((60, 40)));
        check("cpu  1 2 3 4 5\nintr 5", Some((60, 90)));
    }

    #[test]
    fn what_is_no_stat_is_nothing() {
        for stat in [
            "",
            "\n",
            "cpu",
            "cpu  -5 0 0 0",
            "cpu ",
            "cpu  1 2 3",
            "cpu0 1 2 3 4",
            "cpu  1 2 x 4",
            "cpu  1 2 3 99999999999999999999",
        ] {
            check(stat, None);
        }
    }

    #[test]
    fn a_share_is_of_the_time_that_passed_and_of_no_time_there_is_none() {
        let time = |busy, idle| Cpus { count: 1, busy: Span::millis(busy), idle: Span::millis(idle) };
        let check = |earlier, later: Cpus, expected: Option<f64>| {
            assert_eq!(later.busy_since(earlier).map(Ratio::get), expected, "{later:?}");
        };
        check(time(100, 900), time(350, 1_650), Some(0.25));
        check(time(100, 900), time(100, 1_900), Some(0.0));
        check(time(100, 900), time(100, 900), None);
        check(time(100, 900), time(200, 800), Some(1.0)); // iowait may fall
        check(time(100, 900), time(50, 1_000), Some(0.0)); // a CPU was taken away
    }

    #[test]
    fn each_cpu_is_a_line() {
        let count = |stat| Cpus::parse(stat).map(|cpus| cpus.count);
        assert_eq!(count("cpu  1 2 3 4\ncpu0 1 2 3 4\ncpu1 1 2 3 4\nintr 8\nctxt 3\n"), Some(2));
        assert_eq!(count("cpu  1 2 3 4\n"), Some(0));
    }
}
