//! What a source holds, against what SLOs want of it: what is not there, and what there is instead.

use std::collections::{BTreeMap, HashMap};

use crate::plan::{Holdings, Plan, Question, histogram, selectors};
use crate::promql::{Matcher, Narrowing, Op, Selector, names};
use crate::slos::{Sli, Slo};
use crate::units::{Labels, Problem, Span, nearest};

/// The most values of a label that a message lists.
const LISTED: usize = 5;

/// Everything that will surprise those who declared these SLOs.
pub fn surprises(plan: &Plan, found: &Holdings) -> Vec<Problem> {
    let values = values(plan, found);
    let of_slo = |(index, slo): (usize, &Slo)| {
        let mut problems = unmatched(slo, found);
        if let (true, Some(counts)) = (problems.is_empty(), values.get(&index)) {
            problems = unusable(slo, counts);
        }
        problems.into_iter().map(|problem| problem.at(&slo.place).about(&slo.id)).collect::<Vec<_>>()
    };
    let slos = plan.slos.iter().map(|planned| &*planned.slo).enumerate();
    slos.flat_map(of_slo).chain(forgotten(plan, found.retention)).collect()
}

/// How many values each expression of an SLO has, by the SLO's place in the plan.
fn values(plan: &Plan, found: &Holdings) -> HashMap<usize, Vec<usize>> {
    let mut values = HashMap::new();
    for (query, answers) in plan.queries.iter().zip(&found.answers) {
        if let (Question::Points { .. }, Some(answers)) = (&query.question, answers) {
            let counts: Vec<usize> = answers.iter().map(Vec::len).collect();
            values.extend(query.routes.iter().map(|route| (route.slo, counts.clone())));
        }
    }
    values
}

/// Selectors of an SLO that select nothing, each with what there is instead.
fn unmatched(slo: &Slo, found: &Holdings) -> Vec<Problem> {
    let mut selectors = selectors(slo, &found.facts);
    selectors.dedup();
    selectors.retain(|(_, selector)| found.counts.get(selector) == Some(&0));
    selectors.iter().map(|(key, selector)| nothing(key, selector, found)).collect()
}

fn nothing(key: &str, selector: &Selector, found: &Holdings) -> Problem {
    // Of a histogram, people write the name without the suffix of its buckets.
    let written = if key == "histogram" { histogram(selector) } else { None };
    let written = written.as_ref().unwrap_or(selector);
    let (what, remedy) = if found.metrics.contains(selector.metric()) {
        let what = format!("{key:?} selects nothing: no series is {written}");
        let remedy = instead(selector, found).unwrap_or_else(|| "no series has all its labels".into());
        (what, if key == "bad" { format!("right if nothing bad happened lately; {remedy}") } else { remedy })
    } else {
        let near = nearest(selector.metric(), found.metrics.iter().map(String::as_str));
        let near = near.map(|near| match key {
            "histogram" => near.strip_suffix(names::BUCKET_SUFFIX).unwrap_or(near),
            _ => near,
        });
        let what = format!("{key:?} selects nothing: the source has no metric {}", written.metric());
        (
            what,
            near.map_or("check its name, and that its target is scraped".into(), |near| {
                format!("the nearest is {near}")
            }),
        )
    };
    Problem::warning("selects_nothing", what, remedy)
}

/// What the first label is that keeps `selector` from selecting anything; `None` where none does alone.
fn instead(selector: &Selector, found: &Holdings) -> Option<String> {
    let values = |matcher: &Matcher| found.values.get(&(selector.metric().to_string(), matcher.label.to_string()));
    let is_in_vain = |matcher: &&Matcher| {
        let condition = Narrowing::new(&[(*matcher).clone()]);
        let admits = |value: &str| {
            let labels = Labels::new([(matcher.label.clone(), value)]);
            condition.as_ref().is_none_or(|condition| condition.admits(&labels))
        };
        values(matcher).is_some_and(|values| !admits("") && !values.iter().any(|value| admits(value)))
    };
    let Matcher { label, op, value } = selector.matchers().iter().find(is_in_vain)?;
    let there = found.values.get(&(selector.metric().to_string(), label.to_string()))?;
    let near = nearest(value, there.iter().map(String::as_str)).filter(|_| *op == Op::Equal);
    Some(match near {
        Some(near) => format!("the nearest {label} is {near:?}"),
        None if there.is_empty() => format!("{} has no label {label}", selector.metric()),
        None => format!("its {label} is {}", any_of(there)),
    })
}

