//! A PromQL expression: checked as Prometheus checks it, and a tree that prints as PromQL.
//! Never knows a server, nor what the numbers mean.

mod functions;
mod node;
mod grammar;
mod words;
mod kinds;
mod print;
#[cfg(test)]
mod tests;

use std::fmt;

pub use functions::{Aggregator, Function, Kind};
pub use node::{At, Grouping, Length, Many, Matching, Node, Number, Offset, On, Operator, Series, Shift, Variable};

use crate::promql::{Error, Selector};
use crate::units::Span;

/// The longest expression that is read.
pub const MAX_BYTES: usize = 16 * 1024;

/// An expression that Prometheus would take, as far as can be told without it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Expression {
    source: Box<str>,
    node: Node,
}

impl Expression {
    /// Reads an expression as Prometheus does. `$window` may stand for a duration.
    pub fn parse(text: &str) -> Result<Expression, Error> {
        Ok(Expression { source: text.into(), node: grammar::node(text, &[Variable::Window])? })
    }

    /// Reads an expression of a Grafana panel, where `$__rate_interval`, `$__interval` and `$__range` may stand for
    /// durations.
    pub fn parse_dashboard(text: &str) -> Result<Expression, Error> {
        let variables = [Variable::RateInterval, Variable::Interval, Variable::Range];
        Ok(Expression { source: text.into(), node: grammar::node(text, &variables)? })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    pub fn node(&self) -> &Node {
        &self.node
    }

    /// What it gives.
    pub fn kind(&self) -> Kind {
        self.node.kind()
    }

    /// Whether a duration in it is `$window`.
    pub fn has_window(&self) -> bool {
        let mut found = false;
        each(&self.node, &mut |node| found |= node.lengths().any(|by| by == Length::Variable(Variable::Window)));
        found
    }

    /// PromQL with `span` for `$window`.
    pub fn with_window(&self, span: Span) -> String {
        print::Printed { node: &self.node, window: Some(span) }.to_string()
    }

    /// Every selector of one metric in it, in the order of the text, without ranges and offsets.
    pub fn selectors(&self) -> Vec<Selector> {
        let mut found = Vec::new();
        each(&self.node, &mut |node| match node.series() {
            Some(Series::Of(selector)) => found.push(selector.clone()),
            Some(Series::Across(_)) | None => {}
        });
        found
    }
}

fn each(node: &Node, visit: &mut impl FnMut(&Node)) {
    visit(node);
    node.children().into_iter().for_each(|child| each(child, visit));
}

impl fmt::Display for Expression {
    /// In normal form: read again, it is the same tree.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.node.fmt(f)
    }
}
