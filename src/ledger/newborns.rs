//! Which series are newborn: never seen, and proved to have gained their first value since the last answer. All other new
//! ones count from their first value on. Never knows an SLO.

use std::collections::{HashMap, HashSet};

use crate::ledger::counting::{Answer, Step, sound, step};
use crate::ledger::memory::{Memory, paced_since};
use crate::plan::{Question, Reading, Series, SeriesId, Target, histogram_id};
use crate::units::{Problem, Span, Timestamp};

/// What a newborn series may bring whatever its target's pace.
const NEWBORN: f64 = 1_000.0;

/// A process that started so shortly before the last answer was not found by then: discovery and the first scrape take
/// their time. One that started earlier may have been counted already, under other labels.
pub const FOUND_WITHIN: Span = Span::minutes(2);

/// How many times the largest gain per scrape of its target a newborn series may bring.
const NEWBORN_PACES: f64 = 4.0;

/// Their ids, by proof: they or their process began since the last answer, or their target was scraped before without
/// them. A histogram is newborn as a whole or not at all. One that brings too much is a problem.
pub fn newborns(memory: &Memory, answer: &Answer, problems: &mut Vec<Problem>) -> HashSet<SeriesId> {
    let unknown: Vec<&Series> =
        answer.series().iter().filter(|series| !memory.lasts.contains_key(&series.id)).collect();
    if unknown.is_empty() || memory.lasts.is_empty() && memory.watermark == answer.until {
        return HashSet::new();
    }
    let scrapes = Scrapes::of(memory, answer.series(), &unknown);
    let mut newborn = HashSet::new();
    let mut refused = HashSet::new();
    let mut implausible: Option<(&Series, f64)> = None;
    for series in &unknown {
        match proof(memory, answer, &scrapes, series) {
            Proof::Newborn => {
                newborn.insert(series.id);
            }
            Proof::None => {
                refused.insert(histogram_id(&series.labels));
            }
            Proof::Implausible(value) => {
                refused.insert(histogram_id(&series.labels));
                implausible.get_or_insert((series, value));
            }
        }
    }
    // One of them tells the story: a target that is new to us may bring thousands.
    problems.extend(implausible.map(|(series, value)| sudden(series, value)));
    if !matches!(answer.query.question, Question::Raw { reading: Reading::Counters, .. }) {
        let of_refused = unknown.iter().filter(|series| refused.contains(&histogram_id(&series.labels)));
        of_refused.for_each(|series| _ = newborn.remove(&series.id));
    }
    newborn
}

/// The series of which it cannot be told what their first sample added: not known before, and not proved newborn.
pub fn unproved(memory: &Memory, answer: &Answer) -> HashSet<SeriesId> {
    let newborn = newborns(memory, answer, &mut Vec::new());
    let unknown = answer.series().iter().map(|series| series.id);
    unknown.filter(|id| !memory.lasts.contains_key(id) && !newborn.contains(id)).collect()
}

enum Proof {
    Newborn,
    None,
    Implausible(f64),
}

fn proof(memory: &Memory, answer: &Answer, scrapes: &Scrapes, series: &Series) -> Proof {
    let first = sound(&series.samples).next();
    let (Some(first), Some(target)) = (first, series.target) else { return Proof::None };
    let started = Target::of(&series.labels).and_then(|target| answer.starts.get(&target).copied());
    let unseen = memory.since.max(memory.watermark - FOUND_WITHIN);
    if started.max(series.born).is_some_and(|began| began > unseen) {
        return Proof::Newborn;
    }
    if first.at <= memory.since || !scrapes.went_without(target, first.at) {
        return Proof::None;
    }
    let gain = || memory.largest_gain(target, first.at).max(scrapes.largest_gain(memory, target, first.at));
    let is_plausible = first.value <= NEWBORN || first.value <= NEWBORN_PACES * gain();
    if is_plausible { Proof::Newborn } else { Proof::Implausible(first.value) }
}

