//! What expressions mean to Prometheus, and what is said of those it would refuse.

use crate::promql::Selector;
use crate::promql::expression::{Expression, Kind};
use crate::units::Span;

fn expression(text: &str) -> Expression {
    Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error} at {}", error.at))
}

fn check(text: &str, normal: &str) {
    assert_eq!(expression(text).to_string(), normal, "{text}");
    assert_eq!(expression(normal).node(), expression(text).node(), "{normal}");
}

#[test]
fn writes_the_normal_form() {
    check("1 + 2*3 ^ - 2", "1 + 2 * 3 ^ -2");
    check("0x1F + 1_000 + 010 + .5 + 1E3 + 5m", "31 + 1000 + 8 + 0.5 + 1000 + 300");
    check("INF == bool -inf", "Inf == bool -Inf");
    check("1e-9 * NaN", "1e-9 * NaN");
    check("up{}\n# all of them\n", "up");
    check("up # why [\n [5m] # (\n", "up[5m]");
    check("rate(x[300])", "rate(x[5m])");
    check("x[1h30m] @ 1609746000.123 OFFSET -5m", "x[1h30m] @ 1609746000.123 offset -5m");
    check("x offset 1w @ end()", "x @ end() offset 7d");
    check("Sum(x) By (a, b,)", "sum by (a, b) (x)");
    check("topk without(a) (5, x)", "topk without (a) (5, x)");
    check("count_values('v', x) by ()", "count_values by () (\"v\", x)");
    check("a/on(b)group_left c", "a / on (b) group_left () c");
    check("a > BOOL ignoring(b) group_right(c,d) e", "a > bool ignoring (b) group_right (c, d) e");
    check("max_over_time((a + b)[1d:])", "max_over_time((a + b)[1d:])");
    check("max_over_time((a offset 5m)[1h:1m] offset 5m)", "max_over_time((a offset 5m)[1h:1m] offset 5m)");
    check("{job=~'a|b',__name__!=\"up\"}", "{__name__!=\"up\",job=~\"a|b\"}");
    check("sum by ('service.name') ({'http.requests'})", "sum by (\"service.name\") ({__name__=\"http.requests\"})");
    check("label_join(up, 'a', '-', 'b', 'c', 'd')", "label_join(up, \"a\", \"-\", \"b\", \"c\", \"d\")");
}

#[test]
fn takes_words_of_promql_for_metrics_where_prometheus_does() {
    check("sum + rate / by", "sum + rate / by");
    check("offset offset 5m and and", "offset offset 5m and and");
    check("sum{a='b'} unless start", "sum{a=\"b\"} unless start");
    check("sum by (by, sum, on) (up)", "sum by (by, sum, on) (up)");
}

#[test]
fn groups_as_prometheus_does() {
    check("(a + b) + c", "a + b + c");
    check("a - (b - c)", "a - (b - c)");
    check("(a ^ b) ^ c", "(a ^ b) ^ c");
    check("a ^ (b ^ c)", "a ^ b ^ c");
    check("a or b and c unless d", "a or b and c unless d");
    check("(a or b) and c", "(a or b) and c");
    check("a and (b or (c))", "a and (b or c)");
    check("-a ^ b", "-a ^ b");
    check("(-a) ^ b", "(-a) ^ b");
    check("(-1) ^ 2", "(-1) ^ 2");
    check("-(a * b)", "-(a * b)");
    check("-a * b", "-a * b");
    check("--a - -1", "--a - -1");
    check("+a", "a");
    check("a == b != c", "a == b != c");
    check("a * b % c atan2 d", "a * b % c atan2 d");
    check("((1))", "1");
}

#[test]
fn tells_where_the_window_stands() {
    let windowed = "sum(increase(x{a=\"$window\"}[$window] offset -$window)) / sum_over_time(y[$window:$window])";
    let expected = windowed
        .replace("[$window]", "[1h30m]")
        .replace("-$window", "-1h30m")
        .replace("$window:$window", "1h30m:1h30m");
    assert!(expression(windowed).has_window());
    assert_eq!(expression(windowed).with_window(Span::minutes(90)), expected);
    assert_eq!(expression(windowed).to_string(), windowed);
    for text in ["x[$window:1m]", "x[1d:$window]", "x offset $window"] {
        assert!(expression(text).has_window(), "{text}");
    }
    assert!(!expression("x{a=\"$window\"}").has_window());
}

#[test]
fn finds_the_selectors_of_one_metric() {
    let found = expression("sum(rate(a{b=\"c\"}[5m] offset 1h)) / (d + {e=\"f\"}) - max_over_time(d[1h:])").selectors();
    assert_eq!(found.iter().map(Selector::to_string).collect::<Vec<_>>(), ["a{b=\"c\"}", "d", "d"]);
}

