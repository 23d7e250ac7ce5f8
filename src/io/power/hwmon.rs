//! The sensors of power and energy that Linux shows under `class/hwmon`: power meters of servers, graphics cards, a few
//! boards. Which chips are understood is told by `energy::chips`; what the numbers add up to is never known here.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::energy::chips::{self, Quantity, Sensor};
use crate::energy::{Meter, Method, Reading, Readings, Reason, Role, Said, Zone};
use crate::io::power::number::{Number, Unread};
use crate::io::power::{Body, Config};
use crate::units::{Microjoules, Span, Watts};

/// How often chips are looked for that came or went.
const LOOK_EVERY: Span = Span::seconds(60);

/// In watts: no sensor of one machine measures more. What is above is a driver's error told as a number.
const MOST: f64 = 100_000.0;

/// The sensors that are there, their files open.
pub struct Hwmon {
    class: PathBuf,
    is_asked_for: bool,
    sensors: Vec<Open>,
    /// Why they could not be looked for.
    trouble: Option<Unread>,
    looked: Span,
}

struct Open {
    zone: Arc<Zone>,
    value: Value,
    /// What turned it off; `None` while it is on.
    off: Option<PathBuf>,
}

/// Where its number is.
enum Value {
    Microjoules(Number),
    Microwatts(Number),
    MillivoltsAndMilliamperes(Number, Number),
}

impl Hwmon {
    pub fn open(config: &Config) -> Hwmon {
        let class = config.sysfs.join("class/hwmon");
        let is_asked_for = config.meters.is_some();
        let mut hwmon = Hwmon { class, is_asked_for, sensors: Vec::new(), trouble: None, looked: Span::ZERO };
        hwmon.look();
        hwmon
    }

    /// Looks for sensors; those that are known stay open.
    fn look(&mut self) {
        let found = found(&self.class);
        let unknown = || Unread { reason: Reason::NotFound, what: format!("{}: no known chip", self.class.display()) };
        self.trouble = match &found {
            Err(trouble) if self.is_asked_for || trouble.reason != Reason::NotFound => Some(trouble.clone()),
            Ok(found) if self.is_asked_for && found.is_empty() => Some(unknown()),
            _ => None,
        };
        let mut known = std::mem::take(&mut self.sensors);
        for mut found in found.unwrap_or_default() {
            if let Role::Platform { id } = &mut found.role {
                let others = self.sensors.iter().filter(|sensor| matches!(sensor.zone.role, Role::Platform { .. }));
                *id = u32::try_from(others.count()).unwrap_or(u32::MAX);
            }
            let zone = found.zone();
            let open = known.iter().position(|sensor| *sensor.zone == zone).map(|index| known.swap_remove(index));
            let open = open.unwrap_or_else(|| Open { zone: Arc::new(zone), value: found.value(), off: None });
            self.sensors.push(Open { off: found.off, ..open });
        }
    }
}

impl Body for Hwmon {
    fn read(&mut self, readings: &mut Readings) {
        if readings.at - self.looked >= LOOK_EVERY {
            self.look();
            self.looked = readings.at;
        }
        readings.silent.extend(self.trouble.clone().map(|trouble| trouble.silent(Meter::Hwmon, None)));
        for sensor in &mut self.sensors {
            match sensor.said() {
                Ok(said) => readings.readings.push(Reading { zone: sensor.zone.clone(), said }),
                Err(unread) => readings.silent.push(unread.silent(Meter::Hwmon, Some(&sensor.zone))),
            }
        }
    }
}

impl Open {
    fn said(&mut self) -> Result<Said, Unread> {
        if let Some(off) = &self.off {
            let what = format!("{}: the sensor is turned off; write 1 there", off.display());
            return Err(Unread { reason: Reason::Idle, what });
        }
        match &mut self.value {
            Value::Microjoules(counter) => {
                let counter = Microjoules::new(counter.read()?);
                Ok(Said::Energy { counter, range: None })
            }
            Value::Microwatts(power) => watts(power.read::<i64>()? as f64, power),
            Value::MillivoltsAndMilliamperes(voltage, current) => {
                watts(voltage.read::<i64>()? as f64 * current.read::<i64>()? as f64, current)
            }
        }
    }
}

/// Refuses what no machine draws.
fn watts(microwatts: f64, of: &Number) -> Result<Said, Unread> {
    let watts = Watts::new(microwatts / 1e6).filter(|watts| watts.get() <= MOST);
    watts.map(Said::Power).ok_or_else(|| {
        let what = format!("{}: says {microwatts} µW, which no machine draws", of.path().display());
        Unread { reason: Reason::Parse, what }
    })
}

