//! The values that are written in PromQL: plain selectors, expressions and matchers. Problems point into the text.

use crate::promql::{Error, Expression, Fault, Kind, Matcher, Selector};
use crate::slos::sli::events;
use crate::units::Problem;
use crate::yaml::{Fields, Node, Value};

/// What stands for the range of an expression.
pub const WINDOW: &str = "$window";

/// The selector under `key`.
pub fn selector_of(fields: &mut Fields, key: &'static str) -> Option<Selector> {
    selector(fields.take(key)?, key, fields.problems)
}

/// The selector that `node`, the value of `key`, holds.
pub fn selector(node: &Node, key: &str, problems: &mut Vec<Problem>) -> Option<Selector> {
    match Selector::parse(text(node, key, "a selector", problems)?) {
        Ok(selector) => {
            if selector.metric().contains(':') {
                let what = format!("{key:?} counts a recorded series, {}", selector.metric());
                let remedy = "count the counter it was recorded from";
                problems.push(Problem::warning("recorded_series", what, remedy).at(&node.place));
            }
            Some(selector)
        }
        Err(error) => {
            problems.push(refused(node, key, &error));
            None
        }
    }
}

/// The expression that `node`, the value of `key`, holds.
pub fn expression(node: &Node, key: &str, problems: &mut Vec<Problem>) -> Option<Expression> {
    let expression = Expression::parse(text(node, key, "an expression", problems)?);
    let expression = expression.map_err(|error| problems.push(refused(node, key, &error))).ok()?;
    let remedy = match expression.kind() {
        Kind::Scalar | Kind::Vector => return Some(expression),
        Kind::Matrix => format!("write what becomes of it, such as sum(increase({expression}))"),
        Kind::Text => "write one that gives numbers".into(),
    };
    let what = format!("{key:?} gives {}", expression.kind());
    problems.push(Problem::error("expression", what, remedy).at(&node.place));
    None
}

/// The expression that `node`, the value of `key`, holds, with `$window` in it.
pub fn windowed(node: &Node, key: &str, problems: &mut Vec<Problem>) -> Option<Expression> {
    let expression = expression(node, key, problems)?;
    if expression.has_window() {
        return Some(expression);
    }
    problems.push(match Selector::parse(node.text()?) {
        Ok(selector) => {
            let what = format!("{key:?} is a plain selector beside an expression");
            let remedy = format!("write both as expressions, here sum(increase({selector}[{WINDOW}]))");
            Problem::error("selector", what, remedy).at(&node.place)
        }
        Err(error) if matches!(error.fault, Fault::Expression(_)) => refused(node, key, &error),
        Err(_) => {
            let what = format!("{key:?} has no {WINDOW} in it");
            Problem::error("selector", what, format!("write {WINDOW} where the range is")).at(&node.place)
        }
    });
    None
}

/// The matchers that the text of `node` holds from byte `from` on, with or without braces around them.
pub fn matchers(node: &Node, key: &str, from: usize, problems: &mut Vec<Problem>) -> Option<Vec<Matcher>> {
    let text = text(node, key, "matchers", problems)?.get(from..)?;
    let (before, after) = if text.trim_start().starts_with('{') { ("x", "") } else { ("x{", "}") };
    match Selector::parse(&format!("{before}{text}{after}")) {
        Ok(selector) => Some(selector.matchers().to_vec()),
        Err(Error { at, fault }) => {
            let at = from + at.saturating_sub(before.len()).min(text.len());
            problems.push(refused(node, key, &Error { at, fault }));
            None
        }
    }
}

/// The text of `node`, the value of `key`, which wants `wanted`.
fn text<'n>(node: &'n Node, key: &str, wanted: &str, problems: &mut Vec<Problem>) -> Option<&'n str> {
    problems.push(match &node.value {
        Value::Scalar { text, .. } => return Some(text),
        Value::Map(_) => {
            let what = "this selector was read as a YAML mapping";
            Problem::error("selector", what, "put it in single quotes").at(&node.place)
        }
        Value::Null | Value::List(_) => node.misshapen(&format!("{key:?}"), wanted),
    });
    None
}

/// What is wrong with the text of `node`, the value of `key`.
fn refused(node: &Node, key: &str, error: &Error) -> Problem {
    let (what, remedy) = match &error.fault {
        Fault::Expression(sign) if events::KEYS.contains(&key) => {
            let remedy = format!("write {WINDOW} where the range is, or give a plain selector");
            (format!("{key:?} is an expression (it {sign})"), remedy)
        }
        Fault::Expression(sign) => (format!("{key:?} is an expression (it {sign})"), error.remedy()),
        _ => (format!("{key:?}: {error}"), error.remedy()),
    };
    Problem::error("selector", what, remedy).at(&node.place_at(error.at))
}
