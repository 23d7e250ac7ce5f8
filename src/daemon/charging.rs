//! What is read at once, meters and CPU times, and whom it is charged to. Never knows who hears of it.

use tokio::sync::watch;

use crate::daemon::Config;
use crate::daemon::carbon::Known;
use crate::energy::{Account, Bill, Billing, CpuTimes, Meter, Readings, Service};
use crate::io::power::Meters;
use crate::io::power::cgroup::Cgroups;
use crate::io::power::services::Claim;
use crate::report::Energy;
use crate::units::{Problem, Timestamp, Watts};

/// All that is read. Reading it may block.
pub struct Instruments {
    meters: Meters,
    cgroups: Cgroups,
}

/// What was read at one instant.
pub struct Read {
    readings: Readings,
    times: CpuTimes,
    /// What could not be, beside the meters.
    problems: Vec<Problem>,
}

impl Instruments {
    /// Opens the meters: it is the moment at which the daemon may still do so.
    pub fn open(config: &Config) -> Instruments {
        Instruments { meters: Meters::open(&config.power), cgroups: Cgroups::open(&config.power) }
    }

    pub fn read(&mut self) -> Read {
        let (readings, times) = (self.meters.read(), self.cgroups.read());
        Read { readings, times, problems: self.cgroups.problems().collect() }
    }
}

/// The accounts of the host and of its services.
pub struct Charging {
    account: Account,
    billing: Billing,
    carbon: watch::Receiver<Known>,
}

impl Charging {
    /// `lowest` is the idle power that was found out before the start.
    pub fn new(config: &Config, lowest: Option<Watts>, carbon: watch::Receiver<Known>) -> Charging {
        let share = |claim: &Claim| if let Claim::Share(share) = claim { Some(*share) } else { None };
        let services = config.power.services.iter();
        let services = services.map(|service| Service { name: service.name.clone(), share: share(&service.claim) });
        let billing = Billing::new(services.collect(), config.power.idle, lowest);
        Charging { account: Account::default(), billing, carbon }
    }

    /// Takes up what was read; returns what is known by then, and the bill of the minute that ended.
    pub fn step(&mut self, read: Read, now: Timestamp) -> (Energy, Option<Bill>) {
        let Known { footprint, problem } = self.carbon.borrow().clone();
        // A battery says something only while the host lives on it.
        let on_battery = read.readings.readings.iter().any(|reading| reading.zone.meter == Meter::Battery);
        let step = self.account.step(&read.readings, now);
        let bill = self.billing.step(&step, &read.times, &footprint, on_battery);
        let energy = Energy {
            as_of: Some(now),
            statement: self.account.statement(),
            idle: self.billing.idle(),
            charges: self.billing.charges().cloned(),
            intensity: footprint.intensity,
            problems: read.problems.into_iter().chain(problem).collect(),
        };
        (energy, bill)
    }
}
