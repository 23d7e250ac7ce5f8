//! Which of an SLO's thresholds its budget has passed, each told once: a threshold is passed again only after the budget
//! was 1 % of itself below it. Never knows when anything happened, nor who is told.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::alerts::News;
use crate::budget;
use crate::units::{Objective, Ratio, Tally, Window};

/// Less of the window measured than this, and a budget is said to be partial.
pub const PARTIAL: f64 = 0.9;

/// So much of the budget has to be won back before a threshold counts as not passed.
const HYSTERESIS: f64 = 0.01;

/// What is spent of a budget, and what that is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spent {
    pub window: Window,
    pub objective: Objective,
    /// What the window holds.
    pub tally: Tally,
    /// The share of the window that was measured.
    pub coverage: Ratio,
    /// What the window held that ended a day earlier; `None` where that is not known.
    pub a_day_ago: Option<Tally>,
}

/// The highest threshold that was passed, as a share of the budget; 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Passed(f64);

impl Passed {
    pub fn is_nothing(&self) -> bool {
        self.0 == 0.0
    }

    /// What is passed once `spent` is spent, and what there is to tell. Of several thresholds passed at once the highest
    /// is told; nothing is passed upwards while the window holds fewer than `min_events`.
    pub fn step(self, thresholds: &[Ratio], spent: &Spent, min_events: u64) -> (Passed, Option<News>) {
        let consumed = spent.consumed();
        let is_reached = |threshold: f64| consumed >= threshold && spent.tally.total() >= min_events as f64;
        let is_held = |threshold: f64| threshold <= self.0 && consumed > threshold - HYSTERESIS;
        let passed = |threshold: &f64| is_reached(*threshold) || is_held(*threshold);
        let highest = thresholds.iter().map(|threshold| threshold.get()).filter(passed).fold(0.0, f64::max);
        let news = match highest {
            1.0.. if self.0 < 1.0 => Some(News::BudgetExhausted),
            threshold if threshold > self.0 => Some(News::BudgetConsumed { threshold }),
            _ if self.0 >= 1.0 && consumed <= 1.0 - HYSTERESIS => Some(News::BudgetRecovered),
            _ => None,
        };
        (Passed(highest), news)
    }
}

impl Spent {
    /// The share of the budget that is spent. While little of the window was measured, that of the whole window's budget:
    /// the first bad minute of a new SLO exhausts nothing.
    pub fn consumed(&self) -> f64 {
        let consumed = budget::consumed(self.tally, self.objective);
        if self.is_partial() { consumed * self.coverage.get() } else { consumed }
    }

    fn is_partial(&self) -> bool {
        self.coverage.get() < PARTIAL
    }

    fn allowed(&self) -> f64 {
        budget::allowed(self.tally, self.objective)
    }

    /// What was allowed a day ago, where more was and there were no fewer bad events then: only the traffic is another.
    fn allowed_before_it_shrank(&self) -> Option<f64> {
        let before = budget::allowed(self.a_day_ago?, self.objective);
        let is_no_worse = self.a_day_ago?.bad() >= self.tally.bad();
        (is_no_worse && before > self.allowed()).then_some(before)
    }
}

impl fmt::Display for Spent {
    /// `consumed 100.5 % of the 30d budget: 434 bad, 432 allowed of 432 000 events`
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "consumed {} of the {} budget: ", percent(self.consumed()), self.window)?;
        let [bad, total] = [self.tally.bad(), self.tally.total()].map(grouped);
        match self.is_partial() {
            true => write!(f, "{bad} bad of {total} events in the {} that were measured of it", self.coverage)?,
            false => write!(f, "{bad} bad, {} allowed of {total} events", grouped(self.allowed()))?,
        }
        match self.allowed_before_it_shrank() {
            Some(before) => write!(f, "; a day ago {} were allowed: it shrank with the traffic", grouped(before)),
            None => Ok(()),
        }
    }
}

/// With one decimal: `100.5 %`. Never rounded up to a whole budget that is not spent.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let shown = if percent < 100.0 { percent.min(99.9) } else { percent };
    format!("{} %", one_decimal(shown))
}

/// With one decimal at most and its thousands apart: `432 000`.
fn grouped(number: f64) -> String {
    let text = one_decimal(number);
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped + rest
}

