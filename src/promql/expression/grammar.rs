//! The grammar of expressions, as of Prometheus 3 without its experiments: text to tree, precedence by precedence.
//! Never knows what an expression is for.

use crate::promql::expression::functions::{Aggregator, Function, Kind};
use crate::promql::expression::kinds::{self, Wanted};
use crate::promql::expression::node::{Node, Number, Operator, SIGN, Variable};
use crate::promql::expression::words::{self, Join};
use crate::promql::expression::{MAX_BYTES, node::Shift};
use crate::promql::parse::{self, Reader};
use crate::promql::token::Token;
use crate::promql::{Error, Fault};

/// How deep expressions may be nested, right-hand sides included.
const MAX_NESTING: usize = 64;
/// How deep the tree may be: a row of operators is nested to the left.
const MAX_DEPTH: usize = 256;

/// The tree that `text` is, where only `variables` may stand for durations.
pub fn node(text: &str, variables: &[Variable]) -> Result<Node, Error> {
    if text.len() > MAX_BYTES {
        return Err(Error { at: 0, fault: Fault::LongExpression });
    }
    let reader = Reader { text, at: 0, expression: true };
    let mut parser = Parser { reader, variables, opened: Vec::new(), nesting: 0 };
    if parser.peek().1 == Token::End {
        return Err(Error { at: 0, fault: Fault::Empty });
    }
    let whole = parser.expression(0)?;
    if parser.peek().1 == Token::End { Ok(whole.node) } else { Err(parser.misplaced()) }
}

pub struct Parser<'a> {
    reader: Reader<'a>,
    pub variables: &'a [Variable],
    /// The brackets that are open, and where.
    opened: Vec<(usize, char)>,
    nesting: usize,
}

/// A part of the expression: a tree and what was noted of it on the way.
struct Part {
    at: usize,
    node: Node,
    depth: usize,
    in_parentheses: bool,
}

