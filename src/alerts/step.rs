//! One tick of an SLO's alerts: how they stood and what burns now make how they stand and what is told.
//! Never knows which windows matter: the rows it is given say so.

use serde::{Deserialize, Serialize};

use crate::alerts::{Alert, Alerts, Because, Exceeded};
use crate::budget::{Row, Severity};
use crate::slos::{Alerting, Tone};
use crate::units::{BurnRate, Span, Timestamp};

/// An alert about which nothing could be measured for so long says nothing any more.
const LONGEST_HOLD: Span = Span::hours(24);

/// What burns over the windows of one row; `None` where it is not known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burning {
    pub row: Row,
    pub long: Option<BurnRate>,
    pub short: Option<BurnRate>,
    /// All events that the long window holds.
    pub long_events: f64,
}

/// Something to tell about an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub severity: Severity,
    pub what: What,
    /// When the alert began, for one that ended too.
    pub since: Timestamp,
    /// Why it is open, or last was.
    pub because: Because,
}

/// What became of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    Opened,
    Resolved,
    /// Given up, for nothing was measured for 24 h: nobody knows whether it still burns.
    Released,
}

impl What {
    pub fn name(self) -> &'static str {
        match self {
            What::Opened => "opened",
            What::Resolved => "resolved",
            What::Released => "released",
        }
    }
}

/// The alerts after this tick and what there is to tell. `burning` holds every row of the SLO's table, in its order;
/// `measured` is whether the tick's span was.
pub fn step(
    before: &Alerts,
    alerting: &Alerting,
    burning: &[Burning],
    measured: bool,
    now: Timestamp,
) -> (Alerts, Vec<Change>) {
    let held_since = (!measured).then(|| before.held_since.unwrap_or(now));
    let given_up = held_since.is_some_and(|since| now.since(since) >= LONGEST_HOLD);
    let verdict = |severity| match alerting.tone(severity) {
        Tone::Off => None,
        Tone::On { .. } if measured => judged(before.of(severity), severity, alerting.min_events, burning, now),
        Tone::On { .. } if given_up => None,
        Tone::On { .. } => before.of(severity).cloned(),
    };
    let page = verdict(Severity::Page);
    let suppressed = page.is_some() && before.active(Severity::Ticket).is_none();
    let ticket = verdict(Severity::Ticket).map(|ticket| Alert { suppressed, ..ticket });
    let after = Alerts { page, ticket, held_since, passed: before.passed, silent: before.silent };
    let ended = if given_up { What::Released } else { What::Resolved };
    let changes = Severity::ALL.into_iter().filter_map(|severity| change(before, &after, severity, ended)).collect();
    (after, changes)
}

/// The alert of `severity` as its rows make it: open while one of them is. An open row that the table no longer has is
/// gone: what burns is judged by the rows that took its place.
fn judged(
    before: Option<&Alert>,
    severity: Severity,
    min_events: u64,
    burning: &[Burning],
    now: Timestamp,
) -> Option<Alert> {
    let last = burning.len().saturating_sub(1);
    let open = burning.iter().enumerate().filter(|(_, its)| its.row.severity == severity).filter_map(|(index, its)| {
        let min_events = if index == last { 0 } else { min_events };
        its.exceeded(before.and_then(|alert| alert.because.of(&its.row)), min_events)
    });
    let because = Because(open.collect());
    let since = before.map_or(now, |alert| alert.since);
    (!because.0.is_empty()).then_some(Alert { since, because, suppressed: false })
}

impl Burning {
    /// The row if it is open now: opened by these burns, or `before` and not cooled since.
    fn exceeded(&self, before: Option<&Exceeded>, min_events: u64) -> Option<Exceeded> {
        let row = self.row;
        let is_above = |burn: &BurnRate| *burn > row.burn;
        match before {
            Some(open) => self.short.is_none_or(|short| is_above(&short)).then_some(*open),
            None if self.long_events < min_events as f64 => None,
            None => Some(Exceeded { row, long: self.long.filter(is_above)?, short: self.short.filter(is_above)? }),
        }
    }
}

