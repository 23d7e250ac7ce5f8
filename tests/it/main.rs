//! What burnwatch promises, tried from outside: its library, its binary, and the servers it talks to. One binary: it
//! builds once and its tests run side by side.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by ending")]
#![allow(clippy::disallowed_methods, reason = "these tests run beside real servers, in real time")]

// The floors of `src/`: a module names only modules on lower ones.
mod architecture;
// Expressions against other readers of PromQL.
mod promql;
// The Prometheus source against sources that misbehave in every way a network and a server can.
mod prometheus_source;
// What people declare: the files in `slos/`, and files with mistakes in them.
mod declared;
