//! From text to trees, one for each document of a file. Reads the events of the parser inside `serde_yaml` itself:
//! its deserializer guesses types and drops the second of two equal keys.

use std::collections::{HashMap, HashSet};

use serde_yaml::granit_parser::{self, ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use crate::units::{Place, Problem};
use crate::yaml::lines::Lines;
use crate::yaml::{Entry, Node, Value};

/// The longest file that is read: 1 MiB.
pub const MAX_BYTES: usize = 1 << 20;

/// Lists and mappings inside each other; people write fewer than ten.
const MAX_DEPTH: usize = 64;

/// What anchors and aliases may repeat in one document, as [`weight`] counts it: some 60 000 values.
const MAX_REPEATED: usize = 4 << 20;

/// The documents of a file and everything that is wrong with its YAML. Broken syntax ends its document; those before
/// and after it stand. Empty documents are left out.
pub fn documents(file: &str, text: &str) -> (Vec<Node>, Vec<Problem>) {
    let (mut nodes, mut problems) = (Vec::new(), Vec::new());
    if text.len() > MAX_BYTES {
        let what = format!("this file is {} bytes long, more than 1 MiB", text.len());
        problems.push(Problem::error("file_too_large", what, "split it").at(&Place::of_file(file)));
        return (nodes, problems);
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::new(file, text);
    loop {
        match reader.document() {
            Ok(Some(Node { value: Value::Null, .. })) => {}
            Ok(Some(node)) => nodes.push(node),
            Ok(None) => return (nodes, problems),
            Err(problem) => {
                problems.push(*problem);
                if !matches!(reader.parser.proceed_next_document(), Ok(true)) {
                    return (nodes, problems);
                }
            }
        }
    }
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    lines: Lines<'t>,
    /// The finished values that have an anchor, by its number.
    anchored: HashMap<usize, Node>,
    repeated: usize,
    depth: usize,
    /// The last key that was read: where braces break a value, the value is its.
    key: Option<String>,
}

type Broken = Box<Problem>;

impl<'t> Reader<'t> {
    fn new(file: &str, text: &'t str) -> Reader<'t> {
        let options = granit_parser::options! {
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
            emit_comments: false,
        };
        Reader {
            parser: Parser::new_from_str_with_options(text, options),
            lines: Lines::of(file, text),
            anchored: HashMap::new(),
            repeated: 0,
            depth: 0,
            key: None,
        }
    }

    /// The next document; `None` at the end of the file.
    fn document(&mut self) -> Result<Option<Node>, Broken> {
        (self.repeated, self.depth, self.key) = (0, 0, None);
        self.anchored.clear();
        while let Some((event, span)) = self.next()? {
            match event {
                Event::StreamStart | Event::DocumentStart(..) => {}
                Event::StreamEnd => break,
                first => {
                    let node = self.node(first, span)?;
                    self.next()?; // the end of the document
                    return Ok(Some(node));
                }
            }
        }
        Ok(None)
    }

    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, Broken> {
        self.parser.next_event().transpose().map_err(|error| Box::new(self.broken(&error)))
    }

    fn node(&mut self, event: Event<'t>, span: Span) -> Result<Node, Broken> {
        let place = self.lines.place(&span.start);
        let anchor = event.anchor_id();
        if let Some(tag) = event.tag().filter(|tag| tag.is_custom()) {
            let what = format!("the tag {:?} means nothing here", tag.original());
            return Err(Box::new(Problem::error("yaml_tag", what, "remove it").at(&place)));
        }
        let value = match event {
            Event::Alias(id) => return self.repeat(id, &place),
            Event::Scalar(text, style, ..) => scalar(&text, style, span.slice(self.lines.text()).unwrap_or_default()),
            Event::SequenceStart(..) => self.within(&place, Reader::list)?,
            _ => self.within(&place, Reader::map)?,
        };
        let node = Node { place, value };
        if let Some(id) = anchor {
            self.weigh(weight(&node), &node.place)?;
            self.anchored.insert(id, node.clone());
        }
        Ok(node)
    }

    fn within(&mut self, place: &Place, read: fn(&mut Self) -> Result<Value, Broken>) -> Result<Value, Broken> {
        if self.depth == MAX_DEPTH {
            return Err(Box::new(too_deep(place)));
        }
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn list(&mut self) -> Result<Value, Broken> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            match event {
                Event::SequenceEnd => break,
                event => items.push(self.node(event, span)?),
            }
        }
        Ok(Value::List(items))
    }

    fn map(&mut self) -> Result<Value, Broken> {
        let mut entries = Vec::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::MappingEnd {
                break;
            }
            let key = self.node(event, span)?;
            self.key = key.text().map(String::from);
            let Some((event, span)) = self.next()? else { break };
            let value = self.node(event, span)?;
            entries.push(Entry { key, value });
        }
        merged(entries).map(Value::Map)
    }

    /// What the alias at `place` stands for.
    fn repeat(&mut self, id: usize, place: &Place) -> Result<Node, Broken> {
        let inside = || {
            let what = "this alias stands inside what it repeats";
            Problem::error("yaml_alias", what, "write out what is meant").at(place)
        };
        let weight = weight(self.anchored.get(&id).ok_or_else(inside)?);
        self.weigh(weight, place)?;
        Ok(self.anchored.get(&id).ok_or_else(inside)?.clone())
    }

    fn weigh(&mut self, bytes: usize, place: &Place) -> Result<(), Broken> {
        self.repeated += bytes;
        if self.repeated <= MAX_REPEATED {
            return Ok(());
        }
        let what = "the anchors and aliases of this document repeat more than 4 MiB";
        Err(Box::new(Problem::error("yaml_aliases", what, "write out what is meant").at(place)))
    }

    fn broken(&mut self, error: &ScanError) -> Problem {
        let place = self.lines.place(error.marker());
        let sign = place.text.chars().nth(place.column as usize - 1);
        match (error.kind(), &self.key, sign) {
            (ErrorKind::RecursionLimitExceeded, ..) => too_deep(&place),
            (ErrorKind::UnknownAnchor, ..) => {
                Problem::error("yaml_alias", "this alias repeats nothing", "anchor what it means, before it").at(&place)
            }
            (ErrorKind::ExpectedFlowMappingSeparator, Some(key), Some(sign @ ('{' | '[' | '"' | '\''))) => {
                let what = format!("{key:?} breaks at \"{sign}\": inside {{ }} put the selector in single quotes");
                Problem::error("yaml_braces", what, "").at(&place)
            }
            (kind, ..) => Problem::error("yaml", format!("broken YAML: {kind}"), mend(kind)).at(&place),
        }
    }
}

/// The value of a scalar that reads as `text` and was written as `source`.
fn scalar(text: &str, style: ScalarStyle, source: &str) -> Value {
    let quoted = style != ScalarStyle::Plain;
    if !quoted && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    let unquoted = source.get(1..source.len().saturating_sub(1));
    let verbatim = if source == text { Some(0) } else { unquoted.filter(|inner| *inner == text).map(|_| 1) };
    Value::Scalar { text: text.to_string(), quoted, verbatim }
}

/// What usually mends broken syntax; nothing where it could be many things.
fn mend(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => "use spaces",
        ErrorKind::MappingValueNotAllowed => {
            "indent it like its neighbours, or put text that holds \": \" in single quotes"
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::ExpectedBlockMappingKey => {
            "write `key: value`, indented like its neighbours"
        }
        ErrorKind::UnclosedFlowCollection { .. } | ErrorKind::UnclosedQuotedScalar => "close it",
        _ => "",
    }
}

fn too_deep(place: &Place) -> Problem {
    let what = format!("lists and mappings stand more than {MAX_DEPTH} deep in each other");
    Problem::error("yaml_depth", what, "").at(place)
}

/// The bytes that a copy of `node` takes, roughly: 64 for each value and key, and their text.
fn weight(node: &Node) -> usize {
    64 + match &node.value {
        Value::Null => 0,
        Value::Scalar { text, .. } => text.len(),
        Value::List(items) => items.iter().map(weight).sum(),
        Value::Map(entries) => entries.iter().map(|entry| weight(&entry.key) + weight(&entry.value)).sum(),
    }
}

/// `entries` with what their merge keys (`<<: *base`) bring: what a mapping says itself comes first, then what an
/// earlier base says.
fn merged(entries: Vec<Entry>) -> Result<Vec<Entry>, Broken> {
    let is_merge =
        |entry: &Entry| matches!(&entry.key.value, Value::Scalar { text, quoted: false, .. } if text == "<<");
    let (merges, mut entries): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(is_merge);
    let mut said: HashSet<String> = entries.iter().filter_map(|entry| entry.key.text().map(String::from)).collect();
    for base in merges.into_iter().flat_map(|merge| match merge.value {
        Node { value: Value::List(bases), .. } => bases,
        base => vec![base],
    }) {
        let Value::Map(brought) = base.value else {
            return Err(Box::new(base.misshapen("\"<<\"", "a mapping")));
        };
        entries.extend(brought.into_iter().filter(|entry| entry.key.text().is_some_and(|key| said.insert(key.into()))));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    /// The tree on one line, each value with its place, and the problems.
    fn told(text: &str) -> String {
        let (nodes, problems) = documents("f", text);
        let mut lines: Vec<String> = nodes.iter().map(drawn).collect();
        lines.extend(problems.iter().map(ToString::to_string));
        lines.join("\n")
    }

    fn drawn(node: &Node) -> String {
        let at = format!("{}:{}", node.place.line, node.place.column);
        match &node.value {
            Value::Null => format!("null@{at}"),
            Value::Scalar { text, quoted: false, .. } => format!("{text}@{at}"),
            Value::Scalar { text, quoted: true, .. } => format!("{text:?}@{at}"),
            Value::List(items) => format!("[{}]@{at}", items.iter().map(drawn).collect::<Vec<_>>().join(" ")),
            Value::Map(entries) => {
                let entry = |entry: &Entry| format!("{}: {}", drawn(&entry.key), drawn(&entry.value));
                format!("{{{}}}@{at}", entries.iter().map(entry).collect::<Vec<_>>().join(" "))
            }
        }
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(told(text), expected, "{text}");
    }

    #[test]
    fn keeps_the_place_and_the_source_text_of_every_key_and_value() {
        check("a: 012\nb: [yes, 1e3, '99.9%']", r#"{a@1:1: 012@1:4 b@2:1: [yes@2:5 1e3@2:10 "99.9%"@2:15]@2:4}@1:1"#);
        check("a: |\n  x\n  y\nb: \"\\u00e9\"", "{a@1:1: \"x\\ny\\n\"@2:3 b@4:1: \"é\"@4:4}@1:1");
        check("a:\nb: ~\nc: 'null'", r#"{a@1:1: null@1:2 b@2:1: null@2:4 c@3:1: "null"@3:4}@1:1"#);
        check("é: é x", "{é@1:1: é x@1:4}@1:1");
    }

    #[test]
    fn reads_windows_files() {
        check("\u{feff}a: 1\r\nb: 2\r\n", "{a@1:1: 1@1:4 b@2:1: 2@2:4}@1:1");
        let (nodes, _) = documents("f", "a: 1\r\nb: 2\r\n");
        assert_eq!(nodes[0].place.text.as_ref(), "a: 1");
    }

    #[test]
    fn reads_every_document_and_leaves_out_the_empty_ones() {
        check("", "");
        check("# nothing\n", "");
        check("a\n---\n---\nb\n...\n---\n# c\n", "a@1:1\nb@4:1");
    }

    #[test]
    fn lets_a_key_stand_twice() {
        check("{a: 1, a: 2}", "{a@1:2: 1@1:5 a@1:8: 2@1:11}@1:1");
    }

    #[test]
    fn ends_a_document_with_broken_syntax_and_reads_the_others() {
        check("a\n---\nb: [1\n---\nc\n", "a@1:1\nc@5:1\nf:3:4: broken YAML: unclosed bracket '['; close it");
        let colon = "broken YAML: mapping values are not allowed in this context; \
                     indent it like its neighbours, or put text that holds \": \" in single quotes";
        check("a: b: c\n", &format!("f:1:5: {colon}"));
        check("a: 1\n b: 2\n", &format!("f:2:3: {colon}"));
        let tab = "f:2:2: broken YAML: tabs disallowed within this context (block indentation); use spaces";
        check("a:\n\t- b\n", tab);
        let key = "f:2:1: broken YAML: simple key expected ':'; write `key: value`, indented like its neighbours";
        check("a: 1\nb\n", key);
        check("a: *b\n", "f:1:4: this alias repeats nothing; anchor what it means, before it");
        check("a: !secret b\n", r#"f:1:12: the tag "!secret" means nothing here; remove it"#);
    }

    #[test]
    fn says_what_braces_in_braces_need() {
        let problem = r#"f:1:10: "bad" breaks at "{": inside { } put the selector in single quotes"#;
        check(r#"{ bad: up{job="x"}, total: up }"#, problem);
    }

    #[test]
    fn repeats_what_an_alias_names_where_it_was_written() {
        check("a: &x {b: 1}\nc: *x", "{a@1:1: {b@1:8: 1@1:11}@1:7 c@2:1: {b@1:8: 1@1:11}@1:7}@1:1");
        check("a: &x [*x]", "f:1:8: this alias stands inside what it repeats; write out what is meant");
    }

    #[test]
    fn merges_what_a_mapping_does_not_say_itself() {
        let (nodes, problems) =
            documents("f", "- &x {b: 1, c: 1}\n- &y {b: 2, d: 2}\n- {<<: [*x, *y], c: 3}\n- {<<: 4}\n");
        assert!(nodes.is_empty());
        assert_eq!(
            problems[0].to_string(),
            r#"f:4:8: "<<" wants a mapping, found text; write `key: value` lines beneath it, or { key: value }"#
        );
        let (nodes, _) = documents("f", "- &x {b: 1, c: 1}\n- &y {b: 2, d: 2}\n- {<<: [*x, *y], c: 3}\n");
        let Value::List(items) = &nodes[0].value else { panic!("{nodes:?}") };
        assert_eq!(drawn(&items[2]), "{c@3:18: 3@3:21 b@1:7: 1@1:10 d@2:13: 2@2:16}@3:3");
    }

    #[test]
    fn stops_an_alias_bomb_with_one_problem() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..20 {
            let alias = format!("*a{}", level - 1);
            bomb += &format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 9].join(", "));
        }
        check(
            &bomb,
            "f:5:40: the anchors and aliases of this document repeat more than 4 MiB; write out what is meant",
        );
        let long = format!("- &a {}\n{}", "x".repeat(MAX_BYTES / 2), "- *a\n".repeat(MAX_BYTES / 16));
        check(&long, "f:8:3: the anchors and aliases of this document repeat more than 4 MiB; write out what is meant");
    }

    #[test]
    fn stops_at_64_lists_in_each_other() {
        check(&"[".repeat(50_000), "f:1:65: lists and mappings stand more than 64 deep in each other");
        check(&"- ".repeat(50_000), "f:1:129: lists and mappings stand more than 64 deep in each other");
        assert!(!told(&format!("{}{}", "[".repeat(64), "]".repeat(64))).contains("deep"));
    }

    #[test]
    fn refuses_a_file_over_1_mib_as_a_whole() {
        check(&"x".repeat(MAX_BYTES + 1), "f: this file is 1048577 bytes long, more than 1 MiB; split it");
        assert_eq!(documents("f", &"x,".repeat(MAX_BYTES / 2)).0.len(), 1);
    }

    #[test]
    fn keeps_the_text_of_a_long_line_once() {
        let (nodes, problems) = documents("f", &format!("[{}]", "1,".repeat(100_000)));
        assert_eq!((nodes.len(), problems.len()), (1, 0));
        let Value::List(items) = &nodes[0].value else { panic!("not a list") };
        assert!(Arc::ptr_eq(&items[0].place.text, &items[99_999].place.text));
    }

    #[test]
    fn points_into_a_text_that_stands_on_one_line() {
        let at = |text: &str, offset| documents("f", text).0[0].place_at(offset).column;
        assert_eq!(at("abc", 2), 3);
        assert_eq!(at("'äbc'", 3), 4);
        assert_eq!(at("\"a\\tb\"", 2), 1);
        assert_eq!(at(">\n  a\n  b", 2), 3);
        assert_eq!(at("--- |\nab\nc", 4), 1);
        assert_eq!(at("abc", 9), 1);
    }

    proptest! {
        #[test]
        fn reads_anything_without_a_panic_and_places_every_problem(
            text in "([-?:,{}&*!|>'\"%@`#.~<\\[\\]] ?|[a-c\u{e9}\u{feff}\u{85}]|: |- |\n|\r|\t|---|<<: ){0,40}",
        ) {
            let (_, problems) = documents("f", &text);
            for place in problems.iter().filter_map(|problem| problem.place.as_ref()) {
                prop_assert!(place.line > 0 && place.column > 0);
            }
        }
    }
}
