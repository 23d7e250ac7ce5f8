//! Nine invented months, each told twice: to promtool, which evaluates the standalone rules over it, and to the tick,
//! which counts it in the ledger. Their budgets and burns agree within 1 % of the budget.
//!
//! promtool evaluates all groups at once, here at five minutes: at that distance, as at 30 s, rates over five minutes
//! hold every event equally often.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use burnwatch::plan::{Facts, Pace, Sample, Series, Target, plan};
use burnwatch::slos;
use burnwatch::tick::{Over, Piece, Seen, Standing, Starts, State, adopt, asks, tick};
use burnwatch::units::{Labels, Span, Timestamp};
use serde_json::Value;
use tempfile::TempDir;

use crate::rules::{declared, generate};
use crate::stand::past::{Past, SCRAPE, Scrape, scenarios};
use crate::stand::{Requests, test_rules};

/// In minutes, as all that is counted here: scrapes are one apart.
const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

/// 1 % of the budget.
const NEAR: f64 = 0.01;
const ALLOWED: f64 = 0.001;
const WINDOW: i64 = 30 * DAY;
const BASE: i64 = 5;

/// Beside no full hour, nor day.
const SEED: u64 = 7;
const ENDS: i64 = 1_790_000_040;

/// The distance of two evaluations, and of two ticks.
const STEP: i64 = 5;
const TICK: i64 = 15;

/// The first look and their distance: at ticks, and never at the edge of a tile.
const LOOKS: (i64, i64) = (8 * HOUR + TICK, 13 * HOUR);

/// What others sum up.
const SUMMED: [&str; 3] = ["rate5m", "count10m", "count1h"];

/// What is looked at, and how long it may be behind: a tile, the rates in it, and up to the tick before.
const ASKED: [(&str, i64); 9] = [
    ("slo:burn_rate:30m", TICK),
    ("slo:burn_rate:1h", 0),
    ("slo:burn_rate:2h", TICK),
    ("slo:burn_rate:6h", TICK),
    ("slo:burn_rate:1d", TICK),
    ("slo:burn_rate:3d", TICK),
    ("slo:burn_rate:30d", HOUR),
    ("slo:error_budget_remaining:ratio", HOUR),
    ("slo:window_coverage:ratio", HOUR),
];

/// A past, and the samples that a Prometheus has of it: by instance and code, from minute to minute.
struct Told {
    past: Past,
    scrapes: Vec<Scrape>,
    series: BTreeMap<(String, &'static str), Vec<Option<f64>>>,
    /// All and bad events, up to each minute, of which no rate can tell: what a series shows when it is first seen, and
    /// what it gained while nobody looked for longer than the base window.
    untold: Vec<[f64; 2]>,
}

impl Told {
    /// The last month of a past, its troubles moved to where no hour begins or ends.
    fn of(past: &Past) -> Told {
        let mut past = Past { begins: past.ends - WINDOW * SCRAPE, ..past.clone() };
        for trouble in &mut past.troubles {
            (trouble.from, trouble.to) = (trouble.from + 23 * SCRAPE, trouble.to + 40 * SCRAPE);
        }
        let scrapes: Vec<Scrape> = past.scrapes().collect();
        let mut told = Told { past, scrapes: Vec::new(), series: BTreeMap::new(), untold: Vec::new() };
        for scrape in &scrapes {
            let minute = told.minute(scrape.at) as usize;
            for process in &scrape.exposed {
                let Requests { total, failed, .. } = process.served;
                // There is no series of errors before the first error.
                for (code, count) in [("200", Some(total - failed)), ("500", Some(failed).filter(|failed| *failed > 0))]
                {
                    let Some(count) = count else { continue };
                    let samples = told.series.entry((process.instance.clone(), code)).or_default();
                    samples.resize(minute, None);
                    samples.push(Some(count as f64));
                }
            }
        }
        told.series.values_mut().for_each(|samples| samples.resize(WINDOW as usize, None));
        Told { untold: untold(&told.series), scrapes, ..told }
    }

    fn minute(&self, at: i64) -> i64 {
        (at - self.past.begins) / SCRAPE
    }

    fn slos(&self) -> String {
        let sli = r#"{ bad: 'requests_total{code="500"}', total: requests_total }"#;
        format!("service: shop\nslos:\n  - {{ name: {}, objective: 99.9%, sli: {sli} }}\n", self.past.job)
    }

