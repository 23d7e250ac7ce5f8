//! Expressions at random, of what Prometheus 2.42 and the second reader both know.

use burnwatch::promql::expression::{
    Aggregator, At, Function, Grouping, Kind, Length, Many, Matching, Node, Number, Offset, On, Operator, Series, Shift,
};
use burnwatch::promql::{Matcher, Op, Selector};
use burnwatch::units::{Span, Timestamp};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// What is strung together to something that may be PromQL.
pub const PIECES: &[&str] = &[
    "up",
    "x{a=\"b\"}",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "[5m]",
    "[$window:]",
    "sum",
    "sum by (a) ",
    "rate(",
    "topk(2,",
    "by",
    "on(a)",
    "group_left",
    "bool",
    " offset ",
    "5m",
    "-",
    "+",
    "*",
    "^",
    "==",
    "=",
    "=~",
    " and ",
    " or ",
    "1",
    "0x1F",
    "1e",
    ".5",
    "inf",
    "nan",
    "\"a\"",
    "'",
    "`",
    ",",
    ":",
    "@",
    "@ start()",
    "#",
    "\n",
    " ",
    "$window",
    "$",
    "é",
    "\\",
    "!",
    "%",
    "atan2",
    "::",
];

/// Functions that one of the two does not know.
const ELSEWHERE: [&str; 23] = [
    "double_exponential_smoothing",
    "end",
    "first_over_time",
    "histogram_avg",
    "histogram_quantiles",
    "histogram_stddev",
    "histogram_stdvar",
    "holt_winters",
    "info",
    "integral",
    "mad_over_time",
    "max_of",
    "min_of",
    "range",
    "sort_by_label",
    "sort_by_label_desc",
    "start",
    "start_timestamp",
    "step",
    "ts_of_first_over_time",
    "ts_of_last_over_time",
    "ts_of_max_over_time",
    "ts_of_min_over_time",
];

/// A number or a vector.
pub fn random() -> BoxedStrategy<Node> {
    let (mut scalar, mut vector) = (number().boxed(), instant().boxed());
    for _ in 0..4 {
        let deeper = (deeper_scalar(&scalar, &vector), deeper_vector(&scalar, &vector));
        (scalar, vector) = deeper;
    }
    prop_oneof![1 => scalar, 5 => vector].boxed()
}

/// Vectors joined by operators, without parentheses.
pub fn row() -> impl Strategy<Value = String> {
    // One or two of each precedence.
    let operators = vec![
        Operator::Or,
        Operator::And,
        Operator::Unless,
        Operator::Equal,
        Operator::Less,
        Operator::Plus,
        Operator::Minus,
        Operator::Over,
        Operator::Atan2,
        Operator::Power,
        Operator::Power,
    ];
    let term = (select(operators), select(&["", "-", "+", "--"][..]), "[a-c]");
    proptest::collection::vec(term, 1..8).prop_map(|terms| {
        let joined = terms.iter().map(|(operator, sign, name)| format!(" {} {sign}{name}", operator.symbol()));
        format!("x{}", joined.collect::<String>())
    })
}

fn deeper_scalar(scalar: &BoxedStrategy<Node>, vector: &BoxedStrategy<Node>) -> BoxedStrategy<Node> {
    let operator = select(Operator::ALL.iter().copied().filter(|operator| !operator.is_set()).collect::<Vec<_>>());
    prop_oneof![
        2 => number(),
        3 => (scalar.clone(), operator, scalar.clone())
            .prop_map(|(left, operator, right)| binary(left, operator, operator.is_comparison(), None, right)),
        1 => scalar.clone().prop_map(negated),
        1 => call(Kind::Scalar, scalar, vector),
    ]
    .boxed()
}

fn deeper_vector(scalar: &BoxedStrategy<Node>, vector: &BoxedStrategy<Node>) -> BoxedStrategy<Node> {
    let operator = || select(&Operator::ALL[..]);
    let mixed = (scalar.clone(), operator(), any::<bool>(), any::<bool>(), vector.clone())
        .prop_filter("numbers are in no set", |(_, operator, ..)| !operator.is_set())
        .prop_map(|(number, operator, bool, flipped, vector)| {
            let (left, right) = if flipped { (vector, number) } else { (number, vector) };
            binary(left, operator, bool && operator.is_comparison(), None, right)
        });
    let both = (vector.clone(), operator(), any::<bool>(), option::of(matching()), vector.clone()).prop_map(
        |(left, operator, bool, matching, right)| {
            let matching = matching
                .map(|Matching { labels, many }| Matching { labels, many: many.filter(|_| !operator.is_set()) });
            binary(left, operator, bool && operator.is_comparison(), matching, right)
        },
    );
    prop_oneof![
        2 => instant(),
        1 => mixed,
        3 => both,
        1 => vector.clone().prop_map(negated),
        2 => aggregation(scalar, vector),
        3 => call(Kind::Vector, scalar, vector),
    ]
    .boxed()
}

fn binary(left: Node, operator: Operator, bool: bool, matching: Option<Matching>, right: Node) -> Node {
    Node::Binary { left: left.into(), operator, bool, matching, right: right.into() }
}

/// A number has its own sign.
fn negated(node: Node) -> Node {
    match node {
        Node::Number(number) => Node::Number(Number::new(-number.value())),
        node => Node::Negated(node.into()),
    }
}

