//! How many raw samples a Prometheus reads each minute for one availability SLO, as it says itself (`stats=all`).

use std::time::{SystemTime, UNIX_EPOCH};

use crate::peers::{self, Rule};
use crate::stand::Prometheus;
use crate::stand::past::{Past, SCRAPE, scenarios};

const TOTAL: &str = "http_requests_total";
const BAD: &str = "http_requests_total{code=\"500\"}";
/// The daemon ticks twice a minute and reads half a minute and two minutes before (three scrape intervals, if longer).
const DAEMON_ASKS: &str = "http_requests_total[210s]";
const TICKS: f64 = 2.0;

pub fn print() {
    println!("Raw samples read per minute for one SLO of 99.9 % over 30 d, scrapes every {SCRAPE} s\n");
    println!("| series | burnwatch run | Sloth | Pyrra |");
    println!("|---:|---:|---:|---:|");
    for services in [5, 25] {
        println!("{}", row(services));
    }
    println!();
}

/// Each service has two instances with a series of answers and one of errors.
fn row(services: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let pasts: Vec<Past> = (0..services).map(|seed| scenarios(seed, now).remove(0)).collect();
    let at = pasts[0].scrapes().last().unwrap().at;
    let prometheus = Prometheus::remembering(&pasts);
    let read = |expression: &str| samples_read(&prometheus, expression, at);
    let rules = |rules: Vec<Rule>| rules.iter().map(|rule| rule.per_minute * read(&rule.expression)).sum::<f64>();
    let daemon = TICKS * read(DAEMON_ASKS);
    let sloth = rules(peers::sloth(BAD, TOTAL)) + peers::SLOTH_MONTH_SAMPLES;
    let pyrra = rules(peers::pyrra(BAD, TOTAL));
    let times = |cost: f64| format!("{cost:.0} ({:.0} times)", cost / daemon);
    format!("| {} | {daemon:.0} | {} | {} |", services * 4, times(sloth), times(pyrra))
}

/// How many samples it reads to evaluate an expression at a moment.
fn samples_read(prometheus: &Prometheus, expression: &str, at: i64) -> f64 {
    let data = prometheus.data(expression, &format!("&time={at}&stats=all"));
    data["stats"]["samples"]["totalQueryableSamples"].as_f64().unwrap()
}
