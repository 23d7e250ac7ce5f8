//! What `check` asks a source: once what every tick asks, and then what helps to say why nothing is there.
//! Never judges what it finds.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};

use crate::daemon::config::{Config, Source};
use crate::daemon::source::{IN_HAND, Queried, SEEN};
use crate::io::prometheus::{Error, Prometheus};
use crate::plan::{self, Costs, Facts, Holdings, Plan};
use crate::promql::Selector;
use crate::slos::Slo;
use crate::tick;
use crate::units::{Problem, Timestamp};

/// What SLOs ask, and what is wrong with that.
pub struct Inquiry {
    pub plan: Plan,
    pub problems: Vec<Problem>,
    /// What a tick reads; `None` where no source was asked.
    pub costs: Option<Costs>,
}

impl Inquiry {
    /// What can be told without a source.
    pub fn offline(config: &Config, slos: Vec<Arc<Slo>>) -> Inquiry {
        let (plan, mut problems) = plan::plan(slos, &Facts::default(), config.pace.clone());
        problems.extend(plan.slos.iter().flat_map(plan::dropped_rows));
        Inquiry { plan, problems, costs: None }
    }

    /// What the Prometheus that `config` names holds for the SLOs; an error where it does not answer at all. Targets are
    /// not scraped for this.
    pub async fn online(config: &Config, slos: Vec<Arc<Slo>>) -> Result<Inquiry, Error> {
        let Source::Prometheus(named) = &config.source else { return Ok(Inquiry::offline(config, slos)) };
        let prometheus = Prometheus::build(named)?;
        let mut source = Queried::new(prometheus.clone(), named.max_samples);
        source.look_at_its_clock().await;
        let now = source.now();
        let mut found = Holdings {
            metrics: prometheus.metrics(now - SEEN, now).await?.into_iter().collect(),
            // One that does not tell is none that forgets.
            retention: prometheus.retention().await.unwrap_or_default(),
            ..Holdings::default()
        };
        let (every, _) = plan::plan(slos.clone(), &Facts::default(), config.pace.clone());
        let mut errors;
        (found.facts, errors) = source.facts(&every, &Facts::default()).await;
        let (plan, mut problems) = plan::plan(slos, &found.facts, config.pace.clone());
        problems.extend(plan.slos.iter().flat_map(plan::dropped_rows));
        problems.extend(source.clock_problem());

        let round = source.ask(&plan, &tick::every_ask(&plan, now)).await;
        let failures = source.problems(&plan, &round);
        found.answers = round.pieces.into_iter().map(|piece| piece.answer.ok()).collect();
        found.counts = answered(counts(&prometheus, &plan, &found.facts, now).await, &mut errors);
        found.values = answered(values(&prometheus, &found, now).await, &mut errors);
        problems.extend(plan::surprises(&plan, &found));
        match failures.is_empty() {
            true => problems.extend(errors.iter().map(Error::problem).collect::<BTreeSet<_>>()),
            // The same cause, told better.
            false => problems.extend(failures),
        }
        let costs = plan::costs(&plan, &found);
        Ok(Inquiry { plan, problems, costs: Some(costs) })
    }
}

/// How many series each selector has.
async fn counts(
    prometheus: &Prometheus,
    plan: &Plan,
    facts: &Facts,
    now: Timestamp,
) -> Vec<Result<(Selector, usize), Error>> {
    let slos = plan.slos.iter().map(|planned| &planned.slo);
    let selectors: HashSet<Selector> =
        slos.flat_map(|slo| plan::selectors(slo, facts)).map(|(_, selector)| selector).collect();
    let count = async |selector: Selector| {
        let counts = prometheus.vector(&format!("count({selector})"), now).await?;
        let count = counts.first().map_or(0.0, |(_, count)| *count) as usize;
        Ok((selector, count))
    };
    stream::iter(selectors).map(count).buffer_unordered(IN_HAND).collect().await
}

/// What values the labels have by which a metric was selected in vain.
async fn values(
    prometheus: &Prometheus,
    found: &Holdings,
    now: Timestamp,
) -> Vec<Result<((String, String), Vec<String>), Error>> {
    let in_vain = found.counts.iter().filter(|(_, count)| **count == 0).map(|(selector, _)| selector);
    let known = in_vain.filter(|selector| found.metrics.contains(selector.metric()));
    let labels: HashSet<(String, String)> = known
        .flat_map(|selector| {
            let labels = selector.matchers().iter().map(|matcher| matcher.label.to_string());
            labels.map(|label| (selector.metric().to_string(), label))
        })
        .collect();
    let values = async |(metric, label): (String, String)| {
        let selector = Selector::new(&*metric, []).to_string();
        let values = prometheus.label_values(&label, &selector, now - SEEN, now).await?;
        Ok(((metric, label), values))
    };
    stream::iter(labels).map(values).buffer_unordered(IN_HAND).collect().await
}

fn answered<K: Eq + std::hash::Hash, V>(answers: Vec<Result<(K, V), Error>>, errors: &mut Vec<Error>) -> HashMap<K, V> {
    let keep = |answer: Result<(K, V), Error>| answer.map_err(|error| errors.push(error)).ok();
    answers.into_iter().filter_map(keep).collect()
}
