//! How often one client may ask for the same: a bucket of tokens for each client and route. Probes and metrics are free.
//! Never knows what is answered.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

use crate::io::clock::Stopwatch;
use crate::io::web::Site;
use crate::io::web::client::{Client, Peer};
use crate::io::web::config::Rate;
use crate::io::web::refusal::Refusal;

/// Buckets that are kept, about 1 MiB of them; beyond, the fullest one goes, whose client has asked least of late.
const MAX_BUCKETS: usize = 8_192;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Whose bucket, and for which route.
type Key = (Client, Box<str>);

/// All buckets of one rate.
pub struct Limits<C: Clock<Instant = Nanos> = Uptime> {
    rate: Rate,
    quota: Quota,
    clock: C,
    buckets: RateLimiter<Key, Buckets, C, StateInformationMiddleware>,
}

/// The machine's clock since the start.
#[derive(Debug, Clone)]
pub struct Uptime(Stopwatch);

impl Clock for Uptime {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.elapsed().into()
    }
}

/// When each bucket will be full again; one that is not here is full.
#[derive(Debug, Default)]
struct Buckets(Mutex<HashMap<Key, Nanos>>);

impl StateStore for Buckets {
    type Key = Key;

    fn measure_and_replace<T, F, E>(&self, key: &Key, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        // Whoever held it last has only put one number in.
        let mut full_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = full_at.get(key).copied();
        let (outcome, after) = measure(before)?;
        if before.is_none() && full_at.len() >= MAX_BUCKETS {
            let fullest = full_at.iter().min_by_key(|(_, at)| **at).map(|(key, _)| key.clone());
            fullest.map(|key| full_at.remove(&key));
        }
        full_at.insert(key.clone(), after);
        Ok(outcome)
    }
}

/// How a client stands with its bucket after it asked.
#[derive(Debug, PartialEq, Eq)]
struct Standing {
    is_over: bool,
    limit: u32,
    /// How many more may come at once.
    remaining: u32,
    /// How long until `burst` may come at once again.
    reset: Duration,
    /// How long until the next may come.
    retry_after: Duration,
}

impl Limits {
    pub fn of(rate: Rate) -> Limits {
        Limits::by(Uptime(Stopwatch::started()), rate)
    }
}

impl<C: Clock<Instant = Nanos> + Clone> Limits<C> {
    fn by(clock: C, rate: Rate) -> Limits<C> {
        let per = Duration::from_millis(rate.per.as_millis().unsigned_abs());
        let interval = (per / rate.requests.get()).max(Duration::from_nanos(1));
        let quota = Quota::with_period(interval).unwrap_or(Quota::per_minute(rate.requests)).allow_burst(rate.burst);
        Limits { rate, quota, clock: clock.clone(), buckets: RateLimiter::new(quota, Buckets::default(), clock) }
    }

    /// Takes a token for one more request of `client` for `route`.
    fn standing(&self, client: Client, route: &str) -> Standing {
        let (limit, interval) = (self.rate.requests.get(), self.quota.replenish_interval());
        match self.buckets.check_key(&(client, route.into())) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let reset = interval * self.rate.burst.get().saturating_sub(remaining);
                Standing { is_over: false, limit, remaining, reset, retry_after: Duration::ZERO }
            }
            Err(not_until) => {
                let retry_after = not_until.wait_time_from(self.clock.now());
                let reset = retry_after + interval * (self.rate.burst.get() - 1);
                Standing { is_over: true, limit, remaining: 0, reset, retry_after }
            }
        }
    }

    fn refusal(&self, standing: &Standing) -> Refusal {
        let Rate { requests, per, .. } = self.rate;
        let per = match per.to_string().as_str() {
            "1s" => "a second".to_string(),
            "1m" => "a minute".to_string(),
            "1h" => "an hour".to_string(),
            per => format!("in {per}"),
        };
        Refusal::too_often(format!("at most {requests} requests {per}"), seconds(standing.retry_after), standing.limit)
    }
}

impl Standing {
    fn tell(&self, headers: &mut HeaderMap) {
        let numbers = [(LIMIT, self.limit.into()), (REMAINING, self.remaining.into()), (RESET, seconds(self.reset))];
        headers.extend(numbers.map(|(name, number)| (name, number.into())));
    }
}

