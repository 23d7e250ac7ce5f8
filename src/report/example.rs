//! Three SLOs as data, for tests: a healthy one, one that was never counted, and one that burns.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use crate::alerts::{Alert, Alerts, Because, Exceeded};
use crate::budget::{self, Exhaustion};
use crate::ledger::{Book, Cell, Line, Opening, Row, Side, Sides, Statement};
use crate::promql::Selector;
use crate::report::{Check, Checks, Listed, Snapshot, snapshot as taken};
use crate::slos::{Alerting, Counted, Sli, Slo, Unit};
use crate::tick::latency::Latency;
use crate::tick::{Standing, State, Word};
use crate::units::{BurnRate, Labels, Place, Problem, Ratio, SloId, Span, Timestamp, Window};

/// 2026-11-20T12:00:00Z, the instant of the tick.
pub fn noon() -> Timestamp {
    Timestamp::seconds(1_795_176_000)
}

pub fn snapshot() -> Snapshot {
    let statement = statement();
    let standings = vec![burning(&statement), healthy(&statement), uncounted()];
    let mut state = State { standings, odd: [("step_back", 2)].into(), ..State::default() };
    state.ledger.statement = statement;
    let source = Check::Degraded("no answer for 2m".into());
    taken(&state, noon(), problems(), Checks { source, ledger: Check::Healthy, ..Checks::default() })
}

fn healthy(statement: &Statement) -> Standing {
    let burns = [0.0, 0.1, 0.2, 0.2, 0.2, 0.2, 0.2].map(BurnRate::new);
    let mut slo = slo("checkout", "availability");
    slo.labels = Labels::new([("tier", "1")]);
    slo.owner = Some("payments@example.com".into());
    Standing { exhaustion: Exhaustion::In(Span::seconds(6_572_016)), ..standing(slo, 0, statement, burns, Word::Ok) }
}

fn uncounted() -> Standing {
    let mut slo = slo("checkout", "latency");
    slo.sli = Sli::Latency { histogram: selector("x"), under: 0.2, unit: Some(Unit::Seconds) };
    standing(slo, 1, &Statement::default(), [None; 7], Word::NoData)
}

fn burning(statement: &Statement) -> Standing {
    let burns = [31.0, 25.0, 15.2, 8.0, 5.0, 5.0, 5.0].map(BurnRate::new);
    let row = budget::rows(Window::DEFAULT, "99.9%".parse().unwrap(), Span::minutes(5)).rows[0];
    let because = Because(vec![Exceeded { row, long: burns[2].unwrap(), short: burns[0].unwrap() }]);
    let page = Alert { since: noon() - Span::seconds(90), because, suppressed: false };
    Standing {
        alerts: Alerts { page: Some(page), ..Alerts::default() },
        exhaustion: Exhaustion::Now,
        ..standing(slo("search", "availability"), 2, statement, burns, Word::Burning)
    }
}

/// Half within 12 ms, one in a thousand over a second.
pub fn latency() -> Latency {
    Latency {
        percentiles: vec![("50", 0.012), ("90", 0.05), ("95", 0.1), ("99", 0.143), ("99.9", 1.0)],
        at_objective: 1.0,
    }
}

fn standing(slo: Slo, account: usize, statement: &Statement, burns: [Option<BurnRate>; 7], state: Word) -> Standing {
    let window = slo.window.span();
    let opening = statement.oldest_line(account).map(|(at, cells)| Opening { at, cells });
    let book = Book { account, sides: Sides::TotalAndBad, opening };
    let counted = statement.measured(&book, window, noon());
    let rows = budget::rows(slo.window, slo.objective, Span::minutes(5));
    Standing {
        book,
        state,
        counted,
        coverage: counted.map_or(Ratio::NOTHING, |counted| counted.coverage(window)),
        burns: budget::burn_windows(&rows).into_iter().zip(burns).collect(),
        exhaustion: Exhaustion::Unknown,
        alerts: Alerts::default(),
        last_measured: counted.map(|_| noon()),
        since_opened: counted.map(|counted| counted.tally),
        latency: None,
        is_backfilling: false,
        is_estimated: false,
        slo: Arc::new(slo),
    }
}

fn slo(service: &str, name: &str) -> Slo {
    Slo {
        id: SloId::new(service, name),
        place: place(),
        description: String::new(),
        owner: None,
        labels: Labels::default(),
        window: Window::DEFAULT,
        objective: "99.9%".parse().unwrap(),
        sli: Sli::Events(Counted::BadOfTotal { bad: selector("x{code=\"500\"}"), total: selector("x") }),
        alerting: Alerting::default(),
        notify_at: Vec::new(),
    }
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

fn place() -> Place {
    Place { file: "slos/checkout.yaml".into(), line: 7, column: 16, text: "    objective: 99.9".into() }
}

/// A month of the first account; two hours of the third, whose second hour was 2 % bad.
fn statement() -> Statement {
    let month = Window::DEFAULT.span();
    let third = |hours: i64, bad: i64| (line(1_000 * hours, bad, 3_600 * hours), Span::hours(2 - hours));
    let rows =
        [(third(0, 0), 0), (third(1, 0), 100_000_000), (third(2, 20), 430_177_423)].map(|((third, ago), total)| {
            let bad = if total == 430_177_423 { 212_046 } else { 0 };
            let measured = month.as_millis() / 1_000 - ago.as_millis() / 1_000;
            Row { at: noon() - ago, lines: [line(total, bad, measured), Line::EMPTY, third].into() }
        });
    let first = Row { at: noon() - month, lines: [line(0, 0, 0)].into() };
    Statement::new(rows.into_iter().chain([first]))
}

fn line(total: i64, bad: i64, measured: i64) -> Line {
    let cell = |events: i64| Cell { total: events * 1_024, measured: measured as i32 };
    Line::EMPTY.with(Side::First, cell(total)).with(Side::Second, cell(bad))
}

fn problems() -> Vec<Listed> {
    let bucket =
        Problem::error("no_such_bucket", "x has no bucket at 0.2", "the nearest are 0.1 and 0.25; write one of them");
    let clock = Problem::warning("clock", "the source's clock is 12 s behind", "");
    let since = noon() - Span::hours(1);
    [bucket.at(&place()).about(&SloId::new("checkout", "latency")), clock]
        .map(|problem| Listed { problem, since })
        .into()
}
