//! Which sensors of which hwmon chips measure what part of a host. Only chips whose place in the machine is known are
//! here: a rail of an unknown place would be counted twice or for the wrong thing. Knows names and labels, no files.

use crate::energy::Role;

/// How a sensor says what it measures, best first: a counter misses nothing, an average less than an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantity {
    /// `energyN_input`, microjoules.
    Energy,
    /// `powerN_average`, microwatts.
    Average,
    /// `powerN_input`, microwatts.
    Power,
    /// `inN_input` times `currN_input`, millivolts and milliamperes.
    VoltsAndAmperes,
}

/// A sensor as its chip names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sensor<'a> {
    /// The content of the chip's `name`.
    pub chip: &'a str,
    /// The device the chip belongs to, such as `0000:03:00.0`.
    pub device: &'a str,
    pub quantity: Quantity,
    /// The content of the sensor's label (`powerN_oem_info` of an ACPI power meter); empty where it has none.
    pub label: &'a str,
}

/// What a sensor measures; `None` where that is not known, or where another sensor of its chip says it better.
///
/// | chip | sensor | what it is | source |
/// |---|---|---|---|
/// | `power_meter` | unlabelled | the whole machine | ACPI 6.5, section 10.4 |
/// | `power_meter` | `Module`, `Grace`, `CPU`, `SysIO Power Socket N` | NVIDIA Grace: module, socket, its cores, the rest of it | NVIDIA Grace Performance Tuning Guide, power telemetry |
/// | `corsairpsu` | `power total` | what the power supply delivers | kernel, Documentation/hwmon/corsair-psu.rst |
/// | `ina3221` | `VDD_IN`, `POM_5V_IN` | the supply of a Jetson module | NVIDIA Jetson Linux Developer Guide |
/// | `amd_energy`, `zenergy` | `EsocketN` | the package, as RAPL has it | kernel 5.8, Documentation/hwmon/amd_energy.rst |
/// | `apm_xgene` | `CPU power` | the processor | kernel, drivers/hwmon/xgene-hwmon.c |
/// | `amdgpu`, `nouveau`, `i915`, `xe` | the first | a GPU; of `xe` the card before its package | kernel, sysfs-driver-intel-xe-hwmon |
pub fn role(sensor: Sensor) -> Option<Role> {
    let direct = sensor.quantity != Quantity::VoltsAndAmperes;
    match (sensor.chip, sensor.label) {
        ("power_meter", label) if direct => Some(acpi(label)),
        ("corsairpsu", "power total") if direct => Some(Role::Platform { id: 0 }),
        ("ina3221", "VDD_IN" | "POM_5V_IN") => Some(Role::Platform { id: 0 }),
        ("amd_energy" | "zenergy", label) if sensor.quantity == Quantity::Energy => {
            Some(Role::Package { socket: numbered(label, "Esocket")?, die: None })
        }
        ("apm_xgene", "CPU power") => Some(Role::Package { socket: 0, die: None }),
        ("amdgpu" | "nouveau" | "i915" | "xe", _) if direct => Some(Role::Gpu { gpu: sensor.device.into() }),
        _ => None,
    }
}

/// A power meter is of the machine unless it names a part of a socket.
fn acpi(label: &str) -> Role {
    let (part, socket) = label.rsplit_once(" Power Socket ").unwrap_or((label, ""));
    match (part, socket.parse()) {
        ("Grace", Ok(socket)) => Role::Package { socket, die: None },
        ("CPU", Ok(socket)) => Role::Core { socket, die: None },
        ("SysIO", Ok(socket)) => Role::Uncore { socket, die: None },
        (_, socket) => Role::Platform { id: socket.unwrap_or(0) },
    }
}

/// The number after `prefix`.
fn numbered(label: &str, prefix: &str) -> Option<u32> {
    label.strip_prefix(prefix)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(chip: &str, quantity: Quantity, label: &str, expected: Option<Role>) {
        let sensor = Sensor { chip, device: "0000:03:00.0", quantity, label };
        assert_eq!(role(sensor), expected, "{sensor:?}");
    }

    fn package(socket: u32) -> Option<Role> {
        Some(Role::Package { socket, die: None })
    }

    #[test]
    fn a_power_meter_is_the_machine_unless_it_says_which_part() {
        check("power_meter", Quantity::Average, "", Some(Role::Platform { id: 0 }));
        check("power_meter", Quantity::Average, "Acme Power 3000", Some(Role::Platform { id: 0 }));
        check("power_meter", Quantity::Average, "Module Power Socket 1", Some(Role::Platform { id: 1 }));
        check("power_meter", Quantity::Average, "Grace Power Socket 1", package(1));
        check("power_meter", Quantity::Average, "CPU Power Socket 1", Some(Role::Core { socket: 1, die: None }));
        check("power_meter", Quantity::Average, "SysIO Power Socket 0", Some(Role::Uncore { socket: 0, die: None }));
    }

    #[test]
    fn of_the_zen_counters_only_the_sockets_are_packages() {
        check("amd_energy", Quantity::Energy, "Esocket0", package(0));
        check("zenergy", Quantity::Energy, "Esocket11", package(11));
        check("amd_energy", Quantity::Energy, "Ecore000", None);
        check("amd_energy", Quantity::Energy, "Esocket", None);
        check("amd_energy", Quantity::Energy, "", None);
    }

    #[test]
    fn a_graphics_card_is_its_device() {
        let card = Some(Role::Gpu { gpu: "0000:03:00.0".into() });
        check("amdgpu", Quantity::Average, "PPT", card.clone());
        check("i915", Quantity::Energy, "", card.clone());
        check("xe", Quantity::Energy, "pkg", card);
        check("i915_gt0", Quantity::Energy, "", None);
    }

    #[test]
    fn rails_and_chips_of_an_unknown_place_are_nothing() {
        check("corsairpsu", Quantity::Power, "power total", Some(Role::Platform { id: 0 }));
        check("corsairpsu", Quantity::Power, "power +12v", None);
        check("ina3221", Quantity::VoltsAndAmperes, "VDD_IN", Some(Role::Platform { id: 0 }));
        check("ina3221", Quantity::VoltsAndAmperes, "VDD_CPU_GPU_CV", None);
        check("ina226", Quantity::Power, "", None);
        check("amdgpu", Quantity::VoltsAndAmperes, "vddgfx", None);
        check("apm_xgene", Quantity::Power, "CPU power", package(0));
        check("apm_xgene", Quantity::Power, "IO power", None);
    }
}