impl<'a> Parser<'a> {
    /// Values joined by operators that bind at least as tightly as `least`.
    fn expression(&mut self, least: u8) -> Result<Part, Error> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(self.error(Fault::TooDeep));
        }
        let mut left = self.operand()?;
        while let Some(operator) = self.operator()?.filter(|operator| operator.precedence() >= least) {
            let join = self.join(operator)?;
            let right = self.expression(operator.right())?;
            left = self.binary(left, join, right)?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    fn binary(&self, left: Part, join: Join, right: Part) -> Result<Part, Error> {
        let Join { at, operator, bool, matching } = join;
        self.combinable(operator.symbol(), &left)?;
        self.combinable(operator.symbol(), &right)?;
        if let Some(fault) = kinds::unfit(operator, bool, matching.as_ref(), left.node.kind(), right.node.kind()) {
            return Err(Error { at, fault });
        }
        let (start, depth) = (left.at, left.depth.max(right.depth));
        let (left, right) = (Box::new(left.node), Box::new(right.node));
        part(start, Node::Binary { left, operator, bool, matching, right }, depth)
    }

    /// Numbers and vectors can be combined; ranges and texts cannot.
    fn combinable(&self, who: &'static str, part: &Part) -> Result<(), Error> {
        match part.node.kind() {
            Kind::Scalar | Kind::Vector => Ok(()),
            Kind::Matrix | Kind::Text => self.wanted(who, Kind::Vector, part),
        }
    }

    fn wanted(&self, who: &'static str, wants: Kind, part: &Part) -> Result<(), Error> {
        match kinds::mismatch(who, wants, &part.node, self.range()) {
            Some(fault) => Err(Error { at: part.at, fault }),
            None => Ok(()),
        }
    }

    /// A value, and the ranges and shifts behind it.
    fn operand(&mut self) -> Result<Part, Error> {
        let mut operand = self.value()?;
        loop {
            let (at, token) = self.peek();
            operand = match token {
                Token::Sign('[') => self.ranged(operand)?,
                Token::Sign('@') => {
                    self.eat("@");
                    let time = self.time()?;
                    let shift = shift_of(&mut operand, at, "@")?;
                    if shift.at.replace(time).is_some() {
                        return Err(Error { at, fault: Fault::ShiftTwice("@") });
                    }
                    operand
                }
                Token::Name(word) if word.eq_ignore_ascii_case("offset") => {
                    self.skip(word);
                    let offset = self.offset()?;
                    let shift = shift_of(&mut operand, at, "offset")?;
                    if shift.offset.replace(offset).is_some() {
                        return Err(Error { at, fault: Fault::ShiftTwice("offset") });
                    }
                    operand
                }
                _ => return Ok(operand),
            };
        }
    }

    /// `of` with the range or the subquery that stands here.
    fn ranged(&mut self, of: Part) -> Result<Part, Error> {
        let (opened, _) = self.peek();
        self.open('[');
        let range = self.length()?;
        let subquery = self.eat(":");
        let step = if subquery && self.peek().1 != Token::Sign(']') { Some(self.length()?) } else { None };
        if !self.close(']') {
            return Err(self.misplaced());
        }
        if subquery {
            self.wanted("a subquery", Kind::Vector, &of)?;
            let node = Node::Subquery { of: Box::new(of.node), range, step, shift: Shift::default() };
            return part(of.at, node, of.depth);
        }
        match of.node {
            Node::Vector { of: series, shift } if !of.in_parentheses => match (shift.offset, shift.at) {
                (None, None) => part(of.at, Node::Range { of: series, range, shift }, of.depth),
                (Some(_), _) => Err(Error { at: opened, fault: Fault::LateRange("offset") }),
                (None, Some(_)) => Err(Error { at: opened, fault: Fault::LateRange("@") }),
            },
            _ => Err(Error { at: opened, fault: Fault::RangeOfNothing }),
        }
    }

    fn value(&mut self) -> Result<Part, Error> {
        let (at, token) = self.peek();
        match token {
            Token::Number(text) => {
                let number = words::number(text).ok_or_else(|| Error { at, fault: Fault::BadNumber(text.into()) })?;
                self.skip(text);
                part(at, Node::Number(number), 0)
            }
            Token::Quote => {
                let text = self.string()?.into();
                part(at, Node::Text(text), 0)
            }
            Token::Variable(written) => Err(Error { at, fault: self.no_variable(written) }),
            Token::Sign('(') => {
                self.open('(');
                let inner = self.expression(0)?;
                if !self.close(')') {
                    return Err(self.misplaced());
                }
                Ok(Part { at, in_parentheses: true, ..inner })
            }
            Token::Sign('-' | '+') => self.signed(),
            Token::Sign('{') => self.selector(),
            Token::Name(name) => self.named(name),
            Token::End if !self.opened.is_empty() => Err(self.misplaced()),
            Token::End | Token::Sign(')' | ']' | '}' | ',') => Err(Error { at, fault: Fault::NoOperand }),
            Token::Sign(letter) => match self.operator()? {
                Some(_) => Err(Error { at, fault: Fault::NoOperand }),
                None => Err(Error { at, fault: Fault::Stray(letter) }),
            },
        }
    }

    /// A sign and its value. Of a number it is a part; `+` changes nothing.
    fn signed(&mut self) -> Result<Part, Error> {
        let (at, _) = self.peek();
        let negative = self.minus();
        let of = self.expression(SIGN + 1)?;
        self.combinable(if negative { "-" } else { "+" }, &of)?;
        match of.node {
            _ if !negative => Ok(Part { at, ..of }),
            Node::Number(number) => part(at, Node::Number(Number::new(-number.value())), 0),
            node => part(at, Node::Negated(Box::new(node)), of.depth),
        }
    }

    /// What a name opens: an aggregation, a call, a number such as Inf, or a selector.
    fn named(&mut self, name: &'a str) -> Result<Part, Error> {
        let (at, _) = self.peek();
        let special = if name.eq_ignore_ascii_case("inf") {
            Some(f64::INFINITY)
        } else {
            name.eq_ignore_ascii_case("nan").then_some(f64::NAN)
        };
        if let Some(value) = special {
            self.skip(name);
            return part(at, Node::Number(Number::new(value)), 0);
        }
        let (start, after) = (self.reader.at, self.after(name));
        match (Aggregator::named(name), after) {
            (Some(aggregator), Token::Sign('(')) => self.aggregation(aggregator),
            (Some(aggregator), Token::Name(word)) if is_grouping(word) => self.aggregation(aggregator),
            (Some(aggregator), Token::Name(word)) if !is_infix(word) => {
                Err(Error { at, fault: Fault::NoParentheses(aggregator.name()) })
            }
            (None, Token::Sign('(')) if parse::is_metric_name(name) => self.call(at, name),
            _ => {
                self.reader.at = start;
                self.selector()
            }
        }
    }

    fn selector(&mut self) -> Result<Part, Error> {
        let at = self.reader.at;
        let of = self.reader.series()?;
        part(at, Node::Vector { of, shift: Shift::default() }, 0)
    }

    fn call(&mut self, at: usize, name: &str) -> Result<Part, Error> {
        let function = Function::named(name).ok_or_else(|| {
            let nearest = Function::nearest(name);
            Error { at, fault: Fault::NoFunction { name: name.into(), nearest } }
        })?;
        self.skip(name);
        let (arguments, depth) = self.arguments(at, |given| Wanted::by_function(function, given))?;
        part(at, Node::Call { function, arguments }, depth)
    }

    fn aggregation(&mut self, aggregator: Aggregator) -> Result<Part, Error> {
        let (at, _) = self.peek();
        self.skip(aggregator.name());
        let before = self.grouping()?;
        if self.peek().1 != Token::Sign('(') {
            return Err(self.error(Fault::NoParentheses(aggregator.name())));
        }
        let (mut arguments, depth) = self.arguments(at, |_| Wanted::by_aggregator(aggregator))?;
        let grouping = if before.is_some() { before } else { self.grouping()? };
        let of = arguments.pop().ok_or(Error { at, fault: Fault::NoOperand })?;
        let (of, parameter) = (Box::new(of), arguments.pop().map(Box::new));
        part(at, Node::Aggregation { aggregator, grouping, parameter, of }, depth)
    }

    /// What stands between the parentheses of a call at `at`, as many and of the kinds that are wanted; and its depth.
    fn arguments(&mut self, at: usize, wanted: impl Fn(usize) -> Wanted) -> Result<(Vec<Node>, usize), Error> {
        self.open('(');
        let mut given: Vec<Part> = Vec::new();
        while !(given.is_empty() && self.close(')')) {
            given.push(self.expression(0)?);
            if self.close(')') {
                break;
            }
            if !self.eat(",") {
                return Err(self.misplaced());
            }
        }
        let wanted = wanted(given.len());
        if let Some(fault) = kinds::miscount(&wanted, given.len()) {
            return Err(Error { at, fault });
        }
        for (part, kind) in given.iter().zip(wanted.kinds) {
            self.wanted(wanted.who, kind, part)?;
        }
        let depth = given.iter().map(|part| part.depth).max().unwrap_or(0);
        Ok((given.into_iter().map(|part| part.node).collect(), depth))
    }

    /// What is wrong with what stands here, where nothing more can follow.
    pub fn misplaced(&mut self) -> Error {
        let (at, token) = self.peek();
        let open = self.opened.last().copied();
        let fault = match token {
            Token::End => match open {
                Some((at, bracket)) => return Error { at, fault: Fault::Unclosed(bracket) },
                None => Fault::NoOperand,
            },
            Token::Sign(bracket @ (')' | ']' | '}')) => match open {
                Some((at, bracket)) => return Error { at, fault: Fault::Unclosed(bracket) },
                None => Fault::ClosesNothing(bracket),
            },
            Token::Name(word) if is_grouping(word) => Fault::StrayGrouping(word.into()),
            Token::Name(text) | Token::Number(text) | Token::Variable(text) => Fault::NoJoin(text.into()),
            Token::Sign(letter @ ('{' | '(')) => Fault::NoJoin(String::from(letter).into()),
            Token::Quote => Fault::NoJoin(self.rest().chars().take(1).collect::<String>().into()),
            Token::Sign('.') => Fault::Unexpected('.'),
            Token::Sign(letter) => Fault::Stray(letter),
        };
        Error { at, fault }
    }

    /// A range that could be written here.
    pub fn range(&self) -> &'static str {
        self.variables.first().map_or("5m", |variable| variable.name())
    }

    /// What stands here, blanks and comments skipped, and where that is.
    pub fn peek(&mut self) -> (usize, Token<'a>) {
        self.reader.skip_blanks();
        (self.reader.at, Token::leading(self.reader.rest()))
    }

    /// What stands behind the `name` that stands here.
    fn after(&mut self, name: &str) -> Token<'a> {
        let start = self.reader.at;
        self.skip(name);
        let (_, token) = self.peek();
        self.reader.at = start;
        token
    }

    pub fn rest(&self) -> &'a str {
        self.reader.rest()
    }

    pub fn string(&mut self) -> Result<String, Error> {
        self.reader.string()
    }

    /// Passes a token that stands here.
    pub fn skip(&mut self, token: &str) {
        self.reader.at += token.len();
    }

    pub fn eat(&mut self, symbol: &str) -> bool {
        self.reader.skip_blanks();
        self.reader.eat(symbol)
    }

    /// Passes a word of PromQL, in whatever case.
    pub fn eat_word(&mut self, word: &str) -> bool {
        let stands = matches!(self.peek().1, Token::Name(name) if name.eq_ignore_ascii_case(word));
        if stands {
            self.skip(word);
        }
        stands
    }

    pub fn open(&mut self, bracket: char) {
        let (at, _) = self.peek();
        self.opened.push((at, bracket));
        self.reader.at += bracket.len_utf8();
    }

    pub fn close(&mut self, bracket: char) -> bool {
        let closes = self.peek().1 == Token::Sign(bracket);
        if closes {
            self.opened.pop();
            self.reader.at += bracket.len_utf8();
        }
        closes
    }

    fn error(&mut self, fault: Fault) -> Error {
        let (at, _) = self.peek();
        Error { at, fault }
    }
}

/// A part one deeper than the deepest of its own.
fn part(at: usize, node: Node, deepest: usize) -> Result<Part, Error> {
    let depth = deepest + 1;
    if depth > MAX_DEPTH {
        return Err(Error { at, fault: Fault::TooDeep });
    }
    Ok(Part { at, node, depth, in_parentheses: false })
}

fn shift_of<'p>(operand: &'p mut Part, at: usize, word: &'static str) -> Result<&'p mut Shift, Error> {
    let stray = Error { at, fault: Fault::ShiftOfNothing(word) };
    if operand.in_parentheses {
        return Err(stray);
    }
    operand.node.shift_mut().ok_or(stray)
}

fn is_grouping(word: &str) -> bool {
    ["by", "without"].iter().any(|grouping| word.eq_ignore_ascii_case(grouping))
}

/// Whether a word continues an expression rather than begins a value.
fn is_infix(word: &str) -> bool {
    word.eq_ignore_ascii_case("offset")
        || Operator::ALL.iter().any(|operator| operator.symbol().eq_ignore_ascii_case(word))
}
