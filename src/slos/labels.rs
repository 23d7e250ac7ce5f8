//! Labels that people give: to an SLO, to its alerts, and to a target that is scraped.

use crate::units::{Labels, Problem};
use crate::yaml::{Fields, Node};

/// Labels that one SLO may carry.
const MAX_LABELS: usize = 16;

/// Bytes of a label's name, and of its value.
const MAX_BYTES: usize = 256;

/// Names that burnwatch or Prometheus itself puts on the series of an SLO.
const RESERVED: [&str; 10] =
    ["service", "slo", "window", "outcome", "state", "severity", "percentile", "le", "job", "instance"];

/// Names that say which alert it is. Its severity may be called otherwise, for the receivers that people have.
const ALERT_RESERVED: [&str; 3] = ["service", "slo", "alertname"];

/// The labels of an SLO: its own laid over those of its file.
pub fn of_slo(fields: &mut Fields, defaults: &Labels) -> Labels {
    let Some(node) = fields.take("labels") else { return defaults.clone() };
    let labels = defaults.overlaid(&labels(node, &RESERVED, fields.problems));
    if labels.len() > MAX_LABELS {
        let what = format!("{} labels are more than {MAX_LABELS}", labels.len());
        fields.refuse(node, "labels", &what, "keep those that somebody selects by");
    }
    labels
}

/// The labels that an alert carries beside those of its SLO.
pub fn of_alert(fields: &mut Fields, defaults: &Labels) -> Labels {
    let Some(node) = fields.take("labels") else { return defaults.clone() };
    defaults.overlaid(&labels(node, &ALERT_RESERVED, fields.problems))
}

/// The labels that all series of a target carry.
pub fn of_target(fields: &mut Fields) -> Labels {
    let Some(node) = fields.take("labels") else { return Labels::default() };
    labels(node, &[], fields.problems)
}

/// The annotations of an alert: named like labels, and as long as somebody cares to write.
pub fn annotations(fields: &mut Fields, defaults: &Labels) -> Labels {
    let Some(node) = fields.take("annotations") else { return defaults.clone() };
    let mut pairs = Vec::new();
    for (name, text, entry) in node.texts("annotations", fields.problems) {
        fields.problems.extend(unfit_name(name, &[]).map(|problem| problem.at(&entry.key.place)));
        pairs.push((name, text));
    }
    defaults.overlaid(&Labels::new(pairs))
}

/// The name under `key` of a label that somebody else puts on a metric; `key` itself where nothing is said.
pub fn name<'n>(fields: &mut Fields<'n, '_>, key: &'static str) -> &'n str {
    let Some(node) = fields.take(key) else { return key };
    let Some(name) = node.text() else {
        fields.problems.push(node.misshapen(&format!("{key:?}"), "text"));
        return key;
    };
    fields.problems.extend(unfit_name(name, &[]).map(|problem| problem.at(&node.place)));
    name
}

fn labels(node: &Node, reserved: &[&str], problems: &mut Vec<Problem>) -> Labels {
    let mut pairs = Vec::new();
    for (name, value, entry) in node.texts("labels", problems) {
        problems.extend(unfit_name(name, reserved).map(|problem| problem.at(&entry.key.place)));
        if value.len() > MAX_BYTES {
            let what = format!("the value of label {name:?} is longer than {MAX_BYTES} bytes");
            problems.push(Problem::error("labels", what, "shorten it").at(&entry.value.place));
        }
        pairs.push((name, value));
    }
    Labels::new(pairs)
}

/// What keeps `name` from being a label's: Prometheus' rules, or that it is taken.
fn unfit_name(name: &str, reserved: &[&str]) -> Option<Problem> {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let (what, remedy) = if reserved.contains(&name) {
        (format!("label {name:?} is one of burnwatch's own"), "choose another name")
    } else if name.starts_with("__") {
        (format!("label {name:?} begins with __, as Prometheus' internal ones do"), "choose another name")
    } else if name.is_empty() || !name.chars().all(is_letter) || name.starts_with(|first: char| first.is_ascii_digit())
    {
        (format!("label {name:?} is no label name"), "use letters, digits and _, and begin with no digit")
    } else if name.len() > MAX_BYTES {
        (format!("a label name is longer than {MAX_BYTES} bytes"), "shorten it")
    } else {
        return None;
    };
    Some(Problem::error("labels", what, remedy))
}
