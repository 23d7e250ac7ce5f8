//! What was before an account was opened, read from a source that remembers: the numbers of any window are those of a
//! ledger that was there all the time.

use std::collections::HashMap;

use proptest::prelude::*;

use crate::ledger::tests::{Books, EVENTS, LATENCY, UP, at, planned, series};
use crate::ledger::{History, Lack, Ledger, Measured, Piece, REMEMBERED, density};
use crate::plan::{Plan, Query, Sample, Series, Target};
use crate::units::{Span, Timestamp};

/// The distance of two scrapes, in seconds.
const SCRAPE: i64 = 150;

/// All that a source remembers.
#[derive(Debug, Clone, Default)]
struct Source {
    series: Vec<Series>,
    /// When processes started.
    starts: Vec<(Target, Timestamp)>,
}

impl Source {
    /// One target: what it counted at each scrape in all, and of that the errors.
    fn of(total: &[(i64, f64)], errors: &[(i64, f64)]) -> Source {
        let series = [("code=200", total), ("code=500", errors)].map(|(labels, samples)| series(labels, samples));
        Source { series: series.into_iter().filter(|series| !series.samples.is_empty()).collect(), ..Source::default() }
    }

    /// The samples after `from` up to `to`.
    fn samples(&self, from: Timestamp, to: Timestamp) -> Vec<Series> {
        let within = |series: &Series| {
            let samples: Vec<Sample> =
                series.samples.iter().copied().filter(|sample| sample.at > from && sample.at <= to).collect();
            (!samples.is_empty()).then(|| Series::new(series.labels.clone(), samples))
        };
        self.series.iter().filter_map(within).collect()
    }

    /// What it tells of a piece, asked as the daemon asks.
    fn history(&self, plan: &Plan, query: &Query, piece: Piece) -> History {
        let from = piece.read_from(plan, query);
        let mut history = History { answers: vec![self.samples(from, piece.to)], ..History::default() };
        let newcomers = piece.newcomers(query, &history);
        let began = self.starts.iter().filter(|(target, _)| newcomers.contains(target));
        history.starts = began.cloned().collect();
        let unproved = piece.unproved(plan, query, &history);
        let last = |series: Series| Some((series.id, series.samples.last()?.value));
        let lasts: HashMap<_, _> = self.samples(from - REMEMBERED, from).into_iter().filter_map(last).collect();
        history.lasts = lasts.into_iter().filter(|(id, _)| unproved.contains(id)).collect();
        history
    }
}

impl Books {
    /// Counts live every 30 s after `from` up to `to`.
    fn live(&mut self, source: &Source, from: i64, to: i64) -> &mut Books {
        for now in (from / 30 + 1..=to / 30).map(|tick| 30 * tick) {
            let samples = source.samples(at(now - 660), at(now));
            self.answer(now, &samples);
        }
        self
    }

    fn known_from(&self) -> Timestamp {
        self.ledger.known(0).expect("opened").from
    }

    /// Reads the past of every SLO from what is known of the first back to `from`.
    fn read_back(&mut self, source: &Source, from: Timestamp, now: i64) -> &mut Books {
        let piece = Piece { from, to: self.known_from() };
        let plan = &self.plan;
        let histories: Vec<History> = plan.queries.iter().map(|query| source.history(plan, query, piece)).collect();
        let lacks: Vec<Lack> = (0..plan.slos.len()).map(|slo| Lack { slo, part: piece }).collect();
        let stretches = piece.stretches(plan, &density(plan), &lacks, &histories, at(now));
        for (slo, stretch) in stretches.into_iter().enumerate() {
            let account = self.ledger.book_of(&self.plan, slo).account;
            self.kept.join(self.ledger.join_past(account, stretch.expect("every side was answered")));
        }
        self
    }

    fn numbers(&self, window: i64, to: i64) -> Option<(f64, f64, Span)> {
        let Measured { tally, measured, .. } = self.measured(Span::seconds(window), to)?;
        Some((tally.total(), tally.bad(), measured))
    }
}

