//! The host's meters: files and libraries become readings. Which there are on this system is decided here and nowhere
//! else; what the numbers add up to is never known here.

mod number;
mod rapl;

use std::fs;
use std::path::PathBuf;

use crate::energy::{Limit, Meter, Readings, Reason, Silent};
use crate::io::clock::Stopwatch;
use crate::units::{Problem, Span, Watts};
use crate::yaml::{Fields, Node};

use rapl::Rapl;

/// The bounds of `every`. Counters are renewed every millisecond or so, and must be read several times before they wrap
/// once: at 2 kW the smallest does in 32 s.
const EVERY: std::ops::RangeInclusive<Span> = Span::millis(100)..=Span::seconds(10);

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
    /// Above this mean of a minute somebody is told.
    pub warn_above: Option<Watts>,
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
            warn_above: None,
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
        config.warn_above = fields.read("warn_above");
        fields.done();
        config
    }

    /// Above what somebody is told, and of which host that is; one that does not say its name has none.
    pub fn limit(&self) -> Option<Limit> {
        let host = || fs::read_to_string(self.procfs.join("sys/kernel/hostname")).unwrap_or_default();
        self.warn_above.map(|watts| Limit { watts, host: host().trim().into() })
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
    pub fn open(config: &Config) -> Meters {
        let mut meters = Meters { bodies: Vec::new(), missing: Vec::new(), watch: Stopwatch::started() };
        for meter in Meter::ALL {
            let is_wanted = config.meters.as_ref().is_none_or(|wanted| wanted.contains(&meter));
            if !is_wanted {
                continue;
            }
            match body(meter, config) {
                Some(body) => meters.bodies.push(body),
                None if config.meters.is_some() => meters.missing.push(missing(meter)),
                None => {}
            }
        }
        meters
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
fn body(meter: Meter, config: &Config) -> Option<Box<dyn Body>> {
    match meter {
        Meter::Rapl if cfg!(target_os = "linux") => Some(Box::new(Rapl::open(config))),
        Meter::Rapl | Meter::Ioreport | Meter::Hwmon | Meter::Battery | Meter::Nvml | Meter::Estimate => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::yaml;

    fn read(text: &str) -> Result<Config, Vec<String>> {
        let (documents, mut problems) = yaml::documents("burnwatch.yaml", text);
        let config = Config::read(&documents[0], &mut problems);
        if problems.is_empty() { Ok(config) } else { Err(problems.iter().map(Problem::to_string).collect()) }
    }

    #[test]
    fn a_section_says_what_is_measured_and_the_rest_has_its_default() {
        let config = read("{ every: 2s, meters: [rapl, estimate], idle_watts: 20, warn_above: 200W }").unwrap();
        let expected = Config {
            is_asked_for: true,
            every: Span::seconds(2),
            meters: Some(vec![Meter::Rapl, Meter::Estimate]),
            idle: Watts::new(20.0),
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
}
