//! Many SLOs, each of ten series of its own: as they are declared, the ledger that they have after a while, and what a
//! source says of them at each tick.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use burnwatch::io::store::Store;
use burnwatch::ledger::{Account, Cell, Changed, Density, Line, Opening, Row, Side};
use burnwatch::plan::{Facts, Pace, Plan, Sample, Series, plan};
use burnwatch::slos::{self, Slo};
use burnwatch::tick::{Effect, Entry, Piece, Seen, State, adopt, tick};
use burnwatch::units::{Labels, Span, Timestamp};

/// Of each SLO; one of them counts errors.
pub const SERIES: usize = 10;
/// As long as a ledger is kept where nobody says how long.
pub const KEPT: Span = Span::days(400);
/// SLOs that a file holds.
const FILE: usize = 1_000;
/// What a series gains in a second.
const PACE: i64 = 10;

/// The names and the labels of an SLO's series.
pub fn series(slo: usize) -> impl Iterator<Item = Vec<(&'static str, String)>> {
    (0..SERIES).map(move |series| {
        let code = if series == 0 { "500" } else { "200" };
        let instance = format!("10.0.0.{series}:8080");
        vec![("code", code.into()), ("instance", instance), ("job", format!("s{slo}"))]
    })
}

/// An SLO file of so many.
pub fn text(count: usize) -> String {
    text_of(0..count)
}

fn text_of(slos: Range<usize>) -> String {
    let slo = |slo| {
        let sli = format!("{{ bad: 'requests_{slo}_total{{code=\"500\"}}', total: requests_{slo}_total }}");
        format!("  - {{ name: s{slo}, objective: 99.9%, sli: {sli} }}\n")
    };
    format!("service: many\nslos:\n{}", slos.map(slo).collect::<String>())
}

/// As many files as it takes, for one is at most 1 MiB long.
pub fn declared(count: usize) -> Vec<Slo> {
    let read = |from: usize| {
        let (slos, problems) = slos::read("many.yaml", &text_of(from..count.min(from + FILE)));
        assert_eq!(problems, []);
        slos
    };
    (0..count).step_by(FILE).flat_map(read).collect()
}

pub fn planned(count: usize) -> Plan {
    plan(declared(count).into_iter().map(Arc::new).collect(), &Facts::default(), Pace::DEFAULT).0
}

/// Every row that a ledger of such an age has at `now`, with a line of each SLO.
pub fn aged(slos: &[Slo], age: Span, now: Timestamp) -> Entry {
    let density = Density { every: Pace::DEFAULT.every, longest: Span::days(30), keep: KEPT };
    let cell = |at: Timestamp| {
        let seconds = at.since(now - age).as_seconds() as i64;
        Cell { total: seconds * PACE * SERIES as i64 * 1_024, measured: seconds as i32 }
    };
    let row = |at| {
        let line = Side::BOTH.into_iter().fold(Line::EMPTY, |line, side| line.with(side, cell(at)));
        (at, Row { at, lines: vec![line; slos.len()].into() })
    };
    let at = now - age;
    let account = |slo| Account { opening: Some(Opening { at, cells: (cell(at), cell(at)) }), ..Account::opened(slo) };
    let ledger = Changed {
        accounts: slos.iter().map(account).enumerate().collect(),
        rows: density.instants(at, now, now).into_iter().map(row).collect(),
        ..Changed::default()
    };
    Entry { ledger, ..Entry::default() }
}

/// Makes a file the ledger that so many SLOs have at such an age.
pub fn store(path: &Path, slos: &[Slo], age: Span, now: Timestamp) {
    let (store, _) = Store::open(path).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.commit(aged(slos, age, now))).unwrap();
    store.close();
}

/// What a daemon goes on with that opens a ledger.
pub fn opened(path: &Path) -> State {
    let (_store, contents) = Store::open(path).unwrap();
    let (state, problems) = State::restored(contents.state);
    assert_eq!(problems, []);
    state
}

/// All of them at work, on an invented clock.
pub struct Many {
    pub plan: Plan,
    pub state: State,
    pub now: Timestamp,
}

impl Many {
    /// With a ledger of such an age, and every series seen before.
    pub fn aged(count: usize, age: Span) -> Many {
        let (plan, now) = (planned(count), Timestamp::seconds(1_790_000_010));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("burnwatch.db");
        store(&path, &declared(count), age, now);
        let (state, _) = adopt(opened(&path), None, &plan, now);
        let mut many = Many { plan, state, now };
        for _ in 0..2 {
            let seen = many.seen();
            many.tick(seen);
        }
        assert!(many.state.standings.iter().all(|standing| standing.counted.is_some()));
        many
    }

    /// What the source says next of all of them.
    pub fn seen(&self) -> Seen {
        let until = self.now + self.plan.pace.every;
        let lookback = self.plan.pace.every + self.plan.pace.lookback();
        let scrapes = || (until - lookback).as_millis() / 1_000..=until.as_millis() / 1_000;
        let samples = || {
            let sample = |at| Sample { at: Timestamp::seconds(at), value: (at * PACE) as f64 };
            scrapes().step_by(30).map(sample).collect::<Vec<_>>()
        };
        let piece = |(number, query): (usize, &burnwatch::plan::Query)| {
            let series = series(query.routes[0].slo).map(|labels| Series::new(Labels::new(labels), samples()));
            Piece { query: number, until, answer: Ok(vec![series.collect()]) }
        };
        Seen { pieces: self.plan.queries.iter().enumerate().map(piece).collect(), ..Seen::default() }
    }

    pub fn tick(&mut self, seen: Seen) -> Vec<Effect> {
        self.now = self.now + self.plan.pace.every;
        let (state, effects) = tick(std::mem::take(&mut self.state), &self.plan, seen, self.now);
        self.state = state;
        effects
    }
}
