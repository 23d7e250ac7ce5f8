//! Expressions and values, counted grid point by grid point.

use crate::ledger::tests::{Books, at, planned, series};
use crate::plan::Series;
use crate::units::{Span, Tally};

/// Bad of total, good of total, good and bad: every 5 minutes, by values that the tests invent.
const BAD: &str = "bad: 'sum(increase(b[$window]))', total: 'sum(increase(t[$window]))'";
const GOOD: &str = "good: 'sum(increase(g[$window]))', total: 'sum(increase(t[$window]))'";
const SUM: &str = "good: 'sum(increase(g[$window]))', bad: 'sum(increase(b[$window]))'";

fn books(sli: &str) -> Books {
    Books::of(&format!("service: shop\nslos:\n  - {{ name: jobs, objective: 99%, sli: {{ {sli} }} }}\n"))
}

/// Series that have these values at `point`.
fn values(point: i64, values: &[f64]) -> Vec<Series> {
    values.iter().enumerate().map(|(number, value)| series(&format!("n={number}"), &[(point, *value)])).collect()
}

/// A side of an expressions SLI: one value at each grid point.
fn side(points: &[(i64, f64)]) -> Vec<Series> {
    vec![series("", points)]
}

/// Total and bad events of one slice whose expressions have these values; `None` where it is unmeasured.
fn slice(sli: &str, sides: &[&[f64]]) -> (Option<(f64, f64)>, Vec<&'static str>) {
    let mut books = books(sli);
    books.answer_all(0, 0, vec![]);
    books.answer_all(0, 300, sides.iter().map(|side| values(300, side)).collect());
    books.answer_all(0, 330, vec![]);
    let measured = books.measured(Span::hours(1), 330).expect("answered").measured;
    ((measured == Span::seconds(30)).then(|| books.counted()), books.told)
}

#[track_caller]
fn check(sli: &str, sides: &[&[f64]], expected: Option<(f64, f64)>) {
    assert_eq!(slice(sli, sides), (expected, vec![]), "{sli}: {sides:?}");
}

#[test]
fn a_slice_counts_what_its_expressions_say() {
    check(BAD, &[&[100.0], &[7.5]], Some((100.0, 7.5)));
    check(GOOD, &[&[100.0], &[97.0]], Some((100.0, 3.0)));
    check(SUM, &[&[97.0], &[3.0]], Some((100.0, 3.0)));
    check(BAD, &[&[0.0], &[0.0]], Some((0.0, 0.0)));
}

#[test]
fn nothing_beside_a_total_is_zero() {
    check(BAD, &[&[100.0], &[]], Some((100.0, 0.0)));
    check(GOOD, &[&[100.0], &[]], Some((100.0, 100.0)));
    check(SUM, &[&[100.0], &[]], Some((100.0, 0.0)));
    check(SUM, &[&[], &[4.0]], Some((4.0, 4.0)));
}

#[test]
fn a_slice_without_a_total_or_without_a_count_is_unmeasured() {
    for sli in [BAD, GOOD] {
        check(sli, &[&[], &[]], None);
        check(sli, &[&[], &[5.0]], None);
    }
    check(SUM, &[&[], &[]], None);
    for nonsense in [f64::NAN, f64::INFINITY, -1.0] {
        check(BAD, &[&[nonsense], &[5.0]], None);
        check(BAD, &[&[100.0], &[nonsense]], None);
    }
}

#[test]
fn several_values_where_one_is_wanted_are_unmeasured_and_a_problem() {
    assert_eq!(slice(BAD, &[&[100.0, 50.0], &[1.0]]), (None, vec!["several_values"]));
    assert_eq!(slice(SUM, &[&[100.0], &[1.0, 2.0]]), (None, vec!["several_values"]));
}

#[test]
fn each_value_is_an_event_and_bad_outside_its_bound() {
    let under = "value: queue_depth, under: 100, every: 5m";
    check(under, &[&[99.0, 100.0, 101.0, f64::INFINITY]], Some((4.0, 3.0)));
    check(under, &[&[-5.0, f64::NAN]], Some((1.0, 0.0)));
    check("value: stock, over: 2, every: 5m", &[&[3.0, 2.0, 1.0]], Some((3.0, 2.0)));
    check(under, &[&[]], None);
    check(under, &[&[f64::NAN]], None);
}

#[test]
fn the_first_answer_counts_nothing_and_the_first_grid_point_after_it_does() {
    let mut books = books(BAD);
    books.answer_all(0, 300, vec![side(&[(300, 50.0)]), side(&[(300, 5.0)])]);
    assert_eq!(books.counted(), (0.0, 0.0));
    books.answer_all(0, 570, vec![]);
    assert_eq!(books.ledger.watermark(0), Some(at(570)));
    books.answer_all(0, 600, vec![side(&[(600, 60.0)]), side(&[(600, 6.0)])]);
    assert_eq!(books.counted(), (60.0, 6.0));
}

