//! What holds of any samples at all: in whatever pieces they are counted, whenever the process that counts is killed,
//! however rows are thinned, and whichever SLOs stand beside.

use proptest::prelude::*;
use proptest::sample::select;

use crate::ledger::density;
use crate::ledger::tests::{Books, at, planned, series};
use crate::ledger::{Cell, Measured};
use crate::plan::{Question, Series};
use crate::promql::{Narrowing, Selector};
use crate::units::Timestamp;

/// The distance of two scrapes, in seconds.
const SCRAPE: i64 = 15;

/// SLOs of every kind that is read sample by sample, narrow and wide ones of the same metric among them.
const SLOS: [&str; 7] = [
    "sli: { bad: 'http_total{code=~\"500|503\"}', total: http_total }",
    "sli: { bad: 'http_total{path=\"/a\",code=~\"500|503\"}', total: 'http_total{path=\"/a\"}' }",
    "sli: { good: 'http_total{path=\"/b\",code=\"200\"}', total: 'http_total{path=\"/b\"}' }",
    "sli: { good: 'http_total{instance=\"b\",code!=\"500\"}', bad: 'http_total{instance=\"b\",code=\"500\"}' }",
    "sli: { histogram: http_seconds, under: 200ms }",
    "sli: { histogram: 'http_seconds{instance!=\"c\"}', under: 200ms }",
    "sli: { up: probe_success }",
];

/// An SLO file of those.
fn file(slos: &[usize]) -> String {
    let slo = |number: &usize| format!("  - {{ name: slo-{number}, objective: 99%, {} }}\n", SLOS[*number]);
    format!("service: shop\nslos:\n{}", slos.iter().map(slo).collect::<String>())
}

/// What a target shows at a scrape.
#[derive(Debug, Clone, Copy)]
enum Shown {
    /// That it served so many more requests, and failed so many of them.
    Served(u16, u16),
    /// A value that is no count.
    Odd(f64),
    /// A little less than before, as a second replica does that was scraped late.
    Less,
    /// That it began anew.
    Restart,
    /// Nothing: the scrape failed.
    Nothing,
}

/// A target's first scrape, and what it shows from then on.
type Life = (usize, Vec<Shown>);

fn calm() -> BoxedStrategy<Shown> {
    prop_oneof![
        9 => (0u16..20).prop_map(|served| Shown::Served(served, 0)),
        3 => (0u16..20, 1u16..4).prop_map(|(served, failed)| Shown::Served(served + failed, failed)),
        1 => Just(Shown::Restart),
        2 => Just(Shown::Nothing),
    ]
    .boxed()
}

fn anything() -> BoxedStrategy<Shown> {
    prop_oneof![
        12 => calm(),
        1 => (0u16..5_000).prop_map(|served| Shown::Served(served, 0)),
        1 => (0u16..5_000, 0u16..3_000).prop_map(|(served, failed)| Shown::Served(served + failed, failed)),
        1 => select(vec![f64::NAN, f64::INFINITY, -1.0]).prop_map(Shown::Odd),
        1 => Just(Shown::Less),
    ]
    .boxed()
}

/// All that up to three targets show, by metric.
#[derive(Debug, Clone)]
struct Traffic {
    series: Vec<(&'static str, Series)>,
    /// The last instant of a tick, in seconds.
    ends: i64,
}

fn traffic(shown: BoxedStrategy<Shown>) -> impl Strategy<Value = Traffic> {
    let life = (0usize..12, prop::collection::vec(shown, 1..24));
    prop::collection::vec(life, 1..4).prop_map(|lives| Traffic::of(&lives))
}

impl Traffic {
    fn of(lives: &[Life]) -> Traffic {
        let series = lives.iter().zip(["a", "b", "c"]).flat_map(|(life, instance)| exposed(life, instance)).collect();
        let scrapes = lives.iter().map(|(first, shown)| first + shown.len()).max().unwrap_or(0);
        Traffic { series, ends: (scrapes as i64 * SCRAPE / 30 + 2) * 30 }
    }

