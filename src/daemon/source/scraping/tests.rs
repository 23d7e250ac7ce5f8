#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use futures_util::FutureExt;

use crate::daemon::source::scraping::{Scraped, Watch};
use crate::io::scrape::{self, Config, Error, Exposed, Scrape};
use crate::io::{clock, http};
use crate::plan::{self, Facts, Pace, Plan, Series};
use crate::promql::{Narrowing, names};
use crate::report::Check;
use crate::slos::{self, Slo};
use crate::tick::{Ask, Over};
use crate::units::{Labels, Span, Timestamp};

const SLOS: &str = "
service: shop
slos:
  - { name: events, objective: 99%, sli: { bad: 'x_total{code=\"500\"}', total: x_total } }
  - { name: latency, objective: 99%, sli: { histogram: x_seconds, under: 200ms } }
  - { name: up, objective: 99%, sli: { up: up, every: 5m } }
";

fn targets(count: usize) -> Vec<scrape::Target> {
    let labels = |index: usize| Labels::new([("job", "shop"), ("instance", &format!("i{index}"))]);
    let http = |index: usize| http::Config::new(format!("http://localhost:{}", 8_000 + index));
    (0..count).map(|index| scrape::Target { http: http(index), params: Vec::new(), labels: labels(index) }).collect()
}

/// A source of so many targets, of which none is scraped yet, and the plan of [`SLOS`].
fn scraped(count: usize) -> (Scraped, Vec<Watch>, Plan) {
    // Only the first one stays; another test may have been quicker.
    _ = rustls::crypto::ring::default_provider().install_default();
    let (slos, problems) = slos::read("f", SLOS);
    assert_eq!(problems, []);
    let slos: Vec<Arc<Slo>> = slos.into_iter().map(Arc::new).collect();
    let pace = Pace { is_scraping: true, ..Pace::DEFAULT };
    let config = Config { targets: targets(count), ..Config::default() };
    let (scraped, mut watches) = Scraped::build(&config).unwrap();
    let (plan, _) = plan::plan(slos, &Facts::default(), pace);
    scraped.want(&plan);
    watches.iter_mut().for_each(|watch| watch.wanted.mark_unchanged());
    (scraped, watches, plan)
}

/// One whole scrape that began at `at`: series such as `x_total code=500`, each with its value.
fn bring(watch: &Watch, at: Timestamp, series: &[(&str, f64)]) {
    let exposed = series.iter().map(|(series, value)| {
        let (metric, labels) = series.split_once(' ').unwrap_or((series, ""));
        let labels = labels.split(',').filter_map(|pair| pair.split_once('='));
        let labels = Labels::new([(names::NAME_LABEL, metric)].into_iter().chain(labels));
        Exposed { labels: labels.overlaid(watch.scraper.labels()), value: *value, created: None }
    });
    let exposed = exposed.collect();
    watch.begin(at);
    watch.end(at, Ok(Scrape { exposed, flaw: None }));
}

fn fail(watch: &Watch, at: Timestamp) {
    watch.begin(at);
    let origin = "http://localhost:8000/metrics".to_string();
    watch.end(at, Err(Error::Http(http::Error::Refused { origin })));
}

fn asks(plan: &Plan, until: Timestamp) -> Vec<Ask> {
    let over = Over::Range(Span::minutes(2));
    (0..plan.queries.len()).map(|query| Ask { query, until, over }).collect()
}

/// By metric, the series of a round with their last values; `None` while it waits.
fn answered(scraped: &Scraped, plan: &Plan, until: Timestamp) -> Option<Vec<(String, f64)>> {
    let round = scraped.ask(plan, &asks(plan, until)).now_or_never()?;
    let series = round.pieces.into_iter().flat_map(|piece| piece.answer.unwrap()).flatten();
    let told = series.map(|Series { labels, samples, .. }| {
        let own = ["__name__", "le", "instance"].map(|name| labels.get(name)).join(" ");
        (own.trim().to_string(), samples.last().unwrap().value)
    });
    let mut told: Vec<(String, f64)> = told.collect();
    told.sort_by(|a, b| a.0.cmp(&b.0));
    Some(told)
}

fn expected(series: &[(&str, f64)]) -> Option<Vec<(String, f64)>> {
    Some(series.iter().map(|(series, value)| (series.to_string(), *value)).collect())
}

#[test]
fn an_instant_is_answered_once_every_scrape_has_ended_that_began_by_then() {
    let (scraped, watches, plan) = scraped(2);
    let start = clock::now();
    let at = |seconds: i64| start + Span::seconds(seconds);
    assert_eq!(answered(&scraped, &plan, at(1)), None, "both are waited for from the start");
    bring(&watches[0], at(1), &[("x_total code=200", 5.0)]);
    assert_eq!(answered(&scraped, &plan, at(1)), None, "the other may be as slow as its timeout");
    bring(&watches[1], at(2), &[("x_total code=200", 7.0)]);
    let both = [("up  i0", 1.0), ("up  i1", 1.0), ("x_total  i0", 5.0), ("x_total  i1", 7.0)];
    assert_eq!(answered(&scraped, &plan, at(2)), expected(&both));
    watches[0].begin(at(16));
    assert_eq!(answered(&scraped, &plan, at(15)), expected(&both), "it began later");
    assert_eq!(answered(&scraped, &plan, at(16)), None);
}

