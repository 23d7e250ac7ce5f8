//! The host's meters: files and libraries become readings. Which there are on this system is decided here and nowhere
//! else; what the numbers add up to is never known here.

#[cfg(target_os = "linux")]
mod battery;
pub mod cgroup;
pub mod cpu;
#[cfg(target_os = "linux")]
mod estimate;
#[cfg(target_os = "linux")]
mod hwmon;
#[cfg(target_os = "macos")]
mod ioreport;
mod number;
#[cfg(target_os = "linux")]
mod nvml;
#[cfg(target_os = "linux")]
mod rapl;
pub mod services;
#[cfg(test)]
mod trees;

use std::fs;
use std::path::PathBuf;

use crate::energy::{Limit, Meter, Readings, Reason, Role, Rule, Silent};
use crate::io::clock::Stopwatch;
use crate::units::{Problem, Span, Watts};
use crate::yaml::{Fields, Node};

/// The bounds of `every`. Counters are renewed every millisecond or so, and must be read several times before they wrap
/// once: at 2 kW the smallest does in 32 s.
const EVERY: std::ops::RangeInclusive<Span> = Span::millis(100)..=SELDOM;

/// Meters are read at least so often.
pub const SELDOM: Span = Span::seconds(10);

/// What is measured, how often, and where the system shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Whether there is a `power` section: then it is a problem when nothing can be measured.
    pub is_asked_for: bool,
    pub every: Span,
    pub sysfs: PathBuf,
    pub procfs: PathBuf,
    /// Those to be read; `None` is all that are there.
    pub meters: Option<Vec<Meter>>,
    /// What the host draws when it does nothing; `None` where it is to be found out.
    pub idle: Option<Watts>,
    /// What all processors together are made to draw at most, for `estimate`; `None` where it is guessed too.
    pub tdp: Option<Watts>,
    /// Above this mean of a minute somebody is told.
    pub warn_above: Option<Watts>,
    /// Those that are charged for what is measured.
    pub services: Vec<services::Service>,
    /// When less is to be spent without anybody asking for it.
    pub low_power: Option<Rule>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            is_asked_for: false,
            every: Span::seconds(1),
            sysfs: "/sys".into(),
            procfs: "/proc".into(),
            meters: None,
            idle: None,
            tdp: None,
            warn_above: None,
            services: Vec::new(),
            low_power: None,
        }
    }
}

impl Config {
    pub fn read(node: &Node, problems: &mut Vec<Problem>) -> Config {
        let mut config = Config { is_asked_for: true, ..Config::default() };
        let Some(mut fields) = Fields::of(node, "power", problems) else { return config };
        let place = fields.place_of("every").unwrap_or(&node.place);
        config.every = fields.read("every").unwrap_or(config.every);
        if !EVERY.contains(&config.every) {
            let what = format!("every {} is not from {} to {}", config.every, EVERY.start(), EVERY.end());
            fields.problems.push(Problem::error("every", what, "write 1s").at(place));
        }
        if let Some(path) = fields.text("sysfs") {
            config.sysfs = path.into();
        }
        if let Some(path) = fields.text("procfs") {
            config.procfs = path.into();
        }
        if let Some(meters) = fields.take("meters") {
            config.meters = wanted(meters, fields.problems);
        }
        config.idle = fields.read("idle_watts");
        config.tdp = fields.read("tdp");
        config.warn_above = fields.read("warn_above");
        if let Some(services) = fields.take("services") {
            config.services = services::services(services, fields.problems);
        }
        config.low_power = fields.take("low_power").and_then(|node| services::low_power(node, fields.problems));
        fields.done();
        config
    }

    /// Above what somebody is told, and of which host that is; one that does not say its name has none.
    pub fn limit(&self) -> Option<Limit> {
        self.warn_above.map(|watts| Limit { watts, host: self.host() })
    }

