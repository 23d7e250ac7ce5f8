//! An invented shop of four services: what is asked of them, how they answer and what goes wrong, as a function of the
//! time since the shop opened. The same moment gives the same counts, whoever asks. Never knows an SLO, a clock or a
//! socket.

use std::f64::consts::TAU;
use std::fmt;

use crate::units::{Span, Timestamp};

const MINUTE: f64 = 60.0;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;

/// The bounds of the services' histograms, in seconds, as they are exposed.
pub const BOUNDS: [&str; 7] = ["0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf"];

/// How a request may end: answered within one of the bounds and above the one before, or failed at once.
pub const ENDS: usize = BOUNDS.len() + 1;
pub const FAILED: usize = ENDS - 1;
/// Answered within 2.5 s, which is slow for each of the services.
const SLOW: usize = 5;

/// A service: one process that is asked over HTTP.
#[derive(Debug)]
pub struct Service {
    pub name: &'static str,
    /// Requests per second, on average.
    pace: f64,
    /// By what share the pace goes up by day and down at night.
    by_day: f64,
    /// The share of its requests that end in each way while all is well. They sum to 1.
    usual: [f64; ENDS],
    /// So often it is deployed, in seconds: a new process counts from zero.
    deployed_every: f64,
}

pub const SERVICES: [Service; 4] = [
    Service {
        name: "checkout",
        pace: 40.0,
        by_day: 0.5,
        usual: [0.60, 0.25, 0.12, 0.02, 0.006, 0.003, 0.0008, 0.0002],
        deployed_every: 3.0 * DAY,
    },
    // Busy, quick and hardly ever wrong.
    Service {
        name: "catalogue",
        pace: 300.0,
        by_day: 0.6,
        usual: [0.93, 0.066, 0.003, 0.0006, 0.0002, 0.0001, 0.00005, 0.00005],
        deployed_every: 9.0 * DAY,
    },
    // Slow at the best of times.
    Service {
        name: "search",
        pace: 120.0,
        by_day: 0.6,
        usual: [0.25, 0.32, 0.30, 0.10, 0.02, 0.008, 0.0012, 0.0008],
        deployed_every: 5.0 * DAY,
    },
    // Few requests, and at the mercy of a card processor.
    Service {
        name: "payments",
        pace: 12.0,
        by_day: 0.5,
        usual: [0.05, 0.15, 0.50, 0.20, 0.07, 0.025, 0.0048, 0.0002],
        deployed_every: 13.0 * DAY,
    },
];

/// A time at which a share of a service's requests ends in one way, instead of as usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Incident {
    pub service: &'static str,
    pub what: &'static str,
    /// Seconds since the shop opened, negative before.
    from: f64,
    to: f64,
    share: f64,
    end: usize,
}

/// What went wrong in the month before the shop opened, and still does.
const PAST: [Incident; 7] = [
    past("catalogue", "a cache was cold", 25.2 * DAY, 5.0 * MINUTE, 0.5, FAILED),
    past("checkout", "a database failed over", 21.3 * DAY, 12.0 * MINUTE, 0.8, FAILED),
    past("payments", "a certificate had expired", 17.4 * DAY, 45.0 * MINUTE, 0.9, FAILED),
    past("checkout", "a release leaked connections", 12.6 * DAY, 45.0 * MINUTE, 0.2, FAILED),
    past("search", "an index was too large", 9.0 * DAY, 36.0 * HOUR, 0.7, SLOW),
    past("payments", "the card processor was down", 3.4 * DAY, 20.0 * MINUTE, 0.3, FAILED),
    past("search", "one replica answers with errors", 2.5 * DAY, 2.75 * DAY, 0.009, FAILED),
];

/// What goes wrong again and again while somebody watches. Long enough to open a page, short enough to close it again.
const LIVE: [Incident; 3] = [
    live("payments", "the card processor times out", 0.0, 4.0 * MINUTE, 0.4, FAILED),
    live("checkout", "a bad release is being rolled back", 4.5 * MINUTE, 3.0 * MINUTE, 0.45, FAILED),
    live("search", "the index is being rebuilt", 8.5 * MINUTE, 3.0 * MINUTE, 0.9, SLOW),
];

/// The first round of live incidents begins so long before the shop opens, for something to be wrong already.
const HEAD_START: f64 = 3.25 * MINUTE;

