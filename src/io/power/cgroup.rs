//! CPU time as it is read beside the meters: that of the host, and of services what cgroup v2 says of a systemd unit or of
//! a path. Never knows what it cost.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::energy::{CpuTimes, Reason};
use crate::io::clock::Stopwatch;
use crate::io::power::Config;
use crate::io::power::cpu::Cpus;
use crate::io::power::number::Unread;
use crate::io::power::services::{Claim, Service};
use crate::units::{Problem, Span};

/// Where cgroups are, below `/sys`.
const ROOT: &str = "fs/cgroup";

/// The file of a cgroup that tells its CPU time and that of all below it.
const STAT: &str = "cpu.stat";

/// A unit that does not run is looked for so often.
const SEARCHED: Duration = Duration::from_secs(5);

/// The most directories that are looked into for it, and how deep: `user.slice/user-1000.slice/user@1000.service/
/// app.slice/app-x.slice/x.service` is six.
const DIRECTORIES: usize = 10_000;
const DEPTH: usize = 8;

/// The host's CPUs, and the cgroups of all services.
pub struct Cgroups {
    procfs: PathBuf,
    root: PathBuf,
    cgroups: Vec<Cgroup>,
}

/// That of one service.
struct Cgroup {
    service: Service,
    /// Where its file is, once that is known.
    stat: Option<PathBuf>,
    searched: Option<Stopwatch>,
    /// Why nothing was read last.
    unread: Option<String>,
}

impl Cgroups {
    pub fn open(config: &Config) -> Cgroups {
        let cgroup = |service: &Service| Cgroup { service: service.clone(), stat: None, searched: None, unread: None };
        Cgroups {
            procfs: config.procfs.clone(),
            root: config.sysfs.join(ROOT),
            cgroups: config.services.iter().map(cgroup).collect(),
        }
    }

    /// CPU time until now; of services since their cgroups were made, and `None` where it does not matter.
    pub fn read(&mut self) -> CpuTimes {
        let micros = |span: Span| span.as_millis().unsigned_abs().saturating_mul(1_000);
        let host = Cpus::read(&self.procfs).ok();
        CpuTimes {
            busy: host.map(|host| micros(host.busy)),
            all: host.map(|host| micros(host.busy + host.idle)),
            services: self.cgroups.iter_mut().map(|cgroup| cgroup.read(&self.root)).collect(),
        }
    }

    /// What could not be read last.
    pub fn problems(&self) -> impl Iterator<Item = Problem> {
        self.cgroups.iter().filter_map(|cgroup| {
            let Service { name, place, .. } = &cgroup.service;
            let what = format!("{name} is charged for nothing: {}", cgroup.unread.as_ref()?);
            Some(Problem::warning("no_cgroup", what, "start it, or mend what burnwatch.yaml says of it").at(place))
        })
    }
}

impl Cgroup {
    fn read(&mut self, root: &Path) -> Option<u64> {
        if let Claim::Share(_) = self.service.claim {
            return None;
        }
        if self.stat.is_none() {
            self.stat = self.path(root).map(|path| path.join(STAT));
        }
        let Some(stat) = &self.stat else {
            self.unread = Some(self.absence(root));
            return Some(0);
        };
        match usage(stat) {
            Ok(micros) => {
                self.unread = None;
                Some(micros)
            }
            Err(unread) => {
                let is_gone = unread.reason == Reason::NotFound;
                self.unread = Some(if is_gone { self.absence(root) } else { unread.what });
                if is_gone {
                    self.stat = None;
                }
                is_gone.then_some(0)
            }
        }
    }

    fn path(&mut self, root: &Path) -> Option<PathBuf> {
        match &self.service.claim {
            Claim::Cgroup(path) => Some(root.join(below(path, root))),
            Claim::Unit(unit) => {
                if self.searched.as_ref().is_some_and(|watch| watch.elapsed() < SEARCHED) {
                    return None;
                }
                self.searched = Some(Stopwatch::started());
                found(root, unit)
            }
            Claim::Share(_) => None,
        }
    }

    fn absence(&self, root: &Path) -> String {
        let root = root.display();
        match &self.service.claim {
            Claim::Unit(unit) => format!("there is no {unit} under {root}"),
            Claim::Cgroup(path) => format!("there is no {} under {root}", path.display()),
            Claim::Share(_) => String::new(),
        }
    }
}

/// A path from the root of all cgroups, whether it was written from there or from that of all files.
fn below<'p>(path: &'p Path, root: &Path) -> &'p Path {
    path.strip_prefix(root).or_else(|_| path.strip_prefix("/")).unwrap_or(path)
}