#[test]
fn a_window_over_the_opening_holds_what_was_before_it() {
    let total: Vec<(i64, f64)> = (1..=40).map(|scrape| (SCRAPE * scrape, 10.0 * scrape as f64)).collect();
    let source = Source::of(&total, &[]);
    let mut books = Books::of(EVENTS);
    books.answer(3_000, &source.samples(at(2_340), at(3_000))).live(&source, 3_000, 6_000);
    assert_eq!(books.numbers(6_000, 6_000), Some((200.0, 0.0, Span::seconds(3_000))));
    books.read_back(&source, at(1_500), 6_000);
    assert_eq!(books.numbers(6_000, 6_000), Some((300.0, 0.0, Span::seconds(4_500))));
    assert_eq!(books.numbers(3_600, 6_000), Some((240.0, 0.0, Span::seconds(3_600))), "from between both");
    books.read_back(&source, at(-600), 6_000);
    let all = Some((390.0, 0.0, Span::seconds(5_850)));
    assert_eq!(books.numbers(6_600, 6_000), all, "the first sample of all is a baseline");
    assert_eq!(books.counted(), (200.0, 0.0), "and since it is counted nothing changed");
    assert_eq!(books.restarted().numbers(6_600, 6_000), all);
}

#[test]
fn a_sample_of_before_the_opening_that_comes_late_counts_once() {
    let source = |samples: &[(i64, f64)]| Source::of(samples, &[]);
    let mut books = Books::of(EVENTS);
    books.answer(300, &source(&[(150, 10.0)]).samples(at(0), at(300)));
    // It was taken at 290, and was not there at 300.
    let all = source(&[(150, 10.0), (290, 17.0), (440, 20.0)]);
    books.live(&all, 300, 450);
    books.read_back(&all, at(0), 450);
    assert_eq!(books.numbers(450, 450).map(|numbers| numbers.0), Some(10.0));
}

#[test]
fn a_target_that_came_back_after_a_gap_between_two_pieces_goes_on_from_where_it_stood() {
    let total = [(150, 10.0), (300, 20.0), (3_600, 70.0), (3_750, 80.0)];
    let source = Source::of(&total, &[(3_600, 4.0)]);
    let mut books = Books::of(EVENTS);
    books.answer(3_900, &source.samples(at(3_240), at(3_900)));
    // Between both pieces nothing is read of it, and its errors began in the gap.
    books.read_back(&source, at(2_400), 3_900).read_back(&source, at(0), 3_900);
    assert_eq!(books.numbers(3_900, 3_900), Some((74.0, 4.0, Span::seconds(450 + 300))));
}

#[test]
fn a_process_that_started_in_a_piece_counts_in_full_and_one_from_before_does_not() {
    let counted = |started: i64| {
        let mut source = Source::of(&[(1_500, 30.0), (1_650, 40.0)], &[]);
        source.starts.push((Target { job: "shop".into(), instance: "a".into() }, at(started)));
        let mut books = Books::of(EVENTS);
        books.answer(1_800, &source.samples(at(1_140), at(1_800)));
        books.read_back(&source, at(900), 1_800);
        books.numbers(900, 1_800).map(|numbers| numbers.0)
    };
    assert_eq!(counted(1_490), Some(40.0));
    assert_eq!(counted(100), Some(10.0));
}

#[test]
fn each_slice_of_a_gauge_counts_once_whatever_the_pieces() {
    let samples: Vec<(i64, f64)> = (1..=80).map(|scrape| (15 * scrape, f64::from(scrape != 21))).collect();
    let source = Source { series: vec![series("", &samples)], ..Source::default() };
    let mut books = Books::of(UP);
    books.answer(900, &source.samples(at(240), at(900)));
    books.read_back(&source, at(615), 900).read_back(&source, at(310), 900).read_back(&source, at(0), 900);
    assert_eq!(books.numbers(900, 900).map(|(total, bad, _)| (total, bad)), Some((15.0, 1.0)));
}

