//! Another plan, taken up while the ledger counts: a query that widens, narrows, goes or comes back loses nothing and
//! counts nothing twice.

use crate::ledger::tests::{Books, EVENTS, LATENCY, UP, at, planned, series};

const ONE_JOB: &str = "
service: shop
slos:
  - { name: one, objective: 99%, sli: { bad: 'http_total{job=\"shop\",code=\"500\"}', total: 'http_total{job=\"shop\"}' } }
";

/// The same, and an SLO of all jobs, whose query is wider.
fn beside_all(narrow: &str) -> String {
    format!(
        "{narrow}  - {{ name: all, objective: 99%, sli: {{ bad: 'http_total{{code=\"500\"}}', total: http_total }} }}\n"
    )
}

#[test]
fn what_was_counted_for_a_narrower_query_proves_no_newborn_of_a_wider_one() {
    let narrow = "
service: shop
slos:
  - { name: ok, objective: 99%, sli: { bad: 'http_total{code=\"200\",slow=\"yes\"}', total: 'http_total{code=\"200\"}' } }
";
    let wide = format!(
        "{narrow}  - {{ name: all, objective: 99%, sli: {{ bad: 'http_total{{slow=\"yes\"}}', total: http_total }} }}\n"
    );
    let mut books = Books::of(narrow);
    books.answer(30, &[series("code=200", &[(30, 100.0)])]);
    books.answer(60, &[series("code=200", &[(60, 110.0)])]);
    books.take_up(planned(&wide), 70);
    books.answer(300, &[]);
    books.answer(330, &[series("code=200", &[(330, 150.0)]), series("code=404", &[(330, 70.0)])]);
    assert_eq!(books.counted_of(1).0, 40.0, "there may have been 70 all the time");
}

#[test]
fn a_new_slo_beside_others_changes_no_numbers_but_its_own() {
    let both = format!(
        "{EVENTS}  - {{ name: narrow, objective: 99%, sli: {{ bad: 'http_total{{code=\"500\"}}', total: 'http_total{{code=~\"2..|500\"}}' }} }}\n"
    );
    let answers = [
        (30, vec![series("code=200", &[(30, 100.0)]), series("code=500", &[(30, 4.0)])]),
        (60, vec![series("code=200", &[(30, 100.0), (60, 120.0)]), series("code=500", &[(30, 4.0), (60, 5.0)])]),
        (90, vec![series("code=200", &[(60, 120.0), (90, 150.0)]), series("code=500", &[(60, 5.0), (90, 8.0)])]),
    ];
    let mut books = Books::of(EVENTS);
    books.answer(30, &answers[0].1).answer(60, &answers[1].1);
    let plan = planned(&both);
    assert_eq!(plan.queries.len(), 1, "the narrow ones ride on the wide one");
    books.take_up(plan, 60);
    books.answer(90, &answers[2].1);
    assert_eq!(books.counted_of(0), (54.0, 4.0));
    assert_eq!(books.counted_of(1), (33.0, 3.0));
}

#[test]
fn a_narrow_query_that_takes_over_from_a_wide_one_knows_a_newborn_as_that_one_would_have() {
    let mut books = Books::of(&beside_all(ONE_JOB));
    books.answer(30, &[series("code=200", &[(30, 100.0)])]);
    books.take_up(planned(ONE_JOB), 80);
    books.answer(90, &[series("code=200", &[(30, 100.0), (60, 110.0), (90, 120.0)]), series("code=500", &[(60, 7.0)])]);
    assert_eq!(books.counted(), (27.0, 7.0), "it was born before the plans changed, and after the last answer");
}

#[test]
fn a_wider_query_takes_over_where_the_narrow_one_stood() {
    let mut books = Books::of(ONE_JOB);
    books.answer(30, &[series("code=200", &[(30, 100.0)])]);
    books.take_up(planned(&beside_all(ONE_JOB)), 40);
    books.answer(60, &[series("code=200", &[(30, 100.0), (60, 130.0)]), series("job=other", &[(10, 5.0), (40, 9.0)])]);
    assert_eq!(books.counted_of(0), (30.0, 0.0), "what came between the plans is not lost");
    assert_eq!(books.counted_of(1), (34.0, 0.0), "and what was there before the new SLO is not its own");
    // And back: the narrow one goes on from the wide one.
    books.take_up(planned(ONE_JOB), 70);
    books.answer(90, &[series("code=200", &[(60, 130.0), (90, 140.0)])]);
    assert_eq!(books.counted_of(0), (40.0, 0.0));
}

#[test]
fn a_changed_sli_opens_a_new_account_and_says_so_and_the_old_one_waits() {
    let mut books = Books::of(EVENTS);
    books.answer(30, &[series("code=200", &[(30, 100.0)])]);
    books.answer(60, &[series("code=200", &[(60, 120.0)])]);
    let changed = EVENTS.replace("5..", "5..|429");
    let problems = books.take_up(planned(&changed), 60);
    assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["sli_changed"]);
    books.answer(90, &[series("code=200", &[(90, 125.0)])]);
    assert_eq!(books.counted(), (5.0, 0.0));
    books.take_up(planned(EVENTS), 90);
    assert_eq!(books.counted(), (20.0, 0.0), "the old counts are back");
    let longer = planned(&EVENTS.replace("service: shop", "service: shop\nwindow: 60d"));
    assert_eq!(books.take_up(longer, 90), [], "a changed window keeps the account");
}

