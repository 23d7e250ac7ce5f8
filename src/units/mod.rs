//! The words everything else is said in: one type per idea, each with its invariant and its unit.
//! Never knows a file, a query, a clock or what an SLO is made of.

mod burn_rate;
mod labels;
mod objective;
mod problem;
mod ratio;
mod slo_id;
mod span;
mod tally;
mod timestamp;
mod window;

pub use burn_rate::BurnRate;
pub use labels::Labels;
pub use objective::{Objective, ObjectiveError};
pub use problem::{About, Place, Problem, Severity, nearest};
pub use ratio::Ratio;
pub use slo_id::SloId;
pub use span::{Span, SpanError};
pub use tally::Tally;
pub use timestamp::Timestamp;
pub use window::{Window, WindowError};
