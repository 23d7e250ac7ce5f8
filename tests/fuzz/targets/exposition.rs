//! What targets expose.

use std::fmt::Write;

use burnwatch::io::scrape::exposition::{Fault, Format, MOST_LABELS, read};
use burnwatch::io::scrape::{Exposed, Wanted};
use burnwatch::promql::names::NAME_LABEL;
use burnwatch::units::Labels;

use crate::targets::check_sentence;

pub fn target(bytes: &[u8]) {
    for format in [Format::Text, Format::OpenMetrics] {
        match read(bytes, format, &Wanted::all(), &Labels::default()) {
            Ok(exposition) => {
                let exposed = exposition.exposed;
                assert!(exposed.iter().all(|exposed| exposed.labels.len() <= MOST_LABELS + 1));
                assert_eq!(known(&again(&exposed, format)), known(&exposed));
                if let Some(fault) = exposition.repeated {
                    check(&fault, bytes);
                }
            }
            Err(fault) => check(&fault, bytes),
        }
    }
    // OpenMetrics says where it ends, so that no cut is taken for the whole.
    let cut = read(&bytes[..bytes.len() / 2], Format::OpenMetrics, &Wanted::all(), &Labels::default());
    let whole = read(bytes, Format::OpenMetrics, &Wanted::all(), &Labels::default());
    assert!(whole.is_err() || cut.is_err());
}

fn check(fault: &Fault, body: &[u8]) {
    match fault {
        Fault::Malformed { line, .. }
        | Fault::NotUtf8 { line, .. }
        | Fault::Cut { line, .. }
        | Fault::AfterEnd { line, .. }
        | Fault::TooManySeries { line } => {
            let lines = body.split(|byte| *byte == b'\n').count();
            assert!((1..=lines).contains(line), "{fault}: of {lines} lines");
            check_sentence(&fault.to_string());
        }
        Fault::Repeated { line, first, .. } => assert!(first < line),
    }
    check_sentence(fault.remedy());
}

/// Written in one way, and read.
fn again(exposed: &[Exposed], format: Format) -> Vec<Exposed> {
    let mut body = String::new();
    for Exposed { labels, value, .. } in exposed {
        let others = labels.iter().filter(|(name, _)| *name != NAME_LABEL);
        let others: String = others.map(|(name, value)| format!(", {}={}", quoted(name), quoted(value))).collect();
        _ = writeln!(body, "{{{}{others}}} {value:?}", quoted(labels.get(NAME_LABEL)));
    }
    if format == Format::OpenMetrics {
        body += "# EOF\n";
    }
    let read = read(body.as_bytes(), format, &Wanted::all(), &Labels::default());
    read.unwrap_or_else(|fault| panic!("{fault}\n{body}")).exposed
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// What tells series and values apart; one that is no number is like any other.
fn known(exposed: &[Exposed]) -> Vec<(&Labels, u64)> {
    let bits = |value: f64| if value.is_nan() { u64::MAX } else { value.to_bits() };
    exposed.iter().map(|exposed| (&exposed.labels, bits(exposed.value))).collect()
}
