//! A clock that a test sets for one daemon, by libfaketime. The machine's own goes on, and so does its monotonic one.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

/// The time of day, and so many seconds more or less.
pub struct Clock {
    dir: TempDir,
    library: PathBuf,
}

impl Clock {
    /// Right, until it is set.
    #[track_caller]
    pub fn right() -> Clock {
        let places = fs::read_dir("/usr/lib").unwrap().map(|place| place.unwrap().path());
        let library = places.map(|place| place.join("faketime/libfaketimeMT.so.1")).find(|library| library.exists());
        let clock =
            Clock { dir: tempfile::tempdir().unwrap(), library: library.expect("install faketime: tests/run does") };
        clock.set(0);
        clock
    }

    /// From now on so many seconds ahead, or behind.
    pub fn set(&self, seconds: i64) {
        fs::write(self.dir.path().join("new"), format!("{seconds:+}")).unwrap();
        fs::rename(self.dir.path().join("new"), self.file()).unwrap();
    }

    /// What makes a program live by it.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file().display().to_string()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ]
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("clock")
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_program_lives_by_it() {
        let clock = Clock::right();
        let ahead = || {
            let date = Command::new("date").arg("+%s").envs(clock.environment()).output().unwrap().stdout;
            let date: u64 = String::from_utf8(date).unwrap().trim().parse().unwrap();
            date as f64 - SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
        };
        for (seconds, range) in [(0, -300.0..300.0), (3_600, 3_300.0..3_900.0), (-3_600, -3_900.0..-3_300.0)] {
            clock.set(seconds);
            let ahead = ahead();
            assert!(range.contains(&ahead), "{ahead} s ahead, set to {seconds}");
        }
    }
}
