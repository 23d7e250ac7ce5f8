//! The test stand: real programs on free ports of this machine, with their data in temporary directories, each ended
//! when it is dropped. It never knows how burnwatch counts; what is true it knows from the service alone.

mod durations;
mod eventually;
pub mod http;
pub mod process;
mod requests;
mod service;
pub mod past;
mod prometheus;
mod promtool;
mod victoria;
mod python;
mod daemon;

pub use daemon::Daemon;
pub use durations::Durations;
pub use eventually::eventually;
pub use prometheus::Prometheus;
pub use promtool::{check_metrics, check_rules, test_rules};
pub use python::python;
pub use requests::Requests;
pub use service::Service;
pub use victoria::Victoria;
