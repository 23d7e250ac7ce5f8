//! What the source holds of a piece of the past: the questions of a plan, put over it. Never knows whose past it is, nor
//! what is counted.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::daemon::source::starts;
use crate::io::clock;
use crate::io::prometheus::{Error, Prometheus};
use crate::plan::{Facts, Pace, Plan, Query, Question, Reading, Series, SeriesId, histogram_id, plan};
use crate::tick::{Gap, History, PastPiece, REMEMBERED};
use crate::units::{Span, Timestamp};

/// Where native histograms stood before a silence is looked for in so long spans.
const SLOT: Span = Span::minutes(10);

/// A source that is asked for its past.
pub struct Histories(pub Prometheus);

impl Histories {
    /// How many series is read has to be known of queries that the live ones do not hold.
    pub async fn counted(&self, mut facts: Facts, gaps: &[Gap], pace: &Pace) -> Facts {
        let (plan, _) = plan(gaps.iter().map(|gap| gap.slo.clone()).collect(), &facts, pace.clone());
        for query in &plan.queries {
            let Question::Raw { selector, ask, .. } = &query.question else { continue };
            if facts.series.contains_key(&selector.to_string()) {
                continue;
            }
            // Where it cannot be told, pieces that are too large are halved.
            if let Ok(counts) = self.0.vector(&format!("count({ask})"), clock::now()).await {
                let count = counts.first().map_or(0.0, |(_, count)| *count) as usize;
                facts.series.insert(selector.to_string(), count);
            }
        }
        facts
    }

    /// What the source holds of a piece, by query.
    pub async fn histories(&self, plan: &Plan, piece: PastPiece) -> Result<Vec<History>, Error> {
        let mut histories = Vec::with_capacity(plan.queries.len());
        for query in &plan.queries {
            histories.push(self.history(plan, query, piece).await?);
        }
        Ok(histories)
    }

    async fn history(&self, plan: &Plan, query: &Query, piece: PastPiece) -> Result<History, Error> {
        let from = piece.read_from(plan, query);
        let mut history = History::default();
        match &query.question {
            Question::Points { asks, every } => {
                for ask in asks {
                    let first = from.on_grid(*every) + *every;
                    let answer = self.0.points(ask, first, piece.to.on_grid(*every), *every).await?;
                    history.answers.push(answer.value);
                }
            }
            // Nobody but burnwatch has its own readings, and it has no past of them.
            Question::Own { .. } => {}
            Question::Raw { ask, reading, .. } => {
                let range = piece.to.since(from);
                history.answers.push(self.samples(query, ask, range, piece.to).await?);
                let newcomers = piece.newcomers(query, &history);
                if !newcomers.is_empty() {
                    history.starts = starts(&self.0, "min_over_time", &newcomers, piece.to, range).await?;
                }
                let unproved = piece.unproved(plan, query, &history);
                if !unproved.is_empty() {
                    let mut lasts = match reading {
                        Reading::Native => self.native_lasts(query, ask, &history, &unproved, from).await?,
                        Reading::Counters | Reading::Buckets | Reading::Slices { .. } => self.lasts(ask, from).await?,
                    };
                    lasts.retain(|id, _| unproved.contains(id));
                    history.lasts = lasts;
                }
            }
        }
        Ok(history)
    }

    async fn samples(&self, query: &Query, ask: &str, range: Span, at: Timestamp) -> Result<Vec<Series>, Error> {
        Ok(query.read(self.0.samples(&format!("{ask}[{range}]"), at).await?.value))
    }

    /// Where series stood at `at`, however long they had been silent by then, up to a day.
    async fn lasts(&self, ask: &str, at: Timestamp) -> Result<HashMap<SeriesId, f64>, Error> {
        let lasts = self.0.vector(&format!("last_over_time({ask}[{REMEMBERED}])"), at).await?;
        Ok(lasts.into_iter().map(|(labels, value)| (SeriesId::of(&labels), value)).collect())
    }

    /// The same of native histograms, of which `last_over_time` of a Prometheus before 2.43 knows nothing: it is first
    /// asked when each was last there, and then what it was.
    async fn native_lasts(
        &self,
        query: &Query,
        ask: &str,
        history: &History,
        unproved: &HashSet<SeriesId>,
        at: Timestamp,
    ) -> Result<HashMap<SeriesId, f64>, Error> {
        let series = history.answers.iter().flatten().filter(|series| unproved.contains(&series.id));
        let wanted: HashSet<SeriesId> = series.map(|series| histogram_id(&series.labels)).collect();
        let there = format!("present_over_time({ask}[{SLOT}])");
        let slots = self.0.points(&there, at - REMEMBERED + SLOT, at, SLOT).await?.value;
        let slots = slots.iter().filter(|series| wanted.contains(&series.id));
        let last: BTreeSet<Timestamp> = slots.filter_map(|series| Some(series.samples.last()?.at)).collect();
        let mut lasts = HashMap::new();
        // Oldest first, for a later one tells more.
        for slot in last {
            let series = self.samples(query, ask, SLOT, slot).await?;
            lasts.extend(series.iter().filter_map(|series| Some((series.id, series.samples.last()?.value))));
        }
        Ok(lasts)
    }
}
