//! The counting rules, by data: what a source answers, and what the accounts then hold.

mod past;
mod plans;
mod points;
mod properties;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ledger::{Answered, Changed, Kept, KeptAccount, Ledger, Measured, Row, Starts};
use crate::plan::{Facts, Pace, Plan, Sample, Series, Target, plan};
use crate::slos;
use crate::units::{Labels, Problem, Span, Tally, Timestamp};

const EVENTS: &str = "
service: shop
slos:
  - { name: events, objective: 99%, sli: { bad: 'http_total{code=~\"5..\"}', total: http_total } }
";
const LATENCY: &str = "
service: shop
slos:
  - { name: latency, objective: 99%, sli: { histogram: http_seconds, under: 200ms } }
";
const UP: &str = "
service: shop
slos:
  - { name: up, objective: 99%, sli: { up: probe_success } }
";

fn at(seconds: i64) -> Timestamp {
    Timestamp::seconds(seconds)
}

fn planned(text: &str) -> Plan {
    let (slos, problems) = slos::read("f", text);
    assert_eq!(problems, []);
    let pace = Pace { max_series: 1_000, ..Pace::DEFAULT };
    plan(slos.into_iter().map(Arc::new).collect(), &Facts::default(), pace).0
}

/// A series by its labels (`code=500,le=0.2`) on the target `a` unless they name another, and its samples.
fn series(labels: &str, samples: &[(i64, f64)]) -> Series {
    let target = [("job", "shop"), ("instance", "a")];
    let labels = labels.split(',').filter_map(|pair| pair.split_once('='));
    let samples = samples.iter().map(|(seconds, value)| Sample { at: at(*seconds), value: *value });
    Series::new(Labels::new(target.into_iter().chain(labels)), samples.collect())
}

/// A ledger and its plan, answered step by step.
struct Books {
    plan: Plan,
    ledger: Ledger,
    kept: Changed,
    starts: Starts,
    told: Vec<&'static str>,
    odd: BTreeMap<&'static str, u64>,
}

impl Books {
    fn of(text: &str) -> Books {
        let plan = planned(text);
        let mut ledger = Ledger::default();
        let (kept, problems) = ledger.adopt(None, &plan, at(0));
        assert_eq!(problems, []);
        Books { plan, ledger, kept, starts: Starts::new(), told: Vec::new(), odd: BTreeMap::new() }
    }

    /// Goes on with another plan.
    fn take_up(&mut self, plan: Plan, now: i64) -> Vec<Problem> {
        let (changed, problems) = self.ledger.adopt(Some(&self.plan), &plan, at(now));
        self.kept.join(changed);
        self.plan = plan;
        problems
    }

    /// Answers the first query for the instant `until`.
    fn answer(&mut self, until: i64, series: &[Series]) -> &mut Books {
        self.answer_query(0, until, series)
    }

    fn answer_query(&mut self, query: usize, until: i64, series: &[Series]) -> &mut Books {
        self.answer_all(query, until, vec![series.to_vec()])
    }

    /// Answers everything that a query asks.
    fn answer_all(&mut self, query: usize, until: i64, answers: Vec<Vec<Series>>) -> &mut Books {
        let until = at(until);
        let answered = [Answered { query, until, answers }];
        let booked = self.ledger.book(&self.plan, &answered, &self.starts, until);
        self.kept.join(booked.changed);
        self.told.extend(booked.problems.iter().map(|problem| problem.code));
        for (reason, count) in booked.odd {
            *self.odd.entry(reason).or_default() += count;
        }
        self
    }

    /// Total and bad events of the first SLO since its account was opened.
    fn counted(&self) -> (f64, f64) {
        self.counted_of(0)
    }

    fn counted_of(&self, slo: usize) -> (f64, f64) {
        let book = self.ledger.book_of(&self.plan, slo);
        let tally = self.ledger.accounts[book.account].events(book.sides).expect("opened");
        (tally.total(), tally.bad())
    }

    fn measured(&self, window: Span, to: i64) -> Option<Measured> {
        self.ledger.statement.measured(&self.ledger.book_of(&self.plan, 0), window, at(to))
    }

    fn within(&self, window: Span, to: i64) -> Option<Tally> {
        self.measured(window, to).map(|measured| measured.tally)
    }

