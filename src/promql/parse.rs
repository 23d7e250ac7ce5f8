//! The text of a selector, read as Prometheus reads it, alone or within an expression.
//! Never knows where the text stands: errors point at a byte of it.

use crate::promql::expression::Series;
use crate::promql::{Error, Fault, Matcher, Narrowing, Op, Selector, names, pattern, sign, string};
use crate::units::Labels;

/// The longest selector that is read.
pub const MAX_BYTES: usize = 4 * 1024;

/// Words that PromQL reads as something else where a metric's name could stand, in any case.
const RESERVED: [&str; 8] = ["atan2", "bool", "group_left", "group_right", "ignoring", "inf", "nan", "on"];

pub fn selector(text: &str) -> Result<Selector, Error> {
    if text.len() > MAX_BYTES {
        return Err(Error { at: 0, fault: Fault::TooLong });
    }
    Reader { text, at: 0, expression: false }.selector().map_err(|error| match sign::sign(text) {
        Some((at, sign)) => Error { at, fault: Fault::Expression(sign) },
        None => error,
    })
}

/// Whether PromQL takes `name` for a metric where it stands outside braces.
pub fn is_metric_name(name: &str) -> bool {
    is_name(name, metric_letter) && !RESERVED.iter().any(|word| word.eq_ignore_ascii_case(name))
}

/// Whether PromQL takes `name` for a label without quotes.
pub fn is_label_name(name: &str) -> bool {
    is_name(name, label_letter)
}

fn is_name(name: &str, letter: fn(char) -> bool) -> bool {
    name.starts_with(|first: char| !first.is_ascii_digit()) && name.chars().all(letter)
}

fn metric_letter(letter: char) -> bool {
    label_letter(letter) || letter == ':'
}

fn label_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// A place in the text that moves forward.
pub struct Reader<'a> {
    pub text: &'a str,
    pub at: usize,
    /// Within an expression there may be comments, and selectors of several metrics.
    pub expression: bool,
}

impl<'a> Reader<'a> {
    /// The one selector that is the whole text.
    fn selector(&mut self) -> Result<Selector, Error> {
        self.skip_blanks();
        let start = self.at;
        let (metric, matchers) = self.metric_and_matchers()?;
        self.skip_blanks();
        match (self.next(), metric) {
            (Some('#'), _) => Err(self.error(Fault::Comment)),
            (Some(letter), _) => Err(self.error(Fault::Unexpected(letter))),
            (None, None) => Err(Error { at: start, fault: Fault::NoMetric }),
            (None, Some(metric)) => Ok(Selector::new(metric, matchers)),
        }
    }

    /// The selector that stands here in an expression.
    pub fn series(&mut self) -> Result<Series, Error> {
        let start = self.at;
        let fails = |fault| Err(Error { at: start, fault });
        let (metric, mut matchers) = self.metric_and_matchers()?;
        let by_name = matchers.iter().any(|matcher| &*matcher.label == names::NAME_LABEL);
        match metric {
            Some(_) if by_name => fails(Fault::SecondMetric),
            Some(metric) => Ok(Series::Of(Selector::new(metric, matchers))),
            None if Narrowing::new(&matchers).is_some_and(|all| all.admits(&Labels::default())) => {
                fails(Fault::Everything)
            }
            None => {
                matchers.sort();
                matchers.dedup();
                Ok(Series::Across(matchers.into()))
            }
        }
    }

    fn metric_and_matchers(&mut self) -> Result<(Option<Box<str>>, Vec<Matcher>), Error> {
        let start = self.at;
        let mut metric = self.name(metric_letter).map(Box::<str>::from);
        if let Some(word) = metric.as_deref().filter(|name| !is_metric_name(name)) {
            return Err(Error { at: start, fault: Fault::Reserved(word.into()) });
        }
        self.skip_blanks();
        let matchers = if self.eat("{") { self.matchers(&mut metric)? } else { Vec::new() };
        Ok((metric.filter(|name| !name.is_empty()), matchers))
    }

    /// What stands between the braces. A metric named there becomes the metric.
    fn matchers(&mut self, metric: &mut Option<Box<str>>) -> Result<Vec<Matcher>, Error> {
        let opened = self.at - 1;
        let mut matchers = Vec::new();
        loop {
            self.skip_blanks();
            if self.eat("}") {
                return Ok(matchers);
            }
            let start = self.at;
            let fails = |fault| Err(Error { at: start, fault });
            let (label, op, value) = match self.item(opened)? {
                Item::Matcher(matcher) => (matcher.label, matcher.op, matcher.value),
                Item::Metric(name) => (names::NAME_LABEL.into(), Op::Equal, name),
            };
            match (&*label == names::NAME_LABEL, op) {
                (false, _) => matchers.push(Matcher { label, op, value }),
                (true, Op::Equal) if metric.is_some() => return fails(Fault::SecondMetric),
                (true, Op::Equal) => *metric = Some(value),
                (true, Op::NotEqual | Op::Match | Op::NotMatch) if self.expression => {
                    matchers.push(Matcher { label, op, value });
                }
                (true, Op::NotEqual | Op::Match | Op::NotMatch) => return fails(Fault::ManyMetrics),
            }
            self.skip_blanks();
            if !self.eat(",") && self.next() != Some('}') {
                return Err(self.after_a_matcher(opened));
            }
        }
    }

