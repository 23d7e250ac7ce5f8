//! Who is charged for what was measured: energy and carbon by service, added up with each reading and told minute by
//! minute. Never knows how anything is read, nor how many requests it was spent on.

use std::mem;

use crate::energy::carbon::{Carbon, Footprint};
use crate::energy::shares::{Claim, CpuCounter, Spent, split};
use crate::energy::{Minute, Step};
use crate::units::{Grams, Microjoules, Ratio, Span, Watts};

/// A host that is less busy than this does nothing worth the name: what it draws then is its idle power.
const QUIET: f64 = 0.05;

/// The kernel tells the time of all CPUs in ticks of 10 ms: shares of less than this would be shares of a few of them.
const SHORTEST: Span = Span::millis(500);

/// A service that is charged.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    pub name: Box<str>,
    /// What it gets of the dynamic energy whatever it does; `None` where CPU time decides.
    pub share: Option<Ratio>,
}

/// CPU time as it was read beside the meters, in microseconds since some beginning; `None` where it cannot be read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CpuTimes {
    /// Of all CPUs together. Stolen time is none of it.
    pub busy: Option<u64>,
    /// The same with what they idled.
    pub all: Option<u64>,
    /// By service: 0 for one that does not run.
    pub services: Vec<Option<u64>>,
}

/// A minute that ended, and who is charged for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Bill {
    pub minute: Minute,
    /// What the host draws when it does nothing, as far as is known.
    pub idle: Option<Watts>,
    /// Of the whole host; `None` where not all of its energy could be told in grams.
    pub grams: Option<Grams>,
    pub services: Vec<Item>,
    /// Whether the host was not on mains.
    pub on_battery: bool,
}

impl Bill {
    /// What a service is charged.
    pub fn item(&self, service: &str) -> Option<&Item> {
        self.services.iter().find(|item| &*item.service == service)
    }
}

/// What one service is charged for a minute.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub service: Box<str>,
    pub energy: Microjoules,
    /// As for the whole host.
    pub grams: Option<Grams>,
}

/// All that was charged since the start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Charges {
    /// In the order in which they are declared.
    pub services: Vec<Charge>,
    pub idle: Microjoules,
    pub unattributed: Microjoules,
}

/// What one service was charged since the start.
#[derive(Debug, Clone, PartialEq)]
pub struct Charge {
    pub service: Box<str>,
    pub energy: Microjoules,
    pub carbon: Carbon,
}

/// Charges services for what was measured.
#[derive(Debug)]
pub struct Billing {
    services: Vec<Service>,
    /// As it is declared.
    idle: Option<Watts>,
    /// The lowest mean power of a minute in which the host was quiet.
    lowest: Option<Watts>,
    busy: CpuCounter,
    all: CpuCounter,
    cpu: Vec<CpuCounter>,
    /// What was measured and not charged yet, and in what time.
    uncharged: (Microjoules, Span),
    charges: Charges,
    /// Whether anything was ever measured.
    has_begun: bool,
    open: Open,
}

/// What was charged of the minute that is not over.
#[derive(Debug, Clone)]
struct Open {
    services: Vec<Item>,
    grams: Option<Grams>,
    busy: u64,
    all: u64,
}

impl Open {
    fn of(services: &[Service]) -> Open {
        let nothing = |service: &Service| Item {
            service: service.name.clone(),
            energy: Microjoules::ZERO,
            grams: Some(Grams::ZERO),
        };
        Open { services: services.iter().map(nothing).collect(), grams: Some(Grams::ZERO), busy: 0, all: 0 }
    }
}

impl Billing {
    /// `idle` is what the host is declared to draw when it does nothing, `lowest` what was found out before.
    pub fn new(services: Vec<Service>, idle: Option<Watts>, lowest: Option<Watts>) -> Billing {
        let charge = |service: &Service| Charge {
            service: service.name.clone(),
            energy: Microjoules::ZERO,
            carbon: Carbon::default(),
        };
        Billing {
            idle,
            lowest,
            busy: CpuCounter::default(),
            all: CpuCounter::default(),
            cpu: vec![CpuCounter::default(); services.len()],
            uncharged: Default::default(),
            charges: Charges { services: services.iter().map(charge).collect(), ..Charges::default() },
            has_begun: false,
            open: Open::of(&services),
            services,
        }
    }

    /// What the host draws when it does nothing; `None` where nobody says and it never was quiet.
    pub fn idle(&self) -> Option<Watts> {
        self.idle.or(self.lowest)
    }

    /// All that was charged; `None` where nothing was ever measured.
    pub fn charges(&self) -> Option<&Charges> {
        self.has_begun.then_some(&self.charges)
    }

