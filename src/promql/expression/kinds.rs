//! What may be combined with what. Never knows where it stands in the text, nor how it was written.

use crate::promql::expression::functions::{Aggregator, Function, Kind};
use crate::promql::expression::node::{Many, Matching, Node, On, Operator, Shift};
use crate::promql::{Fault, string};

/// Why `given` cannot stand where `who` wants a value of the kind `wants`. `range` is one that could be written there.
pub fn mismatch(who: &'static str, wants: Kind, given: &Node, range: &str) -> Option<Fault> {
    let kind = given.kind();
    let remedy = match wants {
        _ if wants == kind => return None,
        _ if kind == Kind::Matrix => format!("remove the range, or take a function over it, such as rate(x[{range}])"),
        Kind::Matrix => ranged(who, given, range),
        Kind::Text => format!("write {}", string::quoted(&given.to_string())),
        Kind::Scalar | Kind::Vector if kind == Kind::Text => "remove the quotes".into(),
        Kind::Scalar => "write a number, or make one of a single series by scalar(...)".into(),
        Kind::Vector => "write a selector, or make a vector of the number by vector(...)".into(),
    };
    Some(Fault::Kind { who, wants, given: kind, remedy: remedy.into() })
}

/// What to write where `who` wants a range and has `given`.
fn ranged(who: &str, given: &Node, range: &str) -> String {
    match given {
        Node::Vector { of, shift } if *shift == Shift::default() => match of.to_string() {
            selector if selector.len() <= 60 => format!("write {selector}[{range}]"),
            _ => format!("write [{range}] behind the selector"),
        },
        Node::Aggregation { aggregator, .. } => {
            format!("aggregate what {who} gives, such as {}({who}(x[{range}]))", aggregator.name())
        }
        _ => format!("write a selector and its range, such as x[{range}]"),
    }
}

/// Why a function or aggregator does not take so many arguments.
pub fn miscount(wanted: &Wanted, given: usize) -> Option<Fault> {
    let Wanted { who, count, .. } = *wanted;
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let wants = match count {
        (least, most) if (least..=most).contains(&given) => return None,
        (0, 0) => "no arguments".to_string(),
        (least, usize::MAX) => format!("{least} or more arguments"),
        (least, most) if least == most => format!("{least} argument{}", plural(least)),
        (least, most) => format!("{least} to {most} arguments"),
    };
    let kinds: Vec<String> = wanted.kinds.iter().map(Kind::to_string).collect();
    Some(Fault::Arguments { who, wants: wants.into(), given, call: format!("{who}({})", kinds.join(", ")).into() })
}

/// What an aggregator or a function takes, and how many.
pub struct Wanted {
    pub who: &'static str,
    pub count: (usize, usize),
    pub kinds: Vec<Kind>,
}

impl Wanted {
    pub fn by_function(function: Function, given: usize) -> Wanted {
        let count = given.max(function.arguments().0).min(function.arguments().1);
        let kinds = (0..count).filter_map(|place| function.wants(place)).collect();
        Wanted { who: function.name, count: function.arguments(), kinds }
    }

    pub fn by_aggregator(aggregator: Aggregator) -> Wanted {
        let kinds: Vec<Kind> = aggregator.parameter().into_iter().chain([Kind::Vector]).collect();
        Wanted { who: aggregator.name(), count: (kinds.len(), kinds.len()), kinds }
    }
}

/// Why two values (numbers or vectors both) cannot be combined so.
pub fn unfit(operator: Operator, bool: bool, matching: Option<&Matching>, left: Kind, right: Kind) -> Option<Fault> {
    let symbol = operator.symbol();
    let numbers = [left, right].iter().filter(|kind| **kind == Kind::Scalar).count();
    let twice = || {
        let (On::On(on), Some(Many::Left(taken) | Many::Right(taken))) = (&matching?.labels, &matching?.many) else {
            return None;
        };
        taken.iter().find(|label| on.contains(label)).cloned()
    };
    match matching {
        _ if bool && !operator.is_comparison() => Some(Fault::StrayBool(symbol)),
        _ if operator.is_set() && numbers > 0 => Some(Fault::SetOfNumbers(symbol)),
        _ if operator.is_comparison() && numbers == 2 && !bool => Some(Fault::NoBool(symbol)),
        Some(_) if numbers > 0 => Some(Fault::MatchedNumber),
        Some(matching) if operator.is_set() && matching.many.is_some() => Some(Fault::GroupedSet(symbol)),
        Some(_) => twice().map(Fault::LabelTwice),
        None => None,
    }
}
