//! Native histograms: of each, the two counters that an SLO needs are made, as if they were buckets of a classic one.

use std::collections::BTreeSet;

use crate::plan::{Bucket, Histogram, Query, Question, Reading, Sample, Series};
use crate::promql::names;
use crate::units::Labels;

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
    /// The observations at or under `bound`; of the bucket that it cuts, the share that lies below.
    pub fn under(&self, bound: f64) -> f64 {
        self.buckets.iter().map(|bucket| bucket.count * bucket.share_under(bound)).sum()
    }
}

impl Bucket {
    /// Observations are taken to be spread as the buckets are: evenly on a logarithmic scale, and evenly where the
    /// bucket holds 0.
    fn share_under(&self, bound: f64) -> f64 {
        let Bucket { lower, upper, .. } = *self;
        if bound >= upper {
            1.0
        } else if bound <= lower {
            0.0
        } else if lower > 0.0 {
            (bound / lower).ln() / (upper / lower).ln()
        } else if upper < 0.0 {
            1.0 - (bound / upper).ln() / (lower / upper).ln()
        } else {
            (bound - lower) / (upper - lower)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Timestamp;

    fn under(buckets: &[(f64, f64, f64)], bound: f64) -> f64 {
        let buckets =
            buckets.iter().map(|(lower, upper, count)| Bucket { lower: *lower, upper: *upper, count: *count });
        Histogram { at: Timestamp::seconds(0), count: 0.0, buckets: buckets.collect() }.under(bound)
    }

    #[test]
    fn whole_buckets_count_and_the_one_that_is_cut_counts_by_its_logarithm() {
        let buckets = [(0.0, 0.001, 5.0), (0.1, 0.2, 10.0), (0.2, 0.8, 20.0), (0.8, 1.6, 40.0)];
        assert_eq!(under(&buckets, 0.2), 15.0);
        assert_eq!(under(&buckets, 0.4), 25.0);
        assert_eq!(under(&buckets, 2.0), 75.0);
        assert_eq!(under(&buckets, 0.05), 5.0);
    }

    #[test]
    fn the_bucket_around_zero_and_negative_ones_are_cut_too() {
        assert_eq!(under(&[(-0.5, 0.5, 8.0)], 0.25), 6.0);
        assert_eq!(under(&[(-4.0, -1.0, 8.0)], -2.0), 4.0);
    }
}