    /// Takes up what was measured and how CPU time stood then; returns the bill of the minute that ended.
    pub fn step(&mut self, step: &Step, times: &CpuTimes, footprint: &Footprint, on_battery: bool) -> Option<Bill> {
        if let Some(energy) = step.interval.energy {
            self.uncharged = (self.uncharged.0 + energy, self.uncharged.1 + step.interval.span);
        }
        let (_, took) = self.uncharged;
        if took.is_zero() || took >= SHORTEST || step.minute.is_some() {
            self.charge(times, footprint);
        }
        let minute = step.minute?;
        let open = mem::replace(&mut self.open, Open::of(&self.services));
        self.learn(&minute, open.busy, open.all);
        let grams = open.grams.filter(|_| minute.energy.is_some());
        Some(Bill { minute, idle: self.idle(), grams, services: open.services, on_battery })
    }

    /// For how long the host was busy since the last look, and what each service claims of that.
    fn claims(&mut self, times: &CpuTimes) -> (u64, Vec<Claim>) {
        let busy = self.busy.passed(times.busy);
        self.open.busy += busy;
        self.open.all += self.all.passed(times.all);
        let claim = |(index, service): (usize, &Service)| match service.share {
            Some(share) => Claim::Share(share),
            // A part of what is not known is not known; the next look tells for this one too.
            None if times.busy.is_none() => Claim::Cpu(0),
            None => Claim::Cpu(self.cpu[index].gained(times.services.get(index).copied().flatten())),
        };
        (busy, self.services.iter().enumerate().map(claim).collect())
    }

    /// Charges what was measured since it was last done.
    fn charge(&mut self, times: &CpuTimes, footprint: &Footprint) {
        let (busy, claims) = self.claims(times);
        let (energy, took) = mem::take(&mut self.uncharged);
        if took.is_zero() {
            return;
        }
        let spent = Spent { energy, took, idle: self.idle(), busy };
        let split = split(&spent, &claims);
        let carbon = |energy| footprint.of(energy, spent.energy, spent.took);
        let both = |sum: Option<Grams>, more: Carbon| sum.zip(more.total()).map(|(sum, more)| sum + more);
        self.has_begun = true;
        self.charges.idle += split.idle;
        self.charges.unattributed += split.unattributed;
        self.open.grams = both(self.open.grams, carbon(spent.energy));
        for (index, energy) in split.services.into_iter().enumerate() {
            let (charge, item) = (&mut self.charges.services[index], &mut self.open.services[index]);
            charge.energy += energy;
            charge.carbon = charge.carbon.and(carbon(energy));
            item.energy += energy;
            item.grams = both(item.grams, carbon(energy));
        }
    }

