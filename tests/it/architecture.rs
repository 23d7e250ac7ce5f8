//! Holds `src/` to its floors: a module names only modules on lower floors, the parts of `io` meet only in its clock and
//! its client, and nothing before the I/O line touches the world. It reads tokens and never knows what they do.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

/// Every module of the crate, floor by floor. `main.rs` and `lib.rs` stand on the roof.
const FLOORS: [&[&str]; 11] = [
    &["units"],
    &["yaml", "promql", "budget", "energy"],
    &["slos"],
    &["plan", "rules", "dashboards"],
    &["ledger"],
    &["alerts"],
    &["tick", "outbox"],
    &["report"],
    &["io"],
    &["daemon"],
    &["cli"],
];
const ROOF: usize = FLOORS.len();
/// The lowest floor that may touch the world.
const IO: usize = 8;
/// Where the parts of `io` may meet.
const MEETING_PLACES: [&str; 2] = ["clock", "http"];

/// What reaches the world, or hides what a function depends on: words, and paths of two names.
const WORLD: [&str; 21] = [
    "async",
    "axum",
    "hyper",
    "rand",
    "reqwest",
    "rusqlite",
    "tokio",
    "tracing",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "Instant",
    "SystemTime",
    "Local::now",
    "Utc::now",
    "LazyLock",
    "OnceLock",
    "thread_local",
    "static mut",
];

#[test]
fn every_module_names_only_lower_floors_and_the_core_leaves_the_world_alone() {
    let faults = faults(&sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")));
    let faults: Vec<String> = faults.iter().map(Fault::to_string).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// A file: its path below `src/`, with slashes, and its text.
struct Source {
    path: String,
    text: String,
}

#[derive(Debug, PartialEq)]
struct Fault {
    path: String,
    line: usize,
    what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "src/{}:{}: {}", self.path, self.line, self.what)
    }
}

fn sources(src: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![src.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below: Vec<_> = path.strip_prefix(src).unwrap().iter().map(|part| part.to_str().unwrap()).collect();
                sources.push(Source { path: below.join("/"), text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    assert!(!sources.is_empty(), "no source was read below {}", src.display());
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

fn faults(sources: &[Source]) -> Vec<Fault> {
    sources.iter().flat_map(faults_of).collect()
}

fn faults_of(source: &Source) -> Vec<Fault> {
    let fault = |line, what| Fault { path: source.path.clone(), line, what };
    let parts: Vec<&str> = source.path.trim_end_matches(".rs").split('/').collect();
    let (module, part) = (parts[0], parts.get(1).copied().unwrap_or("mod"));
    let Some(floor) = floor(module) else {
        return vec![fault(1, format!("{module} stands on no floor; give it one in {}", file!()))];
    };
    let all = tokens(&source.text);
    let product = outside_tests(&all);

    let mut faults = Vec::new();
    for path in paths(&all, &["crate", "burnwatch"]) {
        faults.extend(misdirected(&path, module, floor, part).map(|what| fault(path.line, what)));
    }
    for path in paths(&product, &["super"]) {
        faults.push(fault(path.line, "super:: hides where a name lives; write crate::".into()));
    }
    if floor < IO {
        for (line, thing) in worldly(&product) {
            let what = format!("{module} stands before the I/O line and names {thing}; pass in what it is needed for");
            faults.push(fault(line, what));
        }
    }
    if module != "yaml" {
        for path in paths(&product, &["serde_yaml"]) {
            faults.push(fault(path.line, "only yaml reads YAML; take a yaml::Node".into()));
        }
    }
    faults.sort_by_key(|fault| fault.line);
    faults
}

fn floor(module: &str) -> Option<usize> {
    let roof = matches!(module, "main" | "lib").then_some(ROOF);
    FLOORS.iter().position(|modules| modules.contains(&module)).or(roof)
}

/// What is wrong with naming `path` in this module, on this floor, in this part of it.
fn misdirected(path: &NamedPath, module: &str, floor: usize, part: &str) -> Option<String> {
    let target = path.names[1];
    if target == module {
        let other = path.names.get(2).copied().unwrap_or("self");
        let apart = module == "io" && other != part && !MEETING_PLACES.contains(&other);
        return apart
            .then(|| format!("io::{part} names io::{other}; they meet only in {}", MEETING_PLACES.join(" and ")));
    }
    match self::floor(target) {
        Some(below) if below < floor => None,
        Some(other) => Some(format!(
            "{module} (floor {floor}) names {target} (floor {other}); move down what they share, or pass it in"
        )),
        None => Some(format!("{target} stands on no floor; name a module of {}", file!())),
    }
}

/// What of the world these tokens name, each with its line.
fn worldly(tokens: &[Token]) -> Vec<(usize, String)> {
    let words = tokens.iter().map(|token| (token.line, token.text.to_string()));
    let paths = paths(tokens, &["std", "chrono", "Utc", "Local"]);
    let pairs = paths.iter().flat_map(|path| path.names.windows(2).map(|pair| (path.line, pair.join("::"))));
    words.chain(pairs).filter(|(_, named)| WORLD.contains(&&**named)).collect()
}

#[derive(Clone, Copy)]
struct Token<'a> {
    line: usize,
    text: &'a str,
}

static LEXER: LazyLock<Regex> = LazyLock::new(|| {
    let code = r####"(?xs)
          //[^\n]*  |  /\*.*?\*/                                              # comments
        | [bc]?r"[^"]*"  |  [bc]?r\#".*?"\#  |  [bc]?r\#\#".*?"\#\#           # raw strings
        | [bc]?"(?:[^"\\]|\\.)*"                                              # strings
        | b?'(?:[^'\\]|\\u\{[^}]*\}|\\x..|\\.)'  |  '\w+                      # letters, lifetimes
        | (?<code> static\ mut | \w+ | :: | \S )
        "####;
    Regex::new(code).unwrap()
});

