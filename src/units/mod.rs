//! The words everything else is said in: one type per idea, each with its invariant and its unit.
//! Never knows a file, a query, a clock or what an SLO is made of.

mod burn_rate;
mod grams;
mod labels;
mod microjoules;
mod objective;
mod problem;
mod ratio;
mod slo_id;
mod span;
mod tally;
mod timestamp;
mod watts;
mod window;

pub use burn_rate::BurnRate;
pub use grams::Grams;
pub use labels::Labels;
pub use microjoules::Microjoules;
pub use objective::{Objective, ObjectiveError};
pub use problem::{About, Place, Problem, Severity, nearest};
pub use ratio::Ratio;
pub use slo_id::SloId;
pub use span::{Span, SpanError};
pub use tally::Tally;
pub use timestamp::Timestamp;
pub use watts::{Watts, WattsError};
pub use window::{Window, WindowError};