/// How long a round takes.
const ROUND: f64 = 15.0 * MINUTE;

const fn past(service: &'static str, what: &'static str, ago: f64, lasts: f64, share: f64, end: usize) -> Incident {
    Incident { service, what, from: -ago, to: lasts - ago, share, end }
}

const fn live(service: &'static str, what: &'static str, from: f64, lasts: f64, share: f64, end: usize) -> Incident {
    let from = from - HEAD_START;
    Incident { service, what, from, to: from + lasts, share, end }
}

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.service, self.what)
    }
}

/// The shop, by when it opened.
#[derive(Debug, Clone, Copy)]
pub struct Shop {
    opened: Timestamp,
}

impl Shop {
    pub fn opened_at(opened: Timestamp) -> Shop {
        Shop { opened }
    }

    pub fn opened(&self) -> Timestamp {
        self.opened
    }

    /// How many requests the present process of a service has ended in each way.
    pub fn counts(&self, service: &Service, at: Timestamp) -> [u64; ENDS] {
        let now = self.seconds(at);
        let start = service.deployed(now);
        let mut usual = service.requests(start, now);
        let mut counts = [0.0; ENDS];
        for incident in incidents(now).filter(|incident| incident.service == service.name) {
            let hit = incident.share * service.requests(incident.from.max(start), incident.to.min(now));
            counts[incident.end] += hit;
            usual -= hit;
        }
        // Each sum only ever grows, so its whole part does.
        std::array::from_fn(|end| (counts[end] + usual * service.usual[end]) as u64)
    }

    /// When the present process of a service was started.
    pub fn started(&self, service: &Service, at: Timestamp) -> Timestamp {
        Timestamp::millis(self.opened.as_millis() + (service.deployed(self.seconds(at)) * 1_000.0) as i64)
    }

    /// What is wrong at a moment, and for how long still.
    pub fn trouble(&self, at: Timestamp) -> Vec<(Incident, Span)> {
        let now = self.seconds(at);
        let left = |incident: &Incident| Span::millis(((incident.to - now) * 1_000.0) as i64);
        incidents(now).map(|incident| (incident, left(&incident))).filter(|(_, left)| !left.is_zero()).collect()
    }

    /// Whether the card processor can be reached: where it cannot, payments fail.
    pub fn is_processor_up(&self, at: Timestamp) -> bool {
        !self.trouble(at).iter().any(|(incident, _)| incident.service == "payments" && incident.end == FAILED)
    }

    fn seconds(&self, at: Timestamp) -> f64 {
        (at.as_millis() - self.opened.as_millis()) as f64 / 1_000.0
    }
}