fn one_decimal(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_string)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const EVENTS: f64 = 432_000.0;

    fn spent(consumed: f64) -> Spent {
        Spent {
            window: Window::DEFAULT,
            objective: "99.9%".parse().unwrap(),
            tally: Tally::held(EVENTS, EVENTS * 0.001 * consumed),
            coverage: Ratio::ALL,
            a_day_ago: None,
        }
    }

    fn thresholds() -> [Ratio; 3] {
        [0.75, 0.9, 1.0].map(Ratio::held)
    }

    /// What is told while these shares are spent one after the other.
    fn told(consumed: &[f64]) -> Vec<News> {
        let mut passed = Passed::default();
        let mut told = Vec::new();
        for consumed in consumed {
            let (after, news) = passed.step(&thresholds(), &spent(*consumed), 0);
            passed = after;
            told.extend(news);
        }
        told
    }

    const THREE_QUARTERS: News = News::BudgetConsumed { threshold: 0.75 };
    const NINE_TENTHS: News = News::BudgetConsumed { threshold: 0.9 };

    #[test]
    fn each_threshold_is_told_once_and_so_is_recovery() {
        let all = [THREE_QUARTERS, NINE_TENTHS, News::BudgetExhausted, News::BudgetRecovered];
        assert_eq!(told(&[0.7, 0.76, 0.8, 0.91, 0.99, 1.004, 1.2, 0.98, 0.5, 0.1]), all);
    }

    #[test]
    fn a_budget_spent_to_the_event_is_exhausted() {
        assert_eq!(told(&[1.0]), [News::BudgetExhausted]);
        assert_eq!(told(&[431.0 / 432.0]), [NINE_TENTHS]);
    }

    #[test]
    fn of_thresholds_passed_at_once_the_highest_is_told() {
        assert_eq!(told(&[0.1, 1.7]), [News::BudgetExhausted]);
        assert_eq!(told(&[0.1, 0.93]), [NINE_TENTHS]);
    }

    #[test]
    fn a_threshold_is_passed_again_only_after_a_hundredth_was_won_back() {
        assert_eq!(told(&[0.76, 0.741, 0.76]), [THREE_QUARTERS]);
        assert_eq!(told(&[0.76, 0.739, 0.76]), [THREE_QUARTERS, THREE_QUARTERS]);
        assert_eq!(told(&[1.01, 0.991, 1.01]), [News::BudgetExhausted]);
        let again = [News::BudgetExhausted, News::BudgetRecovered, News::BudgetExhausted];
        assert_eq!(told(&[1.01, 0.989, 1.01]), again);
    }

    #[test]
    fn too_few_events_pass_nothing_and_take_nothing_back() {
        let (none, news) = Passed::default().step(&thresholds(), &spent(2.0), 432_001);
        assert_eq!((none, news), (Passed::default(), None));
        assert_eq!(Passed(1.0).step(&thresholds(), &spent(2.0), 432_001), (Passed(1.0), None));
    }

    #[test]
    fn a_window_measured_in_part_counts_for_its_part() {
        let young = Spent { coverage: Ratio::held(0.01), ..spent(20.0) };
        assert_eq!(Passed::default().step(&thresholds(), &young, 0).1, None);
        let text = "consumed 20 % of the 30d budget: 8 640 bad of 432 000 events in the 1 % that were measured of it";
        assert_eq!(young.to_string(), text);
    }

    #[test]
    fn thresholds_that_are_declared_no_more_are_forgotten_in_silence() {
        assert_eq!(Passed(1.0).step(&[Ratio::held(0.5)], &spent(1.5), 0), (Passed(0.5), None));
        assert_eq!(Passed(0.9).step(&[], &spent(0.95), 0), (Passed(0.0), None));
    }

    #[test]
    fn says_what_the_budget_is_made_of_and_when_it_shrank() {
        let spent = Spent { tally: Tally::held(EVENTS, 434.0), ..spent(0.0) };
        let text = "consumed 100.5 % of the 30d budget: 434 bad, 432 allowed of 432 000 events";
        assert_eq!(spent.to_string(), text);
        let shrunk = Spent { a_day_ago: Some(Tally::held(1_234_567.0, 434.0)), ..spent };
        assert_eq!(shrunk.to_string(), format!("{text}; a day ago 1 234.6 were allowed: it shrank with the traffic"));
        let grown = Spent { a_day_ago: Some(Tally::held(1_234_567.0, 433.0)), ..spent };
        assert_eq!(grown.to_string(), text);
        assert_eq!(percent(0.999_99), "99.9 %");
    }

    proptest! {
        #[test]
        fn jitter_around_a_line_is_told_once(
            line in prop::sample::select(vec![0.75, 0.9, 1.0]),
            jitter in prop::collection::vec(-0.0049..0.0049, 1..200),
        ) {
            let around: Vec<f64> = jitter.iter().map(|jitter| line + jitter).collect();
            let before = around.iter().filter(|consumed| **consumed >= line).count();
            let told = told(&around);
            let of_line = |news: &&News| match news {
                News::BudgetConsumed { threshold } => *threshold == line,
                News::BudgetExhausted => line == 1.0,
                _ => false,
            };
            prop_assert_eq!(told.iter().filter(of_line).count(), before.min(1));
            prop_assert!(!told.contains(&News::BudgetRecovered));
        }

        #[test]
        fn a_restart_between_any_two_ticks_tells_the_same(shares in prop::collection::vec(0.0..1.5, 1..60)) {
            let mut passed = Passed::default();
            let mut restarted = Vec::new();
            for share in &shares {
                passed = serde_json::from_str(&serde_json::to_string(&passed).unwrap()).unwrap();
                let (after, news) = passed.step(&thresholds(), &spent(*share), 0);
                passed = after;
                restarted.extend(news);
            }
            prop_assert_eq!(restarted, told(&shares));
        }

        #[test]
        fn recovery_follows_exhaustion_and_nothing_else(shares in prop::collection::vec(0.0..1.5, 1..200)) {
            let told = told(&shares);
            let mut ends = told.iter().filter(|news| matches!(news, News::BudgetExhausted | News::BudgetRecovered));
            prop_assert!(ends.by_ref().enumerate().all(|(index, news)| (*news == News::BudgetRecovered) == (index % 2 == 1)));
        }
    }
}