    /// What is on disk.
    fn written(&self) -> Kept {
        let accounts = self.kept.accounts.values().map(|account| KeptAccount {
            id: account.id.clone(),
            fingerprint: account.fingerprint.clone(),
            removed: account.removed,
            opening: account.opening.map(|opening| opening.packed()),
        });
        let rows = self.kept.rows.iter().map(|(at, row)| (*at, Row::unpacked(*at, &row.packed())));
        let queries = self.kept.queries.iter().filter_map(|(key, packed)| Some((key.clone(), packed.clone()?)));
        let pasts = self.kept.pasts.iter().filter_map(|(day, packed)| Some((*day, packed.clone()?)));
        Kept { accounts: accounts.collect(), rows: rows.collect(), queries: queries.collect(), pasts: pasts.collect() }
    }

    /// The same ledger after it was written, and read by another process.
    fn restarted(self) -> Books {
        let kept = self.written();
        let (mut ledger, problems) = Ledger::restored(kept);
        assert_eq!(problems, []);
        let (changed, _) = ledger.adopt(None, &self.plan, at(0));
        let mut kept = self.kept;
        kept.join(changed);
        Books { ledger, kept, ..self }
    }
}

/// Counts one series from a baseline of `first` at 30 s, its later samples 30 s apart, one answer each.
fn check(first: f64, later: &[f64], expected: f64) {
    let mut books = Books::of(EVENTS);
    books.answer(30, &[series("code=200", &[(30, first)])]);
    let mut samples = vec![(30, first)];
    for value in later {
        let now = 30 * (samples.len() as i64 + 1);
        samples.push((now, *value));
        books.answer(now, &[series("code=200", &samples)]);
    }
    assert_eq!(books.counted(), (expected, 0.0), "{first} then {later:?}");
}

#[test]
fn a_counter_counts_what_it_gained_since_the_first_answer() {
    check(1_000.0, &[], 0.0);
    check(1_000.0, &[1_010.0, 1_010.0, 1_025.0], 25.0);
    check(0.5, &[1.75], 1.25);
}

#[test]
fn a_fall_is_a_reset_and_counts_from_zero() {
    check(1_000.0, &[10.0, 15.0], 15.0);
    check(1_000.0, &[875.0], 875.0);
    check(5.0, &[0.0, 3.0], 3.0);
}

#[test]
fn a_fall_of_less_than_an_eighth_is_no_reset_and_counts_nothing() {
    check(1_000.0, &[990.0, 1_001.0], 1.0);
    check(1_000.0, &[876.0, 1_001.0], 1.0);
}

#[test]
fn samples_that_are_no_counts_are_ignored_and_counted_by_reason() {
    check(10.0, &[f64::NAN, 12.0], 2.0);
    check(10.0, &[f64::INFINITY, 12.0], 2.0);
    check(10.0, &[-1.0, 12.0], 2.0);
    let mut books = Books::of(EVENTS);
    books.answer(30, &[series("", &[(30, 100.0)])]);
    books.answer(60, &[series("", &[(30, 100.0), (40, f64::NAN), (50, -1.0), (55, f64::INFINITY), (60, 99.0)])]);
    books.answer(90, &[series("", &[(30, 100.0), (40, f64::NAN), (50, -1.0), (55, f64::INFINITY), (60, 99.0)])]);
    assert_eq!(books.odd, [("infinite", 1), ("nan", 1), ("negative", 1), ("step_back", 1)].into());
}

#[test]
fn a_sample_is_counted_once_however_often_it_is_read_and_however_late_it_comes() {
    let mut books = Books::of(EVENTS);
    books.answer(30, &[series("", &[(20, 10.0)])]);
    books.answer(60, &[series("", &[(20, 10.0)])]);
    books.answer(90, &[series("", &[(20, 10.0), (50, 13.0), (80, 17.0)])]);
    books.answer(120, &[series("", &[(20, 10.0), (50, 13.0), (80, 17.0)])]);
    assert_eq!(books.counted(), (7.0, 0.0));
    // What came late belongs to the instant that was open when it came.
    assert_eq!(books.within(Span::seconds(60), 60).map(Tally::total), Some(0.0));
    assert_eq!(books.within(Span::seconds(30), 90).map(Tally::total), Some(7.0));
}