impl Service {
    /// The labels that its series have when it is scraped.
    pub fn target(&self) -> [(&'static str, String); 2] {
        [("job", self.name.to_string()), ("instance", format!("{}-1", self.name))]
    }

    /// The requests between two moments, in seconds since the shop opened; none where the second is not later.
    fn requests(&self, from: f64, to: f64) -> f64 {
        if to > from { self.requests_until(to) - self.requests_until(from) } else { 0.0 }
    }

    /// The integral of `pace * (1 + by_day * cos(day) + ...)`: busiest when the shop opens, quiet half a day later, a
    /// little busier on some days of a week, and uneven from minute to minute. The shares stay below 1, so it grows.
    fn requests_until(&self, to: f64) -> f64 {
        let swing = |share: f64, period: f64| share * period / TAU * (TAU * to / period).sin();
        self.pace * (to + swing(self.by_day, DAY) + swing(0.1, 7.0 * DAY) + swing(0.15, 1.7 * MINUTE))
    }

    /// When its present process was started: half a period before the shop opened, and so on in both directions.
    fn deployed(&self, now: f64) -> f64 {
        ((now / self.deployed_every + 0.5).floor() - 0.5) * self.deployed_every
    }
}

/// Every incident that has begun by `now`.
fn incidents(now: f64) -> impl Iterator<Item = Incident> {
    let rounds = ((now + HEAD_START) / ROUND).floor() as i64 + 1;
    let of_round = |round: i64| {
        let later = round as f64 * ROUND;
        LIVE.map(|incident| Incident { from: incident.from + later, to: incident.to + later, ..incident })
    };
    PAST.into_iter().chain((0..rounds).flat_map(of_round)).filter(move |incident| incident.from <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENED: Timestamp = Timestamp::seconds(1_795_176_000);
    const SHOP: Shop = Shop { opened: OPENED };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::millis(OPENED.as_millis() + seconds * 1_000)
    }

    /// Moments from a month before the opening to a day after, `step` apart.
    fn moments(step: Span) -> impl Iterator<Item = Timestamp> {
        let end = OPENED + Span::days(1);
        std::iter::successors(Some(OPENED - Span::days(31)), move |at| Some(*at + step)).take_while(move |at| *at < end)
    }

    /// The requests of a service between two moments, by how they ended.
    fn ended(service: usize, from: i64, to: i64) -> [u64; ENDS] {
        let [before, after] = [from, to].map(|seconds| SHOP.counts(&SERVICES[service], at(seconds)));
        std::array::from_fn(|end| after[end] - before[end])
    }

    fn fell(before: &[u64; ENDS], now: &[u64; ENDS]) -> bool {
        before.iter().zip(now).any(|(before, now)| now < before)
    }

    #[test]
    fn the_shares_of_a_service_are_all_of_its_requests() {
        for service in &SERVICES {
            assert!((service.usual.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{}", service.name);
        }
    }

    #[test]
    fn counters_fall_when_a_service_is_deployed_and_never_else() {
        for service in &SERVICES {
            let mut deployed = 0;
            let mut before = (SHOP.started(service, OPENED - Span::days(31)), [0; ENDS]);
            for at in moments(Span::millis(71_317)) {
                let now = (SHOP.started(service, at), SHOP.counts(service, at));
                assert_eq!(fell(&before.1, &now.1), before.0 != now.0, "{} at {at}: {before:?}, {now:?}", service.name);
                deployed += usize::from(before.0 != now.0);
                before = now;
            }
            assert!(deployed >= 2, "{} was deployed {deployed} times", service.name);
        }
    }

    #[test]
    fn counters_do_not_fall_from_one_moment_to_the_next() {
        for service in &SERVICES {
            let mut before = SHOP.counts(service, at(-240));
            for at in (-240_000..600_000).step_by(37).map(|millis| Timestamp::millis(OPENED.as_millis() + millis)) {
                let now = SHOP.counts(service, at);
                assert!(!fell(&before, &now), "{} at {at}: {before:?}, {now:?}", service.name);
                before = now;
            }
        }
    }

    #[test]
    fn incidents_of_a_service_never_take_all_its_requests() {
        for moment in moments(Span::minutes(1)) {
            let trouble = SHOP.trouble(moment);
            for service in &SERVICES {
                let its = trouble.iter().filter(|(incident, _)| incident.service == service.name);
                let share: f64 = its.map(|(incident, _)| incident.share).sum();
                assert!(share < 0.95, "{} at {moment}: {trouble:?}", service.name);
            }
        }
    }

    #[test]
    fn days_are_busy_and_nights_are_quiet() {
        let hour = 3_600;
        let requests = |from: i64| ended(0, from, from + hour).iter().sum::<u64>();
        let (day, night) = (requests(-hour), requests(-12 * hour));
        assert!(day > 2 * night, "{day} by day, {night} at night");
    }

    #[test]
    fn an_incident_takes_its_share_of_the_requests() {
        let payments = ended(3, 0, 40);
        let share = payments[FAILED] as f64 / payments.iter().sum::<u64>() as f64;
        assert!((share - 0.4).abs() < 0.01, "{payments:?}");
        assert!(ended(3, 100, 160)[FAILED] <= 1);
    }

    #[test]
    fn something_is_wrong_when_the_shop_opens_and_passes_and_comes_back() {
        let check = |seconds: i64, expected: &[&str]| {
            let trouble = SHOP.trouble(at(seconds));
            let told: Vec<String> = trouble.iter().map(|(what, left)| format!("{} {left}", what.service)).collect();
            assert_eq!(told, expected, "after {seconds} s");
        };
        check(0, &["search 6h", "payments 45s"]);
        check(50, &["search 5h59m10s"]);
        check(75, &["search 5h58m45s", "checkout 3m"]);
        check(705, &["search 5h48m15s", "payments 4m"]);
        assert!(!SHOP.is_processor_up(OPENED));
        assert!(SHOP.is_processor_up(at(120)));
    }
}
