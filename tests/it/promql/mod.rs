//! Expressions against two other readers of PromQL: Prometheus' own, in promtool, and a crate that follows it.

mod expressions;
mod shape;

use std::process::Command;

use burnwatch::promql::Expression;
use burnwatch::promql::expression::{Function, Kind};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;

/// What `promtool check rules` says against rules that record `expressions`; nothing where all are fine.
fn complaints(expressions: &[String]) -> String {
    let rules: Vec<_> = expressions
        .iter()
        .enumerate()
        .map(|(number, expression)| json!({ "record": format!("rule:{number}"), "expr": expression }))
        .collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    // JSON is YAML, and quotes without doubt.
    std::fs::write(file.path(), json!({ "groups": [{ "name": "all", "rules": rules }] }).to_string()).unwrap();
    let output = Command::new("promtool")
        .args(["check", "rules"])
        .arg(file.path())
        .output()
        .expect("install prometheus: tests/run does");
    if output.status.success() {
        String::new()
    } else {
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    }
}

#[test]
fn prometheus_takes_every_expression_as_it_is_printed() {
    let mut runner = TestRunner::deterministic();
    let expressions: Vec<String> =
        (0..600).map(|_| expressions::random().new_tree(&mut runner).unwrap().current().to_string()).collect();
    assert_eq!(complaints(&expressions), "");
}

#[test]
fn prometheus_takes_what_it_takes_in_whatever_way_it_is_written() {
    for (text, taken) in [
        ("SUM(x) BY (a,)", true),
        ("sum + rate / by", true),
        ("offset offset 5m and and", true),
        ("up # why [\n [5m] # (\n", true),
        ("(x)[5m]", false),
        ("(x) offset 5m", false),
        ("x offset 5m [5m]", false),
        ("x[5m] offset 5m @ 5", true),
        ("x @ start() offset -5m", true),
        ("x @ Inf", false),
        ("- x ^ -2", true),
        ("x @ +1.5e9", true),
        ("a * on (b) group_left (c,) d", true),
        ("a * on (b) group_left d", true),
        ("a * group_left d", false),
        ("a and on (b) group_left d", false),
        ("a * on (b) group_left (b) d", false),
        ("a + on (b) 1", false),
        ("a == bool 1", true),
        ("1 == 1", false),
        ("1 and 1", false),
        ("a + bool 1", false),
        ("rate(x)", false),
        ("rate(x[5m:])", true),
        ("rate(x[5m:1m] @ end())", true),
        ("rate(x[5m],)", false),
        ("Rate(x[5m])", false),
        ("sum(x[5m])", false),
        ("sum x", false),
        ("topk(x, 5)", false),
        ("count_values(\"a\", x)", true),
        ("count_values(a, x)", false),
        ("-\"a\"", false),
        ("+x[5m]", false),
        ("x[0s]", false),
        ("x[300y]", false),
        ("x[290y]", true),
        ("0x1F + 010 + .5 + 5. + 1e3 + INF + nan", true),
        ("0x", false),
        ("1e999", false),
        ("{a=\"\"}", false),
        ("{a!=\"\"}", true),
        ("x{__name__=~\"a\"}", false),
        ("round(x, 1, 2)", false),
        ("label_join(x, \"a\", \"b\")", true),
        ("time() + hour() + pi()", true),
        ("sum by (by, on, sum) (x)", true),
        ("a = b", false),
        ("x unless", false),
        ("on", false),
    ] {
        let ours = Expression::parse(text);
        assert_eq!(ours.is_ok(), taken, "{text} by burnwatch: {ours:?}");
        let theirs = complaints(&[text.to_string()]);
        assert_eq!(theirs.is_empty(), taken, "{text} by Prometheus: {theirs}");
    }
}

#[test]
fn a_second_reader_knows_the_same_functions() {
    let argument = |kind: Kind| match kind {
        Kind::Scalar => "1",
        Kind::Vector => "x",
        Kind::Matrix => "x[5m]",
        Kind::Text => "'a'",
    };
    // Renamed in Prometheus 3.
    for function in Function::all().filter(|function| function.name != "holt_winters") {
        let (least, most) = function.arguments();
        for count in 0..=most.min(least + 2) + 1 {
            let arguments: Vec<&str> = (0..count).map(|place| function.wants(place).map_or("x", argument)).collect();
            let text = format!("{}({})", function.name, arguments.join(", "));
            assert_eq!(Expression::parse(&text).is_ok(), (least..=most).contains(&count), "{text}");
            assert_eq!(promql_parser::parser::parse(&text).is_ok(), (least..=most).contains(&count), "{text}");
        }
    }
}

proptest! {
    #[test]
    fn is_read_back_as_it_was_printed(node in expressions::random()) {
        let text = node.to_string();
        let read = Expression::parse(&text).map_err(|error| format!("{text}: {error} at {}", error.at));
        prop_assert_eq!(read.as_ref().map(Expression::node), Ok(&node), "{}", text);
        prop_assert_eq!(read.map(|read| read.to_string()), Ok(text));
    }

    #[test]
    fn a_second_reader_sees_the_same_tree(node in expressions::random()) {
        let text = node.to_string();
        let theirs = promql_parser::parser::parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        prop_assert_eq!(shape::of_theirs(&theirs), shape::of_ours(&node), "{}", text);
    }

    #[test]
    fn a_second_reader_groups_a_row_of_operators_alike(row in expressions::row()) {
        let theirs = promql_parser::parser::parse(&row).map_err(|error| TestCaseError::fail(format!("{row}: {error}")))?;
        let ours = Expression::parse(&row).map_err(|error| TestCaseError::fail(format!("{row}: {error}")))?;
        prop_assert_eq!(shape::of_theirs(&theirs), shape::of_ours(ours.node()), "{}", row);
    }

    #[test]
    fn is_read_or_refused_but_never_panics(
        text in proptest::collection::vec(proptest::sample::select(expressions::PIECES), 0..24).prop_map(|pieces| pieces.concat()),
    ) {
        match Expression::parse(&text) {
            Ok(read) => prop_assert_eq!(Expression::parse(&read.to_string()).map(|again| again.node().clone()), Ok(read.node().clone())),
            Err(error) => {
                prop_assert!(text.is_char_boundary(error.at), "{} of {:?}", error.at, text);
                prop_assert!(!error.remedy().is_empty());
            }
        }
    }
}
