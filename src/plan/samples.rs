//! What a source answers: series of samples.

use twox_hash::XxHash64;

use crate::units::{Labels, Timestamp};

/// One value of a series at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    pub at: Timestamp,
    pub value: f64,
}

/// One native histogram at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    pub at: Timestamp,
    /// All observations since it began.
    pub count: f64,
    /// Those of its buckets that hold any.
    pub buckets: Vec<Bucket>,
}

/// How many observations lie between two bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    pub lower: f64,
    pub upper: f64,
    pub count: f64,
    pub scale: Scale,
}

/// On which scale the observations of a bucket are taken to be spread evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    Linear,
    Logarithmic,
}

/// Which series it is: a hash of its labels without `__name__`, `le` as a number. Stable across versions and machines,
/// for it is kept in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub u64);

/// A series: who it is and its samples, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub id: SeriesId,
    /// A number for its target; `None` where its labels do not tell which process it comes from.
    pub target: Option<SeriesId>,
    pub labels: Labels,
    pub samples: Vec<Sample>,
    /// Empty but for native histograms, which have no samples.
    pub histograms: Vec<Histogram>,
    /// When it began to count, where its target tells (OpenMetrics `_created`).
    pub born: Option<Timestamp>,
}

impl Series {
    pub fn new(labels: Labels, samples: Vec<Sample>) -> Series {
        let (id, target) = (SeriesId::of(&labels), SeriesId::of_target(&labels));
        Series { id, target, labels, samples, histograms: Vec::new(), born: None }
    }
}

impl SeriesId {
    pub fn of(labels: &Labels) -> SeriesId {
        SeriesId::of_pairs(labels.iter())
    }

    /// Of the target that a series comes from; `None` where its labels do not tell.
    pub fn of_target(labels: &Labels) -> Option<SeriesId> {
        let target = ["job", "instance"].map(|name| (name, labels.get(name)));
        target.iter().all(|(_, value)| !value.is_empty()).then(|| SeriesId::of_pairs(target.into_iter()))
    }

    /// As [`SeriesId::of`], for label pairs in the order of their names.
    pub fn of_pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> SeriesId {
        let mut bytes = Vec::with_capacity(256);
        for (name, value) in pairs.filter(|(name, _)| *name != "__name__") {
            push_text(&mut bytes, name);
            let bound = if name == "le" { value.parse::<f64>().ok() } else { None };
            match bound {
                Some(bound) => push_text(&mut bytes, &bound.to_string()),
                None => push_text(&mut bytes, value),
            }
        }
        SeriesId(XxHash64::oneshot(0, &bytes))
    }
}

/// A length before each text, so that `a` + `bc` and `ab` + `c` differ.
fn push_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(pairs: &[(&str, &str)]) -> SeriesId {
        SeriesId::of(&Labels::new(pairs.iter().copied()))
    }

    #[test]
    fn a_series_is_the_same_whatever_its_metric_is_called_and_however_its_bound_is_written() {
        assert_eq!(id(&[("__name__", "a"), ("job", "x")]), id(&[("__name__", "b"), ("job", "x")]));
        assert_eq!(id(&[("le", "1")]), id(&[("le", "1.0")]));
        assert_eq!(id(&[("le", "+Inf")]), id(&[("le", "Inf")]));
    }

    #[test]
    fn series_with_other_labels_are_others() {
        assert_ne!(id(&[("a", "bc")]), id(&[("ab", "c")]));
        assert_ne!(id(&[("job", "x")]), id(&[("job", "y")]));
        assert_ne!(id(&[("code", "1")]), id(&[("code", "1.0")]));
    }

    #[test]
    fn its_hash_never_changes() {
        assert_eq!(id(&[("job", "checkout")]), SeriesId(4_230_122_057_065_017_310));
    }
}
