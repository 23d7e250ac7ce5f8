//! Generated files out: each whole or not at all, only where it changed, and never over a file that somebody else made.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::units::{Place, Problem};

/// A file that is larger was not made here.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The files that there should be.
#[derive(Debug, Clone, Default)]
pub struct Generated {
    /// Their texts, each under the header.
    pub texts: BTreeMap<PathBuf, String>,
    /// What a file says within its first bytes if it was made here; only such are written over or removed.
    pub header: &'static str,
    /// Whether these are all: then others that were made here, in the same directories, have to go.
    pub is_whole: bool,
}

/// Why files are not what they should be; then none was touched.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("exists and was not made by burnwatch")]
    Foreign(PathBuf),
    #[error("cannot be written: {cause}")]
    Unwritable { path: PathBuf, cause: String },
}

impl Error {
    /// The same for people: where, and what to do.
    pub fn problem(&self) -> Problem {
        let (path, remedy) = match self {
            Error::Foreign(path) => (path, "move it away, or choose another directory"),
            Error::Unwritable { path, .. } => (path, "name a directory that burnwatch may write to"),
        };
        let place = Place::of_file(path.display().to_string());
        Problem::error("unwritable_file", self.to_string(), remedy).at(&place)
    }
}

/// What is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    Missing(PathBuf),
    Stale(PathBuf),
    /// Nothing wants it any more.
    Left(PathBuf),
}

impl Difference {
    pub fn path(&self) -> &Path {
        match self {
            Difference::Missing(path) | Difference::Stale(path) | Difference::Left(path) => path,
        }
    }

    /// `is missing`, of a file.
    pub fn what(&self) -> &'static str {
        match self {
            Difference::Missing(_) => "is missing",
            Difference::Stale(_) => "is stale",
            Difference::Left(_) => "is of no SLO any more",
        }
    }
}

impl Generated {
    /// What would be done to the files that there are; an error where one of them is not ours to touch.
    pub fn differences(&self) -> Result<Vec<Difference>, Error> {
        Ok(self.changes()?.into_iter().map(|(difference, _)| difference).collect())
    }

    /// Makes the files what they should be. Where that cannot be, the old ones stay: nothing is put in place before
    /// everything is written, and what was is put back where something else cannot be.
    pub fn put(&self) -> Result<Change, Error> {
        self.put_by(&|from, to| fs::rename(from, to))
    }

    fn put_by(&self, rename: Rename) -> Result<Change, Error> {
        let (differences, former): (Vec<Difference>, Vec<Option<String>>) = self.changes()?.into_iter().unzip();
        let paths = || differences.iter().map(Difference::path);
        let wanted = paths().map(|path| (path, self.texts.get(path).map(String::as_str))).collect();
        let former = paths().map(Path::to_path_buf).zip(former).collect();
        replace(&wanted, &borrowed(&former), rename)?;
        Ok(Change { differences, former })
    }

    /// What is not as it should be, each with the text that there is.
    fn changes(&self) -> Result<Vec<(Difference, Option<String>)>, Error> {
        let mut changes = Vec::new();
        for (path, text) in &self.texts {
            match found(path)? {
                None => changes.push((Difference::Missing(path.clone()), None)),
                Some(found) if found == *text => {}
                Some(found) if self.is_ours(&found) => changes.push((Difference::Stale(path.clone()), Some(found))),
                Some(_) => return Err(Error::Foreign(path.clone())),
            }
        }
        if self.is_whole {
            changes.extend(self.left()?.into_iter().map(|(path, text)| (Difference::Left(path), Some(text))));
        }
        Ok(changes)
    }

    /// Files of ours that nothing wants, in the directories of those that are wanted.
    fn left(&self) -> Result<BTreeMap<PathBuf, String>, Error> {
        let directories: BTreeSet<&Path> = self.texts.keys().filter_map(|path| path.parent()).collect();
        let mut left = BTreeMap::new();
        for directory in directories {
            let shown = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
            let Ok(entries) = fs::read_dir(shown) else { continue };
            for name in entries.filter_map(|entry| Some(entry.ok()?.file_name())) {
                let path = directory.join(name);
                let is_wanted = self.texts.contains_key(&path);
                let is_alike = self.texts.keys().any(|wanted| wanted.extension() == path.extension());
                if is_wanted || !is_alike || !path.is_file() {
                    continue;
                }
                if let Some(text) = found(&path)?.filter(|text| self.is_ours(text)) {
                    left.insert(path, text);
                }
            }
        }
        Ok(left)
    }