/// `"200", "404" or another`
fn any_of(values: &[String]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
    match &quoted[..] {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] if quoted.len() <= LISTED => format!("{} or {last}", first.join(", ")),
        many => format!("{} or another", many[..LISTED].join(", ")),
    }
}

/// Expressions that give another number of values than can be counted.
fn unusable(slo: &Slo, counts: &[usize]) -> Vec<Problem> {
    let empty = |key: &str| {
        let what = format!("{key:?} gives nothing now");
        Problem::warning("gives_nothing", what, "its time is unmeasured for as long")
    };
    let several = |key: &str, count: usize| {
        let what = format!("{key:?} gives {count} series, and one is wanted");
        Problem::warning("gives_several", what, "it is unmeasured; write sum(...) around it")
    };
    match &slo.sli {
        Sli::Expressions { of, .. } => {
            let told =
                of.sides().into_iter().zip(counts).enumerate().filter_map(|(side, ((key, _), count))| match count {
                    0 if side == 0 => Some(empty(key)),
                    0 | 1 => None,
                    count => Some(several(key, *count)),
                });
            told.collect()
        }
        Sli::Value { .. } if counts == [0] => vec![empty("value")],
        Sli::Value { .. } | Sli::Events(_) | Sli::Latency { .. } | Sli::Up { .. } | Sli::Own { .. } => Vec::new(),
    }
}