    /// What the host calls itself; empty where it does not say.
    pub fn host(&self) -> Box<str> {
        let name = fs::read_to_string(self.procfs.join("sys/kernel/hostname")).unwrap_or_default();
        name.trim().into()
    }
}

/// `auto`, or a list of meters.
fn wanted(node: &Node, problems: &mut Vec<Problem>) -> Option<Vec<Meter>> {
    let remedy = format!("write auto, or a list of {}", Meter::ALL.map(Meter::name).join(", "));
    let items = match &node.value {
        crate::yaml::Value::List(items) if !items.is_empty() => items,
        _ if node.text() == Some("auto") => return None,
        _ => {
            problems.push(Problem::error("meters", "\"meters\" is no list of meters", remedy).at(&node.place));
            return None;
        }
    };
    let meter = |item: &Node| {
        let found = Meter::ALL.into_iter().find(|meter| item.text() == Some(meter.name()));
        if found.is_none() {
            let what = format!("{:?} is no meter", item.text().unwrap_or_default());
            problems.push(Problem::error("meters", what, remedy.clone()).at(&item.place));
        }
        found
    };
    Some(items.iter().filter_map(meter).collect())
}

/// One kind of meter. It may open what it reads when it is made, and keep it open: a daemon may lose the right to open
/// it again. It looks for zones that come and go by itself.
trait Body: Send {
    /// Adds what every zone says now, or why it does not.
    fn read(&mut self, readings: &mut Readings);
}

/// All meters that are read.
pub struct Meters {
    bodies: Vec<Box<dyn Body>>,
    /// What was asked for and is not to be had on this system.
    missing: Vec<Silent>,
    watch: Stopwatch,
}

impl Meters {
    /// Opens what is there. Never fails: what cannot be read says so at each reading.
    ///
    /// | meter | where `meters` is `auto` |
    /// |---|---|
    /// | `rapl`, `ioreport` | read; without its counters it is quiet |
    /// | `hwmon`, `battery` | read; without known chips and batteries they are quiet |
    /// | `nvml` | read where NVIDIA's driver is |
    /// | `estimate` | read where there is a `power` section, and nothing of the host is measured or would be if it were let |
    ///
    /// What is there and cannot be read is told with a remedy, as is what is named and is not there.
    pub fn open(config: &Config) -> Meters {
        let mut meters = Meters { bodies: Vec::new(), missing: Vec::new(), watch: Stopwatch::started() };
        for meter in Meter::ALL {
            let is_named = config.meters.as_ref().is_some_and(|named| named.contains(&meter));
            let is_meant = match meter {
                Meter::Estimate => config.is_asked_for && meters.is_blind(), // it comes last of all
                _ => true,
            };
            if is_named || config.meters.is_none() && is_meant {
                let body = body(meter, config);
                meters.missing.extend((body.is_none() && is_named).then(|| missing(meter)));
                meters.bodies.extend(body);
            }
        }
        meters
    }

    /// Whether nothing tells what the host draws, nor would if it were let.
    fn is_blind(&mut self) -> bool {
        let is_of_host = |role: &Role| role.is_additive() || matches!(role, Role::Platform { .. });
        let readings = self.read();
        let hindered = |silent: &Silent| {
            silent.reason != Reason::NotFound && silent.zone.as_ref().is_none_or(|zone| is_of_host(&zone.role))
        };
        !readings.readings.iter().any(|reading| is_of_host(&reading.zone.role)) && !readings.silent.iter().any(hindered)
    }

    /// What all of them say now.
    pub fn read(&mut self) -> Readings {
        let at = Span::millis(i64::try_from(self.watch.elapsed().as_millis()).unwrap_or(i64::MAX));
        let mut readings = Readings { at, silent: self.missing.clone(), ..Readings::default() };
        for body in &mut self.bodies {
            body.read(&mut readings);
        }
        readings
    }
}

fn missing(meter: Meter) -> Silent {
    Silent {
        meter,
        zone: None,
        reason: Reason::NotFound,
        what: format!("this system has no {}", meter.name()),
        remedy: "remove it from power.meters".into(),
    }
}

