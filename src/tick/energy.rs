//! What a tick makes of the minutes of energy that ended: readings that SLOs are judged by, totals, low-power mode.
//! Never knows a meter.

use std::collections::VecDeque;
use std::mem;

use serde::{Deserialize, Serialize};

use crate::alerts::{Drawn, News, Notice};
use crate::energy::{Bill, LowPower, Wish, low_power};
use crate::ledger::{Answered, Ledger, Starts};
use crate::plan::{Metered, Plan, Question, Sample, Series};
use crate::promql::{Narrowing, Selector, names};
use crate::tick::{Entry, Standing, State};
use crate::units::{Grams, Labels, Microjoules, Span, Timestamp, Watts};

/// What a bill is for.
const MINUTE: Span = Span::minutes(1);

/// Energy by request is told over at most so many minutes.
const STRETCH: usize = 5;

/// The bills that are remembered. The ledger knows for as long how many requests there were up to each.
const KEPT: usize = 15;

/// In low-power mode one of so many instants is evaluated.
const SAVING: i64 = 4;

/// Joules in a watt-hour.
const WATT_HOUR: f64 = 3_600.0;

/// What is known of energy.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Energy {
    /// Of minutes that ended, oldest first.
    bills: VecDeque<Bill>,
    /// Those of the plan, as of the last minute.
    pub services: Vec<Served>,
    pub kept: KeptEnergy,
}

/// What is kept of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct KeptEnergy {
    pub totals: Totals,
    pub low_power: LowPower,
}

/// All that was measured since the ledger was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    pub energy: Microjoules,
    /// For how long that was measured.
    pub measured: Span,
    /// CO2e of the energy that could be told in grams; `None` while none could.
    pub grams: Option<f64>,
    /// What the host draws when it does nothing.
    pub idle: Option<Watts>,
    /// The highest reading.
    pub peak: Option<Watts>,
    /// The end of the last minute in it.
    last: Option<Timestamp>,
}

impl Totals {
    /// The mean power for as long as it was measured.
    pub fn typical(&self) -> Option<Watts> {
        self.energy.over(self.measured)
    }

    fn add(&mut self, bill: &Bill) {
        let minute = &bill.minute;
        self.last = Some(minute.at);
        let Some(energy) = minute.energy else { return };
        self.energy += energy;
        self.measured = self.measured + minute.measured;
        self.grams = bill.grams.map(|more| self.grams.unwrap_or(0.0) + more.get()).or(self.grams);
        self.idle = bill.idle.or(self.idle);
        self.peak = self.peak.into_iter().chain(minute.peak).reduce(Watts::max);
    }
}

/// A service whose energy is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    pub service: Box<str>,
    /// All since they were first counted; `None` where nobody counts them.
    pub requests: Option<f64>,
    /// Over the last minutes; `None` where nothing is known of them.
    pub cost: Option<PerRequest>,
}

/// What a service spent over a few minutes, and on how many requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerRequest {
    pub over: Span,
    pub requests: f64,
    pub joules: f64,
    /// `None` where not all of the energy could be told in grams.
    pub grams: Option<Grams>,
}

impl PerRequest {
    /// Joules a request; `None` without requests.
    pub fn joules(&self) -> Option<f64> {
        (self.requests > 0.0).then(|| self.joules / self.requests)
    }

    /// Grams of CO2e a request; `None` without requests.
    pub fn grams(&self) -> Option<f64> {
        (self.requests > 0.0).then_some(self.grams?.get() / self.requests)
    }

    /// Requests a watt-hour; `None` without requests, and where they cost nothing.
    pub fn per_watthour(&self) -> Option<f64> {
        (self.requests > 0.0 && self.joules > 0.0).then(|| self.requests * WATT_HOUR / self.joules)
    }
}

impl Energy {
    pub fn restored(kept: KeptEnergy) -> Energy {
        Energy { kept, ..Energy::default() }
    }

    /// Takes up the bills of minutes that ended, each minute once, also after a restart.
    pub fn take(&mut self, bills: Vec<Bill>) {
        for bill in bills {
            if self.kept.totals.last.is_none_or(|last| bill.minute.at > last) {
                self.kept.totals.add(&bill);
                self.bills.push_back(bill);
            }
        }
    }

