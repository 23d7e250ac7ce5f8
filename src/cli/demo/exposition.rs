//! What a service of the shop exposes at a moment: as samples, and as the text that its `/metrics` answers.

use std::fmt::Write;

use crate::cli::demo::shop::{BOUNDS, ENDS, FAILED, Service, Shop};
use crate::units::Timestamp;

/// One line of the text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    pub metric: &'static str,
    /// Name and value of the one label it may have.
    pub label: Option<(&'static str, &'static str)>,
    pub value: f64,
}

/// The metrics: name, type and what is said of them.
const FAMILIES: [(&str, &str, &str); 4] = [
    ("http_requests_total", "counter", "Requests answered, by status code"),
    ("http_request_duration_seconds", "histogram", "How long requests took"),
    ("process_start_time_seconds", "gauge", "When this process was started"),
    ("card_processor_up", "gauge", "Whether the card processor can be reached"),
];

/// How long requests take, by how they end, in seconds.
const TAKES: [f64; ENDS] = [0.03, 0.07, 0.16, 0.35, 0.7, 1.6, 4.0, 0.01];

/// Every series of a service, always the same ones in the same order.
pub fn lines(shop: &Shop, service: &Service, at: Timestamp) -> Vec<Line> {
    let ends = shop.counts(service, at);
    let line = |metric, label, value| Line { metric, label, value };
    let count = |count: u64| count as f64;
    let total: u64 = ends.iter().sum();
    let mut lines = vec![
        line("http_requests_total", Some(("code", "200")), count(total - ends[FAILED])),
        line("http_requests_total", Some(("code", "500")), count(ends[FAILED])),
    ];
    // Those that failed did so at once: they are in every bucket.
    let mut within = ends[FAILED];
    for (bound, answered) in BOUNDS.into_iter().zip(ends) {
        within += answered;
        lines.push(line("http_request_duration_seconds_bucket", Some(("le", bound)), count(within)));
    }
    let took = ends.iter().zip(TAKES).map(|(ended, takes)| count(*ended) * takes).sum();
    lines.push(line("http_request_duration_seconds_sum", None, took));
    lines.push(line("http_request_duration_seconds_count", None, count(total)));
    lines.push(line("process_start_time_seconds", None, shop.started(service, at).as_seconds()));
    if service.name == "payments" {
        lines.push(line("card_processor_up", None, if shop.is_processor_up(at) { 1.0 } else { 0.0 }));
    }
    lines
}

/// The text in the Prometheus format 0.0.4.
pub fn text(shop: &Shop, service: &Service, at: Timestamp) -> String {
    let lines = lines(shop, service, at);
    let mut text = String::new();
    for (family, kind, help) in FAMILIES {
        let mut lines = lines.iter().filter(|line| line.metric.starts_with(family)).peekable();
        if lines.peek().is_some() {
            // Writing to a string cannot fail.
            _ = write!(text, "# HELP {family} {help}\n# TYPE {family} {kind}\n");
        }
        for Line { metric, label, value } in lines {
            let label = label.map(|(name, value)| format!("{{{name}=\"{value}\"}}")).unwrap_or_default();
            _ = writeln!(text, "{metric}{label} {value}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::shop::SERVICES;

    #[test]
    fn reads_as_a_scraper_expects_it() {
        let opened = Timestamp::seconds(1_795_176_000);
        let text = text(&Shop::opened_at(opened), &SERVICES[3], opened);
        // Without the values.
        let names: Vec<&str> = text.lines().map(|line| line.rsplit_once(' ').map_or(line, |(name, _)| name)).collect();
        let histogram =
            names.iter().position(|name| name.contains("le=\"0.05\"")).map(|index| &names[index - 1..][..3]);
        assert_eq!(
            names[..4],
            [
                "# HELP http_requests_total Requests answered, by status",
                "# TYPE http_requests_total",
                "http_requests_total{code=\"200\"}",
                "http_requests_total{code=\"500\"}",
            ]
        );
        assert_eq!(
            histogram,
            Some(
                &[
                    "# TYPE http_request_duration_seconds",
                    "http_request_duration_seconds_bucket{le=\"0.05\"}",
                    "http_request_duration_seconds_bucket{le=\"0.1\"}",
                ][..]
            )
        );
        assert!(text.ends_with("card_processor_up 0\n"), "{text}");
        assert!(text.contains("\nprocess_start_time_seconds 1794614400\n"), "{text}");
    }

    #[test]
    fn a_histogram_holds_every_request_that_was_counted() {
        let opened = Timestamp::seconds(1_795_176_000);
        for service in &SERVICES {
            let lines = lines(&Shop::opened_at(opened), service, opened);
            let value = |metric: &str, label: Option<&str>| -> f64 {
                let is_meant = |line: &&Line| {
                    line.metric == metric
                        && label.is_none_or(|label| line.label.is_some_and(|(_, value)| value == label))
                };
                lines.iter().filter(is_meant).map(|line| line.value).sum()
            };
            let requests = value("http_requests_total", None);
            assert_eq!(value("http_request_duration_seconds_count", None), requests, "{}", service.name);
            assert_eq!(value("http_request_duration_seconds_bucket", Some("+Inf")), requests, "{}", service.name);
            assert!(value("http_request_duration_seconds_bucket", Some("2.5")) < requests, "{}", service.name);
        }
    }
}