/// The body of a meter on this system; `None` where it has none.
#[cfg(target_os = "linux")]
fn body(meter: Meter, config: &Config) -> Option<Box<dyn Body>> {
    match meter {
        Meter::Rapl => Some(Box::new(rapl::Rapl::open(config))),
        Meter::Ioreport => None,
        Meter::Hwmon => Some(Box::new(hwmon::Hwmon::open(config))),
        Meter::Battery => Some(Box::new(battery::Battery::open(config))),
        Meter::Nvml => Some(Box::new(nvml::Nvml::open(config)?)),
        Meter::Estimate => Some(Box::new(estimate::Estimate::open(config)?)),
    }
}

#[cfg(target_os = "macos")]
fn body(meter: Meter, _config: &Config) -> Option<Box<dyn Body>> {
    match meter {
        Meter::Ioreport => Some(Box::new(ioreport::Ioreport::open())),
        Meter::Rapl | Meter::Hwmon | Meter::Battery | Meter::Nvml | Meter::Estimate => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tempfile::TempDir;

    use super::*;
    use crate::energy::Method;
    use crate::io::power::trees::{put, tree};
    use crate::yaml;

    fn read(text: &str) -> Result<Config, Vec<String>> {
        let (documents, mut problems) = yaml::documents("burnwatch.yaml", text);
        let config = Config::read(&documents[0], &mut problems);
        if problems.is_empty() { Ok(config) } else { Err(problems.iter().map(Problem::to_string).collect()) }
    }

    #[test]
    fn a_section_says_what_is_measured_and_the_rest_has_its_default() {
        let config =
            read("{ every: 2s, meters: [rapl, estimate], idle_watts: 20, tdp: 65W, warn_above: 200W }").unwrap();
        let expected = Config {
            is_asked_for: true,
            every: Span::seconds(2),
            meters: Some(vec![Meter::Rapl, Meter::Estimate]),
            idle: Watts::new(20.0),
            tdp: Watts::new(65.0),
            warn_above: Watts::new(200.0),
            ..Config::default()
        };
        assert_eq!(config, expected);
        assert_eq!(read("{ meters: auto }").unwrap(), Config { is_asked_for: true, ..Config::default() });
    }

    #[test]
    fn a_meter_that_this_system_cannot_have_says_so_where_it_was_asked_for() {
        let other = if cfg!(target_os = "macos") { Meter::Rapl } else { Meter::Ioreport };
        let silent =
            |meters| Meters::open(&Config { meters, sysfs: "/nonexistent".into(), ..Config::default() }).read().silent;
        let told: Vec<String> = silent(Some(vec![other])).iter().map(Silent::to_string).collect();
        assert_eq!(told, [format!("this system has no {}; remove it from power.meters", other.name())]);
        assert!(!silent(None).iter().any(|silent| silent.meter == other));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_what_to_write() {
        let check = |text: &str, expected: &str| assert_eq!(read(text).unwrap_err(), [expected], "{text}");
        let meters = "write auto, or a list of rapl, ioreport, hwmon, battery, nvml, estimate";
        check("every: 1m", "burnwatch.yaml:1:1: every 1m is not from 100ms to 10s; write 1s");
        check("meters: [raple]", &format!("burnwatch.yaml:1:10: \"raple\" is no meter; {meters}"));
        check("meters: all", &format!("burnwatch.yaml:1:9: \"meters\" is no list of meters; {meters}"));
        check(
            "warn_above: 200A",
            "burnwatch.yaml:1:13: \"200A\" is not a power above 0; write watts such as 200W, 0.5W or 1.2kW",
        );
    }

    const STAT: (&str, &str) = ("stat", "cpu  100 0 0 100\ncpu0 100 0 0 100");
    const RAPL: (&str, &str) = ("class/powercap/intel-rapl:0/name", "package-0");
    const SERVER: (&str, &str) = ("class/hwmon/hwmon0/name", "power_meter");
    const CARD: (&str, &str) = ("class/hwmon/hwmon0/name", "amdgpu");
    const POWER: (&str, &str) = ("class/hwmon/hwmon0/power1_average", "5000000");
    const BATTERY: (&str, &str) = ("class/power_supply/BAT0/type", "Battery");

    fn config(host: &TempDir, meters: Option<Vec<Meter>>) -> Config {
        let path = || host.path().to_path_buf();
        Config { is_asked_for: true, sysfs: path(), procfs: path(), meters, ..Config::default() }
    }

    /// The meters that say something of `host`, and those that say why they do not, once the CPUs have worked.
    fn said(host: &TempDir, config: &Config) -> (Vec<Meter>, Vec<(Meter, Reason)>) {
        let mut meters = Meters::open(config);
        put(host, "stat", "cpu  200 0 0 200\ncpu0 200 0 0 200");
        let readings = meters.read();
        let said = readings.readings.iter().map(|reading| reading.zone.meter).collect();
        let quiet = |silent: &Silent| silent.meter == Meter::Nvml || silent.reason == Reason::NotFound;
        let told = readings.silent.iter().filter(|silent| config.meters.is_some() || !quiet(silent));
        (said, told.map(|silent| (silent.meter, silent.reason)).collect())
    }

    fn check(files: &[(&str, &str)], meters: Option<&[Meter]>, says: &[Meter], told: &[(Meter, Reason)]) {
        let host = tree(files);
        let found = said(&host, &config(&host, meters.map(<[Meter]>::to_vec)));
        assert_eq!(found, (says.to_vec(), told.to_vec()), "{files:?}");
    }

    #[test]
    fn everything_that_is_there_is_read_and_nothing_guessed_beside_it() {
        let counter = ("class/powercap/intel-rapl:0/energy_uj", "5");
        check(&[STAT, RAPL, counter, SERVER, POWER], None, &[Meter::Rapl, Meter::Hwmon], &[]);
        check(&[STAT, SERVER, POWER], None, &[Meter::Hwmon], &[]);
    }

    #[test]
    fn a_guess_is_made_where_nothing_tells_of_the_host() {
        check(&[STAT], None, &[Meter::Estimate], &[]);
        check(&[STAT, CARD, POWER], None, &[Meter::Hwmon, Meter::Estimate], &[]);
        let host = tree(&[STAT]);
        let readings = Meters::open(&config(&host, None)).read();
        assert!(readings.readings.iter().all(|reading| reading.zone.method == Method::Estimated));
    }

    #[test]
    fn nothing_is_guessed_where_nobody_asked_for_power() {
        let host = tree(&[STAT]);
        assert_eq!(said(&host, &Config { is_asked_for: false, ..config(&host, None) }), (vec![], vec![]));
    }

    #[test]
    fn nothing_is_guessed_where_a_meter_is_hindered_and_why_is_told() {
        let unreadable = ("class/powercap/intel-rapl:0/energy_uj/a_directory", "");
        check(&[STAT, RAPL, unreadable], None, &[], &[(Meter::Rapl, Reason::Io)]);
        let charging = ("class/power_supply/BAT0/status", "Charging");
        check(&[STAT, BATTERY, charging], None, &[], &[(Meter::Battery, Reason::Idle)]);
        let garbage = ("class/hwmon/hwmon0/power1_average", "garbage");
        check(&[STAT, SERVER, garbage], None, &[], &[(Meter::Hwmon, Reason::Parse)]);
    }

    #[test]
    fn of_named_meters_only_those_are_read_and_each_that_is_not_there_is_told() {
        check(&[STAT, SERVER, POWER], Some(&[Meter::Estimate]), &[Meter::Estimate], &[]);
        let absent = [Meter::Ioreport, Meter::Hwmon, Meter::Battery];
        check(&[STAT], Some(&absent), &[], &absent.map(|meter| (meter, Reason::NotFound)));
    }
}
