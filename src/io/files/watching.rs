//! Directories that are watched, so that somebody learns when files change: also where editors put another file in the place
//! of one, where Kubernetes turns a link around, and where a directory is still to come. Never reads a file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use notify::{Config, Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::io::files::{Found, is_yaml, root};
use crate::units::Problem;

/// The link that Kubernetes turns around when it mounts other files.
const MOUNTED: &str = "..data";

/// Where something happens when files change. All paths are as the system has them, without links but for the last part:
/// a directory that is watched by two names tells of itself by one of them only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grounds {
    /// Files in these directories.
    within: BTreeSet<PathBuf>,
    /// These alone, whatever else happens beside them.
    names: BTreeSet<PathBuf>,
}

impl Grounds {
    /// Those of a configuration, and of the SLO files that `paths` name as in [`crate::io::files::texts`].
    pub fn of(config: Option<&Path>, paths: &[impl AsRef<str>], base: &Path) -> Grounds {
        let mut grounds = Grounds::default();
        if let Some(path) = config {
            grounds.add_file(path);
            grounds.names.extend(real(directory(path)).map(|directory| directory.join(MOUNTED)));
        }
        for path in paths {
            let found = Found::at(path.as_ref(), base);
            grounds.within.extend(found.directories.iter().filter_map(real));
            for file in found.files.values() {
                grounds.add_file(file);
                grounds.within.extend(real(directory(file)));
            }
            let root = root(&base.join(path.as_ref()));
            grounds.within.extend(real(&root).filter(|root| root.is_dir()));
            grounds.add_name(&root);
        }
        grounds
    }

    /// A file, and the one that it is a link to.
    fn add_file(&mut self, path: &Path) {
        self.add_name(path);
        self.names.extend(real(path));
    }

    /// What may be gone or still to come; where its directory is too, what leads there.
    fn add_name(&mut self, path: &Path) {
        let there = path.ancestors().find_map(|path| Some(real(directory(path))?.join(path.file_name()?)));
        self.names.extend(there);
    }

    fn directories(&self) -> BTreeSet<&Path> {
        let beside = self.names.iter().filter_map(|name| name.parent());
        self.within.iter().map(PathBuf::as_path).chain(beside).collect()
    }

    /// Whether files may have changed when something happened to `path`.
    fn concern(&self, path: &Path) -> bool {
        let is_inside = path.parent().is_some_and(|directory| self.within.contains(directory));
        let is_mounted = || path.file_name().is_some_and(|name| name == MOUNTED);
        self.names.contains(path)
            || self.within.contains(path)
            || (is_inside && (is_yaml(path) || is_mounted() || path.is_dir()))
    }
}

/// Watches while it is held.
pub struct Watching {
    _watcher: RecommendedWatcher,
}

impl Watching {
    /// Says through `changed` that something happened on the `grounds`; a channel that is full says it already.
    pub fn over(grounds: &Grounds, changed: mpsc::Sender<()>) -> Result<Watching, Box<Problem>> {
        let told = grounds.clone();
        let heard = move |event: notify::Result<Event>| {
            let concerns = |event: &Event| {
                !event.kind.is_access() && (event.need_rescan() || event.paths.iter().any(|path| told.concern(path)))
            };
            // What cannot be told may have been anything.
            if event.as_ref().map_or(true, concerns) {
                _ = changed.try_send(());
            }
        };
        let mut watcher = RecommendedWatcher::new(heard, Config::default()).map_err(|error| unwatched(&error))?;
        for directory in grounds.directories() {
            match watcher.watch(directory, RecursiveMode::NonRecursive) {
                // It went since; what leads there is watched too.
                Err(error) if matches!(error.kind, notify::ErrorKind::PathNotFound) => {}
                watched => watched.map_err(|error| unwatched(&error))?,
            }
        }
        Ok(Watching { _watcher: watcher })
    }
}

