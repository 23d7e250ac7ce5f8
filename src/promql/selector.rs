//! A vector selector: a metric and the matchers that narrow it. Never knows how its text is read.

use std::fmt::{self, Write};
use std::sync::Arc;

use crate::promql::{Error, names, parse, string};

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Op {
    Equal,
    NotEqual,
    Match,
    NotMatch,
}

impl Op {
    pub fn symbol(self) -> &'static str {
        match self {
            Op::Equal => "=",
            Op::NotEqual => "!=",
            Op::Match => "=~",
            Op::NotMatch => "!~",
        }
    }
}

/// One condition on one label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Matcher {
    pub label: Box<str>,
    pub op: Op,
    pub value: Box<str>,
}

impl Matcher {
    pub fn new(label: impl Into<Box<str>>, op: Op, value: impl Into<Box<str>>) -> Matcher {
        Matcher { label: label.into(), op, value: value.into() }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match parse::is_label_name(&self.label) {
            true => f.write_str(&self.label)?,
            false => string::write_quoted(f, &self.label)?,
        }
        f.write_str(self.op.symbol())?;
        string::write_quoted(f, &self.value)
    }
}

/// A plain selector such as `http_requests_total{job="checkout"}`. Invariant: a metric name, and matchers in normal
/// form (sorted, each once, none on `__name__`). Those of one SLO's series share their matchers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selector {
    metric: Box<str>,
    matchers: Arc<[Matcher]>,
}

impl Selector {
    /// Brings `matchers` into normal form; what they say of `__name__` is dropped, for `metric` says it.
    pub fn new(metric: impl Into<Box<str>>, matchers: impl IntoIterator<Item = Matcher>) -> Selector {
        let mut matchers: Vec<Matcher> =
            matchers.into_iter().filter(|matcher| &*matcher.label != names::NAME_LABEL).collect();
        matchers.sort();
        matchers.dedup();
        Selector { metric: metric.into(), matchers: matchers.into() }
    }

    /// Reads a selector as Prometheus does; one that names no single metric is refused, for nothing can be counted by it.
    pub fn parse(text: &str) -> Result<Selector, Error> {
        parse::selector(text)
    }

    pub fn metric(&self) -> &str {
        &self.metric
    }

    pub fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    /// The matchers as they are written: `{job="a",zone=~"b|c"}`; empty where there are none.
    pub fn conditions(&self) -> String {
        InBraces(self.matchers.iter()).to_string()
    }

    /// This selector under one more condition.
    pub fn and(&self, matcher: Matcher) -> Selector {
        Selector::new(self.metric.clone(), self.matchers.iter().cloned().chain([matcher]))
    }

    /// This selector under more conditions.
    pub fn within<'m>(&self, matchers: impl IntoIterator<Item = &'m Matcher>) -> Selector {
        Selector::new(self.metric.clone(), self.matchers.iter().cloned().chain(matchers.into_iter().cloned()))
    }

    /// The same conditions on another metric, such as `x_bucket` for `x`.
    pub fn with_metric(&self, metric: &str) -> Selector {
        Selector { metric: metric.into(), matchers: self.matchers.clone() }
    }

    /// What `narrower` asks beyond this selector, possibly nothing; `None` where it is not seen to ask all that this does.
    pub fn extra(&self, narrower: &Selector) -> Option<Vec<Matcher>> {
        let within = self.metric == narrower.metric && self.matchers.iter().all(|own| narrower.matchers.contains(own));
        within.then(|| narrower.matchers.iter().filter(|matcher| !self.matchers.contains(matcher)).cloned().collect())
    }
}

impl fmt::Display for Selector {
    /// In normal form: `up`, `up{job="a",zone=~"b|c"}`. A metric that PromQL cannot name outside braces is named inside.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let is_outside = parse::is_metric_name(&self.metric);
        if is_outside {
            f.write_str(&self.metric)?;
        }
        let inside = (!is_outside).then(|| Matcher::new(names::NAME_LABEL, Op::Equal, self.metric.clone()));
        InBraces(inside.iter().chain(&*self.matchers)).fmt(f)
    }
}

