//! Energy, as meters count it.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

use crate::units::{Span, Watts};

/// Energy in whole microjoules: sums of it are exact. 2^64 of them are 5 TWh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Microjoules(u64);

const PER_JOULE: u64 = 1_000_000;

impl Microjoules {
    pub const ZERO: Microjoules = Microjoules(0);

    pub const fn new(microjoules: u64) -> Microjoules {
        Microjoules(microjoules)
    }

    pub const fn joules(joules: u64) -> Microjoules {
        Microjoules(joules.saturating_mul(PER_JOULE))
    }

    pub const fn get(self) -> u64 {
        self.0
    }

    pub fn as_joules(self) -> f64 {
        self.0 as f64 / PER_JOULE as f64
    }

    /// What is left of it without `other`; `None` where that is more.
    pub fn without(self, other: Microjoules) -> Option<Microjoules> {
        self.0.checked_sub(other.0).map(Microjoules)
    }

    /// The mean power that spends it in `span`; `None` in no time.
    pub fn over(self, span: Span) -> Option<Watts> {
        if span.is_zero() { None } else { Watts::new(self.as_joules() / span.as_seconds()) }
    }
}

impl Add for Microjoules {
    type Output = Microjoules;
    fn add(self, other: Microjoules) -> Microjoules {
        Microjoules(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Microjoules {
    fn add_assign(&mut self, other: Microjoules) {
        *self = *self + other;
    }
}

impl Sub for Microjoules {
    type Output = Microjoules;
    /// What is left; nothing where `other` is more.
    fn sub(self, other: Microjoules) -> Microjoules {
        Microjoules(self.0.saturating_sub(other.0))
    }
}

impl Sum for Microjoules {
    fn sum<I: Iterator<Item = Microjoules>>(all: I) -> Microjoules {
        all.fold(Microjoules::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_a_time_it_is_power_and_in_no_time_it_is_none() {
        let energy = Microjoules::joules(130);
        assert_eq!(energy.over(Span::seconds(2)), Watts::new(65.0));
        assert_eq!(energy.over(Span::ZERO), None);
    }

    #[test]
    fn is_never_negative_and_never_wraps() {
        let (less, more) = (Microjoules::new(1), Microjoules::new(3));
        assert_eq!((less.without(more), more.without(less)), (None, Some(Microjoules::new(2))));
        assert_eq!(less - more, Microjoules::ZERO);
        assert_eq!(Microjoules::new(u64::MAX) + more, Microjoules::new(u64::MAX));
    }
}
