//! A YAML value that knows where it stands. Nothing is guessed: `012`, `yes` and `1e3` are the text that was written.

use crate::units::{Place, Problem};

/// A value and where it begins. What an alias repeats stands where its anchor does.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub place: Place,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing at all, or a bare `~` or `null`.
    Null,
    /// What was written, without quotes and with escapes resolved; `quoted` also for `|` and `>` blocks.
    Scalar {
        text: String,
        quoted: bool,
        /// Columns from where it begins to where its text does, where the file shows the text letter by letter.
        verbatim: Option<u32>,
    },
    List(Vec<Node>),
    /// In the order of the file; a key may stand twice.
    Map(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: Node,
    pub value: Node,
}

impl Node {
    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The shape of this value, as a sentence names it.
    pub fn shape(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Scalar { .. } => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// Where byte `offset` of this scalar's text stands, if the file shows the text as it is; else where it begins.
    pub fn place_at(&self, offset: usize) -> Place {
        let place = self.place.clone();
        let Value::Scalar { text, verbatim: Some(quote), .. } = &self.value else { return place };
        match text.get(..offset) {
            Some(before) if !before.contains('\n') => {
                Place { column: place.column + quote + before.chars().count() as u32, ..place }
            }
            _ => place,
        }
    }

    /// The problem that this value, which `name` names, has another shape than `wanted`: `a list`, `a mapping`, `text`.
    pub fn misshapen(&self, name: &str, wanted: &str) -> Problem {
        let remedy = match wanted {
            "a list" => "write `- ` before each item, or [a, b]",
            "a mapping" => "write `key: value` lines beneath it, or { key: value }",
            _ => "write one value",
        };
        Problem::error("wrong_shape", format!("{name} wants {wanted}, found {}", self.shape()), remedy).at(&self.place)
    }
}
