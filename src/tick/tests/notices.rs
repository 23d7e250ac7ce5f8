//! What is told of budgets and silences on the invented clock: each thing once, whatever happens to the daemon.

use crate::alerts::{Kind, News};
use crate::tick::tests::{DAY, HOUR, START, World};
use crate::tick::{KeptState, State};
use crate::units::{Span, Timestamp};

/// The budget of a day is 86.4 s of outage: these spend 76 %, then 91 %, then 102 % of it.
const STEPS: [(i64, i64); 3] =
    [(2 * DAY, 2 * DAY + 66), (2 * DAY + HOUR, 2 * DAY + HOUR + 13), (2 * DAY + 2 * HOUR, 2 * DAY + 2 * HOUR + 9)];

impl World {
    fn spending() -> World {
        let mut world = World::with_window("1d");
        world.outages = STEPS.to_vec();
        world
    }

    /// What was told of the budget and of silence: hours since the second day, and the kind.
    fn news(&self) -> Vec<(i64, &'static str)> {
        let notices = self.notices.iter().filter(|(_, notice)| notice.news.kind() != Kind::Burn);
        notices.map(|(at, notice)| ((at - 2 * DAY) / HOUR, notice.news.kind().name())).collect()
    }

    /// As after a `kill -9`: what was kept, and nothing else.
    fn restart(&mut self) {
        let verdicts = self.kept.verdicts.clone().into_iter().collect();
        let (restored, problems) = State::restored(KeptState { verdicts, ..KeptState::default() });
        assert_eq!(problems, []);
        self.state.alerts = restored.alerts;
    }
}

const TOLD: [(i64, &str); 4] =
    [(0, "budget_consumed"), (1, "budget_consumed"), (2, "budget_exhausted"), (24, "budget_recovered")];

#[test]
fn every_threshold_on_the_way_is_told_once_and_so_is_recovery() {
    let mut world = World::spending();
    world.run(4 * DAY);
    assert_eq!(world.news(), TOLD);
    let thresholds = world.notices.iter().filter_map(|(_, notice)| match notice.news {
        News::BudgetConsumed { threshold } => Some(threshold),
        _ => None,
    });
    assert_eq!(thresholds.collect::<Vec<_>>(), [0.75, 0.9]);
}

#[test]
fn a_restart_at_any_time_repeats_nothing() {
    let mut world = World::spending();
    for half_hour in 1..=(8 * 24) {
        world.run(half_hour * HOUR / 2);
        world.restart();
    }
    assert_eq!(world.news(), TOLD);
}

#[test]
fn a_catch_up_that_crosses_three_thresholds_tells_the_highest() {
    let mut world = World::spending();
    world.run(2 * DAY - HOUR);
    world.source_down = vec![(2 * DAY - HOUR, 2 * DAY + 3 * HOUR)];
    world.run(2 * DAY + 4 * HOUR);
    let budget: Vec<_> = world.news().into_iter().filter(|(_, kind)| *kind != "no_data").collect();
    assert_eq!(budget, [(3, "budget_exhausted")]);
}

#[test]
fn thresholds_wait_while_the_past_is_read() {
    let mut world = World::with_window("1d");
    world.outages = vec![(60, 360)];
    world.run(90);
    let now = Timestamp::seconds(START + 90);
    world.state.expect(&world.state.gaps(&world.plan, now), now);
    world.run(540);
    assert_eq!(world.news(), []);
    // Nothing comes of it for ten minutes.
    world.run(1_200);
    let kinds: Vec<&str> = world.news().into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, ["budget_exhausted"]);
}

#[test]
fn a_notice_says_why_and_shows_the_burn_down() {
    let mut world = World::spending();
    world.run(2 * DAY + 3 * HOUR);
    let (at, notice) = world.notices.iter().find(|(_, notice)| notice.news == News::BudgetExhausted).unwrap();
    let because = "consumed 101.8 % of the 1d budget: 8 800 bad, 8 643 allowed of 8 643 000 events";
    assert_eq!(notice.because, because);
    assert_eq!(notice.at, Timestamp::seconds(START + at));
    assert_eq!((notice.figures.bad, notice.figures.total), (Some(8_800.0), Some(8_643_000.0)));
    let left = &notice.figures.burn_down;
    assert_eq!(left.len(), 30);
    assert_eq!(left[29], notice.figures.remaining);
    // The first outage began two hours before, a twelfth of the window: the cells before it are full.
    assert_eq!(left[26], Some(1.0));
    assert!(left[28] < Some(0.3) && left[29] < Some(0.0), "{left:?}");
}

#[test]
fn the_first_bad_minute_of_a_new_slo_exhausts_nothing() {
    let mut world = World::with_window("1d");
    world.outages = vec![(HOUR, HOUR + 30)];
    world.run(2 * HOUR);
    assert!(world.standing().is_exhausted());
    assert_eq!(world.news(), []);
}

#[test]
fn silence_is_told_once_and_again_only_after_something_was_heard() {
    let mut world = World::with_window("1d");
    world.silences = vec![(2 * DAY, 2 * DAY + HOUR), (2 * DAY + 3 * HOUR, 2 * DAY + 40 * HOUR)];
    world.run(2 * DAY + 5 * HOUR);
    assert_eq!(world.news(), [(0, "no_data"), (3, "no_data")]);
    let (at, _) = world.notices[0];
    // Five minutes until a silent service is unmeasured, and five until that is told.
    assert!((2 * DAY + 600..=2 * DAY + 660).contains(&at), "{at}");
}

#[test]
fn a_daemon_that_was_away_catches_up_before_it_speaks_of_silence() {
    let mut world = World::with_window("1d");
    world.run(2 * DAY);
    // Nobody ticks for ten hours, and the service was there all the time.
    world.now += 10 * HOUR;
    world.run(2 * DAY + 12 * HOUR);
    assert_eq!(world.news(), []);
}

#[test]
fn nothing_is_silent_that_was_never_heard() {
    let mut world = World::with_window("1d");
    world.silences = vec![(0, 10 * DAY)];
    world.run(HOUR);
    assert_eq!(world.news(), []);
    assert!(
        world.state.alerts.values().all(|alerts| alerts.is_silent(Span::minutes(5), Timestamp::seconds(START + HOUR)))
    );
}