#[test]
fn an_instant_before_the_first_scrapes_is_not_answered() {
    let (scraped, watches, plan) = scraped(1);
    let start = clock::now();
    bring(&watches[0], start + Span::seconds(1), &[("x_total code=200", 5.0)]);
    let pieces = |until| scraped.ask(&plan, &asks(&plan, until)).now_or_never().unwrap().pieces.len();
    assert_eq!(pieces(start), 0);
    assert_eq!(pieces(start + Span::seconds(1)), plan.queries.len());
}

#[test]
fn of_a_histogram_only_those_buckets_are_read_that_are_needed() {
    let (scraped, watches, plan) = scraped(1);
    let at = clock::now() + Span::seconds(1);
    let buckets = ["0.1", "2e-1", "0.5", "+Inf"].map(|le| format!("x_seconds_bucket le={le}"));
    bring(&watches[0], at, &buckets.each_ref().map(|bucket| (&**bucket, 1.0)));
    let read = [("up  i0", 1.0), ("x_seconds_bucket +Inf i0", 1.0), ("x_seconds_bucket 2e-1 i0", 1.0)];
    assert_eq!(answered(&scraped, &plan, at), expected(&read));
    let facts = scraped.facts(&plan).now_or_never().unwrap();
    assert_eq!(facts.bounds["x_seconds_bucket"], ["+Inf", "0.1", "0.5", "2e-1"]);
    assert_eq!((facts.series["up"], facts.series["x_total"]), (1, 0));
}

#[test]
fn what_the_slowest_question_may_still_ask_for_is_held_and_nothing_older() {
    let (scraped, watches, plan) = scraped(1);
    let start = clock::now();
    let at = |seconds: i64| start + Span::seconds(seconds);
    (1..=60).for_each(|scrape| bring(&watches[0], at(10 * scrape), &[]));
    answered(&scraped, &plan, at(600)).unwrap();
    let oldest = |from: i64| {
        let held = scraped.targets.enter().recent.select(names::UP, &Narrowing::all(), at(from), at(600));
        held[0].samples[0].at
    };
    assert_eq!(oldest(0), at(300), "`up` is judged in slices of five minutes");
}

#[test]
fn where_nobody_asks_anything_nothing_is_held() {
    let (scraped, watches, plan) = scraped(1);
    let held = || scraped.targets.enter().recent.labels(names::UP, &Narrowing::all()).count();
    bring(&watches[0], clock::now() - Span::seconds(1), &[]);
    assert!(scraped.ask(&plan, &[]).now_or_never().is_some());
    assert_eq!(held(), 1, "every question was answered for this instant");
    let (none, _) = plan::plan(Vec::new(), &Facts::default(), Pace::DEFAULT);
    assert!(scraped.ask(&none, &[]).now_or_never().is_some());
    assert_eq!(held(), 0);
}

#[test]
fn where_more_is_wanted_it_is_waited_for_another_scrape_and_no_instant_is_lost() {
    let (scraped, watches, plan) = scraped(1);
    let start = clock::now();
    let at = |seconds: i64| start + Span::seconds(seconds);
    bring(&watches[0], at(1), &[("x_total code=200", 5.0)]);
    let (slos, _) = slos::read("f", &SLOS.replace("x_total", "y_total"));
    let (other, _) = plan::plan(slos.into_iter().map(Arc::new).collect(), &Facts::default(), plan.pace.clone());
    scraped.go_on_from(at(10));
    scraped.want(&other);
    assert!(scraped.facts(&other).now_or_never().is_none(), "what is wanted was never scraped");
    assert_eq!(answered(&scraped, &plan, at(1)).map(|told| told.len()), Some(2), "what was asked before is there");
    bring(&watches[0], at(2), &[("y_total code=200", 7.0)]);
    assert!(scraped.facts(&other).now_or_never().is_none(), "it may have begun before");
}

#[test]
fn what_was_scraped_is_taken_over_with_the_time() {
    let (former, watches, plan) = scraped(1);
    let at = clock::now() + Span::hours(1);
    bring(&watches[0], at, &[("x_total code=200", 5.0)]);
    former.go_on_from(at);
    let (scraped, _) = Scraped::build(&Config { targets: targets(2), ..Config::default() }).unwrap();
    scraped.take_over(&former);
    assert!(scraped.now() >= at);
    scraped.targets.enter().lasts.iter_mut().for_each(|last| last.under_way = None);
    assert_eq!(answered(&scraped, &plan, at), expected(&[("up  i0", 1.0), ("x_total  i0", 5.0)]));
}

#[test]
fn a_target_that_fails_is_a_problem_until_it_answers_and_brings_an_up_of_0() {
    let (scraped, watches, plan) = scraped(2);
    let start = clock::now();
    let at = |seconds: i64| start + Span::seconds(seconds);
    fail(&watches[0], at(1));
    bring(&watches[1], at(1), &[]);
    assert_eq!(answered(&scraped, &plan, at(1)), expected(&[("up  i0", 0.0), ("up  i1", 1.0)]));
    let what = "scraping shop: http://localhost:8000/metrics refused the connection";
    let (problems, check) = scraped.found();
    assert_eq!(problems.iter().map(|problem| &*problem.what).collect::<Vec<_>>(), [what]);
    assert_eq!((check, scraped.is_up()), (Check::Degraded(what.into()), true));
    fail(&watches[1], at(16));
    assert!(!scraped.is_up());
    bring(&watches[0], at(16), &[]);
    bring(&watches[1], at(31), &[]);
    assert_eq!((scraped.found(), scraped.is_up()), ((vec![], Check::Healthy), true));
}
