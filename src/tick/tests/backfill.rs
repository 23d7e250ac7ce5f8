//! Which pieces of the past are read, for whom, and when that is over.

use std::sync::Arc;

use crate::ledger::{History, Piece};
use crate::plan::{Facts, Pace, Query, Question};
use crate::slos;
use crate::tick::tests::{HOUR, START, World};
use crate::tick::{Gap, PATIENCE, Task, tasks};
use crate::units::{Span, Timestamp};

const NOW: i64 = 40 * 24 * HOUR + 5 * HOUR + 90;

fn at(seconds: i64) -> Timestamp {
    Timestamp::seconds(seconds)
}

/// A gap of each SLI: a month that begins `hours` before now.
fn gaps(slis: &[(&str, i64)]) -> Vec<Gap> {
    let slo = |(index, (sli, _)): (usize, &(&str, i64))| {
        format!("  - {{ name: a{index}, objective: 99%, sli: {{ {sli} }} }}\n")
    };
    let text: String = slis.iter().enumerate().map(slo).collect();
    let (slos, problems) = slos::read("f", &format!("service: s\nslos:\n{text}"));
    assert_eq!(problems, []);
    let gap = |(account, (slo, (_, hours))): (usize, (_, &(&str, i64)))| Gap {
        slo: Arc::new(slo),
        account,
        from: at(NOW - 30 * 24 * HOUR),
        is_closed: false,
        to: at(NOW - hours * HOUR),
    };
    slos.into_iter().zip(slis).enumerate().map(gap).collect()
}

fn planned(slis: &[(&str, i64)], facts: &Facts) -> Vec<Task> {
    tasks(gaps(slis), facts, &Pace::DEFAULT)
}

fn only(slis: &[(&str, i64)], facts: &Facts) -> Task {
    let mut tasks = planned(slis, facts);
    assert_eq!(tasks.len(), 1);
    tasks.remove(0)
}

/// Reads a piece of which the source holds nothing; returns it and the accounts that it was for.
fn read(task: &mut Task) -> Option<(Piece, Vec<usize>)> {
    let job = task.job()?;
    let histories =
        vec![History { answers: vec![vec![], vec![]], ..History::default() }; task.plan(&job).queries.len()];
    let read = task.read(&job, &histories, at(NOW));
    Some((job.piece, read.into_iter().map(|(account, _)| account).collect()))
}

fn asked(task: &Task) -> Vec<String> {
    let job = task.job().expect("unfinished");
    let text = |query: &Query| match &query.question {
        Question::Raw { ask, .. } => ask.clone(),
        Question::Points { asks, every } => format!("{} every {every}", asks.join(" and ")),
        Question::Own { reading, .. } => reading.to_string(),
    };
    task.plan(&job).queries.iter().map(text).collect()
}

const EVENTS: &str = "bad: 'x{code=\"500\"}', total: x";

#[test]
fn the_newest_piece_comes_first_and_the_last_one_holds_the_windows_beginning() {
    let mut task = only(&[(EVENTS, 0)], &Facts::default());
    let pieces: Vec<Piece> = std::iter::from_fn(|| read(&mut task)).map(|(piece, _)| piece).collect();
    assert_eq!(pieces.len(), 30 * 4 + 1);
    assert_eq!(pieces[0], Piece { from: at(NOW).on_grid(Span::hours(6)), to: at(NOW) });
    assert!(
        pieces.windows(2).all(|pair| pair[0].from == pair[1].to && pair[1].to.since(pair[1].from) == Span::hours(6))
    );
    let last = pieces[pieces.len() - 1];
    assert!(last.from <= at(NOW - 30 * 24 * HOUR) && at(NOW - 30 * 24 * HOUR) < last.to);
    assert_eq!(task.remaining(), Span::ZERO);
}

#[test]
fn accounts_of_one_question_share_its_pieces_and_others_are_read_apart() {
    let narrow = "bad: 'x{code=\"503\"}', total: 'x{job=\"b\"}'";
    let tasks =
        planned(&[(EVENTS, 0), ("bad: y, total: z", 0), (narrow, 0), ("good: z, bad: w", 0)], &Facts::default());
    assert_eq!(tasks.iter().map(Task::slos).collect::<Vec<_>>(), [2, 2]);
    // One that was opened later reads until it is where the other is.
    let mut task = only(&[(EVENTS, 0), (EVENTS, 9)], &Facts::default());
    let accounts: Vec<Vec<usize>> = (0..3).filter_map(|_| read(&mut task)).map(|(_, accounts)| accounts).collect();
    assert_eq!(accounts, [vec![0], vec![0, 1], vec![0, 1]]);
}

