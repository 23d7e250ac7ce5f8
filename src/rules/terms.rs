//! What of the configuration rule files depend on.

use std::collections::HashSet;

use crate::promql::Selector;
use crate::units::Span;

/// Who computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Prometheus, from the raw metrics.
    Standalone,
    /// The daemon; the rules turn what it exports into alerts.
    Exporter,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    pub style: Style,
    /// No alert looks at a shorter window.
    pub floor: Span,
    /// No rate is taken over less.
    pub shortest_rate: Span,
    /// Unmeasured for so long, the daemon says no data. Rules wait twice as long: they cannot tell a slow answer.
    pub no_data_after: Span,
    /// Whether a daemon is known to run beside the rules, for it writes them: then its end is an alert in either style.
    /// Who runs standalone rules by themselves would be alerted for ever of a daemon that there need not be.
    pub has_daemon: bool,
    /// The histograms, in normal form, that the source was found to hold as native ones only.
    pub natives: HashSet<String>,
}

impl Terms {
    /// How long nothing may be measured before an alert says so.
    pub fn patience(&self) -> Span {
        self.no_data_after * 2
    }

    pub fn is_native(&self, histogram: &Selector) -> bool {
        !self.natives.is_empty() && self.natives.contains(&histogram.to_string())
    }
}
