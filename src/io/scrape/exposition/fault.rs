//! What can be wrong with a body, and what to do. Lines and columns count from 1, columns in characters.
//! Never knows whose body it is.

use crate::io::scrape::exposition::{LONGEST_TEXT, MOST_LABELS, MOST_SERIES};
use crate::units::Labels;

/// The most of a line that is shown, in characters, on either side of what is wrong with it.
const SHOWN: usize = 40;

/// Why a body, or a line of it, does not count.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    #[error("line {line} wants {wanted} at column {column}: {shown}")]
    Malformed { line: usize, column: usize, wanted: &'static str, shown: String },
    #[error("line {line} is not UTF-8: {shown}")]
    NotUtf8 { line: usize, shown: String },
    #[error("it ends in line {line} without {wanted}")]
    Cut { line: usize, wanted: &'static str },
    #[error("line {line} goes on after `# EOF`: {shown}")]
    AfterEnd { line: usize, shown: String },
    #[error("line {line} is one series too many: more than {MOST_SERIES} are asked for")]
    TooManySeries { line: usize },
    /// The only one with which a body counts all the same.
    #[error("line {line} repeats the series of line {first}: {series}")]
    Repeated { line: usize, first: usize, series: Labels },
}

/// What a line wants at one of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flaw {
    pub at: usize,
    pub wanted: &'static str,
}

impl Flaw {
    pub const LONG: &str = "a text of at most 16 KiB";
    pub const MANY: &str = "no more than 64 labels";
}

const _: () = assert!(LONGEST_TEXT == 16 << 10 && MOST_LABELS == 64, "as the flaws say");

impl Fault {
    pub fn malformed(line: usize, text: &str, flaw: Flaw) -> Fault {
        let column = text.get(..flaw.at).unwrap_or(text).chars().count() + 1;
        Fault::Malformed { line, column, wanted: flaw.wanted, shown: shown(text, column - 1) }
    }

    pub fn not_utf8(body: &[u8], valid: usize) -> Fault {
        let line = body[..valid].split(|byte| *byte == b'\n').count();
        let start = body[..valid].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let text = String::from_utf8_lossy(&body[start..body.len().min(valid + SHOWN)]);
        let text = text.lines().next().unwrap_or_default();
        let at = String::from_utf8_lossy(&body[start..valid]).chars().count();
        Fault::NotUtf8 { line, shown: shown(text, at) }
    }

    pub fn after_end(line: usize, text: &str) -> Fault {
        Fault::AfterEnd { line, shown: shown(text, 0) }
    }

    /// What to do.
    pub fn remedy(&self) -> &'static str {
        match self {
            Fault::Malformed { .. } | Fault::NotUtf8 { .. } | Fault::AfterEnd { .. } => {
                "nothing of it counts; mend what writes it (promtool check metrics reads it too)"
            }
            Fault::Cut { .. } => {
                "nothing of it counts, for its end may be missing; see what cut it, or end it as its format wants"
            }
            Fault::TooManySeries { .. } => "expose fewer, or split the target",
            Fault::Repeated { .. } => "only the first counts; give each series labels of its own",
        }
    }
}

/// `text` around its character `at`, in what a terminal can show.
fn shown(text: &str, at: usize) -> String {
    let from = at.saturating_sub(SHOWN);
    let mut letters = text.chars().skip(from);
    let mut shown = String::from(if from > 0 { "…" } else { "" });
    let harmless = |letter: char| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter };
    shown.extend(letters.by_ref().take(at - from + SHOWN).map(harmless));
    shown.extend(letters.next().map(|_| '…'));
    shown
}