#[test]
fn a_histogram_is_read_back_with_both_its_counts() {
    let bucket = |le: &str, by: f64| {
        let samples: Vec<(i64, f64)> = (1..=20).map(|scrape| (SCRAPE * scrape, by * scrape as f64)).collect();
        series(&format!("le={le}"), &samples)
    };
    let source = Source { series: vec![bucket("0.2", 9.0), bucket("+Inf", 10.0)], ..Source::default() };
    let mut books = Books::of(LATENCY);
    books.answer(3_000, &source.samples(at(2_340), at(3_000)));
    books.read_back(&source, at(1_200), 3_000).read_back(&source, at(0), 3_000);
    assert_eq!(books.numbers(3_000, 3_000).map(|(total, bad, _)| (total, bad)), Some((190.0, 19.0)));
}

#[test]
fn a_day_that_is_damaged_is_read_again_and_those_before_it_are_not() {
    let day = 86_400;
    let total: Vec<(i64, f64)> = (1..=4 * day / 3_600).map(|scrape| (3_600 * scrape, scrape as f64)).collect();
    let source = Source::of(&total, &[]);
    let now = 3 * day + 300;
    let mut books = Books::of(EVENTS);
    books.answer(now, &source.samples(at(now - 660), at(now)));
    for piece in (0..13).rev() {
        books.read_back(&source, at(piece * day / 4), now);
    }
    let whole = books.numbers(3 * day, now);
    assert_eq!(whole.map(|numbers| numbers.0), Some(71.0));
    let mut kept = books.written();
    assert_eq!(kept.pasts.len(), 4);
    kept.pasts.get_mut(&(0, 1)).expect("read")[20] ^= 1;
    let (mut ledger, problems) = Ledger::restored(kept);
    let told: Vec<&str> = problems.iter().map(|problem| &*problem.what).collect();
    assert_eq!(
        told,
        ["the past of shop/events on 1970-01-02T00:00:00Z is damaged in the ledger and left out"],
        "{problems:?}"
    );
    ledger.adopt(None, &books.plan, at(now));
    books.ledger = ledger;
    assert_eq!(books.known_from(), at(2 * day));
    books.read_back(&source, at(day + day / 2), now).read_back(&source, at(day), now);
    assert_eq!((books.known_from(), books.numbers(3 * day, now)), (at(0), whole));
}

#[test]
fn what_was_known_again_but_was_read_since_counts_once() {
    let day = 86_400;
    let total: Vec<(i64, f64)> = (1..=2 * day / 3_600).map(|scrape| (3_600 * scrape, scrape as f64)).collect();
    let source = Source::of(&total, &[]);
    let now = 2 * day - 300;
    let mut books = Books::of(EVENTS);
    books.answer(now, &source.samples(at(now - 660), at(now)));
    books.read_back(&source, at(day), now).read_back(&source, at(0), now);
    let whole = books.numbers(now, now);
    let mut kept = books.written();
    kept.pasts.get_mut(&(0, 1)).expect("read")[20] ^= 1;
    let (mut ledger, _) = Ledger::restored(kept);
    ledger.adopt(None, &books.plan, at(now));
    books.ledger = ledger;
    books.read_back(&source, at(day - 7_200), now);
    assert_eq!(books.known_from(), at(day - 7_200));
    books.read_back(&source, at(0), now);
    assert_eq!(books.numbers(now, now), whole);
}

#[test]
fn what_was_read_twice_counts_once() {
    let total: Vec<(i64, f64)> = (1..=20).map(|scrape| (SCRAPE * scrape, scrape as f64)).collect();
    let source = Source::of(&total, &[]);
    let mut books = Books::of(EVENTS);
    books.answer(3_000, &source.samples(at(2_340), at(3_000)));
    let twice = Piece { from: at(1_500), to: at(3_000) };
    let history = source.history(&books.plan, &books.plan.queries[0], twice);
    for _ in 0..2 {
        let lack = Lack { slo: 0, part: twice };
        let read =
            twice.stretches(&books.plan, &density(&books.plan), &[lack], std::slice::from_ref(&history), at(3_000));
        books.ledger.join_past(0, read[0].clone().expect("answered"));
    }
    assert_eq!(books.numbers(3_000, 3_000).map(|numbers| numbers.0), Some(10.0));
}