#[test]
fn knows_what_it_gives() {
    for (text, kind) in [
        ("1 + time()", Kind::Scalar),
        ("scalar(up) * 2", Kind::Scalar),
        ("1 == bool 2", Kind::Scalar),
        ("-(1 + 2)", Kind::Scalar),
        ("up > 1", Kind::Vector),
        ("-up", Kind::Vector),
        ("hour()", Kind::Vector),
        ("up[5m]", Kind::Matrix),
        ("up[5m:]", Kind::Matrix),
        ("'a'", Kind::Text),
    ] {
        assert_eq!(expression(text).kind(), kind, "{text}");
    }
}

#[test]
fn reads_the_variables_of_grafana_in_dashboards_only() {
    let text = "rate(x{job=~\"$job\"}[$__rate_interval]) + rate(x[$__range:$__interval])";
    assert_eq!(Expression::parse_dashboard(text).map(|read| read.to_string()), Ok(text.to_string()));
    assert!(Expression::parse(text).is_err());
    assert!(Expression::parse_dashboard("x[$window]").is_err());
}

fn refuses(text: &str, at: usize, what_and_remedy: &str) {
    match Expression::parse(text) {
        Ok(read) => panic!("{text} was read as {read}"),
        Err(error) => {
            assert_eq!((error.at, format!("{error}; {}", error.remedy())), (at, what_and_remedy.to_string()), "{text}")
        }
    }
}

#[test]
fn points_at_the_bracket_that_is_not_closed() {
    refuses("sum(rate(x[5m])", 3, "( is not closed; end it with )");
    refuses("sum(rate(x[5m)) / 2", 10, "[ is not closed; end it with ]");
    refuses("sum by (job (x)", 7, "( is not closed; end it with )");
    refuses("(a + ", 0, "( is not closed; end it with )");
    refuses("x{a=\"b\" # }", 1, "{ is not closed; end the matchers with }");
    refuses("a + b)", 5, ") closes nothing; remove it, or open it before");
}

#[test]
fn says_what_a_function_wants() {
    refuses("rate(x)", 5, "rate wants a range, not an instant vector; write x[$window]");
    refuses(
        "rate(sum(x))",
        5,
        "rate wants a range, not an instant vector; aggregate what rate gives, such as sum(rate(x[$window]))",
    );
    refuses(
        "sum(x[5m])",
        4,
        "sum wants an instant vector, not a range; remove the range, or take a function over it, such as rate(x[$window])",
    );
    refuses(
        "x[5m] / 2",
        0,
        "/ wants an instant vector, not a range; remove the range, or take a function over it, such as rate(x[$window])",
    );
    refuses(
        "topk(x, 5)",
        5,
        "topk wants a number, not an instant vector; write a number, or make one of a single series by scalar(...)",
    );
    refuses("abs(\"x\")", 4, "abs wants an instant vector, not a text in quotes; remove the quotes");
    refuses("label_join(x, a, \",\")", 14, "label_join wants a text in quotes, not an instant vector; write \"a\"");
    refuses("rate(x[5m], 1)", 0, "rate wants 1 argument, not 2; write rate(a range)");
    refuses("round()", 0, "round wants 1 to 2 arguments, not 0; write round(an instant vector)");
    refuses("time(x)", 0, "time wants no arguments, not 1; write time()");
    refuses(
        "label_join(x)",
        0,
        "label_join wants 3 or more arguments, not 1; write label_join(an instant vector, a text in quotes, a text in quotes)",
    );
    refuses("2 * increse(x[5m])", 4, "there is no function increse; write increase");
    refuses(
        "frobnicate(x)",
        0,
        "there is no function frobnicate; write one of Prometheus' functions, or an operator if a metric is meant",
    );
}

#[test]
fn asks_for_parentheses_where_promql_wants_them() {
    refuses("sum x", 0, "sum wants its values in parentheses; write sum(...)");
    refuses("sum by (job) x", 13, "sum wants its values in parentheses; write sum(...)");
    refuses("sum by job (x)", 7, "by wants its labels in parentheses; write by (job)");
    refuses("a / on b c", 7, "on wants its labels in parentheses; write on (b)");
    refuses("sum by (a b) (x)", 10, "a comma is missing between two labels; separate labels by commas");
    refuses("rate(x[5m]) by (a)", 12, "by belongs to an aggregation such as sum; write sum by (...) (...)");
}

