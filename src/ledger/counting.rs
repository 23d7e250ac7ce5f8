//! Increments of counters: every sample once, nothing extrapolated.
//!
//! A counter that falls was reset and counts from zero; a fall of less than an eighth is two replicas or a late scrape
//! and counts nothing. A series never seen counts its first value only when it is proved newborn, else that value is
//! where counting starts. Never knows what an SLO makes of the counts.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::ledger::memory::{Last, Memory};
use crate::ledger::newborns::newborns;
use crate::ledger::row::{Side, parts};
use crate::ledger::slices::{book_points, book_slices};
use crate::plan::{Part, Query, Question, Reading, Route, Sample, Series, SeriesId, Target, histogram_id};
use crate::units::{Labels, Problem, Timestamp};

/// A fall by less than this share of the last value is no reset.
const STEP_BACK: f64 = 1.0 / 8.0;

/// When processes started, by target: what the source says of `process_start_time_seconds`.
pub type Starts = HashMap<Target, Timestamp>;

/// Samples that were ignored, counted by reason.
pub type Odd = BTreeMap<&'static str, u64>;

/// One answer and what it is an answer for.
pub struct Answer<'a> {
    pub query: &'a Query,
    /// By what was asked: one list, or one for each expression.
    pub answers: &'a [Vec<Series>],
    /// The instant that was asked for.
    pub until: Timestamp,
    /// The kept instants up to and with `until`, ascending: increments belong to the first at or after their sample.
    pub instants: &'a [Timestamp],
    pub starts: &'a Starts,
    /// By route, when its account was opened: what a late sample tells of the time before belongs to its past. Empty
    /// where nothing is to be left out.
    pub opened: &'a [Option<Timestamp>],
}

impl<'a> Answer<'a> {
    /// The series of the first thing asked; the only one where raw samples are.
    pub fn series(&self) -> &'a [Series] {
        self.answers.first().map_or(&[], Vec::as_slice)
    }

    /// Whether a gain counts for the account of a route.
    fn is_booked(&self, route: usize, gain: &Gain) -> bool {
        self.opened.get(route).copied().flatten().is_none_or(|opened| gain.at > opened)
    }
}

/// What an answer adds up to, by route of its query.
pub struct Booking {
    instants: usize,
    gains: Vec<i64>,
    /// When each route's series had samples, ascending.
    pub seen: Vec<Vec<Timestamp>>,
    pub odd: Odd,
    pub problems: Vec<Problem>,
    /// By route, an instance whose histogram lacks the bound that others have.
    pub lacking: BTreeMap<usize, Labels>,
}

impl Booking {
    fn new(routes: usize, instants: usize) -> Booking {
        Booking {
            instants,
            gains: vec![0; routes * 2 * instants],
            seen: vec![Vec::new(); routes],
            odd: Odd::new(),
            problems: Vec::new(),
            lacking: BTreeMap::new(),
        }
    }

    /// What a route's side gained up to each instant since the one before, in parts of an event.
    pub fn gains(&self, route: usize, side: Side) -> &[i64] {
        let start = (route * 2 + side as usize) * self.instants;
        &self.gains[start..start + self.instants]
    }

    pub fn add(&mut self, route: usize, side: Side, gain: &Gain) {
        let sum = &mut self.gains[(route * 2 + side as usize) * self.instants + gain.instant];
        // A counter that jumps by more than can be held is nonsense, but no reason to panic.
        *sum = sum.saturating_add(gain.parts);
    }

    pub fn ignore(&mut self, reason: &'static str) {
        *self.odd.entry(reason).or_default() += 1;
    }
}

/// What one sample added, when, and the instant it belongs to.
pub struct Gain {
    pub at: Timestamp,
    pub instant: usize,
    pub parts: i64,
}

/// Counts an answer, and remembers where each series stands. The first answer of a query, for the instant from which on
/// its memory starts, counts nothing: it is where counting starts.
pub fn book(memory: &mut Memory, answer: &Answer) -> Booking {
    let mut booking = Booking::new(answer.query.routes.len(), answer.instants.len());
    match &answer.query.question {
        Question::Raw { reading: Reading::Counters, .. } => book_counters(memory, answer, &mut booking),
        Question::Raw { reading: Reading::Buckets | Reading::Native, .. } => book_buckets(memory, answer, &mut booking),
        Question::Raw { reading: Reading::Slices { every }, .. } => {
            book_slices(memory.watermark, *every, answer, &mut booking);
        }
        Question::Points { every, .. } | Question::Own { every, .. } => {
            book_points(memory.watermark, *every, answer, &mut booking);
        }
    }
    memory.watermark = answer.until;
    for seen in &mut booking.seen {
        // Stable, for that is quick with runs that ascend, one of each series.
        seen.sort();
        seen.dedup();
    }
    booking
}

fn book_counters(memory: &mut Memory, answer: &Answer, booking: &mut Booking) {
    let newborn = newborns(memory, answer, &mut booking.problems);
    let mut gains = Vec::new();
    for series in answer.series() {
        count(memory, series, newborn.contains(&series.id), answer, booking, &mut gains);
        for (index, route) in answer.query.routes.iter().enumerate() {
            if !route.series.admits(&series.labels) {
                continue;
            }
            note_seen(series, booking, index);
            let side = if route.part == Part::Second { Side::Second } else { Side::First };
            let booked = gains.iter().filter(|gain| answer.is_booked(index, gain));
            booked.for_each(|gain| booking.add(index, side, gain));
        }
    }
}

