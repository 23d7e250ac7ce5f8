//! One invented month, told twice: to promtool, which evaluates the standalone rules over it, and to the tick, which
//! counts it in the ledger. Their budgets and burns agree within 1 % of the budget.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use burnwatch::plan::{Facts, Pace, Sample, Series, plan};
use burnwatch::slos;
use burnwatch::tick::{Over, Piece, Seen, Standing, State, adopt, asks, tick};
use burnwatch::units::{Labels, Span, Timestamp};
use tempfile::TempDir;

use crate::rules::{declared, generate};
use crate::stand::test_rules;

/// Rules are evaluated and ticks made at this distance; scrapes are a minute apart.
const STEP: i64 = 4;
const DAY: i64 = 24 * 60;
const HOUR: i64 = 60;

const CODES: [&str; 2] = ["200", "500"];

/// What a service does for some minutes.
#[derive(Clone, Copy)]
enum Phase {
    /// Good and bad requests a minute.
    Traffic(f64, f64),
    /// Its process is replaced, and counts from zero.
    Restart,
    /// It is not scraped.
    Gap,
}
use Phase::{Gap, Restart, Traffic};

struct Scenario {
    name: &'static str,
    objective: &'static str,
    phases: Vec<(i64, Phase)>,
}

/// 30 days each. What happens, happens from hour to hour: promtool evaluates on whole minutes and rarely, and then
/// Prometheus 2 counts both ends of a range. (A server evaluates between them, and eight times as often.)
fn scenarios() -> Vec<Scenario> {
    let (day, night) = (Traffic(1000.0, 0.25), Traffic(50.0, 0.0));
    let mut days: Vec<(i64, Phase)> = (0..30).flat_map(|_| [(DAY / 2, night), (DAY / 2, day)]).collect();
    // An hour of a night and two of a day at a fifth: in ratios the first is the worse, in events the other is.
    days.splice(8..9, [(3 * HOUR, night), (HOUR, Traffic(0.0, 50.0)), (DAY / 2 - 3 * HOUR - HOUR, night)]);
    days.splice(23..24, [(HOUR, day), (2 * HOUR, Traffic(800.0, 200.0)), (DAY / 2 - HOUR - 2 * HOUR, day)]);
    let holes = vec![
        (3 * DAY, Traffic(60.0, 0.0)),
        (HOUR, Traffic(0.0, 0.0)),
        (4 * DAY - HOUR, Traffic(60.0, 0.0)),
        (2 * DAY, Gap),
        (0, Restart),
        (DAY, Traffic(60.0, 0.0)),
        // The first error of all.
        (6 * HOUR, Traffic(57.0, 3.0)),
        (0, Restart),
        (20 * DAY - 6 * HOUR, Traffic(60.0, 0.25)),
    ];
    vec![
        Scenario { name: "days", objective: "99.9%", phases: days },
        Scenario { name: "holes", objective: "99%", phases: holes },
    ]
}

impl Scenario {
    /// What its two counters show at each minute: requests that went well, and that did not, once there was one.
    fn samples(&self) -> Vec<[Option<f64>; 2]> {
        let (mut good, mut bad) = (0.0, None);
        let mut samples = vec![[Some(0.0), None]];
        for (minutes, phase) in &self.phases {
            if let Restart = phase {
                (good, bad) = (0.0, bad.map(|_| 0.0));
            }
            for _ in 0..*minutes {
                samples.push(match phase {
                    Traffic(more, failed) => {
                        good += more;
                        if bad.is_some() || *failed > 0.0 {
                            bad = Some(bad.unwrap_or(0.0) + failed);
                        }
                        [Some(good), bad]
                    }
                    Restart | Gap => [None, None],
                });
            }
        }
        assert_eq!(samples.len() as i64, 30 * DAY + 1, "{}", self.name);
        samples
    }
}

/// Samples as promtool reads them.
fn notation(samples: &[Option<f64>]) -> String {
    let mut text = String::new();
    let mut rest = samples;
    while let Some(first) = rest.first() {
        let run = match (first, rest.get(1).copied().flatten()) {
            (None, _) => rest.iter().take_while(|sample| sample.is_none()).count(),
            (Some(_), None) => 1,
            (Some(first), Some(second)) => {
                let is_on = |(index, sample): &(usize, &Option<f64>)| {
                    **sample == Some(first + (second - first) * *index as f64)
                };
                rest.iter().enumerate().take_while(is_on).count()
            }
        };
        match first {
            None => write!(text, "_x{run} ").unwrap(),
            Some(first) => {
                let step = rest.get(1).copied().flatten().map_or(0.0, |second| second - first);
                let sign = if step < 0.0 { "" } else { "+" };
                write!(text, "{first}{sign}{step}x{} ", run - 1).unwrap();
            }
        }
        rest = &rest[run..];
    }
    text
}