    fn is_ours(&self, text: &str) -> bool {
        text.starts_with(self.header)
    }
}

/// What was done to files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    pub differences: Vec<Difference>,
    /// What the files were before: their texts by path; `None` where there was no file.
    former: BTreeMap<PathBuf, Option<String>>,
}

impl Change {
    /// Whether everything was as it should be.
    pub fn is_empty(&self) -> bool {
        self.differences.is_empty()
    }

    /// This and a later one, as one.
    pub fn followed_by(mut self, later: Change) -> Change {
        self.differences.extend(later.differences);
        for (path, text) in later.former {
            self.former.entry(path).or_insert(text);
        }
        self
    }

    /// Makes the files what they were before.
    pub fn undo(&self) -> Result<(), Error> {
        replace(&borrowed(&self.former), &Files::new(), &|from, to| fs::rename(from, to))
    }
}

/// Texts by path; `None` where there is no file. They are megabytes, so nobody copies them.
type Files<'a> = BTreeMap<&'a Path, Option<&'a str>>;

fn borrowed(texts: &BTreeMap<PathBuf, Option<String>>) -> Files<'_> {
    texts.iter().map(|(path, text)| (path.as_path(), text.as_deref())).collect()
}

/// How a file takes its place.
type Rename<'a> = &'a dyn Fn(&Path, &Path) -> io::Result<()>;

/// Gives every file its text, or none; where that fails, they are what they were.
fn replace(wanted: &Files, former: &Files, rename: Rename) -> Result<(), Error> {
    let forget = || wanted.keys().for_each(|path| _ = fs::remove_file(beside(path)));
    for (path, text) in wanted {
        let Some(text) = text else { continue };
        write(&beside(path), text).map_err(|cause| {
            forget();
            unwritable(path, &cause)
        })?;
    }
    for (path, text) in wanted {
        let done = match text {
            Some(_) => rename(&beside(path), path),
            None => fs::remove_file(path),
        };
        if let Err(cause) = done {
            forget();
            let before = former.range::<&Path, _>(..path).map(|(path, text)| (*path, *text)).collect();
            // What cannot be put back either, is as new as it got.
            _ = replace(&before, &Files::new(), &|from, to| fs::rename(from, to));
            return Err(unwritable(path, &cause));
        }
    }
    Ok(())
}

