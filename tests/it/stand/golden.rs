//! Files that are generated and committed: never edited, rewritten with `BLESS=1`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Holds a directory of the repository to hold exactly these files, or, with `BLESS=1` in the environment, writes them.
#[track_caller]
pub fn check_golden(directory: &str, files: &BTreeMap<String, String>) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    if std::env::var_os("BLESS").is_some() {
        _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        files.iter().for_each(|(name, text)| fs::write(directory.join(name), text).unwrap());
    }
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap())
    };
    let committed: BTreeMap<String, String> = fs::read_dir(&directory).unwrap().map(read).collect();
    let names: Vec<&String> = committed.keys().collect();
    assert_eq!(names, files.keys().collect::<Vec<_>>(), "run with BLESS=1 to rewrite {}", directory.display());
    for (name, text) in files {
        assert!(committed[name] == *text, "{name} is not what is generated now; run with BLESS=1 to rewrite it");
    }
}
