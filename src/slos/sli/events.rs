//! Two of good, bad and total: counters that are read sample by sample or, with `$window`, expressions.

use crate::promql;
use crate::slos::sli::slice;
use crate::slos::sli::written::{WINDOW, selector, windowed};
use crate::slos::{Counted, Sli};
use crate::units::{Problem, Span};
use crate::yaml::{Fields, Node};

pub const KEYS: [&str; 3] = ["good", "bad", "total"];

/// The slice over which expressions are asked where nobody names one.
const EVERY: Span = Span::minutes(5);

pub fn sli(fields: &mut Fields) -> Option<Sli> {
    match KEYS.map(|key| fields.has(key)) {
        [true, true, true] => {
            let what = "\"good\", \"bad\" and \"total\" are one more than needed";
            let problem = Problem::error("events", what, "keep two, for the third follows from them");
            fields.problems.extend(fields.place_of("good").map(|place| problem.at(place)));
        }
        [true, false, false] | [false, true, false] => {
            fields.require("total");
        }
        [false, false, true] => {
            fields.require("bad");
        }
        [..] => {}
    }
    let nodes = KEYS.map(|key| (key, fields.take(key)));
    let is_any = |test: fn(&str) -> bool| nodes.iter().filter_map(|(_, node)| node.as_ref()?.text()).any(test);
    // Beside an expression that is wrong, "every" is no second mistake.
    let every = match is_any(|text| promql::is_expression(text).is_some()) {
        true => slice::every(fields, EVERY),
        false => EVERY,
    };
    match is_any(|text| text.contains(WINDOW)) {
        true => {
            counted(nodes, |key, node| windowed(node, key, fields.problems)).map(|of| Sli::Expressions { of, every })
        }
        false => counted(nodes, |key, node| selector(node, key, fields.problems)).map(Sli::Events),
    }
}

/// What `read` makes of the two values that are there; `None` where one is wrong.
fn counted<T>(nodes: [(&str, Option<&Node>); 3], mut read: impl FnMut(&str, &Node) -> Option<T>) -> Option<Counted<T>> {
    match nodes.map(|(key, node)| node.and_then(|node| read(key, node))) {
        [None, Some(bad), Some(total)] => Some(Counted::BadOfTotal { bad, total }),
        [Some(good), None, Some(total)] => Some(Counted::GoodOfTotal { good, total }),
        [Some(good), Some(bad), None] => Some(Counted::GoodAndBad { good, bad }),
        [..] => None,
    }
}
