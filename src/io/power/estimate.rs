//! A guess at what the processors draw, from how busy they are and their design power. Told as an estimate everywhere.

use std::path::PathBuf;
use std::sync::Arc;

use crate::energy::{Meter, Method, Reading, Readings, Role, Said, Zone, estimate};
use crate::io::power::cpu::Cpus;
use crate::io::power::number::Unread;
use crate::io::power::{Body, Config};
use crate::units::Watts;

/// The processors, of all sockets together.
pub struct Estimate {
    zone: Arc<Zone>,
    procfs: PathBuf,
    /// What they are made to draw at most; `None` where it is not declared.
    tdp: Option<Watts>,
    /// When it last spoke; at the boot of the host before it has.
    last: Cpus,
}

impl Estimate {
    /// `None` where nothing tells how busy the host is and nobody asked for a guess.
    pub fn open(config: &Config) -> Option<Estimate> {
        let role = Role::Package { socket: 0, die: None };
        let zone = Zone { meter: Meter::Estimate, id: "processors".into(), role, method: Method::Estimated };
        let is_useful = config.meters.is_some() || Cpus::read(&config.procfs).is_ok();
        let (zone, last) = (Arc::new(zone), Cpus::default());
        is_useful.then(|| Estimate { zone, procfs: config.procfs.clone(), tdp: config.tdp, last })
    }

    /// What they drew since it was last asked; `None` where no time has passed.
    fn power(&mut self) -> Result<Option<Watts>, Unread> {
        let now = Cpus::read(&self.procfs)?;
        let Some(busy) = now.busy_since(self.last) else { return Ok(None) };
        self.last = now;
        Ok(Some(estimate::power(busy, self.tdp.unwrap_or_else(|| estimate::tdp(now.count)))))
    }
}

impl Body for Estimate {
    fn read(&mut self, readings: &mut Readings) {
        match self.power() {
            Ok(power) => {
                let said = power.map(|power| Reading { zone: self.zone.clone(), said: Said::Power(power) });
                readings.readings.extend(said);
            }
            Err(unread) => readings.silent.push(unread.silent(Meter::Estimate, Some(&self.zone))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tempfile::TempDir;

    use super::*;
    use crate::energy::Reason;
    use crate::io::power::trees::{put, tree};

    const FOUR_CPUS: &str = "cpu0 0 0 0 0\ncpu1 0 0 0 0\ncpu2 0 0 0 0\ncpu3 0 0 0 0\nintr 5";

    fn work(tree: &TempDir, busy: u64, idle: u64) {
        put(tree, "stat", &format!("cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\n{FOUR_CPUS}"));
    }

    fn meter(tree: &TempDir, tdp: Option<f64>) -> Estimate {
        let (procfs, meters) = (tree.path().into(), Some(vec![Meter::Estimate]));
        Estimate::open(&Config { procfs, meters, tdp: tdp.and_then(Watts::new), ..Config::default() }).unwrap()
    }

    fn watts(estimate: &mut Estimate) -> Result<Option<f64>, Reason> {
        let mut readings = Readings::default();
        estimate.read(&mut readings);
        assert!(readings.readings.iter().all(|reading| reading.zone.method == Method::Estimated));
        match (&readings.readings[..], &readings.silent[..]) {
            ([], []) => Ok(None),
            ([Reading { said: Said::Power(watts), .. }], []) => Ok(Some(watts.get())),
            ([], [silent]) => Err(silent.reason),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn follows_how_busy_the_host_was_since_the_last_reading() {
        let tree = tree(&[]);
        work(&tree, 1_000, 9_000);
        let mut estimate = meter(&tree, Some(100.0));
        assert_eq!(watts(&mut estimate), Ok(Some(32.0))); // since boot
        assert_eq!(watts(&mut estimate), Ok(None)); // no time has passed
        work(&tree, 1_400, 9_000);
        assert_eq!(watts(&mut estimate), Ok(Some(102.0)));
        work(&tree, 1_600, 9_200);
        assert_eq!(watts(&mut estimate), Ok(Some(75.0)));
        work(&tree, 1_600, 9_600);
        assert_eq!(watts(&mut estimate), Ok(Some(12.0)));
    }

    #[test]
    fn a_host_that_declares_no_design_power_has_four_watts_for_each_cpu() {
        let tree = tree(&[]);
        work(&tree, 0, 0);
        let mut estimate = meter(&tree, None);
        work(&tree, 100, 100);
        assert_eq!(watts(&mut estimate), Ok(Some(16.0 * 0.75)));
    }

    #[test]
    fn without_a_stat_there_is_no_guess() {
        let tree = tree(&[]);
        assert!(Estimate::open(&Config { procfs: tree.path().into(), ..Config::default() }).is_none());
        let mut estimate = meter(&tree, Some(100.0));
        assert_eq!(watts(&mut estimate), Err(Reason::NotFound));
        put(&tree, "stat", "garbage");
        assert_eq!(watts(&mut estimate), Err(Reason::Parse));
        work(&tree, 0, 0);
        assert_eq!(watts(&mut estimate), Ok(None));
        work(&tree, 10, 0);
        assert_eq!(watts(&mut estimate), Ok(Some(102.0)));
        std::fs::remove_file(tree.path().join("stat")).unwrap();
        assert_eq!(watts(&mut estimate), Err(Reason::NotFound));
    }
}