#[test]
fn an_error_series_born_late_counts_from_its_first_error() {
    let mut books = Books::of(EVENTS);
    books.answer(30, &[series("code=200", &[(30, 100.0)])]);
    books.answer(60, &[series("code=200", &[(30, 100.0), (60, 150.0)]), series("code=500", &[(60, 3.0)])]);
    assert_eq!(books.counted(), (53.0, 3.0));
}

#[test]
fn a_series_that_cannot_be_proved_newborn_is_a_baseline() {
    // Its target was not scraped before: it may have been there all the time.
    let mut books = Books::of(EVENTS);
    books.answer(30, &[series("code=200", &[(30, 100.0)])]);
    books.answer(60, &[series("code=200", &[(30, 100.0), (60, 150.0)]), series("code=500,instance=b", &[(60, 3.0)])]);
    assert_eq!(books.counted(), (50.0, 0.0));
    // Without job and instance nothing tells where it comes from.
    let mut books = Books::of(EVENTS);
    books.answer(30, &[series("code=200,instance=", &[(30, 100.0)])]);
    let siblings =
        [series("code=200,instance=", &[(30, 100.0), (60, 150.0)]), series("code=500,instance=", &[(60, 3.0)])];
    books.answer(60, &siblings);
    assert_eq!(books.counted(), (50.0, 0.0));
    // Its sibling has no sample at the moment of its birth.
    let mut books = Books::of(EVENTS);
    books.answer(30, &[series("code=200", &[(30, 100.0)])]);
    books.answer(60, &[series("code=200", &[(30, 100.0), (59, 150.0)]), series("code=500", &[(60, 3.0)])]);
    assert_eq!(books.counted(), (50.0, 0.0));
}

#[test]
fn a_baseline_is_the_last_sample_before_counting_began() {
    let mut books = Books::of(EVENTS);
    books.answer(60, &[series("code=200", &[(20, 100.0), (50, 110.0)])]);
    books.answer(
        90,
        &[series("code=200", &[(50, 110.0), (80, 130.0)]), series("code=404", &[(20, 5.0), (50, 6.0), (80, 9.0)])],
    );
    assert_eq!(books.counted(), (23.0, 0.0));
}

#[test]
fn a_process_that_started_since_the_last_answer_counts_in_full() {
    let target = Target { job: "shop".into(), instance: "b".into() };
    let mut books = Books::of(EVENTS);
    books.answer(30, &[series("code=200", &[(30, 100.0)])]);
    let new = series("code=200,instance=b", &[(60, 30.0)]);
    books.starts.insert(target.clone(), at(31));
    books.answer(60, &[series("code=200", &[(60, 100.0)]), new.clone()]);
    assert_eq!(books.counted(), (30.0, 0.0));
    // One that started long before may have been counted under another label.
    let started = |start: i64| {
        let mut books = Books::of(EVENTS);
        books.answer(30, &[series("code=200", &[(30, 100.0)])]);
        books.answer(300, &[series("code=200", &[(300, 100.0)])]);
        books.starts.insert(target.clone(), at(start));
        books.answer(330, &[series("code=200", &[(330, 100.0)]), series("code=200,instance=b", &[(330, 30.0)])]);
        books.counted().0
    };
    assert_eq!(started(181), 30.0, "found within two minutes");
    assert_eq!(started(180), 0.0);
    // One that started before the first answer counts when it was found after it.
    let found = |sample: i64, is_scraping: bool| {
        let mut books = Books::of(EVENTS);
        books.plan.pace.is_scraping = is_scraping;
        books.answer(30, &[series("code=200", &[(30, 100.0)])]);
        books.starts.insert(target.clone(), at(29));
        books.answer(60, &[series("code=200", &[(60, 100.0)]), series("code=200,instance=b", &[(sample, 30.0)])]);
        books.counted().0
    };
    assert_eq!(found(60, false), 30.0);
    assert_eq!(found(30, false), 0.0, "that is the past's");
    assert_eq!(found(60, true), 0.0, "no past is read");
}