    fn after_a_matcher(&self, opened: usize) -> Error {
        let word = &self.rest()[..self.rest().find(|letter| !label_letter(letter)).unwrap_or(self.rest().len())];
        match self.next() {
            None => Error { at: opened, fault: Fault::UnclosedBraces },
            Some('#') => self.error(Fault::Comment),
            Some(_) if word.eq_ignore_ascii_case("or") => self.error(Fault::Or),
            Some(letter) if label_letter(letter) || letter == '"' => self.error(Fault::NoComma),
            Some(letter) => self.error(Fault::Unexpected(letter)),
        }
    }

    fn item(&mut self, opened: usize) -> Result<Item, Error> {
        let quoted = self.opens_string();
        let label: Box<str> = match (quoted, self.next()) {
            (true, _) => self.string()?.into(),
            (false, None) => return Err(Error { at: opened, fault: Fault::UnclosedBraces }),
            (false, Some('#')) => return Err(self.error(Fault::Comment)),
            (false, Some(_)) => self.name(label_letter).ok_or_else(|| self.error(Fault::NoLabel))?.into(),
        };
        self.skip_blanks();
        if quoted && matches!(self.next(), Some(',' | '}')) {
            return Ok(Item::Metric(label));
        }
        if label.is_empty() {
            return Err(self.error(Fault::NoLabel));
        }
        let op = self.op(&label)?;
        self.skip_blanks();
        let start = self.at;
        let value = self.value(&label)?;
        match (op, pattern::translated(&value)) {
            (Op::Match | Op::NotMatch, Err(pattern::Obstacle::Broken(why))) => {
                Err(Error { at: start, fault: Fault::Pattern { pattern: value, why } })
            }
            _ => Ok(Item::Matcher(Matcher { label, op, value })),
        }
    }

    fn op(&mut self, label: &str) -> Result<Op, Error> {
        if self.rest().starts_with("==") {
            return Err(self.error(Fault::DoubleEquals));
        }
        [Op::Match, Op::NotMatch, Op::NotEqual, Op::Equal]
            .into_iter()
            .find(|op| self.eat(op.symbol()))
            .ok_or_else(|| self.error(Fault::NoOperator(label.into())))
    }

    fn value(&mut self, label: &str) -> Result<Box<str>, Error> {
        if self.opens_string() {
            return Ok(self.string()?.into());
        }
        let bare = self.rest().split([',', '}', ' ', '\t', '\n', '\r']).next().unwrap_or_default();
        Err(self.error(match bare {
            "" => Fault::NoValue(label.into()),
            bare => Fault::Unquoted(bare.into()),
        }))
    }

    pub fn opens_string(&self) -> bool {
        matches!(self.next(), Some('"' | '\'' | '`'))
    }

    pub fn string(&mut self) -> Result<String, Error> {
        let (value, written) = string::leading(self.rest()).map_err(|flaw| match flaw {
            string::Flaw::Unclosed => self.error(Fault::UnclosedString),
            string::Flaw::NotUtf8 => self.error(Fault::NotUtf8),
            string::Flaw::Escape { at, written } => Error { at: self.at + at, fault: Fault::Escape(written) },
        })?;
        self.at += written;
        Ok(value)
    }

