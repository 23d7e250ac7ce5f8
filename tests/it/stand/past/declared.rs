//! What the services of a past promise.

use crate::stand::past::Past;

/// What is counted request by request.
pub const EXACT: [&str; 2] = ["availability", "latency"];

/// An SLO file of these SLIs (those of [`EXACT`], and `up`) of each past, over so many days.
pub fn declared(pasts: &[Past], days: i64, slis: &[&str]) -> String {
    let slo = |sli: &&str, job: &str| {
        let (objective, counted) = match *sli {
            "availability" => (
                "99.9%",
                format!(
                    "bad: 'http_requests_total{{job=\"{job}\",code=~\"5..\"}}', total: 'http_requests_total{{job=\"{job}\"}}'"
                ),
            ),
            "latency" => ("95%", format!("histogram: 'http_request_duration_seconds{{job=\"{job}\"}}', under: 200ms")),
            _ => ("99%", format!("up: 'up{{job=\"{job}\"}}'")),
        };
        format!("- {{ name: {job}-{sli}, objective: {objective}, sli: {{ {counted} }} }}\n")
    };
    let of = |past: &Past| slis.iter().map(|sli| slo(sli, &past.job)).collect::<String>();
    format!("service: shop\nwindow: {days}d\nslos:\n{}", pasts.iter().map(of).collect::<String>())
}
