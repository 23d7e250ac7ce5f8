//! Hundreds of SLOs that nobody would write, of every kind, as rule files that promtool takes and tests.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::rules::{files, generate, rules_and_tests};
use crate::stand::{check_rules, test_rules};

/// What may stand in a label, a matcher or a text, and wants quotes somewhere.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        proptest::sample::select(vec![
            "on", "0x1", "1e3", "a b", "#no", "a: b", "- x", "it's", "{x}", "é日", "100%", "~", "\\\\d"
        ])
        .prop_map(String::from),
    ]
}

/// What may stand in a text beside: lines, quotes of all kinds, other scripts, and what looks like a template.
fn text() -> impl Strategy<Value = String> {
    let odd = ["two\nlines\n", "\"so\" 'so' `so`", "日本語 🔥", "{{ $labels.slo }}", "{{", "a\\b\tc", "%d }}"];
    prop_oneof![word(), proptest::sample::select(odd.to_vec()).prop_map(String::from)]
}

/// In double quotes, in which YAML is JSON.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// Matchers on a label other than `code`.
fn matchers() -> BoxedStrategy<String> {
    let matcher = (
        "[a-z]{1,4}_[0-9]",
        proptest::sample::select(vec![
            r#"="v""#,
            r#"="it's""#,
            r#"="a b""#,
            r#"!="v""#,
            r#"=~"a|b""#,
            r#"=~"/api/v[0-9]+/.*""#,
            r#"!~"x.+""#,
            r#"=~"[a-z]{2,3}""#,
        ]),
    )
        .prop_map(|(label, condition)| format!(",{label}{condition}"));
    proptest::collection::vec(matcher, 0..3).prop_map(|matchers| matchers.concat()).boxed()
}

/// The keys of an SLI on a metric of its own.
fn sli() -> impl Strategy<Value = String> {
    let selector = matchers().prop_map(|matchers| format!("METRIC_total{{job=\"x\"{matchers}")).boxed();
    let threshold = proptest::sample::select(vec!["5ms", "250ms", "1s", "10s", "0.00001", "2.5", "1000000"]);
    let every = proptest::sample::select(vec!["30s", "1m", "2m"]);
    prop_oneof![
        selector.clone().prop_map(|total| format!("bad: {}, total: {}", quoted(&(total.clone() + ",code=~\"5..\"}")), quoted(&(total + "}")))),
        selector.clone().prop_map(|total| format!("good: {}, total: {}", quoted(&(total.clone() + ",code!~\"5..\"}")), quoted(&(total + "}")))),
        selector.clone().prop_map(|all| format!("good: {}, bad: {}", quoted(&(all.clone() + ",code=\"200\"}")), quoted(&(all + ",code!=\"200\"}")))),
        Just("bad: METRIC_errors_total, total: METRIC_total".to_string()),
        (selector.clone(), threshold).prop_map(|(selector, under)| {
            format!("histogram: {}, under: {under}", quoted(&(selector.replace("_total", "_seconds") + "}")))
        }),
        (selector.clone(), every.clone()).prop_map(|(selector, every)| format!("up: {}, every: {every}", quoted(&(selector.replace("_total", "_up") + "}")))),
        (selector.clone(), every).prop_map(|(selector, every)| {
            format!("value: {}, over: 2.5, every: {every}", quoted(&format!("max({}}})", selector.replace("_total", "_depth"))))
        }),
        selector.prop_map(|total| {
            let sum = |more: &str| quoted(&format!("sum(increase({total}{more}}}[$window]))"));
            format!("bad: {}, total: {}", sum(",code=\"500\""), sum(""))
        }),
        Just("value: 'scalar(METRIC_a) + 1', under: 5".to_string()),
        Just("bad: 'vector(0) * scalar(sum(increase(METRIC_a[$window])))', total: 'scalar(sum(rate(METRIC_a[$window])))'".to_string()),
    ]
}

