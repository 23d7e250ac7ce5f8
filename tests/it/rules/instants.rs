//! When standalone rules have to speak and when to be quiet, worked out by hand from the table of the SRE workbook
//! (ch. 5) for 99.9 % over 30 d. What is expected here knows nothing of how burnwatch makes its rules.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{fs, slice, thread};

use tempfile::TempDir;

use crate::rules::{declared, generate};
use crate::stand::test_rules;

/// An SLI and the two series that it reads.
type Reads = (&'static str, [&'static str; 2]);

const ERRORS: Reads = (
    r#"{ bad: 'requests_total{code="500"}', total: requests_total }"#,
    [r#"requests_total{code="200"}"#, r#"requests_total{code="500"}"#],
);
const SLOWNESS: Reads = (
    "{ histogram: duration_seconds, under: 200ms }",
    [r#"duration_seconds_bucket{le="+Inf"}"#, r#"duration_seconds_bucket{le="0.2"}"#],
);

const EXPRESSED: Reads = (
    "{ bad: 'sum(increase(failed_total[$window]))', total: 'sum(increase(asked_total[$window]))' }",
    ["asked_total", "failed_total"],
);

/// What has to be so at an instant: whether an alert fires, or what is recorded, to a hundredth.
enum Wanted {
    Page(&'static str, bool),
    Ticket(&'static str, bool),
    NoData(&'static str, bool),
    Worth(&'static str, &'static str, f64),
}
use Wanted::{NoData, Page, Ticket, Worth};

/// Whether an alert of this name and severity fires, which is one however many ask for it.
fn firing(alert: &str, severity: &str, fires: bool) -> String {
    let labels = format!("alertname=\"{alert}\",severity=\"{severity}\",alertstate=\"firing\"");
    format!("(count(ALERTS{{{labels}}}) or vector(0)) == bool {}", u8::from(fires))
}

/// An expression that has to be 1 at an instant, as promtool reads it.
fn holds(expr: &str, at: &str) -> String {
    format!("  - {{ expr: '{expr}', eval_time: {at}, exp_samples: [{{ labels: '{{}}', value: 1 }}] }}\n")
}

/// Evaluations 30 s and samples 15 s apart (1 500 requests each): an alert may be 45 s late.
const QUICK: (&str, &str) = ("30s", "15s");
/// Both 5 min apart.
const SLOW: (&str, &str) = ("5m", "5m");

struct Test {
    name: &'static str,
    pace: (&'static str, &'static str),
    reads: Reads,
    values: [&'static str; 2],
    wanted: &'static [Wanted],
}

const TESTS: &[Test] = &[
    // An hour and a half is good, then for 90 s nothing is.
    // 14.4 x 0.1 % of 1 h is 51.84 s, of 5 min 4.32 s: the page opens by 1h30m + 51.84 s + 45 s.
    // It closes when less than 4.32 s of the 90 are within 5 min: by 1h31m30s + 295.68 s + 45 s.
    // 90 s are 4.2 times what 6 h may spend in that time, not 6; and of 3 d they are no ticket.
    Test {
        name: "90 s",
        pace: QUICK,
        reads: ERRORS,
        values: ["0+1500x360 540000x5 541500+1500x300", "0x360 1500+1500x5 9000x300"],
        wanted: &[
            Page("1h30m30s", false),
            Page("1h31m30s", true),
            Page("1h36m", true),
            Page("1h37m30s", false),
            Ticket("1h50m", false),
            Worth("slo:burn_rate:1h", "1h30m", 0.0),
            Worth("slo:burn_rate:1h", "1h50m", 25.0),
        ],
    },
    // The same for 5 min, with errors that have no series before. It is 13.9 times what 6 h may spend, so the page stays
    // while 30 min hold more than 6 x 0.1 % of bad time (10.8 s): for 29 min 49 s, and in sums of means of 5 min for up to
    // 5 min more. It is 1.16 times what 3 d may spend: a ticket.
    Test {
        name: "5 min",
        pace: QUICK,
        reads: ERRORS,
        values: ["0+1500x360 540000x19 541500+1500x400", "_x361 1500+1500x19 30000x400"],
        wanted: &[
            Worth("slo:bad_events:rate5m", "1h30m", 0.0),
            Worth("slo:burn_rate:5m", "1h30m", 0.0),
            Worth("slo:error_budget_remaining:ratio", "1h30m", 1.0),
            Page("1h31m30s", true),
            Page("2h", true),
            Page("2h12m", false),
            Ticket("2h", true),
        ],
    },
    // Requests that are slow all at once are the same outage.
    Test {
        name: "all are slow",
        pace: QUICK,
        reads: SLOWNESS,
        values: ["0+1500x500", "0+1500x360 540000x140"],
        wanted: &[
            Page("1h30m30s", false),
            Page("1h31m30s", true),
            Worth("slo:burn_rate:5m", "1h30m", 0.0),
            Worth("slo:burn_rate:5m", "1h40m", 1000.0),
        ],
    },
    // A quarter of an hour without a request is not unmeasured; ten minutes after the last rate of 5 min everything is.
    Test {
        name: "silence, and then nothing",
        pace: QUICK,
        reads: ERRORS,
        values: ["0+1500x360 540000x60 stale _x100", "0x420 stale _x100"],
        wanted: &[
            Worth("slo:events:rate5m", "1h40m", 0.0),
            Worth("slo:bad_events:rate5m", "1h40m", 0.0),
            Worth("slo:error_budget_remaining:ratio", "1h44m", 1.0),
            NoData("1h54m", false),
            NoData("2h1m", true),
            Page("2h1m", false),
        ],
    },
    // For a minute the one series is no number, and later the other: each makes what is read of it none for an hour.
    // What was recorded before and after stays what it was, and so does every sum of it.
    Test {
        name: "no number",
        pace: QUICK,
        reads: EXPRESSED,
        values: ["0+1500x120 NaN NaN NaN NaN 187500+1500x600", "0x400 NaN NaN NaN NaN 0x320"],
        wanted: &[
            Worth("slo:events:rate5m", "50m", 100.0),
            Worth("slo:burn_rate:6h", "1h50m", 0.0),
            Worth("slo:error_budget_remaining:ratio", "1h", 1.0),
            Worth("slo:error_budget_remaining:ratio", "2h50m", 1.0),
            Page("2h50m", false),
            Ticket("2h50m", false),
        ],
    },
    // Who has no requests has spent nothing.
    Test {
        name: "no request ever",
        pace: QUICK,
        reads: ERRORS,
        values: ["0x100", "_x100"],
        wanted: &[Worth("slo:error_budget_remaining:ratio", "20m", 1.0), Page("20m", false), Ticket("20m", false)],
    },
    // 7 times what 6 h may spend, which is more than 6 after 5 h 8 min 34 s of them; a single hour pages only over 14.4.
    Test {
        name: "0.7 %",
        pace: SLOW,
        reads: ERRORS,
        values: ["0+993x80", "0+7x80"],
        wanted: &[Page("5h5m", false), Page("5h20m", true), Worth("slo:burn_rate:1h", "3h", 7.0)],
    },
    // 4 times what a day may spend, which is more than 3 after 18 h of it, as what three days may spend is then. It is
    // over when of 6 h, too, no more than allowed is bad: after 4 h 30 min that are good.
    Test {
        name: "0.4 %",
        pace: SLOW,
        reads: ERRORS,
        values: ["0+996x240 240036+1000x120", "0+4x240 960x120"],
        wanted: &[
            Ticket("17h50m", false),
            Ticket("18h20m", true),
            Page("18h20m", false),
            Ticket("24h", true),
            Ticket("25h10m", false),
            Worth("slo:burn_rate:2h", "12h", 4.0),
            Worth("slo:burn_rate:6h", "12h", 4.0),
            Worth("slo:error_budget_remaining:ratio", "12h30m", -3.0),
        ],
    },
    // Twice what three days may spend, which is more than once after 36 h of them; in a day it is never three times.
    Test {
        name: "0.2 %",
        pace: SLOW,
        reads: ERRORS,
        values: ["0+998x480", "0+2x480"],
        wanted: &[
            Ticket("35h50m", false),
            Ticket("36h20m", true),
            Page("36h20m", false),
            Worth("slo:burn_rate:1d", "24h15m", 2.0),
            Worth("slo:burn_rate:3d", "36h", 1.0),
            Worth("slo:burn_rate:30d", "36h", 2.0),
            // A day and a half of thirty.
            Worth("slo:window_coverage:ratio", "36h", 0.05),
        ],
    },
];

/// What may be wrong in a line of `src/rules`, and the test that finds it out.
const WRONG: &[(&str, &str, &str)] = &[
    // The 1 h rate as a mean of 5 min ones: its ramp delays the page.
    ("90 s", r#"sum(rate(requests_total{code="500"}[1h]))"#, r#"avg_over_time(slo:bad_events:rate5m[1h])"#),
    ("90 s", r#"requests_total{code="500"}[5m]"#, "requests_total[5m]"),
    ("90 s", "> 14.4", "> 28.8"),
    ("90 s", "> 14.4 and", "> 14.4 or"),
    ("90 s", ")\n      or\n      (", ")\n      and\n      ("),
    ("5 min", "or on() 0 * slo:events:rate5m", "and on() slo:events:rate5m"),
    ("no request ever", "\n      or 1 + 0 *", "\n      and 0 *"),
    (
        "silence, and then nothing",
        "slo=\"api\"}[10m])\n    labels:\n      service: shop\n      severity",
        "slo=\"api\"}[3m])\n    labels:\n      service: shop\n      severity",
    ),
    ("no number", "asked_total[5m]))) / 300 >= 0", "asked_total[5m]))) / 300"),
    ("no number", "failed_total[5m]))) / 300 >= 0", "failed_total[5m]))) / 300"),
    ("all are slow", r#"le="+Inf""#, r#"le="0.2""#),
    ("all are slow", "clamp_min(", "0 * clamp_min("),
    ("0.7 %", "> 6)", "> 7)"),
    ("0.7 %", "144 * avg_over_time", "sum_over_time"),
    ("0.4 %", "severity: ticket", "severity: page"),
    ("0.4 %", "      1 - slo", "      0 - slo"),
    ("0.2 %", "432 * avg_over_time", "sum_over_time"),
    ("0.2 %", "> 1)", "> 1.5)"),
    ("0.2 %", "30 * sum_over_time(slo:bad", "sum_over_time(slo:bad"),
    ("0.2 %", "[30d:1h]) > 0) / 0.001", "[30d:1h]) > 0) / 0.01"),
    ("0.2 %", "/ 720", "/ 360"),
];

impl Test {
    /// As promtool reads it.
    fn text(&self) -> String {
        let parts = ["fast", "slow", "window"].map(|part| format!("shop-api-{part}"));
        let mut text = format!(
            "rule_files: [rules/shop.yaml]\nevaluation_interval: {}\ngroup_eval_order: [{}]\n\
             tests:\n- name: {}\n  interval: {}\n  input_series:\n",
            self.pace.0,
            parts.join(", "),
            self.name,
            self.pace.1
        );
        for (series, values) in self.reads.1.iter().zip(self.values) {
            writeln!(text, "  - {{ series: '{series}', values: '{values}' }}").unwrap();
        }
        text.push_str("  promql_expr_test:\n");
        for wanted in self.wanted {
            let (at, expr) = match *wanted {
                Page(at, fires) => (at, firing("ErrorBudgetBurn", "page", fires)),
                Ticket(at, fires) => (at, firing("ErrorBudgetBurn", "ticket", fires)),
                NoData(at, fires) => (at, firing("SLONoData", "ticket", fires)),
                Worth(name, at, value) => {
                    (at, format!("vector(scalar(abs({name} - {value}) <= bool {}))", 0.01 * value.abs().max(1.0)))
                }
            };
            text.push_str(&holds(&expr, at));
        }
        text
    }

    /// The rules that are generated, and the test of them.
    fn written(&self) -> (TempDir, PathBuf) {
        let slo = format!("{{ name: api, objective: 99.9%, sli: {} }}", self.reads.0);
        let directory = declared(&[&format!("service: shop\nslos:\n  - {slo}\n")]);
        assert_eq!(generate(directory.path(), &["rules", "-q"]).0, 0);
        let test = directory.path().join("instants.yaml");
        fs::write(&test, self.text()).unwrap();
        (directory, test)
    }
}

#[test]
fn rules_speak_when_the_table_says() {
    let (_directories, tests): (Vec<TempDir>, Vec<PathBuf>) = TESTS.iter().map(Test::written).unzip();
    assert_eq!(test_rules(&tests), Ok(()));
}

/// Alters the rules beside a test, which then has to fail.
fn is_found_out(rules: &Path, test: &Path, right: &str, wrong: &str) {
    let text = fs::read_to_string(rules).unwrap();
    let altered = text.replace(right, wrong);
    assert_ne!(altered, text, "{right} is in the rules");
    fs::write(rules, altered).unwrap();
    let said = test_rules(&[test.to_path_buf()]).expect_err(wrong);
    assert!(said.contains("got:"), "{wrong} is no rule: {said}");
    fs::write(rules, text).unwrap();
}

#[test]
fn rules_that_are_wrong_in_a_line_are_found_out() {
    let look = |(name, right, wrong): &(&str, &str, &str)| {
        let (directory, test) = TESTS.iter().find(|test| test.name == *name).unwrap().written();
        is_found_out(&directory.path().join("rules/shop.yaml"), &test, right, wrong);
    };
    let (one, other) = WRONG.split_at(WRONG.len() / 2);
    thread::scope(|scope| {
        scope.spawn(|| one.iter().for_each(look));
        scope.spawn(|| other.iter().for_each(look));
    });
}

/// Two daemons count: from 10 to 20 min a page is active, at 10 min measuring ends, at 20 min both are gone.
#[test]
fn exporter_rules_say_once_what_daemons_say_and_that_none_does() {
    let slo = format!("{{ name: api, objective: 99.9%, sli: {} }}", ERRORS.0);
    let directory = declared(&[&format!("service: shop\nslos:\n  - {slo}\n")]);
    assert_eq!(generate(directory.path(), &["rules", "--style", "exporter", "-q"]).0, 0);
    let mut text = "rule_files: [rules/shop.yaml, rules/burnwatch.yaml]\nevaluation_interval: 1m\ntests:\n\
                    - interval: 1m\n  input_series:\n"
        .to_string();
    let slo = r#"service="shop",slo="api""#;
    for daemon in ["a", "b"] {
        for (name, labels, values) in [
            ("burnwatch_alert_active", &*format!(r#"{slo},severity="page","#), "0x9 1x9 0x20"),
            ("burnwatch_slo_last_measured_timestamp_seconds", &*format!("{slo},"), "0+60x10 600x29"),
            ("burnwatch_tick_last_timestamp_seconds", "", "0+60x20 stale _x20"),
        ] {
            writeln!(text, "  - {{ series: '{name}{{{labels}instance=\"{daemon}\"}}', values: '{values}' }}").unwrap();
        }
    }
    text.push_str("  promql_expr_test:\n");
    for (alert, severity, quiet, speaks) in [
        ("ErrorBudgetBurn", "page", ["9m", "20m"], "10m"),
        ("SLONoData", "ticket", ["10m", "20m"], "21m"),
        ("BurnwatchDown", "page", ["20m", "29m"], "31m"),
    ] {
        quiet.iter().for_each(|at| text.push_str(&holds(&firing(alert, severity, false), at)));
        text.push_str(&holds(&firing(alert, severity, true), speaks));
    }
    let test = directory.path().join("exporter.yaml");
    fs::write(&test, text).unwrap();
    assert_eq!(test_rules(slice::from_ref(&test)), Ok(()));

    let rules = ["shop", "burnwatch"].map(|name| directory.path().join(format!("rules/{name}.yaml")));
    is_found_out(&rules[0], &test, " == 1", " == 0");
    is_found_out(&rules[0], &test, "max(burnwatch_alert_active", "sum by (instance) (burnwatch_alert_active");
    is_found_out(&rules[0], &test, "> 600", "> 300");
    is_found_out(&rules[1], &test, "absent_over_time(", "0 > absent_over_time(");
}
