//! The running totals of every zone, stepped with each reading.

use crate::energy::{Minute, Readings, Statement};
use crate::units::{Microjoules, Span, Timestamp};

/// All that is remembered from reading to reading.
#[derive(Debug, Default)]
pub struct Account {}

/// What the time between two readings added.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Interval {
    /// By the clock of the readings.
    pub span: Span,
    /// Of the host total; `None` where nothing tells it, and at the first reading.
    pub energy: Option<Microjoules>,
}

/// What a step brings.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Step {
    pub interval: Interval,
    /// The minute that ended with it.
    pub minute: Option<Minute>,
}

impl Account {
    /// Takes up `readings`, made at the time of day `now`, which decides nothing but the ends of minutes.
    pub fn step(&mut self, _readings: &Readings, _now: Timestamp) -> Step {
        Step::default()
    }

    /// What is known after the last step.
    pub fn statement(&self) -> Statement {
        Statement::default()
    }
}
