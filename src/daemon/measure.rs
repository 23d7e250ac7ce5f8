//! The loop that reads the meters: by a clock that only goes forward, whoever looks and whatever else is slow. Each reading
//! is published; each minute that ends is handed to the next tick, and no other way leads from energy into it.

use std::sync::Arc;
use std::time::Duration;
use std::{iter, mem};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::daemon::Config;
use crate::daemon::carbon::Known;
use crate::daemon::charging::{Charging, Instruments};
use crate::energy::{Bill, Reason, Silent, Wish};
use crate::io::clock;
use crate::io::power::{self, SELDOM};
use crate::report::{Check, Energy};
use crate::units::{Problem, Span, Watts};

/// Ticks that stop for longer than a day lose the minutes beyond.
const MINUTES: usize = 24 * 60;

/// The most wishes between two ticks.
const WISHES: usize = 16;

/// How much more seldom is read while less is to be spent.
const SAVING: i64 = 4;

/// The meters, and where it is told what they say.
pub struct Measurement {
    instruments: Instruments,
    charging: Charging,
    every: Span,
    published: Arc<ArcSwap<Energy>>,
    bills: mpsc::Sender<Bill>,
    is_saving: watch::Receiver<bool>,
}

/// What the evaluate loop hears of energy, and where it says whether to spend less.
pub struct Power {
    config: power::Config,
    published: Arc<ArcSwap<Energy>>,
    bills: mpsc::Receiver<Bill>,
    wishes: (mpsc::Sender<Wish>, mpsc::Receiver<Wish>),
    is_saving: watch::Sender<bool>,
}

/// `lowest` is the idle power that was found out before the start.
pub fn build(config: &Config, lowest: Option<Watts>, carbon: watch::Receiver<Known>) -> (Measurement, Power) {
    let idle = config.power.idle.or(lowest);
    let published = Arc::new(ArcSwap::from_pointee(Energy { idle, ..Energy::default() }));
    let (sender, bills) = mpsc::channel(MINUTES);
    let (is_saving, saving) = watch::channel(false);
    let measurement = Measurement {
        instruments: Instruments::open(config),
        charging: Charging::new(config, lowest, carbon),
        every: config.power.every,
        published: published.clone(),
        bills: sender,
        is_saving: saving,
    };
    let power = Power { config: config.power.clone(), published, bills, wishes: mpsc::channel(WISHES), is_saving };
    (measurement, power)
}

impl Measurement {
    /// Reads the meters until it is told to stop. A reading that is late is not made up for: the next one counts it.
    pub async fn run(self, stop: CancellationToken) {
        let Measurement { mut instruments, mut charging, every, published, bills, is_saving } = self;
        let (mut pace, mut readings) = (every, paced(every));
        loop {
            let wanted = if *is_saving.borrow() { (every * SAVING).min(SELDOM) } else { every };
            if wanted != pace {
                (pace, readings) = (wanted, paced(wanted));
            }
            // A meter may take its time, which nobody else has to wait for.
            let reading = async {
                readings.tick().await;
                spawn_blocking(move || {
                    let read = instruments.read();
                    (instruments, read)
                })
                .await
            };
            let read = tokio::select! {
                read = reading => read,
                () = stop.cancelled() => return,
            };
            let Ok((again, read)) = read else { return };
            instruments = again;
            let (energy, bill) = charging.step(read, clock::now());
            if let Some(bill) = bill
                && let Err(lost) = bills.try_send(bill)
            {
                let at = lost.into_inner().minute.at;
                tracing::error!(%at, "no tick takes the minutes of power; this one is lost");
            }
            published.store(Arc::new(energy));
        }
    }
}

impl Power {
    /// Where each reading is published.
    pub fn published(&self) -> Arc<ArcSwap<Energy>> {
        self.published.clone()
    }

    /// Where wishes for low-power mode go; `None` where there is none, for nobody asked for power.
    pub fn wishes(&self) -> Option<mpsc::Sender<Wish>> {
        self.config.is_asked_for.then(|| self.wishes.0.clone())
    }

    /// Whether less is to be spent.
    pub fn is_saving(&self) -> watch::Receiver<bool> {
        self.is_saving.subscribe()
    }

    /// Says whether less is to be spent.
    pub fn save(&self, is_saving: bool) {
        self.is_saving.send_if_modified(|before| mem::replace(before, is_saving) != is_saving);
    }

