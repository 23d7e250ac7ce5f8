//! A number that the system shows as a file. The file is kept open and read anew from its beginning: permission is asked
//! only when it is opened, so that a daemon may give up its rights after its start.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use crate::energy::{Meter, Reason, Silent, Zone};

/// The longest number that is read: 2^64 has twenty digits, and some files end it with a line break or two.
const LONGEST: usize = 32;

/// What the system says of a device that is gone, or not there any more (`ENXIO`, `ENODEV`).
const GONE: [i32; 2] = [6, 19];

/// A file, and the last that was opened of it.
pub struct Number {
    path: PathBuf,
    file: Option<File>,
}

/// Why there is no number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    pub reason: Reason,
    /// The path and the error.
    pub what: String,
}

impl Number {
    /// Opened now, where that is possible; else whenever it is read.
    pub fn open(path: PathBuf) -> Number {
        let file = File::open(&path).ok();
        Number { path, file }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says now.
    pub fn read<T: FromStr>(&mut self) -> Result<T, Unread> {
        let text = self.text().map_err(|error| Unread::of(&self.path, &error))?;
        text.trim().parse().map_err(|_| {
            let what = format!("{}: says {:?}, which is no number", self.path.display(), text.trim());
            Unread { reason: Reason::Parse, what }
        })
    }

    fn text(&mut self) -> io::Result<String> {
        if let Some(file) = self.file.as_ref().filter(|file| is_there(file)) {
            match text(file) {
                Err(error) if is_gone(&error) => {}
                text => return text,
            }
        }
        // A device that went and came back is another file.
        self.file = None;
        let file = File::open(&self.path)?;
        let text = text(&file);
        self.file = Some(file);
        text
    }
}

impl Unread {
    pub fn of(path: &Path, error: &io::Error) -> Unread {
        Unread { reason: reason(error), what: format!("{}: {}", path.display(), said(error)) }
    }

    /// How a meter tells it that has no better remedy.
    pub fn silent(self, meter: Meter, zone: Option<&Arc<Zone>>) -> Silent {
        let remedy = match self.reason {
            Reason::Permission => "run as root, or grant CAP_DAC_READ_SEARCH",
            Reason::NotFound if zone.is_none() => "leave it out of power.meters",
            Reason::NotFound | Reason::Io | Reason::Parse | Reason::Standstill | Reason::Idle => "",
        };
        Silent { meter, zone: zone.cloned(), reason: self.reason, what: self.what, remedy: remedy.into() }
    }
}

fn text(file: &File) -> io::Result<String> {
    let mut bytes = [0; LONGEST];
    let length = file.read_at(&mut bytes, 0)?;
    Ok(String::from_utf8_lossy(&bytes[..length]).into_owned())
}

/// Whether it still has a name: one that was replaced would go on saying its last number.
fn is_there(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.nlink() > 0)
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.raw_os_error().is_some_and(|code| GONE.contains(&code))
}

pub fn reason(error: &io::Error) -> Reason {
    match error.kind() {
        _ if is_gone(error) => Reason::NotFound,
        ErrorKind::PermissionDenied => Reason::Permission,
        _ => Reason::Io,
    }
}

/// An error in lower case, without its number.
pub fn said(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    #[test]
    fn is_read_anew_however_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("energy_uj");
        fs::write(&path, "262143328850\n").unwrap();
        let mut number = Number::open(path.clone());
        assert_eq!(number.read(), Ok(262_143_328_850_u64));
        fs::write(&path, "7\n").unwrap();
        assert_eq!(number.read(), Ok(7_u64));
        let other = dir.path().join("other");
        fs::write(&other, "8").unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(number.read(), Ok(8_u64));
    }

    #[test]
    fn what_is_gone_is_said_and_read_again_when_it_is_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("energy_uj");
        let mut number = Number::open(path.clone());
        let what = format!("{}: no such file or directory", path.display());
        assert_eq!(number.read::<u64>(), Err(Unread { reason: Reason::NotFound, what }));
        fs::write(&path, "1").unwrap();
        assert_eq!(number.read(), Ok(1_u64));
        fs::remove_file(&path).unwrap();
        assert_eq!(number.read::<u64>().unwrap_err().reason, Reason::NotFound);
    }

    #[test]
    fn what_is_no_number_is_said_as_it_stands_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("energy_uj");
        for text in ["", "\n", "12x", "-5", "1.5", "99999999999999999999", "\u{fffd}"] {
            fs::write(&path, text).unwrap();
            let unread = Number::open(path.clone()).read::<u64>().unwrap_err();
            assert_eq!(unread.reason, Reason::Parse, "{text:?}");
            assert!(unread.what.ends_with(&format!("says {:?}, which is no number", text.trim())), "{}", unread.what);
        }
        let unread = Number::open(dir.path().into()).read::<u64>().unwrap_err();
        assert_eq!(unread.reason, Reason::Io, "{}", unread.what);
    }
}