/// The cgroup of a unit, the one that is nearest to the root.
fn found(root: &Path, unit: &str) -> Option<PathBuf> {
    let mut level = vec![root.to_path_buf()];
    let mut left = DIRECTORIES;
    for _ in 0..DEPTH {
        let mut next = Vec::new();
        for directory in &level {
            let entries = fs::read_dir(directory).into_iter().flatten().flatten();
            let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            next.extend(directories.map(|entry| entry.path()).take(left));
        }
        next.sort();
        if let Some(found) = next.iter().find(|path| path.file_name().is_some_and(|name| name == unit)) {
            return Some(found.clone());
        }
        left = left.saturating_sub(next.len());
        level = next;
    }
    None
}

/// What `cpu.stat` says of all CPU time: `usage_usec 1234`. Everyone may read it.
fn usage(path: &Path) -> Result<u64, Unread> {
    let stat = fs::read_to_string(path).map_err(|error| Unread::of(path, &error))?;
    let usage = stat.lines().find_map(|line| line.strip_prefix("usage_usec ")?.trim().parse().ok());
    usage.ok_or_else(|| Unread { reason: Reason::Parse, what: format!("{}: no usage_usec", path.display()) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::units::{Place, Ratio};

    fn service(claim: Claim) -> Service {
        Service { name: "shop".into(), claim, requests: None, place: Place::of_file("burnwatch.yaml") }
    }

    fn unit() -> Claim {
        Claim::Unit("shop.service".into())
    }

    fn open(sysfs: &Path, services: &[Service]) -> Cgroups {
        let (sysfs, procfs) = (sysfs.to_path_buf(), sysfs.to_path_buf());
        Cgroups::open(&Config { sysfs, procfs, services: services.to_vec(), ..Config::default() })
    }

    /// A cgroup that used so much.
    fn run(sysfs: &Path, path: &str, micros: u64) {
        let directory = sysfs.join(ROOT).join(path);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(STAT), format!("usage_usec {micros}\nuser_usec 1\nsystem_usec 2\n")).unwrap();
    }

    #[test]
    fn a_unit_is_found_wherever_it_runs() {
        for path in
            ["shop.service", "system.slice/shop.service", "user.slice/u-1.slice/u@1.service/app.slice/shop.service"]
        {
            let dir = tempfile::tempdir().unwrap();
            run(dir.path(), path, 1_234);
            run(dir.path(), "system.slice/other.service", 9);
            let mut cgroups = open(dir.path(), &[service(unit())]);
            assert_eq!((cgroups.read().services, cgroups.problems().count()), (vec![Some(1_234)], 0), "{path}");
        }
    }

    #[test]
    fn a_path_is_from_the_root_of_all_cgroups() {
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), "kube/shop", 5);
        let of = |path: PathBuf| open(dir.path(), &[service(Claim::Cgroup(path))]).read().services;
        assert_eq!(of("/kube/shop".into()), [Some(5)]);
        assert_eq!(of(dir.path().join(ROOT).join("kube/shop")), [Some(5)]);
    }

    #[test]
    fn a_service_that_does_not_run_has_used_nothing_and_is_found_when_it_does() {
        let dir = tempfile::tempdir().unwrap();
        let path = Claim::Cgroup("/shop.service".into());
        let mut cgroups = open(dir.path(), &[service(path)]);
        assert_eq!(cgroups.read().services, [Some(0)]);
        let told: Vec<String> = cgroups.problems().map(|problem| problem.to_string()).collect();
        let root = dir.path().join(ROOT);
        let what = format!("shop is charged for nothing: there is no /shop.service under {}", root.display());
        assert_eq!(told, [format!("burnwatch.yaml: {what}; start it, or mend what burnwatch.yaml says of it")]);

        run(dir.path(), "shop.service", 70);
        assert_eq!((cgroups.read().services, cgroups.problems().count()), (vec![Some(70)], 0));
        fs::remove_dir_all(root.join("shop.service")).unwrap();
        assert_eq!(cgroups.read().services, [Some(0)]);
        run(dir.path(), "shop.service", 3);
        assert_eq!(cgroups.read().services, [Some(3)]);
    }

    #[test]
    fn what_cannot_be_read_is_not_nothing() {
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), "shop.service", 70);
        let stat = dir.path().join(ROOT).join("shop.service").join(STAT);
        let share = service(Claim::Share(Ratio::ALL));
        let mut cgroups = open(dir.path(), &[service(unit()), share]);
        for text in ["", "usage_usec\n", "usage_usec -1\n", "user_usec 5\n"] {
            fs::write(&stat, text).unwrap();
            assert_eq!((cgroups.read().services, cgroups.problems().count()), (vec![None, None], 1), "{text:?}");
        }
    }

    #[test]
    fn the_cpus_of_the_host_are_read_beside_them() {
        let dir = tempfile::tempdir().unwrap();
        let mut cgroups = open(dir.path(), &[]);
        assert_eq!((cgroups.read().busy, cgroups.read().all), (None, None));
        fs::write(dir.path().join("stat"), "cpu  10 0 5 85 0 0 0 999 0 0\n").unwrap();
        assert_eq!((cgroups.read().busy, cgroups.read().all), (Some(150_000), Some(1_000_000)));
    }
}
