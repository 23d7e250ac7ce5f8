//! From YAML text to a tree in which every key and value keeps its place and its source text, and a walker over it
//! that names every mistake; and back to text. The only user of `serde_yaml`; knows no SLO and no configuration key.

mod node;
mod lines;
mod documents;
mod fields;
mod number;
mod written;

pub use documents::{MAX_BYTES, documents};
pub use fields::{Fields, Remedy};
pub use node::{Entry, Node, Value};
pub use number::{Number, NumberError, Whole};
pub use written::{Unwritable, written};