    /// The ledger's word at each tick.
    fn counted(&self) -> BTreeMap<i64, Standing> {
        let (slos, problems) = slos::read("f", &self.slos());
        assert_eq!(problems, []);
        let pace = Pace { every: Span::minutes(TICK), scrape_interval: Span::minutes(1), ..Pace::DEFAULT };
        let plan = plan(slos.into_iter().map(Arc::new).collect(), &Facts::default(), pace).0;
        let (mut state, _) = adopt(State::default(), None, &plan, Timestamp::seconds(0));
        let mut standings = BTreeMap::new();
        for minute in (0..WINDOW).step_by(TICK as usize) {
            let now = Timestamp::seconds(minute * SCRAPE);
            let pieces = asks(&state, &plan, now).into_iter().map(|ask| {
                assert_eq!(ask.until, now, "nothing has to be caught up");
                let Over::Range(range) = ask.over else { panic!("counters only") };
                Piece { query: ask.query, until: ask.until, answer: Ok(vec![self.answer(minute, range)]) }
            });
            let seen = Seen { pieces: pieces.collect(), starts: self.starts(minute), ..Seen::default() };
            (state, _) = tick(state, &plan, seen, now);
            standings.insert(minute, state.standings[0].clone());
        }
        standings
    }

    /// What a Prometheus holds of the counters, so far back of a minute.
    fn answer(&self, minute: i64, range: Span) -> Vec<Series> {
        let from = (minute - range.as_seconds() as i64 / SCRAPE).max(0);
        let series = |((instance, code), values): (&(String, &str), &Vec<Option<f64>>)| {
            let at =
                |minute: i64| Some(Sample { at: Timestamp::seconds(minute * SCRAPE), value: values[minute as usize]? });
            let samples: Vec<Sample> = (from..=minute).filter_map(at).collect();
            let labels = || Labels::new([("job", "shop"), ("instance", instance), ("code", code)]);
            (!samples.is_empty()).then(|| Series::new(labels(), samples))
        };
        self.series.iter().filter_map(series).collect()
    }

