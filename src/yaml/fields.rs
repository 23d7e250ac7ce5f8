//! Walking a mapping so that each mistake in it becomes one problem: a call for each key that may be there, then
//! [`Fields::done`] for the keys that may not.

use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::str::FromStr;

use crate::units::{ObjectiveError, Place, Problem, SpanError, WattsError, WindowError, nearest};
use crate::yaml::{Entry, Node, NumberError, Value};

/// An error that knows what to write instead.
pub trait Remedy: fmt::Display {
    fn remedy(&self) -> String;
}

impl Remedy for ObjectiveError {
    fn remedy(&self) -> String {
        self.remedy()
    }
}

impl Remedy for SpanError {
    fn remedy(&self) -> String {
        self.remedy()
    }
}

impl Remedy for WindowError {
    fn remedy(&self) -> String {
        self.remedy()
    }
}

impl Remedy for WattsError {
    fn remedy(&self) -> String {
        self.remedy()
    }
}

impl Remedy for NumberError {
    fn remedy(&self) -> String {
        self.remedy()
    }
}

/// The fields of a mapping while they are read.
///
/// ```
/// # use burnwatch::units::{Problem, Span};
/// # use burnwatch::yaml::{Fields, Node};
/// fn every(node: &Node, problems: &mut Vec<Problem>) -> Option<Span> {
///     let mut fields = Fields::of(node, "an evaluation", problems)?;
///     let every = fields.read("every");
///     fields.done();
///     every
/// }
/// ```
#[must_use]
pub struct Fields<'n, 'p> {
    pub problems: &'p mut Vec<Problem>,
    /// What the mapping describes, such as `an SLO`.
    whole: &'static str,
    place: &'n Place,
    unread: Vec<(&'n str, &'n Entry)>,
    /// The keys asked for so far, and whether each is there.
    known: Vec<(&'static str, bool)>,
    /// Those of them that should be.
    missing: Vec<&'static str>,
}

impl<'n, 'p> Fields<'n, 'p> {
    /// The fields of `node`, which describes `whole`; a problem and `None` where it is no mapping. Of two equal keys
    /// the first is read and the second is a problem.
    pub fn of(node: &'n Node, whole: &'static str, problems: &'p mut Vec<Problem>) -> Option<Fields<'n, 'p>> {
        let Value::Map(entries) = &node.value else {
            problems.push(node.misshapen(whole, "a mapping"));
            return None;
        };
        let unread = entries_once(entries, problems);
        Some(Fields { problems, whole, place: &node.place, unread, known: Vec::new(), missing: Vec::new() })
    }

    /// Whether `key` is there and not read yet.
    pub fn has(&self, key: &str) -> bool {
        self.unread().any(|name| name == key)
    }

    /// Where the key `key` stands.
    pub fn place_of(&self, key: &str) -> Option<&'n Place> {
        self.unread.iter().find(|(name, _)| *name == key).map(|(_, entry)| &entry.key.place)
    }