#[test]
fn an_account_that_lacks_a_part_of_a_piece_takes_only_that() {
    let two = format!(
        "{EVENTS}  - {{ name: other, objective: 99%, sli: {{ bad: 'http_total{{code=\"500\"}}', total: http_total }} }}\n"
    );
    let total: Vec<(i64, f64)> = (1..=20).map(|scrape| (SCRAPE * scrape, scrape as f64)).collect();
    let source = Source::of(&total, &[]);
    let plan = planned(&two);
    let piece = Piece { from: at(600), to: at(2_400) };
    let history = source.history(&plan, &plan.queries[0], piece);
    let lacks = [2_400, 1_230].map(|to| Piece { to: at(to), ..piece });
    let lacks: Vec<Lack> = lacks.into_iter().enumerate().map(|(slo, part)| Lack { slo, part }).collect();
    let read = piece.stretches(&plan, &density(&plan), &lacks, &[history], at(3_000));
    let gained = read.iter().flatten().map(|stretch| {
        let ends = (stretch.from, stretch.steps.last().expect("a step").at);
        (ends, stretch.steps.iter().map(|step| step.gained[0] / 1_024).sum::<i64>())
    });
    assert_eq!(gained.collect::<Vec<_>>(), [((at(600), at(2_400)), 12), ((at(600), at(1_230)), 4)]);
}

#[test]
fn lines_are_thinned_with_age_and_the_oldest_stays_while_it_is_kept() {
    let total: Vec<(i64, f64)> = (1..=600).map(|scrape| (SCRAPE * scrape, scrape as f64)).collect();
    let source = Source::of(&total, &[]);
    let mut books = Books::of(EVENTS);
    books.answer(86_400, &source.samples(at(85_740), at(86_400)));
    for piece in (0..4).rev() {
        books.read_back(&source, at(piece * 21_600), 86_400);
    }
    let before = books.numbers(86_400, 86_400);
    let changed = books.ledger.thin(&books.plan, at(20 * 86_400));
    assert_eq!(changed.pasts, [].into());
    assert_eq!((books.known_from(), books.numbers(86_400, 86_400)), (at(0), before));
    assert!(books.numbers(43_230, 86_400) > books.numbers(43_200, 86_400), "now an hour apart");
    let changed = books.ledger.thin(&books.plan, at(500 * 86_400));
    assert_eq!(changed.pasts.into_keys().collect::<Vec<_>>(), [(0, -1), (0, 0)]);
}

#[test]
fn an_slo_that_comes_back_goes_on_and_the_time_between_is_read() {
    let file = |names: &[&str]| {
        let slo = |name: &&str| {
            format!(
                "  - {{ name: {name}, objective: 99%, sli: {{ bad: 'http_total{{code=\"500\"}}', total: http_total }} }}\n"
            )
        };
        planned(&format!("service: shop\nslos:\n{}", names.iter().map(slo).collect::<String>()))
    };
    let total: Vec<(i64, f64)> = (1..=200).map(|scrape| (SCRAPE * scrape, scrape as f64)).collect();
    let source = Source::of(&total, &[]);
    let mut books = Books::of(EVENTS);
    books.take_up(file(&["here", "away"]), 0);
    let counted_of_away = |books: &mut Books, now: i64| {
        let book = books.ledger.book_of(&books.plan, books.plan.slos.len() - 1);
        let measured = books.ledger.statement.measured(&book, Span::seconds(now), at(now)).expect("opened");
        (measured.from, measured.tally.total(), measured.measured)
    };
    books.answer(3_000, &source.samples(at(2_340), at(3_000)));
    books.read_back(&source, at(1_500), 3_000).live(&source, 3_000, 6_000);
    books.take_up(file(&["here"]), 6_000);
    books.live(&source, 6_000, 20_000 / 30 * 30);
    let now = 20_000 / 30 * 30;
    books.take_up(file(&["here", "away"]), now);
    books.live(&source, now, now + 3_000);
    let now = now + 3_000;
    let away = books.ledger.book_of(&books.plan, 1).account;
    assert_eq!(books.ledger.accounts.len(), 3, "the same account");
    let events = |books: &Books| books.counted_of(1).0;
    assert_eq!(events(&books), 40.0);
    let known = books.ledger.known(1).expect("opened");
    assert_eq!((known.from, known.again), (at(19_980), Some(at(6_000))));

    // Read in two pieces, with a restart before, between and after.
    let mut books = books.restarted();
    for from in [9_000, 6_000] {
        let to = books.ledger.known(1).expect("opened").from;
        let piece = Piece { from: at(from), to };
        let history = source.history(&books.plan, &books.plan.queries[0], piece);
        let lack = Lack { slo: 1, part: piece };
        let read = piece.stretches(&books.plan, &density(&books.plan), &[lack], &[history], at(now));
        books.kept.join(books.ledger.join_past(away, read[0].clone().expect("answered")));
        books = books.restarted();
    }
    let (from, total, measured) = counted_of_away(&mut books, now);
    assert_eq!(from, at(1_500), "also what had been read before");
    assert_eq!((total, measured), (((now - 1_500) / SCRAPE) as f64, Span::seconds(now - 1_500)));
    assert_eq!(events(&books), 40.0);
    assert_eq!(books.ledger.known(1).expect("opened").again, None);
}

