//! Expressions on the invented clock: when they are asked, and for how long an answer is good.

use crate::plan::{Sample, Series};
use crate::tick::tests::{HOUR, START, World, within};
use crate::tick::{Over, Piece, Word, asks};
use crate::units::{Labels, Span, Timestamp};

impl World {
    fn jobs(every: &str) -> World {
        let sli = "bad: 'sum(increase(failed_total[$window]))', total: 'sum(increase(jobs_total[$window]))'";
        World::of(&format!(
            "service: shop\nslos:\n  - {{ name: jobs, objective: 99%, sli: {{ {sli}, every: {every} }} }}\n"
        ))
    }

    /// The total and the bad ones of each slice; a slice that ends in a silence has neither.
    pub fn points(&self, from: Timestamp, to: Timestamp, every: Span) -> Vec<Vec<Series>> {
        let ends = std::iter::successors(Some(from), |at| Some(*at + every)).take_while(|at| *at <= to);
        let second = |at: Timestamp| at.as_millis() / 1_000 - START;
        let ends: Vec<Timestamp> = ends.filter(|at| !within(&self.silences, second(*at))).collect();
        let gained = |at: Timestamp| {
            let (now, before) = (self.counters(second(at)), self.counters(second(at - every)));
            (now.0 - before.0, now.1 - before.1)
        };
        let side = |value: &dyn Fn(Timestamp) -> f64| {
            let samples = ends.iter().map(|at| Sample { at: *at, value: value(*at) }).collect();
            vec![Series::new(Labels::default(), samples)]
        };
        vec![side(&|at| gained(at).0), side(&|at| gained(at).1)]
    }

    fn counted(&self) -> Option<(f64, f64)> {
        self.standing().since_opened.map(|tally| (tally.total(), tally.bad()))
    }
}

/// The grid points that a piece tells the values of.
pub fn answered(piece: &Piece) -> Vec<i64> {
    let series = piece.answer.iter().filter_map(|answers| answers.get(1)?.first());
    series.flat_map(|series| &series.samples).map(|sample| sample.at.as_millis() / 1_000 - START).collect()
}

#[test]
fn a_query_is_not_asked_before_its_next_grid_point_and_goes_on_all_the_same() {
    let mut world = World::jobs("5m");
    world.run(270);
    assert_eq!(world.points, [] as [i64; 0]);
    assert_eq!(world.state.ledger.watermark(0), Some(Timestamp::seconds(START + 270)));
    let over = |now: i64| asks(&world.state, &world.plan, Timestamp::seconds(START + now))[0].over;
    let point = |second: i64| Timestamp::seconds(START + second);
    assert_eq!(over(299), Over::Nothing);
    assert_eq!(over(300), Over::Points { from: point(300), to: point(300), every: Span::minutes(5) });
    assert_eq!(over(330), Over::Points { from: point(300), to: point(300), every: Span::minutes(5) });
    world.run(300);
    assert_eq!(world.points, [300]);
    assert_eq!(world.counted(), Some((30_000.0, 0.0)));
}

#[test]
fn grid_points_that_came_while_the_source_was_down_are_asked_afterwards_each_once_and_in_order() {
    let mut world = World::jobs("5m");
    world.outages = vec![(700, 730)];
    world.source_down = vec![(590, 2_500)];
    world.run(2_490);
    assert_eq!(world.points, [300]);
    assert_eq!(world.standing().state, Word::NoData);
    world.run(3_000);
    assert_eq!(world.points, (1..=10).map(|slice| 300 * slice).collect::<Vec<_>>());
    assert_eq!(world.counted(), Some((300_000.0, 3_000.0)));
    let counted = world.standing().counted.expect("counted");
    assert_eq!(counted.measured, Span::seconds(2_700), "all but the time before the first grid point");
}

#[test]
fn an_hourly_value_is_good_for_an_hour_and_missed_after_two_more() {
    // The full hours are 2 700 s, 6 300 s, 9 900 s after the start.
    let mut world = World::jobs("1h");
    world.silences = vec![(6_301, 100_000)];
    world.run(2_670);
    assert_eq!(world.standing().state, Word::NoData);
    world.run(2_700);
    assert_eq!(world.standing().state, Word::Ok);
    world.run(6_300 + 3 * HOUR - 30);
    assert_eq!(world.standing().state, Word::NoTraffic);
    assert_eq!(world.standing().counted.map(|counted| counted.measured), Some(Span::hours(2)));
    world.run(6_300 + 3 * HOUR);
    assert_eq!(world.standing().state, Word::NoData);
}
