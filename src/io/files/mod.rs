//! SLO files in: from what people name (files, directories, patterns) to the texts found there; and generated files out.
//! Never knows what a text says.

mod generated;
mod watching;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use crate::units::{Place, Problem};
use crate::yaml::MAX_BYTES;

pub use generated::{Change, Difference, Error, Generated};
pub use watching::{Grounds, Watching};

/// The code of the problem that a path names no file.
pub const NO_FILES: &str = "no_files";

/// A file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The path as it is shown to people: as they wrote it, under the base directory.
    pub name: String,
    pub text: String,
}

/// The texts that `paths` name, in the order of their names, each file once. A path is a file, a directory (each
/// `*.yaml` and `*.yml` in it and below, hidden ones left out) or a pattern such as `slos/*.yaml`; relative ones start
/// at `base`. What cannot be read is a problem and keeps nothing else from being read.
pub fn texts(paths: &[impl AsRef<str>], base: &Path) -> (Vec<Text>, Vec<Problem>) {
    let (mut files, mut problems) = (BTreeMap::new(), Vec::new());
    for path in paths {
        let found = Found::at(path.as_ref(), base);
        files.extend(found.files);
        problems.extend(found.problems);
    }
    let mut texts = Vec::new();
    for (name, path) in files {
        match text(&path) {
            Ok(text) => texts.push(Text { name, text }),
            Err((what, remedy)) => problems.push(unreadable(&name, what, remedy)),
        }
    }
    (texts, problems)
}

/// A path as it is shown to people.
fn shown(path: &Path) -> String {
    let parts = path.components().filter(|part| *part != Component::CurDir);
    parts.collect::<PathBuf>().display().to_string()
}

/// What of a pattern holds for all that it matches.
fn root(pattern: &Path) -> PathBuf {
    let is_plain = |part: &Component| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']);
    pattern.components().take_while(is_plain).collect()
}

/// Files by name, and what went wrong on the way to them.
#[derive(Default)]
struct Found {
    files: BTreeMap<String, PathBuf>,
    directories: Vec<PathBuf>,
    problems: Vec<Problem>,
}

impl Found {
    fn at(written: &str, base: &Path) -> Found {
        let path = base.join(written);
        let mut found = Found::default();
        if path.is_dir() {
            found.add_directory(&path);
        } else if path.exists() || !written.contains(['*', '?', '[']) {
            found.add_file(path.clone());
        } else {
            found.add_matches(written, base);
        }
        if found.files.is_empty() && found.problems.is_empty() {
            let what = format!("no SLO file at {written}");
            let problem = Problem::warning(NO_FILES, what, "name files, directories or patterns that exist");
            // What is missing may be all that was below.
            let root = Some(shown(&root(&path))).filter(|root| !root.is_empty());
            found.problems.push(Problem { place: root.map(Place::of_file), ..problem });
        }
        found
    }

    fn add_file(&mut self, path: PathBuf) {
        self.files.insert(shown(&path), path);
    }

    /// Links to files are followed (Kubernetes mounts its files so), links to directories are not: they may go round.
    fn add_directory(&mut self, directory: &Path) {
        let entries = match fs::read_dir(directory).and_then(|entries| entries.collect::<io::Result<Vec<_>>>()) {
            Ok(entries) => entries,
            Err(cause) => return self.fail(directory, &cause),
        };
        self.directories.push(directory.to_path_buf());
        for entry in entries {
            let path = entry.path();
            let is_yaml = is_yaml(&path);
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => self.add_directory(&path),
                Ok(_) if is_yaml && !path.is_dir() => self.add_file(path),
                Ok(_) => {}
                Err(cause) => self.fail(&path, &cause),
            }
        }
    }

    fn add_matches(&mut self, written: &str, base: &Path) {
        let pattern = Path::new(&glob::Pattern::escape(&base.to_string_lossy())).join(written);
        let visible = glob::MatchOptions { require_literal_leading_dot: true, ..Default::default() };
        let matches = match glob::glob_with(&pattern.to_string_lossy(), visible) {
            Ok(matches) => matches,
            Err(error) => {
                let remedy = "use *, ? and [...] as in a shell";
                return self.problems.push(unreadable(written, format!("not a pattern: {}", error.msg), remedy));
            }
        };
        for path in matches {
            match path {
                Ok(path) if path.is_dir() => self.add_directory(&path),
                Ok(path) => self.add_file(path),
                Err(error) => self.fail(error.path(), error.error()),
            }
        }
    }

    fn fail(&mut self, path: &Path, cause: &io::Error) {
        self.problems.push(unreadable(&path.display().to_string(), format!("cannot be read: {cause}"), READABLE));
    }
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