fn unwatched(error: &notify::Error) -> Box<Problem> {
    let remedy = "say when they changed by SIGHUP or POST /-/reload";
    Box::new(Problem::warning("unwatched", format!("the files are not watched: {error}"), remedy))
}

/// The directory that `path` lies in.
fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The path without links; `None` where there is nothing.
fn real(path: impl AsRef<Path>) -> Option<PathBuf> {
    path.as_ref().canonicalize().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use super::*;

    /// How long it is waited for what must be told, and for what must not.
    const TOLD: Duration = Duration::from_secs(10);
    const UNTOLD: Duration = Duration::from_millis(200);

    /// Whether it is told when something happens in a directory with a configuration and the SLO files of `path`.
    async fn check(path: &str, happen: impl Fn(&Path), expected: bool) {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path();
        for mount in ["mounts/one", "mounts/two", "slos"] {
            fs::create_dir_all(base.join(mount)).unwrap();
        }
        for file in ["burnwatch.yaml", "mounts/one/b.yaml", "mounts/two/b.yaml", "slos/a.yaml"] {
            fs::write(base.join(file), "").unwrap();
        }
        symlink("one", base.join("mounts/..data")).unwrap();
        symlink("..data/b.yaml", base.join("mounts/b.yaml")).unwrap();
        symlink("mounts/one", base.join("linked")).unwrap();
        let (changed, mut changes) = mpsc::channel(1);
        let grounds = Grounds::of(Some(&base.join("burnwatch.yaml")), &[path], base);
        let _watching = Watching::over(&grounds, changed).unwrap();
        happen(base);
        let told = tokio::time::timeout(if expected { TOLD } else { UNTOLD }, changes.recv()).await;
        assert_eq!(told.is_ok(), expected, "{path} {grounds:?}");
    }

    fn write(base: &Path, name: &str) {
        fs::write(base.join(name), "x").unwrap();
    }

    #[tokio::test]
    async fn whatever_changes_what_is_read_is_told() {
        check("slos", |base| write(base, "slos/a.yaml"), true).await;
        check("slos/*.yaml", |base| write(base, "slos/new.yaml"), true).await;
        check("slos/a.yaml", |base| fs::remove_file(base.join("slos/a.yaml")).unwrap(), true).await;
        check("slos", |base| write(base, "burnwatch.yaml"), true).await;
        let in_its_place = |base: &Path| {
            write(base, "slos/.a.yaml.new");
            fs::rename(base.join("slos/.a.yaml.new"), base.join("slos/a.yaml")).unwrap();
        };
        check("slos/a.yaml", in_its_place, true).await;
    }

    #[tokio::test]
    async fn a_link_that_turns_around_is_told_and_so_is_what_it_leads_to() {
        let turned = |base: &Path| {
            symlink("two", base.join("mounts/..new")).unwrap();
            fs::rename(base.join("mounts/..new"), base.join("mounts/..data")).unwrap();
        };
        check("mounts", turned, true).await;
        check("mounts/b.yaml", turned, true).await;
        check("mounts/*.yaml", |base| write(base, "mounts/one/b.yaml"), true).await;
        let relinked = |base: &Path| {
            fs::remove_file(base.join("linked")).unwrap();
            symlink("mounts/two", base.join("linked")).unwrap();
        };
        check("linked/*.yaml", relinked, true).await;
    }

    #[tokio::test]
    async fn a_directory_that_is_still_to_come_is_told_when_it_does() {
        check("later/below/*.yaml", |base| fs::create_dir(base.join("later")).unwrap(), true).await;
        check("slos", |base| fs::remove_dir_all(base.join("slos")).unwrap(), true).await;
    }

    #[tokio::test]
    async fn what_happens_beside_is_not_told() {
        check("slos", |base| write(base, "burnwatch.db"), false).await;
        check("slos", |base| write(base, "slos/.a.yaml.swp"), false).await;
        check("slos/a.yaml", |base| write(base, "other.yaml"), false).await;
        check("slos", |base| _ = fs::read(base.join("slos/a.yaml")).unwrap(), false).await;
    }
}
