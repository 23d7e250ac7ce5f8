//! Mass of carbon dioxide.

use std::iter::Sum;
use std::ops::Add;

/// Grams of CO2e. Invariant: finite and at least 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Grams(f64);

impl Grams {
    pub const ZERO: Grams = Grams(0.0);

    /// `None` for what is negative, infinite or not a number.
    pub const fn new(grams: f64) -> Option<Grams> {
        if grams.is_finite() && grams >= 0.0 { Some(Grams(grams)) } else { None }
    }

    pub const fn get(self) -> f64 {
        self.0
    }
}

impl Add for Grams {
    type Output = Grams;
    fn add(self, other: Grams) -> Grams {
        Grams(self.0 + other.0)
    }
}

impl Sum for Grams {
    fn sum<I: Iterator<Item = Grams>>(all: I) -> Grams {
        all.fold(Grams::ZERO, Add::add)
    }
}
