//! What is kept at what age: dense where short windows end, sparse where only long ones do.

use crate::units::{Span, Timestamp};

/// How long and how densely rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Density {
    /// The distance of two ticks.
    pub every: Span,
    /// The longest window of any SLO.
    pub longest: Span,
    /// How long anything is kept at all.
    pub keep: Span,
}

impl Density {
    /// The distance of the grid points for which rows of this age are kept; `None` for what is too old to keep.
    pub fn step(&self, age: Span) -> Option<Span> {
        let hourly_until = (self.longest + Span::days(1)).max(Span::days(40));
        let keep = self.keep.max(self.longest + Span::days(2));
        let tiers = [
            (Span::minutes(15), self.every),
            (Span::hours(3), Span::minutes(1)),
            (Span::hours(25), Span::minutes(5)),
            (Span::days(4), Span::minutes(30)),
            (hourly_until, Span::hours(1)),
            (keep, Span::days(1)),
        ];
        tiers.into_iter().find(|(until, _)| age <= *until).map(|(_, step)| step.max(self.every))
    }

    /// The instants after `from` up to `to` that are kept, seen from `now`; `to` is always one of them.
    pub fn instants(&self, from: Timestamp, to: Timestamp, now: Timestamp) -> Vec<Timestamp> {
        let mut instants = Vec::new();
        let mut last = from;
        while last < to {
            let step = self.step(now.since(last + self.every)).unwrap_or(Span::days(1));
            last = (last.on_grid(step) + step).min(to);
            instants.push(last);
        }
        instants
    }

    /// Which of `rows` (ascending) go: the row kept for a grid point is the last one at or before it. The newest row
    /// always stays.
    pub fn thinned(&self, rows: impl DoubleEndedIterator<Item = Timestamp>, now: Timestamp) -> Vec<Timestamp> {
        let mut gone = Vec::new();
        let mut next: Option<Timestamp> = None;
        for row in rows.rev() {
            let Some(following) = next else {
                next = Some(row);
                continue;
            };
            let keeps = self.step(now.since(row)).is_some_and(|step| {
                let grid_point = (following - Span::millis(1)).on_grid(step);
                row <= grid_point
            });
            if keeps {
                next = Some(row);
            } else {
                gone.push(row);
            }
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENSITY: Density = Density { every: Span::seconds(30), longest: Span::days(30), keep: Span::days(400) };

    fn rows_after(ticks: i64) -> Vec<Timestamp> {
        let mut rows: Vec<Timestamp> = Vec::new();
        for tick in 0..=ticks {
            let now = Timestamp::seconds(tick * 30);
            rows.push(now);
            let gone = DENSITY.thinned(rows.iter().copied(), now);
            rows.retain(|row| !gone.contains(row));
        }
        rows
    }

    #[test]
    fn keeps_every_tick_for_15_minutes_then_minutes_then_five_minutes() {
        let rows = rows_after(4 * 120);
        let now = Timestamp::seconds(4 * 3600);
        let between = |from: i64, to: i64| {
            let age =
                |row: &&Timestamp| now.since(**row) >= Span::minutes(from) && now.since(**row) < Span::minutes(to);
            rows.iter().filter(age).count()
        };
        assert_eq!(between(0, 15), 30);
        assert_eq!(between(15, 180), 165);
        assert_eq!(between(180, 240), 12);
    }

    #[test]
    fn keeps_about_1800_rows_for_a_year() {
        let mut rows = Vec::new();
        let now = Timestamp::seconds(400 * 86_400);
        let mut at = Timestamp::seconds(0);
        while at < now {
            let step = DENSITY.step(now.since(at)).unwrap_or(Span::days(1));
            at = (at.on_grid(step) + step).min(now);
            rows.push(at);
        }
        assert!((1_500..2_000).contains(&rows.len()), "{}", rows.len());
        assert_eq!(DENSITY.thinned(rows.into_iter(), now), []);
    }

    #[test]
    fn drops_what_is_older_than_keep() {
        let now = Timestamp::seconds(500 * 86_400);
        let rows = [Timestamp::seconds(0), Timestamp::seconds(200 * 86_400), now];
        assert_eq!(DENSITY.thinned(rows.into_iter(), now), [rows[0]]);
    }

    #[test]
    fn keeps_the_last_row_before_a_grid_point_where_the_point_itself_is_missing() {
        let now = Timestamp::seconds(3600);
        let rows = [0, 30, 90, 150, 3600].map(Timestamp::seconds);
        // 0 serves the minute 0, 30 serves the minute 60, 90 the minute 120, 150 all later ones
        assert_eq!(DENSITY.thinned(rows.into_iter(), now), []);
        let rows = [0, 30, 60, 3600].map(Timestamp::seconds);
        assert_eq!(DENSITY.thinned(rows.into_iter(), now), [Timestamp::seconds(30)]);
    }

    #[test]
    fn instants_of_a_catch_up_are_those_that_thinning_keeps() {
        let now = Timestamp::seconds(6 * 3600);
        let instants = DENSITY.instants(Timestamp::seconds(0), now, now);
        assert_eq!(instants.last(), Some(&now));
        assert_eq!(DENSITY.thinned(instants.iter().copied(), now), []);
        assert_eq!(instants[0], Timestamp::seconds(300));
        assert_eq!(DENSITY.instants(now, now, now), []);
    }
}
