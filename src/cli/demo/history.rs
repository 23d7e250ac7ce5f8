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
            Question::Points { .. } | Question::Own { .. } => Vec::new(),
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

    use super::*;
    use crate::cli::demo::shop::FAILED;
    use crate::cli::demo::{SLOS, exposition, services};
    use crate::io::scrape::exposition::{Format, Wanted, read};
    use crate::slos;
    use crate::tick::{Standing, Word};

    const OPENED: Timestamp = Timestamp::seconds(1_795_176_000);
    fn pace() -> Pace {
        Pace { every: Span::seconds(1), scrape_interval: Span::seconds(1), is_scraping: true, ..Pace::DEFAULT }
    }

    fn shop() -> Shop {
        Shop::opened_at(OPENED)
    }

    fn remembered() -> State {
        let (slos, problems) = slos::read("shop.yaml", SLOS);
        assert_eq!(problems, []);
        let (state, _) = history(&shop(), slos.into_iter().map(Arc::new).collect(), pace(), OPENED);
        state
    }

    fn standing<'a>(state: &'a State, slo: &str) -> &'a Standing {
        state.standings.iter().find(|standing| standing.slo.id.to_string() == slo).unwrap()
    }

    #[test]
    fn the_shop_opens_with_a_budget_exhausted_one_burning_and_one_calm() {
        let state = remembered();
        for (slo, word, left) in [
            ("search/latency", Word::Exhausted, -0.6..-0.1),
            ("payments/availability", Word::Burning, 0.1..0.5),
            ("catalogue/availability", Word::Ok, 0.6..0.9),
        ] {
            let standing = standing(&state, slo);
            assert_eq!(standing.state, word, "{slo}");
            assert!(left.contains(&standing.remaining().unwrap()), "{slo}: {:?}", standing.remaining());
        }
    }

    #[test]
    fn all_of_every_window_was_measured_and_nothing_was_odd() {
        let state = remembered();
        for standing in &state.standings {
            assert_eq!(standing.coverage.get(), 1.0, "{}", standing.slo.id);
            assert!(standing.burns.iter().all(|(_, burn)| burn.is_some()), "{}", standing.slo.id);
        }
        assert_eq!((state.odd, state.remarks), Default::default());
    }

    #[test]
    fn the_ledger_holds_what_the_shop_served() {
        let state = remembered();
        let standing = standing(&state, "payments/availability");
        let day = state.ledger.statement.measured(&standing.book, Span::days(1), OPENED).unwrap();
        let [before, after] = [day.from, day.to].map(|at| shop().counts(&SERVICES[3], at));
        let total: u64 = after.iter().sum::<u64>() - before.iter().sum::<u64>();
        assert_eq!(day.to, OPENED);
        assert_eq!((day.tally.total(), day.tally.bad()), (total as f64, (after[FAILED] - before[FAILED]) as f64));
    }

    #[test]
    fn the_history_is_what_the_services_would_have_exposed() {
        for service in &SERVICES {
            let from = OPENED - Span::days(20);
            let series = series(&shop(), service, from, from + Span::seconds(90));
            let ats: Vec<Timestamp> = series[0].samples.iter().map(|sample| sample.at).collect();
            assert_eq!(ats, [0, 60, 90].map(|seconds| from + Span::seconds(seconds)));
            for (index, at) in ats.into_iter().enumerate() {
                let text = exposition::text(&shop(), service, at);
                let target = Labels::new(service.target());
                let exposed = read(text.as_bytes(), Format::of(services::FORMAT), &Wanted::all(), &target).unwrap();
                let exposed: Vec<_> = exposed.exposed.into_iter().map(|line| (line.labels, line.value)).collect();
                let held = series.iter().map(|series| (series.labels.clone(), series.samples[index].value));
                assert_eq!(exposed, held.collect::<Vec<_>>(), "{text}");
            }
        }
    }
}