/// Windows that reach beyond what the source keeps.
fn forgotten(plan: &Plan, retention: Option<Span>) -> Vec<Problem> {
    let Some(retention) = retention else { return Vec::new() };
    let mut longer: BTreeMap<Span, usize> = BTreeMap::new();
    for window in plan.slos.iter().map(|planned| planned.slo.window.span()).filter(|window| *window > retention) {
        *longer.entry(window).or_default() += 1;
    }
    let problem = |(window, slos): (Span, usize)| {
        let s = if slos == 1 { "" } else { "s" };
        let what = format!(
            "the source keeps samples for {retention}, and {slos} SLO{s} look{} back {window}",
            if slos == 1 { "s" } else { "" }
        );
        let remedy = "the ledger remembers what was counted, but nothing older is there to count when an SLO is new";
        Problem::warning("retention", what, remedy)
    };
    longer.into_iter().map(problem).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use super::*;
    use crate::plan::{Facts, Pace, Series, plan};
    use crate::slos::read;

    fn pace() -> Pace {
        Pace { max_series: 100, ..Pace::DEFAULT }
    }

    const METRICS: [&str; 4] = ["http_requests_total", "http_seconds_bucket", "http_seconds_count", "up"];

    fn planned(slis: &[&str]) -> Plan {
        let slo =
            |(index, sli): (usize, &&str)| format!("  - {{ name: a{index}, objective: 99%, sli: {{ {sli} }} }}\n");
        let slos: String = slis.iter().enumerate().map(slo).collect();
        let (slos, problems) = read("f", &format!("service: s\nslos:\n{slos}"));
        assert_eq!(problems, []);
        plan(slos.into_iter().map(Arc::new).collect(), &Facts::default(), pace()).0
    }

    /// Where each of these selectors selects nothing, and metrics and labels are what they are.
    fn in_vain(selectors: &[&str]) -> Holdings {
        let selectors = selectors.iter().map(|selector| (Selector::parse(selector).unwrap(), 0));
        let values = [
            (("http_requests_total", "job"), vec!["shop", "cart"]),
            (("http_requests_total", "code"), vec!["200", "201", "204", "301", "404", "429"]),
            (("http_requests_total", "pod"), vec![]),
        ];
        let text = |texts: Vec<&str>| texts.into_iter().map(String::from).collect();
        Holdings {
            counts: selectors.collect(),
            metrics: METRICS.map(String::from).into(),
            values: values.into_iter().map(|((m, l), v)| ((m.to_string(), l.to_string()), text(v))).collect(),
            ..Holdings::default()
        }
    }

    #[track_caller]
    fn check(plan: &Plan, found: &Holdings, expected: &[&str]) {
        let told: Vec<String> = surprises(plan, found).iter().map(|problem| problem.to_string()).collect();
        assert_eq!(told, expected);
    }

    #[track_caller]
    fn check_nothing(sli: &str, selector: &str, expected: &str) {
        check(&planned(&[sli]), &in_vain(&[selector]), &[&format!("f:3:7: {expected}")]);
    }

    #[test]
    fn an_unknown_metric_is_told_with_the_nearest() {
        check_nothing(
            "bad: b, total: http_request_total",
            "http_request_total",
            "\"total\" selects nothing: the source has no metric http_request_total; the nearest is http_requests_total",
        );
        check_nothing(
            "histogram: htp_seconds, under: 1s",
            "htp_seconds_bucket",
            "\"histogram\" selects nothing: the source has no metric htp_seconds; the nearest is http_seconds",
        );
        check_nothing(
            "up: something_else",
            "something_else",
            "\"up\" selects nothing: the source has no metric something_else; check its name, and that its target is scraped",
        );
    }

    #[test]
    fn a_label_that_selects_nothing_is_told_with_what_there_is() {
        let check = |selector: &str, expected: &str| {
            let what = format!("\"total\" selects nothing: no series is {selector}; {expected}");
            check_nothing(&format!("bad: b, total: '{selector}'"), selector, &what);
        };
        check("http_requests_total{job=\"shopp\"}", "the nearest job is \"shop\"");
        check("http_requests_total{job=\"search\"}", "its job is \"shop\" or \"cart\"");
        check("http_requests_total{pod=~\"a.*\"}", "http_requests_total has no label pod");
        check(
            "http_requests_total{code=~\"5..\",job=\"shop\"}",
            "its code is \"200\", \"201\", \"204\", \"301\", \"404\" or another",
        );
        check("http_requests_total{code=\"200\",job=\"cart\"}", "no series has all its labels");
    }

    #[test]
    fn no_bad_events_may_be_right() {
        check_nothing(
            "bad: 'http_requests_total{job=\"shoq\"}', total: http_requests_total",
            "http_requests_total{job=\"shoq\"}",
            "\"bad\" selects nothing: no series is http_requests_total{job=\"shoq\"}; \
             right if nothing bad happened lately; the nearest job is \"shop\"",
        );
    }

    #[test]
    fn what_selects_something_or_was_not_answered_surprises_nobody() {
        let mut found = in_vain(&["up"]);
        found.counts.insert(Selector::parse("up").unwrap(), 1);
        check(&planned(&["up: up", "up: other"]), &found, &[]);
    }

    #[test]
    fn an_expression_has_to_give_one_value() {
        let plan = planned(&["bad: 'increase(b[$window])', total: 'increase(t[$window])'", "value: depth, under: 1"]);
        let series = || Series::new(Labels::default(), Vec::new());
        let mut found = in_vain(&[]);
        let place = |query: usize, asks: usize| match &plan.queries[query].question {
            Question::Points { asks: all, .. } => all.len() == asks,
            Question::Raw { .. } | Question::Own { .. } => false,
        };
        assert!(place(0, 1) && place(1, 2));
        found.answers = vec![Some(vec![vec![series()]]), Some(vec![vec![series()], vec![]])];
        check(&plan, &found, &[]);
        found.answers = vec![Some(vec![vec![]]), Some(vec![vec![], vec![series(), series()]])];
        check(
            &plan,
            &found,
            &[
                "f:3:7: \"total\" gives nothing now; its time is unmeasured for as long",
                "f:3:7: \"bad\" gives 2 series, and one is wanted; it is unmeasured; write sum(...) around it",
                "f:4:7: \"value\" gives nothing now; its time is unmeasured for as long",
            ],
        );
        found.answers = vec![None, None];
        check(&plan, &found, &[]);
    }

    #[test]
    fn a_window_longer_than_the_retention_is_told_once() {
        let plan = planned(&["up: up", "up: up"]);
        let keeping = |days| Holdings { retention: Some(Span::days(days)), ..in_vain(&[]) };
        check(&plan, &keeping(30), &[]);
        check(
            &plan,
            &keeping(15),
            &["the source keeps samples for 15d, and 2 SLOs look back 30d; \
               the ledger remembers what was counted, but nothing older is there to count when an SLO is new"],
        );
    }
}
