//! What a kernel shows of its host's meters: files, each under a line `== path`, with any bytes in them.

use std::fs;
use std::path::{Component, Path};

use burnwatch::energy::Account;
use burnwatch::io::power::cgroup::Cgroups;
use burnwatch::io::power::{Config, Meters};
use burnwatch::units::Timestamp;

use crate::targets::{check_sentence, file};

/// More files than any host needs that shows a fault.
const MOST_FILES: usize = 40;

pub fn target(bytes: &[u8]) {
    let (dir, _) = file("nothing", b"");
    let config =
        Config { is_asked_for: true, sysfs: dir.path().into(), procfs: dir.path().into(), ..Config::default() };
    // The first half of the files is there from the beginning, the others come, and may change what was there.
    let files: Vec<(&Path, &[u8])> = files(bytes).take(MOST_FILES).collect();
    let (first, later) = files.split_at(files.len() / 2);
    put(dir.path(), first);
    let (mut meters, mut cgroups, mut account) = (Meters::open(&config), Cgroups::open(&config), Account::default());
    for (second, more) in [(0, later), (1, first), (2, later)] {
        let readings = meters.read();
        for silent in &readings.silent {
            check_sentence(&silent.to_string());
        }
        account.step(&readings, Timestamp::seconds(second));
        let statement = account.statement();
        for part in &statement.parts {
            assert!(part.energy.is_none_or(|energy| energy.as_joules().is_finite() && energy.as_joules() >= 0.0));
        }
        cgroups.read();
        put(dir.path(), more);
    }
}

fn put(root: &Path, files: &[(&Path, &[u8])]) {
    for (path, bytes) in files {
        let path = root.join(path);
        // What is a file already is no directory, and the other way round.
        _ = path.parent().map(fs::create_dir_all);
        _ = fs::write(path, bytes);
    }
}

/// Paths as kernels have them, which stay within the directory, and what the files say.
fn files(bytes: &[u8]) -> impl Iterator<Item = (&Path, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let from = position(rest, b"== ")? + 3;
        let end = from + position(&rest[from..], b"\n")?;
        let path = Path::new(str::from_utf8(&rest[from..end]).unwrap_or("?"));
        rest = &rest[end + 1..];
        let said = position(rest, b"\n== ").map_or(rest, |next| &rest[..=next]);
        rest = &rest[said.len()..];
        Some((path, said))
    })
    .filter(|(path, _)| path.to_str().is_some_and(|path| path.bytes().all(|letter| letter.is_ascii_graphic())))
    .filter(|(path, _)| path.components().all(|part| matches!(part, Component::Normal(_))))
}

fn position(bytes: &[u8], words: &[u8]) -> Option<usize> {
    bytes.windows(words.len()).position(|window| window == words)
}
