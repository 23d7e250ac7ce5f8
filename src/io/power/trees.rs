//! Trees of files as the kernel would show them, for the tests of what reads them.
#![allow(clippy::unwrap_used)]

use std::fs;

use tempfile::TempDir;

/// Files such as `class/hwmon/hwmon0/name`, with what they say.
pub fn tree(files: &[(&str, &str)]) -> TempDir {
    let tree = tempfile::tempdir().unwrap();
    files.iter().for_each(|(path, text)| put(&tree, path, text));
    tree
}

/// Writes one of them as the kernel does: in place, with a line's end.
pub fn put(tree: &TempDir, path: &str, text: &str) {
    let path = tree.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("{text}\n")).unwrap();
}