    fn learn(&mut self, minute: &Minute, busy: u64, all: u64) {
        let is_quiet = all > 0 && (busy as f64) < QUIET * all as f64;
        let mean = minute.mean.filter(|_| is_quiet && minute.is_whole());
        let is_lower = |mean: &Watts| self.lowest.is_none_or(|lowest| *mean < lowest);
        self.lowest = mean.filter(is_lower).or(self.lowest);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::energy::carbon::Intensity;
    use crate::energy::{Basis, Interval};
    use crate::units::Timestamp;

    fn services() -> Vec<Service> {
        let service = |name: &str, share| Service { name: name.into(), share };
        vec![service("shop", None), service("batch", Some(Ratio::held(0.1)))]
    }

    fn measured(joules: u64) -> Step {
        let energy = Some(Microjoules::joules(joules));
        Step { interval: Interval { span: Span::seconds(1), energy }, minute: None }
    }

    /// A step that ends a minute in which `watts` were drawn.
    fn ending(joules: u64, watts: f64) -> Step {
        let (mean, energy) = (Watts::new(watts), Some(Microjoules::joules(60 * watts as u64)));
        let (at, basis) = (Timestamp::seconds(60), Some(Basis::Components));
        let minute = Minute { at, measured: Span::minutes(1), basis, energy, mean, peak: mean };
        Step { minute: Some(minute), ..measured(joules) }
    }

    /// Busy seconds of four CPUs after so many seconds, and those of the shop.
    fn times(seconds: u64, busy: u64, shop: u64) -> CpuTimes {
        let micros = |seconds: u64| Some(seconds * 1_000_000);
        CpuTimes { busy: micros(busy), all: micros(seconds * 4), services: vec![micros(shop), None] }
    }

    fn declared(per_kwh: Option<f64>) -> Footprint {
        let intensity = |per_kwh| Intensity { per_kwh, zone: String::new(), kind: "declared" };
        Footprint { intensity: per_kwh.and_then(Grams::new).map(intensity), ..Footprint::default() }
    }

    fn joules(charges: &Charges) -> [f64; 4] {
        let services = [&charges.services[0], &charges.services[1]].map(|charge| charge.energy.as_joules());
        [charges.idle.as_joules(), services[0], services[1], charges.unattributed.as_joules()]
    }

    #[test]
    fn services_are_charged_for_what_was_measured_since_the_first_look() {
        let mut billing = Billing::new(services(), Watts::new(20.0), None);
        let footprint = declared(None);
        assert_eq!(billing.charges(), None);
        let first = Step { interval: Interval::default(), minute: None };
        billing.step(&first, &times(0, 1_000, 500), &footprint, false);
        assert_eq!(billing.charges(), None);
        billing.step(&measured(60), &times(1, 1_002, 501), &footprint, false);
        assert_eq!(joules(billing.charges().unwrap()), [20.0, 20.0, 4.0, 16.0]);
    }

    #[test]
    fn what_fast_readings_bring_is_charged_together() {
        let mut billing = Billing::new(services(), None, None);
        let footprint = declared(None);
        billing.step(&Step::default(), &times(0, 0, 0), &footprint, false);
        let fast = Interval { span: Span::millis(250), ..measured(10).interval };
        billing.step(&Step { interval: fast, minute: None }, &times(1, 0, 0), &footprint, false);
        assert_eq!(billing.charges(), None);
        billing.step(&Step { interval: fast, minute: None }, &times(2, 4, 2), &footprint, false);
        assert_eq!(joules(billing.charges().unwrap()), [0.0, 10.0, 2.0, 8.0]);
    }

    #[test]
    fn without_the_hosts_cpu_time_only_fixed_shares_are_charged_and_the_next_look_goes_on() {
        let mut billing = Billing::new(services(), None, None);
        let footprint = declared(None);
        billing.step(&Step::default(), &times(0, 0, 0), &footprint, false);
        billing.step(&measured(10), &CpuTimes { busy: None, ..times(1, 0, 2) }, &footprint, false);
        assert_eq!(joules(billing.charges().unwrap()), [0.0, 0.0, 1.0, 9.0]);
        billing.step(&measured(10), &times(2, 8, 4), &footprint, false);
        assert_eq!(joules(billing.charges().unwrap()), [0.0, 5.0, 2.0, 13.0]);
    }

    #[test]
    fn the_bill_of_a_minute_holds_its_own_charges_only() {
        let mut billing = Billing::new(services(), None, None);
        let footprint = declared(Some(360.0));
        billing.step(&Step::default(), &times(0, 0, 0), &footprint, false);
        let bill = billing.step(&ending(100, 100.0), &times(1, 4, 2), &footprint, true).unwrap();
        assert_eq!((bill.services[0].energy, bill.on_battery), (Microjoules::joules(50), true));
        assert_eq!(bill.services[0].grams, Grams::new(50.0 / 3.6e6 * 360.0));
        assert_eq!(bill.grams, Grams::new(100.0 / 3.6e6 * 360.0));
        let bill = billing.step(&ending(10, 10.0), &times(2, 8, 2), &footprint, false).unwrap();
        assert_eq!((bill.services[0].energy, bill.services[0].grams), (Microjoules::ZERO, Some(Grams::ZERO)));
    }

    #[test]
    fn a_minute_whose_intensity_was_not_known_throughout_has_no_grams() {
        let mut billing = Billing::new(services(), None, None);
        billing.step(&Step::default(), &times(0, 0, 0), &declared(None), false);
        billing.step(&measured(10), &times(1, 4, 2), &declared(None), false);
        let bill = billing.step(&ending(10, 10.0), &times(2, 8, 4), &declared(Some(360.0)), false).unwrap();
        assert_eq!((bill.grams, bill.services[0].grams), (None, None));
        let known = billing.charges().unwrap().services[0].carbon;
        assert_eq!(known.operational, Grams::new(5.0 / 3.6e6 * 360.0));
        let bill = billing.step(&ending(10, 10.0), &times(3, 12, 6), &declared(Some(360.0)), false).unwrap();
        assert!(bill.grams.is_some());
    }

    #[test]
    fn idle_power_is_the_lowest_of_the_minutes_in_which_the_host_was_quiet() {
        let mut billing = Billing::new(services(), None, None);
        let mut ends = |watts, seconds, busy| {
            billing.step(&ending(1, watts), &times(seconds, busy, 0), &declared(None), false).unwrap().idle
        };
        assert_eq!(ends(9.0, 0, 0), None, "nothing is known of its CPUs yet");
        assert_eq!(ends(30.0, 100, 100), None, "a quarter of its time it was busy");
        assert_eq!(ends(12.0, 200, 101), Watts::new(12.0));
        assert_eq!(ends(15.0, 300, 102), Watts::new(12.0));
        assert_eq!(ends(11.0, 400, 103), Watts::new(11.0));
        assert_eq!(Billing::new(services(), Watts::new(20.0), Watts::new(11.0)).idle(), Watts::new(20.0));
        assert_eq!(Billing::new(services(), None, Watts::new(11.0)).idle(), Watts::new(11.0));
    }
}