#[test]
fn an_error_series_born_in_a_long_gap_counts_from_its_first_error() {
    let mut books = Books::of(EVENTS);
    books.answer(30, &[series("code=200", &[(30, 100.0)])]);
    books.answer(60, &[series("code=200", &[(60, 110.0)])]);
    let mut books = books.restarted();
    // What was scraped before the restart is not in any answer after it.
    books.answer(300, &[]);
    books.answer(330, &[series("code=200", &[(330, 150.0)]), series("code=500", &[(330, 4.0)])]);
    assert_eq!(books.counted(), (10.0 + 40.0 + 4.0, 4.0));
    // Another target proves nothing.
    books.answer(600, &[]);
    books.answer(630, &[series("code=200", &[(630, 150.0)]), series("code=500,instance=b", &[(630, 9.0)])]);
    assert_eq!(books.counted(), (54.0, 4.0));
}

#[test]
fn a_series_that_says_it_began_since_the_last_answer_counts_in_full() {
    let counted = |born: i64| {
        let mut books = Books::of(EVENTS);
        books.answer(30, &[series("code=200", &[(30, 100.0)])]);
        books.answer(300, &[series("code=200", &[(300, 100.0)])]);
        let new = Series { born: Some(at(born)), ..series("code=200,instance=b", &[(330, 30.0)]) };
        books.answer(330, &[series("code=200", &[(330, 100.0)]), new]);
        books.counted().0
    };
    assert_eq!(counted(181), 30.0, "found within two minutes");
    assert_eq!(counted(180), 0.0);
}

#[test]
fn a_newborn_that_brings_implausibly_much_is_a_baseline_and_a_problem() {
    let grown = |gain: f64, born: f64| {
        let mut books = Books::of(EVENTS);
        books.answer(30, &[series("code=200", &[(30, 100.0)])]);
        books.answer(60, &[series("code=200", &[(30, 100.0), (60, 100.0 + gain)])]);
        books.answer(
            90,
            &[series("code=200", &[(60, 100.0 + gain), (90, 100.0 + gain)]), series("code=500", &[(90, born)])],
        );
        (books.counted().1, books.told)
    };
    assert_eq!(grown(1.0, 1_000.0), (1_000.0, vec![]));
    assert_eq!(grown(1.0, 1_001.0), (0.0, vec!["sudden_series"]));
    assert_eq!(grown(500.0, 2_000.0), (2_000.0, vec![]));
    assert_eq!(grown(500.0, 2_001.0), (0.0, vec!["sudden_series"]));
}

#[test]
fn a_gap_of_the_target_is_counted_when_it_is_over_and_stays_unmeasured_past_five_minutes() {
    let mut books = Books::of(EVENTS);
    books.answer(30, &[series("", &[(30, 100.0)])]);
    for now in (60..=1_200).step_by(30) {
        books.answer(now, &[]);
    }
    books.answer(1_230, &[series("", &[(1_230, 400.0)])]);
    let measured = books.measured(Span::days(1), 1_230).expect("counted");
    assert_eq!(measured.tally.total(), 300.0);
    assert_eq!(measured.measured, Span::seconds(300));
    assert_eq!((measured.from, measured.to), (at(30), at(1_230)));
}

#[test]
fn a_histogram_counts_its_total_and_what_was_at_or_under_the_bound() {
    let mut books = Books::of(LATENCY);
    let buckets = |instance: &str, now: i64, under: f64, total: f64| {
        vec![
            series(&format!("le=0.2,instance={instance}"), &[(now, under)]),
            series(&format!("le=+Inf,instance={instance}"), &[(now, total)]),
        ]
    };
    books.answer(30, &buckets("a", 30, 90.0, 100.0));
    books.answer(60, &buckets("a", 60, 94.0, 110.0));
    assert_eq!(books.counted(), (10.0, 6.0));
}

#[test]
fn an_instance_without_the_bound_counts_neither_as_good_nor_as_bad() {
    let mut books = Books::of(LATENCY);
    let answer = |now: i64, more: f64| {
        [
            series("le=0.20", &[(now, 90.0 + more)]),
            series("le=+Inf", &[(now, 100.0 + more)]),
            series("le=0.5,instance=b", &[(now, 500.0 + more)]),
            series("le=+Inf,instance=b", &[(now, 500.0 + more)]),
        ]
    };
    books.answer(30, &answer(30, 0.0));
    books.answer(60, &answer(60, 7.0));
    assert_eq!(books.counted(), (7.0, 0.0));
    assert_eq!(books.told, ["no_such_bucket", "no_such_bucket"]);
}

