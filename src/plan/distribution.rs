//! Which histograms are read whole, every bucket of them, so that the latencies that people had can be told.
//! Never knows what was read, nor what is made of it.

use std::collections::HashSet;
use std::sync::Arc;

use crate::plan::planning::{Want, joined};
use crate::plan::{Pace, Reading};
use crate::promql::{Narrowing, Selector};
use crate::slos::Slo;

/// Histograms of durations that one question reads, and the SLOs whose latencies they tell.
#[derive(Debug)]
pub struct Distribution {
    /// Every bucket: of classic histograms the series of their buckets, else the native histograms themselves.
    pub selector: Selector,
    pub readers: Vec<Reader>,
}

/// An SLO (by its place in the plan), and which of the histograms are its own.
#[derive(Debug)]
pub struct Reader {
    pub slo: usize,
    /// What it would read alone.
    pub selector: Selector,
    pub series: Narrowing,
}

/// The distributions of SLOs that count durations, as few as answer for all of them.
pub fn distributions(wants: &[Want], slos: &[Arc<Slo>], pace: &Pace) -> Vec<Distribution> {
    if pace.latency_quantiles.is_none() {
        return Vec::new();
    }
    let is_latency = |want: &&Want| match want.reading {
        Reading::Buckets | Reading::Native => slos[want.slo].sli.threshold_in_seconds().is_some(),
        Reading::Counters | Reading::Slices { .. } => false,
    };
    let reader = |(want, series): (Want, Narrowing)| Reader { slo: want.slo, selector: want.selector, series };
    let distribution = |(root, wants): (Want, Vec<(Want, Narrowing)>)| Distribution {
        selector: root.selector,
        readers: wants.into_iter().map(reader).collect(),
    };
    joined(wants.iter().filter(is_latency).cloned().collect(), &HashSet::new()).into_iter().map(distribution).collect()
}
