//! The small parts of expressions: numbers, durations, times, label lists, and what joins two vectors.
//! Never knows the tree they are put into.

use crate::promql::expression::grammar::Parser;
use crate::promql::expression::node::{At, Grouping, Length, Many, Matching, Number, Offset, On, Operator, Variable};
use crate::promql::token::Token;
use crate::promql::{Error, Fault, parse};
use crate::units::{Span, SpanError, Timestamp, nearest};

/// The longest duration Prometheus knows: 2^63 ns.
const LONGEST: Span = Span::days(106_751);
/// The farthest time that is read, in seconds before or after 1970: a number holds its milliseconds exactly.
const FARTHEST: f64 = 1e12;

/// What stands between two values.
pub struct Join {
    pub at: usize,
    pub operator: Operator,
    pub bool: bool,
    pub matching: Option<Matching>,
}

/// Operators of other languages, and PromQL's own.
const FOREIGN: [(&str, &str); 8] =
    [("=", "=="), ("===", "=="), ("!==", "!="), ("<>", "!="), ("=>", ">="), ("=<", "<="), ("&&", "and"), ("||", "or")];

/// The number that `text` is. A duration is its seconds.
pub fn number(text: &str) -> Option<Number> {
    let digits = text.replace('_', "");
    let hex = digits.strip_prefix("0x").or(digits.strip_prefix("0X"));
    let octal = digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|digit| digit.is_ascii_digit());
    let value = match hex {
        Some(hex) => i64::from_str_radix(hex, 16).ok()? as f64,
        // Go reads a leading 0 so, where the digits allow.
        None if octal && !digits.contains(['8', '9']) => i64::from_str_radix(&digits, 8).ok()? as f64,
        None => digits.parse().ok().filter(|value: &f64| value.is_finite()).or_else(|| seconds(text))?,
    };
    Some(Number::new(value))
}

fn seconds(text: &str) -> Option<f64> {
    text.parse::<Span>().ok().filter(|span| *span <= LONGEST).map(Span::as_seconds)
}

impl<'a> Parser<'a> {
    /// A duration, or the variable that stands for one. A bare number is seconds, as in Prometheus 3.
    pub fn length(&mut self) -> Result<Length, Error> {
        let (at, token) = self.peek();
        let text = match token {
            Token::Variable(written) => return self.variable(written).map(Length::Variable),
            Token::Number(text) => text,
            _ => return Err(Error { at, fault: Fault::NoDuration }),
        };
        let seconds = number(text).map(Number::value).filter(|seconds| *seconds >= 0.001);
        let span = match (text.parse::<Span>(), seconds) {
            (Err(_), Some(seconds)) => Ok(Span::millis((seconds * 1_000.0).round() as i64)),
            (span, _) => span,
        };
        let span = match span {
            Ok(span) if span > LONGEST => Err(SpanError::TooLong(text.to_string())),
            span => span,
        };
        let span = span.map_err(|error| Error { at, fault: Fault::Duration(error) })?;
        self.skip(text);
        Ok(Length::Fixed(span))
    }

    fn variable(&mut self, written: &str) -> Result<Variable, Error> {
        let (at, _) = self.peek();
        match self.variables.iter().find(|variable| variable.name() == written) {
            Some(variable) => {
                self.skip(written);
                Ok(*variable)
            }
            None => Err(Error { at, fault: self.no_variable(written) }),
        }
    }

    /// What is wrong with a variable that does not stand where a duration does, or is not known.
    pub fn no_variable(&self, written: &str) -> Fault {
        match self.variables.iter().find(|variable| variable.name() == written) {
            Some(variable) => Fault::Variable(variable.name()),
            None => {
                let names = self.variables.iter().map(|variable| variable.name());
                let meant = nearest(written, names).unwrap_or(self.range());
                Fault::NoVariable { written: written.into(), meant }
            }
        }
    }

    /// What follows `offset`.
    pub fn offset(&mut self) -> Result<Offset, Error> {
        let later = self.minus();
        Ok(Offset { by: self.length()?, later })
    }

    /// Passes a sign, if one stands here: whether it is a minus.
    pub fn minus(&mut self) -> bool {
        !self.eat("+") && self.eat("-")
    }