/// The words and signs of a Rust text, without comments, strings, letters in quotes and lifetimes.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let (mut line, mut at) = (1, 0);
    LEXER
        .captures_iter(text)
        .filter_map(|captures| captures.name("code"))
        .map(|code| {
            line += text[at..code.start()].matches('\n').count();
            at = code.start();
            Token { line, text: code.as_str() }
        })
        .collect()
}

/// The tokens without what stands under `#[cfg(test)]`.
fn outside_tests<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let mut kept = Vec::new();
    let mut rest = tokens;
    while let Some(first) = rest.first() {
        if rest.iter().map(|token| token.text).take(7).eq(["#", "[", "cfg", "(", "test", ")", "]"]) {
            rest = &rest[item_end(rest)..];
        } else {
            kept.push(*first);
            rest = &rest[1..];
        }
    }
    kept
}

/// Where the item that `tokens` open with ends: after its closing brace, or its semicolon.
fn item_end(tokens: &[Token]) -> usize {
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate() {
        match token.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 && matches!(token.text, "}" | ";") {
            return index + 1;
        }
    }
    tokens.len()
}

/// A path as named, root included.
struct NamedPath<'a> {
    line: usize,
    names: Vec<&'a str>,
}

/// Every path in `tokens` that begins with one of `roots`; `crate::{a, b::c}` is two.
fn paths<'a>(tokens: &[Token<'a>], roots: &[&str]) -> Vec<NamedPath<'a>> {
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let is_root = roots.contains(&token.text) && (index == 0 || tokens[index - 1].text != "::");
        if is_root && tokens.get(index + 1).is_some_and(|next| next.text == "::") {
            branches(&tokens[index + 2..], vec![token.text], &mut found);
        }
    }
    found
}

/// Adds the paths that go on from `names` into `tokens`, and says how many tokens they took.
fn branches<'a>(tokens: &[Token<'a>], names: Vec<&'a str>, found: &mut Vec<NamedPath<'a>>) -> usize {
    let Some(first) = tokens.first() else { return 0 };
    if first.text == "{" {
        let mut at = 1;
        while at < tokens.len() && tokens[at].text != "}" {
            at += branches(&tokens[at..], names.clone(), found);
            at += tokens[at..].iter().take_while(|token| !matches!(token.text, "," | "}")).count(); // `as another`
            at += usize::from(tokens.get(at).is_some_and(|token| token.text == ","));
        }
        return (at + 1).min(tokens.len());
    }
    let names: Vec<&str> = names.into_iter().chain([first.text]).collect();
    if tokens.get(1).is_some_and(|next| next.text == "::") {
        return 2 + branches(&tokens[2..], names, found);
    }
    found.push(NamedPath { line: first.line, names });
    1
}

