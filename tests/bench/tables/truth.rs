//! The error budget that a month really consumed, and what burnwatch and its peers make of the same samples.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::peers;
use crate::stand::past::{Past, declared, scenarios};
use crate::stand::{Daemon, Prometheus};

const MONTH: i64 = 30 * 86_400;
const EVALUATE: &str = "{ every: 5s, delay: 1s, scrape_interval: 1m, no_data_after: 1h }";
/// 99.9 %.
const ALLOWED: f64 = 0.001;

pub fn print() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let pasts = scenarios(1, now);
    let prometheus = Prometheus::remembering(&pasts);
    let slos = declared(&pasts, 30, &["availability"]);
    let mut daemon = Daemon::configured(&prometheus.url(), EVALUATE, &slos, Path::new("burnwatch.db"));
    daemon.start();
    daemon.wait_past_read(pasts.len());
    println!("Error budget consumed over 30 d at 99.9 %\n");
    println!("| what happened | truth | burnwatch | Sloth | Pyrra |");
    println!("|---|---:|---:|---:|---:|");
    pasts.iter().for_each(|past| println!("{}", row(&prometheus, &daemon, past)));
    println!();
}

fn row(prometheus: &Prometheus, daemon: &Daemon, past: &Past) -> String {
    let at = past.scrapes().last().unwrap().at;
    let truth = past.truth(at - MONTH, at);
    let total = format!("http_requests_total{{job=\"{}\"}}", past.job);
    let bad = total.replace('}', ",code=\"500\"}");
    let consumed = |ratio: Option<f64>| match ratio {
        Some(ratio) if ratio.is_nan() => "NaN".to_string(),
        Some(ratio) => format!("{:.1} %", 100.0 * ratio / ALLOWED),
        None => "nothing".to_string(),
    };
    let asked = |expression: String| consumed(prometheus.number_at(&expression, at));
    let truth = consumed(Some(truth.failed as f64 / truth.total as f64));
    let own = daemon.slo("shop", &format!("{}-availability", past.job))["budget"]["consumed"].as_f64();
    let own = consumed(own.map(|own| own * ALLOWED));
    let (sloth, pyrra) = (asked(peers::sloth_month(&bad, &total)), asked(peers::pyrra_month(&bad, &total)));
    format!("| {} | {truth} | {own} | {sloth} | {pyrra} |", past.job)
}
