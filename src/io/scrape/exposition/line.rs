//! One line of exposition text, read from left to right. Names and values are borrowed from it where they stand in it
//! as they are. Never knows the line before it.

use std::borrow::Cow;

use crate::io::scrape::exposition::fault::Flaw;
use crate::io::scrape::exposition::{Format, LONGEST_TEXT, MOST_LABELS};
use crate::promql::names::NAME_LABEL;

/// What a line says.
#[derive(Debug, PartialEq)]
pub enum Line<'t> {
    /// Nothing that counts: a blank line, a comment, a help text, a unit.
    Comment,
    /// The type of a family of metrics.
    Type { family: Cow<'t, str>, suffixes: Suffixes },
    /// A value; its labels are beside it.
    Sample { metric: Cow<'t, str>, value: f64 },
    /// `# EOF`
    End,
}

/// What the names of a family's series end with, of a type whose series may tell when they began; else nothing.
pub type Suffixes = &'static [&'static str];

/// Labels as they are written, in that order, each name once.
pub type Pairs<'t> = Vec<(Cow<'t, str>, Cow<'t, str>)>;

/// Reads `text`, which holds no line break. The labels of a sample replace those in `labels`.
pub fn line<'t>(text: &'t str, format: Format, labels: &mut Pairs<'t>) -> Result<Line<'t>, Flaw> {
    let mut reader = Reader { text, at: 0, format };
    labels.clear();
    reader.blanks();
    match reader.peek() {
        None if format == Format::Text => Ok(Line::Comment),
        Some(b'#') => reader.comment(),
        None | Some(_) => reader.sample(labels),
    }
}

struct Reader<'t> {
    text: &'t str,
    /// The next byte. Invariant: at the beginning of a character.
    at: usize,
    format: Format,
}