    /// The bills of minutes that ended since this was last asked, and the last wish.
    pub fn heard(&mut self) -> (Vec<Bill>, Option<Wish>) {
        let bills = iter::from_fn(|| self.bills.try_recv().ok()).collect();
        (bills, iter::from_fn(|| self.wishes.1.try_recv().ok()).last())
    }

    /// What is wrong with the meters and beside them. Where nobody asked for power, nothing is.
    pub fn found(&self) -> (Vec<Problem>, Check) {
        found(&self.config, &self.published.load())
    }
}

fn found(config: &power::Config, energy: &Energy) -> (Vec<Problem>, Check) {
    let (mut problems, check) = found_of_meters(config, energy);
    problems.extend(energy.problems.iter().cloned());
    (problems, check)
}

fn found_of_meters(config: &power::Config, energy: &Energy) -> (Vec<Problem>, Check) {
    let (host, silent) = (&energy.statement.host, &energy.statement.silent);
    if !config.is_asked_for || energy.as_of.is_none() {
        let check = if host.basis.is_some() { Check::Healthy } else { Check::Off };
        return (Vec::new(), check);
    }
    if host.basis.is_none() {
        let mut problems: Vec<Problem> =
            silent.iter().map(|silent| Problem::error("meter", told(silent), &*silent.remedy)).collect();
        if problems.is_empty() {
            let what = "no meter tells the power of this host";
            problems.push(Problem::error("meter", what, "see `burnwatch power`, and set power.meters"));
        }
        let check = Check::Degraded(problems[0].to_string());
        return (problems, check);
    }
    let is_surprise = |silent: &&Silent| match silent.reason {
        // A host need not have every meter, unless somebody named it.
        Reason::NotFound => config.meters.is_some(),
        Reason::Idle => false,
        Reason::Permission | Reason::Io | Reason::Parse | Reason::Standstill => true,
    };
    let warning = |silent: &Silent| Problem::warning("meter", told(silent), &*silent.remedy);
    (silent.iter().filter(is_surprise).map(warning).collect(), Check::Healthy)
}

fn told(silent: &Silent) -> String {
    format!("the meter {} cannot be read: {}", silent.meter.name(), silent.what)
}

fn paced(every: Span) -> Interval {
    let every = Duration::from_millis(every.as_millis().unsigned_abs());
    let mut readings = interval(every);
    readings.set_missed_tick_behavior(MissedTickBehavior::Skip);
    readings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::{Basis, Host, Meter, Statement};

    /// What is found where a meter is silent for `reason`: how the check is, and whether there is a problem.
    fn check(config: power::Config, basis: Option<Basis>, reason: Reason, expected: (Check, usize)) {
        let silent = Silent { meter: Meter::Rapl, zone: None, reason, what: "x".into(), remedy: "y".into() };
        let statement = Statement { host: Host { basis, watts: None }, silent: vec![silent], ..Statement::default() };
        let energy = Energy { as_of: Some(clock::now()), statement, ..Energy::default() };
        let (problems, check) = found(&config, &energy);
        assert_eq!((check, problems.len()), expected, "{reason:?} {problems:?}");
    }

    #[test]
    fn what_nobody_asked_for_is_no_problem() {
        check(power::Config::default(), None, Reason::Permission, (Check::Off, 0));
        check(power::Config::default(), Some(Basis::Components), Reason::Io, (Check::Healthy, 0));
    }

    #[test]
    fn what_was_asked_for_and_cannot_be_told_is_one() {
        let asked = power::Config { is_asked_for: true, ..power::Config::default() };
        let named = power::Config { meters: Some(vec![Meter::Rapl]), ..asked.clone() };
        let degraded = Check::Degraded("the meter rapl cannot be read: x; y".into());
        check(asked.clone(), None, Reason::NotFound, (degraded, 1));
        check(asked.clone(), Some(Basis::Platform), Reason::NotFound, (Check::Healthy, 0));
        check(named, Some(Basis::Platform), Reason::NotFound, (Check::Healthy, 1));
        check(asked.clone(), Some(Basis::Platform), Reason::Permission, (Check::Healthy, 1));
        check(asked, Some(Basis::Platform), Reason::Idle, (Check::Healthy, 0));
    }
}
