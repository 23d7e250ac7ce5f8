//! The batteries of a laptop: what leaves them is what the whole machine draws, but only while nothing else feeds it.
//! Never knows what the machine does with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::energy::{Meter, Method, Reading, Readings, Reason, Role, Said, Zone};
use crate::io::power::number::{Number, Unread};
use crate::io::power::{Body, Config};
use crate::units::Watts;

/// In watts: no laptop draws more. What is above is a driver's error told as a number.
const MOST: f64 = 1_000.0;

/// All batteries together. Their files are open to everyone, so they are looked for at each reading.
pub struct Battery {
    class: PathBuf,
    is_asked_for: bool,
    zone: Arc<Zone>,
}

impl Battery {
    pub fn open(config: &Config) -> Battery {
        let role = Role::Platform { id: 0 };
        let zone = Zone { meter: Meter::Battery, id: "power_supply".into(), role, method: Method::Integrated };
        let class = config.sysfs.join("class/power_supply");
        Battery { class, is_asked_for: config.meters.is_some(), zone: Arc::new(zone) }
    }
}

impl Body for Battery {
    fn read(&mut self, readings: &mut Readings) {
        match power(&self.class) {
            Ok(Some(power)) => {
                readings.readings.push(Reading { zone: self.zone.clone(), said: Said::Power(power) });
            }
            Ok(None) if self.is_asked_for => {
                let what = format!("{}: no battery", self.class.display());
                readings.silent.push(Unread { reason: Reason::NotFound, what }.silent(Meter::Battery, None));
            }
            Ok(None) => {}
            Err(unread) => readings.silent.push(unread.silent(Meter::Battery, Some(&self.zone))),
        }
    }
}

/// What all batteries below `class` give; `None` where there are none.
fn power(class: &Path) -> Result<Option<Watts>, Unread> {
    let supplies = match fs::read_dir(class) {
        Ok(entries) => entries.filter_map(|entry| entry.ok().map(|entry| entry.path())),
        Err(error) => {
            let unread = Unread::of(class, &error);
            return if unread.reason == Reason::NotFound { Ok(None) } else { Err(unread) };
        }
    };
    let mut batteries: Vec<PathBuf> = supplies.filter(|supply| is_of_the_system(supply)).collect();
    batteries.sort();
    if batteries.is_empty() {
        return Ok(None);
    }
    let mut discharging = Vec::new();
    let mut others = Vec::new();
    for battery in &batteries {
        let status = text(battery, "status")?;
        match &*status {
            "Discharging" => discharging.push(battery),
            "Charging" => return Err(fed(battery, &status)),
            _ => others.push((battery, status)), // one of two that rests while the other gives
        }
    }
    match others.first() {
        Some((battery, status)) if discharging.is_empty() => Err(fed(battery, status)),
        _ => discharging.into_iter().map(|battery| given(battery)).sum::<Result<Watts, Unread>>().map(Some),
    }
}

/// A battery that is there, and not that of a mouse.
fn is_of_the_system(supply: &Path) -> bool {
    let says = |name: &str, wanted: &str| text(supply, name).is_ok_and(|text| text == wanted);
    says("type", "Battery") && !says("scope", "Device") && !says("present", "0")
}

fn fed(battery: &Path, status: &str) -> Unread {
    let what =
        format!("{}: says {status:?}; it tells what the machine draws only while discharging", battery.display());
    Unread { reason: Reason::Idle, what }
}

/// What one battery gives. Some drivers tell it as a negative number; some tell current and voltage instead.
fn given(battery: &Path) -> Result<Watts, Unread> {
    let number = |name: &str| Number::open(battery.join(name)).read::<i64>().map(|micro| micro as f64 / 1e6);
    let watts = match number("power_now") {
        Err(Unread { reason: Reason::NotFound, .. }) => number("current_now")? * number("voltage_now")?,
        told => told?,
    };
    Watts::new(watts.abs()).filter(|watts| watts.get() <= MOST).ok_or_else(|| {
        let what = format!("{}: says {watts} W, which no laptop draws", battery.display());
        Unread { reason: Reason::Parse, what }
    })
}

