//! From SLOs to rule files: what a Prometheus computes and alerts by itself, also while burnwatch is stopped.
//! Renderers to text. Never knows a count, a server or where the text goes.

mod terms;
mod timing;
mod reading;
mod recording;
mod alerting;
mod exporter;
mod written;
mod file;
mod unit_tests;

pub use alerting::{BURN_ALERT, DOWN_ALERT, NO_DATA_ALERT};
pub use file::{Format, Group, HEADER, INHIBITION, Rule, RuleFile, colliding, files, notes};
pub use terms::{Style, Terms};
pub use unit_tests::{Pace, unit_tests};