    /// When the processes began that were scraped last.
    fn starts(&self, minute: i64) -> Starts {
        let scraped = self.scrapes.partition_point(|scrape| self.minute(scrape.at) <= minute);
        let exposed = self.scrapes[..scraped].last().map_or(&[][..], |scrape| &scrape.exposed);
        let target = |instance: &str| Target { job: "shop".into(), instance: instance.into() };
        let began = |started: i64| Timestamp::seconds(started - self.past.begins);
        exposed.iter().map(|process| (target(&process.instance), began(process.started))).collect()
    }
}

fn untold(series: &BTreeMap<(String, &'static str), Vec<Option<f64>>>) -> Vec<[f64; 2]> {
    let mut untold = vec![[0.0, 0.0]; WINDOW as usize];
    for ((_, code), samples) in series {
        let mut last: Option<(usize, f64)> = None;
        for (minute, value) in samples.iter().enumerate().filter_map(|(minute, value)| Some((minute, (*value)?))) {
            let gained = match last {
                // Where the telling begins, so does the ledger.
                None if minute == 1 => 0.0,
                None => value,
                Some((before, _)) if minute as i64 - before as i64 <= BASE => 0.0,
                Some((_, last)) if value < last => value,
                Some((_, last)) => value - last,
            };
            untold[minute][0] += gained;
            untold[minute][1] += if *code == "500" { gained } else { 0.0 };
            last = Some((minute, value));
        }
    }
    for minute in 1..untold.len() {
        let [all, bad] = untold[minute - 1];
        untold[minute] = [untold[minute][0] + all, untold[minute][1] + bad];
    }
    untold
}

/// Samples as promtool reads them.
fn notation(samples: &[Option<f64>]) -> String {
    let mut text = String::new();
    for run in samples.chunk_by(|one, other| one == other) {
        match run[0] {
            None => write!(text, "_x{} ", run.len()).unwrap(),
            Some(value) => write!(text, "{value}x{} ", run.len() - 1).unwrap(),
        }
    }
    text
}

/// The generated rules, parted into those that others sum up, which have to be evaluated all the time, and the
/// expressions of those that are only looked at.
///
/// A server evaluates the groups at different times, so that no sum of samples ever has one at both of its ends; of
/// promtool's it has to be kept off.
fn parted(rules: &str) -> (Value, BTreeMap<String, String>) {
    let mut rules: Value = serde_yaml::from_str(rules).unwrap();
    let mut looked_at: BTreeMap<String, String> = BTreeMap::new();
    for group in rules["groups"].as_array_mut().unwrap() {
        group["rules"].as_array_mut().unwrap().retain_mut(|rule| {
            let Some(record) = rule["record"].as_str().map(str::to_string) else { return false };
            let mut expr = rule["expr"].as_str().unwrap().to_string();
            if !record.contains(":rate") {
                for (range, open) in [("10m", "599999ms"), ("30m", "1799999ms"), ("1h", "3599999ms")] {
                    expr = expr.replace(&format!("[{range}]"), &format!("[{open}]"));
                }
            }
            rule["expr"] = expr.clone().into();
            let is_summed = SUMMED.iter().any(|summed| record.ends_with(summed));
            if !is_summed {
                let labels = &rule["labels"];
                for (other, inner) in &looked_at {
                    let series = format!("{other}{{service={},slo={}}}", labels["service"], labels["slo"]);
                    expr = expr.replace(&series, &format!("({inner})"));
                }
                looked_at.insert(record, expr);
            }
            is_summed
        });
    }
    (rules, looked_at)
}

/// The rules and a unit test that wants of them, at each look, what the ledger says.
fn agreement(told: &Told) -> TempDir {
    let standings = told.counted();
    let directory = declared(&[&told.slos()]);
    assert_eq!(generate(directory.path(), &["rules", "-q"]).0, 0);
    let rules = fs::read_to_string(directory.path().join("rules/shop.yaml")).unwrap();
    let (summed, looked_at) = parted(&rules);
    fs::write(directory.path().join("summed.yaml"), serde_yaml::to_string(&summed).unwrap()).unwrap();

    let name = &told.past.job;
    let groups = ["fast", "slow", "window"].map(|part| format!("shop-{name}-{part}")).join(", ");
    let mut text = format!(
        "rule_files: [summed.yaml]\nevaluation_interval: {}m\ngroup_eval_order: [{groups}]\n\
             tests:\n- name: {name}\n  interval: 1m\n  input_series:\n",
        STEP
    );
    for ((instance, code), samples) in &told.series {
        let series = format!(r#"requests_total{{job="shop",instance="{instance}",code="{code}"}}"#);
        writeln!(text, "  - {{ series: '{series}', values: '{}' }}", notation(samples)).unwrap();
    }
    text.push_str("  promql_expr_test:\n");
    for look in (LOOKS.0..WINDOW).step_by(LOOKS.1 as usize) {
        let mut holds = |expr: &str| {
            let expr = serde_json::to_string(&format!("vector(scalar({expr}))")).unwrap();
            writeln!(text, "  - {{ expr: {expr}, eval_time: {look}m, exp_samples: [{{ labels: '{{}}', value: 1 }}] }}")
                .unwrap();
        };
        if standings[&look].last_measured == Some(Timestamp::seconds(look * SCRAPE)) {
            holds(&format!(r#"slo:bad_events:rate5m{{service="shop",slo="{name}"}} >= bool 0"#));
        }
        for (name, behind) in ASKED {
            let said =
                standings.range(look - behind..=look).map(|(minute, standing)| word(told, standing, name, *minute));
            let Some(said) = said.collect::<Option<Vec<f64>>>() else { continue };
            let (lowest, highest) =
                said.iter().fold((f64::MAX, f64::MIN), |(low, high), said| (low.min(*said), high.max(*said)));
            let near = NEAR * over(name).map_or(1.0, |over| WINDOW as f64 / over as f64);
            let (middle, within) = ((lowest + highest) / 2.0, (highest - lowest) / 2.0 + near);
            holds(&format!("abs(({}) - {middle}) < bool {within}", looked_at[name]));
        }
    }
    fs::write(directory.path().join("agreement.yaml"), text).unwrap();
    directory
}

/// Over how many minutes a burn is taken; `None` of what is no burn.
fn over(name: &str) -> Option<i64> {
    let span: Span = name.strip_prefix("slo:burn_rate:")?.parse().unwrap();
    Some(span.as_seconds() as i64 / SCRAPE)
}

/// What the ledger says of a budget, but for what no rate can tell; `None` of a burn over such.
fn word(told: &Told, standing: &Standing, name: &str, minute: i64) -> Option<f64> {
    let untold = |minute: i64| told.untold[minute.max(0) as usize];
    let consumed = || {
        let ([all, bad], tally) = (untold(minute), standing.counted?.tally);
        Some((tally.bad() - bad) / (tally.total() - all) / ALLOWED)
    };
    match (name, over(name)) {
        ("slo:window_coverage:ratio", _) => Some(standing.coverage.get()),
        ("slo:error_budget_remaining:ratio", _) => consumed().map(|consumed| 1.0 - consumed),
        (_, Some(WINDOW)) => consumed(),
        (_, Some(over)) if untold(minute) == untold(minute - over - BASE) => {
            let burn = standing.burns.iter().find(|(span, _)| *span == Span::minutes(over))?.1;
            burn.map(|burn| burn.get())
        }
        _ => None,
    }
}

#[test]
fn standalone_rules_and_the_ledger_agree_within_a_hundredth_of_the_budget() {
    let pasts = scenarios(SEED, ENDS);
    assert_eq!(pasts.len(), 9);
    let directories: Vec<TempDir> = pasts.iter().map(|past| agreement(&Told::of(past))).collect();
    let tests: Vec<PathBuf> = directories.iter().map(|directory| directory.path().join("agreement.yaml")).collect();
    assert_eq!(test_rules(&tests), Ok(()));
}
