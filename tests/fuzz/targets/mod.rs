//! What is fuzzed: functions of any bytes that panic where burnwatch breaks a promise. `cargo fuzz` runs them guided by
//! coverage; `tests/it/fuzz.rs` runs them over the corpus and what is near it.

mod answers;
mod configuration;
mod exposition;
mod ledger;
mod power;
mod promql;
mod slos;
mod web;

use std::fs;
use std::path::{Path, PathBuf};

use burnwatch::units::Problem;
use tempfile::TempDir;

/// A function of any bytes.
pub type Target = fn(&[u8]);

/// All of them, by the names of their directories in `corpus`.
pub const TARGETS: [(&str, Target); 8] = [
    ("answers", answers::target),
    ("configuration", configuration::target),
    ("exposition", exposition::target),
    ("ledger", ledger::target),
    ("power", power::target),
    ("promql", promql::target),
    ("slos", slos::target),
    ("web", web::target),
];

/// More characters than this are no sentence for people.
const LONGEST_SENTENCE: usize = 1_001;

/// What is told to people is a sentence, and harmless to a terminal.
fn check_sentence(text: &str) {
    assert!(!text.is_empty());
    let shown: String = text.chars().take(400).collect();
    assert!(text.chars().count() <= LONGEST_SENTENCE, "{} bytes: {shown}", text.len());
    assert!(!text.contains(char::is_control), "{shown:?}");
}

/// Every problem of a file says where it stands there.
fn check_problems(problems: &[Problem], text: &[u8]) {
    let lines = text.split(|byte| matches!(byte, b'\n' | b'\r')).count() as u32;
    for problem in problems {
        check_sentence(&problem.what);
        let place = problem.place.as_ref().unwrap_or_else(|| panic!("it stands nowhere: {problem}"));
        // 0 is a file as a whole: one that is too long, or no text.
        assert!(place.line <= lines + 1, "{problem}: of {lines} lines");
        assert!(place.line == 0 || place.column > 0, "{problem}");
    }
}

/// A directory with one file that says these bytes.
fn file(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    // Where there is one, a disk that is none: it is written thousands of times a second.
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let dir = dir.expect("a temporary directory");
    let path = dir.path().join(name);
    fs::write(&path, bytes).expect("a file in it");
    (dir, path)
}