const READABLE: &str = "check that it exists and that burnwatch may read it";

/// The text of one file, or what is wrong with it and what to do.
fn text(path: &Path) -> Result<String, (String, &'static str)> {
    let cannot = |cause: io::Error| (format!("cannot be read: {cause}"), READABLE);
    let mut bytes = Vec::new();
    File::open(path).map_err(cannot)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() > MAX_BYTES {
        return Err((format!("larger than {MAX_BYTES} bytes"), "split it into several files"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        (format!("line {line} is not UTF-8"), "save it as UTF-8")
    })
}

fn unreadable(name: &str, what: String, remedy: &str) -> Problem {
    Problem::error("unreadable_file", what, remedy).at(&Place::of_file(name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A directory holding `files` (path and bytes).
    fn directory(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        directory
    }

    /// The names found below `base`, and the problems as they read, both without `base`.
    fn found(paths: &[&str], base: &Path) -> (Vec<String>, Vec<String>) {
        let short = |text: String| text.replace(&format!("{}/", base.display()), "");
        let (texts, problems) = texts(paths, base);
        (
            texts.into_iter().map(|file| short(file.name)).collect(),
            problems.iter().map(|problem| short(problem.to_string())).collect(),
        )
    }

    #[test]
    fn finds_files_directories_and_patterns_once_each_and_in_order() {
        let files: &[(&str, &[u8])] =
            &[("b.yaml", b"b"), ("a.yml", b"a"), ("c.txt", b"c"), ("below/d.yaml", b"d"), (".hidden/e.yaml", b"e")];
        let directory = directory(files);
        let base = directory.path();
        for paths in [&["."][..], &["**/*.y*ml"], &["b.yaml", "./a.yml", "*.yaml", "below"]] {
            let (names, problems) = found(paths, base);
            assert_eq!(names, ["a.yml", "b.yaml", "below/d.yaml"], "{paths:?}");
            assert!(problems.is_empty(), "{problems:?}");
        }
        assert_eq!(found(&["c.txt"], base).0, ["c.txt"], "a file named by itself is read whatever its name");
        assert_eq!(found(&[base.join("b.yaml").to_str().unwrap()], base).0, ["b.yaml"]);
    }

    #[test]
    fn names_are_shown_as_they_were_written() {
        let (texts, _) = texts(&["src/io/mod.rs"], Path::new(""));
        assert_eq!(texts[0].name, "src/io/mod.rs");
        assert!(texts[0].text.starts_with("//! The edges"));
    }

    #[test]
    fn reads_the_files_of_a_mounted_config_map_once() {
        let directory = directory(&[("..2026/a.yaml", b"a")]);
        std::os::unix::fs::symlink("..2026", directory.path().join("..data")).unwrap();
        std::os::unix::fs::symlink("..data/a.yaml", directory.path().join("a.yaml")).unwrap();
        std::os::unix::fs::symlink(".", directory.path().join("round")).unwrap();
        assert_eq!(found(&["."], directory.path()), (vec!["a.yaml".into()], vec![]));
    }

    #[test]
    fn a_path_without_a_file_is_a_problem_and_a_pattern_without_a_match_a_warning() {
        let directory = directory(&[("empty/readme", b"")]);
        let (_, problems) = texts(&["gone.yaml", "*.yaml", "empty", "a/***"], directory.path());
        let told: Vec<_> = problems.iter().map(|problem| (problem.severity.name(), problem.code)).collect();
        assert_eq!(
            told,
            [
                ("warning", "no_files"),
                ("warning", "no_files"),
                ("error", "unreadable_file"),
                ("error", "unreadable_file")
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_file_and_keeps_nothing_else_from_being_read() {
        let files: &[(&str, &[u8])] =
            &[("bad.yaml", b"a: b\nc: \xff"), ("big.yaml", &[b'#'; 1 + (1 << 20)]), ("good.yaml", b"service: x")];
        let directory = directory(files);
        std::os::unix::fs::symlink("nowhere", directory.path().join("link.yaml")).unwrap();
        let (names, problems) = found(&["."], directory.path());
        assert_eq!(names, ["good.yaml"]);
        assert_eq!(
            problems,
            [
                "bad.yaml: line 2 is not UTF-8; save it as UTF-8",
                "big.yaml: larger than 1048576 bytes; split it into several files",
                "link.yaml: cannot be read: No such file or directory (os error 2); check that it exists and that burnwatch may read it",
            ]
        );
    }
}
