//! Conditions on labels, ready to be asked of many series. Never knows the metric.

use regex::Regex;

use crate::promql::{Matcher, Op, pattern};
use crate::units::Labels;

/// Matchers that are matched here exactly as Prometheus would.
#[derive(Debug, Clone)]
pub struct Narrowing(Box<[Condition]>);

#[derive(Debug, Clone)]
struct Condition {
    label: Box<str>,
    values: Values,
    wanted: bool,
}

/// Values a label may have.
#[derive(Debug, Clone)]
enum Values {
    Words(Vec<Box<str>>),
    Like(Regex),
}

impl Narrowing {
    /// `None` where a pattern could mean something else to Prometheus.
    pub fn new(matchers: &[Matcher]) -> Option<Narrowing> {
        matchers.iter().map(Condition::new).collect::<Option<_>>().map(Narrowing)
    }

    /// Every series.
    pub fn all() -> Narrowing {
        Narrowing(Box::new([]))
    }

    pub fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a series with these labels is selected. A missing label reads as empty.
    pub fn admits(&self, labels: &Labels) -> bool {
        self.0.iter().all(|condition| condition.values.hold(labels.get(&condition.label)) == condition.wanted)
    }
}

impl Condition {
    fn new(matcher: &Matcher) -> Option<Condition> {
        let values = match matcher.op {
            Op::Equal | Op::NotEqual => Values::Words(vec![matcher.value.clone()]),
            Op::Match | Op::NotMatch => Values::like(&matcher.value)?,
        };
        let wanted = matches!(matcher.op, Op::Equal | Op::Match);
        Some(Condition { label: matcher.label.clone(), values, wanted })
    }
}

impl Values {
    fn like(text: &str) -> Option<Values> {
        if let Some(words) = pattern::words(text) {
            return Some(Values::Words(words));
        }
        Some(Values::Like(Regex::new(&pattern::translated(text).ok()?).ok()?))
    }

    fn hold(&self, value: &str) -> bool {
        match self {
            Values::Words(words) => words.iter().any(|word| **word == *value),
            Values::Like(regex) => regex.is_match(value),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::promql::Selector;

    fn narrowing(matchers: &str) -> Option<Narrowing> {
        Narrowing::new(Selector::parse(&format!("m{{{matchers}}}")).unwrap().matchers())
    }

    fn check(matchers: &str, labels: &[(&str, &str)], admitted: bool) {
        let labels = Labels::new(labels.iter().copied());
        assert_eq!(narrowing(matchers).unwrap().admits(&labels), admitted, "{matchers} {labels}");
    }

    #[test]
    fn admits_what_every_matcher_admits() {
        check("", &[("a", "b")], true);
        check(r#"a="b",c!="d""#, &[("a", "b"), ("c", "e")], true);
        check(r#"a="b",c!="d""#, &[("a", "b"), ("c", "d")], false);
        check(r#"a="b",c!="d""#, &[("a", "x"), ("c", "e")], false);
    }

    #[test]
    fn reads_a_missing_label_as_empty() {
        check(r#"a="""#, &[], true);
        check(r#"a!="""#, &[], false);
        check(r#"a=~".*""#, &[], true);
        check(r#"a=~".+""#, &[], false);
        check(r#"a=~"x|""#, &[], true);
        check(r#"a!~"x|""#, &[], false);
    }

    #[test]
    fn matches_the_whole_value() {
        check(r#"a=~"5..""#, &[("a", "503")], true);
        check(r#"a=~"5..""#, &[("a", "5030")], false);
        check(r#"a=~"50|3""#, &[("a", "503")], false);
        check(r#"a=~"5(0|1).""#, &[("a", "503")], true);
        check(r#"a!~"5..""#, &[("a", "404")], true);
        check(r#"a=~"a.c""#, &[("a", "a\nc")], true);
        check(r#"a=~"x|y.*""#, &[("a", "zx")], false);
    }

    #[test]
    fn matches_ascii_where_re2_does() {
        check(r"a=~`\d`", &[("a", "\u{664}")], false);
        check(r"a=~`\w`", &[("a", "é")], false);
        check(r"a=~`\s`", &[("a", "\u{b}")], false);
        check(r"a=~`.*\bx`", &[("a", "éx")], true);
        check(r"a=~`.`", &[("a", "é")], true);
    }

    #[test]
    fn is_none_where_a_pattern_could_mean_something_else() {
        assert!(narrowing(r"a=~`\pL`").is_none());
        assert!(narrowing(r"b='c',a!~`[[:alpha:]]`").is_none());
        assert!(narrowing(r"a=~`(?:(?:a{1000}){1000}){1000}`").is_none(), "too large to compile");
    }
}
