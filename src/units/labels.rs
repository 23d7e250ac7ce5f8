//! Names and values that tell series apart.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A set of labels. Clones share it. Invariant: sorted by name, each name once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Labels(Arc<[(Box<str>, Box<str>)]>);

impl Labels {
    /// Sorts `pairs`; of two with one name the later stays.
    pub fn new(pairs: impl IntoIterator<Item = (impl Into<Box<str>>, impl Into<Box<str>>)>) -> Labels {
        let mut pairs: Vec<(Box<str>, Box<str>)> =
            pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.reverse();
        pairs.dedup_by(|a, b| a.0 == b.0);
        pairs.reverse();
        Labels(pairs.into())
    }

    /// The value of `name`; a missing label reads as empty, as in Prometheus.
    pub fn get(&self, name: &str) -> &str {
        match self.0.binary_search_by(|(key, _)| (**key).cmp(name)) {
            Ok(index) => &self.0[index].1,
            Err(_) => "",
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// These labels with those of `other` laid over them.
    pub fn overlaid(&self, other: &Labels) -> Labels {
        Labels::new(self.0.iter().chain(other.0.iter()).cloned())
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
    fn read_a_missing_label_as_empty() {
        assert_eq!(Labels::new([("a", "2")]).get("b"), "");
    }
}
