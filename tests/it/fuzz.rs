//! What is fuzzed in `tests/fuzz`, without its engine: each target over its corpus, over what is near that, and over far
//! too much. From a seed, so that what fails once fails again.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::stand::past::Dice;
use crate::targets::{TARGETS, Target};

/// Inputs made from those of the corpus, for each target.
const NEAR: usize = 400;
/// Changes of one input, at most.
const CHANGES: usize = 4;
const MEBIBYTE: usize = 1 << 20;

/// What turns one thing into another in most of the languages that are read, and a blank between.
const WORDS: &str = "{ } [ ] ( ) \" ' \\ \n \r\n \t : , = # *a &a --- -1 NaN 1e999 99999999999999999999 \u{feff}é";

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[track_caller]
fn check(name: &str, target: Target, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| target(input))).is_err() {
        let shown: String = input.escape_ascii().take(20_000).map(char::from).collect();
        panic!("{name} breaks a promise over these {} bytes: {shown}", input.len());
    }
}

#[test]
fn no_promise_is_broken_by_the_corpus_nor_by_what_is_near_it() {
    for (name, target) in TARGETS {
        let corpus = corpus(name);
        corpus.iter().for_each(|input| check(name, target, input));
        let mut dice = Dice(name.len() as u64);
        for _ in 0..NEAR {
            check(name, target, &near(&corpus, &mut dice));
        }
    }
}

/// One of the corpus, changed as people, disks and networks change things.
fn near(corpus: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let words: Vec<&str> = WORDS.split(' ').collect();
    let mut input = corpus[dice.below(corpus.len())].clone();
    for _ in 0..=dice.below(CHANGES) {
        let (from, to) = (dice.below(input.len() + 1), dice.below(input.len() + 1));
        let (from, to) = (from.min(to), from.max(to));
        let other = &corpus[dice.below(corpus.len())];
        let end = dice.below(other.len() + 1);
        let part = other[dice.below(end + 1)..end].to_vec();
        match dice.below(6) {
            0 => input.truncate(to),
            1 => drop(input.drain(from..to.min(from + 8))),
            2 => _ = input.splice(from..from, words[dice.below(words.len())].bytes()),
            3 => _ = input.splice(from..to, part),
            4 => input.iter_mut().skip(from).take(1).for_each(|byte| *byte ^= 1 << dice.below(8)),
            _ => {
                let again = input[from..to.min(from + 200)].repeat(1 + dice.below(9));
                input.splice(to..to, again);
            }
        }
    }
    input
}

#[test]
fn no_promise_is_broken_by_far_too_much() {
    for (name, target) in TARGETS {
        for input in far_too_much(name) {
            check(name, target, &input);
        }
    }
}

/// Ten mebibytes of nonsense, and what is long or deep in the words of a target.
fn far_too_much(target: &str) -> Vec<Vec<u8>> {
    let long = "x".repeat(10 * MEBIBYTE);
    let mut inputs: Vec<Vec<u8>> = [b"{", b"\xff"].iter().map(|byte| byte.repeat(10 * MEBIBYTE)).collect();
    let texts = match target {
        "exposition" => vec![
            format!("a{{b=\"{long}\"}} 1\n"),
            format!("a {long}\n"),
            format!("# HELP a {long}\n"),
            "a 1\n".repeat(200_000),
        ],
        "answers" => vec![
            format!(
                r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{"a":"{long}"}},"values":[[2,"1"],[1,"1"]]}}]}}}}"#
            ),
            format!(
                r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{}},"values":[[1,"{long}"]]}}]}}}}"#
            ),
            format!(r#"{{"status":"success","data":{{"resultType":"{long}","result":[]}}}}"#),
            format!(r#"{{"status":"success","warnings":["{long}","{long}"]}}"#),
            format!(r#"{{"status":"{long}","error":"{long}"}}"#),
            "[".repeat(MEBIBYTE),
        ],
        "promql" => vec![
            format!("a{{b=\"{}\"}}", "x".repeat(4_000)),
            format!("a{{b=~\"{}\"}}", "(a{9}".repeat(700)),
            "(".repeat(16_000),
            "-".repeat(16_000),
            format!("{}1", "1+".repeat(8_000)),
            format!("a{{{}}}", "b=\"c\",".repeat(600)),
        ],
        "slos" | "configuration" | "web" => vec![
            "[".repeat(MEBIBYTE),
            format!("service: {}\nslos: []\n", "x".repeat(MEBIBYTE - 100)),
            format!("service: s\nslos: [{}]", "{a: 1},".repeat(10_000)),
            format!("{{{}}}", "a: b,".repeat(50_000)),
            format!("a: &a [{}]\nb: [{}]", "x,".repeat(1_000), "*a,".repeat(10_000)),
        ],
        "power" => vec![
            format!(
                "== class/powercap/intel-rapl:0/name\npackage-0\n== class/powercap/intel-rapl:0/energy_uj\n{}\n",
                "9".repeat(MEBIBYTE)
            ),
            format!("== stat\n{}\n", "cpu 1 ".repeat(MEBIBYTE)),
        ],
        _ => vec![],
    };
    inputs.extend(texts.into_iter().map(String::into_bytes));
    inputs
}