    /// Forgets the oldest bills.
    fn forget(&mut self) {
        let surplus = self.bills.len().saturating_sub(KEPT);
        self.bills.drain(..surplus);
    }

    /// The verdict on low-power mode; what is to be told of it where it changed.
    pub fn judge(&mut self, plan: &Plan, wish: Option<Wish>, now: Timestamp) -> Option<Notice> {
        let metering = &plan.pace.metering;
        let rule = metering.low_power.as_ref();
        let after = low_power(&self.kept.low_power, rule, &self.bills, wish, now);
        let before = mem::replace(&mut self.kept.low_power, after);
        let (on, mode) = (self.kept.low_power.is_on(), &self.kept.low_power);
        let because = match (before.cause, mode.cause) {
            (None, Some(cause)) => cause.to_string(),
            (Some(cause), None) => format!("no longer so: {cause}"),
            (Some(_), Some(_)) | (None, None) => return None,
        };
        let minute = self.bills.back().map(|bill| bill.minute);
        let power = Drawn {
            mean: minute.and_then(|minute| minute.mean),
            peak: minute.and_then(|minute| minute.peak),
            limit: rule.and_then(|rule| rule.above),
        };
        Some(Notice::of_host(&metering.host, News::LowPower { on }, now, because, power))
    }

    /// Looks at each service as of the last minute.
    pub fn look(&mut self, plan: &Plan, ledger: &Ledger, now: Timestamp) {
        let last = self.last(now).filter(|last| now.since(*last) < MINUTE * STRETCH as i64);
        let requests = |slo: usize| {
            let book = ledger.book_of(plan, slo);
            Some(ledger.accounts[book.account].events(book.sides)?.total())
        };
        let served = |metered: &Metered| Served {
            service: metered.service.clone(),
            requests: metered.requests.and_then(requests),
            cost: last.and_then(|last| self.per_request(metered, plan, ledger, last)),
        };
        self.services = plan.metered.iter().map(served).collect();
    }

    /// What is to be booked of burnwatch's own readings: up to `now` where the minute after the last bill cannot have
    /// ended by then, else up to the last bill.
    pub fn answers(&self, plan: &Plan, ledger: &Ledger, now: Timestamp) -> Vec<Answered> {
        let Some(last) = self.last(now) else { return Vec::new() };
        let until = if now < last + MINUTE { now } else { last };
        let answered = |query: usize| {
            let Question::Own { reading, .. } = &plan.queries[query].question else { return None };
            let watermark = ledger.watermark(query);
            let is_new = |at: Timestamp| watermark.is_none_or(|watermark| at > watermark);
            is_new(until).then(|| {
                let ends = self.bills.iter().map(|bill| bill.minute.at).filter(|at| is_new(*at) && *at <= until);
                let answers = vec![self.series(reading, &ends.collect::<Vec<_>>(), plan, ledger)];
                Answered { query, until, answers }
            })
        };
        (0..plan.queries.len()).filter_map(answered).collect()
    }

    /// The end of the last minute up to `now`.
    fn last(&self, now: Timestamp) -> Option<Timestamp> {
        self.bills.iter().rev().map(|bill| bill.minute.at).find(|at| *at <= now)
    }

    fn bill(&self, at: Timestamp) -> Option<&Bill> {
        let found = self.bills.binary_search_by_key(&at, |bill| bill.minute.at).ok()?;
        self.bills.get(found).filter(|bill| bill.minute.is_whole())
    }