/// A sensor that is understood.
struct Found {
    id: String,
    role: Role,
    quantity: Quantity,
    index: u32,
    /// The directory of its files.
    home: PathBuf,
    off: Option<PathBuf>,
}

impl Found {
    fn zone(&self) -> Zone {
        let method = match self.quantity {
            Quantity::Energy => Method::Counter,
            Quantity::Average | Quantity::Power | Quantity::VoltsAndAmperes => Method::Integrated,
        };
        Zone { meter: Meter::Hwmon, id: self.id.clone(), role: self.role.clone(), method }
    }

    fn value(&self) -> Value {
        let file = |kind: &str, what: &str| Number::open(self.home.join(format!("{kind}{}_{what}", self.index)));
        match self.quantity {
            Quantity::Energy => Value::Microjoules(file("energy", "input")),
            Quantity::Average => Value::Microwatts(file("power", "average")),
            Quantity::Power => Value::Microwatts(file("power", "input")),
            Quantity::VoltsAndAmperes => Value::MillivoltsAndMilliamperes(file("in", "input"), file("curr", "input")),
        }
    }
}

/// Every sensor below `class` that is understood, in the order of the chips.
fn found(class: &Path) -> Result<Vec<Found>, Unread> {
    let mut chips: Vec<PathBuf> = fs::read_dir(class)
        .map_err(|error| Unread::of(class, &error))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    chips.sort_by_key(|chip| (chip.as_os_str().len(), chip.clone())); // hwmon9 before hwmon10
    Ok(chips.iter().flat_map(|chip| sensors(chip)).collect())
}

/// The sensors of one chip, the best of each role. Older drivers keep their files in the directory of the device.
fn sensors(chip: &Path) -> Vec<Found> {
    let homes = [chip.to_path_buf(), chip.join("device")];
    let Some(name) = homes.iter().find_map(|home| text(&home.join("name"))) else { return Vec::new() };
    let place = file_name(chip);
    let device = fs::canonicalize(&homes[1]).ok().map_or_else(|| place.clone(), |device| file_name(&device));
    let sensor = |home: &Path, file: &str| {
        let (kind, index, quantity) = quantity(file)?;
        let told = |what: &str| text(&home.join(format!("{kind}{index}_{what}")));
        if told("is_battery").as_deref() == Some("1") {
            return None; // of an uninterruptible supply: power in or out of it, not of the machine
        }
        let label = told(if name == "power_meter" { "oem_info" } else { "label" }).unwrap_or_default();
        let role = chips::role(Sensor { chip: &name, device: &device, quantity, label: &label })?;
        let off = (told("enable").as_deref() == Some("0")).then(|| home.join(format!("{kind}{index}_enable")));
        Some(Found { id: format!("{name}:{place}:{kind}{index}"), role, quantity, index, home: home.into(), off })
    };
    let mut sensors: Vec<Found> =
        homes.iter().flat_map(|home| files(home).into_iter().filter_map(|file| sensor(home, &file))).collect();
    sensors.sort_by_key(|sensor| (sensor.off.is_some(), sensor.quantity, sensor.index));
    let mut best: Vec<Found> = Vec::new();
    for sensor in sensors {
        if best.iter().all(|other| other.role != sensor.role) {
            best.push(sensor);
        }
    }
    best
}

/// What `power1_average` and its like tell.
fn quantity(file: &str) -> Option<(&'static str, u32, Quantity)> {
    const KINDS: [(&str, &str, Quantity); 4] = [
        ("energy", "_input", Quantity::Energy),
        ("power", "_average", Quantity::Average),
        ("power", "_input", Quantity::Power),
        ("in", "_input", Quantity::VoltsAndAmperes),
    ];
    KINDS.into_iter().find_map(|(kind, suffix, quantity)| {
        let index = file.strip_prefix(kind)?.strip_suffix(suffix)?.parse().ok()?;
        Some((kind, index, quantity))
    })
}

fn text(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_string())
}