#[test]
fn grid_points_that_are_caught_up_together_count_each_at_its_own_instant() {
    let points: Vec<(i64, f64)> = (1..=4).map(|slice| (300 * slice, 10.0 * slice as f64)).collect();
    let mut caught_up = books(BAD);
    caught_up.answer_all(0, 0, vec![]);
    caught_up.answer_all(0, 1_230, vec![side(&points), vec![]]);
    let mut live = books(BAD);
    for now in (0..=1_230).step_by(30) {
        let point = points.iter().copied().filter(|(at, _)| *at == now).collect::<Vec<_>>();
        let sides = if point.is_empty() { vec![] } else { vec![side(&point), vec![]] };
        live.answer_all(0, now, sides);
    }
    for books in [caught_up, live] {
        assert_eq!(books.counted(), (100.0, 0.0));
        for (window, total) in [(30, 0.0), (60, 40.0), (330, 40.0), (360, 70.0), (1_230, 100.0)] {
            let within = books.within(Span::seconds(window), 1_230).map(Tally::total);
            assert_eq!(within, Some(total), "the last {window} s");
        }
        let measured = books.measured(Span::hours(1), 1_230).map(|measured| measured.measured);
        assert_eq!(measured, Some(Span::seconds(930)));
    }
}

#[test]
fn a_restart_in_the_middle_of_a_slice_counts_every_slice_once() {
    let all = |until: i64| {
        let points: Vec<(i64, f64)> = (1..=until / 300).map(|slice| (300 * slice, slice as f64)).collect();
        vec![side(&points), side(&points)]
    };
    // The answers hold more than was asked: what was counted before the restart is not counted again.
    let mut books = books(BAD);
    books.answer_all(0, 0, vec![]);
    books.answer_all(0, 750, all(750));
    assert_eq!(books.counted(), (3.0, 3.0));
    let mut books = books.restarted();
    assert_eq!(books.ledger.watermark(0), Some(at(750)));
    books.answer_all(0, 870, all(870));
    assert_eq!(books.counted(), (3.0, 3.0), "the third slice is not over");
    let mut books = books.restarted();
    books.answer_all(0, 1_200, all(1_200));
    assert_eq!(books.counted(), (10.0, 10.0));
}

/// A gauge scraped every 10 s, which was 0 at `down`.
fn gauge(down: i64, until: i64) -> Vec<Series> {
    let samples = (1..=until / 10).map(|scrape| (10 * scrape, f64::from(10 * scrape != down)));
    vec![series("", &samples.collect::<Vec<_>>())]
}

const UP: &str = "up: probe_success";

#[test]
fn a_gauges_first_answer_counts_nothing_and_the_slice_that_it_falls_into_counts_as_a_whole() {
    let mut books = books(UP);
    books.answer(90, &gauge(70, 90));
    assert_eq!(books.counted(), (0.0, 0.0));
    books.answer(120, &gauge(70, 120));
    assert_eq!(books.counted(), (1.0, 1.0));
    assert_eq!(books.measured(Span::hours(1), 120).map(|measured| measured.measured), Some(Span::seconds(30)));
}

#[test]
fn a_restart_in_the_middle_of_a_gauges_slice_judges_the_whole_of_it_once() {
    let mut books = books(UP);
    books.answer(0, &[]);
    books.answer(90, &gauge(80, 90));
    assert_eq!(books.counted(), (1.0, 0.0));
    let mut books = books.restarted();
    books.answer(150, &gauge(80, 150));
    assert_eq!(books.counted(), (2.0, 1.0), "it was 0 before the restart");
}

#[test]
fn two_slos_that_ask_the_same_share_one_query_and_both_count() {
    let two = format!(
        "service: shop\nslos:\n  - {{ name: a, objective: 99%, sli: {{ {BAD} }} }}\n  - {{ name: b, objective: 90%, sli: {{ {BAD} }} }}\n"
    );
    let mut books = Books::of(&two);
    assert_eq!(books.plan.queries.len(), 1);
    books.answer_all(0, 0, vec![]).answer_all(0, 300, vec![side(&[(300, 60.0)]), side(&[(300, 6.0)])]);
    assert_eq!((books.counted_of(0), books.counted_of(1)), ((60.0, 6.0), (60.0, 6.0)));
}

#[test]
fn a_new_slo_that_asks_what_another_asks_starts_where_that_stands() {
    let of = |name: &str| format!("  - {{ name: {name}, objective: 99%, sli: {{ {BAD} }} }}\n");
    let mut books = Books::of(&format!("service: shop\nslos:\n{}", of("a")));
    books.answer_all(0, 0, vec![]).answer_all(0, 300, vec![side(&[(300, 60.0)]), vec![]]);
    books.take_up(planned(&format!("service: shop\nslos:\n{}{}", of("a"), of("b"))), 400);
    books.answer_all(0, 600, vec![side(&[(600, 10.0)]), vec![]]);
    assert_eq!((books.counted_of(0), books.counted_of(1)), ((70.0, 0.0), (10.0, 0.0)));
}

/// How long was measured of the first `until` seconds, ticked every 30 s, when these grid points had a total.
fn measured(every: &str, points: &[i64], until: i64) -> f64 {
    let mut books = books(&format!("{BAD}, every: {every}"));
    for now in (0..=until).step_by(30) {
        let sides = if points.contains(&now) { vec![side(&[(now, 1.0)]), vec![]] } else { vec![] };
        books.answer_all(0, now, sides);
    }
    books.measured(Span::days(1), until).expect("answered").measured.as_seconds()
}

#[test]
fn a_value_measures_the_time_up_to_the_next_grid_point() {
    assert_eq!(measured("5m", &[300, 600, 900], 1_200), 900.0);
    assert_eq!(measured("5m", &[300, 900], 1_200), 600.0, "600 s had none");
    assert_eq!(measured("1h", &[3_600, 7_200], 9_000), 5_400.0);
    assert_eq!(measured("1h", &[3_600], 10_800), 3_600.0, "7200 s had none");
}
