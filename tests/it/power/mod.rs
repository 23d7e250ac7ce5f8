//! The meters of hosts that exist only as files: what is counted of them while the files are rewritten, and what is said
//! where they cannot be read.

mod live;
mod powercap;
pub mod tree;
