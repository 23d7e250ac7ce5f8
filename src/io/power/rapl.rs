//! The energy counters of Intel, AMD and Hygon processors, as Linux shows them below `class/powercap`. What a zone is, its
//! `name` says, never its number. Never knows which zones are one, nor what they add up to.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::energy::{Meter, Method, Reading, Readings, Reason, Role, Said, Silent, Zone};
use crate::io::clock::Stopwatch;
use crate::io::power::number::{Number, Unread, reason, said};
use crate::io::power::{Body, Config};
use crate::units::Microjoules;

/// The control types that count energy: by register (`intel-rapl`, also on AMD) and by memory (`intel-rapl-mmio`). Others,
/// such as `dtpm`, do not.
const PREFIX: &str = "intel-rapl";

/// Zones come and go with modules and processors, and are looked for so often.
const LOOKED_FOR: Duration = Duration::from_secs(10);

/// Zones stand at most so deep in each other, their control type above them.
const DEPTH: usize = 4;

/// The counters that are there, their files open.
pub struct Rapl {
    root: PathBuf,
    /// AMD's processors count each core by itself, and Linux shows one of them as all.
    shows_cores: bool,
    counters: Vec<Counter>,
    /// What could not be told of zones when they were last looked for.
    unknown: Vec<Silent>,
    looked: Stopwatch,
}

struct Counter {
    zone: Arc<Zone>,
    energy: Number,
    /// Where it wraps; `None` where that is not said.
    range: Option<Microjoules>,
}

impl Rapl {
    pub fn open(config: &Config) -> Rapl {
        let processors = fs::read_to_string(config.procfs.join("cpuinfo")).unwrap_or_default();
        let shows_cores = !["AuthenticAMD", "HygonGenuine"].iter().any(|vendor| processors.contains(vendor));
        let root = config.sysfs.join("class/powercap");
        let (counters, unknown, looked) = (Vec::new(), Vec::new(), Stopwatch::started());
        let mut rapl = Rapl { root, shows_cores, counters, unknown, looked };
        rapl.look();
        rapl
    }

    /// Looks for zones; those that are known stay open.
    fn look(&mut self) {
        self.looked = Stopwatch::started();
        self.unknown.clear();
        let mut directories = BTreeMap::new();
        match fs::read_dir(&self.root) {
            Ok(_) => zones(&self.root, DEPTH, &mut directories),
            Err(error) => {
                let what = format!("{}: {}", self.root.display(), said(&error));
                self.unknown.push(silent(None, Unread { reason: reason(&error), what }));
            }
        }
        let mut names = BTreeMap::new();
        for (id, directory) in &directories {
            match fs::read_to_string(directory.join("name")) {
                Ok(name) => _ = names.insert(id.clone(), name.trim().to_string()),
                Err(error) => {
                    let what = format!("{}: {}", directory.join("name").display(), said(&error));
                    self.unknown.push(silent(None, Unread { reason: reason(&error), what }));
                }
            }
        }
        let mut known: BTreeMap<String, Counter> =
            self.counters.drain(..).map(|counter| (counter.zone.id.clone(), counter)).collect();
        for (id, directory) in directories {
            let Some(role) = names.get(&id).and_then(|name| role(&id, name, &names)) else { continue };
            if matches!(role, Role::Core { .. }) && !self.shows_cores {
                continue;
            }
            let counter = known.remove(&id).filter(|counter| counter.zone.role == role);
            self.counters.push(counter.unwrap_or_else(|| Counter::open(id, role, &directory)));
        }
        // By register before by memory: those are there on every processor that has any.
        self.counters.sort_by_key(|counter| !counter.zone.id.starts_with("intel-rapl:"));
        if self.counters.is_empty() && self.unknown.is_empty() {
            let what = format!("{}: holds no {PREFIX} zone", self.root.display());
            self.unknown.push(silent(None, Unread { reason: Reason::NotFound, what }));
        }
    }
}

impl Body for Rapl {
    fn read(&mut self, readings: &mut Readings) {
        if self.counters.is_empty() || self.looked.elapsed() >= LOOKED_FOR {
            self.look();
        }
        readings.silent.extend(self.unknown.iter().cloned());
        for counter in &mut self.counters {
            let zone = counter.zone.clone();
            match counter.read() {
                Ok(said) => readings.readings.push(Reading { zone, said }),
                Err(unread) => readings.silent.push(silent(Some(zone), unread)),
            }
        }
    }
}

impl Counter {
    fn open(id: String, role: Role, directory: &Path) -> Counter {
        let range = Number::open(directory.join("max_energy_range_uj")).read().ok().filter(|range| *range > 0);
        Counter {
            zone: Arc::new(Zone { meter: Meter::Rapl, id, role, method: Method::Counter }),
            energy: Number::open(directory.join("energy_uj")),
            range: range.map(Microjoules::new),
        }
    }