    /// The samples that `selector` finds after `from` up to `to`.
    fn found(&self, selector: &Selector, from: Timestamp, to: Timestamp) -> Vec<Series> {
        let narrowing = Narrowing::new(selector.matchers()).expect("known patterns");
        let within = |(metric, series): &(&str, Series)| {
            let of = |at: Timestamp| series.samples.partition_point(|sample| sample.at <= at);
            let samples = series.samples[of(from)..of(to)].to_vec();
            let is_found = *metric == selector.metric() && narrowing.admits(&series.labels) && !samples.is_empty();
            is_found.then(|| Series::new(series.labels.clone(), samples))
        };
        self.series.iter().filter_map(within).collect()
    }
}

/// The series of one target. Those of errors are there from the first error of a process on.
fn exposed((first, shown): &Life, instance: &str) -> Vec<(&'static str, Series)> {
    let [mut paths, mut errors] = [[vec![], vec![]], [vec![], vec![]]];
    let [mut fast, mut all, mut probes] = [vec![], vec![], vec![]];
    let (mut served, mut failed) = (0, 0);
    for (scrape, shown) in shown.iter().enumerate() {
        let now = (first + scrape + 1) as i64 * SCRAPE - instance.len() as i64;
        match *shown {
            Shown::Served(more, of_them) => (served, failed) = (served + u32::from(more), failed + u32::from(of_them)),
            Shown::Restart => (served, failed) = (0, 0),
            Shown::Nothing => continue,
            Shown::Odd(_) | Shown::Less => {}
        }
        let good = f64::from(served - failed);
        let said = match *shown {
            Shown::Odd(odd) => odd,
            Shown::Less => (good * 0.95).floor(),
            Shown::Served(..) | Shown::Restart | Shown::Nothing => good,
        };
        paths[0].push((now, said));
        paths[1].push((now, good));
        if failed > 0 {
            errors[0].push((now, f64::from(failed)));
            errors[1].push((now, f64::from(failed.div_ceil(2))));
        }
        fast.push((now, good));
        all.push((now, f64::from(served)));
        probes.push((now, f64::from(u8::from(!matches!(shown, Shown::Served(_, 1..))))));
    }
    let of = |metric, labels: &str, samples: &[(i64, f64)]| {
        (metric, series(&format!("instance={instance},{labels}"), samples))
    };
    let all = [
        of("http_total", "path=/a,code=200", &paths[0]),
        of("http_total", "path=/b,code=200", &paths[1]),
        of("http_total", "path=/a,code=500", &errors[0]),
        of("http_total", "path=/b,code=500", &errors[1]),
        of("http_seconds_bucket", "le=0.2", &fast),
        of("http_seconds_bucket", "le=+Inf", &all),
        of("probe_success", "", &probes),
    ];
    all.into_iter().collect()
}

impl Books {
    /// Answers every query for an instant, as a source does that is asked as the daemon asks.
    fn tick(&mut self, traffic: &Traffic, until: i64) {
        for query in 0..self.plan.queries.len() {
            let Question::Raw { selector, reading, .. } = &self.plan.queries[query].question else { continue };
            let watermark = self.ledger.watermark(query).unwrap_or(at(until));
            let from = at(until) - self.plan.range(*reading, watermark, at(until));
            let found = traffic.found(selector, from, at(until));
            self.answer_query(query, until, &found);
        }
    }

    fn counting(text: &str, traffic: &Traffic) -> Books {
        let mut books = Books::of(text);
        (1..=traffic.ends / 30).for_each(|tick| books.tick(traffic, 30 * tick));
        books
    }

    /// All lines of an SLO, oldest first.
    fn lines(&self, slo: usize) -> Vec<(Timestamp, (Cell, Cell))> {
        let lines = self.ledger.statement.lines(&self.ledger.book_of(&self.plan, slo));
        lines.into_iter().rev().filter_map(|(at, line)| Some((at, line.complete()?))).collect()
    }

