//! What measures the table: a histogram, a counter, and the matchers that make a request bad.

use crate::promql::{Matcher, Op, Selector};
use crate::slos::endpoints::cell::{Cell, Good};
use crate::slos::endpoints::endpoint::Endpoint;
use crate::slos::sli::{Histogram, matchers, selector_of};
use crate::slos::{Counted, Sli, labels};
use crate::units::Problem;
use crate::yaml::{Fields, Node};

pub struct Http<'n> {
    duration: Option<Histogram>,
    /// Counts all requests.
    requests: Option<Selector>,
    bad: Vec<Matcher>,
    /// What the metrics call the method and the path of a request.
    method: &'n str,
    path: &'n str,
}

impl<'n> Http<'n> {
    /// What one of `cells` needs has to be there.
    pub fn read(node: &'n Node, cells: &[&Cell], problems: &mut Vec<Problem>) -> Option<Http<'n>> {
        let mut fields = Fields::of(node, "\"http\"", problems)?;
        let counts_errors = cells.iter().any(|cell| cell.good == Good::Sound);
        let counts_requests = fields.has("requests");
        if counts_errors {
            fields.require("bad");
        }
        if cells.iter().any(|cell| cell.good != Good::Sound) || (counts_errors && !counts_requests) {
            fields.require("duration");
        }
        let duration = Histogram::read(&mut fields, "duration");
        let requests = match counts_requests {
            true => selector_of(&mut fields, "requests"),
            false => duration.as_ref().map(Histogram::count),
        };
        let bad = fields.take("bad").and_then(|node| bad(node, fields.problems)).unwrap_or_default();
        let (method, path) = renamed(&mut fields);
        fields.done();
        Some(Http { duration, requests, bad, method, path })
    }

    /// What `cell` counts of `endpoint`.
    pub fn sli(&self, endpoint: &Endpoint, cell: &Cell, problems: &mut Vec<Problem>) -> Option<Sli> {
        let method = endpoint.method.map(|method| Matcher::new(self.method, Op::Equal, method));
        let path = Matcher::new(self.path, Op::Equal, endpoint.path);
        let matchers = || method.iter().chain([&path]).chain(&endpoint.matchers);
        match cell.good {
            Good::Under(threshold) => {
                let histogram = self.duration.as_ref()?.within(matchers());
                histogram.sli(threshold, cell.target.node, problems)
            }
            Good::Sound => {
                let total = self.requests.as_ref()?.within(matchers());
                Some(Sli::Events(Counted::BadOfTotal { bad: total.within(&self.bad), total }))
            }
        }
    }
}

/// The matchers that make a request bad.
fn bad(node: &Node, problems: &mut Vec<Problem>) -> Option<Vec<Matcher>> {
    let bad = matchers(node, "bad", 0, problems)?;
    if bad.is_empty() {
        let problem = Problem::error("bad", "\"bad\" matches every request", "say which are, such as code=~\"5..\"");
        problems.push(problem.at(&node.place));
    }
    Some(bad)
}

/// What the metrics call the method and the path of a request.
fn renamed<'n>(fields: &mut Fields<'n, '_>) -> (&'n str, &'n str) {
    let usual = ("method", "path");
    let Some(node) = fields.take("labels") else { return usual };
    let Some(mut names) = Fields::of(node, "\"labels\"", fields.problems) else { return usual };
    let renamed = (labels::name(&mut names, usual.0), labels::name(&mut names, usual.1));
    names.done();
    renamed
}