/// The text of a file, if there is one; of a file that is no text, nothing that could be ours.
fn found(path: &Path) -> Result<Option<String>, Error> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(unwritable(path, &cause)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|cause| unwritable(path, &cause))?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Where a file is written before it takes its place. No pattern for rule files matches it.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.new"))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn unwritable(path: &Path, cause: &io::Error) -> Error {
    Error::Unwritable { path: path.to_path_buf(), cause: cause.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HEADER: &str = "# made\n";

    fn generated(directory: &Path, files: &[(&str, &str)], is_whole: bool) -> Generated {
        let texts = files.iter().map(|(name, text)| (directory.join(name), format!("{HEADER}{text}")));
        Generated { texts: texts.collect(), header: HEADER, is_whole }
    }

    fn put(generated: &Generated) -> Result<Vec<Difference>, Error> {
        generated.put().map(|change| change.differences)
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn writes_what_is_missing_or_stale_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let (below, at) = (directory.path().join("below"), |name: &str| directory.path().join("below").join(name));
        let first = generated(&below, &[("a.yaml", "1"), ("b.yaml", "1")], true);
        assert_eq!(put(&first), Ok(vec![Difference::Missing(at("a.yaml")), Difference::Missing(at("b.yaml"))]));
        let before = fs::metadata(at("a.yaml")).unwrap().modified().unwrap();
        let second = generated(&below, &[("a.yaml", "1"), ("b.yaml", "2")], true);
        assert_eq!(second.differences(), Ok(vec![Difference::Stale(at("b.yaml"))]));
        second.put().unwrap();
        assert_eq!(second.differences(), Ok(vec![]));
        assert_eq!(fs::metadata(at("a.yaml")).unwrap().modified().unwrap(), before);
        assert_eq!(names(&below), ["a.yaml", "b.yaml"], "nothing is left beside them");
    }

    #[test]
    fn removes_what_nothing_wants_only_if_it_is_ours_and_the_rest_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path();
        generated(base, &[("a.yaml", "1"), ("b.yaml", "1")], true).put().unwrap();
        fs::write(base.join("theirs.yaml"), "groups: []").unwrap();
        fs::write(base.join("notes.txt"), HEADER).unwrap();
        assert_eq!(put(&generated(base, &[("a.yaml", "1")], false)), Ok(vec![]));
        let left = Ok(vec![Difference::Left(base.join("b.yaml"))]);
        assert_eq!(put(&generated(base, &[("a.yaml", "1")], true)), left);
        assert_eq!(names(base), ["a.yaml", "notes.txt", "theirs.yaml"]);
    }

    #[test]
    fn what_somebody_else_made_is_not_written_over() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("b.yaml"), "groups: []").unwrap();
        let problem =
            generated(directory.path(), &[("a.yaml", "1"), ("b.yaml", "1")], true).put().unwrap_err().problem();
        let told = format!("{}: exists and was not made by burnwatch", directory.path().join("b.yaml").display());
        assert!(problem.to_string().starts_with(&told), "{problem}");
        assert_eq!(names(directory.path()), ["b.yaml"]);
    }

    #[test]
    fn where_one_cannot_be_written_all_stay_as_they_were() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path();
        generated(base, &[("a.yaml", "1")], true).put().unwrap();
        fs::write(base.join("file"), "").unwrap();
        // A file where a directory should be keeps even root from writing.
        let problem = generated(base, &[("a.yaml", "2"), ("file/b.yaml", "1")], true).put().unwrap_err().problem();
        assert!(problem.to_string().contains("file/b.yaml: cannot be written: Not a directory"), "{problem}");
        assert_eq!(fs::read_to_string(base.join("a.yaml")).unwrap(), format!("{HEADER}1"));
        assert_eq!(names(base), ["a.yaml", "file"]);
    }

    /// The texts of every file, without the header.
    fn texts(directory: &Path) -> Vec<(String, String)> {
        let text = |name: &str| fs::read_to_string(directory.join(name)).unwrap().replace(HEADER, "");
        names(directory).into_iter().map(|name| (name.clone(), text(&name))).collect()
    }

    #[test]
    fn where_one_cannot_take_its_place_those_before_it_are_put_back() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path();
        generated(base, &[("b.yaml", "1"), ("c.yaml", "1"), ("d.yaml", "1")], true).put().unwrap();
        let before = texts(base);
        let refusing = |from: &Path, to: &Path| match to.ends_with("c.yaml") {
            true => Err(io::Error::other("refused")),
            false => fs::rename(from, to),
        };
        let next = generated(base, &[("a.yaml", "2"), ("b.yaml", "2"), ("c.yaml", "2")], true);
        let problem = next.put_by(&refusing).unwrap_err().problem();
        assert!(problem.to_string().contains("c.yaml: cannot be written: refused"), "{problem}");
        assert_eq!(texts(base), before);
    }

    #[test]
    fn what_was_done_can_be_undone_also_after_more_was_done() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path();
        generated(base, &[("b.yaml", "1"), ("c.yaml", "1")], true).put().unwrap();
        let before = texts(base);
        let first = generated(base, &[("a.yaml", "2"), ("b.yaml", "2")], true).put().unwrap();
        let second = generated(base, &[("a.yaml", "3"), ("d.yaml", "3")], true).put().unwrap();
        assert_eq!(names(base), ["a.yaml", "d.yaml"]);
        first.followed_by(second).undo().unwrap();
        assert_eq!(texts(base), before);
    }
}