fn files(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tempfile::TempDir;

    use super::*;
    use crate::io::power::trees::{put, tree};

    fn meter(tree: &TempDir) -> Hwmon {
        Hwmon::open(&Config { sysfs: tree.path().into(), ..Config::default() })
    }

    /// What each zone says, or the reason why it does not, at `second`.
    fn read(hwmon: &mut Hwmon, second: i64) -> Vec<(String, Result<Said, Reason>)> {
        let mut readings = Readings { at: Span::seconds(second), ..Readings::default() };
        hwmon.read(&mut readings);
        let said = readings.readings.into_iter().map(|reading| (reading.zone.to_string(), Ok(reading.said)));
        let name = |zone: Option<Arc<Zone>>| zone.map_or("hwmon".into(), |zone| zone.to_string());
        said.chain(readings.silent.into_iter().map(|silent| (name(silent.zone), Err(silent.reason)))).collect()
    }

    fn check(files: &[(&str, &str)], expected: &[(&str, Result<Said, Reason>)]) {
        let files: Vec<(String, &str)> =
            files.iter().map(|(path, text)| (format!("class/hwmon/{path}"), *text)).collect();
        let tree = tree(&files.iter().map(|(path, text)| (&**path, *text)).collect::<Vec<_>>());
        let said = read(&mut meter(&tree), 0);
        let said: Vec<(&str, Result<Said, Reason>)> = said.iter().map(|(zone, said)| (&**zone, said.clone())).collect();
        assert_eq!(said, expected, "{files:?}");
    }

    fn watts(watts: f64) -> Result<Said, Reason> {
        Ok(Said::Power(Watts::new(watts).unwrap()))
    }

    fn energy(microjoules: u64) -> Result<Said, Reason> {
        Ok(Said::Energy { counter: Microjoules::new(microjoules), range: None })
    }

    #[test]
    fn a_server_is_what_its_power_meters_say_wherever_their_files_are() {
        let files = [
            ("hwmon2/name", "power_meter"),
            ("hwmon2/power1_average", "250000000"),
            ("hwmon2/power1_average_interval", "1000"),
            ("hwmon10/name", "power_meter"),
            ("hwmon10/device/power1_average", "50500000"),
            ("hwmon11/device/name", "power_meter"),
            ("hwmon11/device/power1_average", "1"),
            ("hwmon12/name", "power_meter"),
            ("hwmon12/power1_average", "9000000"),
            ("hwmon12/power1_is_battery", "1"),
        ];
        let expected = [
            ("hwmon (power_meter:hwmon2:power1)", watts(250.0)),
            ("hwmon-1 (power_meter:hwmon10:power1)", watts(50.5)),
            ("hwmon-2 (power_meter:hwmon11:power1)", watts(0.000_001)),
        ];
        check(&files, &expected);
    }

    #[test]
    fn of_one_role_a_chip_tells_energy_before_average_before_power() {
        let mut files = vec![
            ("hwmon0/name", "amdgpu"),
            ("hwmon0/power1_input", "30000000"),
            ("hwmon0/power1_label", "PPT"),
            ("hwmon0/in0_input", "900"),
            ("hwmon0/curr0_input", "900"),
        ];
        check(&files, &[("gpu-hwmon0 (amdgpu:hwmon0:power1)", watts(30.0))]);
        files.push(("hwmon0/power2_average", "31000000"));
        check(&files, &[("gpu-hwmon0 (amdgpu:hwmon0:power2)", watts(31.0))]);
        files.extend([("hwmon0/energy2_input", "7"), ("hwmon0/energy1_input", "6")]);
        check(&files, &[("gpu-hwmon0 (amdgpu:hwmon0:energy1)", energy(6))]);
    }

    #[test]
    fn sockets_of_zen_are_packages_and_their_cores_are_left_out() {
        let files = [
            ("hwmon0/name", "amd_energy"),
            ("hwmon0/energy1_input", "100"),
            ("hwmon0/energy1_label", "Ecore000"),
            ("hwmon0/energy2_input", "2000"),
            ("hwmon0/energy2_label", "Esocket0"),
            ("hwmon0/energy3_input", "3000"),
            ("hwmon0/energy3_label", "Esocket1"),
        ];
        let expected = [
            ("package-0 (amd_energy:hwmon0:energy2)", energy(2_000)),
            ("package-1 (amd_energy:hwmon0:energy3)", energy(3_000)),
        ];
        check(&files, &expected);
    }

    #[test]
    fn volts_times_amperes_only_where_the_rail_is_the_supply_of_the_board() {
        let files = [
            ("hwmon0/name", "ina3221"),
            ("hwmon0/in1_label", "VDD_IN"),
            ("hwmon0/in1_input", "5000"),
            ("hwmon0/curr1_input", "1500"),
            ("hwmon0/in2_label", "VDD_SOC"),
            ("hwmon0/in2_input", "5000"),
            ("hwmon0/curr2_input", "700"),
            ("hwmon1/name", "coretemp"),
            ("hwmon1/power1_input", "5"),
            ("hwmon2/power1_input", "5"),
        ];
        check(&files, &[("hwmon (ina3221:hwmon0:in1)", watts(7.5))]);
    }

    #[test]
    fn what_is_no_power_is_never_told_as_none() {
        let wrong = ["", "garbage", "-5000000", "100000000001", "18446744073709551615", "1.5", "0x10"];
        for text in wrong {
            let files = [("hwmon0/name", "power_meter"), ("hwmon0/power1_average", text)];
            check(&files, &[("hwmon (power_meter:hwmon0:power1)", Err(Reason::Parse))]);
            let files = [("hwmon0/name", "i915"), ("hwmon0/energy1_input", if text.len() == 20 { "-1" } else { text })];
            if text.len() != 12 {
                check(&files, &[("gpu-hwmon0 (i915:hwmon0:energy1)", Err(Reason::Parse))]);
            }
        }
        let files = [("hwmon0/name", "power_meter"), ("hwmon0/power1_average/a_directory", "")];
        check(&files, &[("hwmon (power_meter:hwmon0:power1)", Err(Reason::Io))]);
        let off = [("hwmon0/name", "power_meter"), ("hwmon0/power1_average", "0"), ("hwmon0/power1_enable", "0")];
        check(&off, &[("hwmon (power_meter:hwmon0:power1)", Err(Reason::Idle))]);
    }

    #[test]
    fn without_chips_it_is_quiet_unless_it_was_asked_for() {
        check(&[], &[]);
        check(&[("hwmon0/name", "nvme"), ("hwmon0/temp1_input", "30000")], &[]);
        let tree = tree(&[]);
        let meters = Some(vec![Meter::Hwmon]);
        let mut asked = Hwmon::open(&Config { sysfs: tree.path().into(), meters, ..Config::default() });
        assert_eq!(read(&mut asked, 0), [("hwmon".into(), Err(Reason::NotFound))]);
        put(&tree, "class/hwmon/hwmon0/name", "nvme");
        assert_eq!(read(&mut asked, 60), [("hwmon".into(), Err(Reason::NotFound))]);
    }

    #[test]
    fn chips_that_come_and_go_are_followed_and_a_value_is_not_kept_for_them() {
        const ZONE: &str = "hwmon (power_meter:hwmon0:power1)";
        let tree = tree(&[("class/hwmon/hwmon0/name", "power_meter")]);
        let mut hwmon = meter(&tree);
        assert_eq!(read(&mut hwmon, 0), []);
        put(&tree, "class/hwmon/hwmon0/power1_average", "7000000");
        assert_eq!(read(&mut hwmon, 59), []);
        assert_eq!(read(&mut hwmon, 60), [(ZONE.into(), watts(7.0))]);
        put(&tree, "class/hwmon/hwmon0/power1_average", "8000000");
        assert_eq!(read(&mut hwmon, 61), [(ZONE.into(), watts(8.0))]);
        fs::remove_file(tree.path().join("class/hwmon/hwmon0/power1_average")).unwrap();
        assert_eq!(read(&mut hwmon, 62), [(ZONE.into(), Err(Reason::NotFound))]);
        put(&tree, "class/hwmon/hwmon0/power1_average", "9000000");
        assert_eq!(read(&mut hwmon, 63), [(ZONE.into(), watts(9.0))]);
        fs::remove_dir_all(tree.path().join("class/hwmon/hwmon0")).unwrap();
        assert_eq!(read(&mut hwmon, 120), []);
    }

    #[test]
    fn a_sensor_that_is_known_stays_open_while_chips_are_looked_for() {
        let tree = tree(&[("class/hwmon/hwmon0/name", "xe"), ("class/hwmon/hwmon0/energy2_input", "5")]);
        let mut hwmon = meter(&tree);
        let zone = hwmon.sensors[0].zone.clone();
        read(&mut hwmon, 60);
        assert!(Arc::ptr_eq(&zone, &hwmon.sensors[0].zone));
    }

    #[test]
    fn a_graphics_card_is_named_for_its_device() {
        let tree = tree(&[("devices/0000:03:00.0/power_state", "D0"), ("class/hwmon/hwmon0/name", "amdgpu")]);
        put(&tree, "class/hwmon/hwmon0/power1_average", "5000000");
        let link = tree.path().join("class/hwmon/hwmon0/device");
        std::os::unix::fs::symlink(tree.path().join("devices/0000:03:00.0"), link).unwrap();
        let role = Role::Gpu { gpu: "0000:03:00.0".into() };
        assert_eq!(meter(&tree).sensors[0].zone.role, role);
    }
}
