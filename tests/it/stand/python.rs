//! What Python says: the interpreter beside the target directory, with the packages that `tests/run` installs.

use std::path::Path;
use std::process::Command;

/// A Python that knows the packages of `tests/requirements.txt`.
pub fn python() -> Command {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../venv/bin/python");
    assert!(python.exists(), "{} is missing: tests/run makes it", python.display());
    Command::new(python)
}
