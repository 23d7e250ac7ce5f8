//! From SLOs to the questions a source is asked, and from its answers back to the SLOs they count for.
//! Never knows how a question is asked, nor what was counted before.

mod alert_rows;
mod bounds;
mod distribution;
mod estimates;
mod holdings;
mod metering;
mod natives;
mod planning;
mod query;
mod samples;
mod surprises;

pub use alert_rows::dropped_rows;
pub use distribution::{Distribution, Reader};
pub use estimates::{ESTIMATED_SPAN, estimated};
pub use holdings::{Cost, Costs, Holdings, costs, selectors};
pub use metering::{Metered, MeteredService, Metering};
pub use planning::{Facts, Pace, Plan, Planned, buckets, histogram, plan};
pub use query::{Part, Query, Question, Reading, Route, Target, histogram_id, key, read_key};
pub use samples::{Bucket, Histogram, Sample, Scale, Series, SeriesId};
pub use surprises::surprises;

#[cfg(test)]
mod tests;