    /// The series that a selector selects, with the values that were to be read at these ends of minutes.
    fn series(&self, reading: &Selector, ends: &[Timestamp], plan: &Plan, ledger: &Ledger) -> Vec<Series> {
        let host = |watts: fn(&Bill) -> Option<Watts>| {
            let sample = |at: &Timestamp| Some(Sample { at: *at, value: watts(self.bill(*at)?)?.get() });
            vec![Series::new(Labels::default(), ends.iter().filter_map(sample).collect())]
        };
        let services = |value: fn(&PerRequest) -> Option<f64>| {
            let series = |metered: &Metered| {
                let value = |at| value(&self.per_request(metered, plan, ledger, at)?);
                let sample = |at: &Timestamp| Some(Sample { at: *at, value: value(*at)? });
                Series::new(Labels::new([("service", &*metered.service)]), ends.iter().filter_map(sample).collect())
            };
            plan.metered.iter().map(series).collect()
        };
        let mut series: Vec<Series> = match reading.metric() {
            names::HOST_POWER => host(|bill| bill.minute.mean),
            names::HOST_POWER_PEAK => host(|bill| bill.minute.peak),
            names::SERVICE_REQUESTS_PER_WATTHOUR => services(PerRequest::per_watthour),
            names::SERVICE_JOULES_PER_REQUEST => services(PerRequest::joules),
            names::SERVICE_GRAMS_PER_REQUEST => services(PerRequest::grams),
            _ => Vec::new(),
        };
        // What cannot be matched here is not asked.
        let selected = Narrowing::new(reading.matchers());
        series.retain(|series| selected.as_ref().is_some_and(|selected| selected.admits(&series.labels)));
        series
    }

    /// What a service spent up to a moment, over as many whole minutes in a row as were measured and have their requests
    /// counted from the first to the last.
    fn per_request(&self, metered: &Metered, plan: &Plan, ledger: &Ledger, at: Timestamp) -> Option<PerRequest> {
        let book = ledger.book_of(plan, metered.requests?);
        let minutes = |count: usize| (0..count).map(|back| self.bill(at - MINUTE * back as i64));
        (1..=STRETCH).rev().find_map(|count| {
            let bills = minutes(count).collect::<Option<Vec<&Bill>>>()?;
            let over = MINUTE * count as i64;
            let counted = ledger.statement.measured(&book, over, at)?;
            if (counted.from, counted.to) != (at - over, at) {
                return None;
            }
            let items = bills.iter().map(|bill| bill.item(&metered.service)).collect::<Option<Vec<_>>>()?;
            // Minutes end with a reading, a little off their ends: what was measured stands for all of them.
            let measured = bills.iter().map(|bill| bill.minute.measured).fold(Span::ZERO, |sum, span| sum + span);
            let whole = over.share_of(measured);
            let joules = items.iter().map(|item| item.energy.as_joules()).sum::<f64>() * whole;
            let grams = items.iter().map(|item| item.grams).sum::<Option<Grams>>();
            let grams = grams.and_then(|grams| Grams::new(grams.get() * whole));
            Some(PerRequest { over, requests: counted.tally.total(), joules, grams })
        })
    }
}

impl State {
    /// Takes up the minutes of energy that ended, books what SLOs make of them, and judges low-power mode. To be called
    /// when the requests up to `now` are booked.
    pub fn measure(
        &mut self,
        plan: &Plan,
        bills: Vec<Bill>,
        wish: Option<Wish>,
        now: Timestamp,
    ) -> (Entry, Option<Notice>) {
        let before = self.energy.kept.clone();
        self.energy.take(bills);
        let answers = self.energy.answers(plan, &self.ledger, now);
        let booked = self.ledger.book(plan, &answers, &Starts::new(), now);
        self.remember(booked.odd, booked.problems, now);
        self.energy.look(plan, &self.ledger, now);
        let notice = self.energy.judge(plan, wish, now);
        self.energy.forget();
        // Totals are plain data: they always become JSON.
        let energy = (self.energy.kept != before).then(|| serde_json::to_string(&self.energy.kept).unwrap_or_default());
        (Entry { ledger: booked.changed, energy, ..Entry::default() }, notice)
    }

    /// How far one instant that is evaluated lies from the next: in low-power mode only every fourth is, while no budget
    /// is spent faster than it may be.
    pub fn stride(&self, plan: &Plan) -> Span {
        plan.pace.every * if self.is_saving() { SAVING } else { 1 }
    }

    /// Whether less is to be done than could be.
    pub fn is_saving(&self) -> bool {
        let burns =
            |standing: &Standing| standing.burns.iter().any(|(_, burn)| burn.is_some_and(|burn| burn.get() > 1.0));
        self.energy.kept.low_power.is_on() && !self.standings.iter().any(burns)
    }
}
