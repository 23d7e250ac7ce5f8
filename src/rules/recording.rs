//! What is recorded of one SLO, in three groups: what pages wait for, what tickets wait for, and the SLO's window.
//!
//! Longer burns are sums of recorded rates of bad events over sums of recorded rates of events, never means of ratios:
//! they are weighted by traffic, and a span without traffic cannot poison them.

use crate::promql::names;
use crate::rules::reading::{rates, recorded};
use crate::rules::timing::Timing;
use crate::rules::{Rule, Terms};
use crate::slos::Slo;
use crate::units::{Labels, Span};

/// The recordings of one SLO.
pub struct Recordings<'a> {
    slo: &'a Slo,
    timing: &'a Timing,
}

impl<'a> Recordings<'a> {
    pub fn of(slo: &'a Slo, timing: &'a Timing) -> Recordings<'a> {
        Recordings { slo, timing }
    }

    /// The rates that all else is made of, and the burns that pages wait for; `None` where Prometheus cannot read them.
    pub fn fast(&self, terms: &Terms) -> Option<Vec<Rule>> {
        let mut rules = Vec::new();
        for over in self.timing.rates() {
            let [events, bad] = rates(self.slo, self.timing, over, terms)?;
            rules.push(self.rule(names::recorded_events_rate(over), events));
            rules.push(self.rule(names::recorded_bad_events_rate(over), bad));
        }
        rules.extend(self.burns(true));
        Some(rules)
    }

    /// The other burns.
    pub fn slow(&self) -> Vec<Rule> {
        self.burns(false).collect()
    }

    /// What is left of the budget, from tiles: events of an hour each, where the window is 30 d.
    pub fn window(&self) -> Vec<Rule> {
        let (window, tile, slow) = (self.slo.window.span(), self.timing.tile, self.timing.slow);
        let count = |rate: String| format!("{} * sum_over_time({rate}[{tile}:{slow}])", slow.as_seconds());
        let (events, bad) = (names::recorded_events_count(tile), names::recorded_bad_events_count(tile));
        let tiles = |name: &str| format!("sum_over_time({}[{window}:{tile}])", self.series(name));
        let (burn, counted) = (self.series(&names::recorded_burn_rate(window)), self.series(&events));
        let whole = window.as_seconds() / tile.as_seconds();
        vec![
            self.rule(events.clone(), count(self.series(&names::recorded_events_rate(self.timing.base)))),
            self.rule(bad.clone(), count(self.series(&names::recorded_bad_events_rate(self.timing.base)))),
            self.rule(names::recorded_burn_rate(window), self.burn(&tiles(&bad), &tiles(&events))),
            self.rule(names::RECORDED_BUDGET_REMAINING.into(), format!("1 - {burn}\nor 1 + 0 * {counted}")),
            self.rule(
                names::RECORDED_COVERAGE.into(),
                format!("clamp_max(count_over_time({counted}[{window}:{tile}]) / {whole}, 1)"),
            ),
        ]
    }

    fn burns(&self, urgent: bool) -> impl Iterator<Item = Rule> {
        let wanted = self.timing.burns().into_iter().filter(move |over| self.timing.is_urgent(*over) == urgent);
        wanted.map(|over| self.rule(names::recorded_burn_rate(over), self.burn_over(over)))
    }

    fn burn_over(&self, over: Span) -> String {
        let Timing { base, slow, .. } = self.timing;
        let rate = |over: Span| {
            [names::recorded_bad_events_rate(over), names::recorded_events_rate(over)].map(|name| self.series(&name))
        };
        let [bad, events] = rate(if self.timing.rates().contains(&over) { over } else { *base });
        if self.timing.rates().contains(&over) {
            self.burn(&bad, &events)
        } else if self.timing.is_long(over) {
            // The number of samples that there would be, times their mean: a short history is not a long window.
            let nominal = over.as_seconds() / slow.as_seconds();
            let mean = format!("{nominal} * avg_over_time({events}[{over}:{slow}])");
            self.burn(&format!("sum_over_time({bad}[{over}:{slow}])"), &mean)
        } else {
            let step = if self.timing.is_urgent(over) { String::new() } else { format!(":{slow}") };
            self.burn(&format!("sum_over_time({bad}[{over}{step}])"), &format!("sum_over_time({events}[{over}{step}])"))
        }
    }

    /// How many times faster than allowed; nothing without events.
    fn burn(&self, bad: &str, events: &str) -> String {
        format!("{bad}\n/ ({events} > 0) / {}", self.slo.objective.allowed())
    }

    fn series(&self, name: &str) -> String {
        recorded(name, &self.slo.id).to_string()
    }

    fn rule(&self, record: String, expr: String) -> Rule {
        let id = &self.slo.id;
        Rule::Recording { record, expr, labels: Labels::new([("service", &*id.service), ("slo", &*id.slo)]) }
    }
}
