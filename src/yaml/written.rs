//! YAML out. Never knows what it says.

use serde::Serialize;

/// Why a value is no YAML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot be written as YAML: {0}")]
pub struct Unwritable(String);

/// `value` as a YAML document: strings in quotes wherever some reader could take them for something else, those of
/// several lines as blocks, nothing folded. An error where it holds what YAML cannot, such as a map as a key.
pub fn written(value: &impl Serialize) -> Result<String, Unwritable> {
    // Nothing to break lines at: what is generated is compared line by line.
    let options = serde_yaml::ser_options! { folded_wrap_chars: usize::MAX };
    serde_yaml::to_string_with_options(value, options).map_err(|error| Unwritable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Labels;

    fn check(text: &str, expected: &str) {
        assert_eq!(written(&Labels::new([("a", text)])), Ok(expected.to_string()), "{text:?}");
    }

    #[test]
    fn quotes_what_would_be_read_as_something_else() {
        check("plain text", "a: plain text\n");
        check("on", "a: \"on\"\n");
        check("0.10", "a: \"0.10\"\n");
        check("{{ $value }}", "a: \"{{ $value }}\"\n");
        check("up{job=\"a: #b\"} > 0", "a: \"up{job=\\\"a: #b\\\"} > 0\"\n");
        check("", "a: \"\"\n");
        check("one\ntwo", "a: |-\n  one\n  two\n");
    }
}