fn alerts() -> impl Strategy<Value = String> {
    let annotations = (word(), text()).prop_map(|(label, text)| {
        format!("{{ labels: {{ team: {} }}, annotations: {{ said: {} }} }}", quoted(&label), quoted(&text))
    });
    let annotations = annotations.boxed();
    let tone = || prop_oneof![4 => Just("on".to_string()), 1 => Just("off".to_string()), 1 => annotations.clone()];
    (tone(), tone(), prop_oneof![3 => Just(0), 1 => 1..1000]).prop_map(|(page, ticket, least)| {
        format!("{{ page: {page}, ticket: {ticket}, min_events: {least}, runbook: 'https://x/y' }}")
    })
}

/// One SLO; `METRIC` stands for a metric of its own, `NAME` for its name.
fn slo() -> impl Strategy<Value = String> {
    let objective = proptest::sample::select(vec!["99%", "99.5%", "99.9%", "99.95%", "99.99%", "99.9999%"]);
    let window = proptest::sample::select(vec!["1d", "3d", "7d", "20d", "28d", "30d", "90d", "366d"]);
    (sli(), objective, window, alerts(), word(), text()).prop_map(|(sli, objective, window, alerts, label, description)| {
        format!(
            "  - name: NAME\n    description: {}\n    objective: {objective}\n    window: {window}\n    labels: {{ tier: {} }}\n    \
             alerts: {alerts}\n    sli: {{ {sli} }}\n",
            quoted(&description),
            quoted(&label),
        )
    })
}

/// `count` SLOs, 25 to a file, and what `hold` says of the directory that they are declared in.
fn check(count: usize, hold: impl Fn(&Path) -> Result<(), TestCaseError>) {
    let mut runner =
        TestRunner::new(Config { cases: 1, max_shrink_iters: 0, failure_persistence: None, ..Config::default() });
    let all = runner.run(&proptest::collection::vec(slo(), count), |slos| {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("slos")).unwrap();
        for (file, slos) in slos.chunks(25).enumerate() {
            let mut text = format!("service: Service_{file}.x\nslos:\n");
            for (index, slo) in slos.iter().enumerate() {
                let named = slo.replace("NAME", &format!("slo-{index}")).replace("METRIC", &format!("m{file}_{index}"));
                text.write_str(&named).unwrap();
            }
            fs::write(directory.path().join(format!("slos/{file}.yaml")), text).unwrap();
        }
        hold(directory.path())
    });
    all.unwrap();
}

/// The rules of all SLOs in a directory and their tests at one pace.
fn generated(directory: &Path, pace: &str) -> Result<(Vec<PathBuf>, Vec<PathBuf>), TestCaseError> {
    let (code, _, said) = generate(directory, &["--quiet"]);
    prop_assert_eq!(code, 0, "{}", said);
    let (rules, mut tests) = rules_and_tests(&directory.join("rules"));
    tests.retain(|test| test.parent().is_some_and(|parent| parent.ends_with(pace)));
    Ok((rules, tests))
}

#[test]
fn three_hundred_random_slos_page_when_they_should() {
    check(300, |directory| {
        let (rules, tests) = generated(directory, "minutes")?;
        prop_assert_eq!((rules.len(), tests.len()), (12, 12));
        prop_assert_eq!(check_rules(&rules), Ok(()));
        prop_assert_eq!(test_rules(&tests), Ok(()));
        Ok(())
    });
}

#[test]
fn a_few_random_slos_behave_over_days() {
    check(6, |directory| {
        let (_, tests) = generated(directory, "days")?;
        prop_assert_eq!(tests.len(), 1);
        prop_assert_eq!(test_rules(&tests), Ok(()));
        Ok(())
    });
}

#[test]
fn promtool_takes_three_hundred_random_slos_in_every_style_and_format() {
    check(300, |directory| {
        for (flags, count) in [(["--style", "exporter"], 13), (["--format", "operator"], 12)] {
            let out = directory.join(flags[1]);
            let arguments = ["rules", "--quiet", flags[0], flags[1], "--out", flags[1]];
            let (code, _, said) = generate(directory, &arguments);
            prop_assert_eq!(code, 0, "{}", said);
            let rules = files(&out);
            prop_assert_eq!(rules.len(), count);
            for path in rules.iter().filter(|_| flags[1] == "operator") {
                // The groups of a resource are what stands under `spec`.
                let resource: Value = serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
                fs::write(path, resource["spec"].to_string()).unwrap();
            }
            prop_assert_eq!(check_rules(&rules), Ok(()));
        }
        Ok(())
    });
}
