//! From exposition text to series: Prometheus' text format 0.0.4 and OpenMetrics 1.0. Pure: a body in, series out.
//! A body that is malformed anywhere is none, so that half of it is never taken for the whole. What is lenient beyond
//! the formats is so because Prometheus is. Never knows where a body came from, nor what its series are for.

mod fault;
mod line;
mod family;

use std::collections::{HashMap, HashSet};

use crate::promql::names::NAME_LABEL;
use crate::units::{Labels, Timestamp};

use family::Family;
use line::{Line, Pairs};

pub use fault::Fault;

/// The most labels of a series, of its target's not counted.
pub const MOST_LABELS: usize = 64;
/// The most bytes of a name, or of a label's value, as they are written.
pub const LONGEST_TEXT: usize = 16 << 10;
/// The most series kept of one body.
pub const MOST_SERIES: usize = 100_000;

/// The language of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text format 0.0.4, with the quoted names of 1.0.0.
    Text,
    /// OpenMetrics 1.0, which says where it ends.
    OpenMetrics,
}

impl Format {
    /// What a `Content-Type` header names; the text format where it names nothing that is known.
    pub fn of(content_type: &str) -> Format {
        let media = content_type.split(';').next().unwrap_or_default().trim();
        match media.eq_ignore_ascii_case("application/openmetrics-text") {
            true => Format::OpenMetrics,
            false => Format::Text,
        }
    }
}

/// The names of the metrics that are kept of a body; the others are only checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted(Option<HashSet<Box<str>>>);

impl Wanted {
    pub fn all() -> Wanted {
        Wanted(None)
    }

    pub fn only(names: impl IntoIterator<Item = impl Into<Box<str>>>) -> Wanted {
        Wanted(Some(names.into_iter().map(Into::into).collect()))
    }

    pub fn keeps(&self, metric: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.contains(metric))
    }
}

/// A series as a target exposes it at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Exposed {
    /// All of them: `__name__`, its own and its target's. An own one that its target has too is called `exported_...`;
    /// an empty one is none.
    pub labels: Labels,
    pub value: f64,
    /// When it began at 0, where OpenMetrics tells.
    pub created: Option<Timestamp>,
}

/// What a body says.
#[derive(Debug, Clone, PartialEq)]
pub struct Exposition {
    /// In the order of the body, each series once.
    pub exposed: Vec<Exposed>,
    /// The first series that stands there again, if any; only its first value is kept.
    pub repeated: Option<Fault>,
}

/// Reads the `wanted` of a body that a target with these labels sent.
pub fn read(body: &[u8], format: Format, wanted: &Wanted, target: &Labels) -> Result<Exposition, Fault> {
    let text = str::from_utf8(body).map_err(|error| Fault::not_utf8(body, error.valid_up_to()))?;
    let mut found = Found { wanted, target, exposed: Vec::new(), lines: Vec::new(), family: Family::default() };
    let (mut labels, mut has_ended, mut number) = (Pairs::new(), false, 0);
    for whole in text.split_inclusive('\n') {
        number += 1;
        let line = match (whole.strip_suffix('\n'), format) {
            (Some(line), Format::Text) => line.strip_suffix('\r').unwrap_or(line),
            (None, Format::Text) => return Err(Fault::Cut { line: number, wanted: "a line break" }),
            (line, Format::OpenMetrics) => line.unwrap_or(whole),
        };
        if has_ended {
            return Err(Fault::after_end(number, line));
        }
        match line::line(line, format, &mut labels).map_err(|flaw| Fault::malformed(number, line, flaw))? {
            Line::Comment => {}
            Line::Type { family, suffixes } => found.open(Family::new(family, suffixes, format)),
            Line::Sample { metric, value } => found.keep(number, &metric, &mut labels, value)?,
            Line::End => has_ended = true,
        }
    }
    if format == Format::OpenMetrics && !has_ended {
        return Err(Fault::Cut { line: number.max(1), wanted: "`# EOF`" });
    }
    found.open(Family::default());
    let repeated = found.take_repeated();
    Ok(Exposition { exposed: found.exposed, repeated })
}

/// What was found so far.
struct Found<'t, 'w> {
    wanted: &'w Wanted,
    target: &'w Labels,
    exposed: Vec<Exposed>,
    /// Where each stands.
    lines: Vec<usize>,
    family: Family<'t>,
}

impl<'t> Found<'t, '_> {
    /// Goes from one family to the `next`.
    fn open(&mut self, next: Family<'t>) {
        let from = self.exposed.len();
        self.family.date(&mut self.exposed);
        self.family = next.beginning_at(from);
    }

    fn keep(&mut self, line: usize, metric: &str, labels: &mut Pairs, value: f64) -> Result<(), Fault> {
        let is_created = self.family.is_created(metric);
        let is_wanted = if is_created { self.family.is_wanted(self.wanted) } else { self.wanted.keeps(metric) };
        if !is_wanted {
            return Ok(());
        }
        if self.exposed.len().max(self.family.dates()) == MOST_SERIES {
            return Err(Fault::TooManySeries { line });
        }
        let labels = whole(metric, labels, self.target);
        if is_created {
            self.family.note(&labels, value);
        } else {
            self.exposed.push(Exposed { labels, value, created: None });
            self.lines.push(line);
        }
        Ok(())
    }

    /// Takes out what stands there again, and names the first of it.
    fn take_repeated(&mut self) -> Option<Fault> {
        let mut first: HashMap<&Labels, usize> = HashMap::with_capacity(self.exposed.len());
        let mut repeated = None;
        let is_first: Vec<bool> = self
            .exposed
            .iter()
            .zip(&self.lines)
            .map(|(exposed, line)| {
                let before = *first.entry(&exposed.labels).or_insert(*line);
                if before != *line && repeated.is_none() {
                    repeated = Some(Fault::Repeated { line: *line, first: before, series: exposed.labels.clone() });
                }
                before == *line
            })
            .collect();
        if repeated.is_some() {
            let mut is_first = is_first.into_iter();
            self.exposed.retain(|_| is_first.next().unwrap_or_default());
        }
        repeated
    }
}

/// All labels of a series: its name, its own, and its target's, which prevail.
fn whole(metric: &str, own: &mut Pairs, target: &Labels) -> Labels {
    own.retain(|(_, value)| !value.is_empty());
    for index in 0..own.len() {
        if target.get(&own[index].0).is_empty() {
            continue;
        }
        let mut name = format!("exported_{}", own[index].0);
        while !target.get(&name).is_empty() || own.iter().any(|(other, _)| *other == name) {
            name.insert_str(0, "exported_");
        }
        own[index].0 = name.into();
    }
    let own = own.iter().map(|(name, value)| (&**name, &**value));
    Labels::new(own.chain(target.iter()).chain([(NAME_LABEL, metric)]))
}

#[cfg(test)]
mod tests;
