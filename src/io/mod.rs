//! The edges: each names a part of the world and owns its configuration and its errors.
//! Siblings meet only in `clock` and `http`; nothing here decides what a count or an alert is.

pub mod clock;
pub mod files;
pub mod http;
pub mod notify;
pub mod power;
pub mod prometheus;
pub mod scrape;
pub mod store;
pub mod supervisor;
pub mod web;