#[test]
fn knows_the_signs_of_other_languages() {
    refuses("a = b", 2, "= is not an operator; write ==");
    refuses("a && b", 2, "&& is not an operator; write and");
    refuses("a => b", 2, "=> is not an operator; write >=");
    refuses(
        "a =~ b",
        2,
        "=~ compares labels, and stands between braces only; write the matcher behind its metric, such as up{job=~\"a|b\"}",
    );
    refuses("x{a==\"b\"}", 3, "== compares values, not labels; write = once");
    refuses("x{a=b}", 4, "the value \"b\" is not in quotes; write \"b\"");
    refuses("a; b", 1, "';' cannot stand here; remove it, or quote the text it belongs to");
    refuses("sum(“a”)", 4, "'“' cannot stand here; write straight quotes, \" or '");
    refuses("a.b", 1, "'.' cannot stand here; if it belongs to the name, write the name in braces and quotes");
}

#[test]
fn misses_values_and_operators() {
    let value = "a value is missing; write a selector, a number or a call, such as rate(up[5m])";
    refuses("a +", 3, value);
    refuses("* a", 0, value);
    refuses("sum(a, )", 7, value);
    refuses("()", 1, value);
    refuses(" # a", 0, "the expression is empty; write one, such as sum(rate(http_requests_total[5m]))");
    refuses("sum(a) b", 7, "an operator is missing before \"b\"; join the two by an operator, such as / or +");
    refuses("a 5", 2, "an operator is missing before \"5\"; join the two by an operator, such as / or +");
    refuses("2xx", 0, "\"2xx\" is not a number; write it as 42, 0.5, 1e6 or 0x2a; a name cannot begin with a digit");
}

#[test]
fn says_where_ranges_offsets_and_variables_stand() {
    let late = "write the range first, such as x[5m] offset ...";
    refuses("x offset 5m [5m]", 12, &format!("the range stands behind offset; {late}"));
    let nothing = "give the range to the selector, or make a subquery of it, such as [5m:1m]";
    refuses("(a + b)[5m]", 7, &format!("a range stands behind a selector only; {nothing}"));
    refuses("rate(x[5m])[5m]", 11, &format!("a range stands behind a selector only; {nothing}"));
    let inside = "write it behind the selector, such as sum(x offset ...)";
    refuses("sum(x) offset 5m", 7, &format!("offset stands behind a selector or a subquery only; {inside}"));
    refuses("x offset 5m offset 5m", 12, "offset stands here twice; keep one of the two");
    refuses("x @ y", 4, "@ has no time behind it; write seconds since 1970, start() or end()");
    refuses("x[]", 2, "a duration is missing; write one, such as 5m");
    let units = "write numbers with units, largest first, such as 250ms, 2s, 5m, 1h30m or 30d";
    refuses("x[5min]", 2, &format!("\"5min\" is not a duration; {units}"));
    refuses("x[300y]", 2, "duration \"300y\" is too long; write a duration above 0, such as 30s or 5m");
    refuses("x[$windw]", 2, "there is no variable $windw here; write $window or a duration such as 5m");
    refuses("x[$__range]", 2, "there is no variable $__range here; write $window or a duration such as 5m");
    refuses(
        "x / $window",
        4,
        "$window stands for a duration, not for a number; write it behind a selector, such as x[$window]",
    );
}

#[test]
fn refuses_operators_that_do_not_fit_their_sides() {
    refuses("1 == 2", 2, "two numbers are compared without bool; write == bool, which gives 0 or 1");
    refuses("x + bool y", 2, "bool belongs behind a comparison, not behind +; remove it");
    refuses("x + on (a) 1", 2, "on and ignoring match two vectors, and here is a number; remove it");
    refuses(
        "x and 1",
        2,
        "and compares vectors, not numbers; compare numbers by == or >, or make a vector of one by vector(...)",
    );
    refuses(
        "a * group_left b",
        4,
        "group_left has no on or ignoring before it; write on (job) group_left, with the labels both sides share",
    );
    refuses("a or on (b) group_left c", 2, "or takes whole series from both sides, and needs no group_left; remove it");
    refuses(
        "a * on (b) group_left (b) c",
        2,
        "label \"b\" is matched by on already; name it once; labels of on are kept anyway",
    );
}

#[test]
fn goes_no_deeper_than_it_can_climb_back() {
    let record = "record a part of it by a rule of Prometheus, and use the recorded series";
    let nested = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Expression::parse(&nested(63)).is_ok());
    refuses(&nested(64), 64, &format!("the expression is nested too deeply; {record}"));
    refuses(&"-".repeat(16_000), 64, &format!("the expression is nested too deeply; {record}"));
    refuses(&"a^".repeat(8_000), 128, &format!("the expression is nested too deeply; {record}"));
    assert!(Expression::parse(&format!("{}a", "a+".repeat(255))).is_ok());
    refuses(&format!("{}a", "a+".repeat(256)), 0, &format!("the expression is nested too deeply; {record}"));
    refuses(&" ".repeat(16_385), 0, &format!("the expression is longer than 16384 bytes; {record}"));
    assert!(Expression::parse(&format!("{}1", "#\n".repeat(8_000))).is_ok());
}