    /// The name that stands here, if one does.
    fn name(&mut self, letter: fn(char) -> bool) -> Option<&'a str> {
        let rest = self.rest();
        let name = &rest[..rest.find(|other| !letter(other)).unwrap_or(rest.len())];
        self.at += if is_name(name, letter) { name.len() } else { return None };
        Some(name)
    }

    pub fn eat(&mut self, symbol: &str) -> bool {
        let stands = self.rest().starts_with(symbol);
        self.at += if stands { symbol.len() } else { 0 };
        stands
    }

    pub fn skip_blanks(&mut self) {
        loop {
            self.at = self.text.len() - self.rest().trim_start_matches([' ', '\t', '\n', '\r']).len();
            if !self.expression || self.next() != Some('#') {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    pub fn next(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub fn error(&self, fault: Fault) -> Error {
        Error { at: self.at, fault }
    }
}

/// One thing between braces: a condition, or a metric's name in quotes.
enum Item {
    Matcher(Matcher),
    Metric(Box<str>),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn check(text: &str, at: usize, what: &str, remedy: &str) {
        let error = selector(text).unwrap_err();
        assert_eq!((error.at, &*error.to_string(), &*error.remedy()), (at, what, remedy), "{text}");
    }

    #[test]
    fn reads_what_prometheus_reads() {
        let read =
            selector(" job:errors:rate5m {\n job = \"a\", code =~ `5..` , path != '' , zone !~ \"b|c\", } ").unwrap();
        assert_eq!(read.metric(), "job:errors:rate5m");
        assert_eq!(
            read.matchers(),
            [
                Matcher::new("code", Op::Match, "5.."),
                Matcher::new("job", Op::Equal, "a"),
                Matcher::new("path", Op::NotEqual, ""),
                Matcher::new("zone", Op::NotMatch, "b|c"),
            ]
        );
        for text in ["sum", "offset", "or", "up{}", "_", ":a", r#"up{or="x"}"#, r#"{"up"}"#, r#"{'a b',c="d"}"#] {
            assert!(selector(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn refuses_a_text_without_one_metric() {
        let begin = "begin with a metric, such as http_requests_total";
        check("", 0, "the selector names no metric", begin);
        check(" {job=\"a\"}", 1, "the selector names no metric", begin);
        check("{__name__=\"\"}", 0, "the selector names no metric", begin);
        check("up{__name__=\"down\"}", 3, "the selector names a second metric", "keep one of the two names");
        check("{\"a\",\"b\"}", 5, "the selector names a second metric", "keep one of the two names");
        check(
            "{__name__=~\"a.*\"}",
            1,
            "the selector matches metrics by pattern or exclusion",
            "name one metric, and give each other metric an SLO of its own",
        );
        check(
            "NaN{a=\"b\"}",
            0,
            "\"NaN\" is a word of PromQL, not a metric",
            "if a metric is called so, write {__name__=\"NaN\"}",
        );
    }

    #[test]
    fn refuses_matchers_that_are_not_whole_and_says_what_to_write() {
        let close = "end the matchers with }";
        check("up{", 2, "{ is not closed", close);
        check("up{a=\"b\"", 2, "{ is not closed", close);
        check("up{a=\"b\",", 2, "{ is not closed", close);
        check("up{a=\"b}", 5, "the quote is not closed", "end the value with the quote it began with");
        check("up{a==\"b\"}", 4, "== compares values, not labels", "write = once");
        check("up{code=500}", 8, "the value \"500\" is not in quotes", "write \"500\"");
        check("up{code=“500”}", 8, "the value \"“500”\" is not in quotes", "write \"500\"");
        check(
            "up{code=}",
            8,
            "label \"code\" has no value",
            "write code=\"...\", or \"\" for series without that label",
        );
        check("up{code}", 7, "label \"code\" has no = != =~ or !~ behind it", "write code=\"...\"");
        check("up{code:\"5\"}", 7, "label \"code\" has no = != =~ or !~ behind it", "write code=\"...\"");
        check("up{,}", 3, "a label name is missing", "write a label, such as job=\"checkout\"");
        check("up{\"\"=\"a\"}", 5, "a label name is missing", "write a label, such as job=\"checkout\"");
        check("up{1=\"a\"}", 3, "a label name is missing", "write a label, such as job=\"checkout\"");
        check("up{a=\"b\" c=\"d\"}", 9, "a comma is missing between two matchers", "separate matchers by commas");
        check(
            "up{a=\"b\" or a=\"c\"}",
            9,
            "`or` between matchers is not PromQL",
            "join the values in one pattern, such as code=~\"500|503\"",
        );
    }

    #[test]
    fn refuses_broken_values() {
        check("up{code=~\"5\\d\"}", 11, r"\d is not an escape", r"write \\d, or put the value in backquotes");
        check(
            "up{a=\"\\xff\"}",
            5,
            "the string is not UTF-8",
            "write letters themselves, or as \\u and four hex digits",
        );
        let re2 = "write it as RE2 does; it is matched against the whole value";
        check("up{code=~\"5(\"}", 9, "the pattern \"5(\" has a ( that is not closed", re2);
        check("up{code!~\"*\"}", 9, "the pattern \"*\" repeats nothing", re2);
        assert!(selector("up{code=\"*\"}").is_ok());
    }

    #[test]
    fn refuses_what_is_more_than_a_selector() {
        let plain = "give a plain selector, such as http_requests_total{job=\"checkout\"}";
        check("rate(up[5m])", 0, "this is an expression (it calls rate)", plain);
        check("up{a=\"b\"} [5m]", 10, "this is an expression (it reads the range [5m])", plain);
        check("up # all", 3, "a selector holds no comment", "remove it");
        check(
            "http.requests",
            4,
            "'.' cannot stand here",
            "if it belongs to the name, write the name in braces and quotes",
        );
        check("up}", 2, "'}' cannot stand here", "write a metric and its matchers, such as up{job=\"checkout\"}");
        check(&"é".repeat(2049), 0, "the selector is longer than 4096 bytes", "match by fewer or shorter patterns");
    }
}
