//! Groups as YAML. Those of a thousand SLOs are megabytes, of which a serializer asks at every text what any reader
//! might take it for; here a text is bare only where that is plain to see. Never knows what a rule says.

use std::ops::Range;

use crate::rules::{Group, Rule};
use crate::units::Labels;

/// What some reader takes for something else than a text, in any case (YAML 1.1 and 1.2, and lenient ones).
const WORDS: [&str; 12] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity"];

/// As far to the right as any line begins, and further.
const MARGIN: &str = "                ";

/// About so many bytes stand beside the expression of a rule.
const BESIDE: usize = 160;

/// `head` and, below it, the groups; `margin` is the column that they begin in.
pub fn written(head: String, groups: &[Group], margin: usize) -> String {
    let mut page = Page { text: head, labels: None };
    page.text.reserve(groups.iter().flat_map(|group| &group.rules).map(|rule| rule.expr().len() + BESIDE).sum());
    page.list(margin, "groups", groups, |page, group| page.group(margin + 2, group));
    page.text
}

/// The text so far. A column is that of a key, whatever leads it.
struct Page {
    text: String,
    /// The last labels of a recording, and where they stand: all recordings of an SLO have the same.
    labels: Option<(Labels, Range<usize>)>,
}

impl Page {
    fn group(&mut self, column: usize, group: &Group) {
        self.entry(column, "- ", "name", &group.name);
        self.key(column, "", "interval");
        // A number and its unit are no number.
        self.text.extend([" ", &group.interval, "\n"]);
        self.list(column, "rules", &group.rules, |page, rule| page.rule(column + 2, rule));
    }

    fn rule(&mut self, column: usize, rule: &Rule) {
        match rule {
            Rule::Recording { record, expr, labels } => {
                self.entry(column, "- ", "record", record);
                self.entry(column, "", "expr", expr);
                self.recorded_labels(column, labels);
            }
            Rule::Alerting { alert, expr, labels, annotations } => {
                self.entry(column, "- ", "alert", alert);
                self.entry(column, "", "expr", expr);
                self.map(column, "labels", labels);
                self.map(column, "annotations", annotations);
            }
        }
    }

    fn list<T>(&mut self, column: usize, key: &str, items: &[T], mut item: impl FnMut(&mut Page, &T)) {
        self.key(column, "", key);
        self.text.push_str(if items.is_empty() { " []\n" } else { "\n" });
        items.iter().for_each(|it| item(self, it));
    }

    fn map(&mut self, column: usize, key: &str, labels: &Labels) {
        self.key(column, "", key);
        self.text.push_str(if labels.is_empty() { " {}\n" } else { "\n" });
        for (name, value) in labels.iter() {
            self.indent(column + 2);
            self.line(name);
            self.text.push(':');
            self.value(column + 2, value);
        }
    }

    fn recorded_labels(&mut self, column: usize, labels: &Labels) {
        match &self.labels {
            Some((last, place)) if last == labels => self.text.extend_from_within(place.clone()),
            Some(_) | None => {
                let start = self.text.len();
                self.map(column, "labels", labels);
                self.labels = Some((labels.clone(), start..self.text.len()));
            }
        }
    }

    fn entry(&mut self, column: usize, lead: &str, key: &str, value: &str) {
        self.key(column, lead, key);
        self.value(column, value);
    }

    fn value(&mut self, column: usize, value: &str) {
        self.text.push(' ');
        match is_block(value) {
            true => self.block(column + 2, value),
            false => self.line(value),
        }
        self.text.push('\n');
    }

    /// One of Prometheus' keys, which are plain.
    fn key(&mut self, column: usize, lead: &str, key: &str) {
        self.indent(column - lead.len());
        self.text.extend([lead, key, ":"]);
    }

    fn block(&mut self, column: usize, value: &str) {
        self.text.push_str("|-");
        for line in value.split('\n') {
            self.text.push('\n');
            if !line.is_empty() {
                self.indent(column);
                self.text.push_str(line);
            }
        }
    }

    fn line(&mut self, value: &str) {
        match is_plain(value) {
            true => self.text.push_str(value),
            false => self.quoted(value),
        }
    }

    fn quoted(&mut self, value: &str) {
        self.text.push('"');
        for letter in value.chars() {
            match letter {
                '"' | '\\' => self.text.extend(['\\', letter]),
                '\n' => self.text.push_str("\\n"),
                '\t' => self.text.push_str("\\t"),
                letter if is_printable(letter) => self.text.push(letter),
                // None of them is beyond four digits.
                letter => self.text.push_str(&format!("\\u{:04x}", u32::from(letter))),
            }
        }
        self.text.push('"');
    }

    fn indent(&mut self, column: usize) {
        self.text.push_str(&MARGIN[..column.min(MARGIN.len())]);
    }
}

/// Whether every reader takes `value`, bare, for this text.
fn is_plain(value: &str) -> bool {
    let bytes = value.as_bytes();
    let begins_a_text = bytes.first().is_some_and(|first| match first {
        b'(' => true,
        // No number and no date holds a parenthesis.
        b'0'..=b'9' => bytes.contains(&b'('),
        first => first.is_ascii_alphabetic() && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(value)),
    });
    begins_a_text && is_ascii(value) && !has_mark(value) && !value.ends_with([':', ' '])
}

/// Whether `value` has lines that can stand below each other as they are.
fn is_block(value: &str) -> bool {
    value.contains('\n')
        && !value.starts_with([' ', '\n'])
        && !value.ends_with([' ', '\n'])
        && value.split('\n').all(|line| !line.ends_with(' ') && is_all_printable(line))
}

fn is_all_printable(line: &str) -> bool {
    is_ascii(line) || line.chars().all(is_printable)
}

