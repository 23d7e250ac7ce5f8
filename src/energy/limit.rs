//! Whether the host draws more than it should, minute by minute. Never knows who is told.

use crate::energy::Minute;
use crate::units::{Span, Watts};

/// The mean power has to fall so far below the limit before it counts as kept again.
const HYSTERESIS: f64 = 0.1;

/// Less of a minute measured than this is a moment and no minute.
const SHORTEST: Span = Span::seconds(5);

/// What a minute's mean power must not exceed.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    pub watts: Watts,
    /// Whose it is: what the host calls itself.
    pub host: Box<str>,
}

impl Limit {
    /// Whether it is exceeded after `minute`, having been so before. A minute whose power is not known changes nothing.
    pub fn is_exceeded(&self, before: bool, minute: &Minute) -> bool {
        let line = if before { self.watts.get() * (1.0 - HYSTERESIS) } else { self.watts.get() };
        match minute.mean.filter(|_| minute.measured >= SHORTEST) {
            Some(mean) => mean.get() > line,
            None => before,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::units::Timestamp;

    /// Whether the limit of 200 W is exceeded after each of these minutes.
    fn check(means: &[Option<f64>], seconds: i64, expected: &[bool]) {
        let limit = Limit { watts: Watts::new(200.0).unwrap(), host: "here".into() };
        let minute = |mean: &Option<f64>| Minute {
            at: Timestamp::seconds(60),
            measured: Span::seconds(seconds),
            basis: None,
            energy: None,
            mean: mean.and_then(Watts::new),
            peak: None,
        };
        let step = |before: &mut bool, mean| {
            *before = limit.is_exceeded(*before, &minute(mean));
            Some(*before)
        };
        assert_eq!(means.iter().scan(false, step).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn it_is_exceeded_once_until_the_mean_is_a_tenth_below_it() {
        check(
            &[200.0, 201.0, 190.0, 181.0, 210.0, 180.0, 190.0].map(Some),
            60,
            &[false, true, true, true, true, false, false],
        );
    }

    #[test]
    fn what_is_not_known_and_a_mere_moment_change_nothing() {
        check(&[Some(300.0), None, None, Some(10.0)], 60, &[true, true, true, false]);
        check(&[Some(300.0)], 4, &[false]);
    }
}
