//! Pasts as servers take them: written as OpenMetrics, a file for each two hours, and made to blocks by promtool (which
//! reads its whole input again for every block), or as the older text, whose moments are in milliseconds.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use crate::stand::past::{Exposed, Past};

const BLOCK: i64 = 7_200;
/// As many promtools at a time.
const AT_A_TIME: usize = 2;

/// The samples of several pasts, by block and metric family.
pub struct Blocks {
    families: BTreeMap<i64, [String; FAMILIES.len()]>,
    /// Moments are so many to a second.
    per_second: i64,
}

/// The families, whose samples have to stand together.
const FAMILIES: [&str; 5] = [
    "# TYPE process_start_time_seconds gauge\n",
    "# TYPE up gauge\n",
    "# TYPE http_requests counter\n",
    "# TYPE http_request_duration_seconds histogram\n",
    // What `also` adds.
    "",
];

impl Blocks {
    /// All that was ever scraped of some services, for [`Blocks::store`].
    pub fn of(pasts: &[Past]) -> Blocks {
        Blocks::counting(pasts, 1)
    }

    /// The same as texts 0.0.4.
    pub fn texts(pasts: &[Past]) -> impl Iterator<Item = String> {
        Blocks::counting(pasts, 1_000).families.into_values().map(|families| families.concat())
    }

    /// The same, with a series that was always 1, at every so many seconds of a span.
    #[allow(dead_code, reason = "the bench of costs remembers recordings")]
    pub fn also(mut self, series: &str, every: i64, (from, to): (i64, i64)) -> Blocks {
        for at in (from..to).step_by(every as usize) {
            let [.., others] = self.families.entry(at.div_euclid(BLOCK)).or_default();
            _ = writeln!(others, "{series} 1 {at}");
        }
        self
    }

    fn counting(pasts: &[Past], per_second: i64) -> Blocks {
        let mut blocks = Blocks { families: BTreeMap::new(), per_second };
        pasts.iter().for_each(|past| blocks.add(past));
        blocks
    }

    fn add(&mut self, past: &Past) {
        for scrape in past.scrapes() {
            let block = self.families.entry(scrape.at.div_euclid(BLOCK)).or_default();
            let at = scrape.at * self.per_second;
            scrape.exposed.iter().for_each(|process| write(block, &past.job, process, at));
        }
    }

    /// Makes them the data of a Prometheus that is not running.
    pub fn store(self, data: &Path) {
        let texts = tempfile::tempdir().unwrap();
        let files = self.families.into_iter().map(|(number, families)| {
            let path = texts.path().join(number.to_string());
            let family = |(head, samples): (&str, &String)| {
                if samples.is_empty() { String::new() } else { format!("{head}{samples}") }
            };
            let text: String = FAMILIES.into_iter().zip(&families).map(family).collect();
            fs::write(&path, text + "# EOF\n").unwrap();
            path
        });
        let files = Mutex::new(files.collect::<Vec<_>>().into_iter());
        let next = || files.lock().unwrap().next();
        thread::scope(|scope| {
            for _ in 0..AT_A_TIME {
                scope.spawn(|| {
                    while let Some(file) = next() {
                        create_blocks(&file, data)
                    }
                });
            }
        });
    }
}

fn write(families: &mut [String; FAMILIES.len()], job: &str, process: &Exposed, at: i64) {
    let Exposed { instance, started, served } = process;
    let [starts, ups, requests, durations, _] = families;
    let labels = format!("job=\"{job}\",instance=\"{instance}\"");
    _ = writeln!(starts, "process_start_time_seconds{{{labels}}} {started} {at}");
    _ = writeln!(ups, "up{{{labels}}} 1 {at}");
    _ = writeln!(requests, "http_requests_total{{{labels},code=\"200\"}} {} {at}", served.total - served.failed);
    if served.failed > 0 {
        _ = writeln!(requests, "http_requests_total{{{labels},code=\"500\"}} {} {at}", served.failed);
    }
    for (bound, count) in [("0.2", served.total - served.slow), ("+Inf", served.total)] {
        _ = writeln!(durations, "http_request_duration_seconds_bucket{{{labels},le=\"{bound}\"}} {count} {at}");
    }
}

fn create_blocks(file: &Path, data: &Path) {
    let promtool = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"])
        .args([file, data])
        .stdin(Stdio::null())
        .output()
        .expect("install prometheus: tests/run does");
    assert!(promtool.status.success(), "{}", String::from_utf8_lossy(&promtool.stderr));
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use crate::stand::Prometheus;
    use crate::stand::past::scenarios;

    #[test]
    fn a_prometheus_remembers_every_sample_of_a_past_it_never_scraped() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        let mut past = scenarios(1, now).remove(4);
        past.begins = past.ends - 3 * 86_400;
        let prometheus = Prometheus::remembering(std::slice::from_ref(&past));
        let last = past.scrapes().last().unwrap();
        let look = |expression: &str| prometheus.number_at(expression, last.at);
        let served: u64 = last.exposed.iter().map(|process| process.served.total).sum();
        let slow: u64 = last.exposed.iter().map(|process| process.served.slow).sum();
        assert_eq!(look("sum(http_requests_total)"), Some(served as f64));
        let fast = look("sum(http_request_duration_seconds_bucket{le=\"0.2\"})");
        assert_eq!(fast, Some((served - slow) as f64));
        let samples = past.scrapes().map(|scrape| scrape.exposed.len()).sum::<usize>();
        assert_eq!(look("sum(count_over_time(process_start_time_seconds[4d]))"), Some(samples as f64));
    }
}