/// Whether `line` is letters, digits, signs and spaces of ASCII. Like [`has_mark`] it looks at every byte, whatever it
/// found before: so it looks at many at once.
fn is_ascii(line: &str) -> bool {
    line.bytes().fold(true, |is_ascii, byte| is_ascii & matches!(byte, b' '..=b'~'))
}

/// Whether a reader sees the end of a key in `line`, or the beginning of a comment.
fn has_mark(line: &str) -> bool {
    let pairs = line.bytes().zip(line.bytes().skip(1));
    pairs.fold(false, |is_found, (byte, next)| {
        is_found | ((byte == b':') & (next == b' ')) | ((byte == b' ') & (next == b'#'))
    })
}

/// Whether YAML lets `letter` stand for itself, and no reader ends a line or a file at it (YAML 1.2.2, 5.1 and 5.4).
fn is_printable(letter: char) -> bool {
    !letter.is_control() && !matches!(letter, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::units::Span;
    use crate::yaml::{self, Node, Value};

    /// A group whose every text is `text`.
    fn group(text: &str) -> Group {
        let labels = Labels::new([(text, text)]);
        let rule = Rule::Recording { record: text.into(), expr: text.into(), labels: labels.clone() };
        let alert = Rule::Alerting { alert: "A", expr: text.into(), labels: Labels::default(), annotations: labels };
        Group::new(text.into(), Span::seconds(150), vec![rule, alert])
    }

    /// The shape of a tree and its texts.
    fn told(node: &Node) -> String {
        match &node.value {
            Value::Null => "null".to_string(),
            Value::Scalar { text, .. } => format!("{text:?}"),
            Value::List(items) => format!("[{}]", items.iter().map(told).collect::<Vec<_>>().join(",")),
            Value::Map(entries) => {
                let entry = |entry: &yaml::Entry| format!("{}:{}", told(&entry.key), told(&entry.value));
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(","))
            }
        }
    }

    /// A group that says `text` wherever it can has to be read back equal.
    fn is_read_back(text: &str) {
        let written = written(String::new(), &[group(text)], 2);
        let (nodes, problems) = yaml::documents("f", &written);
        assert_eq!((nodes.len(), problems), (1, vec![]), "{written}");
        let t = format!("{text:?}");
        let expected = format!(
            "{{\"groups\":[{{\"name\":{t},\"interval\":\"2m30s\",\"rules\":[\
             {{\"record\":{t},\"expr\":{t},\"labels\":{{{t}:{t}}}}},\
             {{\"alert\":\"A\",\"expr\":{t},\"labels\":{{}},\"annotations\":{{{t}:{t}}}}}]}}]}}"
        );
        assert_eq!(told(&nodes[0]), expected, "{written}");
        // Ours takes everything for a text; one that knows numbers and truths has to, too.
        let known: serde_json::Value = serde_yaml::from_str(&written).unwrap();
        assert_eq!(known["groups"][0]["name"], text, "{written}");
        assert_eq!(known["groups"][0]["rules"][1]["annotations"][text], text, "{written}");
    }

    fn check(text: &str, expected: &str) {
        let mut page = Page { text: String::new(), labels: None };
        page.entry(0, "", "a", text);
        assert_eq!(page.text, format!("a: {expected}\n"), "{text:?}");
        is_read_back(text);
    }

    #[test]
    fn a_text_is_bare_only_where_nobody_takes_it_for_something_else() {
        check("plain text", "plain text");
        check("sum(rate(up{job=\"a\"}[5m])) >= 0", "sum(rate(up{job=\"a\"}[5m])) >= 0");
        check("(up > 1) or down", "(up > 1) or down");
        check("30 * sum(up)", "30 * sum(up)");
        for word in
            ["on", "No", "TRUE", "null", "y", "NaN", "1", "1.5", "1e3", "0x1f", "1_000", "12:30:45", "2001-12-14"]
        {
            check(word, &format!("\"{word}\""));
        }
        for odd in [
            "",
            "~",
            "-",
            "- x",
            "? x",
            "<<",
            "=",
            "{{ $value }}",
            "%d",
            "@",
            "`",
            "'x'",
            "a: b",
            "a:",
            "a #b",
            "a ",
            " a",
            "*a",
            "&a",
            "!a",
            "é",
        ] {
            check(odd, &format!("\"{odd}\""));
        }
        check("say \"a\\b\"\t: c", "\"say \\\"a\\\\b\\\"\\t: c\"");
        check("\u{feff}\u{85}\u{2028}\r\0", "\"\\ufeff\\u0085\\u2028\\u000d\\u0000\"");
    }

    #[test]
    fn lines_stand_below_each_other_where_they_can() {
        check("one\n  - two: # é\n\nthree", "|-\n  one\n    - two: # é\n\n  three");
        check("one\ntwo\n", "\"one\\ntwo\\n\"");
        check(" one\ntwo", "\" one\\ntwo\"");
        check("one \ntwo", "\"one \\ntwo\"");
        check("one\n\ttwo", "\"one\\n\\ttwo\"");
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        assert_eq!(written("# head\n".into(), &[], 0), "# head\ngroups: []\n");
    }

    proptest! {
        #[test]
        fn whatever_a_text_holds_is_read_back(
            parts in proptest::collection::vec(prop_oneof![
                proptest::sample::select(vec![
                    "\"", "\\", "'", "\n", "\n\n", "\t", "\r", "\0", "\u{85}", "\u{2028}", "\u{feff}", ": ", ":", " #", "# ",
                    " ", "  ", "-", "---", "...", "true", "1", "{{", "}}", "|", ">", "[", "a", "b c", "é日", "🔥", "(", "%"
                ]).prop_map(String::from),
                any::<char>().prop_map(String::from),
            ], 0..8),
        ) {
            is_read_back(&parts.concat());
        }
    }
}
