//! What happens to one SLO in a test, and when something has to be said of it. The instants follow from its alert rows.

use crate::budget::{Row, Severity};
use crate::promql::{Matcher, Op, Selector, names};
use crate::rules::Terms;
use crate::rules::alerting::{BURN_ALERT, NO_DATA_ALERT};
use crate::rules::reading::Recorded;
use crate::rules::timing::Timing;
use crate::rules::unit_tests::invented::{Invented, Role};
use crate::rules::unit_tests::timeline::{EVENTS, Timeline, Weather};
use crate::rules::unit_tests::{Expectation, ExpectedSample, Input, Pace};
use crate::slos::{Slo, Tone};
use crate::units::{Labels, Span};

/// Of the lowest burn that pages, a slow burn is so much.
const SLOW_BURN: f64 = 5.0 / 6.0;

/// A ticket that takes longer takes promtool minutes.
const LONGEST: Span = Span::days(1);

/// The series of one SLO and what is expected of them.
#[derive(Debug, Clone)]
pub struct Story {
    pub name: &'static str,
    pub slo: Box<str>,
    pub series: Vec<Input>,
    pub expectations: Vec<Expectation>,
}

/// How the stories of one SLO are told: its series sampled each `scrape`, its rules evaluated each `step`.
#[derive(Clone)]
pub struct Telling<'a> {
    slo: &'a Slo,
    timing: &'a Timing,
    timeline: Timeline,
    step: Span,
    expectations: Vec<Expectation>,
}