    fn between(&self, slo: usize, from: Timestamp, to: Timestamp) -> Option<Measured> {
        self.ledger.statement.measured(&self.ledger.book_of(&self.plan, slo), to.since(from), to)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_into_ticks_and_any_restart_count_the_same(
        traffic in traffic(anything()),
        splits in prop::collection::vec((1i64..12, any::<bool>()), 1..20),
    ) {
        let text = file(&[0, 1, 4, 6]);
        let whole = Books::counting(&text, &traffic);
        let mut split = Books::of(&text);
        let mut now = 30;
        split.tick(&traffic, now);
        for (ticks, is_killed) in splits.iter().cycle() {
            if now == traffic.ends {
                break;
            }
            now = (now + 30 * ticks).min(traffic.ends);
            split.tick(&traffic, now);
            if *is_killed {
                split = split.restarted();
            }
        }
        for slo in 0..4 {
            let (lines, others) = (whole.lines(slo), split.lines(slo));
            prop_assert_eq!(lines.last(), others.last(), "slo {}", slo);
            // The account opens where its query was first answered; from then on every row that both have is the same.
            for line in &others {
                let same = lines.iter().find(|(at, _)| *at == line.0);
                prop_assert!(same.is_none_or(|same| same == line), "slo {}: {:?} {:?}", slo, same, line);
            }
        }
    }

    #[test]
    fn thinning_changes_no_window_whose_edges_are_on_kept_rows(
        traffic in traffic(anything()),
        age in 0i64..40 * 86_400,
    ) {
        let mut books = Books::counting(&file(&[0, 4]), &traffic);
        let now = at(traffic.ends + age);
        let rows: Vec<Timestamp> = books.lines(0).iter().map(|(at, _)| *at).collect();
        let thinned = density(&books.plan).thinned(rows.iter().copied(), now);
        let kept: Vec<Timestamp> = rows.into_iter().filter(|at| !thinned.contains(at)).collect();
        // What holds between neighbours holds between any two.
        let windows = |books: &Books| {
            let edges = kept.windows(2).map(|edges| (edges[0], edges[1]));
            edges.flat_map(|(from, to)| [0, 1].map(|slo| books.between(slo, from, to))).collect::<Vec<_>>()
        };
        let before = windows(&books);
        let gone = books.ledger.thin(&books.plan, now).thinned;
        prop_assert_eq!(gone.len(), thinned.len());
        prop_assert_eq!(windows(&books), before);
    }

    #[test]
    fn totals_and_measured_time_never_fall(traffic in traffic(anything())) {
        let books = Books::counting(&file(&[0, 3, 5, 6]), &traffic);
        for slo in 0..4 {
            for pair in books.lines(slo).windows(2) {
                let [(_, before), (_, after)] = pair else { unreachable!() };
                for (before, after) in [(before.0, after.0), (before.1, after.1)] {
                    prop_assert!(before.total <= after.total && before.measured <= after.measured, "slo {}", slo);
                }
            }
        }
    }

    #[test]
    fn bad_events_are_some_of_all_between_any_two_rows(traffic in traffic(calm())) {
        let slos: Vec<usize> = (0..SLOS.len()).collect();
        let books = Books::counting(&file(&slos), &traffic);
        for slo in slos {
            // What holds between neighbours holds between any two.
            for pair in books.lines(slo).windows(2) {
                let measured = books.between(slo, pair[0].0, pair[1].0).expect("opened");
                prop_assert_eq!(measured.excess, 0.0, "slo {}: {:?}", slo, measured);
                prop_assert!(measured.measured <= measured.to.since(measured.from), "slo {}: {:?}", slo, measured);
            }
        }
    }

    // Of those that read beside each series another that was there before it; see below.
    #[test]
    fn an_slo_more_changes_no_number_of_the_others(
        traffic in traffic(calm()),
        slos in prop::sample::subsequence(vec![0, 1, 2, 4, 5, 6], 1..4),
        more in 0..SLOS.len(),
        later in any::<prop::sample::Index>(),
    ) {
        prop_assume!(!slos.contains(&more));
        let alone = Books::counting(&file(&slos), &traffic);
        let together = file(&[&[more], &slos[..]].concat());
        let beside = Books::counting(&together, &traffic);
        let mut joined = Books::of(&file(&slos));
        let joins = later.index((traffic.ends / 30) as usize) as i64;
        for tick in 1..=traffic.ends / 30 {
            if tick == joins + 1 {
                joined.take_up(planned(&together), 30 * tick - 10);
            }
            joined.tick(&traffic, 30 * tick);
        }
        for slo in 0..slos.len() {
            prop_assert_eq!(alone.lines(slo), beside.lines(slo + 1), "{} beside {}", SLOS[slos[slo]], SLOS[more]);
            prop_assert_eq!(alone.counted_of(slo), joined.counted_of(slo + 1), "{} joined by {}", SLOS[slos[slo]], SLOS[more]);
        }
    }
}

/// The one thing that an SLO may take from another: what it reads proves more.
#[test]
fn a_wider_slo_beside_it_proves_a_newborn_that_an_slo_could_not_prove_alone() {
    let counted = |slos: &[usize]| {
        let mut books = Books::of(&file(slos));
        let b = |now: i64| series("path=/b,code=200", &[(now, 10.0)]);
        let wide = |now: i64, more: &[Series]| [&[b(now)], more].concat();
        let is_wide = slos.contains(&0);
        for (now, new) in [(30, vec![]), (60, vec![series("path=/a,code=200", &[(60, 4.0)])])] {
            books.answer(now, &if is_wide { wide(now, &new) } else { new });
        }
        books.counted_of(slos.iter().position(|slo| *slo == 1).expect("asked for")).0
    };
    assert_eq!((counted(&[1]), counted(&[0, 1])), (0.0, 4.0));
}
