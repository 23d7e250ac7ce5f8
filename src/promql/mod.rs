//! Text, selectors and expressions, both ways: reading, matching, writing in normal form; and the names of series.
//! Never knows an SLO, a file or a server.

mod fault;
mod selector;
mod parse;
mod string;
mod token;
mod pattern;
mod narrowing;
mod sign;
mod bound;
mod example;
pub mod expression;
pub mod names;

pub use bound::bound_pattern;
pub use example::labels;
pub use expression::{Expression, Kind};
pub use fault::{Error, Fault};
pub use narrowing::Narrowing;
pub use parse::MAX_BYTES;
pub use selector::{Matcher, Op, Selector};
pub use sign::is_expression;