fn text(battery: &Path, name: &str) -> Result<String, Unread> {
    let path = battery.join(name);
    let text = fs::read_to_string(&path).map_err(|error| Unread::of(&path, &error))?;
    Ok(text.trim().to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::io::power::trees::{put, tree};

    /// A laptop with these files of its batteries.
    fn said(files: &[(&str, &str)]) -> Result<Option<f64>, Reason> {
        let tree = tree(&[("AC/type", "Mains"), ("AC/online", "0")]);
        for (path, text) in files {
            let (battery, _) = path.split_once('/').unwrap();
            put(&tree, &format!("{battery}/type"), "Battery");
            put(&tree, path, text);
        }
        power(tree.path()).map(|power| power.map(Watts::get)).map_err(|unread| unread.reason)
    }

    fn check(files: &[(&str, &str)], expected: Result<Option<f64>, Reason>) {
        assert_eq!(said(files), expected, "{files:?}");
    }

    const GIVES: (&str, &str) = ("BAT0/status", "Discharging");

    #[test]
    fn what_a_discharging_battery_gives_is_what_the_machine_draws() {
        check(&[GIVES, ("BAT0/power_now", "9300000")], Ok(Some(9.3)));
        check(&[GIVES, ("BAT0/power_now", "-9300000")], Ok(Some(9.3)));
        check(&[GIVES, ("BAT0/current_now", "500000"), ("BAT0/voltage_now", "12000000")], Ok(Some(6.0)));
        check(&[GIVES, ("BAT0/current_now", "-500000"), ("BAT0/voltage_now", "12000000")], Ok(Some(6.0)));
    }

    #[test]
    fn several_batteries_are_added_and_one_may_rest() {
        let both =
            [GIVES, ("BAT0/power_now", "6000000"), ("BAT1/status", "Discharging"), ("BAT1/power_now", "1000000")];
        check(&both, Ok(Some(7.0)));
        let one = [GIVES, ("BAT0/power_now", "6000000"), ("BAT1/status", "Not charging"), ("BAT1/power_now", "0")];
        check(&one, Ok(Some(6.0)));
    }

    #[test]
    fn a_fed_machine_is_not_known_and_draws_not_nothing() {
        for status in ["Charging", "Full", "Not charging", "Unknown", ""] {
            check(&[("BAT0/status", status), ("BAT0/power_now", "0")], Err(Reason::Idle));
        }
        let mixed = [GIVES, ("BAT0/power_now", "6000000"), ("BAT1/status", "Charging"), ("BAT1/power_now", "6000000")];
        check(&mixed, Err(Reason::Idle));
    }

    #[test]
    fn what_is_no_power_is_told_as_such() {
        for text in ["", "garbage", "1000000001", "-99999999999", "99999999999999999999"] {
            check(&[GIVES, ("BAT0/power_now", text)], Err(Reason::Parse));
        }
        check(&[GIVES], Err(Reason::NotFound));
        check(&[GIVES, ("BAT0/current_now", "500000")], Err(Reason::NotFound));
        check(&[GIVES, ("BAT0/power_now/a_directory", "")], Err(Reason::Io));
        check(&[("BAT0/power_now", "5")], Err(Reason::NotFound));
        let half = [GIVES, ("BAT0/power_now", "6000000"), ("BAT1/status", "Discharging")];
        check(&half, Err(Reason::NotFound));
    }

    #[test]
    fn the_battery_of_a_mouse_and_an_empty_bay_are_no_batteries_of_the_machine() {
        check(&[("hidpp/status", "Discharging"), ("hidpp/scope", "Device"), ("hidpp/power_now", "5")], Ok(None));
        check(&[("BAT1/status", "Unknown"), ("BAT1/present", "0")], Ok(None));
        check(&[], Ok(None));
    }

    #[test]
    fn it_comes_and_goes_with_its_plug() {
        let tree =
            tree(&[("class/power_supply/BAT0/type", "Battery"), ("class/power_supply/BAT0/power_now", "5000000")]);
        let config = Config { sysfs: tree.path().into(), ..Config::default() };
        let mut battery = Battery::open(&config);
        let mut read = |status: &str| {
            put(&tree, "class/power_supply/BAT0/status", status);
            let mut readings = Readings::default();
            battery.read(&mut readings);
            let said: Vec<Said> = readings.readings.into_iter().map(|reading| reading.said).collect();
            (said, readings.silent.into_iter().map(|silent| silent.reason).collect::<Vec<_>>())
        };
        let gives = (vec![Said::Power(Watts::new(5.0).unwrap())], vec![]);
        assert_eq!(read("Discharging"), gives);
        assert_eq!(read("Charging"), (vec![], vec![Reason::Idle]));
        assert_eq!(read("Discharging"), gives);
    }

    #[test]
    fn a_machine_without_one_is_quiet_unless_it_was_asked_for() {
        let tree = tree(&[]);
        let check = |meters, expected: &[Reason]| {
            let mut readings = Readings::default();
            Battery::open(&Config { sysfs: tree.path().into(), meters, ..Config::default() }).read(&mut readings);
            let reasons: Vec<Reason> = readings.silent.iter().map(|silent| silent.reason).collect();
            assert_eq!((&*reasons, readings.readings.len()), (expected, 0));
        };
        check(None, &[]);
        check(Some(vec![Meter::Battery]), &[Reason::NotFound]);
    }
}
