//! The test stand: real programs on free ports of this machine, with their data in temporary directories, each ended
//! when it is dropped. It never knows how burnwatch counts; what is true it knows from the service alone.

mod alertmanager;
mod clock;
mod disk;
mod durations;
mod eventually;
mod mailbox;
pub mod http;
pub mod process;
mod proxy;
mod receiver;
pub mod remote_write;
mod requests;
mod service;
mod serving;
pub mod past;
mod prometheus;
mod promtool;
mod victoria;
mod python;
mod daemon;

pub use alertmanager::Alertmanager;
pub use clock::Clock;
pub use daemon::Daemon;
pub use disk::SmallDisk;
pub use durations::{Durations, written};
pub use eventually::eventually;
pub use mailbox::{Mailbox, USER};
pub use prometheus::Prometheus;
pub use promtool::{check_metrics, check_rules, test_rules};
pub use proxy::{Proxy, Way};
pub use python::python;
pub use receiver::{Manner, Receiver};
pub use requests::Requests;
pub use service::Service;
pub use victoria::Victoria;
