//! What of the past is still to be read, and in which pieces: newest first, and one question for all accounts that it can
//! answer. Never knows how the source is asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ledger::{Density, History, Lack, Piece, Stretch, density};
use crate::plan::{ESTIMATED_SPAN, Facts, Pace, Plan, Question, Reading, estimated, plan};
use crate::slos::Slo;
use crate::tick::Gap;
use crate::units::{Problem, Span, Timestamp};

/// The longest piece. Shorter ones are halves of it, so that pieces of one grid never cross a day.
const LONGEST: Span = Span::hours(6);

/// Halving stops here.
const SHORTEST: Span = Span::minutes(10);

/// The most samples that are read for one SLO; what is older is estimated.
const MAX_SAMPLES: f64 = 20_000_000.0;

/// The most grid points that Prometheus answers at once.
const MAX_POINTS: i64 = 11_000;

/// Gaps whose questions are put together.
#[derive(Debug)]
pub struct Task {
    gaps: Vec<Gap>,
    samples: Plan,
    /// What is asked up to a moment instead of samples.
    rates: Option<(Timestamp, Plan)>,
    density: Density,
    /// The longest piece that is asked now, and that may be asked.
    longest: Span,
    allowed: Span,
}

/// One piece of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    pub piece: Piece,
    is_estimated: bool,
}

/// The gaps, by what has to be asked for them.
pub fn tasks(gaps: Vec<Gap>, facts: &Facts, pace: &Pace) -> Vec<Task> {
    let (all, _) = planned(&gaps, facts, pace);
    let mut groups: Vec<usize> = (0..gaps.len()).collect();
    for query in &all.queries {
        let mut members: Vec<usize> = query.routes.iter().map(|route| groups[route.slo]).collect();
        members.sort_unstable();
        if let Some(first) = members.first().copied() {
            groups.iter_mut().filter(|group| members.binary_search(group).is_ok()).for_each(|group| *group = first);
        }
    }
    let mut tasks: BTreeMap<usize, Vec<Gap>> = BTreeMap::new();
    gaps.into_iter().zip(groups).for_each(|(gap, group)| tasks.entry(group).or_default().push(gap));
    tasks.into_values().filter_map(|gaps| Task::of(gaps, facts, pace)).collect()
}

fn planned(gaps: &[Gap], facts: &Facts, pace: &Pace) -> (Plan, Vec<Problem>) {
    plan(gaps.iter().map(|gap| gap.slo.clone()).collect(), facts, pace.clone())
}

impl Task {
    /// `None` where nothing can be asked.
    fn of(gaps: Vec<Gap>, facts: &Facts, pace: &Pace) -> Option<Task> {
        let (samples, _) = planned(&gaps, facts, pace);
        if samples.queries.is_empty() {
            return None;
        }
        let rates = rates(&gaps, &samples, facts, pace);
        let density = density(&samples);
        let mut longest = LONGEST;
        let plans = [Some(&samples), rates.as_ref().map(|(_, plan)| plan)];
        for query in plans.into_iter().flatten().flat_map(|plan| &plan.queries) {
            while let Question::Points { every, .. } = query.question
                && longest > every * (MAX_POINTS / 2)
            {
                longest = longest / 2;
            }
        }
        Some(Task { gaps, samples, rates, density, longest, allowed: longest })
    }

    /// The newest piece that is still to be read; `None` when all is.
    pub fn job(&self) -> Option<Job> {
        let to = self.gaps.iter().filter(|gap| !gap.span().is_zero()).map(|gap| gap.to).max()?;
        let from = (to - Span::millis(1)).on_grid(self.longest);
        let is_estimated = self.rates.as_ref().is_some_and(|(until, _)| to <= *until);
        Some(Job { piece: Piece { from, to }, is_estimated })
    }

    /// What is asked for a piece.
    pub fn plan(&self, job: &Job) -> &Plan {
        match &self.rates {
            Some((_, rates)) if job.is_estimated => rates,
            Some(_) | None => &self.samples,
        }
    }

