//! The GPUs of NVIDIA, by the library that comes with their driver. It is looked for when burnwatch runs, so that the
//! same binary runs without one. Never knows what a GPU does.

use std::sync::Arc;

use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml as Library};

use crate::energy::{Meter, Method, Reading, Readings, Reason, Role, Said, Zone};
use crate::io::power::number::Unread;
use crate::io::power::{Body, Config};
use crate::units::{Microjoules, Watts};

/// The GPUs that were there when it was opened.
pub struct Nvml {
    library: Result<Library, Unread>,
    gpus: Vec<Gpu>,
}

/// One GPU, by its index in the library; one that could not even be named has no zone.
struct Gpu {
    index: u32,
    zone: Result<Arc<Zone>, Unread>,
}

impl Nvml {
    /// `None` where there is no driver and nobody asked for it.
    pub fn open(config: &Config) -> Option<Nvml> {
        let library = Library::init().map_err(|error| unread("NVML", &error));
        let is_absent = library.as_ref().is_err_and(|unread| unread.reason == Reason::NotFound);
        if is_absent && config.meters.is_none() {
            return None;
        }
        let gpus = library.as_ref().map(gpus).unwrap_or_default();
        Some(Nvml { library, gpus })
    }
}

impl Body for Nvml {
    fn read(&mut self, readings: &mut Readings) {
        let library = match &self.library {
            Ok(library) => library,
            Err(unread) => return readings.silent.push(unread.clone().silent(Meter::Nvml, None)),
        };
        for Gpu { index, zone } in &self.gpus {
            let zone = match zone {
                Ok(zone) => zone,
                Err(unread) => {
                    readings.silent.push(unread.clone().silent(Meter::Nvml, None));
                    continue;
                }
            };
            match library.device_by_index(*index).and_then(|device| said(zone.method, &device)) {
                Ok(said) => readings.readings.push(Reading { zone: zone.clone(), said }),
                Err(error) => readings.silent.push(unread(&zone.id, &error).silent(Meter::Nvml, Some(zone))),
            }
        }
    }
}

fn gpus(library: &Library) -> Vec<Gpu> {
    let named = |index| {
        let device = library.device_by_index(index)?;
        Ok(zone(device.uuid()?, method(device.total_energy_consumption())))
    };
    let gpu = |index| {
        let zone = named(index).map(Arc::new).map_err(|error| unread(&format!("GPU {index}"), &error));
        Gpu { index, zone }
    };
    (0..library.device_count().unwrap_or(0)).map(gpu).collect()
}

fn zone(uuid: String, method: Method) -> Zone {
    Zone { meter: Meter::Nvml, id: uuid.clone(), role: Role::Gpu { gpu: uuid }, method }
}

/// How a GPU is measured: GPUs since Volta count energy, older ones only tell their power.
fn method(energy: Result<u64, NvmlError>) -> Method {
    match energy {
        Err(NvmlError::NotSupported) => Method::Integrated,
        Ok(_) | Err(_) => Method::Counter,
    }
}

fn said(method: Method, device: &Device) -> Result<Said, NvmlError> {
    match method {
        Method::Counter => device.total_energy_consumption().map(energy),
        Method::Integrated | Method::Estimated => device.power_usage().map(power),
    }
}

/// Since the driver was loaded.
fn energy(millijoules: u64) -> Said {
    Said::Energy { counter: Microjoules::new(millijoules.saturating_mul(1_000)), range: None }
}

fn power(milliwatts: u32) -> Said {
    Said::Power(Watts::new(f64::from(milliwatts) / 1_000.0).unwrap_or(Watts::ZERO))
}

fn unread(about: &str, error: &NvmlError) -> Unread {
    let reason = match error {
        NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound | NvmlError::DriverNotLoaded => Reason::NotFound,
        NvmlError::NoPermission => Reason::Permission,
        _ => Reason::Io,
    };
    Unread { reason, what: format!("{about}: {error}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_gpu_is_counted_where_it_counts_and_its_power_is_summed_up_where_not() {
        assert_eq!(method(Ok(0)), Method::Counter);
        assert_eq!(method(Err(NvmlError::GpuLost)), Method::Counter);
        assert_eq!(method(Err(NvmlError::NotSupported)), Method::Integrated);
        assert_eq!(energy(5), Said::Energy { counter: Microjoules::new(5_000), range: None });
        assert_eq!(energy(u64::MAX), Said::Energy { counter: Microjoules::new(u64::MAX), range: None });
        assert_eq!(power(61_250), Said::Power(Watts::new(61.25).unwrap()));
    }

    #[test]
    fn an_error_is_told_with_its_reason_and_the_gpu() {
        let check = |error, reason| assert_eq!(unread("GPU-1", &error).reason, reason, "{error}");
        check(NvmlError::DriverNotLoaded, Reason::NotFound);
        check(NvmlError::NoPermission, Reason::Permission);
        check(NvmlError::GpuLost, Reason::Io);
        check(NvmlError::NotSupported, Reason::Io);
        assert!(unread("GPU-1", &NvmlError::GpuLost).what.starts_with("GPU-1: "));
    }

    #[test]
    fn without_a_driver_it_is_quiet_unless_it_was_asked_for() {
        if Library::init().is_ok() {
            return; // this machine has one
        }
        assert!(Nvml::open(&Config::default()).is_none());
        let mut asked = Nvml::open(&Config { meters: Some(vec![Meter::Nvml]), ..Config::default() }).unwrap();
        let mut readings = Readings::default();
        asked.read(&mut readings);
        assert_eq!((readings.readings.len(), readings.silent[0].reason), (0, Reason::NotFound));
    }
}