    fn read(&mut self) -> Result<Said, Unread> {
        let counter = Microjoules::new(self.energy.read()?);
        match self.range.filter(|range| counter > *range) {
            None => Ok(Said::Energy { counter, range: self.range }),
            Some(range) => {
                let what = format!(
                    "{}: {} is above its range of {}",
                    self.energy.path().display(),
                    counter.get(),
                    range.get()
                );
                Err(Unread { reason: Reason::Parse, what })
            }
        }
    }
}

/// The directories of all zones by their id, each once, however many links lead to it.
fn zones(directory: &Path, depth: usize, found: &mut BTreeMap<String, PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(id) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        if depth == 0 || found.contains_key(id) {
            continue;
        }
        if id.contains(':') {
            found.insert(id.to_string(), entry.path());
        }
        zones(&entry.path(), depth - 1, found);
    }
}

/// What a zone measures; `None` for one that is not known. The names of all zones are in `names`, for `core`, `uncore` and
/// `dram` are those of the zone that they stand in.
fn role(id: &str, name: &str, names: &BTreeMap<String, String>) -> Option<Role> {
    if let Some(package) = name.strip_prefix("package-") {
        let (socket, die) = match package.split_once("-die-") {
            Some((socket, die)) => (socket, Some(die.parse().ok()?)),
            None => (package, None),
        };
        return Some(Role::Package { socket: socket.parse().ok()?, die });
    }
    if let Some(number) = name.strip_prefix("psys") {
        let id = if number.is_empty() { 0 } else { number.strip_prefix('-')?.parse().ok()? };
        return Some(Role::Platform { id });
    }
    let (parent, _) = id.rsplit_once(':')?;
    let Role::Package { socket, die } = role(parent, names.get(parent)?, names)? else { return None };
    match name {
        "dram" => Some(Role::Dram { socket, die }),
        "core" => Some(Role::Core { socket, die }),
        "uncore" => Some(Role::Uncore { socket, die }),
        _ => None,
    }
}

fn silent(zone: Option<Arc<Zone>>, unread: Unread) -> Silent {
    let remedy = match unread.reason {
        Reason::Permission => {
            "grant CAP_DAC_READ_SEARCH, or let a group of this user read the files energy_uj; systemd/ has both"
        }
        Reason::NotFound => {
            "load the module intel_rapl_msr; virtual machines rarely have these counters, and from containers they are \
             hidden: mount the host's /sys there and name it in power.sysfs"
        }
        Reason::Io => "the processor refuses it, as firmware and virtual machines may make it do",
        Reason::Parse | Reason::Standstill | Reason::Idle => "",
    };
    Silent { meter: Meter::Rapl, zone, reason: unread.reason, what: unread.what, remedy: remedy.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(id: &str, name: &str, expected: Option<Role>) {
        let package = |id: &str, name: &str| (id.to_string(), name.to_string());
        let names = [
            package("intel-rapl:0", "package-3"),
            package("intel-rapl:a", "package-0-die-1"),
            package("intel-rapl:1", "psys"),
        ];
        assert_eq!(role(id, name, &names.into()), expected, "{id} {name}");
    }

    #[test]
    fn a_zone_is_what_its_name_says_whatever_its_number() {
        check("intel-rapl:1", "package-0", Some(Role::Package { socket: 0, die: None }));
        check("intel-rapl:f", "package-15", Some(Role::Package { socket: 15, die: None }));
        check("intel-rapl:a", "package-0-die-1", Some(Role::Package { socket: 0, die: Some(1) }));
        check("intel-rapl:1", "psys", Some(Role::Platform { id: 0 }));
        check("intel-rapl:3", "psys-1", Some(Role::Platform { id: 1 }));
        check("intel-rapl:0:0", "dram", Some(Role::Dram { socket: 3, die: None }));
        check("intel-rapl:0:1", "uncore", Some(Role::Uncore { socket: 3, die: None }));
        check("intel-rapl:a:0", "core", Some(Role::Core { socket: 0, die: Some(1) }));
    }

    #[test]
    fn what_is_not_known_is_nothing() {
        let odd = ["", "package-", "package-x", "package-0-die-", "psyss", "psys-", "dram", "core", "nanny"];
        odd.iter().for_each(|name| check("intel-rapl:0", name, None));
        check("intel-rapl:7:0", "dram", None);
        check("intel-rapl:1:0", "dram", None);
        check("intel-rapl:0:0", "nanny", None);
    }
}
