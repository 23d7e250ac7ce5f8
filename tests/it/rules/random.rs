//! Hundreds of SLOs that nobody would write, of every kind, as rule files that promtool takes and tests.

use std::fmt::Write;
use std::fs;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::rules::{generate, rules_and_tests};
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

/// In single quotes, as YAML wants it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
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
    let annotations = (word(), word()).prop_map(|(label, text)| {
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
    (sli(), objective, window, alerts(), word(), word()).prop_map(|(sli, objective, window, alerts, label, description)| {
        format!(
            "  - name: NAME\n    description: {}\n    objective: {objective}\n    window: {window}\n    labels: {{ tier: {} }}\n    \
             alerts: {alerts}\n    sli: {{ {sli} }}\n",
            quoted(&description),
            quoted(&label),
        )
    })
}

/// Generates the rules of `count` SLOs and their tests, a file for each 25, and gives them to promtool.
fn check(count: usize, slo: impl Strategy<Value = String>, tested: &str) {
    let mut runner =
        TestRunner::new(Config { cases: 1, max_shrink_iters: 0, failure_persistence: None, ..Config::default() });
    let all = runner.run(&proptest::collection::vec(slo, count), |slos| {
        let directory = tempfile::tempdir().unwrap();
        for (file, slos) in slos.chunks(25).enumerate() {
            let mut text = format!("service: Service_{file}.x\nslos:\n");
            for (index, slo) in slos.iter().enumerate() {
                let named = slo.replace("NAME", &format!("slo-{index}")).replace("METRIC", &format!("m{file}_{index}"));
                text.write_str(&named).unwrap();
            }
            fs::write(directory.path().join(format!("{file}.yaml")), text).unwrap();
        }
        let (code, _, said) = generate(directory.path(), &["--slos", ".", "--out", ".", "-q"]);
        prop_assert_eq!(code, 0, "{}", said);
        let (rules, mut tests) = rules_and_tests(&directory.path().join("rules"));
        tests.retain(|test| test.parent().is_some_and(|parent| parent.ends_with(tested)));
        prop_assert_eq!((rules.len(), tests.len()), (count.div_ceil(25) + 1, count.div_ceil(25)));
        prop_assert_eq!(check_rules(&rules), Ok(()));
        prop_assert_eq!(test_rules(&tests), Ok(()));
        Ok(())
    });
    all.unwrap();
}

#[test]
fn three_hundred_random_slos_page_when_they_should() {
    check(300, slo(), "minutes");
}

#[test]
fn a_few_random_slos_behave_over_days() {
    check(6, slo(), "days");
}