#[test]
fn a_histogram_is_newborn_as_a_whole_or_not_at_all() {
    // Its total is implausible, so the bound beneath it does not count either: good would exceed total.
    let mut books = Books::of(LATENCY);
    let old = |now: i64| {
        [series("path=/a,le=0.2", &[(30, 1.0), (now, 1.0)]), series("path=/a,le=+Inf", &[(30, 1.0), (now, 1.0)])]
    };
    books.answer(
        30,
        &old(30)[..].iter().map(|s| Series::new(s.labels.clone(), s.samples[..1].to_vec())).collect::<Vec<_>>(),
    );
    let mut answer = old(60).to_vec();
    answer.extend([series("path=/b,le=0.2", &[(60, 900.0)]), series("path=/b,le=+Inf", &[(60, 1_500.0)])]);
    books.answer(60, &answer);
    assert_eq!(books.counted(), (0.0, 0.0));
    assert_eq!(books.told, ["sudden_series"]);
}

#[test]
fn each_minute_of_a_gauge_is_one_event_per_series() {
    let mut books = Books::of(UP);
    let probe = |instance: &str, values: &[f64]| {
        let samples: Vec<(i64, f64)> =
            values.iter().enumerate().map(|(i, value)| (15 + 30 * i as i64, *value)).collect();
        series(&format!("instance={instance}"), &samples)
    };
    books.answer(0, &[]);
    // Minutes: a is good, bad, unmeasured; b is good throughout; the fourth minute is not over.
    let a = [1.0, 1.0, 1.0, 0.0, f64::NAN, f64::NAN, 0.0];
    books.answer(180, &[probe("a", &a), probe("b", &[1.0; 6])]);
    assert_eq!(books.counted(), (5.0, 1.0));
    books.answer(210, &[probe("a", &a), probe("b", &[1.0; 7])]);
    assert_eq!(books.counted(), (5.0, 1.0));
    books.answer(240, &[probe("a", &a), probe("b", &[1.0; 7])]);
    assert_eq!(books.counted(), (7.0, 2.0));
}

#[test]
fn good_and_bad_counters_of_two_metrics_add_up_once_both_are_answered() {
    let mut books = Books::of(
        "
service: shop
slos:
  - { name: jobs, objective: 99%, sli: { good: done_total, bad: failed_total } }
",
    );
    let query = |books: &Books, metric: &str| {
        books.plan.queries.iter().position(|query| query.key() == format!("counters {metric}")).expect("asked")
    };
    let (done, failed) = (query(&books, "done_total"), query(&books, "failed_total"));
    books.answer_query(done, 30, &[series("", &[(30, 10.0)])]);
    books.answer_query(failed, 30, &[series("", &[(30, 1.0)])]);
    books.answer_query(done, 60, &[series("", &[(60, 18.0)])]);
    assert_eq!(books.within(Span::days(1), 60).map(Tally::total), Some(0.0), "failed was not answered for 60");
    books.answer_query(failed, 60, &[series("", &[(60, 3.0)])]);
    assert_eq!(books.within(Span::days(1), 60), Some(Tally::held(10.0, 2.0)));
}

#[test]
fn a_small_fall_before_counting_starts_is_none_either() {
    let mut books = Books::of(EVENTS);
    books.answer(30, &[series("code=200", &[(15, 100.0), (30, 95.0)])]);
    books.answer(60, &[series("code=200", &[(30, 95.0), (45, 101.0)])]);
    assert_eq!(books.counted(), (1.0, 0.0));
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let mut books = Books::of(EVENTS);
    books.answer(30, &[series("code=200", &[(30, 100.0)])]);
    books.answer(60, &[series("code=200", &[(60, 110.0)])]);
    let mut books = books.restarted();
    // A reset and a newborn while nobody looked: ten minutes later both are read from the samples.
    books.answer(
        660,
        &[
            series("code=200", &[(60, 110.0), (300, 130.0), (330, 4.0), (660, 9.0)]),
            series("code=500", &[(330, 2.0), (660, 5.0)]),
        ],
    );
    assert_eq!(books.counted(), (10.0 + 20.0 + 9.0 + 5.0, 5.0));
    assert_eq!(books.within(Span::seconds(330), 660).map(Tally::total), Some(5.0 + 3.0));
}