fn sudden(series: &Series, value: f64) -> Problem {
    let what = format!(
        "the new series {} appeared with {value} events, more than its target gains in a scrape",
        series.labels
    );
    Problem::warning("sudden_series", what, "counted from here on; check whether it is a counter of one process")
}

/// The scrapes at which unknown series began, of those their target had: the ones at which another of its series had a
/// sample, and had one at the scrape before. That one may be remembered only: an answer does not reach back over a long
/// gap of a target, nor beyond the start of a daemon that scrapes.
struct Scrapes<'a> {
    births: HashSet<(SeriesId, Timestamp)>,
    /// All series of the targets that have unknown ones.
    targets: HashMap<SeriesId, Vec<&'a Series>>,
}

impl<'a> Scrapes<'a> {
    fn of(memory: &Memory, all: &'a [Series], unknown: &[&Series]) -> Scrapes<'a> {
        let birth = |series: &&Series| Some((series.target?, sound(&series.samples).next()?.at));
        let mut births: HashSet<(SeriesId, Timestamp)> = unknown.iter().filter_map(birth).collect();
        let mut targets: HashMap<SeriesId, Vec<&Series>> = births.iter().map(|(target, _)| (*target, vec![])).collect();
        for series in all {
            let target = series.target.and_then(|target| targets.get_mut(&target));
            target.into_iter().for_each(|target| target.push(series));
        }
        births.retain(|(target, born)| {
            let scrapes = targets[target].iter().map(|series| scrape(memory, series, *born));
            let scrapes: Vec<(bool, Option<Timestamp>)> = scrapes.collect();
            let before = scrapes.iter().filter_map(|(_, before)| *before).max();
            before.is_some() && scrapes.contains(&(true, before))
        });
        Scrapes { births, targets }
    }

    /// Whether a target's scrape at `born` was one at which another series went on from the scrape before.
    fn went_without(&self, target: SeriesId, born: Timestamp) -> bool {
        self.births.contains(&(target, born))
    }

    /// The largest gain per scrape that is still to be counted of a target before one of its series was born: what is
    /// plausible must not depend on how much is read at once.
    fn largest_gain(&self, memory: &Memory, target: SeriesId, born: Timestamp) -> f64 {
        let series = self.targets.get(&target).into_iter().flatten();
        series.map(|series| largest_gain(memory, series, born)).fold(0.0, f64::max)
    }
}

/// The largest gain that `count` will find in a series before a moment, of those that tell what is plausible then.
fn largest_gain(memory: &Memory, series: &Series, before: Timestamp) -> f64 {
    let known = memory.lasts.get(&series.id);
    let (counted, mut last) = (known.map_or(memory.watermark, |known| known.at), known.map(|known| known.value));
    let mut largest: f64 = 0.0;
    for sample in sound(&series.samples).take_while(|sample| sample.at < before) {
        if known.is_some() && sample.at <= counted {
            continue;
        }
        let is_recent = sample.at > counted && sample.at >= paced_since(before);
        match last.map(|last| step(last, sample.value)) {
            Some(Step::Back) => continue,
            Some(Step::Gain(gain)) if is_recent => largest = largest.max(gain),
            Some(Step::Gain(_) | Step::Reset) | None => {}
        }
        last = Some(sample.value);
    }
    largest
}

/// Whether a series has a sample at a moment, and when it had the one before.
fn scrape(memory: &Memory, series: &Series, at: Timestamp) -> (bool, Option<Timestamp>) {
    let (earlier, later) = series.samples.split_at(series.samples.partition_point(|sample| sample.at < at));
    let next = sound(later).next().map(|sample| sample.at);
    // What was counted before `since` was counted for others, who may not have asked for the unknown ones.
    let remembered = || {
        let last = memory.lasts.get(&series.id).map(|last| last.at).filter(|last| *last > memory.since);
        last.filter(|last| next.is_some_and(|next| *last < next))
    };
    (next == Some(at), sound(earlier).next_back().map(|sample| sample.at).or_else(remembered))
}
