//! One finished minute of the time of day: what the next tick hears of energy. Never knows a zone nor a meter.

use crate::energy::Basis;
use crate::units::{Microjoules, Span, Timestamp, Watts};

/// A minute of which less was measured tells too little of the rest.
const WHOLE: Span = Span::seconds(54);

/// A minute that ended, with what was measured of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Minute {
    /// Its end, a whole minute.
    pub at: Timestamp,
    /// How much of it was measured, by the clock that only goes forward: the first after a start is shorter, and a step of
    /// the time of day makes one longer or shorter.
    pub measured: Span,
    /// What the host total is made of; `None` where nothing told it.
    pub basis: Option<Basis>,
    /// What was added to the host total.
    pub energy: Option<Microjoules>,
    pub mean: Option<Watts>,
    /// The highest of its readings.
    pub peak: Option<Watts>,
}

impl Minute {
    /// Whether enough of it was measured to tell what it was like.
    pub fn is_whole(&self) -> bool {
        self.measured >= WHOLE
    }
}
