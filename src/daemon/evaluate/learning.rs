//! What the source holds, learned now and then, and the plan that is made of it.

use std::collections::HashSet;
use std::mem;

use crate::daemon::evaluate::Evaluation;
use crate::daemon::problems::Origin;
use crate::daemon::publish::Edition;
use crate::plan::{Facts, Plan, Question, plan};
use crate::promql::Selector;
use crate::tick;
use crate::units::{Span, Timestamp};

/// What the source holds is learned anew so often.
const LEARNED_FOR: Span = Span::hours(1);

/// And so often while something was missing.
const MISSING_FOR: Span = Span::minutes(1);

impl Evaluation {
    /// Learns what the source holds, when it is time, and plans anew where that changes the questions.
    pub async fn learn_when_due(&mut self) {
        let now = self.source.now();
        let is_fresh = self.learn_at.is_some_and(|due| now < due && due.since(now) <= LEARNED_FOR);
        if is_fresh || !self.source.is_up() || self.source.is_resting() {
            return;
        }
        // All questions, also those that earlier facts kept from being asked.
        let (every, _) = plan(self.slos.clone(), &Facts::default(), self.pace.clone());
        let (facts, errors) = self.source.facts(&every, &self.known(&every)).await;
        let is_missing = !errors.is_empty() || facts.lack_buckets();
        self.gauges.learned(&facts);
        self.take_up(facts, now);
        // Of a source that told nothing it is not known what rules would read.
        if errors.is_empty() || self.facts != Facts::default() {
            let (slos, natives) = (self.slos.clone(), self.facts.natives.clone());
            self.press.publish(Edition { slos, natives, is_whole: self.has_all_slos });
        }
        let has_error = self.problems.has_error(Origin::Plan);
        self.learn_at = Some(now + if is_missing || has_error { MISSING_FOR } else { LEARNED_FOR });
    }

    /// What rode on these questions, which were too much for the source, is asked by itself, and at once.
    pub fn ask_apart(&mut self, overloaded: HashSet<Selector>, now: Timestamp) {
        if !overloaded.is_empty() {
            let mut facts = self.facts.clone();
            facts.refused.extend(overloaded);
            self.take_up(facts, now);
            self.progressed = true;
        }
    }

    /// What is known of the questions of `every` SLO, but for refusals that are over.
    fn known(&self, every: &Plan) -> Facts {
        let mut known = self.facts.clone();
        known.retain(&every.selectors());
        for (index, query) in self.plan.queries.iter().enumerate() {
            if let Question::Raw { selector, .. } = &query.question
                && self.state.ledger.watermark(index) >= self.last
            {
                known.refused.remove(selector);
            }
        }
        known
    }

    /// Plans anew where `facts` are others than those that were planned with.
    fn take_up(&mut self, facts: Facts, now: Timestamp) {
        if facts == self.facts {
            return;
        }
        self.facts = facts;
        self.plan_anew(now);
    }

    /// Plans the SLOs by what is known of the source, and takes that up.
    pub fn plan_anew(&mut self, now: Timestamp) {
        let (plan, problems) = plan(self.slos.clone(), &self.facts, self.pace.clone());
        let state = mem::take(&mut self.state);
        let (state, entry) = tick::adopt(state, Some(&self.plan), &plan, now);
        self.problems.replace(Origin::Plan, problems, now);
        self.state = state;
        self.plan = plan;
        self.pending.join(entry);
    }
}
