//! The month before the shop opened, counted by the same tick as everything after: a daemon that was away catches up
//! with it in one piece, and whoever would have been told is not. Never knows where the ledger lies.

use std::sync::Arc;

use crate::cli::demo::exposition::lines;
use crate::cli::demo::shop::{SERVICES, Service, Shop};
use crate::plan::{Facts, Pace, Plan, Question, Sample, Series, plan};
use crate::promql::{Narrowing, Selector};
use crate::slos::Slo;
use crate::tick::{Effect, Entry, Piece, Seen, State, adopt, tick};
use crate::units::{Labels, Span, Timestamp};

/// The distance of the samples: a gauge is judged minute by minute.
const EVERY: Span = Span::minutes(1);

/// So much longer than the longest window it is, for a row to stand before the window's start for as long as anybody
/// watches.
const LEAD: Span = Span::hours(2);

/// The state after all that happened up to `until`, as the ledger keeps it.
pub fn history(shop: &Shop, slos: Vec<Arc<Slo>>, pace: Pace, until: Timestamp) -> (State, Entry) {
    let (plan, _) = plan(slos, &Facts::default(), pace);
    let from = (until - plan.longest - LEAD).on_grid(Span::hours(1));
    let series: Vec<Series> = SERVICES.iter().flat_map(|service| series(shop, service, from, until)).collect();
    let (mut state, mut entry) = adopt(State::default(), None, &plan, until);
    // The first answer is where counting starts.
    for at in [from, until] {
        let effects;
        (state, effects) = tick(state, &plan, seen(&plan, &series, at), until);
        for effect in effects {
            match effect {
                Effect::Keep(kept) => entry.join(kept),
                Effect::Notify(_) => {}
            }
        }
    }
    (state, entry)
}

/// All that a service exposed, minute by minute and at last.
pub fn series(shop: &Shop, service: &Service, from: Timestamp, until: Timestamp) -> Vec<Series> {
    let named = lines(shop, service, from).into_iter().map(|line| {
        let own = [("__name__", line.metric)].into_iter().chain(line.label);
        let own = Labels::new(own).overlaid(&Labels::new(service.target()));
        Series::new(own, Vec::new())
    });
    let mut series: Vec<Series> = named.collect();
    let mut at = from;
    while at <= until {
        for (series, line) in series.iter_mut().zip(lines(shop, service, at)) {
            series.samples.push(Sample { at, value: line.value });
        }
        at = if at < until { (at + EVERY).min(until) } else { at + EVERY };
    }
    series
}

/// What a source that holds these series answers to every query up to `until`.
fn seen(plan: &Plan, series: &[Series], until: Timestamp) -> Seen {
    let piece = |query: usize| {
        let answer = match &plan.queries[query].question {
            Question::Raw { ask, .. } => selected(ask, series),
            Question::Points { .. } => Vec::new(),
        };
        Piece { query, until, answer: Ok(vec![answer]) }
    };
    Seen { pieces: (0..plan.queries.len()).map(piece).collect(), ..Seen::default() }
}

fn selected(ask: &str, series: &[Series]) -> Vec<Series> {
    let Ok(selector) = Selector::parse(ask) else { return Vec::new() };
    let Some(narrowing) = Narrowing::new(selector.matchers()) else { return Vec::new() };
    let is_meant =
        |series: &&Series| series.labels.get("__name__") == selector.metric() && narrowing.admits(&series.labels);
    series.iter().filter(is_meant).cloned().collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use super::*;
    use crate::cli::demo::SLOS;
    use crate::slos::read;
    use crate::tick::{Standing, Word};

    const PACE: Pace =
        Pace { every: Span::seconds(1), scrape_interval: Span::seconds(1), is_scraping: true, ..Pace::DEFAULT };
    const OPENED: Timestamp = Timestamp::seconds(1_795_176_000);

    fn standings() -> BTreeMap<String, Standing> {
        let (slos, problems) = read("shop.yaml", SLOS);
        assert_eq!(problems, []);
        let slos = slos.into_iter().map(Arc::new).collect();
        let (state, _) = history(&Shop::opened_at(OPENED), slos, PACE, OPENED);
        state.standings.into_iter().map(|standing| (standing.slo.id.to_string(), standing)).collect()
    }

    #[test]
    fn print() {
        for (id, s) in standings() {
            println!("{id} {:?} left {:?} cov {:?} burns {:?}", s.state, s.remaining(), s.coverage, s.burns);
        }
    }
}
