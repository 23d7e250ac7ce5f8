//! What burnwatch promises, tried from outside: its library, its binary, and the servers it talks to. One binary: it
//! builds once and its tests run side by side.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by ending")]
#![allow(clippy::disallowed_methods, reason = "these tests run beside real servers, in real time")]

// The floors of `src/`: a module names only modules on lower ones.
mod architecture;
// Expressions against other readers of PromQL.
mod promql;
// The parts that live tests are made of: real servers, a service whose counts are known, the daemon.
mod stand;
// The Prometheus source against sources that misbehave in every way a network and a server can.
mod prometheus_source;
// Targets that expose their metrics as text: what is read of it, and what is said of those that misbehave.
mod exposition;
// What people declare: the files in `slos/`, and files with mistakes in them.
mod declared;
// What is said to people whose files, flags or surroundings are wrong.
mod refusals;
// The daemon on a real Prometheus: its counts against the truth, and what it says when it cannot know.
mod live;
// The daemon without a Prometheus, scraping the same service: its counts against the truth.
mod scraped;
// Processes that begin, and the source's word for when they did.
mod starts;
// What was before the daemon, read from a real Prometheus that remembers it.
mod backfill;
// Everything that befalls a daemon: kills, a full disk, a rotten ledger, a wrong clock, a source that misbehaves.
mod faults;
// What `check` says of files and of a real Prometheus, and what a shell and a reader of manuals are given.
mod check;
// The rule files and their tests: what promtool makes of them, and whether they agree with the ledger.
mod rules;
// The rule files and dashboards that the daemon writes by itself, and what it says of whoever reads them.
mod publish;
// The alerts of both styles on a real Prometheus and a real Alertmanager, from an outage to its end.
mod alerting;
// Every other kind of SLI on a real Prometheus: expressions, values, gauges, native histograms.
mod kinds;
// Who is told, by which channel, whatever happens to it on the way.
mod notices;
// Files that change while the daemon runs: what it takes up, what it keeps, and that it goes on counting.
mod reload;
// The dashboards as Grafana and Prometheus take them.
mod dashboards;
// The daemon's own door: how often one may ask, who may come in, and those who mean it harm.
mod web;
// The daemon as a service: under a supervisor, and the shipped unit under a systemd that boots beside this one.
mod unit;
// What the daemon logs.
mod log;
// The demo: an invented shop, and nothing left behind.
mod demo;
// What latencies people had, told from whole histograms.
mod latencies;
// The meters of the host, as files that change: what is counted, exposed and told of them.
mod power;
// What a request costs, and a host that is judged by it.
mod energy;
