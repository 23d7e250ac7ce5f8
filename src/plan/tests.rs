//! Which questions a set of SLOs comes to, by what the source was found to hold.

use std::sync::Arc;

use crate::plan::{Facts, Pace, Plan, Question, plan};
use crate::promql::Selector;
use crate::slos;
use crate::units::{Labels, Problem, Span};

fn pace() -> Pace {
    Pace { max_series: 1_000, ..Pace::DEFAULT }
}

/// The plan of one SLO for each of `slis`, named a, b, c.
fn planned(slis: &[&str], facts: &Facts, pace: Pace) -> (Plan, Vec<Problem>) {
    let slo = |(name, sli): (char, &&str)| format!("- {{ name: {name}, objective: 99%, sli: {{ {sli} }} }}\n");
    let text: String = ('a'..).zip(slis).map(slo).collect();
    let (slos, problems) = slos::read("f", &format!("service: shop\nslos:\n{text}"));
    assert_eq!(problems, []);
    plan(slos.into_iter().map(Arc::new).collect(), facts, pace)
}

/// What is asked, and for which SLOs.
fn asked(plan: &Plan) -> Vec<(String, Vec<usize>)> {
    let text = |question: &Question| match question {
        Question::Raw { ask, .. } => ask.clone(),
        Question::Points { asks, every } => format!("{} every {every}", asks.join(" and ")),
        Question::Own { reading, every } => format!("{reading} read every {every}"),
    };
    let queries = plan.queries.iter();
    queries.map(|query| (text(&query.question), query.routes.iter().map(|route| route.slo).collect())).collect()
}

#[track_caller]
fn check(slis: &[&str], expected: &[(&str, &[usize])]) {
    check_with(&Facts::default(), slis, expected, &[]);
}

/// `told`: the codes of the problems.
#[track_caller]
fn check_with(facts: &Facts, slis: &[&str], expected: &[(&str, &[usize])], told: &[&str]) {
    let (plan, problems) = planned(slis, facts, pace());
    let expected: Vec<_> = expected.iter().map(|(ask, slos)| (ask.to_string(), slos.to_vec())).collect();
    assert_eq!(asked(&plan), expected, "{slis:?}");
    assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), told, "{problems:?}");
}

fn facts(natives: &[&str], bounds: &[(&str, &[&str])], series: &[(&str, usize)]) -> Facts {
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    Facts {
        natives: natives.iter().map(ToString::to_string).collect(),
        bounds: bounds.iter().map(|(buckets, bounds)| (buckets.to_string(), texts(bounds))).collect(),
        series: series.iter().map(|(selector, count)| (selector.to_string(), *count)).collect(),
        ..Facts::default()
    }
}

#[test]
fn equal_selectors_are_asked_once_and_other_metrics_apart() {
    check(&["bad: x, total: y", "bad: x, total: z"], &[("x", &[0, 1]), ("y", &[0]), ("z", &[1])]);
}

#[test]
fn a_narrower_selector_rides_on_a_wider_one_and_counts_what_it_selects() {
    let slis = ["bad: 'x{code=~\"5..\"}', total: x", "bad: 'x{code=\"503\",job=\"a\"}', total: 'x{job=\"a\"}'"];
    check(&slis, &[("x", &[0, 0, 1, 1])]);
    let (plan, _) = planned(&slis, &Facts::default(), pace());
    let admitted = |labels: [(&str, &str); 2]| {
        let routes = plan.queries[0].routes.iter();
        routes.map(|route| route.series.admits(&Labels::new(labels))).collect::<Vec<_>>()
    };
    assert_eq!(admitted([("code", "200"), ("job", "b")]), [true, false, false, false]);
    assert_eq!(admitted([("code", "503"), ("job", "a")]), [true, true, true, true]);
    assert_eq!(admitted([("code", "500"), ("job", "a")]), [true, true, true, false]);
}

#[test]
fn what_does_not_cover_another_is_asked_apart() {
    check(
        &[
            "bad: 'x{job=\"a\",code=\"500\"}', total: 'x{job=\"a\"}'",
            "bad: 'x{job=\"b\",code=\"500\"}', total: 'x{job=\"b\"}'",
        ],
        &[("x{job=\"a\"}", &[0, 0]), ("x{job=\"b\"}", &[1, 1])],
    );
    // One metric read in two ways.
    check(&["up: x", "bad: 'x{a=\"1\"}', total: x"], &[("x", &[0]), ("x", &[1, 1])]);
}

