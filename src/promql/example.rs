//! Labels that matchers select, invented: what a test needs of a selector. Never knows the metric.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::promql::{Matcher, Narrowing, Op};
use crate::units::Labels;

/// Values that are tried where matchers only exclude some.
const OTHERS: [&str; 3] = ["other", "0", ""];

/// The longest invented value.
const MAX_BYTES: usize = 64;

/// Labels that all of `wanted` select and, where they are given, not all of `unwanted`. `None` where none are found.
pub fn labels(wanted: &[Matcher], unwanted: Option<&[Matcher]>) -> Option<Labels> {
    let named: Vec<&Matcher> = wanted.iter().chain(unwanted.unwrap_or_default()).collect();
    let mut chosen = Labels::default();
    for matcher in wanted {
        let value = candidates(&named, &matcher.label).into_iter().find(|value| is_admitted(wanted, matcher, value))?;
        chosen = with(&chosen, matcher, &value);
    }
    let Some(unwanted) = unwanted else { return Some(chosen) };
    let avoided = Narrowing::new(unwanted)?;
    if !avoided.admits(&chosen) {
        return Some(chosen);
    }
    let all = Narrowing::new(wanted)?;
    let mut others = unwanted.iter().flat_map(|matcher| {
        candidates(&named, &matcher.label).into_iter().map(|value| with(&chosen, matcher, &value)).collect::<Vec<_>>()
    });
    others.find(|labels| all.admits(labels) && !avoided.admits(labels))
}

/// These labels with `value` under the label of `matcher`; an empty value is no label.
fn with(labels: &Labels, matcher: &Matcher, value: &str) -> Labels {
    let laid_over = labels.overlaid(&Labels::new([(&*matcher.label, value)]));
    Labels::new(laid_over.iter().filter(|(_, value)| !value.is_empty()))
}

/// Whether all matchers of one label take a value.
fn is_admitted(matchers: &[Matcher], of: &Matcher, value: &str) -> bool {
    let alike: Vec<Matcher> = matchers.iter().filter(|matcher| matcher.label == of.label).cloned().collect();
    Narrowing::new(&alike).is_some_and(|all| all.admits(&Labels::new([(&*of.label, value)])))
}

/// Values worth trying for a label: what the matchers ask for, then others, then what they exclude.
fn candidates(matchers: &[&Matcher], label: &str) -> Vec<String> {
    let of_label = || matchers.iter().filter(|matcher| &*matcher.label == label);
    let asked = of_label().filter(|matcher| matches!(matcher.op, Op::Equal | Op::Match));
    let excluded = of_label().filter(|matcher| matches!(matcher.op, Op::NotEqual | Op::NotMatch));
    let value = |matcher: &&Matcher| match matcher.op {
        Op::Equal | Op::NotEqual => Some(matcher.value.to_string()),
        Op::Match | Op::NotMatch => example(&matcher.value),
    };
    let values = asked.filter_map(value).chain(OTHERS.map(String::from)).chain(excluded.filter_map(value));
    values.filter(|value| value.len() <= MAX_BYTES).collect()
}

/// A text that a pattern matches, as short as it is easily found.
fn example(pattern: &str) -> Option<String> {
    let mut bytes = Vec::new();
    write(&regex_syntax::parse(pattern).ok()?, &mut bytes);
    String::from_utf8(bytes).ok()
}

fn write(pattern: &Hir, out: &mut Vec<u8>) {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.extend(&*literal.0),
        HirKind::Class(class) => out.extend(letter(class).to_string().as_bytes()),
        // Bounded, for a pattern may ask for a thousand thousands.
        HirKind::Repetition(repetition) => (0..repetition.min.min(8)).for_each(|_| write(&repetition.sub, out)),
        HirKind::Capture(capture) => write(&capture.sub, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, out)),
        HirKind::Alternation(ways) => ways.iter().take(1).for_each(|way| write(way, out)),
    }
}

/// A letter of a class, a plain one if there is one.
fn letter(class: &Class) -> char {
    let plain = ['0', 'a', 'A', '_', '-', ' '].into_iter();
    match class {
        Class::Unicode(class) => {
            let holds = |letter: &char| class.iter().any(|range| (range.start()..=range.end()).contains(letter));
            plain.clone().find(holds).or_else(|| class.iter().next().map(|range| range.start())).unwrap_or('0')
        }
        Class::Bytes(class) => class.iter().next().map_or('0', |range| char::from(range.start())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::promql::Selector;

    fn check(wanted: &str, unwanted: &str, expected: Option<&str>) {
        let selector = |text: &str| Selector::parse(&format!("x{{{text}}}")).unwrap();
        let (wanted, unwanted) = (selector(wanted), Some(unwanted).filter(|text| !text.is_empty()).map(selector));
        let found = labels(wanted.matchers(), unwanted.as_ref().map(Selector::matchers));
        assert_eq!(found.map(|labels| labels.to_string()).as_deref(), expected);
    }

    #[test]
    fn finds_labels_that_are_selected() {
        check("", "", Some("{}"));
        check(r#"job="api",code!="500""#, "", Some(r#"{code="other",job="api"}"#));
        check(r#"code=~"5..",code!~"50.""#, "", None);
        check(r#"path=~"/api/(v1|v2)/[a-z]+",zone!="other""#, "", Some(r#"{path="/api/v1/a",zone="0"}"#));
        check(r#"a=~".+",b=~".*",c="""#, "", Some(r#"{a="0"}"#));
    }

    #[test]
    fn finds_labels_that_are_not_selected_by_the_narrower_one() {
        check(r#"job="api""#, r#"job="api",code=~"5..""#, Some(r#"{job="api"}"#));
        check(r#"job="api""#, r#"job="api",code!="500""#, Some(r#"{code="500",job="api"}"#));
        check(r#"job="api""#, r#"job="api",code!~"20.""#, Some(r#"{code="200",job="api"}"#));
        check(r#"job="api""#, r#"job="api""#, None);
    }
}