/// What there is to tell of one alert: only that it became active, or no longer is.
fn change(before: &Alerts, after: &Alerts, severity: Severity, ended: What) -> Option<Change> {
    let (what, alert) = match (before.active(severity), after.active(severity)) {
        (None, Some(opened)) => (What::Opened, opened),
        (Some(closed), None) => (ended, closed),
        (None, None) | (Some(_), Some(_)) => return None,
    };
    Some(Change { severity, what, since: alert.since, because: alert.because.clone() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::alerts::State;
    use crate::budget::{self, Rows};
    use crate::units::{Objective, Ratio, Tally, Window};

    /// A stretch of an invented history, 1000 events a second where there is traffic.
    #[derive(Clone, Copy)]
    struct Part {
        seconds: usize,
        events: f64,
        bad: f64,
        measured: f64,
    }

    fn burning(burn: f64, seconds: usize) -> Part {
        Part { seconds, events: 1000.0, bad: burn, measured: 1.0 }
    }

    fn healthy(seconds: usize) -> Part {
        burning(0.0, seconds)
    }

    fn outage(seconds: usize) -> Part {
        burning(1000.0, seconds)
    }

    fn silence(seconds: usize) -> Part {
        Part { seconds, events: 0.0, bad: 0.0, measured: 1.0 }
    }

    fn unmeasured(seconds: usize) -> Part {
        Part { seconds, events: 0.0, bad: 0.0, measured: 0.0 }
    }

    /// Running totals by second (events, bad, measured), so that every window is exact.
    struct History(Vec<[f64; 3]>);

    /// The window of the longest row; every history begins with so many healthy seconds.
    const BEFORE: usize = 3 * 86_400;

    impl History {
        fn of(parts: &[Part]) -> History {
            let mut totals = vec![[0.0; 3]];
            for part in [healthy(BEFORE)].iter().chain(parts) {
                for _ in 0..part.seconds {
                    let [events, bad, measured] = totals[totals.len() - 1];
                    totals.push([events + part.events, bad + part.bad, measured + part.measured]);
                }
            }
            History(totals)
        }

        fn over(&self, at: usize, span: Span) -> [f64; 3] {
            let from = at - span.as_seconds() as usize;
            [0, 1, 2].map(|side| self.0[at][side] - self.0[from][side])
        }

        fn burn(&self, at: usize, span: Span) -> Option<BurnRate> {
            let [events, bad, measured] = self.over(at, span);
            budget::known_burn(Tally::held(events, bad), objective(), span, Ratio::held(measured / span.as_seconds()))
        }
    }

    fn objective() -> Objective {
        "99.9%".parse().unwrap()
    }

    fn table() -> Rows {
        budget::rows(Window::DEFAULT, objective(), Span::minutes(5))
    }

    /// The alerts at the end of `parts`, ticking every so many seconds, and all that was told on the way; seconds count
    /// from the first part.
    fn watch(parts: &[Part], every: usize, alerting: &Alerting) -> (Alerts, Vec<String>) {
        let history = History::of(parts);
        let (mut alerts, mut told) = (Alerts::default(), Vec::new());
        for at in (BEFORE..history.0.len()).step_by(every) {
            let rows: Vec<Burning> = table()
                .rows
                .into_iter()
                .map(|row| Burning {
                    row,
                    long: history.burn(at, row.long),
                    short: history.burn(at, row.short),
                    long_events: history.over(at, row.long)[0],
                })
                .collect();
            let measured = history.over(at, Span::seconds(1))[2] > 0.0;
            let now = Timestamp::seconds((at - BEFORE) as i64);
            let (after, changes) = step(&alerts, alerting, &rows, measured, now);
            alerts = after;
            told.extend(changes.iter().map(|c| format!("{}s {} {}", at - BEFORE, c.severity, c.what.name())));
        }
        (alerts, told)
    }

    fn check(parts: &[Part], every: usize, expected: &[&str]) {
        assert_eq!(watch(parts, every, &Alerting::default()).1, expected);
    }

    fn check_states(parts: &[Part], expected: &[(Severity, State)]) {
        let (alerts, _) = watch(parts, 30, &Alerting::default());
        assert_eq!(alerts.open().map(|(severity, state, _)| (severity, state)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn stays_quiet_while_all_is_well_and_without_traffic() {
        check(&[healthy(3600), silence(7200), healthy(3600)], 30, &[]);
    }

    #[test]
    fn a_total_outage_pages_at_the_first_tick_after_51_84_s() {
        check(&[outage(51)], 1, &[]);
        check(&[outage(60)], 1, &["52s page opened"]);
        check(&[outage(60)], 30, &["60s page opened"]);
    }

    #[test]
    fn a_page_for_a_short_outage_closes_4_min_56_s_after_its_end() {
        check(&[outage(128), healthy(3600)], 1, &["52s page opened", "424s page resolved"]);
        check(&[outage(120), healthy(3600)], 30, &["60s page opened", "420s page resolved"]);
    }

    #[test]
    fn a_page_for_a_longer_outage_closes_29_min_50_s_after_its_end() {
        check(&[outage(130), healthy(3600)], 1, &["52s page opened", "1920s page resolved"]);
        check(&[outage(150), healthy(3600)], 30, &["60s page opened", "1950s page resolved"]);
    }

    #[test]
    fn a_slow_burn_is_a_ticket_only() {
        // 2.3 over 3 d is above 1 after 259 200 s / 2.3; at its end the burn over 6 h is at 1 after 12 209 s.
        check(&[burning(2.3, 120_000), healthy(20_000)], 30, &["112710s ticket opened", "132210s ticket resolved"]);
    }

    #[test]
    fn a_burn_of_one_is_told_to_nobody() {
        check(&[burning(1.0, 4 * 86_400)], 300, &[]);
    }

    #[test]
    fn a_ticket_waits_until_its_page_ends() {
        // Tickets open after 259.2 s; the page closes 1789.2 s and the ticket 21 578.4 s after the outage.
        check(
            &[outage(300), healthy(22_000)],
            1,
            &["52s page opened", "2090s page resolved", "2090s ticket opened", "21879s ticket resolved"],
        );
        check_states(&[outage(240)], &[(Severity::Page, State::Firing)]);
        check_states(&[outage(270)], &[(Severity::Page, State::Firing), (Severity::Ticket, State::Suppressed)]);
    }

    #[test]
    fn a_ticket_that_waited_tells_since_when_it_burns() {
        let (alerts, _) = watch(&[outage(300), healthy(3600)], 1, &Alerting::default());
        let ticket = alerts.active(Severity::Ticket).unwrap();
        assert_eq!(ticket.since, Timestamp::seconds(260));
    }

    #[test]
    fn an_open_ticket_stays_open_when_a_page_opens() {
        check(
            &[burning(2.3, 112_800), outage(60), healthy(600)],
            30,
            &["112710s ticket opened", "112860s page opened", "113160s page resolved"],
        );
    }

    #[test]
    fn a_severity_that_is_off_is_never_open_and_suppresses_nothing() {
        let no_page = Alerting { page: Tone::Off, ..Alerting::default() };
        assert_eq!(watch(&[outage(300)], 1, &no_page).1, ["260s ticket opened"]);
        let no_ticket = Alerting { ticket: Tone::Off, ..Alerting::default() };
        let (alerts, told) = watch(&[outage(300), healthy(3600)], 1, &no_ticket);
        assert_eq!(told, ["52s page opened", "2090s page resolved"]);
        assert_eq!(alerts, Alerts::default());
    }

    #[test]
    fn few_events_open_no_row_but_the_last() {
        // 1000 a second are 3.6 million in 1 h, 21.6 million in 6 h, 259.2 million in 3 d.
        let story = |min_events| watch(&[outage(300)], 1, &Alerting { min_events, ..Alerting::default() }).1;
        assert_eq!(story(3_600_000), ["52s page opened"]);
        assert_eq!(story(3_600_001), ["130s page opened"]);
        assert_eq!(story(1_000_000_000), ["260s ticket opened"]);
    }

    #[test]
    fn few_events_close_nothing() {
        let alerting = Alerting { min_events: 3_600_000, ..Alerting::default() };
        let (_, told) = watch(&[outage(100), silence(100)], 1, &alerting);
        assert_eq!(told, ["52s page opened"]);
    }

    #[test]
    fn is_held_while_nothing_is_measured_and_judged_once_it_is_known_again() {
        check_states(&[outage(60), unmeasured(300)], &[(Severity::Page, State::Held)]);
        check_states(
            &[outage(270), unmeasured(300)],
            &[(Severity::Page, State::Held), (Severity::Ticket, State::Suppressed)],
        );
        // Measured again, but less than half of the last 5 min: still not known, so still open.
        check_states(&[outage(60), unmeasured(300), healthy(120)], &[(Severity::Page, State::Firing)]);
        check(&[outage(60), unmeasured(300), healthy(300)], 30, &["60s page opened", "510s page resolved"]);
    }

    #[test]
    fn opens_nothing_while_nothing_is_measured() {
        let (page, _) = step_of(&Alerts::default(), &[Some((20.0, 20.0))], false, 0);
        assert_eq!(page.of(Severity::Page), None);
    }

    #[test]
    fn is_released_after_24_h_without_a_measurement() {
        let day = 86_400;
        check(&[outage(60), unmeasured(day)], 30, &["60s page opened"]);
        check(&[outage(60), unmeasured(day + 30)], 30, &["60s page opened", "86490s page released"]);
        // The measurement between starts the 24 h anew.
        check(&[outage(60), unmeasured(day / 2), healthy(30), unmeasured(day / 2 + 30)], 30, &["60s page opened"]);
    }

    #[test]
    fn a_ticket_that_was_never_told_ends_untold() {
        check(&[outage(300), unmeasured(90_000)], 30, &["60s page opened", "86730s page released"]);
    }

    /// One step from `before` on burns (long, short) of the table's first rows; what is not given is not known.
    fn step_of(before: &Alerts, burns: &[Option<(f64, f64)>], measured: bool, at: i64) -> (Alerts, Vec<Change>) {
        let burning = |(index, row)| {
            let (long, short) = burns.get(index).copied().flatten().unzip();
            let known = |burn: Option<f64>| burn.and_then(BurnRate::new);
            Burning { row, long: known(long), short: known(short), long_events: 1e9 }
        };
        let burns: Vec<Burning> = table().rows.into_iter().enumerate().map(burning).collect();
        step(before, &Alerting::default(), &burns, measured, Timestamp::seconds(at))
    }

    /// What a page at (long, short) burns of its first row becomes, tick by tick.
    fn check_page(burns: &[(f64, f64)], expected: &[&str]) {
        let mut alerts = Alerts::default();
        let mut told = Vec::new();
        for burn in burns {
            let (after, changes) = step_of(&alerts, &[Some(*burn)], true, 0);
            alerts = after;
            told.push(changes.first().map_or("", |change| change.what.name()));
        }
        assert_eq!(told, expected, "{burns:?}");
    }

    #[test]
    fn opens_above_the_threshold_on_both_windows() {
        check_page(&[(14.4, 20.0), (20.0, 14.4), (14.5, 14.5)], &["", "", "opened"]);
    }

    #[test]
    fn stays_open_on_the_short_window_alone_and_closes_at_the_threshold() {
        check_page(&[(20.0, 20.0), (1.0, 14.5), (20.0, 14.4)], &["opened", "", "resolved"]);
    }

    #[test]
    fn follows_a_burn_that_flaps_around_the_threshold() {
        check_page(
            &[(20.0, 14.5), (20.0, 14.3), (20.0, 14.5), (20.0, 14.3)],
            &["opened", "resolved", "opened", "resolved"],
        );
    }

    #[test]
    fn a_burn_that_is_not_known_neither_opens_nor_closes() {
        let unknown = f64::NAN;
        check_page(&[(20.0, unknown), (unknown, 20.0)], &["", ""]);
        check_page(&[(20.0, 20.0), (20.0, unknown), (unknown, unknown), (unknown, 20.0)], &["opened", "", "", ""]);
    }

    #[test]
    fn is_open_while_one_row_is_and_names_the_rows_that_are() {
        let (one, opened) = step_of(&Alerts::default(), &[Some((15.2, 31.0)), Some((4.0, 25.0))], true, 0);
        assert_eq!(opened[0].because.to_string(), "burning 15.2 over 1h and 31 over 5m, above 14.4");
        let (both, nothing) = step_of(&one, &[Some((16.0, 40.0)), Some((6.5, 25.0))], true, 30);
        assert_eq!(nothing, []);
        assert_eq!(
            both.page.as_ref().unwrap().because.to_string(),
            "burning 15.2 over 1h and 31 over 5m, above 14.4; and 6.5 over 6h and 25 over 30m, above 6"
        );
        let (other, nothing) = step_of(&both, &[Some((16.0, 0.0)), Some((6.5, 25.0))], true, 60);
        assert_eq!(nothing, []);
        let (_, resolved) = step_of(&other, &[Some((16.0, 0.0)), Some((6.5, 0.0))], true, 90);
        assert_eq!(resolved[0].because.to_string(), "burning 6.5 over 6h and 25 over 30m, above 6");
        assert_eq!((resolved[0].what, resolved[0].since), (What::Resolved, Timestamp::seconds(0)));
    }

    #[test]
    fn a_ticket_that_cools_while_it_waits_ends_untold() {
        let hot = Some((20.0, 20.0));
        let (waiting, _) = step_of(&Alerts::default(), &[hot, None, hot], true, 0);
        assert!(waiting.ticket.as_ref().unwrap().suppressed);
        let (after, changes) = step_of(&waiting, &[hot, None, Some((20.0, 0.0))], true, 30);
        assert_eq!((after.ticket, changes), (None, vec![]));
    }

    #[test]
    fn is_closed_at_once_when_alerting_is_turned_off() {
        let (open, _) = watch(&[outage(60)], 30, &Alerting::default());
        let off = Alerting { page: Tone::Off, ..Alerting::default() };
        let (after, changes) = step(&open, &off, &[], false, Timestamp::seconds(90));
        assert_eq!(after.page, None);
        assert_eq!(changes.iter().map(|change| change.what).collect::<Vec<_>>(), [What::Resolved]);
    }

    #[test]
    fn goes_on_under_an_edited_table_while_it_still_burns() {
        let (open, _) = watch(&[outage(60)], 30, &Alerting::default());
        let edited = |window: &str, objective: &str, (long, short)| {
            let (long, short) = (BurnRate::new(long), BurnRate::new(short));
            let rows = budget::rows(window.parse().unwrap(), objective.parse().unwrap(), Span::minutes(5)).rows;
            let burning = rows.into_iter().map(|row| Burning { row, long, short, long_events: 1e9 });
            let (after, changes) =
                step(&open, &Alerting::default(), &burning.collect::<Vec<_>>(), true, Timestamp::seconds(90));
            let told = changes.iter().map(|change| format!("{} {}", change.severity, change.what.name()));
            (after.page.map(|page| page.since), told.collect::<Vec<_>>())
        };
        let since = Some(Timestamp::seconds(60));
        assert_eq!(edited("7d", "99.9%", (15.0, 15.0)), (since, vec![]), "other windows");
        assert_eq!(edited("7d", "99.9%", (0.5, 0.5)), (None, vec!["page resolved".into()]), "other windows, cooled");
        assert_eq!(edited("30d", "80%", (1.0, 4.6)), (since, vec![]), "another threshold");
        let cooled = vec!["page resolved".to_string(), "ticket opened".to_string()];
        assert_eq!(edited("30d", "80%", (4.5, 4.5)), (None, cooled), "another threshold, cooled to a ticket");
    }
}