#[test]
fn a_pattern_that_may_mean_something_else_here_is_left_to_the_source() {
    check(&[r#"bad: 'x{path=~"\\p{Lu}.*"}', total: x"#], &[("x", &[0]), (r#"x{path=~"\\p{Lu}.*"}"#, &[0])]);
}

#[test]
fn the_thresholds_of_one_histogram_share_a_query_that_names_every_bound() {
    check(
        &["histogram: h_seconds, under: 200ms", "histogram: 'h_seconds{job=\"a\"}', under: 1s"],
        &[(r#"h_seconds_bucket{le=~"0\\.20*|1(\\.0+)?|\\+Inf"}"#, &[0, 1])],
    );
}

#[test]
fn equal_expressions_are_asked_once_and_others_apart() {
    let sli = "bad: 'sum(increase(b[$window]))', total: 'sum(increase(t[$window]))'";
    let hourly = format!("{sli}, every: 1h");
    check(
        &[sli, &hourly, sli],
        &[
            ("sum(increase(t[1h])) and sum(increase(b[1h])) every 1h", &[1]),
            ("sum(increase(t[5m])) and sum(increase(b[5m])) every 5m", &[0, 2]),
        ],
    );
    check(&["value: depth, under: 5", "value: depth, over: 1"], &[("depth every 1m", &[0, 1])]);
}

#[test]
fn an_expression_is_not_asked_more_often_than_every_four_scrapes() {
    let sli = "good: 'sum(increase(g[$window]))', total: 'sum(increase(t[$window]))', every: 30s";
    check_with(
        &Facts::default(),
        &[sli],
        &[("sum(increase(t[2m])) and sum(increase(g[2m])) every 2m", &[0])],
        &["every"],
    );
    // Nor is its time taken for unmeasured before the next value can come.
    let hasty = Pace { no_data_after: Span::seconds(15), ..pace() };
    let (plan, problems) = planned(&[sli], &Facts::default(), hasty);
    assert_eq!((plan.slos[0].silence, plan.slos[0].no_data_after), (Span::minutes(2), Span::minutes(4)));
    assert_eq!(
        problems[0].to_string(),
        "f:3:5: every 30s is under four scrape intervals (2m), too short for a rate; it is counted every 2m; write that, or a larger one"
    );
}

#[test]
fn a_histogram_is_read_as_native_where_it_is_and_has_no_bucket_at_the_threshold() {
    let (native, classic) = ("h_seconds", r#"h_seconds_bucket{le=~"0\\.20*|\\+Inf"}"#);
    let sli = ["histogram: h_seconds, under: 200ms"];
    check_with(&facts(&[], &[], &[]), &sli, &[(classic, &[0])], &[]);
    check_with(&facts(&["h_seconds"], &[], &[]), &sli, &[(native, &[0])], &["interpolated"]);
    let spelled = r#"h_seconds_bucket{le=~"0\\.2|0\\.20*|\\+Inf"}"#;
    let with_bounds = |natives: &[&str], bounds: &[&str]| facts(natives, &[("h_seconds_bucket", bounds)], &[]);
    check_with(&with_bounds(&["h_seconds"], &["0.2", "+Inf"]), &sli, &[(spelled, &[0])], &[]);
    check_with(&with_bounds(&["h_seconds"], &["0.1", "+Inf"]), &sli, &[(native, &[0])], &["interpolated"]);
    check_with(&with_bounds(&[], &["0.1", "+Inf"]), &sli, &[(classic, &[0])], &["no_such_bucket"]);
    check_with(&facts(&["g_seconds"], &[], &[]), &sli, &[(classic, &[0])], &[]);
}

#[test]
fn a_histogram_without_any_bucket_is_looked_for_again() {
    let lack = |natives: &[&str], bounds: &[&str]| facts(natives, &[("h_seconds_bucket", bounds)], &[]).lack_buckets();
    assert!(lack(&[], &[]));
    assert!(lack(&["g_seconds"], &[]));
    assert!(!lack(&["h_seconds"], &[]));
    assert!(!lack(&[], &["0.1"]));
}

#[test]
fn a_histogram_that_changes_its_kind_is_known_by_what_it_is_now() {
    let native = || facts(&["h_seconds"], &[("h_seconds_bucket", &[])], &[]);
    let classic = || facts(&[], &[("h_seconds_bucket", &["0.1"])], &[]);
    let other = facts(&["g_seconds"], &[("g_seconds_bucket", &[])], &[]);
    for (mut known, newer) in [(native(), classic()), (classic(), native()), (native(), native())] {
        known.extend(newer.clone());
        assert_eq!(known, newer);
        known.extend(other.clone());
        assert_eq!(known.natives.contains("h_seconds"), newer.natives.contains("h_seconds"), "nothing is told of it");
    }
}

#[test]
fn native_thresholds_share_a_query_apart_from_classic_ones() {
    let facts = facts(&["h_seconds", r#"h_seconds{job="a"}"#], &[("h_seconds_bucket", &["1", "+Inf"])], &[]);
    check_with(
        &facts,
        &[
            "histogram: h_seconds, under: 200ms",
            "histogram: h_seconds, under: 1s",
            "histogram: 'h_seconds{job=\"a\"}', under: 1s",
        ],
        &[("h_seconds", &[0, 2]), (r#"h_seconds_bucket{le=~"1|1(\\.0+)?|\\+Inf"}"#, &[1])],
        &["interpolated", "interpolated"],
    );
}

#[test]
fn a_selector_of_too_many_series_is_not_asked_and_says_so() {
    let slis = ["bad: 'x{code=\"500\"}', total: x", "bad: 'x{job=\"a\",code=\"500\"}', total: 'x{job=\"a\"}'"];
    let narrow = [("x{code=\"500\"}", &[0, 1][..]), ("x{job=\"a\"}", &[1])];
    check_with(&facts(&[], &[], &[("x", 1_000)]), &slis, &[("x", &[0, 0, 1, 1])], &[]);
    check_with(&facts(&[], &[], &[("x", 1_001)]), &slis, &narrow, &["too_many_series"]);
    let (_, problems) = planned(&slis, &facts(&[], &[], &[("x", 1_001)]), pace());
    assert_eq!(
        problems[0].to_string(),
        "f:3:5: x has 1001 series, more than max_series allows (1000); narrow the selector, or raise source.prometheus.max_series"
    );
    let native = facts(&["h_seconds"], &[], &[("h_seconds", 1_001)]);
    check_with(&native, &["histogram: h_seconds, under: 200ms"], &[], &["interpolated", "too_many_series"]);
}

#[test]
fn on_a_selector_that_is_refused_no_narrower_one_rides_but_equal_ones_stay_one_question() {
    let slis = [
        "bad: 'x{code=\"500\"}', total: x",
        "bad: 'x{job=\"a\",code=\"500\"}', total: 'x{job=\"a\"}'",
        "bad: x, total: x",
    ];
    let refused = |selectors: &[&str]| Facts {
        refused: selectors.iter().map(|selector| Selector::parse(selector).unwrap()).collect(),
        ..Facts::default()
    };
    let (wide, failed, job) = ("x", "x{code=\"500\"}", "x{job=\"a\"}");
    check_with(&refused(&[]), &slis, &[(wide, &[0, 2, 2, 0, 1, 1])], &[]);
    check_with(&refused(&[wide]), &slis, &[(wide, &[0, 2, 2]), (failed, &[0, 1]), (job, &[1])], &[]);
    check_with(&refused(&[wide, failed]), &slis, &[(wide, &[0, 2, 2]), (failed, &[0]), (job, &[1, 1])], &[]);
}

#[test]
fn own_readings_come_after_all_that_is_asked_of_a_source() {
    let own = |matcher: &str| format!("value: 'burnwatch_host_power_watts{{{matcher}}}', source: self, under: 1");
    let slis = [own("x!=\"a\""), "up: up".to_string(), own("x!~\"[[:alpha:]]\"")];
    let asked = [("up", &[1][..]), ("burnwatch_host_power_watts{x!=\"a\"} read every 1m", &[0])];
    check_with(&Facts::default(), &slis.each_ref().map(String::as_str), &asked, &["needs_prometheus"]);
}

#[test]
fn a_daemon_that_scrapes_asks_for_samples_only_and_says_what_it_cannot_answer() {
    let slis = [
        "bad: 'x{code=~\"5..\"}', total: x",
        "bad: 'sum(increase(b[$window]))', total: 'sum(increase(t[$window]))'",
        "value: 'max(depth)', under: 1",
        "up: 'up{job=~\"[[:alpha:]]+\"}'",
    ];
    let scraping = Pace { is_scraping: true, ..pace() };
    let (plan, problems) = planned(&slis, &Facts::default(), scraping);
    assert_eq!(asked(&plan), [("x".to_string(), vec![0, 0])]);
    let told: Vec<String> = problems.iter().map(|problem| problem.to_string()).collect();
    let expression = "an expression needs a Prometheus to evaluate it, and source.scrape only reads targets; \
                      count plain selectors instead, or set source.prometheus in place of source.scrape";
    let pattern = "up{job=~\"[[:alpha:]]+\"} has a pattern that only a Prometheus can match as it means it; \
                   write it without classes such as \\pL or [[:alpha:]], and shorter if it is very long";
    assert_eq!(told, [format!("f:4:5: {expression}"), format!("f:5:5: {expression}"), format!("f:6:5: {pattern}")]);
}