/// Whole seconds after which `wait` is over.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// Whether `path` may be asked for without end: who watches us must not be kept from it.
fn is_free(path: &str) -> bool {
    let is_below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    is_below("/health") || is_below("/metrics") || matches!(path, "/-/healthy" | "/-/ready")
}

/// Answers who does not ask too often, and tells everybody how they stand.
pub async fn limited(State(site): State<Site>, request: Request, next: Next) -> Response {
    let access = site.access();
    let Some(limits) = access.limits.as_deref().filter(|_| !is_free(request.uri().path())) else {
        return next.run(request).await;
    };
    let client = client(&site, &request);
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let standing = limits.standing(client, route);
    let mut response = match standing.is_over {
        true => limits.refusal(&standing).into_response(),
        false => next.run(request).await,
    };
    standing.tell(response.headers_mut());
    response
}

/// Who asks; whoever has no connection asks from this machine.
pub fn client(site: &Site, request: &Request) -> Client {
    let here = Peer(std::net::Ipv4Addr::LOCALHOST.into());
    let peer = request.extensions().get::<Peer>().copied().unwrap_or(here);
    Client::of(peer, request.headers(), &site.access().trusted_proxies)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Span;
    use governor::clock::FakeRelativeClock;
    use std::num::NonZeroU32;

    fn client(address: [u8; 4]) -> Client {
        Client::of(Peer(address.into()), &HeaderMap::new(), &[])
    }

    /// Seven in ten seconds, at most three at once.
    fn limits() -> (FakeRelativeClock, Limits<FakeRelativeClock>) {
        let number = |number| NonZeroU32::new(number).unwrap();
        let clock = FakeRelativeClock::default();
        let rate = Rate { requests: number(7), per: Span::seconds(10), burst: number(3) };
        (clock.clone(), Limits::by(clock, rate))
    }

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let (clock, limits) = limits();
        let ask = || {
            let Standing { is_over, remaining, reset, retry_after, .. } = limits.standing(client([127, 0, 0, 1]), "/a");
            (is_over, remaining, seconds(reset), seconds(retry_after))
        };
        assert_eq!([ask(), ask(), ask()], [(false, 2, 2, 0), (false, 1, 3, 0), (false, 0, 5, 0)]);
        assert_eq!(ask(), (true, 0, 5, 2));
        clock.advance(Duration::from_millis(1_428));
        assert_eq!(ask(), (true, 0, 3, 1), "a whole second is waited for, never none");
        clock.advance(Duration::from_millis(1));
        assert_eq!(ask(), (false, 0, 5, 0));
        clock.advance(Duration::from_secs(3_600));
        assert_eq!(ask(), (false, 2, 2, 0));
    }

    #[test]
    fn each_client_and_each_route_has_its_own() {
        let (_, limits) = limits();
        let over = |address, route| (0..4).filter(|_| limits.standing(client(address), route).is_over).count();
        assert_eq!([over([127, 0, 0, 1], "/a"), over([127, 0, 0, 1], "/b"), over([127, 0, 0, 2], "/a")], [1, 1, 1]);
    }

    #[test]
    fn of_too_many_clients_it_forgets_who_asked_least_of_late() {
        let (clock, limits) = limits();
        let over = |address: [u8; 4]| limits.standing(client(address), "/").is_over;
        (0..3).for_each(|_| assert!(!over([192, 0, 2, 1])));
        clock.advance(Duration::from_secs(1));
        for number in 0..MAX_BUCKETS as u32 + 100 {
            assert!(!over((0x0a00_0000 + number).to_be_bytes()));
        }
        assert!(over([192, 0, 2, 1]), "an empty bucket is not lost to many full ones");
        assert_eq!(limits.buckets.into_state_store().0.into_inner().unwrap().len(), MAX_BUCKETS);
    }

    #[test]
    fn probes_and_metrics_are_free_and_what_only_looks_so_is_not() {
        for path in
            ["/health", "/health/live", "/health/ready", "/-/healthy", "/-/ready", "/metrics", "/metrics/energy"]
        {
            assert!(is_free(path), "{path}");
        }
        for path in ["/", "/healthy", "/metricsx", "/-/reload", "/api/v1/slos", "/openapi.json", "/api/health"] {
            assert!(!is_free(path), "{path}");
        }
    }
}
