//! Expressions as text, in normal form: valid for Prometheus 2.42 and later as far as the names allow.
//! Never knows the text that was read.

use std::fmt;

use crate::promql::expression::node::{
    At, Grouping, Length, Many, Matching, Node, Number, On, Operator, SIGN, Series, Shift, Variable,
};
use crate::promql::{parse, string};
use crate::units::Span;

/// A node, and what `$window` is in it; without, it stays.
pub struct Printed<'a> {
    pub node: &'a Node,
    pub window: Option<Span>,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        Printed { node: self, window: None }.fmt(f)
    }
}

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.node {
            Node::Number(number) => number.fmt(f),
            Node::Text(text) => f.write_str(&string::quoted(text)),
            Node::Vector { of, shift } => {
                of.fmt(f)?;
                self.shift(shift, f)
            }
            Node::Range { of, range, shift } => {
                write!(f, "{of}[{}]", self.length(*range))?;
                self.shift(shift, f)
            }
            Node::Subquery { of, range, step, shift } => {
                let step = step.map(|step| self.length(step)).unwrap_or_default();
                write!(f, "{}[{}:{step}]", self.tight(of), self.length(*range))?;
                self.shift(shift, f)
            }
            Node::Negated(of) => write!(f, "-{}", self.within(of, Operator::Power.precedence())),
            Node::Binary { left, operator, bool, matching, right } => {
                write!(f, "{} {}", self.before(*operator, left), operator.symbol())?;
                if *bool {
                    f.write_str(" bool")?;
                }
                if let Some(matching) = matching {
                    write!(f, " {matching}")?;
                }
                write!(f, " {}", self.within(right, operator.right()))
            }
            Node::Aggregation { aggregator, grouping, parameter, of } => {
                f.write_str(aggregator.name())?;
                if let Some(grouping) = grouping {
                    write!(f, " {grouping} ")?;
                }
                match parameter {
                    Some(parameter) => write!(f, "({}, {})", self.below(parameter), self.below(of)),
                    None => write!(f, "({})", self.below(of)),
                }
            }
            Node::Call { function, arguments } => {
                let arguments: Vec<String> =
                    arguments.iter().map(|argument| self.below(argument).to_string()).collect();
                write!(f, "{}({})", function.name, arguments.join(", "))
            }
        }
    }
}

/// A child, in parentheses or not.
struct Child<'a> {
    printed: Printed<'a>,
    parentheses: bool,
}

impl fmt::Display for Child<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.parentheses { write!(f, "({})", self.printed) } else { self.printed.fmt(f) }
    }
}

impl<'a> Printed<'a> {
    fn below(&self, node: &'a Node) -> Printed<'a> {
        Printed { node, window: self.window }
    }

    fn within(&self, node: &'a Node, precedence: u8) -> Child<'a> {
        let parentheses = match node {
            Node::Binary { operator, .. } => operator.precedence() < precedence,
            _ => false,
        };
        Child { printed: self.below(node), parentheses }
    }

    /// The left of an operator: a sign there may bind less tightly than the operator.
    fn before(&self, operator: Operator, node: &'a Node) -> Child<'a> {
        let child = self.within(node, operator.left());
        Child { parentheses: child.parentheses || (is_signed(node) && operator.left() > SIGN), ..child }
    }

    /// What a subquery is of. (Prometheus reads `x offset 5m[1h:]` too, but who else does?)
    fn tight(&self, node: &'a Node) -> Child<'a> {
        let shifted = node.shift().is_some_and(|shift| *shift != Shift::default());
        let parentheses = shifted || is_signed(node) || matches!(node, Node::Binary { .. });
        Child { printed: self.below(node), parentheses }
    }

    fn length(&self, length: Length) -> String {
        match (length, self.window) {
            (Length::Fixed(span), _) | (Length::Variable(Variable::Window), Some(span)) => span.to_string(),
            (Length::Variable(variable), _) => variable.name().to_string(),
        }
    }

    fn shift(&self, shift: &Shift, f: &mut fmt::Formatter) -> fmt::Result {
        match shift.at {
            Some(At::Time(time)) => write!(f, " @ {}", Number::new(time.as_seconds()))?,
            Some(At::Start) => f.write_str(" @ start()")?,
            Some(At::End) => f.write_str(" @ end()")?,
            None => {}
        }
        match shift.offset {
            Some(offset) => write!(f, " offset {}{}", if offset.later { "-" } else { "" }, self.length(offset.by)),
            None => Ok(()),
        }
    }
}

fn is_signed(node: &Node) -> bool {
    match node {
        Node::Negated(_) => true,
        Node::Number(number) => number.value().is_sign_negative() && !number.value().is_nan(),
        _ => false,
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.value() {
            value if value == f64::INFINITY => f.write_str("Inf"),
            value if value == f64::NEG_INFINITY => f.write_str("-Inf"),
            value if value == 0.0 || (1e-5..1e16).contains(&value.abs()) || value.is_nan() => write!(f, "{value}"),
            value => write!(f, "{value:e}"),
        }
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Series::Of(selector) => selector.fmt(f),
            Series::Across(matchers) => {
                let matchers: Vec<String> = matchers.iter().map(|matcher| matcher.to_string()).collect();
                write!(f, "{{{}}}", matchers.join(","))
            }
        }
    }
}

impl fmt::Display for Matching {
    /// The labels behind `group_left` are always written, or a parenthesis to the right would be read as theirs.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.labels {
            On::On(labels) => write!(f, "on ({})", listed(labels))?,
            On::Ignoring(labels) => write!(f, "ignoring ({})", listed(labels))?,
        }
        match &self.many {
            Some(Many::Left(labels)) => write!(f, " group_left ({})", listed(labels)),
            Some(Many::Right(labels)) => write!(f, " group_right ({})", listed(labels)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Grouping {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Grouping::By(labels) => write!(f, "by ({})", listed(labels)),
            Grouping::Without(labels) => write!(f, "without ({})", listed(labels)),
        }
    }
}

fn listed(labels: &[Box<str>]) -> String {
    let labels: Vec<String> = labels
        .iter()
        .map(|label| if parse::is_label_name(label) { label.to_string() } else { string::quoted(label) })
        .collect();
    labels.join(", ")
}
