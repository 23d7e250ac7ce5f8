//! Names and values that tell series apart.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A set of labels. Clones share it. Invariant: sorted by name, each name once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Labels(Arc<Packed>);

/// All names and values in two pieces of memory: sources tell a hundred thousand sets at once.
#[derive(Debug, PartialEq, Eq, Hash, Default)]
struct Packed {
    /// Each name and, behind it, its value.
    text: Box<str>,
    /// Where each name and each value ends.
    ends: Box<[(usize, usize)]>,
}

impl Labels {
    /// Sorts `pairs`; of two with one name the later stays.
    pub fn new<N: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (N, V)>) -> Labels {
        let mut pairs: Vec<(N, V)> = pairs.into_iter().collect();
        pairs.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
        pairs.reverse();
        pairs.dedup_by(|a, b| a.0.as_ref() == b.0.as_ref());
        pairs.reverse();
        let length = pairs.iter().map(|(name, value)| name.as_ref().len() + value.as_ref().len()).sum();
        let mut text = String::with_capacity(length);
        let mut push = |part: &str| {
            text.push_str(part);
            text.len()
        };
        let ends = pairs.iter().map(|(name, value)| (push(name.as_ref()), push(value.as_ref()))).collect();
        Labels(Arc::new(Packed { text: text.into(), ends }))
    }

    /// The value of `name`; a missing label reads as empty, as in Prometheus.
    pub fn get(&self, name: &str) -> &str {
        self.iter().find(|(found, _)| *found == name).map_or("", |(_, value)| value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let Packed { text, ends } = &*self.0;
        let mut start = 0;
        ends.iter().map(move |&(middle, end)| {
            let pair = (&text[start..middle], &text[middle..end]);
            start = end;
            pair
        })
    }

    pub fn is_empty(&self) -> bool {
        self.0.ends.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.ends.len()
    }

    /// These labels with those of `other` laid over them.
    pub fn overlaid(&self, other: &Labels) -> Labels {
        Labels::new(self.iter().chain(other.iter()))
    }
}

impl Ord for Labels {
    /// Label by label, each by its name and then by its value.
    fn cmp(&self, other: &Labels) -> Ordering {
        self.iter().cmp(other.iter())
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Labels) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl fmt::Display for Labels {
    /// As Prometheus writes them: `{job="checkout",tier="1"}`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{{")?;
        for (index, (name, value)) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{name}={value:?}")?;
        }
        write!(f, "}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keep_each_name_once_and_the_later_value() {
        let labels = Labels::new([("b", "1"), ("a", "2"), ("b", "3")]);
        assert_eq!(labels.to_string(), r#"{a="2",b="3"}"#);
        assert_eq!(labels.overlaid(&Labels::new([("a", "9")])).to_string(), r#"{a="9",b="3"}"#);
    }

    #[test]
    fn are_ordered_label_by_label() {
        let ordered = [&[][..], &[("a", "1")], &[("a", "1"), ("b", "")], &[("a", "10")], &[("a", "2")], &[("a1", "")]];
        let ordered = ordered.map(|pairs| Labels::new(pairs.iter().copied()));
        assert!(ordered.is_sorted() && ordered.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn read_a_missing_label_as_empty() {
        assert_eq!(Labels::new([("a", "2")]).get("b"), "");
    }
}
