//! The loop that reads the meters: by a clock that only goes forward, whoever looks and whatever else is slow. Each reading
//! is published; each minute that ends is handed to the next tick, and no other way leads from energy into it.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::energy::{Account, Minute, Reason, Silent};
use crate::io::clock;
use crate::io::power::{Config, Meters};
use crate::report::{Check, Energy};
use crate::units::{Problem, Span};

/// Ticks that stop for longer than a day lose the minutes beyond.
const MINUTES: usize = 24 * 60;

/// The meters, and where it is told what they say.
pub struct Measurement {
    meters: Meters,
    account: Account,
    config: Config,
    published: Arc<ArcSwap<Energy>>,
    minutes: mpsc::Sender<Minute>,
}

/// What the evaluate loop hears of the meters.
pub struct Power {
    config: Config,
    published: Arc<ArcSwap<Energy>>,
    minutes: mpsc::Receiver<Minute>,
}

/// Opens the meters: it is the moment at which the daemon may still do so.
pub fn build(config: &Config) -> (Measurement, Power) {
    let published = Arc::new(ArcSwap::from_pointee(Energy { idle: config.idle, ..Energy::default() }));
    let (sender, minutes) = mpsc::channel(MINUTES);
    let measurement = Measurement {
        meters: Meters::open(config),
        account: Account::default(),
        config: config.clone(),
        published: published.clone(),
        minutes: sender,
    };
    (measurement, Power { config: config.clone(), published, minutes })
}

impl Measurement {
    /// Reads the meters until it is told to stop. A reading that is late is not made up for: the next one counts it.
    pub async fn run(self, stop: CancellationToken) {
        let Measurement { mut meters, mut account, config, published, minutes } = self;
        let mut readings = interval(every(config.every));
        readings.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            // A meter may take its time, which nobody else has to wait for.
            let reading = async {
                readings.tick().await;
                spawn_blocking(move || {
                    let read = meters.read();
                    (meters, read)
                })
                .await
            };
            let read = tokio::select! {
                read = reading => read,
                () = stop.cancelled() => return,
            };
            let Ok((again, read)) = read else { return };
            meters = again;
            let now = clock::now();
            if let Some(minute) = account.step(&read, now).minute
                && minutes.try_send(minute).is_err()
            {
                tracing::error!(at = %minute.at, "no tick takes the minutes of power; this one is lost");
            }
            let statement = account.statement();
            published.store(Arc::new(Energy { as_of: Some(now), statement, idle: config.idle }));
        }
    }
}

impl Power {
    /// Where each reading is published.
    pub fn published(&self) -> Arc<ArcSwap<Energy>> {
        self.published.clone()
    }

    /// The minutes that ended since this was last asked.
    pub fn minutes(&mut self) -> Vec<Minute> {
        std::iter::from_fn(|| self.minutes.try_recv().ok()).collect()
    }

    /// What is wrong with the meters. Where nobody asked for power, nothing is.
    pub fn found(&self) -> (Vec<Problem>, Check) {
        let energy = self.published.load();
        let (host, silent) = (&energy.statement.host, &energy.statement.silent);
        if !self.config.is_asked_for || energy.as_of.is_none() {
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
            Reason::NotFound => self.config.meters.is_some(),
            Reason::Idle => false,
            Reason::Permission | Reason::Io | Reason::Parse | Reason::Standstill => true,
        };
        let warning = |silent: &Silent| Problem::warning("meter", told(silent), &*silent.remedy);
        (silent.iter().filter(is_surprise).map(warning).collect(), Check::Healthy)
    }
}

fn told(silent: &Silent) -> String {
    format!("the meter {} cannot be read: {}", silent.meter.name(), silent.what)
}

fn every(every: Span) -> Duration {
    Duration::from_millis(every.as_millis().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::{Basis, Host, Meter, Statement};

    /// What is found where a meter is silent for `reason`: how the check is, and whether there is a problem.
    fn check(config: Config, basis: Option<Basis>, reason: Reason, expected: (Check, usize)) {
        let (_, power) = build(&Config { sysfs: "/nonexistent".into(), ..config });
        let silent = Silent { meter: Meter::Rapl, zone: None, reason, what: "x".into(), remedy: "y".into() };
        let statement = Statement { host: Host { basis, watts: None }, silent: vec![silent], ..Statement::default() };
        power.published.store(Arc::new(Energy { as_of: Some(clock::now()), statement, idle: None }));
        let (problems, check) = power.found();
        assert_eq!((check, problems.len()), expected, "{reason:?} {problems:?}");
    }

    #[test]
    fn what_nobody_asked_for_is_no_problem() {
        check(Config::default(), None, Reason::Permission, (Check::Off, 0));
        check(Config::default(), Some(Basis::Components), Reason::Io, (Check::Healthy, 0));
    }

    #[test]
    fn what_was_asked_for_and_cannot_be_told_is_one() {
        let asked = Config { is_asked_for: true, ..Config::default() };
        let named = Config { meters: Some(vec![Meter::Rapl]), ..asked.clone() };
        let degraded = Check::Degraded("the meter rapl cannot be read: x; y".into());
        check(asked.clone(), None, Reason::NotFound, (degraded, 1));
        check(asked.clone(), Some(Basis::Platform), Reason::NotFound, (Check::Healthy, 0));
        check(named, Some(Basis::Platform), Reason::NotFound, (Check::Healthy, 1));
        check(asked.clone(), Some(Basis::Platform), Reason::Permission, (Check::Healthy, 1));
        check(asked, Some(Basis::Platform), Reason::Idle, (Check::Healthy, 0));
    }
}
