//! A bound on a value, judged slice by slice: the value of an expression, or one of burnwatch's own readings.

use crate::promql::{self, Selector, names};
use crate::slos::sli::slice;
use crate::slos::sli::written::{expression, selector};
use crate::slos::{Bound, Sli};
use crate::units::{Problem, Span, nearest};
use crate::yaml::{Fields, Node, Number};

/// The slice that is judged where nobody names one.
const EVERY: Span = Span::minutes(1);

/// What burnwatch reads itself and can be bound.
const OWN: [&str; 5] = [
    names::HOST_POWER,
    names::HOST_POWER_PEAK,
    names::SERVICE_REQUESTS_PER_WATTHOUR,
    names::SERVICE_JOULES_PER_REQUEST,
    names::SERVICE_GRAMS_PER_REQUEST,
];

pub fn sli(fields: &mut Fields) -> Option<Sli> {
    let is_own = fields.choice("source", &[("self", ())]).is_some();
    let node = fields.require("value").take("value");
    let every = slice::every(fields, EVERY);
    let bound = bound(fields);
    if is_own {
        let value = node.and_then(|node| own(node, fields.problems));
        return Some(Sli::Own { value: value?, bound: bound?, every });
    }
    let value = node.and_then(|node| expression(node, "value", fields.problems));
    Some(Sli::Value { value: value?, bound: bound?, every })
}

fn bound(fields: &mut Fields) -> Option<Bound> {
    if let (Some(_), Some(place)) = (fields.place_of("under"), fields.place_of("over")) {
        let problem = Problem::error("bound", "\"under\" and \"over\" are two bounds", "keep one");
        fields.problems.push(problem.at(place));
    } else if !fields.unread().any(|key| nearest(key, ["over"]).is_some()) {
        fields.require("under");
    }
    let under = fields.read("under").map(|Number(bound)| Bound::Under(bound));
    let over = fields.read("over").map(|Number(bound)| Bound::Over(bound));
    under.or(over)
}

/// The selector of one of burnwatch's own metrics.
fn own(node: &Node, problems: &mut Vec<Problem>) -> Option<Selector> {
    let refused = |what: String, remedy: String| Problem::error("own_metric", what, remedy).at(&node.place);
    if let Some(sign) = node.text().and_then(promql::is_expression) {
        let what = format!("\"value\" is an expression (it {sign}), and source: self reads one metric");
        problems.push(refused(what, format!("write a plain selector such as {}", names::HOST_POWER)));
        return None;
    }
    let selector = selector(node, "value", problems)?;
    if OWN.contains(&selector.metric()) {
        return Some(selector);
    }
    let what = format!("{:?} is not a reading of burnwatch's own", selector.metric());
    let remedy = match nearest(selector.metric(), OWN) {
        Some(metric) => format!("write {metric}"),
        None => format!("its own are {}; without source: self, the value is asked of the source", OWN.join(", ")),
    };
    problems.push(refused(what, remedy));
    None
}