fn aggregation(scalar: &BoxedStrategy<Node>, vector: &BoxedStrategy<Node>) -> BoxedStrategy<Node> {
    let known: Vec<Aggregator> = Aggregator::ALL
        .into_iter()
        .filter(|aggregator| !matches!(aggregator, Aggregator::LimitK | Aggregator::LimitRatio))
        .collect();
    let grouping = prop_oneof![labels("[a-c]").prop_map(Grouping::By), labels("[a-c]").prop_map(Grouping::Without)];
    (select(known), option::of(grouping), scalar.clone(), text(), vector.clone())
        .prop_map(|(aggregator, grouping, number, text, of)| {
            let parameter = aggregator.parameter().map(|kind| if kind == Kind::Text { text } else { number });
            Node::Aggregation { aggregator, grouping, parameter: parameter.map(Box::new), of: of.into() }
        })
        .boxed()
}

fn call(gives: Kind, scalar: &BoxedStrategy<Node>, vector: &BoxedStrategy<Node>) -> BoxedStrategy<Node> {
    let known: Vec<Function> =
        Function::all().filter(|function| function.gives() == gives && !ELSEWHERE.contains(&function.name)).collect();
    let (scalar, vector) = (scalar.clone(), vector.clone());
    (select(known), 0..2usize)
        .prop_flat_map(move |(function, more)| {
            let (least, most) = function.arguments();
            let kinds: Vec<Kind> = (0..(least + more).min(most)).filter_map(|place| function.wants(place)).collect();
            let arguments: Vec<BoxedStrategy<Node>> = kinds
                .into_iter()
                .map(|kind| match kind {
                    Kind::Scalar => scalar.clone(),
                    Kind::Vector => vector.clone(),
                    Kind::Matrix => matrix(vector.clone()),
                    Kind::Text => text().boxed(),
                })
                .collect();
            arguments.prop_map(move |arguments| Node::Call { function, arguments })
        })
        .boxed()
}

fn matrix(vector: BoxedStrategy<Node>) -> BoxedStrategy<Node> {
    prop_oneof![
        2 => (series(), length(), shift()).prop_map(|(of, range, shift)| Node::Range { of, range, shift }),
        1 => (vector, length(), option::of(length()), shift())
            .prop_map(|(of, range, step, shift)| Node::Subquery { of: of.into(), range, step, shift }),
    ]
    .boxed()
}

fn instant() -> impl Strategy<Value = Node> {
    (series(), shift()).prop_map(|(of, shift)| Node::Vector { of, shift })
}

fn number() -> impl Strategy<Value = Node> {
    prop_oneof![
        (-20..1000i32).prop_map(f64::from),
        any::<f64>().prop_filter("a number", |value| !value.is_nan()),
        select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-7, 1e21, 0.1, -0.0]),
    ]
    .prop_map(|value| Node::Number(Number::new(value)))
}

fn text() -> impl Strategy<Value = Node> {
    value().prop_map(|text| Node::Text(text.into()))
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,4}", "[a-z\"'`\\\\\n{}()#$é ]{0,6}"]
}

fn series() -> impl Strategy<Value = Series> {
    let words = select(vec!["up", "sum", "rate", "by", "offset", "start", "http.requests", "inf", "a:b"]);
    let name = prop_oneof![2 => "[a-z_:][a-z0-9_:]{0,8}".boxed(), 1 => words.prop_map(String::from).boxed()];
    let label = "[a-z_][a-z0-9_]{0,4}";
    let equal = (label, select(vec![Op::Equal, Op::NotEqual]), value());
    let like = (
        label,
        select(vec![Op::Match, Op::NotMatch]),
        select(vec!["5..", "a|b", ".+", "[^/]+/?"]).prop_map(String::from),
    );
    let matcher = prop_oneof![equal, like].prop_map(|(label, op, value)| Matcher::new(label, op, value));
    let across = vec![Matcher::new("__name__", Op::NotEqual, "up"), Matcher::new("job", Op::Match, "a|b")];
    prop_oneof![
        9 => (name, proptest::collection::vec(matcher, 0..3)).prop_map(|(name, matchers)| Series::Of(Selector::new(name, matchers))),
        1 => Just(Series::Across(across.into())),
    ]
}

fn shift() -> impl Strategy<Value = Shift> {
    let time = (0..4_000_000_000_000i64).prop_map(|millis| At::Time(Timestamp::millis(millis)));
    let at = prop_oneof![time, Just(At::Start), Just(At::End)];
    let offset = (length(), any::<bool>()).prop_map(|(by, later)| Offset { by, later });
    (option::weighted(0.2, at), option::weighted(0.2, offset)).prop_map(|(at, offset)| Shift { at, offset })
}

fn length() -> impl Strategy<Value = Length> {
    prop_oneof![1..2_000i64, (1..3_000i64).prop_map(|minutes| minutes * 60_000)]
        .prop_map(|millis| Length::Fixed(Span::millis(millis)))
}

fn matching() -> impl Strategy<Value = Matching> {
    // The second reader forgets an `ignoring ()`.
    let ignoring = labels("[a-c]").prop_filter("a label", |labels| !labels.is_empty());
    let labels_on = prop_oneof![labels("[a-c]").prop_map(On::On), ignoring.prop_map(On::Ignoring)];
    let many = prop_oneof![labels("[d-f]").prop_map(Many::Left), labels("[d-f]").prop_map(Many::Right)];
    (labels_on, option::of(many)).prop_map(|(labels, many)| Matching { labels, many })
}

fn labels(letters: &'static str) -> impl Strategy<Value = Vec<Box<str>>> {
    let label = format!("{letters}[a-z0-9_]{{0,3}}").leak() as &'static str;
    proptest::collection::vec(label.prop_map(Box::<str>::from), 0..3)
}
