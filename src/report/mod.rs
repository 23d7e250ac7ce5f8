//! What is known, as others read it: a state becomes a snapshot; a snapshot becomes JSON, metrics, tables and text.
//! Never knows who asked, nor how an answer travels.

mod number;
mod snapshot;
pub mod json;
mod answers;
mod efficiency;
mod history;
pub mod metrics;
pub mod table;
pub mod energy;
mod meters;
mod explained;
mod findings;
mod mail;
#[cfg(test)]
pub mod example;

pub use answers::{Wanted, alerts, health, notifications, problems, slo, slos};
pub use efficiency::low_power;
pub use energy::Energy;
pub use explained::explained;
pub use findings::Findings;
pub use history::{MAX_POINTS, Range, history};
pub use mail::{Figure, Mail, figures, headline, mail};
pub use meters::{meters, meters_text};
pub use snapshot::{Check, Checks, Listed, Snapshot, snapshot};