#[test]
fn what_is_too_much_is_asked_in_halves_and_what_is_refused_apart() {
    let mut task = only(&[(EVENTS, 0), (EVENTS, 0)], &Facts::default());
    read(&mut task);
    assert!(task.halve());
    let (piece, _) = read(&mut task).expect("unfinished");
    assert_eq!(piece.to.since(piece.from), Span::hours(3));
    let spans: Vec<Span> =
        (0..5).filter_map(|_| read(&mut task)).map(|(piece, _)| piece.to.since(piece.from)).collect();
    assert_eq!(spans, [3, 3, 3, 3, 3].map(Span::hours));
    (0..2).for_each(|_| _ = read(&mut task));
    let (piece, _) = read(&mut task).expect("unfinished");
    assert_eq!(piece.to.since(piece.from), Span::hours(6), "of the day before");
    assert_eq!((0..10).filter(|_| task.halve()).count(), 5, "no shorter than ten minutes");
    let remaining = task.remaining();
    let apart = task.apart(&Facts::default(), &Pace::DEFAULT);
    assert_eq!(apart.iter().map(Task::slos).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(apart.iter().map(Task::remaining).fold(Span::ZERO, |sum, span| sum + span), remaining);
}

#[test]
fn expressions_are_asked_for_no_more_points_than_are_answered() {
    let mut task = only(&[("value: depth, under: 1, every: 1s", 0)], &Facts::default());
    let (first, _) = read(&mut task).expect("unfinished");
    let (piece, _) = read(&mut task).expect("unfinished");
    assert!(first.to.since(first.from) <= Span::minutes(90));
    assert_eq!(piece.to.since(piece.from), Span::minutes(90));
}

#[test]
fn more_samples_than_can_be_read_are_estimated_by_the_hour() {
    // 20 million samples of 10 000 series, 30 s apart, are 16 hours and 40 minutes.
    let facts = Facts { series: [("x".to_string(), 10_000)].into(), ..Facts::default() };
    let mut task = only(&[(EVENTS, 0)], &facts);
    (0..3).for_each(|_| assert!(asked(&task) == ["x"] && read(&mut task).is_some()));
    assert_eq!(asked(&task), ["sum(increase(x[1h])) and sum(increase(x{code=\"500\"}[1h])) every 1h"]);
    let job = task.job().expect("unfinished");
    let estimates = task.read(&job, &[History { answers: vec![vec![], vec![]], ..History::default() }], at(NOW));
    assert!(estimates[0].1.is_estimated);
    let mut ends = estimates[0].1.steps.iter().map(|step| step.at);
    assert!(ends.all(|at| at == at.on_grid(Span::hours(1))), "a window that begins within an hour begins with that");
    // For two of them, twice as many.
    let mut two = only(&[(EVENTS, 0), (EVENTS, 0)], &facts);
    (0..6).for_each(|_| assert!(asked(&two) == ["x"] && read(&mut two).is_some()));
}

#[test]
fn a_standing_says_that_its_past_is_read_until_it_is_or_nothing_comes_of_it() {
    let mut world = World::with_window("1d");
    world.run(HOUR);
    let now = at(START + HOUR);
    let gaps = world.state.gaps(&world.plan, now);
    assert_eq!(gaps.iter().map(|gap| (gap.from, gap.to)).collect::<Vec<_>>(), [(now - Span::days(1), at(START + 30))]);
    world.state.expect(&gaps, now);
    let codes = |world: &World| world.state.notes_on_the_past().iter().map(|note| note.code).collect::<Vec<_>>();
    assert_eq!((world.standing().is_backfilling, codes(&world)), (true, vec!["backfilling"]));
    world.run(HOUR + 600);
    assert!(!world.standing().is_backfilling);
    assert!(world.state.is_stuck(&gaps, now + PATIENCE));

    // Something came, and then all of it.
    let mut task = tasks(gaps, &Facts::default(), &Pace::DEFAULT).remove(0);
    let mut join = |world: &mut World, pieces: usize| {
        for _ in 0..pieces {
            let Some(job) = task.job() else { return };
            let read = task.read(&job, &[History { answers: vec![vec![]], ..History::default() }], now);
            let entry = world.state.join_past(read, at(START + world.now));
            world.kept.join(entry);
        }
    };
    join(&mut world, 1);
    world.run(HOUR + 630);
    assert!(world.standing().is_backfilling);
    join(&mut world, 9);
    world.run(HOUR + 660);
    assert_eq!((world.standing().is_backfilling, world.state.gaps(&world.plan, now).len()), (false, 0));
    assert_eq!(codes(&world), [] as [&str; 0]);
    assert!(world.kept.ledger.pasts.len() >= 2);

    world.plan.pace.is_scraping = true;
    let longer = World::with_window("30d");
    world.plan.slos = longer.plan.slos;
    assert_eq!(world.state.gaps(&world.plan, now), [], "nothing is there of before a daemon that scrapes");
    world.plan.pace.is_scraping = false;
    assert_eq!(world.state.gaps(&world.plan, now).len(), 1, "a longer window");
}