    /// The keys that were not read yet.
    pub fn unread(&self) -> impl Iterator<Item = &'n str> {
        self.unread.iter().map(|(name, _)| *name)
    }

    /// The value of `key`, of any shape. An empty value is a problem: it looks like a default but may be a slip.
    pub fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        let index = self.unread.iter().position(|(name, _)| *name == key);
        self.known.push((key, index.is_some()));
        let (_, entry) = self.unread.remove(index?);
        self.filled(key, entry).map(|entry| &entry.value)
    }

    /// The entries whose keys belong to `family`, which says in messages what they look like, such as `pNN`.
    pub fn family(&mut self, family: &'static str, belongs: fn(&str) -> bool) -> Vec<(&'n str, &'n Entry)> {
        let (members, others): (Vec<_>, Vec<_>) =
            mem::take(&mut self.unread).into_iter().partition(|(name, _)| belongs(name));
        self.unread = others;
        self.known.push((family, true));
        members.into_iter().filter(|(name, entry)| self.filled(name, entry).is_some()).collect()
    }

    fn filled<'e>(&mut self, name: &str, entry: &'e Entry) -> Option<&'e Entry> {
        if entry.value.value != Value::Null {
            return Some(entry);
        }
        let what = format!("{name:?} is empty");
        self.problems.push(Problem::error("empty_value", what, "give it a value or remove it").at(&entry.key.place));
        None
    }

    /// Says that `key` has to be there; to be called before it is read.
    pub fn require(&mut self, key: &'static str) -> &mut Self {
        if !self.has(key) {
            self.missing.push(key);
        }
        self
    }

    /// The value of `key`, as a list.
    pub fn list(&mut self, key: &'static str) -> Option<&'n [Node]> {
        let node = self.take(key)?;
        match &node.value {
            Value::List(items) => Some(items),
            Value::Null | Value::Scalar { .. } | Value::Map(_) => self.misshapen(node, key, "a list"),
        }
    }

    /// The value of `key`, as text; a number is text too.
    pub fn text(&mut self, key: &'static str) -> Option<&'n str> {
        let node = self.take(key)?;
        node.text().or_else(|| self.misshapen(node, key, "text"))
    }

    /// The value of `key`, as anything that is read from text.
    pub fn read<T: FromStr<Err: Remedy>>(&mut self, key: &'static str) -> Option<T> {
        self.take(key)?.read(key, self.problems)
    }

    /// The value of `key`, as one of a few words.
    pub fn choice<T: Copy>(&mut self, key: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        let node = self.take(key)?;
        let Some(text) = node.text() else { return self.misshapen(node, key, "text") };
        let choice = words.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice);
        if choice.is_none() {
            let known = words.iter().map(|(word, _)| *word).collect::<Vec<_>>();
            let what = format!("{key} {text:?} is not known");
            self.refuse(node, key, &what, &format!("write {}", known.join(" or ")));
        }
        choice
    }

    /// Notes that `node`, the value of `key`, is wrong; the key is the problem's code.
    pub fn refuse(&mut self, node: &Node, key: &'static str, what: &str, remedy: &str) {
        self.problems.push(Problem::error(key, what, remedy).at(&node.place));
    }

    fn misshapen<T>(&mut self, node: &Node, key: &str, wanted: &str) -> Option<T> {
        self.problems.push(node.misshapen(&format!("{key:?}"), wanted));
        None
    }

    /// Ends the reading: keys that nobody asked for and keys that are missing are problems. A key that is misspelt
    /// is not also missing.
    pub fn done(mut self) {
        for (name, entry) in &self.unread {
            let what = format!("{name:?} is not a key of {}", self.whole);
            let absent = self.known.iter().filter(|(_, there)| !there).map(|(key, _)| *key);
            let remedy = match nearest(name, absent) {
                Some(key) => {
                    self.missing.retain(|missing| *missing != key);
                    format!("write {key:?}")
                }
                None => {
                    let known: Vec<&str> = self.known.iter().map(|(key, _)| *key).collect();
                    format!("its keys are {}", known.join(", "))
                }
            };
            self.problems.push(Problem::error("unknown_key", what, remedy).at(&entry.key.place));
        }
        for key in &self.missing {
            let what = format!("{} wants {key:?}", self.whole);
            self.problems.push(Problem::error("missing_key", what, format!("add `{key}: ...`")).at(self.place));
        }
    }
}

impl Node {
    /// This scalar as anything that is read from text; the problem of `key` where it is wrong.
    pub fn read<T: FromStr<Err: Remedy>>(&self, key: &'static str, problems: &mut Vec<Problem>) -> Option<T> {
        let Some(text) = self.text() else {
            problems.push(self.misshapen(&format!("{key:?}"), "text"));
            return None;
        };
        let refused = |error: T::Err| Problem::error(key, error.to_string(), error.remedy()).at(&self.place);
        text.parse().map_err(|error| problems.push(refused(error))).ok()
    }

    /// The names and texts of a mapping whose keys are free, such as labels; what is no text is a problem of `key`.
    pub fn texts<'n>(&'n self, key: &str, problems: &mut Vec<Problem>) -> Vec<(&'n str, &'n str, &'n Entry)> {
        let Value::Map(entries) = &self.value else {
            problems.push(self.misshapen(&format!("{key:?}"), "a mapping"));
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (name, entry) in entries_once(entries, problems) {
            match entry.value.text() {
                Some(text) => texts.push((name, text, entry)),
                None => problems.push(entry.value.misshapen(&format!("{name:?}"), "text")),
            }
        }
        texts
    }
}

