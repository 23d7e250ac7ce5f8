//! Beside the meters: what services used meanwhile, and whom each minute is billed to. Never knows what a meter is.

use tokio::sync::{mpsc, watch};

use crate::daemon::Config;
use crate::daemon::carbon::Known;
use crate::energy::{Billing, Charges, CpuTimes, Footprint, Meter, Readings, Service, Step};
use crate::energy::Bill;
use crate::io::power::cgroup::Cgroups;
use crate::io::power::services::Claim;
use crate::units::{Problem, Watts};

/// Bills that are not taken up yet: an hour of them, should ticks take so long.
pub const QUEUE: usize = 60;

/// Reads CPU time beside the meters. It blocks as they do.
pub struct Look(Cgroups);

impl Look {
    pub fn open(config: &Config) -> Look {
        Look(Cgroups::open(&config.power))
    }

    /// How CPU time stands now, and what of it cannot be read.
    pub fn read(&mut self) -> (CpuTimes, Vec<Problem>) {
        let times = self.0.read();
        (times, self.0.problems().collect())
    }
}

/// Charges services for what was measured.
pub struct Charging {
    billing: Billing,
    carbon: watch::Receiver<Known>,
    bills: mpsc::Sender<Bill>,
}

impl Charging {
    /// `lowest` is the idle power that was found out before; bills go to `bills`.
    pub fn new(
        config: &Config,
        lowest: Option<Watts>,
        carbon: watch::Receiver<Known>,
        bills: mpsc::Sender<Bill>,
    ) -> Charging {
        let share = |claim: &Claim| if let Claim::Share(share) = claim { Some(*share) } else { None };
        let services = config.power.services.iter();
        let services = services.map(|service| Service { name: service.name.clone(), share: share(&service.claim) });
        Charging { billing: Billing::new(services.collect(), config.power.idle, lowest), carbon, bills }
    }

    /// Takes up what a reading of the meters brought, with how CPU time stood then.
    pub fn charge(&mut self, readings: &Readings, step: &Step, times: &CpuTimes) {
        // A battery says something only while the host lives on it.
        let on_battery = readings.readings.iter().any(|reading| reading.zone.meter == Meter::Battery);
        let bill = self.billing.step(step, times, &self.carbon.borrow().footprint, on_battery);
        if let Some(bill) = bill
            && self.bills.try_send(bill).is_err()
        {
            tracing::warn!("a minute of energy is lost: nobody has taken up the last {QUEUE}");
        }
    }

    /// All that was charged since the start; `None` where nothing was ever measured.
    pub fn charges(&self) -> Option<&Charges> {
        self.billing.charges()
    }

    /// How energy becomes grams now, and why it does not.
    pub fn carbon(&self) -> (Footprint, Option<Problem>) {
        let known = self.carbon.borrow();
        (known.footprint.clone(), known.problem.clone())
    }
}
