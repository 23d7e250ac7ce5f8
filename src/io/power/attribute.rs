//! A file in which the kernel shows one value: kept open, so that it stays readable after the right to open it is given
//! up, and opened again when the device behind it went and came back. Never knows what the value means.

use std::fs::File;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::energy::{Meter, Reason, Silent, Zone};

/// What is read of a file: the kernel shows no value longer than a page.
const LONGEST: usize = 4_096;

/// ENODEV, on Linux and macOS: the driver behind an open file went.
const NO_SUCH_DEVICE: i32 = 19;

/// One value of one device.
#[derive(Debug)]
pub struct Attribute {
    path: PathBuf,
    file: Option<File>,
}

/// Why a value could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Unread {
    pub reason: Reason,
    /// The path and the error.
    pub what: String,
}

impl Attribute {
    /// Tries to open the file; what cannot be opened now is tried again at each reading.
    pub fn open(path: PathBuf) -> Attribute {
        let file = File::open(&path).ok();
        Attribute { path, file }
    }

    /// What it says.
    pub fn text(&mut self) -> Result<String, Unread> {
        self.read().map_err(|error| Unread::of(&self.path, &error))
    }

    fn read(&mut self) -> Result<String, Error> {
        if let Some(file) = self.file.as_ref().filter(|file| is_there(file)) {
            match page(file) {
                Err(error) if error.raw_os_error() == Some(NO_SUCH_DEVICE) => {}
                said => return said, // also a failure: who gave up the right to open it must not close it
            }
        }
        page(self.file.insert(File::open(&self.path)?))
    }

    /// What it says, understood by `read`, which is told the text without the space around it.
    pub fn value<T>(&mut self, read: impl FnOnce(&str) -> Option<T>) -> Result<T, Unread> {
        let text = self.text()?;
        read(text.trim()).ok_or_else(|| {
            let start: String = text.trim().chars().take(40).collect();
            Unread { reason: Reason::Parse, what: format!("{}: {start:?} is not a value", self.path.display()) }
        })
    }
}

/// Whether the file is still the one by its name: a file that was replaced can be read for ever.
fn is_there(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.nlink() > 0)
}

/// The first page of it.
fn page(file: &File) -> Result<String, Error> {
    let mut page = [0; LONGEST];
    let length = file.read_at(&mut page, 0)?;
    Ok(String::from_utf8_lossy(&page[..length]).into_owned())
}

impl Unread {
    /// What a failure to read this path is told as.
    pub fn of(path: &Path, error: &Error) -> Unread {
        let reason = match error.kind() {
            ErrorKind::NotFound => Reason::NotFound,
            ErrorKind::PermissionDenied => Reason::Permission,
            _ => Reason::Io,
        };
        Unread { reason, what: format!("{}: {error}", path.display()) }
    }

    /// How a meter tells it.
    pub fn silent(self, meter: Meter, zone: Option<&Arc<Zone>>) -> Silent {
        let remedy = match self.reason {
            Reason::Permission => "run as root, or grant CAP_DAC_READ_SEARCH",
            _ => "",
        };
        Silent { meter, zone: zone.cloned(), reason: self.reason, what: self.what, remedy: remedy.into() }
    }
}

/// A tree of files, such as `class/hwmon/hwmon0/name`, as the kernel would show them.
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    files.iter().for_each(|(path, text)| put(&tree, path, text));
    tree
}

/// Writes one of its files as the kernel does, in place and with a line's end.
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub fn put(tree: &tempfile::TempDir, path: &str, text: &str) {
    let path = tree.path().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!("{text}\n")).unwrap();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    fn number(attribute: &mut Attribute) -> Result<u64, Reason> {
        attribute.value(|text| text.parse().ok()).map_err(|unread| unread.reason)
    }

    #[test]
    fn follows_a_value_that_changes_goes_and_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("power1_input");
        let mut attribute = Attribute::open(path.clone());
        assert_eq!(number(&mut attribute), Err(Reason::NotFound));
        fs::write(&path, "12\n").unwrap();
        assert_eq!(number(&mut attribute), Ok(12));
        fs::write(&path, "345\n").unwrap();
        assert_eq!(number(&mut attribute), Ok(345));
        fs::remove_file(&path).unwrap();
        assert_eq!(number(&mut attribute), Err(Reason::NotFound));
        fs::write(&path, "6").unwrap();
        assert_eq!(number(&mut attribute), Ok(6));
        fs::write(dir.path().join("new"), "7").unwrap();
        fs::rename(dir.path().join("new"), &path).unwrap();
        assert_eq!(number(&mut attribute), Ok(7));
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("name");
        let mut attribute = Attribute::open(path.clone());
        for text in ["", "\n", "garbage", "1 2", "-1", "99999999999999999999"] {
            fs::write(&path, text).unwrap();
            assert_eq!(number(&mut attribute), Err(Reason::Parse), "{text:?}");
        }
        fs::write(&path, [0xff, 0xfe]).unwrap();
        let unread = attribute.value(|text| text.parse::<u64>().ok()).unwrap_err();
        assert!(unread.what.starts_with(&path.display().to_string()), "{unread:?}");
        let mut directory = Attribute::open(dir.path().into());
        assert_eq!(number(&mut directory), Err(Reason::Io));
    }

    #[test]
    fn a_failure_does_not_close_what_could_not_be_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut directory = Attribute::open(dir.path().into()); // can be opened, and never read
        assert_eq!(number(&mut directory), Err(Reason::Io));
        assert!(directory.file.is_some());
    }
}