    /// What the accounts gained in a piece, by account. `history`: by query.
    pub fn read(&mut self, job: &Job, history: &[History], now: Timestamp) -> Vec<(usize, Stretch)> {
        let piece = job.piece;
        let lacking = |gap: &Gap| !gap.span().is_zero() && gap.to > piece.from;
        let lack = |(slo, gap): (usize, &Gap)| {
            let from = if gap.is_closed { gap.from.max(piece.from) } else { piece.from };
            Lack { slo, part: Piece { from, to: gap.to } }
        };
        let lacks: Vec<Lack> = self.gaps.iter().enumerate().filter(|(_, gap)| lacking(gap)).map(lack).collect();
        // A row within an hour of which only the whole is known would have none of it.
        let every = if job.is_estimated { ESTIMATED_SPAN } else { self.density.every };
        let density = Density { every, ..self.density };
        let stretches = piece.stretches(self.plan(job), &density, &lacks, history, now);
        let mut read = Vec::new();
        for (lack, stretch) in lacks.iter().zip(stretches) {
            let gap = &mut self.gaps[lack.slo];
            gap.to = lack.part.from;
            read.extend(stretch.map(|stretch| (gap.account, Stretch { is_estimated: job.is_estimated, ..stretch })));
        }
        if piece.from == piece.from.on_grid(Span::days(1)) {
            // The day before may have been a quieter one.
            self.longest = (self.longest * 2).min(self.allowed);
        }
        read
    }

    /// Asks in halves from now on; `false` where pieces cannot be shorter.
    pub fn halve(&mut self) -> bool {
        let halved = self.longest / 2;
        let is_shorter = halved >= SHORTEST;
        if is_shorter {
            self.longest = halved;
        }
        is_shorter
    }

    /// A task for each SLO: what cannot be answered together may be answered apart. Itself where it is of one.
    pub fn apart(self, facts: &Facts, pace: &Pace) -> Vec<Task> {
        match self.gaps.len() {
            1 => vec![self],
            _ => self.gaps.into_iter().filter_map(|gap| Task::of(vec![gap], facts, pace)).collect(),
        }
    }

    /// How many SLOs it is for.
    pub fn slos(&self) -> usize {
        self.gaps.len()
    }

    /// The SLOs that it is for.
    pub fn members(&self) -> impl Iterator<Item = &Slo> {
        self.gaps.iter().map(|gap| &*gap.slo)
    }

    /// What is still to be read, of all its SLOs together.
    pub fn remaining(&self) -> Span {
        self.gaps.iter().map(Gap::span).fold(Span::ZERO, |sum, span| sum + span)
    }
}

/// What is asked instead of samples, and up to when, where there are too many of them.
fn rates(gaps: &[Gap], samples: &Plan, facts: &Facts, pace: &Pace) -> Option<(Timestamp, Plan)> {
    let series = samples.queries.iter().filter_map(|query| match &query.question {
        Question::Raw { selector, reading: Reading::Counters | Reading::Buckets, .. } => {
            facts.series.get(&selector.to_string())
        }
        Question::Raw { reading: Reading::Native | Reading::Slices { .. }, .. }
        | Question::Points { .. }
        | Question::Own { .. } => None,
    });
    let scrapes = MAX_SAMPLES * gaps.len() as f64 / series.sum::<usize>().max(1) as f64;
    let readable = Span::millis((scrapes * pace.scrape_interval.as_millis() as f64) as i64);
    let newest = gaps.iter().map(|gap| gap.to).max()?;
    let until = (newest - readable).on_grid(LONGEST);
    if gaps.iter().all(|gap| gap.from >= until) {
        return None;
    }
    let slos: Option<Vec<Arc<Slo>>> = gaps.iter().map(|gap| Some(Arc::new(estimated(&gap.slo, facts)?))).collect();
    Some((until, plan(slos?, facts, pace.clone()).0))
}