/// The entries with a text for a key, each key once.
fn entries_once<'n>(entries: &'n [Entry], problems: &mut Vec<Problem>) -> Vec<(&'n str, &'n Entry)> {
    let mut first: HashMap<&str, &Place> = HashMap::new();
    let mut once = Vec::new();
    for entry in entries {
        let place = &entry.key.place;
        let Some(name) = entry.key.text() else {
            problems.push(entry.key.misshapen("a key", "text"));
            continue;
        };
        if let Some(first) = first.insert(name, place) {
            let what = format!("{name:?} stands twice, first at line {}", first.line);
            problems.push(Problem::error("duplicate_key", what, "keep one").at(place));
        } else {
            once.push((name, entry));
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Span;
    use crate::yaml::{Whole, documents};

    /// Reads a small record and tells what is wrong with it.
    fn check(text: &str, expected: &[&str]) {
        let (nodes, mut problems) = documents("f", text);
        for node in &nodes {
            let Some(mut fields) = Fields::of(node, "a job", &mut problems) else { continue };
            fields.require("name").text("name");
            fields.require("every").read::<Span>("every");
            fields.read::<Whole>("times");
            fields.list("steps");
            fields.choice("style", &[("plain", 1), ("fancy", 2)]);
            if let Some(labels) = fields.take("labels") {
                labels.texts("labels", fields.problems);
            }
            fields.done();
        }
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told, expected, "{text}");
    }

    #[test]
    fn has_nothing_to_say_of_a_good_mapping() {
        check("{ name: a, every: 5m, times: 3, steps: [], style: fancy, labels: { a: b } }", &[]);
    }

    #[test]
    fn names_the_key_that_was_probably_meant_and_does_not_call_it_missing_too() {
        check("{ nmae: a, every: 5m }", &[r#"f:1:3: "nmae" is not a key of a job; write "name""#]);
        check(
            "{ name: a, every: 5m, colour: red }",
            &[r#"f:1:23: "colour" is not a key of a job; its keys are name, every, times, steps, style, labels"#],
        );
    }

    #[test]
    fn names_what_is_missing_empty_or_of_another_shape() {
        check("{ name: a }", &[r#"f:1:1: a job wants "every"; add `every: ...`"#]);
        check("{ name: a, every: }", &[r#"f:1:12: "every" is empty; give it a value or remove it"#]);
        check(
            "- a",
            &["f:1:1: a job wants a mapping, found a list; write `key: value` lines beneath it, or { key: value }"],
        );
        check(
            "{ name: [a], every: 5m, steps: b, labels: c }",
            &[
                r#"f:1:9: "name" wants text, found a list; write one value"#,
                r#"f:1:32: "steps" wants a list, found text; write `- ` before each item, or [a, b]"#,
                r#"f:1:43: "labels" wants a mapping, found text; write `key: value` lines beneath it, or { key: value }"#,
            ],
        );
    }

    #[test]
    fn says_of_a_wrong_value_what_to_write_instead() {
        check("{ name: a, every: 5 }", &[r#"f:1:19: duration "5" has no unit; write its unit, such as 5s or 5ms"#]);
        check(
            "{ name: a, every: 5m, times: 012 }",
            &[r#"f:1:30: "012" is not a whole number; write digits only, such as 100"#],
        );
        check("{ name: a, every: 5m, style: big }", &[r#"f:1:30: style "big" is not known; write plain or fancy"#]);
    }

    #[test]
    fn finds_a_key_that_stands_twice_and_everything_else_that_is_wrong() {
        check(
            "name: a\nevery: 5m\nname: b\nlabels: { x: 1, x: 2 }\nbad: 1\n[a]: 1\n",
            &[
                r#"f:3:1: "name" stands twice, first at line 1; keep one"#,
                "f:6:1: a key wants text, found a list; write one value",
                r#"f:4:17: "x" stands twice, first at line 4; keep one"#,
                r#"f:5:1: "bad" is not a key of a job; its keys are name, every, times, steps, style, labels"#,
            ],
        );
    }
}