#[test]
fn the_number_of_an_account_that_was_given_up_is_free_after_all_is_dropped_that_it_held() {
    let day = 86_400;
    let mut books = Books::of(EVENTS);
    books.answer(30, &[series("code=200", &[(30, 100.0)])]);
    books.answer(60, &[series("code=200", &[(60, 120.0)])]);
    let mut take_up = |text: &str, now: i64| {
        books.take_up(planned(text), now);
        books.ledger.thin(&books.plan, at(now));
        (books.ledger.accounts.len(), books.ledger.book_of(&books.plan, 0).account)
    };
    assert_eq!(take_up(LATENCY, 90), (2, 1));
    assert_eq!(take_up(EVENTS, 399 * day), (2, 0), "it is kept for 400 days");
    assert_eq!(take_up(LATENCY, 399 * day), (2, 1));
    assert_eq!(take_up(LATENCY, 800 * day), (2, 1), "the newest row stays");
    books.answer(801 * day, &[]);
    books.ledger.thin(&books.plan, at(801 * day));
    books.take_up(planned(UP), 801 * day);
    assert_eq!(books.kept.accounts[&0].id, books.plan.slos[0].slo.id);
    assert_eq!(books.ledger.accounts.len(), 2);
}

#[test]
fn a_new_slo_counts_nothing_of_the_time_before_it_though_others_read_its_series() {
    // One SLO was given up at 60 s, the other goes on; the new one reads the series of both.
    let of = |job: &str| {
        format!(
            "  - {{ name: {job}, objective: 99%, sli: {{ bad: 'http_total{{job=\"{job}\",code=\"500\"}}', total: 'http_total{{job=\"{job}\"}}' }} }}\n"
        )
    };
    let file = |slos: &[String]| planned(&format!("service: shop\nslos:\n{}", slos.concat()));
    let mut books = Books::of("service: shop\nslos: []\n");
    books.take_up(file(&[of("a"), of("b")]), 0);
    for now in [30, 60] {
        books.answer_query(0, now, &[series("job=a", &[(now, now as f64)])]);
        books.answer_query(1, now, &[series("job=b", &[(now, now as f64)])]);
    }
    books.take_up(file(&[of("b")]), 60);
    books.answer(600, &[series("job=b", &[(60, 60.0), (600, 600.0)])]);
    let all = "  - { name: all, objective: 99%, sli: { bad: 'http_total{code=\"500\"}', total: http_total } }\n";
    books.take_up(file(&[of("b"), all.to_string()]), 600);
    assert_eq!(books.ledger.watermark(0), Some(at(600)), "nothing is read again");
    let a = series("job=a", &[(60, 60.0), (600, 600.0), (630, 607.0)]);
    books.answer(630, &[a, series("job=b", &[(600, 600.0), (630, 605.0)])]);
    assert_eq!(books.counted_of(0), (575.0, 0.0));
    assert_eq!(books.counted_of(1), (12.0, 0.0));
}

#[test]
fn a_query_that_is_forgotten_counts_nothing_twice_for_accounts_that_stood_apart() {
    let slo = |name: &str, code: &str| {
        format!(
            "  - {{ name: {name}, objective: 99%, sli: {{ bad: 'http_total{{code=\"{code}\"}}', total: http_total }} }}\n"
        )
    };
    let file = |slos: &[String]| planned(&format!("service: shop\nslos:\n{}", slos.concat()));
    let mut books = Books::of("service: shop\nslos: []\n");
    books.take_up(file(&[slo("one", "500"), slo("other", "503")]), 0);
    books.answer(30, &[series("", &[(30, 0.0)])]);
    books.take_up(file(&[slo("one", "500")]), 30);
    books.answer(90, &[series("", &[(30, 0.0), (90, 60.0)])]);
    // Both are given up for two days, and what is remembered of their query goes.
    for days in 0..3 {
        books.take_up(planned("service: shop\nslos: []\n"), 90 + days * 86_400);
    }
    books.take_up(file(&[slo("one", "500"), slo("other", "503")]), 90 + 2 * 86_400);
    assert_eq!(books.ledger.watermark(0), Some(at(90)));
    books.answer(120, &[series("", &[(30, 0.0), (90, 60.0), (120, 90.0)])]);
    assert_eq!((books.counted_of(0).0, books.counted_of(1).0), (90.0, 30.0));
}

#[test]
fn a_query_that_comes_back_counts_nothing_twice_for_what_another_counted_meanwhile() {
    let narrow = "  - { name: narrow, objective: 99%, sli: { bad: 'http_total{code=\"500\",job=\"shop\"}', total: 'http_total{job=\"shop\"}' } }\n";
    let wide = "  - { name: wide, objective: 99%, sli: { bad: 'http_total{code=\"500\"}', total: http_total } }\n";
    let file = |slos: &[&str]| planned(&format!("service: shop\nslos:\n{}", slos.concat()));
    let mut books = Books::of("service: shop\nslos: []\n");
    books.take_up(file(&[wide]), 0);
    books.answer(30, &[series("", &[(30, 0.0)])]);
    books.take_up(file(&[narrow]), 30);
    books.answer(60, &[series("", &[(30, 0.0), (60, 30.0)])]);
    books.answer(90, &[series("", &[(30, 0.0), (60, 30.0), (90, 60.0)])]);
    books.take_up(file(&[narrow, wide]), 90);
    books.answer(120, &[series("", &[(30, 0.0), (60, 30.0), (90, 60.0), (120, 90.0)])]);
    assert_eq!(books.counted_of(0), (60.0, 0.0));
}
