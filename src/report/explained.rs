//! One SLO in words: what is asked for it, what is counted, what it allows and who is told. At most 80 columns, but for
//! queries, which are not broken.

use std::fmt::Display;

use crate::budget::{Row, Severity};
use crate::plan::{Cost, Plan, Planned, Query, Question};
use crate::slos::{Bound, Sli, Slo, Tone};
use crate::units::{Span, Timestamp};

const WIDTH: usize = 80;
const INDENT: usize = 4;

/// The SLO at `index` of `plan`; `cost` is what the source was found to hold for it.
pub fn explained(plan: &Plan, index: usize, cost: Option<Cost>) -> String {
    let Some(planned) = plan.slos.get(index) else { return String::new() };
    let slo = &planned.slo;
    let mut text = Text(format!("{}\n", slo.id));
    text.prose(&slo.description);
    text.prose(&slo.place);
    if let Some(owner) = &slo.owner {
        text.prose(format!("owned by {owner}"));
    }
    text.title("Asked of the source");
    let queries: Vec<&Query> = plan
        .queries
        .iter()
        .filter(|query| query.routes.iter().any(|route| route.slo == index))
        .filter(|query| !query.is_own())
        .collect();
    queries.iter().for_each(|query| text.query(plan, query));
    if queries.is_empty() {
        text.prose("nothing");
    }
    if let Some(Cost { series, samples, .. }) = cost {
        text.prose(format!("found now: {series} series, {samples} samples each time"));
    }
    text.title("Counted");
    text.counted(&slo.sli);
    text.title("Objective");
    text.objective(slo);
    text.title("Alerts");
    text.alerts(planned);
    text.title("Freshness");
    text.freshness(planned);
    text.0
}

struct Text(String);

impl Text {
    fn line(&mut self, indent: usize, text: impl Display) {
        self.0 += &format!("{:indent$}{text}\n", "");
    }

    fn title(&mut self, title: &str) {
        self.0 += &format!("\n{title}\n");
    }

    fn prose(&mut self, text: impl Display) {
        self.wrapped(INDENT, text);
    }

    /// Broken between words, before the last column.
    fn wrapped(&mut self, indent: usize, text: impl Display) {
        let mut line = String::new();
        for word in text.to_string().split_whitespace() {
            if !line.is_empty() && indent + line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.line(indent, &line);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line += word;
        }
        if !line.is_empty() {
            self.line(indent, line);
        }
    }

    fn query(&mut self, plan: &Plan, query: &Query) {
        let every = plan.pace.every;
        match &query.question {
            Question::Raw { ask, reading, .. } => {
                let start = Timestamp::seconds(0);
                self.line(INDENT, format!("{ask}[{}]", plan.range(*reading, start, start + every)));
                self.wrapped(INDENT * 2, format!("every {every}; each sample in it counts once"));
            }
            Question::Points { asks, every } => {
                asks.iter().for_each(|ask| self.line(INDENT, ask));
                self.wrapped(INDENT * 2, format!("at the end of every {every}"));
            }
            Question::Own { .. } => {}
        }
    }

    fn side(&mut self, key: &str, what: impl Display, meaning: impl Display) {
        self.line(INDENT, format!("{key}: {what}"));
        self.wrapped(INDENT * 2, meaning);
    }

    fn counted(&mut self, sli: &Sli) {
        match sli {
            Sli::Events(of) => {
                for (key, selector) in of.sides() {
                    self.side(key, selector, "an event for each step up of these counters");
                }
            }
            Sli::Expressions { of, every } => {
                for (key, expression) in of.sides() {
                    self.side(key, expression, format!("its value is how many events there were in {every}"));
                }
            }
            Sli::Latency { histogram, under, .. } => {
                let meaning = format!("an event for each observation, good at or under {under}");
                self.side("histogram", histogram, meaning);
            }
            Sli::Up { gauge, every } => {
                let meaning = format!("an event for each {every} of each series, good when every sample in it is 1");
                self.side("up", gauge, meaning);
            }
            Sli::Value { value, bound, every } => {
                let meaning =
                    format!("an event for each series at the end of each {every}, good when {}", within(*bound));
                self.side("value", value, meaning);
            }
            Sli::Own { value, bound, every } => {
                let meaning = format!("burnwatch's own: an event for each {every}, good when {}", within(*bound));
                self.side("value", value, meaning);
            }
        }
    }

    fn objective(&mut self, slo: &Slo) {
        let Slo { objective, window, .. } = slo;
        let bad = objective.opposite();
        self.prose(format!("{objective} of the events of any {window} are good"));
        let outage = Span::millis((window.span().as_millis() as f64 * objective.allowed()).round() as i64);
        let meaning = match &slo.sli {
            Sli::Events(_) | Sli::Expressions { .. } | Sli::Latency { .. } => "of outage, were traffic even",
            Sli::Up { .. } | Sli::Value { .. } | Sli::Own { .. } => "of bad time",
        };
        self.prose(format!("the budget is {bad} of them: {} {meaning}", in_words(outage)));
    }

    fn alerts(&mut self, planned: &Planned) {
        let Planned { slo, rows, .. } = planned;
        for severity in Severity::ALL {
            match slo.alerting.tone(severity) {
                Tone::Off => self.prose(format!("no {severity}: turned off")),
                Tone::On { .. } => {
                    for row in rows.rows.iter().filter(|row| row.severity == severity) {
                        self.prose(format!("{row}: {} of the budget", percent(spent(row, slo))));
                    }
                    for dropped in rows.dropped.iter().filter(|dropped| dropped.row.severity == severity) {
                        self.prose(format!("no {}:", dropped.row));
                        self.wrapped(INDENT * 2, dropped.reason());
                    }
                }
            }
        }
        if slo.alerting.min_events > 0 {
            self.prose(format!("none while its long window holds under {} events", slo.alerting.min_events));
        }
    }

