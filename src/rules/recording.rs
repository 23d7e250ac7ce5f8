//! What is recorded of one SLO, in three groups: what pages wait for, what tickets wait for, and the SLO's window.
//!
//! Longer burns are sums of recorded rates of bad events over sums of recorded rates of events, never means of ratios:
//! they are weighted by traffic, and a span without traffic cannot poison them.

use crate::promql::names;
use crate::rules::reading::{Recorded, rates};
use crate::rules::timing::Timing;
use crate::rules::{Rule, Terms};
use crate::slos::Slo;
use crate::units::{Labels, Span};

/// The recordings of one SLO.
pub struct Recordings<'a> {
    slo: &'a Slo,
    recorded: &'a Recorded,
    timing: &'a Timing,
    labels: Labels,
    /// The share of events that may be bad.
    allowed: String,
}

impl<'a> Recordings<'a> {
    pub fn of(slo: &'a Slo, recorded: &'a Recorded, timing: &'a Timing) -> Recordings<'a> {
        let labels = Labels::new(slo.id.labels());
        Recordings { slo, recorded, timing, labels, allowed: slo.objective.allowed().to_string() }
    }

    /// The rates that all else is made of, and the burns that pages wait for; `None` where Prometheus cannot read them.
    pub fn fast(&self, terms: &Terms) -> Option<Vec<Rule>> {
        let mut rules = Vec::new();
        for over in self.timing.rates() {
            let [events, bad] = rates(self.slo, self.recorded, self.timing, over, terms)?;
            rules.push(self.rule(names::recorded_events_rate(over), events));
            rules.push(self.rule(names::recorded_bad_events_rate(over), bad));
        }
        rules.extend(self.burns(true));
        Some(rules)
    }

    /// Events counted in tiles, and the burns that only tickets wait for.
    pub fn slow(&self) -> Vec<Rule> {
        self.counts(self.timing.tile).into_iter().chain(self.burns(false)).collect()
    }

    /// What is left of the budget.
    pub fn window(&self) -> Vec<Rule> {
        let window = self.slo.window.span();
        let Timing { tile, window_tile, .. } = self.timing;
        let [bad, events] = self.counts_of(*window_tile);
        let burn = self.burn(&sum(&bad, window, *window_tile), &sum(&events, window, *window_tile));
        let burnt = self.series(&names::recorded_burn_rate(window));
        let tiles = window.as_seconds() / window_tile.as_seconds();
        let measured = format!("clamp_max(count_over_time({events}[{window}:{window_tile}]) / {tiles}, 1)");
        let mut rules = if window_tile > tile { self.counts(*window_tile).to_vec() } else { Vec::new() };
        rules.push(self.rule(names::recorded_burn_rate(window), burn));
        // Without events nothing is spent.
        rules.push(self.rule(names::RECORDED_BUDGET_REMAINING.into(), format!("1 - {burnt}\nor 1 + 0 * {events}")));
        rules.push(self.rule(names::RECORDED_COVERAGE.into(), measured));
        rules
    }

    /// The events of a tile, from all that was recorded of it.
    fn counts(&self, tile: Span) -> [Rule; 2] {
        let [bad, events] = self.rates_over(self.timing.base);
        let count = |rate: String| format!("{} * sum_over_time({rate}[{tile}])", self.timing.fast.as_seconds());
        [
            self.rule(names::recorded_events_count(tile), count(events)),
            self.rule(names::recorded_bad_events_count(tile), count(bad)),
        ]
    }

    fn burns(&self, urgent: bool) -> impl Iterator<Item = Rule> {
        let wanted = self.timing.burns().into_iter().filter(move |over| self.timing.is_urgent(*over) == urgent);
        wanted.map(|over| self.rule(names::recorded_burn_rate(over), self.burn_over(over)))
    }

    fn burn_over(&self, over: Span) -> String {
        let Timing { base, tile, slow, .. } = self.timing;
        if self.timing.rates().contains(&over) {
            let [bad, events] = self.rates_over(over);
            return self.burn(&bad, &events);
        }
        if !self.timing.is_long(over) {
            let step = if self.timing.is_urgent(over) { String::new() } else { format!(":{slow}") };
            let [bad, events] = self.rates_over(*base).map(|rate| format!("sum_over_time({rate}[{over}{step}])"));
            return self.burn(&bad, &events);
        }
        let ([bad, events], step) = match self.timing.is_tiled(over) {
            true => (self.counts_of(*tile), *tile),
            false => (self.rates_over(*base), *slow),
        };
        // The number of samples that there would be, times their mean: a short history is not a long window.
        let nominal = over.as_seconds() / step.as_seconds();
        self.burn(&sum(&bad, over, step), &format!("{nominal} * avg_over_time({events}[{over}:{step}])"))
    }

    /// The recorded rates of bad events and of all.
    fn rates_over(&self, over: Span) -> [String; 2] {
        [names::recorded_bad_events_rate(over), names::recorded_events_rate(over)].map(|name| self.series(&name))
    }

    /// The recorded counts of bad events and of all.
    fn counts_of(&self, tile: Span) -> [String; 2] {
        [names::recorded_bad_events_count(tile), names::recorded_events_count(tile)].map(|name| self.series(&name))
    }

    /// How many times faster than allowed; nothing without events.
    fn burn(&self, bad: &str, events: &str) -> String {
        [bad, "\n/ (", events, " > 0) / ", &self.allowed].concat()
    }

    fn series(&self, name: &str) -> String {
        self.recorded.series(name)
    }

    fn rule(&self, record: String, expr: String) -> Rule {
        Rule::Recording { record, expr, labels: self.labels.clone() }
    }
}

fn sum(series: &str, over: Span, step: Span) -> String {
    format!("sum_over_time({series}[{over}:{step}])")
}