    /// What follows `@`.
    pub fn time(&mut self) -> Result<At, Error> {
        let (at, _) = self.peek();
        let no_time = Error { at, fault: Fault::NoTime };
        for (word, time) in [("start", At::Start), ("end", At::End)] {
            if self.eat_word(word) {
                return if self.eat("(") && self.eat(")") { Ok(time) } else { Err(no_time) };
            }
        }
        let sign = if self.minus() { -1.0 } else { 1.0 };
        let (_, Token::Number(text)) = self.peek() else { return Err(no_time) };
        let seconds = number(text).map(|number| number.value() * sign).filter(|seconds| seconds.abs() <= FARTHEST);
        self.skip(text);
        seconds.map(|seconds| At::Time(Timestamp::millis((seconds * 1_000.0).round() as i64))).ok_or(no_time)
    }

    /// The operator that stands here, left where it is.
    pub fn operator(&mut self) -> Result<Option<Operator>, Error> {
        let (at, token) = self.peek();
        if let Token::Name(word) = token {
            return Ok(Operator::ALL.into_iter().find(|operator| operator.symbol().eq_ignore_ascii_case(word)));
        }
        let rest = self.rest();
        let written = &rest[..rest.len() - rest.trim_start_matches(['=', '!', '<', '>', '~', '&', '|']).len()];
        if let Some((written, meant)) = FOREIGN.into_iter().find(|(foreign, _)| *foreign == written) {
            return Err(Error { at, fault: Fault::Foreign { written, meant } });
        }
        match ["=~", "!~"].into_iter().find(|matcher| *matcher == written) {
            Some(matcher) => Err(Error { at, fault: Fault::LabelsOnly(matcher) }),
            None => Ok(Operator::ALL.into_iter().find(|operator| rest.starts_with(operator.symbol()))),
        }
    }

    /// The operator and what belongs to it: `bool`, `on` or `ignoring`, `group_left` or `group_right`.
    pub fn join(&mut self, operator: Operator) -> Result<Join, Error> {
        let (at, _) = self.peek();
        self.skip(operator.symbol());
        let bool = self.eat_word("bool");
        let labels = if self.eat_word("on") {
            Some(On::On(self.labels("on")?))
        } else if self.eat_word("ignoring") {
            Some(On::Ignoring(self.labels("ignoring")?))
        } else {
            None
        };
        let (group_at, _) = self.peek();
        let many = if self.eat_word("group_left") {
            Some(("group_left", Many::Left(self.labels_if_any("group_left")?)))
        } else if self.eat_word("group_right") {
            Some(("group_right", Many::Right(self.labels_if_any("group_right")?)))
        } else {
            None
        };
        let matching = match (labels, many) {
            (Some(labels), many) => Some(Matching { labels, many: many.map(|(_, many)| many) }),
            (None, Some((word, _))) => return Err(Error { at: group_at, fault: Fault::UnmatchedGroup(word) }),
            (None, None) => None,
        };
        Ok(Join { at, operator, bool, matching })
    }

    /// `by` or `without` and its labels, if they stand here.
    pub fn grouping(&mut self) -> Result<Option<Grouping>, Error> {
        if self.eat_word("by") {
            return Ok(Some(Grouping::By(self.labels("by")?)));
        }
        if self.eat_word("without") {
            return Ok(Some(Grouping::Without(self.labels("without")?)));
        }
        Ok(None)
    }

    fn labels_if_any(&mut self, word: &'static str) -> Result<Vec<Box<str>>, Error> {
        if self.peek().1 == Token::Sign('(') { self.labels(word) } else { Ok(Vec::new()) }
    }

    fn labels(&mut self, word: &'static str) -> Result<Vec<Box<str>>, Error> {
        let (at, token) = self.peek();
        if token != Token::Sign('(') {
            let label = if let Token::Name(label) = token { label } else { "job" };
            return Err(Error { at, fault: Fault::NoLabels { word, label: label.into() } });
        }
        self.open('(');
        let mut labels = Vec::new();
        while !self.close(')') {
            labels.push(self.label()?);
            let comma = self.eat(",");
            match self.peek() {
                (_, Token::Sign(')')) => {}
                _ if comma => {}
                (at, Token::Name(_) | Token::Quote) => return Err(Error { at, fault: Fault::NoLabelComma }),
                _ => return Err(Error { at, fault: Fault::Unclosed('(') }),
            }
        }
        Ok(labels)
    }

    fn label(&mut self) -> Result<Box<str>, Error> {
        let (at, token) = self.peek();
        let label: Box<str> = match token {
            Token::Name(name) if parse::is_label_name(name) => {
                self.skip(name);
                name.into()
            }
            Token::Quote => self.string()?.into(),
            Token::End => return Err(self.misplaced()),
            _ => "".into(),
        };
        if label.is_empty() { Err(Error { at, fault: Fault::NoLabel }) } else { Ok(label) }
    }
}