impl<'a> Telling<'a> {
    pub fn new(slo: &'a Slo, timing: &'a Timing, scrape: Span, step: Span) -> Telling<'a> {
        Telling { slo, timing, timeline: Timeline::new(scrape), step, expectations: Vec::new() }
    }

    /// Everything that is told at one pace.
    pub fn stories(&self, invented: &Invented, pace: Pace, terms: &Terms) -> Vec<Story> {
        match pace {
            Pace::Minutes => vec![self.clone().outage(invented, terms)],
            Pace::Days => {
                let slow = if invented.is_level() { None } else { self.clone().slow_burn(invented) };
                [Some(self.clone().healthy(invented)), slow].into_iter().flatten().collect()
            }
        }
    }

    /// Long enough well that the shortest long window is; then all is bad until the page must be there; then well until
    /// the page must be gone; then silent; then nothing.
    fn outage(mut self, invented: &Invented, terms: &Terms) -> Story {
        let (base, slice) = (self.timing.base, self.timing.slice.unwrap_or(Span::ZERO));
        let has_silence = slice.is_zero();
        self.timeline.then(WELL, self.timing.direct.unwrap_or(base).max(base * 2) + slice * 2);
        let start = self.timeline.end();
        self.is_worth(start, &names::recorded_burn_rate(base), Some(0.0));
        self.is_worth(start, names::RECORDED_BUDGET_REMAINING, Some(1.0));
        self.alerts(start, Severity::Page, false);

        // A rate may be half a scrape ahead, and the newborn error series a scrape behind.
        let page = self.rows(Severity::Page).iter().map(|row| self.opens(row)).min_by_key(|(after, _)| *after);
        let Some((after, late)) = page.filter(|_| self.has_enough_events(Severity::Page)) else {
            return self.gone(invented, terms);
        };
        let (early, late) = (self.timeline.scrape * 2 + slice * 2, late + self.step * 3 + slice * 2);
        self.alerts(start + (after - early), Severity::Page, false);
        self.timeline.then(Weather::Traffic { bad: 1.0 }, after + late);
        self.alerts(self.timeline.end(), Severity::Page, true);

        let longest = self.rows(Severity::Page).iter().map(|row| row.short).max().unwrap_or(base);
        self.timeline.then(WELL, longest + base + self.timing.slow * 2 + slice * 2);
        self.alerts(self.timeline.end(), Severity::Page, false);
        if has_silence {
            self.timeline.then(Weather::Quiet, base * 2);
            let silent = self.timeline.end();
            self.is_worth(silent, &names::recorded_events_rate(base), Some(0.0));
            self.is_worth(silent, &names::recorded_burn_rate(base), None);
            self.alerts(silent, Severity::Page, false);
        }
        self.gone(invented, terms)
    }

    fn gone(mut self, invented: &Invented, terms: &Terms) -> Story {
        self.no_data(self.timeline.end(), false);
        let (base, slow) = (self.timing.base, self.timing.slow);
        self.timeline.then(Weather::Gone, base * 2 + terms.patience() + slow * 2);
        self.is_worth(self.timeline.end(), &names::recorded_burn_rate(base), None);
        self.no_data(self.timeline.end(), true);
        self.told(invented, "no error series yet, total outage, recovery, no traffic, series gone")
    }

    /// Nothing is said of a good day.
    fn healthy(mut self, invented: &Invented) -> Story {
        self.timeline.then(WELL, Span::days(1).min(self.slo.window.span()));
        let end = self.timeline.end();
        for over in self.timing.burns() {
            self.is_worth(end, &names::recorded_burn_rate(over), Some(0.0));
        }
        self.is_worth(end, names::RECORDED_BUDGET_REMAINING, Some(1.0));
        for severity in Severity::ALL {
            self.alerts(end, severity, false);
        }
        self.no_data(end, false);
        self.told(invented, "healthy day")
    }

    /// A burn under every page and over some ticket; `None` where there is none such.
    fn slow_burn(mut self, invented: &Invented) -> Option<Story> {
        let lowest_page =
            self.timing.rows.rows.iter().filter(|row| row.severity == Severity::Page).map(|row| row.burn.get());
        let burn = lowest_page.fold(f64::INFINITY, f64::min) * SLOW_BURN;
        let bad = burn * self.slo.objective.allowed();
        let rows = self.rows(Severity::Ticket);
        let after = |row: &Row| row.long.as_seconds() * row.burn.get() / burn;
        let seconds = rows.iter().filter(|row| row.burn.get() < burn * 0.9).map(after).min_by(f64::total_cmp)?;
        let at = |share: f64| Span::seconds((seconds * share) as i64);
        if bad >= 0.95 || at(1.1) > LONGEST || !self.has_enough_events(Severity::Ticket) {
            return None;
        }
        let late = self.timing.base + self.timing.slow + self.step * 3;
        self.timeline.then(Weather::Traffic { bad }, at(1.1) + late);
        self.alerts(at(0.9), Severity::Ticket, false);
        self.alerts(self.timeline.end(), Severity::Ticket, true);
        self.alerts(self.timeline.end(), Severity::Page, false);
        Some(self.told(invented, "slow burn"))
    }

    /// How long after the beginning of a total outage a row speaks, and how much later it may.
    fn opens(&self, row: &Row) -> (Span, Span) {
        let after =
            |over: Span| Span::millis((over.as_millis() as f64 * row.burn.get() * self.slo.objective.allowed()) as i64);
        let late = if self.timing.direct == Some(row.long) { Span::ZERO } else { self.timing.base + self.timing.slow };
        (after(row.long).max(after(row.short)), late)
    }

    /// Whether every row of a severity surely sees as many events as an alert wants, also before its long window is full.
    fn has_enough_events(&self, severity: Severity) -> bool {
        let apart = self.timing.slice.map_or(self.timeline.scrape.as_seconds() / EVENTS, Span::as_seconds);
        let events = |row: &Row| self.timing.direct.unwrap_or(row.long).min(row.long).as_seconds() / apart;
        let wanted = 2.0 * self.slo.alerting.min_events as f64;
        self.rows(severity).iter().all(|row| wanted <= events(row))
    }

    /// The rows of a severity that is not off.
    fn rows(&self, severity: Severity) -> Vec<Row> {
        match self.slo.alerting.tone(severity) {
            Tone::Off => Vec::new(),
            Tone::On { .. } => self.timing.rows.rows.iter().filter(|row| row.severity == severity).copied().collect(),
        }
    }

    fn alerts(&mut self, at: Span, severity: Severity, fires: bool) {
        let word = self.word(severity);
        self.fires(at, BURN_ALERT, &word, fires);
    }

    fn no_data(&mut self, at: Span, fires: bool) {
        let Some(severity) = [Severity::Ticket, Severity::Page].into_iter().find(|severity| !self.is_off(*severity))
        else {
            return;
        };
        let word = self.word(severity);
        self.fires(at, NO_DATA_ALERT, &word, fires);
    }

    fn is_off(&self, severity: Severity) -> bool {
        matches!(self.slo.alerting.tone(severity), Tone::Off)
    }

    /// What the alerts call the severity.
    fn word(&self, severity: Severity) -> String {
        match self.slo.alerting.tone(severity) {
            Tone::On { labels, .. } if !labels.get("severity").is_empty() => labels.get("severity").to_string(),
            Tone::On { .. } | Tone::Off => severity.name().to_string(),
        }
    }

    /// Counted, for alerts may carry labels and texts that only Prometheus fills in.
    fn fires(&mut self, at: Span, alert: &str, severity: &str, fires: bool) {
        let labels = Labels::new([("alertname", alert), ("alertstate", "firing"), ("severity", severity)]);
        let matchers: Vec<Matcher> =
            labels.iter().map(|(label, value)| Matcher::new(label, Op::Equal, value)).collect();
        let series = Recorded::of(&self.slo.id).selector("ALERTS").within(&matchers);
        self.expect(at, format!("count({series})"), fires.then(|| ExpectedSample { labels: "{}".into(), value: 1.0 }));
    }

    /// What a recorded series is worth; nothing where it is not there.
    fn is_worth(&mut self, at: Span, name: &str, value: Option<f64>) {
        let series = Recorded::of(&self.slo.id).series(name);
        self.expect(at, series.clone(), value.map(|value| ExpectedSample { labels: series, value }));
    }

    /// Instants are those of evaluations.
    fn expect(&mut self, at: Span, expr: String, sample: Option<ExpectedSample>) {
        let step = self.step.as_millis();
        let eval_time = Span::millis(at.as_millis() / step * step).to_string();
        self.expectations.push(Expectation { expr, eval_time, exp_samples: sample.into_iter().collect() });
    }

    fn told(self, invented: &Invented, name: &'static str) -> Story {
        let values = |role: Role| self.timeline.values(role);
        let input = |(series, role): &(Selector, Role)| Input { series: series.to_string(), values: values(*role) };
        let series = invented.series.iter().map(input).collect();
        Story { name, slo: self.slo.id.slo.clone(), series, expectations: self.expectations }
    }
}

const WELL: Weather = Weather::Traffic { bad: 0.0 };
