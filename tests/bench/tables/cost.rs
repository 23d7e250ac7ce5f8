//! What a Prometheus reads each minute for one availability SLO, and how long that takes it, as it says itself
//! (`stats=all`).

use std::collections::HashSet;
use std::iter::Sum;
use std::ops::{Add, Mul};
use std::time::{SystemTime, UNIX_EPOCH};

use burnwatch::plan::Pace;
use burnwatch::rules::{Group, Rule, RuleFile, Style, Terms, files};
use burnwatch::slos;
use burnwatch::units::Span;

use crate::peers;
use crate::stand::Prometheus;
use crate::stand::past::{Constant, SCRAPE};

const TOTAL: &str = "http_requests_total";
const BAD: &str = "http_requests_total{code=\"500\"}";

/// The labels of the SLO's series, recorded or exported.
const SLO: &str = "service=\"shop\",slo=\"availability\"";
/// What the daemon exports of it, of which its alerts are made.
const EXPORTED: [&str; 4] = [
    "burnwatch_alert_active{SLO,severity=\"page\"}",
    "burnwatch_alert_active{SLO,severity=\"ticket\"}",
    "burnwatch_slo_last_measured_timestamp_seconds{SLO}",
    "burnwatch_tick_last_timestamp_seconds",
];

const DAY: i64 = 86_400;
/// A little more than the longest window.
const REMEMBERED: i64 = 31 * DAY;
/// Of more series only five days are remembered, or the table would take an hour: all windows but the one of 30 days
/// are shorter, and five days of that are read instead, six times.
const MOST_FOR_A_MONTH: usize = 100;
const SHORT: i64 = 5 * DAY;
/// The time of an evaluation is the shortest of so many.
const EVALUATIONS: usize = 3;

/// What one evaluation takes, or all those of a minute.
#[derive(Debug, Clone, Copy, Default)]
struct Effort {
    samples: f64,
    seconds: f64,
}

impl Add for Effort {
    type Output = Effort;
    fn add(self, other: Effort) -> Effort {
        Effort { samples: self.samples + other.samples, seconds: self.seconds + other.seconds }
    }
}

impl Mul<f64> for Effort {
    type Output = Effort;
    fn mul(self, times: f64) -> Effort {
        Effort { samples: self.samples * times, seconds: self.seconds * times }
    }
}

impl Sum for Effort {
    fn sum<I: Iterator<Item = Effort>>(efforts: I) -> Effort {
        efforts.fold(Effort::default(), Add::add)
    }
}

/// At most this share of the samples that another reads.
struct Goal {
    what: &'static str,
    cost: fn(&Costs) -> Effort,
    than: fn(&Costs) -> Effort,
    times: f64,
}

const GOALS: [Goal; 4] = [
    Goal { what: "burnwatch run, of Sloth", cost: |costs| costs.daemon, than: |costs| costs.sloth, times: 1_000.0 },
    Goal { what: "standalone, of Sloth", cost: |costs| costs.standalone, than: |costs| costs.sloth, times: 40.0 },
    Goal { what: "standalone, of Pyrra", cost: |costs| costs.standalone, than: |costs| costs.pyrra, times: 100.0 },
    Goal { what: "exporter, of Sloth", cost: |costs| costs.exporter, than: |costs| costs.sloth, times: 1_000.0 },
];
/// The goals are for an SLO of so many series.
const GOAL_SERIES: usize = 100;

/// Per minute.
struct Costs {
    series: usize,
    daemon: Effort,
    exporter: Effort,
    standalone: Effort,
    sloth: Effort,
    pyrra: Effort,
}

/// Whether every goal is met.
pub fn print() -> bool {
    let costs = [10, GOAL_SERIES, 1_000].map(costs);
    println!("Samples read per minute for one SLO of 99.9 % over 30 d, scrapes every {SCRAPE} s\n");
    print_table(&costs, |effort| effort.samples, 0);
    println!("Engine time per minute for the same, in ms\n");
    print_table(&costs, |effort| 1_000.0 * effort.seconds, 2);
    let of_goal = costs.iter().filter(|costs| costs.series == GOAL_SERIES);
    let is_met = of_goal.flat_map(|costs| GOALS.iter().map(|goal| goal.is_met(costs))).fold(true, |all, met| all & met);
    println!();
    is_met
}

/// One figure of each effort, to so many decimals.
fn print_table(costs: &[Costs], figure: fn(Effort) -> f64, decimals: usize) {
    println!("| series | burnwatch run | exporter rules | standalone rules | Sloth | Pyrra |");
    println!("|---:|---:|---:|---:|---:|---:|");
    for Costs { series, daemon, exporter, standalone, sloth, pyrra } in costs {
        let [own, exporter, standalone, sloth, pyrra] =
            [daemon, exporter, standalone, sloth, pyrra].map(|it| figure(*it));
        let times = |cost: f64| format!("{cost:.decimals$} ({:.0} times)", cost / own);
        let (sloth, pyrra) = (times(sloth), times(pyrra));
        println!(
            "| {series} | {own:.decimals$} | {exporter:.decimals$} | {standalone:.decimals$} | {sloth} | {pyrra} |"
        );
    }
    println!();
}