#[test]
fn an_error_series_born_in_a_gap_after_the_very_first_scrape_counts_from_its_first_error() {
    let mut books = Books::of(EVENTS);
    // The daemon saw one scrape, was gone, and holds none of before its start.
    books.plan.pace.is_scraping = true;
    books.answer(30, &[series("code=200", &[(29, 100.0)])]);
    books.answer(90, &[series("code=200", &[(89, 160.0)]), series("code=500", &[(89, 40.0)])]);
    assert_eq!(books.counted(), (100.0, 40.0));
}

/// As it is read where a bit of it fell over.
fn damage((at, row): &mut (Timestamp, Option<Row>)) {
    let mut bytes = row.take().expect("sound").packed();
    bytes[3] ^= 1;
    *row = Row::unpacked(*at, &bytes);
}

#[test]
fn a_damaged_row_costs_an_edge_and_a_damaged_memory_nothing() {
    let mut books = Books::of(EVENTS);
    for tick in 1..=4 {
        books.answer(30 * tick, &[series("", &[(30 * tick, 100.0 * tick as f64)])]);
    }
    let mut kept = books.written();
    damage(&mut kept.rows[1]);
    let (ledger, problems) = Ledger::restored(kept);
    assert_eq!(problems.len(), 1);
    assert_eq!(ledger.statement.len(), 3);

    let mut kept = books.written();
    kept.queries.values_mut().for_each(|memory| memory[3] ^= 1);
    let (mut ledger, problems) = Ledger::restored(kept);
    assert_eq!(problems.len(), 1);
    ledger.adopt(None, &books.plan, at(120));
    books.ledger = ledger;
    books.answer(150, &[series("", &[(30, 100.0), (60, 200.0), (90, 300.0), (120, 400.0), (150, 500.0)])]);
    assert_eq!(books.counted(), (400.0, 0.0), "it goes on from the last row");
}

#[test]
fn a_damaged_newest_row_and_memory_cost_nothing_but_a_second_reading() {
    let mut books = Books::of(EVENTS);
    for tick in 1..=4 {
        books.answer(30 * tick, &[series("", &[(30 * tick, 100.0 * tick as f64)])]);
    }
    let mut kept = books.written();
    damage(kept.rows.last_mut().expect("written"));
    kept.queries.values_mut().for_each(|memory| memory[3] ^= 1);
    let (mut ledger, problems) = Ledger::restored(kept);
    assert_eq!(problems.len(), 2);
    ledger.adopt(None, &books.plan, at(120));
    assert_eq!(ledger.watermark(0), Some(at(90)));
    books.ledger = ledger;
    books.answer(150, &[series("", &[(30, 100.0), (60, 200.0), (90, 300.0), (120, 400.0), (150, 500.0)])]);
    assert_eq!(books.counted(), (400.0, 0.0));
}

#[test]
fn an_account_whose_beginning_is_damaged_begins_with_its_oldest_row_and_says_so() {
    let mut books = Books::of(EVENTS);
    for tick in 1..=4 {
        books.answer(30 * tick, &[series("", &[(30 * tick, 100.0 * tick as f64)])]);
    }
    let mut kept = books.written();
    kept.accounts[0].opening.as_mut().expect("opened")[3] ^= 1;
    let (mut ledger, problems) = Ledger::restored(kept);
    assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["ledger_damaged"]);
    ledger.adopt(None, &books.plan, at(120));
    books.ledger = ledger;
    assert_eq!(books.counted(), (300.0, 0.0));
}

#[test]
fn a_counter_that_jumps_beyond_what_can_be_held_is_held() {
    let mut books = Books::of(EVENTS);
    books.answer(30, &[series("code=200", &[(30, 1.0)]), series("code=404", &[(30, 1.0)])]);
    let huge = |labels: &str| series(labels, &[(30, 1.0), (45, 1e300), (50, 1.0), (60, 1e300)]);
    books.answer(60, &[huge("code=200"), huge("code=404")]);
    let (total, bad) = books.counted();
    assert!(total > 9e15 && bad == 0.0, "{total} {bad}");
}

#[test]
fn a_series_whose_first_samples_are_no_counts_is_proved_newborn_by_others_only() {
    let mut books = Books::of(EVENTS);
    books.answer(30, &[series("code=200,instance=b", &[(30, 1.0)])]);
    books.answer(60, &[series("code=500", &[(30, f64::NAN), (60, 3.0)])]);
    assert_eq!(books.counted(), (0.0, 0.0));
}
