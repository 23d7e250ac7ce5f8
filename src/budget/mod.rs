//! What an objective allows, what was spent of it and how fast, and which burn is worth telling: pure arithmetic.
//! Never knows where events come from, what was told before, or the time of day.

mod burn;
mod remaining;
mod rows;

pub use burn::{burn, known_burn};
pub use remaining::{Exhaustion, allowed, consumed, exhausted, exhaustion, remaining};
pub use rows::{Dropped, Row, Rows, Severity, Why, burn_windows, rows};
