//! An expression as a tree. Never knows how it was written: parentheses, blanks and comments are not in it.

use std::hash::{Hash, Hasher};

use crate::promql::expression::functions::{Aggregator, Function, Kind};
use crate::promql::{Matcher, Selector};
use crate::units::{Span, Timestamp};

/// One step of an expression. It prints as PromQL, with the parentheses it needs. A tree made by hand may be no valid
/// expression: `Expression::parse` of its text tells.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Node {
    Number(Number),
    Text(Box<str>),
    Vector {
        of: Series,
        shift: Shift,
    },
    Range {
        of: Series,
        range: Length,
        shift: Shift,
    },
    /// Without a step, the server's evaluation interval.
    Subquery {
        of: Box<Node>,
        range: Length,
        step: Option<Length>,
        shift: Shift,
    },
    /// Never of a number: that is a negative number.
    Negated(Box<Node>),
    Binary {
        left: Box<Node>,
        operator: Operator,
        /// Comparisons only: gives 0 or 1 instead of leaving out what does not compare.
        bool: bool,
        matching: Option<Matching>,
        right: Box<Node>,
    },
    Aggregation {
        aggregator: Aggregator,
        grouping: Option<Grouping>,
        parameter: Option<Box<Node>>,
        of: Box<Node>,
    },
    Call {
        function: Function,
        arguments: Vec<Node>,
    },
}

impl Node {
    pub fn kind(&self) -> Kind {
        match self {
            Node::Number(_) => Kind::Scalar,
            Node::Text(_) => Kind::Text,
            Node::Vector { .. } | Node::Aggregation { .. } => Kind::Vector,
            Node::Range { .. } | Node::Subquery { .. } => Kind::Matrix,
            Node::Negated(of) => of.kind(),
            Node::Binary { left, right, .. } => match (left.kind(), right.kind()) {
                (Kind::Scalar, Kind::Scalar) => Kind::Scalar,
                _ => Kind::Vector,
            },
            Node::Call { function, .. } => function.gives(),
        }
    }

    /// The nodes right below this one, in the order of the text.
    pub fn children(&self) -> Vec<&Node> {
        match self {
            Node::Number(_) | Node::Text(_) | Node::Vector { .. } | Node::Range { .. } => vec![],
            Node::Subquery { of, .. } | Node::Negated(of) => vec![of],
            Node::Binary { left, right, .. } => vec![left, right],
            Node::Aggregation { parameter, of, .. } => parameter.as_deref().into_iter().chain([&**of]).collect(),
            Node::Call { arguments, .. } => arguments.iter().collect(),
        }
    }

    /// The series this node itself reads.
    pub fn series(&self) -> Option<&Series> {
        match self {
            Node::Vector { of, .. } | Node::Range { of, .. } => Some(of),
            Node::Number(_) | Node::Text(_) | Node::Subquery { .. } | Node::Negated(_) => None,
            Node::Binary { .. } | Node::Aggregation { .. } | Node::Call { .. } => None,
        }
    }

    /// When this node itself reads.
    pub fn shift(&self) -> Option<&Shift> {
        match self {
            Node::Vector { shift, .. } | Node::Range { shift, .. } | Node::Subquery { shift, .. } => Some(shift),
            Node::Number(_) | Node::Text(_) | Node::Negated(_) => None,
            Node::Binary { .. } | Node::Aggregation { .. } | Node::Call { .. } => None,
        }
    }

    pub fn shift_mut(&mut self) -> Option<&mut Shift> {
        match self {
            Node::Vector { shift, .. } | Node::Range { shift, .. } | Node::Subquery { shift, .. } => Some(shift),
            Node::Number(_) | Node::Text(_) | Node::Negated(_) => None,
            Node::Binary { .. } | Node::Aggregation { .. } | Node::Call { .. } => None,
        }
    }

    /// Every length of time in this node itself.
    pub fn lengths(&self) -> impl Iterator<Item = Length> {
        let (range, step) = match self {
            Node::Range { range, .. } => (Some(*range), None),
            Node::Subquery { range, step, .. } => (Some(*range), *step),
            Node::Number(_) | Node::Text(_) | Node::Vector { .. } | Node::Negated(_) => (None, None),
            Node::Binary { .. } | Node::Aggregation { .. } | Node::Call { .. } => (None, None),
        };
        let offset = self.shift().and_then(|shift| shift.offset).map(|offset| offset.by);
        range.into_iter().chain(step).chain(offset)
    }
}

/// A number of PromQL: any, infinite or none (NaN), where one NaN equals another.
#[derive(Debug, Clone, Copy)]
pub struct Number(f64);