impl Goal {
    fn is_met(&self, costs: &Costs) -> bool {
        let times = (self.than)(costs).samples / (self.cost)(costs).samples;
        let is_met = times >= self.times;
        let word = if is_met { "met" } else { "missed" };
        println!("{}: 1/{times:.0} of the samples, at most 1/{} ({word})", self.what, self.times);
        is_met
    }
}

/// Each instance has a series of answers and one of errors. What they counted does not matter: all samples are read.
fn costs(series: usize) -> Costs {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let at = now - now % SCRAPE;
    let [standalone, exporter] = [Style::Standalone, Style::Exporter].map(groups);

    let recorded = standalone.iter().flat_map(|group| {
        let every = seconds(group);
        let series = group.rules.iter().filter_map(move |rule| match rule {
            Rule::Recording { record, .. } => Some((format!("{record}{{{SLO}}}"), every)),
            Rule::Alerting { .. } => None,
        });
        series.collect::<Vec<_>>()
    });
    let exported = EXPORTED.map(|series| (series.replace("SLO", SLO), SCRAPE));
    let by_sloth = (peers::SLOTH_RATIOS.to_string(), 60);
    // Not at the moments at which it is asked, as on a server whose groups have their own times.
    let constant = |(series, every)| Constant { series, every, from: at - REMEMBERED - 1, to: at };
    let days = if series > MOST_FOR_A_MONTH { SHORT } else { REMEMBERED };
    let raw = (0..series).map(|number| {
        let code = if number % 2 == 0 { "200" } else { "500" };
        let series = format!("{TOTAL}{{job=\"shop\",instance=\"10.0.0.{}:8080\",code=\"{code}\"}}", number / 2);
        Constant { from: at - days, to: at + 1, ..constant((series, SCRAPE)) }
    });
    let constants: Vec<Constant> = raw.chain(recorded.chain(exported).chain([by_sloth]).map(constant)).collect();
    let prometheus = Prometheus::holding(&[], &constants);

    let read = |expression: &str| match days {
        REMEMBERED => effort(&prometheus, expression, at),
        // Only raw samples lack a month.
        _ if expression.contains(&format!("{TOTAL}[30d]")) => {
            effort(&prometheus, &expression.replace("[30d]", "[5d]"), at) * 6.0
        }
        _ => effort(&prometheus, expression, at),
    };
    let theirs =
        |rules: Vec<peers::Rule>| rules.iter().map(|rule| read(&rule.expression) * rule.per_minute).sum::<Effort>();
    let ours = |groups: &[Group]| {
        groups.iter().map(|group| all(group, &read) * (60.0 / seconds(group) as f64)).sum::<Effort>()
    };
    Costs {
        series,
        daemon: daemon(&read),
        exporter: ours(&exporter),
        standalone: ours(&standalone),
        sloth: theirs(peers::sloth(BAD, TOTAL)),
        pyrra: theirs(peers::pyrra(BAD, TOTAL)),
    }
}

/// What is generated for the SLO; with the alert on the daemon where there is one.
fn groups(style: Style) -> Vec<Group> {
    let sli = format!("{{ bad: '{BAD}', total: {TOTAL} }}");
    let slo = format!("service: shop\nslos: [{{ name: availability, objective: 99.9%, sli: {sli} }}]\n");
    let (slos, problems) = slos::read("shop.yaml", &slo);
    assert_eq!(problems, []);
    let five = Span::minutes(5);
    let has_daemon = style == Style::Exporter;
    let terms =
        Terms { style, floor: five, shortest_rate: five, no_data_after: five, has_daemon, natives: HashSet::new() };
    files(&slos, &terms).iter().flat_map(RuleFile::groups).collect()
}

/// The distance of two evaluations.
fn seconds(group: &Group) -> i64 {
    group.interval.parse::<Span>().unwrap().as_seconds() as i64
}

/// What the daemon asks at each of its ticks: what is new, and how far before that it looks back.
fn daemon(read: &impl Fn(&str) -> Effort) -> Effort {
    let pace = Pace { scrape_interval: Span::seconds(SCRAPE), ..Pace::DEFAULT };
    read(&format!("{TOTAL}[{}]", pace.every + pace.lookback())) * (60.0 / pace.every.as_seconds())
}

/// One evaluation of all rules, alerts too.
fn all(group: &Group, read: &impl Fn(&str) -> Effort) -> Effort {
    group.rules.iter().map(|rule| read(rule.expr())).sum()
}

/// What it takes to evaluate an expression at a moment.
fn effort(prometheus: &Prometheus, expression: &str, at: i64) -> Effort {
    let evaluated = || {
        let stats = prometheus.data(expression, &format!("&time={at}&stats=all"))["stats"].take();
        let samples = stats["samples"]["totalQueryableSamples"].as_f64().unwrap();
        Effort { samples, seconds: stats["timings"]["evalTotalTime"].as_f64().unwrap() }
    };
    let all = std::iter::repeat_with(evaluated).take(EVALUATIONS);
    all.min_by(|one, other| one.seconds.total_cmp(&other.seconds)).unwrap()
}
