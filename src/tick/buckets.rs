//! Observations by bucket: how many lay between which bounds, and below what which share of them lay.
//! Never knows what was observed, nor when.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::ledger::{Step, step};
use crate::plan::{Bucket, Histogram, Scale, Series, SeriesId, histogram_id};
use crate::promql::names;
use crate::units::{Labels, Ratio};

/// How many observations there were in each bucket. Invariant: sorted by bounds, each bucket once, every count finite
/// and at least 0. A bucket that reaches over 0 begins there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Buckets(Vec<Bucket>);

/// A bound, and how many observations lie at or under it.
type AtOrUnder = (f64, f64);

/// The histograms among `series`, each as it was when it was last seen, classic and native ones alike. One that tells no
/// whole is left out.
pub fn histograms(series: &[Series]) -> Vec<(SeriesId, &Labels, Buckets)> {
    let mut classic: BTreeMap<SeriesId, (&Labels, Vec<AtOrUnder>)> = BTreeMap::new();
    let mut histograms = Vec::new();
    for Series { id, labels, samples, histograms: natives, .. } in series {
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
    /// `None` without a count of all, which is the one under `+Inf`.
    fn classic(mut bounds: Vec<AtOrUnder>) -> Option<Buckets> {
        // One bound that is written in two ways is one bucket, of which the larger count is the newer.
        bounds.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
        bounds.dedup_by_key(|(bound, _)| *bound);
        bounds.last().filter(|(bound, _)| *bound == f64::INFINITY)?;
        let (mut lower, mut below) = (f64::NEG_INFINITY, 0.0);
        let bucket = |(upper, count): AtOrUnder| {
            let bucket = Bucket { lower, upper, count: (count - below).max(0.0), scale: Scale::Linear };
            (lower, below) = (upper, count.max(below));
            bucket
        };
        let is_count = |(_, count): &AtOrUnder| count.is_finite() && *count >= 0.0;
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
        let mut lower = f64::NEG_INFINITY;
        let step = |bound: f64| {
            // Buckets of instances that cut differently overlap; each gives its share.
            let under = finite().map(|bucket| bucket.count * bucket.share_under(bound)).sum();
            let mut around = finite().filter(|bucket| bucket.lower <= lower && bucket.upper >= bound);
            let is_logarithmic = lower > 0.0 && around.all(|bucket| bucket.scale == Scale::Logarithmic);
            lower = bound;
            Reach { bound, under, scale: if is_logarithmic { Scale::Logarithmic } else { Scale::Linear } }
        };
        let steps: Vec<Reach> = bounds.into_iter().map(step).collect();
        let highest = steps.last()?.bound;
        (count > 0.0).then_some(Spread { count, steps, highest })
    }
}

/// How observations are spread. Invariant: there are some.
#[derive(Debug)]
pub struct Spread {
    count: f64,
    /// Of every finite bound, ascending.
    steps: Vec<Reach>,
    /// The last of these bounds.
    highest: f64,
}

/// A bound, how many observations lie at or under it, and on which scale they are spread between the bound before and it.
#[derive(Debug)]
struct Reach {
    bound: f64,
    under: f64,
    scale: Scale,
}

impl Spread {
    /// The value at or under which `share` of the observations lies. Above the highest finite bound nothing is known but
    /// that, and so it is the answer.
    pub fn quantile(&self, share: Ratio) -> f64 {
        let rank = share.get() * self.count;
        let above = self.steps.partition_point(|step| step.under < rank);
        let Some(step) = self.steps.get(above) else { return self.highest };
        match above.checked_sub(1).map(|before| &self.steps[before]) {
            Some(before) => {
                step.scale.between(before.bound, step.bound, (rank - before.under) / (step.under - before.under))
            }
            None => step.bound,
        }
    }
}

fn order(a: &Bucket, b: &Bucket) -> Ordering {
    a.upper.total_cmp(&b.upper).then(a.lower.total_cmp(&b.lower))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::plan::Sample;
    use crate::units::Timestamp;

    const INF: f64 = f64::INFINITY;

    /// A classic histogram from its bounds and how many lie at or under each.
    fn classic(bounds: &[(f64, f64)]) -> Buckets {
        Buckets::classic(bounds.to_vec()).unwrap()
    }

    fn quantile(buckets: &Buckets, share: f64) -> Option<f64> {
        Some(buckets.spread()?.quantile(Ratio::held(share)))
    }

    #[track_caller]
    fn check(bounds: &[(f64, f64)], shares_and_quantiles: &[(f64, f64)]) {
        for (share, expected) in shares_and_quantiles {
            assert_eq!(quantile(&classic(bounds), *share), Some(*expected), "{share}");
        }
    }

    #[test]
    fn observations_are_spread_evenly_within_their_bucket_and_the_first_begins_at_0() {
        let bounds = [(1.0, 50.0), (2.0, 90.0), (5.0, 100.0), (INF, 100.0)];
        check(&bounds, &[(0.25, 0.5), (0.5, 1.0), (0.7, 1.5), (0.9, 2.0), (0.95, 3.5), (1.0, 5.0)]);
    }

    #[test]
    fn an_empty_bucket_holds_no_quantile() {
        check(&[(1.0, 0.0), (2.0, 0.0), (3.0, 4.0), (4.0, 4.0), (INF, 4.0)], &[(0.001, 2.001), (0.5, 2.5), (1.0, 3.0)]);
    }

    #[test]
    fn above_the_highest_finite_bound_that_bound_is_all_that_is_known() {
        check(&[(1.0, 50.0), (2.0, 60.0), (INF, 100.0)], &[(0.5, 1.0), (0.6, 2.0), (0.61, 2.0), (0.999, 2.0)]);
        check(&[(1.0, 0.0), (2.0, 0.0), (INF, 7.0)], &[(0.5, 2.0)]);
    }

    #[test]
    fn bounds_at_or_below_0_are_where_their_observations_lie() {
        check(&[(0.0, 50.0), (1.0, 100.0), (INF, 100.0)], &[(0.5, 0.0), (0.75, 0.5)]);
        check(&[(-1.0, 10.0), (1.0, 20.0), (INF, 20.0)], &[(0.25, -1.0)]);
    }

    #[test]
    fn without_observations_or_a_finite_bound_there_is_no_quantile() {
        assert_eq!(quantile(&Buckets::default(), 0.5), None);
        assert_eq!(quantile(&classic(&[(1.0, 0.0), (INF, 0.0)]), 0.5), None);
        assert_eq!(quantile(&classic(&[(INF, 5.0)]), 0.5), None);
    }

    fn series(labels: &[(&str, &str)], value: f64) -> Series {
        let at = Timestamp::seconds(0);
        Series::new(Labels::new(labels.iter().copied()), vec![Sample { at, value }])
    }

    #[test]
    fn a_classic_histogram_is_put_together_from_its_series() {
        let bucket = |instance, le, value| series(&[("instance", instance), ("le", le)], value);
        let all = [
            bucket("a", "+Inf", 9.0),
            bucket("a", "0.5", 4.0),
            bucket("b", "0.5", 1.0),
            bucket("a", "1", 6.0),
            bucket("a", "1.0", 7.0),
            bucket("b", "+Inf", 1.0),
        ];
        let found: BTreeMap<&str, Buckets> =
            histograms(&all).into_iter().map(|(_, labels, buckets)| (labels.get("instance"), buckets)).collect();
        assert_eq!(found["a"], classic(&[(0.5, 4.0), (1.0, 7.0), (INF, 9.0)]));
        assert_eq!(found["b"], classic(&[(0.5, 1.0), (INF, 1.0)]));
    }

    #[test]
    fn what_tells_no_whole_is_no_histogram() {
        let none = |series: &[Series]| assert_eq!(histograms(series), []);
        none(&[series(&[("le", "1")], 5.0)]);
        none(&[series(&[("job", "a")], 5.0)]);
        none(&[series(&[("le", "1")], f64::NAN), series(&[("le", "+Inf")], 5.0)]);
        none(&[series(&[("le", "1")], -1.0), series(&[("le", "+Inf")], 5.0)]);
        none(&[series(&[("le", "1")], 1.0), series(&[("le", "NaN")], 5.0)]);
    }

    fn native(buckets: &[(f64, f64, f64)]) -> Series {
        let histogram = Histogram::new(Timestamp::seconds(0), 0.0, buckets);
        Series { histograms: vec![histogram], ..Series::new(Labels::default(), Vec::new()) }
    }

    #[test]
    fn a_native_histogram_has_the_buckets_that_it_tells() {
        let all = [native(&[(-0.001, 0.001, 10.0), (0.125, 0.25, 40.0), (0.5, 1.0, 50.0)])];
        let (_, _, buckets) = histograms(&all).remove(0);
        let told = [0.05, 0.3, 0.75].map(|share| quantile(&buckets, share).unwrap());
        assert_eq!(told, [0.0005, 0.125 * 2f64.sqrt(), 0.5 * 2f64.sqrt()]);
    }

    #[test]
    fn a_quantile_of_a_native_histogram_has_its_share_at_or_under_it() {
        let all = [native(&[(0.125, 0.25, 40.0), (0.25, 0.5, 10.0), (1.0, 2.0, 50.0)])];
        let (_, _, buckets) = histograms(&all).remove(0);
        for share in [0.1, 0.39, 0.41, 0.8] {
            let under = all[0].histograms[0].under(quantile(&buckets, share).unwrap());
            assert!((under - share * 100.0).abs() < 1e-9, "{share}: {under}");
        }
    }

    #[track_caller]
    fn check_gain(last: &[(f64, f64)], now: &[(f64, f64)], expected: Option<&[(f64, f64)]>) {
        assert_eq!(classic(now).since(&classic(last)), expected.map(classic), "{last:?} {now:?}");
    }

    #[test]
    fn histograms_are_differenced_as_counters_are() {
        check_gain(&[(1.0, 5.0), (INF, 8.0)], &[(1.0, 6.0), (INF, 10.0)], Some(&[(1.0, 1.0), (INF, 2.0)]));
        // A reset counts what is there since.
        check_gain(&[(1.0, 50.0), (INF, 80.0)], &[(1.0, 3.0), (INF, 4.0)], Some(&[(1.0, 3.0), (INF, 4.0)]));
        // A small step back counts nothing.
        check_gain(&[(1.0, 50.0), (INF, 80.0)], &[(1.0, 49.0), (INF, 79.0)], None);
        // A reset that more observations hide shows in a bucket.
        check_gain(&[(1.0, 50.0), (INF, 80.0)], &[(1.0, 3.0), (INF, 90.0)], Some(&[(1.0, 3.0), (INF, 90.0)]));
        // A bucket that two replicas see one apart takes nothing from the others.
        check_gain(&[(1.0, 50.0), (INF, 80.0)], &[(1.0, 49.0), (INF, 90.0)], Some(&[(1.0, 0.0), (INF, 11.0)]));
    }

    #[test]
    fn of_a_histogram_whose_bounds_went_away_nothing_can_be_told() {
        let (last, now) = (classic(&[(1.0, 5.0), (INF, 8.0)]), classic(&[(2.0, 6.0), (INF, 10.0)]));
        assert_eq!(now.since(&last), Some(Buckets::default()));
        assert_eq!(last.since(&Buckets::default()), Some(last), "an empty one had none that could go");
    }

    /// Ascending bounds, how many lie in each bucket, and how many above them all.
    fn layouts() -> impl Strategy<Value = (Vec<f64>, Vec<u32>, u32)> {
        let bounds = proptest::collection::btree_set(1u32..10_000, 1..12);
        bounds.prop_flat_map(|bounds| {
            let counts = proptest::collection::vec(0u32..1_000, bounds.len());
            (Just(bounds.into_iter().map(|bound| f64::from(bound) / 1_000.0).collect()), counts, 0u32..1_000)
        })
    }

    fn cumulated(bounds: &[f64], counts: &[u32], above: u32) -> Buckets {
        let mut count = 0;
        let mut under = |more: u32| {
            count += more;
            f64::from(count)
        };
        let mut all: Vec<(f64, f64)> = bounds.iter().zip(counts).map(|(bound, more)| (*bound, under(*more))).collect();
        all.push((INF, under(above)));
        classic(&all)
    }

    proptest! {
        #[test]
        fn a_quantile_lies_within_the_bucket_that_holds_its_rank(
            (bounds, counts, above) in layouts(), share in 0.001f64..1.0,
        ) {
            let buckets = cumulated(&bounds, &counts, above);
            prop_assume!(buckets.count() > 0.0);
            let value = quantile(&buckets, share).unwrap();
            let rank = share * buckets.count();
            let mut count = 0.0;
            let holding = counts.iter().position(|more| { count += f64::from(*more); count >= rank });
            match holding {
                Some(bucket) => {
                    let lower = if bucket == 0 { 0.0 } else { bounds[bucket - 1] };
                    prop_assert!(lower <= value && value <= bounds[bucket], "{value} of {buckets:?}");
                }
                None => prop_assert_eq!(value, bounds[bounds.len() - 1]),
            }
        }

        #[test]
        fn two_instances_are_as_one(
            (bounds, counts, above) in layouts(), others in proptest::collection::vec(0u32..1_000, 12), share in 0.001f64..1.0,
        ) {
            let both: Vec<u32> = counts.iter().zip(&others).map(|(one, other)| one + other).collect();
            let mut sum = cumulated(&bounds, &counts, above);
            sum.add(&cumulated(&bounds, &others, 3));
            let one = cumulated(&bounds, &both, above + 3);
            prop_assert_eq!(&sum, &one);
            prop_assert_eq!(quantile(&sum, share), quantile(&one, share));
        }

        #[test]
        fn a_larger_share_is_never_faster_whatever_bounds_are_mixed(
            (bounds, counts, above) in layouts(), (others, more, beyond) in layouts(), share in 0.001f64..1.0,
        ) {
            let mut sum = cumulated(&bounds, &counts, above);
            sum.add(&cumulated(&others, &more, beyond));
            prop_assume!(sum.count() > 0.0);
            prop_assert!(quantile(&sum, share * 0.9) <= quantile(&sum, share));
        }
    }
}