    fn freshness(&mut self, planned: &Planned) {
        let Planned { slo, silence, no_data_after, .. } = planned;
        let total = match &slo.sli {
            Sli::Events(of) => format!("{:?} has", of.sides()[0].0),
            Sli::Expressions { of, .. } => format!("{:?} gives", of.sides()[0].0),
            Sli::Latency { .. } => "the histogram has".into(),
            Sli::Up { .. } => "the gauge has".into(),
            Sli::Value { .. } | Sli::Own { .. } => "it gives".into(),
        };
        self.prose(format!("time counts as measured while {total} a sample at most {silence} old"));
        self.prose(format!("no_data once nothing was measured for {no_data_after}"));
    }
}

fn within(bound: Bound) -> String {
    match bound {
        Bound::Under(bound) => format!("under {bound}"),
        Bound::Over(bound) => format!("over {bound}"),
    }
}

/// The share of the budget that is gone when the long window burned as fast as the row allows.
fn spent(row: &Row, slo: &Slo) -> f64 {
    row.burn.get() * row.long.share_of(slo.window.span())
}

/// With at most one decimal: `2%`, `0.3%`.
fn percent(share: f64) -> String {
    format!("{}%", short(share * 100.0))
}

/// In the largest unit of which there are two: `43.2 minutes`, `36 hours`.
fn in_words(span: Span) -> String {
    let units = [(Span::days(1), "days"), (Span::hours(1), "hours"), (Span::minutes(1), "minutes")];
    let (unit, name) = units.into_iter().find(|(unit, _)| span >= *unit * 2).unwrap_or((Span::seconds(1), "seconds"));
    format!("{} {name}", short(span.share_of(unit)))
}

fn short(number: f64) -> String {
    let text = format!("{number:.1}");
    text.trim_end_matches(".0").to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use super::*;
    use crate::plan::{Facts, Pace, plan};
    use crate::slos::read;

    fn pace() -> Pace {
        Pace { max_series: 100, ..Pace::DEFAULT }
    }

    fn of(slo: &str) -> String {
        let (slos, problems) = read("f.yaml", &format!("service: shop\nslos:\n  - {slo}\n"));
        assert_eq!(problems, []);
        explained(&plan(slos.into_iter().map(Arc::new).collect(), &Facts::default(), pace()).0, 0, None)
    }

    #[track_caller]
    fn check(slo: &str, words: &[&str]) {
        let text = of(slo);
        for word in words {
            assert!(text.contains(word), "{word:?} in:\n{text}");
        }
        let is_long = |line: &&str| line.chars().count() > WIDTH && line.contains(' ');
        assert_eq!(text.lines().find(is_long), None, "{text}");
    }

    #[test]
    fn says_what_is_asked_counted_allowed_and_told() {
        let slo = "{ name: a, objective: 99.9%, window: 1d, description: requests answered, owner: me, \
                   sli: { bad: 'x_total{code=\"500\"}', total: x_total }, alerts: { ticket: off, min_events: 9 } }";
        let expected = r#"shop/a
    requests answered
    f.yaml:3:7
    owned by me

Asked of the source
    x_total[2m30s]
        every 30s; each sample in it counts once

Counted
    total: x_total
        an event for each step up of these counters
    bad: x_total{code="500"}
        an event for each step up of these counters

Objective
    99.9% of the events of any 1d are good
    the budget is 0.1% of them: 86.4 seconds of outage, were traffic even

Alerts
    page above 6 over 15m and 5m: 6.2% of the budget
    no page above 14.4 over 15m and 5m:
        the page above 6 has the same windows
    no ticket: turned off
    none while its long window holds under 9 events

Freshness
    time counts as measured while "total" has a sample at most 5m old
    no_data once nothing was measured for 5m
"#;
        assert_eq!(of(slo), expected);
    }

    #[test]
    fn says_it_of_every_kind() {
        check(
            "{ name: a, objective: 80%, sli: { histogram: x_seconds, under: 200ms } }",
            &[
                r#"x_seconds_bucket{le=~"0\\.20*|\\+Inf"}[2m30s]"#,
                "good at or under 0.2",
                "at this objective a threshold from 4.75 on cannot be relied on",
                "6 days of outage",
            ],
        );
        check(
            "{ name: a, objective: 99%, sli: { up: up } }",
            &["up[2m30s]", "each 1m of each series", "7.2 hours of bad time"],
        );
        check(
            "{ name: a, objective: 99%, sli: { bad: 'sum(increase(b[$window]))', total: 'sum(increase(t[$window]))' } }",
            &[
                "    sum(increase(t[5m]))\n    sum(increase(b[5m]))\n        at the end of every 5m",
                "events there were in 5m",
            ],
        );
        check(
            "{ name: a, objective: 99%, sli: { value: max(depth), under: 100 } }",
            &["    max(depth)\n        at the end of every 1m", "good when under 100"],
        );
        check(
            "{ name: a, objective: 99%, sli: { value: burnwatch_host_power_watts, source: self, under: 100 } }",
            &["Asked of the source\n    nothing\n", "burnwatch's own"],
        );
    }
}
