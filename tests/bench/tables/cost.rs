//! How many samples a Prometheus reads each minute for one availability SLO, as it says itself (`stats=all`).

use std::collections::HashSet;
use std::time::{SystemTime, UNIX_EPOCH};

use burnwatch::rules::{Group, Rule, Style, Terms, files};
use burnwatch::slos;
use burnwatch::units::Span;

use crate::peers;
use crate::stand::Prometheus;
use crate::stand::past::{Constant, Past, SCRAPE, scenarios};

const TOTAL: &str = "http_requests_total";
const BAD: &str = "http_requests_total{code=\"500\"}";
/// The daemon ticks twice a minute and reads half a minute and two minutes before (three scrape intervals, if longer).
const DAEMON_ASKS: &str = "http_requests_total[210s]";
const TICKS: f64 = 2.0;

/// The labels of the SLO's series, recorded or exported.
const SLO: &str = "service=\"shop\",slo=\"availability\"";
/// What the daemon exports of it, of which its alerts are made.
const EXPORTED: [&str; 4] = [
    "burnwatch_alert_active{SLO,severity=\"page\"}",
    "burnwatch_alert_active{SLO,severity=\"ticket\"}",
    "burnwatch_slo_last_measured_timestamp_seconds{SLO}",
    "burnwatch_tick_last_timestamp_seconds",
];

/// A little more than the longest window.
const REMEMBERED: i64 = 31 * 86_400;

/// At most this share of what another reads; asked for from so many series on.
struct Goal {
    what: &'static str,
    cost: fn(&Costs) -> f64,
    than: fn(&Costs) -> f64,
    times: f64,
}

const GOALS: [Goal; 4] = [
    Goal { what: "burnwatch run, of Sloth", cost: |costs| costs.daemon, than: |costs| costs.sloth, times: 1_000.0 },
    Goal { what: "standalone, of Sloth", cost: |costs| costs.standalone, than: |costs| costs.sloth, times: 40.0 },
    Goal { what: "standalone, of Pyrra", cost: |costs| costs.standalone, than: |costs| costs.pyrra, times: 100.0 },
    Goal { what: "exporter, of Sloth", cost: |costs| costs.exporter, than: |costs| costs.sloth, times: 1_000.0 },
];
/// The goals are for an SLO of so many series.
const GOAL_SERIES: u64 = 100;

/// Samples per minute.
struct Costs {
    series: u64,
    daemon: f64,
    exporter: f64,
    standalone: f64,
    sloth: f64,
    pyrra: f64,
}

/// Whether every goal is met.
pub fn print() -> bool {
    println!("Samples read per minute for one SLO of 99.9 % over 30 d, scrapes every {SCRAPE} s\n");
    println!("| series | burnwatch run | exporter rules | standalone rules | Sloth | Pyrra |");
    println!("|---:|---:|---:|---:|---:|---:|");
    let costs = [5, 25].map(|services| {
        let costs = costs(services);
        println!("{costs}");
        costs
    });
    println!();
    let of_goal = costs.iter().filter(|costs| costs.series == GOAL_SERIES);
    of_goal.flat_map(|costs| GOALS.iter().map(|goal| goal.is_met(costs))).fold(true, |all, met| all & met)
}

impl Goal {
    fn is_met(&self, costs: &Costs) -> bool {
        let times = (self.than)(costs) / (self.cost)(costs);
        let is_met = times >= self.times;
        let word = if is_met { "met" } else { "missed" };
        println!("{}: 1/{times:.0}, at most 1/{} ({word})", self.what, self.times);
        is_met
    }
}

impl std::fmt::Display for Costs {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let times = |cost: f64| format!("{cost:.0} ({:.0} times)", cost / self.daemon);
        let Costs { series, daemon, exporter, standalone, sloth, pyrra } = self;
        write!(
            f,
            "| {series} | {daemon:.0} | {exporter:.0} | {standalone:.0} | {} | {} |",
            times(*sloth),
            times(*pyrra)
        )
    }
}

/// Each service has two instances with a series of answers and one of errors.
fn costs(services: u64) -> Costs {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let pasts: Vec<Past> = (0..services).map(|seed| scenarios(seed, now).remove(0)).collect();
    let at = pasts[0].scrapes().last().unwrap().at;
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
    // Not at the moments at which it is asked, as on a server whose groups have their own times.
    let constant = |(series, every)| Constant { series, every, from: at - REMEMBERED - 1, to: at };
    let constants: Vec<Constant> = recorded.chain(exported).map(constant).collect();
    let prometheus = Prometheus::holding(&pasts, &constants);

    let read = |expression: &str| samples_read(&prometheus, expression, at);
    let theirs =
        |rules: Vec<peers::Rule>| rules.iter().map(|rule| rule.per_minute * read(&rule.expression)).sum::<f64>();
    let ours =
        |groups: &[Group]| groups.iter().map(|group| 60.0 / seconds(group) as f64 * all(group, &read)).sum::<f64>();
    Costs {
        series: services * 4,
        daemon: TICKS * read(DAEMON_ASKS),
        exporter: ours(&exporter),
        standalone: ours(&standalone),
        sloth: theirs(peers::sloth(BAD, TOTAL)) + peers::SLOTH_MONTH_SAMPLES,
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
    files(&slos, &terms).0.into_iter().flat_map(|file| file.groups).collect()
}

/// The distance of two evaluations.
fn seconds(group: &Group) -> i64 {
    group.interval.parse::<Span>().unwrap().as_seconds() as i64
}

/// The samples of one evaluation of all rules, alerts too.
fn all(group: &Group, read: &impl Fn(&str) -> f64) -> f64 {
    let expressions = group.rules.iter().map(|rule| match rule {
        Rule::Recording { expr, .. } | Rule::Alerting { expr, .. } => expr,
    });
    expressions.map(|expr| read(expr)).sum()
}

/// How many samples it reads to evaluate an expression at a moment.
fn samples_read(prometheus: &Prometheus, expression: &str, at: i64) -> f64 {
    let data = prometheus.data(expression, &format!("&time={at}&stats=all"));
    data["stats"]["samples"]["totalQueryableSamples"].as_f64().unwrap()
}