/// The ledger's word at each of the minutes.
fn counted(declared: &str, scenario: &Scenario, looks: &[i64]) -> Vec<Standing> {
    let (slos, problems) = slos::read("f", declared);
    assert_eq!(problems, []);
    let pace = Pace { every: Span::minutes(STEP), scrape_interval: Span::minutes(1), ..Pace::DEFAULT };
    let plan = plan(slos.into_iter().map(Arc::new).collect(), &Facts::default(), pace).0;
    let samples = scenario.samples();
    let (mut state, _) = adopt(State::default(), None, &plan, Timestamp::seconds(0));
    let mut standings = Vec::new();
    for minute in (0..=30 * DAY).step_by(STEP as usize) {
        let now = Timestamp::seconds(minute * 60);
        let pieces = asks(&state, &plan, now).into_iter().map(|ask| {
            assert_eq!(ask.until, now, "nothing has to be caught up");
            let Over::Range(range) = ask.over else { panic!("counters only") };
            Piece { query: ask.query, until: ask.until, answer: Ok(vec![answer(&samples, minute, range)]) }
        });
        let seen = Seen { pieces: pieces.collect(), ..Seen::default() };
        (state, _) = tick(state, &plan, seen, now);
        if looks.contains(&minute) {
            standings.push(state.standings[0].clone());
        }
    }
    standings
}

/// What a Prometheus holds of both counters, so far back of a minute.
fn answer(samples: &[[Option<f64>; 2]], minute: i64, range: Span) -> Vec<Series> {
    let from = (minute - range.as_millis() / 60_000).max(0);
    let series = |code: usize| {
        let value = |minute: i64| samples[minute as usize][code];
        let at = |minute: i64| Some(Sample { at: Timestamp::seconds(minute * 60), value: value(minute)? });
        let labels = Labels::new([("job", "shop"), ("instance", "a"), ("code", CODES[code])]);
        Series::new(labels, (from..=minute).filter_map(at).collect())
    };
    [series(0), series(1)].into_iter().filter(|series| !series.samples.is_empty()).collect()
}

/// A unit test that wants of the rules, at each look, what the ledger says.
fn wanted(scenario: &Scenario, looks: &[i64], standings: &[Standing]) -> String {
    let mut text = format!("rule_files: [rules/shop.yaml]\nevaluation_interval: {STEP}m\n");
    let groups = ["fast", "slow", "window"].map(|part| format!("shop-{}-{part}", scenario.name));
    writeln!(text, "group_eval_order: [{}]\ntests:", groups.join(", ")).unwrap();
    text.push_str("- interval: 1m\n  input_series:\n");
    let samples = scenario.samples();
    for (code, label) in CODES.into_iter().enumerate() {
        let values: Vec<Option<f64>> = samples.iter().map(|sample| sample[code]).collect();
        let series = format!(r#"requests_total{{job="shop",instance="a",code="{label}"}}"#);
        writeln!(text, "  - {{ series: '{series}', values: '{}' }}", notation(&values)).unwrap();
    }
    text.push_str("  promql_expr_test:\n");
    let labels = format!(r#"{{service="shop",slo="{}"}}"#, scenario.name);
    for (look, standing) in looks.iter().zip(standings) {
        let mut near = |name: &str, expected: f64, within: f64| {
            let expr = format!("abs({name}{labels} - {expected}) < bool {within}");
            let samples = format!("[{{ labels: '{labels}', value: 1 }}]");
            writeln!(text, "  - {{ expr: '{expr}', eval_time: {look}m, exp_samples: {samples} }}").unwrap();
        };
        near("slo:error_budget_remaining:ratio", standing.remaining().unwrap(), 0.01);
        near("slo:burn_rate:30d", standing.consumed().unwrap(), 0.01);
        near("slo:window_coverage:ratio", standing.coverage.get(), 0.01);
        for (over, burn) in &standing.burns {
            // 1 % of the budget is more of a burn, the shorter it is looked at.
            let within = 0.01 * standing.slo.window.span().as_seconds() / over.as_seconds();
            if let Some(burn) = burn {
                near(&format!("slo:burn_rate:{over}"), burn.get(), within);
            }
        }
    }
    text
}

#[test]
fn standalone_rules_and_the_ledger_agree_within_a_hundredth_of_the_budget() {
    // At the end of an hour without traffic, after outages, after a gap, and at the end.
    let looks = [3 * DAY + HOUR, 5 * DAY + HOUR, 9 * DAY + 6 * HOUR, 12 * DAY, 20 * DAY, 30 * DAY];
    let told = |scenario: &Scenario| {
        let Scenario { name, objective, .. } = scenario;
        let sli = r#"{ bad: 'requests_total{code="500"}', total: requests_total }"#;
        let slos = format!("service: shop\nslos:\n  - {{ name: {name}, objective: {objective}, sli: {sli} }}\n");
        let standings = counted(&slos, scenario, &looks);
        let spent = standings.last().unwrap().consumed().unwrap();
        assert!(spent > 0.1, "there is something to disagree about: {spent}");
        let directory = declared(&[&slos]);
        assert_eq!(generate(directory.path(), &["rules", "-q"]).0, 0);
        fs::write(directory.path().join("agreement.yaml"), wanted(scenario, &looks, &standings)).unwrap();
        directory
    };
    let directories: Vec<TempDir> = scenarios().iter().map(told).collect();
    let tests: Vec<PathBuf> = directories.iter().map(|directory| directory.path().join("agreement.yaml")).collect();
    assert_eq!(test_rules(&tests), Ok(()));
}