/// `{a="b",c="d"}`; nothing where there is none.
struct InBraces<M>(M);

impl<'m, M: Iterator<Item = &'m Matcher> + Clone> fmt::Display for InBraces<M> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut before = '{';
        for matcher in self.0.clone() {
            write!(f, "{before}{matcher}")?;
            before = ',';
        }
        if before == ',' { f.write_char('}') } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn selector(text: &str) -> Selector {
        Selector::parse(text).unwrap()
    }

    fn check(text: &str, normal: &str) {
        assert_eq!(selector(text).to_string(), normal);
        assert_eq!(selector(normal).to_string(), normal, "the normal form is its own");
    }

    #[test]
    fn writes_the_normal_form_whatever_order_and_quotes_were_written() {
        check("up{}", "up");
        check(r#" up { zone = 'b' , job = "a", } "#, r#"up{job="a",zone="b"}"#);
        check(r#"up{job="a",job="a",job!="b"}"#, r#"up{job="a",job!="b"}"#);
        check(r#"{job="a",__name__="up"}"#, r#"up{job="a"}"#);
        check("up{path=`C:\\new`}", r#"up{path="C:\\new"}"#);
        check(r#"up{a='say "hi"\n'}"#, r#"up{a="say \"hi\"\n"}"#);
    }

    #[test]
    fn names_inside_braces_what_cannot_stand_outside() {
        check(r#"{"http.requests", "http.status"="500"}"#, r#"{__name__="http.requests","http.status"="500"}"#);
        check(r#"{__name__="nan"}"#, r#"{__name__="nan"}"#);
    }

    #[test]
    fn writes_its_conditions_alone() {
        assert_eq!(selector("up").conditions(), "");
        assert_eq!(selector(r#"up{job="a",zone=~"b|c"}"#).conditions(), r#"{job="a",zone=~"b|c"}"#);
    }

    #[test]
    fn says_what_a_narrower_selector_adds() {
        let wide = selector(r#"requests_total{job="a"}"#);
        let added = Matcher::new("code", Op::Match, "5..");
        assert_eq!(wide.extra(&wide), Some(vec![]));
        assert_eq!(wide.extra(&wide.and(added.clone())), Some(vec![added]));
        assert_eq!(wide.extra(&selector("requests_total")), None);
        assert_eq!(wide.extra(&selector(r#"requests_total{job="b",code="500"}"#)), None);
        assert_eq!(wide.extra(&wide.with_metric("errors_total")), None);
    }

    /// Texts full of what has to be escaped.
    fn nasty() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(vec![
                    "\\", "\"", "'", "`", "\n", "\r", "\0", "{", "}", ",", "=~", "#", "é", "日"
                ])
                .prop_map(str::to_string),
                any::<char>().prop_map(String::from),
            ],
            0..8,
        )
        .prop_map(|parts| parts.concat())
    }

    fn matchers() -> impl Strategy<Value = Vec<Matcher>> {
        let label = prop_oneof!["[a-z_][a-z0-9_]{0,8}", "[a-z.é \"]{1,6}"];
        let op = proptest::sample::select(vec![Op::Equal, Op::NotEqual]);
        proptest::collection::vec(
            (label, op, nasty()).prop_map(|(label, op, value)| Matcher::new(label, op, value)),
            0..5,
        )
    }

    proptest! {
        #[test]
        fn is_read_back_as_it_was_written(
            metric in prop_oneof!["[a-z_:][a-z0-9_:]{0,12}".boxed(), nasty().prop_filter("a name", |name| !name.is_empty()).boxed()],
            matchers in matchers(),
        ) {
            let selector = Selector::new(metric, matchers);
            prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector));
        }

        #[test]
        fn is_read_or_refused_but_never_panics(text in "[a-z_{}=~!\"'`\\\\,# \\[\\]()\u{e9}\n0-9]{0,24}") {
            if let Err(error) = Selector::parse(&text) {
                prop_assert!(text.is_char_boundary(error.at));
            }
        }
    }
}
