//! Whether a die has a counter of its own, or repeats that of its socket's first die, as those of AMD's first Zen
//! processors do. Never knows what a die is worth.

use crate::units::Microjoules;

/// Counters of their own differ by more than this share, sooner or later; one counter that is read twice in a row does not.
const TOLERANCE: f64 = 0.01;

/// For so many readings in a row: two reads of one counter may once be some milliseconds apart, and then agree again.
const READINGS: u32 = 3;

/// After so many that agree the comparison begins anew, so that a long past does not hide a difference.
const COMPARED: u32 = 60;

/// The comparison of one die with the first. Until they are known to differ, its energy is held back, for it may have been
/// counted; once they are it is added, all of it.
#[derive(Debug, Clone, Default)]
pub struct Mirror {
    pub is_distinct: bool,
    /// Readings compared, and those of them in a row that differed.
    compared: u32,
    differed: u32,
    /// What both had counted when the comparison began.
    from: (Microjoules, Microjoules),
}

impl Mirror {
    /// Compares what the first die and this one had counted up to the same instant.
    pub fn compare(&mut self, first: Microjoules, this: Microjoules) {
        let (a, b) = ((first - self.from.0).as_joules(), (this - self.from.1).as_joules());
        let differs = (a - b).abs() > a.max(b) * TOLERANCE;
        self.differed = if differs { self.differed + 1 } else { 0 };
        self.is_distinct |= self.differed >= READINGS;
        self.compared += 1;
        if self.compared >= COMPARED && !differs {
            *self = Mirror { from: (first, this), is_distinct: self.is_distinct, ..Mirror::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether dies that gain these joules at each reading are told apart.
    fn check(gains: impl Iterator<Item = (u64, u64)>, distinct: bool) {
        let (mut mirror, mut sums) = (Mirror::default(), (Microjoules::ZERO, Microjoules::ZERO));
        for (first, this) in gains {
            sums = (sums.0 + Microjoules::joules(first), sums.1 + Microjoules::joules(this));
            mirror.compare(sums.0, sums.1);
        }
        assert_eq!(mirror.is_distinct, distinct);
    }

    #[test]
    fn one_counter_read_twice_is_never_taken_for_two() {
        check([(68, 68); 1_000].into_iter(), false);
        // Now and then something comes between both reads; the next pair makes up for it.
        check((0..1_000).map(|i| [(60, 66), (66, 60), (60, 60)][i % 3]), false);
        check([(0, 0); 100].into_iter(), false);
    }

    #[test]
    fn two_counters_are_told_apart_however_long_they_were_equal() {
        check([(30, 20), (0, 0), (0, 0)].into_iter(), true);
        check([(60, 61); 3].into_iter(), true);
        check(std::iter::repeat_n((60, 60), 100_000).chain([(60, 90); 30]), true);
    }
}