fn book_buckets(memory: &mut Memory, answer: &Answer, booking: &mut Booking) {
    let newborn = newborns(memory, answer, &mut booking.problems);
    let buckets: Vec<(f64, SeriesId)> = answer
        .series()
        .iter()
        .map(|series| (series.labels.get("le").parse().unwrap_or(f64::NAN), histogram_id(&series.labels)))
        .collect();
    let having = histograms_having_their_bound(answer, &buckets);
    let mut gains = Vec::new();
    for (series, (bound, histogram)) in answer.series().iter().zip(&buckets) {
        count(memory, series, newborn.contains(&series.id), answer, booking, &mut gains);
        for (index, route) in answer.query.routes.iter().enumerate() {
            let Part::Cut { under } = route.part else { continue };
            let side = match *bound {
                bound if bound == f64::INFINITY => Side::First,
                bound if bound == under => Side::Second,
                _ => continue,
            };
            if having[index].contains(histogram) {
                note_seen(series, booking, index);
                let booked = gains.iter().filter(|gain| answer.is_booked(index, gain));
                booked.for_each(|gain| booking.add(index, side, gain));
            } else if !having[index].is_empty() && route.series.admits(&series.labels) {
                booking.lacking.entry(index).or_insert_with(|| series.labels.clone());
            }
        }
    }
}

/// By route, the histograms that have the route's bound: one without it can count neither as good nor as bad.
fn histograms_having_their_bound(answer: &Answer, buckets: &[(f64, SeriesId)]) -> Vec<HashSet<SeriesId>> {
    let having = |under: f64, route: &Route| {
        let matching = answer
            .series()
            .iter()
            .zip(buckets)
            .filter(|(series, (bound, _))| *bound == under && route.series.admits(&series.labels));
        matching.map(|(_, (_, histogram))| *histogram).collect()
    };
    let routes = answer.query.routes.iter();
    routes
        .map(|route| if let Part::Cut { under } = route.part { having(under, route) } else { HashSet::new() })
        .collect()
}

/// Counts the samples of one series that are newer than its last counted one.
fn count(
    memory: &mut Memory,
    series: &Series,
    newborn: bool,
    answer: &Answer,
    booking: &mut Booking,
    gains: &mut Vec<Gain>,
) {
    gains.clear();
    let known = memory.lasts.get(&series.id).copied();
    let baseline_until = (known.is_none() && !newborn).then_some(memory.watermark);
    let mut last = known;
    let mut pace = series.samples.first().zip(series.target).map(|(first, target)| memory.pace(target, first.at));
    for sample in series.samples.iter().filter(|sample| sample.at <= answer.until) {
        if known.is_some_and(|known| sample.at <= known.at) {
            continue;
        }
        if let Some(reason) = oddity(sample) {
            booking.ignore(reason);
            continue;
        }
        let is_baseline = baseline_until.is_some_and(|until| sample.at <= until);
        let mut value = sample.value;
        let gain = match last {
            None if newborn => value,
            None => 0.0,
            Some(last) => match step(last.value, value) {
                Step::Gain(gain) => {
                    if let Some(pace) = pace.as_mut().filter(|_| !is_baseline) {
                        pace.note(sample.at, gain);
                    }
                    gain
                }
                Step::Reset => value,
                Step::Back => {
                    booking.ignore("step_back");
                    value = last.value;
                    0.0
                }
            },
        };
        last = Some(Last { at: sample.at, value });
        if gain > 0.0 && !is_baseline {
            let instant = answer.instants.partition_point(|instant| *instant < sample.at);
            let instant = instant.min(answer.instants.len() - 1);
            gains.push(Gain { at: sample.at, instant, parts: parts(gain) });
        }
    }
    if let Some(last) = last {
        memory.lasts.insert(series.id, last);
    }
}

/// The samples that can be counted: those without an [`oddity`].
pub fn sound(samples: &[Sample]) -> impl DoubleEndedIterator<Item = &Sample> {
    samples.iter().filter(|sample| oddity(sample).is_none())
}

fn oddity(sample: &Sample) -> Option<&'static str> {
    match sample.value {
        value if value.is_nan() => Some("nan"),
        value if value.is_infinite() => Some("infinite"),
        value if value < 0.0 => Some("negative"),
        _ => None,
    }
}

/// What a counter did between two samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    Gain(f64),
    /// It fell, and counts from zero.
    Reset,
    /// It fell a little, which counts nothing: two replicas, or a late scrape.
    Back,
}

pub fn step(last: f64, value: f64) -> Step {
    if value >= last {
        Step::Gain(value - last)
    } else if last - value < last * STEP_BACK {
        Step::Back
    } else {
        Step::Reset
    }
}

pub fn note_seen(series: &Series, booking: &mut Booking, route: usize) {
    booking.seen[route].extend(sound(&series.samples).map(|sample| sample.at));
}
