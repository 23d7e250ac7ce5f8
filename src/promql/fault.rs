//! What can be wrong with a text of PromQL, and what to write instead. Never knows how it was found.

use crate::promql::expression::{self, Kind};
use crate::promql::{parse, string};
use crate::units::SpanError;

/// What is wrong, and at which byte of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct Error {
    pub at: usize,
    pub fault: Fault,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is more than a selector; the text ends a sentence that begins with "it".
    #[error("this is an expression (it {0})")]
    Expression(String),
    #[error("the selector is longer than {} bytes", parse::MAX_BYTES)]
    TooLong,
    #[error("the selector names no metric")]
    NoMetric,
    #[error("the selector names a second metric")]
    SecondMetric,
    #[error("the selector matches metrics by pattern or exclusion")]
    ManyMetrics,
    #[error("the selector leaves nothing out")]
    Everything,
    #[error("{0:?} is a word of PromQL, not a metric")]
    Reserved(Box<str>),
    #[error("{0:?} cannot stand here")]
    Unexpected(char),
    #[error("a selector holds no comment")]
    Comment,
    #[error("{{ is not closed")]
    UnclosedBraces,
    #[error("the quote is not closed")]
    UnclosedString,
    #[error("{0} is not an escape")]
    Escape(Box<str>),
    #[error("the string is not UTF-8")]
    NotUtf8,
    #[error("a label name is missing")]
    NoLabel,
    #[error("label {0:?} has no = != =~ or !~ behind it")]
    NoOperator(Box<str>),
    #[error("== compares values, not labels")]
    DoubleEquals,
    #[error("the value {0:?} is not in quotes")]
    Unquoted(Box<str>),
    #[error("label {0:?} has no value")]
    NoValue(Box<str>),
    #[error("a comma is missing between two matchers")]
    NoComma,
    #[error("`or` between matchers is not PromQL")]
    Or,
    #[error("the pattern {pattern:?} {why}")]
    Pattern { pattern: Box<str>, why: &'static str },

    // Of expressions alone:
    #[error("the expression is longer than {} bytes", expression::MAX_BYTES)]
    LongExpression,
    #[error("the expression is nested too deeply")]
    TooDeep,
    #[error("the expression is empty")]
    Empty,
    #[error("{0} is not closed")]
    Unclosed(char),
    #[error("{0} closes nothing")]
    ClosesNothing(char),
    #[error("{0:?} cannot stand here")]
    Stray(char),
    #[error("a value is missing")]
    NoOperand,
    #[error("an operator is missing before {0:?}")]
    NoJoin(Box<str>),
    /// Written in the way of another language.
    #[error("{written} is not an operator")]
    Foreign { written: &'static str, meant: &'static str },
    #[error("{0} compares labels, and stands between braces only")]
    LabelsOnly(&'static str),
    #[error("{0:?} is not a number")]
    BadNumber(Box<str>),
    #[error(transparent)]
    Duration(SpanError),
    #[error("a duration is missing")]
    NoDuration,
    #[error("there is no variable {written} here")]
    NoVariable { written: Box<str>, meant: &'static str },
    #[error("{0} stands for a duration, not for a number")]
    Variable(&'static str),
    #[error("there is no function {name}")]
    NoFunction { name: Box<str>, nearest: Option<&'static str> },
    #[error("{who} wants {wants}, not {given}")]
    Arguments { who: &'static str, wants: Box<str>, given: usize, call: Box<str> },
    #[error("{who} wants {wants}, not {given}")]
    Kind { who: &'static str, wants: Kind, given: Kind, remedy: Box<str> },
    #[error("{0} wants its values in parentheses")]
    NoParentheses(&'static str),
    #[error("{word} wants its labels in parentheses")]
    NoLabels { word: &'static str, label: Box<str> },
    #[error("a comma is missing between two labels")]
    NoLabelComma,
    #[error("{0} belongs to an aggregation such as sum")]
    StrayGrouping(Box<str>),
    #[error("bool belongs behind a comparison, not behind {0}")]
    StrayBool(&'static str),
    #[error("two numbers are compared without bool")]
    NoBool(&'static str),
    #[error("{0} compares vectors, not numbers")]
    SetOfNumbers(&'static str),
    #[error("on and ignoring match two vectors, and here is a number")]
    MatchedNumber,
    #[error("{0} has no on or ignoring before it")]
    UnmatchedGroup(&'static str),
    #[error("{0} takes whole series from both sides, and needs no group_left")]
    GroupedSet(&'static str),
    #[error("label {0:?} is matched by on already")]
    LabelTwice(Box<str>),
    #[error("a range stands behind a selector only")]
    RangeOfNothing,
    #[error("the range stands behind {0}")]
    LateRange(&'static str),
    #[error("{0} stands behind a selector or a subquery only")]
    ShiftOfNothing(&'static str),
    #[error("{0} stands here twice")]
    ShiftTwice(&'static str),
    #[error("@ has no time behind it")]
    NoTime,
}

impl Error {
    /// What to do about it, as the second half of a sentence.
    pub fn remedy(&self) -> String {
        match &self.fault {
            Fault::Expression(_) => "give a plain selector, such as http_requests_total{job=\"checkout\"}".into(),
            Fault::TooLong => "match by fewer or shorter patterns".into(),
            Fault::NoMetric => "begin with a metric, such as http_requests_total".into(),
            Fault::SecondMetric => "keep one of the two names".into(),
            Fault::ManyMetrics => "name one metric, and give each other metric an SLO of its own".into(),
            Fault::Everything => "name a metric, or a label with a value, such as {job=\"checkout\"}".into(),
            Fault::Reserved(word) => format!("if a metric is called so, write {{__name__={word:?}}}"),
            Fault::Unexpected('.' | '-') => "if it belongs to the name, write the name in braces and quotes".into(),
            Fault::Unexpected(_) => "write a metric and its matchers, such as up{job=\"checkout\"}".into(),
            Fault::Comment => "remove it".into(),
            Fault::UnclosedBraces => "end the matchers with }".into(),
            Fault::UnclosedString => "end the value with the quote it began with".into(),
            Fault::Escape(written) => format!("write \\{written}, or put the value in backquotes"),
            Fault::NotUtf8 => "write letters themselves, or as \\u and four hex digits".into(),
            Fault::NoLabel => "write a label, such as job=\"checkout\"".into(),
            Fault::NoOperator(label) => format!("write {label}=\"...\""),
            Fault::DoubleEquals => "write = once".into(),
            Fault::Unquoted(value) => {
                format!("write {}", string::quoted(value.trim_matches(['“', '”', '„', '‘', '’', '"', '\''])))
            }
            Fault::NoValue(label) => format!("write {label}=\"...\", or \"\" for series without that label"),
            Fault::NoComma => "separate matchers by commas".into(),
            Fault::Or => "join the values in one pattern, such as code=~\"500|503\"".into(),
            Fault::Pattern { .. } => "write it as RE2 does; it is matched against the whole value".into(),

            Fault::LongExpression | Fault::TooDeep => {
                "record a part of it by a rule of Prometheus, and use the recorded series".into()
            }
            Fault::Empty => "write one, such as sum(rate(http_requests_total[5m]))".into(),
            Fault::Unclosed(opened) => format!("end it with {}", closing(*opened)),
            Fault::ClosesNothing(_) => "remove it, or open it before".into(),
            Fault::Stray('“' | '”' | '„' | '‘' | '’') => "write straight quotes, \" or '".into(),
            Fault::Stray(_) => "remove it, or quote the text it belongs to".into(),
            Fault::NoOperand => "write a selector, a number or a call, such as rate(up[5m])".into(),
            Fault::NoJoin(_) => "join the two by an operator, such as / or +".into(),
            Fault::Foreign { meant, .. } => format!("write {meant}"),
            Fault::LabelsOnly(_) => "write the matcher behind its metric, such as up{job=~\"a|b\"}".into(),
            Fault::BadNumber(_) => "write it as 42, 0.5, 1e6 or 0x2a; a name cannot begin with a digit".into(),
            Fault::Duration(error) => error.remedy(),
            Fault::NoDuration => "write one, such as 5m".into(),
            Fault::NoVariable { meant, .. } => format!("write {meant} or a duration such as 5m"),
            Fault::Variable(name) => format!("write it behind a selector, such as x[{name}]"),
            Fault::NoFunction { nearest: Some(nearest), .. } => format!("write {nearest}"),
            Fault::NoFunction { nearest: None, .. } => {
                "write one of Prometheus' functions, or an operator if a metric is meant".into()
            }
            Fault::Arguments { call, .. } => format!("write {call}"),
            Fault::Kind { remedy, .. } => remedy.to_string(),
            Fault::NoParentheses(name) => format!("write {name}(...)"),
            Fault::NoLabels { word, label } => format!("write {word} ({label})"),
            Fault::NoLabelComma => "separate labels by commas".into(),
            Fault::StrayGrouping(word) => format!("write sum {word} (...) (...)"),
            Fault::StrayBool(_) => "remove it".into(),
            Fault::NoBool(operator) => format!("write {operator} bool, which gives 0 or 1"),
            Fault::SetOfNumbers(_) => "compare numbers by == or >, or make a vector of one by vector(...)".into(),
            Fault::MatchedNumber => "remove it".into(),
            Fault::UnmatchedGroup(group) => format!("write on (job) {group}, with the labels both sides share"),
            Fault::GroupedSet(_) => "remove it".into(),
            Fault::LabelTwice(_) => "name it once; labels of on are kept anyway".into(),
            Fault::RangeOfNothing => "give the range to the selector, or make a subquery of it, such as [5m:1m]".into(),
            Fault::LateRange(word) => format!("write the range first, such as x[5m] {word} ..."),
            Fault::ShiftOfNothing(word) => format!("write it behind the selector, such as sum(x {word} ...)"),
            Fault::ShiftTwice(_) => "keep one of the two".into(),
            Fault::NoTime => "write seconds since 1970, start() or end()".into(),
        }
    }
}

fn closing(opened: char) -> char {
    match opened {
        '[' => ']',
        '{' => '}',
        _ => ')',
    }
}