impl Number {
    pub fn new(value: f64) -> Number {
        Number(if value.is_nan() { f64::NAN } else { value })
    }

    pub fn value(self) -> f64 {
        self.0
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// Which series are read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Series {
    /// Those of one metric.
    Of(Selector),
    /// Those of any metric that these matchers leave, in the order of `Selector`'s. They may speak of `__name__`.
    Across(Box<[Matcher]>),
}

/// When series are read, if not at the time of the evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Shift {
    pub at: Option<At>,
    pub offset: Option<Offset>,
}

/// The time that `@` puts in the place of that of the evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    Time(Timestamp),
    Start,
    End,
}

/// How much earlier, or later, series are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Offset {
    pub by: Length,
    pub later: bool,
}

/// A length of time, or what stands for one until the query is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Length {
    Fixed(Span),
    Variable(Variable),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variable {
    /// Of SLO files: the span that is counted.
    Window,
    /// Grafana's: four scrape intervals, or the interval where that is longer.
    RateInterval,
    /// Grafana's: the step between two points of a graph.
    Interval,
    /// Grafana's: the span that a dashboard shows.
    Range,
}

impl Variable {
    pub const ALL: [Variable; 4] = [Variable::Window, Variable::RateInterval, Variable::Interval, Variable::Range];

    pub fn name(self) -> &'static str {
        match self {
            Variable::Window => "$window",
            Variable::RateInterval => "$__rate_interval",
            Variable::Interval => "$__interval",
            Variable::Range => "$__range",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    Or,
    And,
    Unless,
    Equal,
    NotEqual,
    GreaterOrEqual,
    LessOrEqual,
    Greater,
    Less,
    Plus,
    Minus,
    Times,
    Over,
    Modulo,
    Atan2,
    Power,
}

/// How tightly a sign binds that makes one value negative: `-a ^ b` is `-(a ^ b)`, `-a * b` is `(-a) * b`.
pub const SIGN: u8 = 5;

impl Operator {
    /// A symbol that begins with another stands before it.
    pub const ALL: [Operator; 16] = [
        Operator::Or,
        Operator::And,
        Operator::Unless,
        Operator::Equal,
        Operator::NotEqual,
        Operator::GreaterOrEqual,
        Operator::LessOrEqual,
        Operator::Greater,
        Operator::Less,
        Operator::Plus,
        Operator::Minus,
        Operator::Times,
        Operator::Over,
        Operator::Modulo,
        Operator::Atan2,
        Operator::Power,
    ];

    pub fn symbol(self) -> &'static str {
        match self {
            Operator::Or => "or",
            Operator::And => "and",
            Operator::Unless => "unless",
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::GreaterOrEqual => ">=",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::Less => "<",
            Operator::Plus => "+",
            Operator::Minus => "-",
            Operator::Times => "*",
            Operator::Over => "/",
            Operator::Modulo => "%",
            Operator::Atan2 => "atan2",
            Operator::Power => "^",
        }
    }

    /// The higher, the tighter it binds.
    pub fn precedence(self) -> u8 {
        match self {
            Operator::Or => 1,
            Operator::And | Operator::Unless => 2,
            Operator::Equal | Operator::NotEqual | Operator::GreaterOrEqual => 3,
            Operator::LessOrEqual | Operator::Greater | Operator::Less => 3,
            Operator::Plus | Operator::Minus => 4,
            Operator::Times | Operator::Over | Operator::Modulo | Operator::Atan2 => SIGN,
            Operator::Power => 6,
        }
    }

    /// The least precedence of what stands to the left without parentheses. Only `^` groups from the right.
    pub fn left(self) -> u8 {
        self.precedence() + u8::from(self == Operator::Power)
    }

    /// The least precedence of what stands to the right without parentheses.
    pub fn right(self) -> u8 {
        self.precedence() + u8::from(self != Operator::Power)
    }

    pub fn is_comparison(self) -> bool {
        self.precedence() == Operator::Equal.precedence()
    }

    /// Whether it joins vectors by their labels alone, whatever their values.
    pub fn is_set(self) -> bool {
        self.precedence() <= Operator::And.precedence()
    }
}

/// Which series of two vectors belong together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Matching {
    pub labels: On,
    pub many: Option<Many>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum On {
    On(Vec<Box<str>>),
    Ignoring(Vec<Box<str>>),
}

/// The side of which several series may belong to one of the other, and the labels they take over from it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Many {
    Left(Vec<Box<str>>),
    Right(Vec<Box<str>>),
}

/// Which series an aggregation makes one of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Grouping {
    By(Vec<Box<str>>),
    Without(Vec<Box<str>>),
}
