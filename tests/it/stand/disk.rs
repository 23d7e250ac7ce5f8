//! A small file system of its own, that a test can fill.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// Mounted until it is dropped.
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// Of 2 MiB.
    #[track_caller]
    pub fn mounted() -> SmallDisk {
        let disk = SmallDisk(tempfile::tempdir().unwrap());
        let mount = ["-t", "tmpfs", "-o", "size=2m", "tmpfs"];
        let done = Command::new("mount").args(mount).arg(disk.path()).status().unwrap();
        assert!(done.success(), "mounting a tmpfs takes root, or a namespace as tests/run makes: unshare -rm");
        disk
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left.
    pub fn fill(&self) {
        let mut ballast = File::create(self.path().join("ballast")).unwrap();
        let full = loop {
            if let Err(error) = ballast.write_all(&[0; 4_096]) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::StorageFull);
    }

    pub fn make_room(&self) {
        fs::remove_file(self.path().join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, for its files may still be open; the directory is removed after it.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}
