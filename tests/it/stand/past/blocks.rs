//! Pasts as servers take them: written as OpenMetrics, a file for each block, and made to blocks by promtool (which reads
//! its whole input again for every block), or as the older text, whose moments are in milliseconds.

use std::fmt::Write;
use std::fs;
use std::iter::from_fn;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use crate::stand::past::{Exposed, Past};

/// What a Prometheus compacts its blocks of two hours to, in seconds.
const BLOCK: i64 = 54 * 3_600;
/// As many promtools at a time.
const AT_A_TIME: usize = 2;

/// The families, whose samples have to stand together.
const FAMILIES: [&str; 5] = [
    "# TYPE process_start_time_seconds gauge\n",
    "# TYPE up gauge\n",
    "# TYPE http_requests counter\n",
    "# TYPE http_request_duration_seconds histogram\n",
    // Constants.
    "",
];

/// A series that was 1 at every so many seconds of a span.
pub struct Constant {
    pub series: String,
    pub every: i64,
    pub from: i64,
    pub to: i64,
}

/// The samples of a block, by family.
type Block = [String; FAMILIES.len()];

/// All that was ever scraped of some services, as texts 0.0.4.
pub fn texts(pasts: &[Past]) -> impl Iterator<Item = String> {
    blocks(pasts, &[], 1_000).map(|families| families.concat())
}

/// Makes all that was ever scraped of some services, and some constants, the data of a Prometheus that is not running.
pub fn store(pasts: &[Past], constants: &[Constant], data: &Path) {
    let texts = tempfile::tempdir().unwrap();
    let files = blocks(pasts, constants, 1).enumerate().map(|(number, families)| {
        let path = texts.path().join(number.to_string());
        let family = |(head, samples): (&str, &String)| {
            if samples.is_empty() { String::new() } else { format!("{head}{samples}") }
        };
        let text: String = FAMILIES.into_iter().zip(&families).map(family).collect();
        fs::write(&path, text + "# EOF\n").unwrap();
        path
    });
    let files = Mutex::new(files);
    let next = || files.lock().unwrap().next();
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(file) = next() {
                    create_blocks(&file, data);
                    fs::remove_file(&file).unwrap();
                }
            });
        }
    });
}

/// Block after block, so that no more than one is held at a time; moments are so many to a second.
fn blocks(pasts: &[Past], constants: &[Constant], per_second: i64) -> impl Iterator<Item = Block> {
    let mut all: Vec<_> = pasts.iter().map(|past| (past, past.scrapes().peekable())).collect();
    let moments = |constant: &Constant| (constant.from..constant.to).step_by(constant.every as usize).peekable();
    let mut others: Vec<_> = constants.iter().map(|constant| (&constant.series, moments(constant))).collect();
    from_fn(move || {
        let number = |at: i64| at.div_euclid(BLOCK);
        let scraped = all.iter_mut().filter_map(|(_, scrapes)| Some(number(scrapes.peek()?.at)));
        let first = scraped.chain(others.iter_mut().filter_map(|(_, moments)| Some(number(*moments.peek()?)))).min()?;
        let mut block = Block::default();
        for (past, scrapes) in &mut all {
            while let Some(scrape) = scrapes.next_if(|scrape| number(scrape.at) == first) {
                let at = scrape.at * per_second;
                scrape.exposed.iter().for_each(|process| write(&mut block, &past.job, process, at));
            }
        }
        let [.., constants] = &mut block;
        for (series, moments) in &mut others {
            while let Some(at) = moments.next_if(|at| number(*at) == first) {
                _ = writeln!(constants, "{series} 1 {}", at * per_second);
            }
        }
        Some(block)
    })
}

fn write(families: &mut Block, job: &str, process: &Exposed, at: i64) {
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
        .arg(format!("--max-block-duration={BLOCK}s"))
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
