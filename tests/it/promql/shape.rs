//! The shape of a tree as text, whichever of the two readers made it: every part in brackets, each level in the words
//! of burnwatch.

use burnwatch::promql::Expression;
use burnwatch::promql::expression::Node;
use promql_parser::parser::{BinaryExpr, Expr, SubqueryExpr};

/// `text` in the words of burnwatch.
fn normal(text: &str) -> String {
    Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).to_string()
}

/// A selector that stands for what is not looked at.
fn stand_in(name: &str) -> Node {
    Expression::parse(name).unwrap().node().clone()
}

fn their_stand_in(name: &str) -> Box<Expr> {
    Box::new(promql_parser::parser::parse(name).unwrap())
}

pub fn of_ours(node: &Node) -> String {
    match node {
        Node::Number(_) | Node::Text(_) | Node::Vector { .. } | Node::Range { .. } => node.to_string(),
        Node::Negated(of) => format!("<-{}>", of_ours(of)),
        Node::Subquery { of, range, step, shift } => {
            let level = Node::Subquery { of: stand_in("x").into(), range: *range, step: *step, shift: *shift };
            format!("<{} of {}>", level, of_ours(of))
        }
        Node::Binary { left, operator, bool, matching, right } => {
            let (x, y) = (stand_in("x").into(), stand_in("y").into());
            let level =
                Node::Binary { left: x, operator: *operator, bool: *bool, matching: matching.clone(), right: y };
            format!("<{level} of {} and {}>", of_ours(left), of_ours(right))
        }
        Node::Aggregation { aggregator, grouping, parameter, of } => {
            let grouping = grouping.as_ref().map(ToString::to_string);
            let parameter = parameter.as_ref().map(|parameter| of_ours(parameter));
            format!("<{} {grouping:?} {parameter:?} of {}>", aggregator.name(), of_ours(of))
        }
        Node::Call { function, arguments } => {
            format!("<{} of {:?}>", function.name, arguments.iter().map(of_ours).collect::<Vec<_>>())
        }
    }
}

pub fn of_theirs(expression: &Expr) -> String {
    match expression {
        Expr::Paren(inner) => of_theirs(&inner.expr),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) => normal(&expression.to_string()),
        Expr::VectorSelector(_) | Expr::MatrixSelector(_) => normal(&expression.to_string()),
        Expr::Unary(negated) => format!("<-{}>", of_theirs(&negated.expr)),
        Expr::Subquery(subquery) => {
            let level = SubqueryExpr { expr: their_stand_in("x"), ..subquery.clone() };
            format!("<{} of {}>", normal(&level.to_string()), of_theirs(&subquery.expr))
        }
        Expr::Binary(binary) => {
            let level = BinaryExpr { lhs: their_stand_in("x"), rhs: their_stand_in("y"), ..binary.clone() };
            format!("<{} of {} and {}>", normal(&level.to_string()), of_theirs(&binary.lhs), of_theirs(&binary.rhs))
        }
        Expr::Aggregate(aggregation) => {
            let grouping = aggregation.modifier.as_ref().map(|modifier| {
                let word = if modifier.is_include() { "by" } else { "without" };
                format!("{word} ({})", modifier.labels().labels.join(", "))
            });
            let parameter = aggregation.param.as_ref().map(|parameter| of_theirs(parameter));
            format!("<{} {grouping:?} {parameter:?} of {}>", aggregation.op, of_theirs(&aggregation.expr))
        }
        Expr::Call(call) => {
            let arguments: Vec<String> = call.args.args.iter().map(|argument| of_theirs(argument)).collect();
            format!("<{} of {arguments:?}>", call.func.name)
        }
        Expr::Extension(_) => unreachable!("PromQL has no extensions"),
    }
}
