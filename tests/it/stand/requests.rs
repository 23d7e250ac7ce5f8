//! How many requests there were, exactly, and how a process would say so to Prometheus (text 0.0.4).

use std::ops::{Add, AddAssign, Sub};
use std::time::{SystemTime, UNIX_EPOCH};

/// `total` requests, of which `failed` were answered with 500 and `slow` took more than 200 ms; the same one may be both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requests {
    pub total: u64,
    pub failed: u64,
    pub slow: u64,
}

impl Requests {
    /// What a process that began at `started` and has served these exposes.
    /// There is no series of errors before the first error, as in most real services.
    pub fn exposition(&self, started: SystemTime, open: bool) -> String {
        let Requests { total, failed, slow } = *self;
        let started = started.duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let errors = match failed {
            0 => String::new(),
            _ => format!("http_requests_total{{code=\"500\"}} {failed}\n"),
        };
        format!(
            "# HELP process_start_time_seconds When the process began, in seconds since 1970.\n\
             # TYPE process_start_time_seconds gauge\n\
             process_start_time_seconds {started:.3}\n\
             # HELP shop_open Whether the shop takes orders.\n\
             # TYPE shop_open gauge\n\
             shop_open {open}\n\
             # HELP http_requests_total Requests answered, by status code.\n\
             # TYPE http_requests_total counter\n\
             http_requests_total{{code=\"200\"}} {answered}\n\
             {errors}\
             # HELP http_request_duration_seconds How long requests took.\n\
             # TYPE http_request_duration_seconds histogram\n\
             {durations}",
            open = u8::from(open),
            answered = total - failed,
            durations = durations(total - slow, slow),
        )
    }
}

/// Fast requests fall evenly into the first three buckets and slow ones into the next two, so that every neighbour of
/// 200 ms holds another number.
fn durations(fast: u64, slow: u64) -> String {
    let buckets = [
        ("0.05", fast / 3),
        ("0.1", fast * 2 / 3),
        ("0.2", fast),
        ("0.5", fast + slow / 2),
        ("1", fast + slow),
        ("+Inf", fast + slow),
    ];
    let mut text: String = buckets
        .iter()
        .map(|(le, count)| format!("http_request_duration_seconds_bucket{{le=\"{le}\"}} {count}\n"))
        .collect();
    let seconds = fast as f64 * 0.1 + slow as f64 * 0.5;
    text += &format!("http_request_duration_seconds_sum {seconds}\n");
    text += &format!("http_request_duration_seconds_count {}\n", fast + slow);
    text
}

impl Add for Requests {
    type Output = Requests;

    fn add(self, more: Requests) -> Requests {
        Requests { total: self.total + more.total, failed: self.failed + more.failed, slow: self.slow + more.slow }
    }
}

impl AddAssign for Requests {
    fn add_assign(&mut self, more: Requests) {
        *self = *self + more;
    }
}

impl Sub for Requests {
    type Output = Requests;

    fn sub(self, fewer: Requests) -> Requests {
        Requests { total: self.total - fewer.total, failed: self.failed - fewer.failed, slow: self.slow - fewer.slow }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stand::check_metrics;

    #[test]
    fn promtool_finds_no_fault_in_the_exposition() {
        let text = Requests { total: 10, failed: 1, slow: 2 }.exposition(SystemTime::now(), true);
        assert_eq!(check_metrics(&text), Ok(()));
    }

    #[test]
    fn the_error_series_is_born_with_the_first_error() {
        let exposition = |failed| Requests { total: 10, failed, slow: 0 }.exposition(UNIX_EPOCH, true);
        assert!(!exposition(0).contains("500"));
        assert!(exposition(1).contains("http_requests_total{code=\"500\"} 1\n"));
    }

    #[test]
    fn every_bucket_counts_what_is_at_or_under_it() {
        let text = durations(9, 4);
        let counts: Vec<&str> = text.lines().filter_map(|line| line.rsplit(' ').next()).collect();
        assert_eq!(counts, ["3", "6", "9", "11", "13", "13", "2.9", "13"]);
    }
}