/// One process of a service: what it counted at each scrape, the first one at its very beginning.
fn process() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec((0u8..20).prop_map(f64::from), 1..25).prop_map(|gains| {
        let sum = |sum: &mut f64, gain: &f64| {
            *sum += gain;
            Some(*sum)
        };
        [0.0].iter().chain(&gains).scan(0.0, sum).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_pieces_and_the_restarts_every_window_holds_what_a_ledger_from_the_beginning_holds(
        lives in prop::collection::vec(process(), 1..5),
        errors_born in 0usize..60,
        gap in (0usize..60, 0usize..12),
        opened in (any::<prop::sample::Index>(), 0i64..5),
        pieces in prop::collection::vec((1i64..50, any::<bool>()), 1..20),
    ) {
        let total: Vec<(i64, f64)> = lives.concat().into_iter().enumerate().map(|(i, v)| (SCRAPE * (i as i64 + 1), v)).collect();
        let total: Vec<(i64, f64)> = total.into_iter().enumerate().filter(|(i, _)| *i == 0 || *i < gap.0 || *i >= gap.0 + gap.1).map(|(_, s)| s).collect();
        let errors: Vec<(i64, f64)> = total.iter().copied().skip(errors_born).map(|(at, v)| (at, (v / 4.0).floor())).collect();
        // Who begins in the middle of a step back cannot know of it.
        let steps_back = |samples: &[(i64, f64)]| samples.windows(2).any(|pair| {
            let (before, after) = (pair[0].1, pair[1].1);
            after < before && before - after < before / 8.0
        });
        prop_assume!(!steps_back(&total) && !steps_back(&errors));
        let source = Source::of(&total, &errors);
        let end = (total.last().map_or(SCRAPE, |(at, _)| *at) + SCRAPE) / 30 * 30;
        let mut whole = Books::of(EVENTS);
        whole.answer(SCRAPE, &source.samples(at(0), at(SCRAPE))).live(&source, SCRAPE, end);

        // While its target is scraped: what comes after a gap that nobody saw the beginning of is a baseline.
        let opening = (total[opened.0.index(total.len())].0 + 30 * opened.1).min(end);
        let mut split = Books::of(EVENTS);
        split.answer(opening, &source.samples(at(opening - 660), at(opening))).live(&source, opening, end);
        for (ticks, restart) in pieces.iter().cycle() {
            let from = split.known_from() - Span::seconds(30 * ticks);
            split.read_back(&source, from, end);
            if *restart { split = split.restarted(); }
            if from <= at(SCRAPE) { break; }
        }
        for window in (300..=end - SCRAPE).step_by(300).chain([end - SCRAPE]) {
            let start = end - window;
            // The seam is a row wherever it lies; other rows are as far apart as their age wants.
            if start % 300 == 0 || start == SCRAPE || start == opening {
                prop_assert_eq!(whole.numbers(window, end), split.numbers(window, end), "the last {} s", window);
            }
        }
    }
}
