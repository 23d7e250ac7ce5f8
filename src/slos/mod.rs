//! From what people declare to what is checked: a file's tree becomes SLOs and problems.
//! Never knows a query, a count or a server.

mod slo;
mod file;
mod settings;
mod name;
pub mod labels;
mod alerting;
mod sli;
mod endpoints;
mod blame;

pub use file::{read, unique};
pub use name::Name;
pub use sli::{Unit, expression};
pub use slo::{Alerting, Bound, Counted, Sli, Slo, Tone};
