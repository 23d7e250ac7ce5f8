//! The error budget that a month really consumed, and what the peers make of the same samples.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::peers;
use crate::stand::Prometheus;
use crate::stand::past::{Past, scenarios};

const MONTH: i64 = 30 * 86_400;
/// 99.9 %.
const ALLOWED: f64 = 0.001;

pub fn print() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let pasts = scenarios(1, now);
    let prometheus = Prometheus::remembering(&pasts);
    println!("Error budget consumed over 30 d at 99.9 %\n");
    println!("| what happened | truth | Sloth | Pyrra |");
    println!("|---|---:|---:|---:|");
    pasts.iter().for_each(|past| println!("{}", row(&prometheus, past)));
    println!();
}

fn row(prometheus: &Prometheus, past: &Past) -> String {
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
    let (sloth, pyrra) = (asked(peers::sloth_month(&bad, &total)), asked(peers::pyrra_month(&bad, &total)));
    format!("| {} | {truth} | {sloth} | {pyrra} |", past.job)
}