impl<'t> Reader<'t> {
    fn comment(&mut self) -> Result<Line<'t>, Flaw> {
        self.take(b'#');
        let is_apart = self.blanks();
        let at = self.at;
        let word = self.word();
        let says_more = is_apart && self.blanks();
        match (word, self.format) {
            ("TYPE", _) if says_more => {
                let family = self.family()?;
                let at = self.at;
                let suffixes = suffixes(self.word(), self.format).ok_or(Flaw { at, wanted: "a type of metric" })?;
                self.end(Line::Type { family, suffixes })
            }
            ("HELP", _) | ("UNIT", Format::OpenMetrics) if says_more => self.family().map(|_| Line::Comment),
            ("EOF", Format::OpenMetrics) if is_apart => self.end(Line::End),
            (_, Format::Text) => Ok(Line::Comment),
            (_, Format::OpenMetrics) => Err(Flaw { at, wanted: "HELP, TYPE, UNIT or EOF" }),
        }
    }

    /// The name of a family, and the blanks after it.
    fn family(&mut self) -> Result<Cow<'t, str>, Flaw> {
        let at = self.at;
        let name = match self.take(b'"') {
            true => self.quoted()?,
            false => self.name(b":")?.into(),
        };
        match (name.is_empty(), self.blanks() || self.peek().is_none()) {
            (false, true) => Ok(name),
            (false, false) => Err(self.wants("a blank")),
            (true, _) => Err(Flaw { at, wanted: "a metric name" }),
        }
    }

    fn sample(&mut self, labels: &mut Pairs<'t>) -> Result<Line<'t>, Flaw> {
        let at = self.at;
        let name = self.name(b":")?;
        let mut metric = (!name.is_empty()).then_some(Cow::Borrowed(name));
        self.blanks();
        if self.take(b'{') {
            self.labels(&mut metric, labels)?;
            self.blanks();
        }
        let metric = metric.ok_or(Flaw { at, wanted: "a metric name" })?;
        let value = self.number("a value")?;
        self.blanks();
        if !matches!(self.peek(), None | Some(b'#')) {
            self.timestamp()?;
        }
        if self.format == Format::OpenMetrics && self.take(b'#') {
            self.exemplar()?;
        }
        self.end(Line::Sample { metric, value })
    }

    /// The labels up to the closing brace. A quoted text alone is the name of the metric, where it has none yet.
    fn labels(&mut self, metric: &mut Option<Cow<'t, str>>, labels: &mut Pairs<'t>) -> Result<(), Flaw> {
        loop {
            self.blanks();
            if self.take(b'}') {
                return Ok(());
            }
            let at = self.at;
            let is_quoted = self.take(b'"');
            let name = if is_quoted { self.quoted()? } else { self.name(b"")?.into() };
            if name.is_empty() {
                return Err(Flaw { at, wanted: "a label name" });
            }
            self.blanks();
            if self.take(b'=') {
                if name == NAME_LABEL || labels.iter().any(|(other, _)| *other == name) {
                    return Err(Flaw { at, wanted: "each label once" });
                }
                if labels.len() == MOST_LABELS {
                    return Err(Flaw { at, wanted: Flaw::MANY });
                }
                self.blanks();
                if !self.take(b'"') {
                    return Err(self.wants("a value in double quotes"));
                }
                labels.push((name, self.quoted()?));
            } else if is_quoted && metric.is_none() {
                *metric = Some(name);
            } else {
                return Err(self.wants("="));
            }
            self.blanks();
            if !self.take(b',') && self.peek() != Some(b'}') {
                return Err(self.wants("a comma or }"));
            }
        }
    }

    /// What is checked and not kept: labels, a value and perhaps a timestamp.
    fn exemplar(&mut self) -> Result<(), Flaw> {
        self.blanks();
        if !self.take(b'{') {
            return Err(self.wants("the labels of an exemplar"));
        }
        let mut nameless = Some(Cow::Borrowed("")); // an exemplar has no metric of its own
        self.labels(&mut nameless, &mut Vec::new())?;
        self.blanks();
        self.number("the value of an exemplar")?;
        self.blanks();
        match self.peek() {
            None => Ok(()),
            Some(_) => self.timestamp(),
        }
    }

    /// Checked and not used: a value is true when it is read. Milliseconds in the one format, seconds in the other.
    fn timestamp(&mut self) -> Result<(), Flaw> {
        let at = self.at;
        let word = self.word();
        let (fits, wanted) = match self.format {
            Format::Text => (word.parse::<i64>().is_ok(), "a timestamp in milliseconds or the end of the line"),
            Format::OpenMetrics => {
                (word.parse().is_ok_and(f64::is_finite), "a timestamp in seconds or the end of the line")
            }
        };
        self.blanks();
        if fits { Ok(()) } else { Err(Flaw { at, wanted }) }
    }

    /// A decimal number, `Inf` or `NaN`, in any case; one too large for a double is refused, for it is not infinite.
    fn number(&mut self, wanted: &'static str) -> Result<f64, Flaw> {
        let at = self.at;
        let word = self.word();
        let is_spelled = !word.bytes().any(|byte| byte.is_ascii_digit());
        let number: Option<f64> = word.parse().ok();
        number.filter(|number| is_spelled || number.is_finite()).ok_or(Flaw { at, wanted })
    }

    fn end(&mut self, line: Line<'t>) -> Result<Line<'t>, Flaw> {
        self.blanks();
        match self.peek() {
            None => Ok(line),
            Some(_) => Err(self.wants("the end of the line")),
        }
    }

    /// A name without quotes, empty where none begins here. Metric names may hold colons too.
    fn name(&mut self, signs: &[u8]) -> Result<&'t str, Flaw> {
        let fits = |(index, byte): &(usize, u8)| match byte {
            b'0'..=b'9' => *index > 0,
            byte => byte.is_ascii_alphabetic() || *byte == b'_' || signs.contains(byte),
        };
        let length = self.rest().bytes().enumerate().take_while(fits).count();
        self.text_of(length)
    }

    /// The text up to the closing quote, which is taken too; the opening one was.
    fn quoted(&mut self) -> Result<Cow<'t, str>, Flaw> {
        let (mut length, mut is_escaped) = (0, false);
        loop {
            match self.rest().as_bytes().get(length) {
                Some(b'"') => break,
                Some(b'\\') => (length, is_escaped) = (length + 2, true),
                Some(_) => length += 1,
                None => return Err(Flaw { at: self.text.len(), wanted: "a closing quote" }),
            }
        }
        let text = self.text_of(length)?;
        self.take(b'"');
        Ok(if is_escaped { unescaped(text).into() } else { text.into() })
    }

    /// The next `length` bytes.
    fn text_of(&mut self, length: usize) -> Result<&'t str, Flaw> {
        if length > LONGEST_TEXT {
            return Err(self.wants(Flaw::LONG));
        }
        let text = &self.rest()[..length];
        self.at += length;
        Ok(text)
    }

    /// What stands here up to the next blank.
    fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let word = &rest[..rest.find([' ', '\t']).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    /// Goes past blanks and tabs, and says whether there were any.
    fn blanks(&mut self) -> bool {
        let blanks = self.rest().bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.at += blanks;
        blanks > 0
    }

    /// Goes past `byte`, an ASCII character, and says whether it was there.
    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn wants(&self, wanted: &'static str) -> Flaw {
        Flaw { at: self.at, wanted }
    }
}

/// What the series of a type end with, if the format knows the type.
fn suffixes(word: &str, format: Format) -> Option<Suffixes> {
    match (word, format) {
        ("counter", _) => Some(&["_total"]),
        ("histogram", _) => Some(&["_bucket", "_count", "_sum"]),
        ("summary", _) => Some(&["", "_count", "_sum"]),
        ("gauge", _) | ("untyped", Format::Text) => Some(&[]),
        ("unknown" | "info" | "stateset" | "gaugehistogram", Format::OpenMetrics) => Some(&[]),
        _ => None,
    }
}

/// `text` with its escapes resolved. One that the format does not know stays as it is written, as with Prometheus.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, letters.clone().next()) {
            ('\\', Some('n')) => plain.push('\n'),
            ('\\', Some(escaped @ ('\\' | '"'))) => plain.push(escaped),
            _ => {
                plain.push(letter);
                continue;
            }
        }
        letters.next();
    }
    plain
}
