//! Native histograms: of each, the two counters that an SLO needs are made, as if they were buckets of a classic one.

use std::collections::BTreeSet;

use crate::plan::{Bucket, Histogram, Query, Question, Reading, Sample, Scale, Series};
use crate::promql::names;
use crate::units::{Labels, Timestamp};

impl Query {
    /// The series of an answer as they are counted: native histograms become buckets at the thresholds of its routes.
    pub fn read(&self, series: Vec<Series>) -> Vec<Series> {
        match &self.question {
            Question::Raw { reading: Reading::Native, .. } => {
                let bounds: BTreeSet<Threshold> = self.thresholds().map(Threshold).collect();
                series.iter().flat_map(|series| cut(series, &bounds)).collect()
            }
            Question::Raw { .. } | Question::Points { .. } | Question::Own { .. } => series,
        }
    }
}

/// A threshold in the order of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Threshold(f64);

impl Eq for Threshold {}

impl PartialOrd for Threshold {
    fn partial_cmp(&self, other: &Threshold) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Threshold {
    fn cmp(&self, other: &Threshold) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

fn cut(series: &Series, bounds: &BTreeSet<Threshold>) -> Vec<Series> {
    let bucket = |bound: String, count: &dyn Fn(&Histogram) -> f64| {
        let labels = series.labels.overlaid(&Labels::new([(names::BOUND_LABEL, bound)]));
        let samples = series.histograms.iter().map(|histogram| Sample { at: histogram.at, value: count(histogram) });
        Series::new(labels, samples.collect())
    };
    let under = bounds.iter().map(|Threshold(bound)| bucket(bound.to_string(), &|histogram| histogram.under(*bound)));
    under.chain([bucket("+Inf".into(), &|histogram| histogram.count)]).collect()
}

impl Histogram {
    /// From what the source tells of its buckets: both bounds, and what lies between. The one around zero begins there
    /// unless there are negative ones, as Prometheus takes it.
    pub fn new(at: Timestamp, count: f64, buckets: &[(f64, f64, f64)]) -> Histogram {
        let is_around_zero = |lower: f64, upper: f64| lower <= 0.0 && upper >= 0.0;
        let has_negative = buckets.iter().any(|(_, upper, _)| *upper < 0.0);
        let is_exponential = buckets.iter().all(|(lower, upper, _)| {
            lower.is_finite() && (is_around_zero(*lower, *upper) || is_exponential(*lower, *upper))
        });
        let bucket = |(lower, upper, count): &(f64, f64, f64)| {
            let (lower, upper, count) = (*lower, *upper, *count);
            match is_around_zero(lower, upper) {
                true => Bucket { lower: if has_negative { lower } else { 0.0 }, upper, count, scale: Scale::Linear },
                false if is_exponential => Bucket { lower, upper, count, scale: Scale::Logarithmic },
                false => Bucket { lower, upper, count, scale: Scale::Linear },
            }
        };
        Histogram { at, count, buckets: buckets.iter().map(bucket).collect() }
    }

    /// The observations at or under `bound`; of the bucket that it cuts, the share that lies below.
    pub fn under(&self, bound: f64) -> f64 {
        self.buckets.iter().map(|bucket| bucket.count * bucket.share_under(bound)).sum()
    }
}

/// Whether bounds are neighbours among the powers of `2^(2^-schema)`, schema -4 to 8, which the buckets of a native
/// histogram are unless its bounds are its own. The source tells no schema.
fn is_exponential(lower: f64, upper: f64) -> bool {
    let is_whole = |number: f64| (number - number.round()).abs() < 1e-6;
    let [nearer, farther] = if lower > 0.0 { [lower, upper] } else { [-upper, -lower] };
    let width = farther.log2() - nearer.log2();
    let schema = -width.log2();
    is_whole(schema) && (-4.0..=8.0).contains(&schema.round()) && is_whole(farther.log2() / width)
}

impl Bucket {
    /// The share of its observations that lies at or under `bound`. Within the exponential buckets of native histograms
    /// they are taken to be spread evenly on a logarithmic scale, for so the buckets are (Prometheus 3 does the same;
    /// the bounds of finer buckets would be found where that puts them); in classic ones, in those of bounds of their
    /// own and around zero evenly, for nothing else is known of them.
    pub fn share_under(&self, bound: f64) -> f64 {
        let Bucket { lower, upper, scale, .. } = *self;
        match scale {
            _ if bound >= upper => 1.0,
            _ if bound <= lower => 0.0,
            Scale::Linear => (bound - lower) / (upper - lower),
            Scale::Logarithmic => (bound / lower).ln() / (upper / lower).ln(),
        }
    }
}

impl Scale {
    /// What lies between `low` and `high`, at this share of the way.
    pub fn between(self, low: f64, high: f64, share: f64) -> f64 {
        match self {
            Scale::Linear => low + (high - low) * share,
            Scale::Logarithmic => low * (high / low).powf(share),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much lies at or under a bound, of buckets given by both of theirs and what they hold.
    #[track_caller]
    fn check(buckets: &[(f64, f64, f64)], expected: &[(f64, f64)]) {
        let histogram = Histogram::new(Timestamp::seconds(0), 0.0, buckets);
        for (bound, count) in expected {
            assert!((histogram.under(*bound) - count).abs() < 1e-9, "{} under {bound}", histogram.under(*bound));
        }
    }

    #[test]
    fn whole_buckets_count_and_the_one_that_is_cut_counts_by_its_logarithm() {
        let buckets = [(0.0, 0.001, 5.0), (0.125, 0.25, 10.0), (0.25, 0.5, 20.0), (1.0, 2.0, 40.0)];
        check(&buckets, &[(0.05, 5.0), (0.25, 15.0), (0.25 * 2f64.sqrt(), 25.0), (3.0, 75.0)]);
        // Buckets of the finest schema, and of the coarsest.
        let fine = |step: i32| 2f64.powf(f64::from(step) / 256.0);
        check(&[(fine(7), fine(8), 6.0)], &[((fine(7) * fine(8)).sqrt(), 3.0)]);
        check(&[(1.0, 65_536.0, 6.0)], &[(256.0, 3.0)]);
    }

    #[test]
    fn bounds_of_its_own_cut_evenly() {
        check(&[(0.1, 0.2, 10.0), (0.25, 0.5, 20.0)], &[(0.15, 5.0), (0.375, 20.0)]);
        check(&[(f64::NEG_INFINITY, 0.5, 10.0), (0.5, 1.0, 20.0)], &[(0.75, 20.0)]);
    }

    #[test]
    fn the_bucket_around_zero_begins_there_unless_there_are_negative_ones() {
        check(&[(-0.5, 0.5, 8.0)], &[(0.25, 4.0), (0.0, 0.0)]);
        check(&[(-1.0, -0.5, 3.0), (-0.5, 0.5, 8.0)], &[(0.25, 9.0)]);
        check(&[(-4.0, -1.0, 8.0)], &[(-2.0, 4.0)]);
    }

    #[test]
    fn what_lies_between_has_that_share_under_it() {
        for scale in [Scale::Linear, Scale::Logarithmic] {
            let bucket = Bucket { lower: 2.0, upper: 8.0, count: 1.0, scale };
            let share = bucket.share_under(scale.between(2.0, 8.0, 0.3));
            assert!((share - 0.3).abs() < 1e-12, "{scale:?}: {share}");
        }
    }
}
