//! Selectors and expressions.

use burnwatch::promql::{self, Error, Expression, Narrowing, Selector};
use burnwatch::units::{Labels, Problem};

use crate::targets::check_sentence;

pub fn target(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match Selector::parse(text) {
        Ok(selector) => check(&selector),
        Err(error) => check_error(&error, text),
    }
    match Expression::parse(text) {
        Ok(expression) => {
            let written = expression.to_string();
            let again = Expression::parse(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
            assert_eq!((again.node(), again.to_string()), (expression.node(), written));
        }
        Err(error) => check_error(&error, text),
    }
}

fn check(selector: &Selector) {
    let written = selector.to_string();
    assert_eq!(Selector::parse(&written).as_ref(), Ok(selector), "{written}");
    // What Prometheus takes for a selector it takes for an expression too.
    if let Err(error) = Expression::parse(&written) {
        panic!("{error}: {written}");
    }
    let Some(narrowing) = Narrowing::new(selector.matchers()) else { return };
    if let Some(labels) = promql::labels(selector.matchers(), None) {
        assert!(narrowing.admits(&labels), "{labels} of {written}");
    }
    narrowing.admits(&Labels::new([("job", "shop"), ("code", "500")]));
}

fn check_error(error: &Error, text: &str) {
    assert!(text.is_char_boundary(error.at), "{} of {text:?}", error.at);
    let problem = Problem::error("promql", error.to_string(), error.remedy());
    check_sentence(&problem.what);
    check_sentence(&problem.remedy);
}
