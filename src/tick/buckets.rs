//! Observations by bucket: how many lay between which bounds, and below what which share of them lay.
//! Never knows what was observed, nor when.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::ledger::{Step, step};
use crate::plan::{Bucket, Histogram, Series, SeriesId, histogram_id};
use crate::promql::names;
use crate::units::{Labels, Ratio};

/// How many observations there were in each bucket. Invariant: sorted by bounds, each bucket once, every count finite
/// and at least 0. A bucket that reaches over 0 begins there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Buckets(Vec<Bucket>);

/// The histograms among `series`, each as it was when it was last seen, classic and native ones alike. One that tells no
/// whole is left out.
pub fn histograms(series: &[Series]) -> Vec<(SeriesId, &Labels, Buckets)> {
    let mut classic: BTreeMap<SeriesId, (&Labels, Vec<(f64, f64)>)> = BTreeMap::new();
    let mut histograms = Vec::new();
    for Series { id, labels, samples, histograms: natives } in series {
        if let Some(native) = natives.last() {
            histograms.extend(Buckets::native(native).map(|buckets| (*id, labels, buckets)));
        } else if let (Ok(bound), Some(sample)) = (labels.get(names::BOUND_LABEL).parse(), samples.last()) {
            let (_, bounds) = classic.entry(histogram_id(labels)).or_insert_with(|| (labels, Vec::new()));
            bounds.push((bound, sample.value));
        }
    }
    let classic = classic.into_iter();
    histograms.extend(classic.filter_map(|(id, (labels, bounds))| Some((id, labels, Buckets::classic(bounds)?))));
    histograms
}

impl Buckets {
    /// From upper bounds and how many lie at or under each; `None` without `+Inf`, which is all of them.
    fn classic(mut bounds: Vec<(f64, f64)>) -> Option<Buckets> {
        // One bound that is written in two ways is one bucket, of which the larger count is the newer.
        bounds.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
        bounds.dedup_by_key(|(bound, _)| *bound);
        bounds.last().filter(|(bound, _)| *bound == f64::INFINITY)?;
        let (mut lower, mut below) = (f64::NEG_INFINITY, 0.0);
        let bucket = |(upper, count): (f64, f64)| {
            let bucket = Bucket { lower, upper, count: (count - below).max(0.0) };
            (lower, below) = (upper, count.max(below));
            bucket
        };
        let is_count = |(_, count): &(f64, f64)| count.is_finite() && *count >= 0.0;
        let whole = bounds.iter().all(is_count);
        whole.then(|| Buckets::new(bounds.into_iter().map(bucket)))
    }

    fn native(histogram: &Histogram) -> Option<Buckets> {
        let whole = histogram.buckets.iter().all(|bucket| bucket.count.is_finite() && bucket.count >= 0.0);
        whole.then(|| Buckets::new(histogram.buckets.iter().copied()))
    }

    fn new(buckets: impl Iterator<Item = Bucket>) -> Buckets {
        // What is below 0 is taken to lie at its upper bound, as Prometheus takes it.
        let held = |bucket: Bucket| Bucket { lower: bucket.lower.max(0.0).min(bucket.upper), ..bucket };
        let mut all = Buckets::default();
        buckets.for_each(|bucket| all.add_bucket(held(bucket)));
        all
    }

    /// All observations.
    pub fn count(&self) -> f64 {
        self.0.iter().map(|bucket| bucket.count).sum()
    }

    pub fn add(&mut self, more: &Buckets) {
        more.0.iter().for_each(|bucket| self.add_bucket(*bucket));
    }

    fn add_bucket(&mut self, bucket: Bucket) {
        match self.place(&bucket) {
            Ok(place) => self.0[place].count += bucket.count,
            Err(place) => self.0.insert(place, bucket),
        }
    }

    fn place(&self, bucket: &Bucket) -> Result<usize, usize> {
        self.0.binary_search_by(|own| order(own, bucket))
    }

    /// What was observed since these were `last`, by the rules of every counter: all of them after a reset, and `None`
    /// where they stepped back. A single bucket may tell of a reset that the count hides. Where bounds went away while the
    /// count did not fall, nothing can be told.
    pub fn since(&self, last: &Buckets) -> Option<Buckets> {
        match step(last.count(), self.count()) {
            Step::Gain(_) => {}
            Step::Reset => return Some(self.clone()),
            Step::Back => return None,
        }
        let mut gained = self.clone();
        for bucket in last.0.iter().filter(|bucket| bucket.count > 0.0) {
            let Ok(place) = self.place(bucket) else { return Some(Buckets::default()) };
            gained.0[place].count = match step(bucket.count, self.0[place].count) {
                Step::Gain(gain) => gain,
                Step::Reset => return Some(self.clone()),
                Step::Back => 0.0,
            };
        }
        Some(gained)
    }

    /// How they are spread; `None` without observations, and without a finite bound.
    pub fn spread(&self) -> Option<Spread> {
        let count = self.count();
        let finite = || self.0.iter().filter(|bucket| bucket.upper.is_finite());
        let mut bounds: Vec<f64> = finite().flat_map(|bucket| [bucket.lower, bucket.upper]).collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        // Buckets of instances that cut differently overlap; each gives its share.
        let under = |bound: f64| finite().map(|bucket| bucket.count * share_under(bucket, bound)).sum();
        let steps: Vec<(f64, f64)> = bounds.into_iter().map(|bound| (bound, under(bound))).collect();
        let (highest, _) = *steps.last()?;
        (count > 0.0).then_some(Spread { count, steps, highest })
    }
}

/// How observations are spread. Invariant: there are some.
#[derive(Debug)]
pub struct Spread {
    count: f64,
    /// Every finite bound, ascending, and how many observations lie at or under it.
    steps: Vec<(f64, f64)>,
    /// The last of these bounds.
    highest: f64,
}

impl Spread {
    /// The value at or under which `share` of the observations lies; within a bucket they are taken to be spread evenly.
    /// Above the highest finite bound nothing is known but that, and so it is the answer.
    pub fn quantile(&self, share: Ratio) -> f64 {
        let rank = share.get() * self.count;
        let above = self.steps.partition_point(|(_, under)| *under < rank);
        let Some((high, under)) = self.steps.get(above) else { return self.highest };
        match above.checked_sub(1).map(|before| self.steps[before]) {
            Some((low, below)) => low + (high - low) * (rank - below) / (under - below),
            None => *high,
        }
    }
}

fn order(a: &Bucket, b: &Bucket) -> Ordering {
    a.upper.total_cmp(&b.upper).then(a.lower.total_cmp(&b.lower))
}

fn share_under(bucket: &Bucket, bound: f64) -> f64 {
    if bound >= bucket.upper {
        1.0
    } else if bound <= bucket.lower {
        0.0
    } else {
        (bound - bucket.lower) / (bucket.upper - bucket.lower)
    }
}