/// Checks one file, and expects a fault at each of these lines that says this.
fn check(path: &str, text: &str, expected: &[(usize, &str)]) {
    let faults = faults(&[Source { path: path.into(), text: text.into() }]);
    assert_eq!(faults.len(), expected.len(), "{path}: {faults:?}");
    for (fault, (line, what)) in faults.iter().zip(expected) {
        assert_eq!(fault.line, *line, "{fault}");
        assert!(fault.what.contains(what), "{fault}");
    }
}

#[test]
fn finds_an_import_that_points_up() {
    let text = "//! Budgets.\n\nuse crate::units::Tally;\nuse crate::ledger::Row;\n";
    check("budget/mod.rs", text, &[(4, "budget (floor 1) names ledger (floor 4)")]);
    check("units/mod.rs", "fn f() -> bool {\n    crate::cli::run()\n}", &[(2, "names cli")]);
}

#[test]
fn finds_an_import_that_points_sideways() {
    let text = "use crate::{\n    slos::{Slo as Declared, Sli},\n    dashboards::{self, panel},\n    units,\n};";
    check("rules/alerting.rs", text, &[(3, "rules (floor 3) names dashboards (floor 3)"); 2]);
}

#[test]
fn finds_super_outside_tests() {
    let text = "use super::tally;\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\n\nfn f() {\n    super::g();\n}\n";
    check("budget/burn.rs", text, &[(1, "super::"), (9, "super::")]);
}

#[test]
fn finds_parts_of_io_that_meet() {
    let text = "use crate::io::{clock, http::Client, store::Store};\nuse crate::io::notify::webhook;\nuse crate::io;\n";
    check("io/notify/email.rs", text, &[(1, "io::notify names io::store"), (3, "io::notify names io::self")]);
}

#[test]
fn finds_the_world_before_the_io_line() {
    let text = "use std::{\n    fmt,\n    fs::File,\n};\nasync fn f() {}\nstatic mut X: u8 = 0;\nfn g() { chrono::Utc::now(); }\n";
    let expected = [(3, "names std::fs"), (5, "names async"), (6, "names static mut"), (7, "names Utc::now")];
    check("ledger/rows.rs", text, &expected);
    check("io/files.rs", text, &[]);
}

#[test]
fn finds_a_module_without_a_floor() {
    check("utils/mod.rs", "", &[(1, "utils stands on no floor")]);
    check("cli/run.rs", "use crate::utils::join;", &[(1, "utils stands on no floor")]);
}

#[test]
fn finds_a_second_reader_of_yaml() {
    check("slos/native.rs", "fn f() { serde_yaml::from_str(text) }", &[(1, "only yaml reads YAML")]);
    check("yaml/mod.rs", "use serde_yaml::Value;", &[]);
}

#[test]
fn finds_nothing_in_comments_strings_tests_and_imports_that_point_down() {
    let text = r###"
        //! Never names crate::cli, std::fs or tokio. /* nor */
        /* use crate::daemon;
           async */
        use std::{fmt, time::Duration};
        use crate::{slos::Slo, units::{self, Span}};
        pub(in crate::plan) fn f<'a>(text: &'a str) -> [char; 3] {
            let _ = ("crate::cli", r"std::fs\", r#"a "tokio" b"#, b"\" async \"", crate::promql::Selector::parse(text));
            ['"', '\'', '\u{22}']
        }
        #[cfg(test)]
        #[allow(clippy::unwrap_used)]
        mod tests {
            use super::*;
            fn g() { std::fs::read("{").unwrap(); }
        }
    "###;
    check("plan/routes.rs", text, &[]);
    check("main.rs", "use burnwatch::cli;\nfn main() -> std::process::ExitCode { cli::run() }", &[]);
}
