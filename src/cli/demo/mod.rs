//! `burnwatch demo`
mod shop;
mod exposition;
mod history;
use crate::plan::Pace;
use crate::units::Span;

const SLOS: &str = include_str!("shop.yaml");
const PACE: Pace = Pace { every: Span::seconds(1), scrape_interval: Span::seconds(1), ..Pace::DEFAULT };
