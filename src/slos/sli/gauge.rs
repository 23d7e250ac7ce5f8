//! A 0/1 gauge: each slice of time is an event, good while the gauge was 1.

use crate::slos::Sli;
use crate::slos::sli::slice;
use crate::slos::sli::written::selector_of;
use crate::units::Span;
use crate::yaml::Fields;

/// The slice that is judged where nobody names one.
const EVERY: Span = Span::minutes(1);

pub fn sli(fields: &mut Fields) -> Option<Sli> {
    let every = slice::every(fields, EVERY);
    Some(Sli::Up { gauge: selector_of(fields, "up")?, every })
}
