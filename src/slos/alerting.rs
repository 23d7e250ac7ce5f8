//! How an SLO's burn is alerted, and at which shares of its budget somebody is told.

use std::str::FromStr;

use crate::slos::{Alerting, Tone, labels};
use crate::units::{Labels, Problem, Ratio};
use crate::yaml::{Fields, Node, Number, Remedy, Whole};

/// The shares of the budget whose consumption is told where nobody says otherwise.
pub const THRESHOLDS: [f64; 3] = [0.75, 0.9, 1.0];

/// The key `alerts` of a file or an SLO, laid over `defaults`.
pub fn alerting(fields: &mut Fields, defaults: &Alerting) -> Alerting {
    let Some(node) = fields.take("alerts") else { return defaults.clone() };
    let Some(mut alerts) = Fields::of(node, "\"alerts\"", fields.problems) else { return defaults.clone() };
    let alerting = Alerting {
        page: tone(&mut alerts, "page", &defaults.page),
        ticket: tone(&mut alerts, "ticket", &defaults.ticket),
        min_events: alerts.read("min_events").map_or(defaults.min_events, |Whole(events)| events),
        runbook: alerts.read("runbook").map(|Address(text)| text).or_else(|| defaults.runbook.clone()),
    };
    alerts.done();
    alerting
}

fn tone(alerts: &mut Fields, key: &'static str, default: &Tone) -> Tone {
    let Some(node) = alerts.take(key) else { return default.clone() };
    match node.text() {
        Some("off") => Tone::Off,
        Some("on") if *default == Tone::Off => Tone::default(),
        Some("on") => default.clone(),
        Some(text) => {
            let what = format!("{key} {text:?} is neither on nor off");
            alerts.refuse(node, key, &what, "write on, off, or { labels: {...}, annotations: {...} }");
            default.clone()
        }
        None => carrying(node, default, alerts.problems),
    }
}
/// `default` with the labels and annotations that `node` adds.
fn carrying(node: &Node, default: &Tone, problems: &mut Vec<Problem>) -> Tone {
    let (labels, annotations) = match default.clone() {
        Tone::On { labels, annotations } => (labels, annotations),
        Tone::Off => (Labels::default(), Labels::default()),
    };
    let Some(mut fields) = Fields::of(node, "an alert", problems) else { return default.clone() };
    let labels = labels::of_alert(&mut fields, &labels);
    let annotations = labels::annotations(&mut fields, &annotations);
    fields.done();
    Tone::On { labels, annotations }
}

/// The key `notify_at`: shares of the budget, ascending, each once.
pub fn notify_at(fields: &mut Fields) -> Option<Vec<Ratio>> {
    let nodes = fields.list("notify_at")?;
    let mut shares: Vec<f64> =
        nodes.iter().filter_map(|node| node.read("notify_at", fields.problems)).map(|Share(share)| share).collect();
    shares.sort_by(f64::total_cmp);
    shares.dedup();
    Some(shares.into_iter().map(Ratio::held).collect())
}

/// A share of a budget, written as a percentage above 0 and up to 100.
struct Share(f64);

/// Why a text is no share of a budget.
#[derive(Debug, PartialEq, thiserror::Error)]
enum ShareError {
    #[error("threshold {0:?} is not a percentage")]
    NotAPercentage(String),
    #[error("threshold {0} is not above 0% and at most 100%")]
    OutOfRange(String),
}

impl Remedy for ShareError {
    fn remedy(&self) -> String {
        match self {
            Self::NotAPercentage(text) if text.parse::<Number>().is_ok() => format!("write {text}%"),
            Self::NotAPercentage(_) => "write a percentage such as 75%".into(),
            Self::OutOfRange(_) => "choose one between, such as 90%".into(),
        }
    }
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Share, ShareError> {
        let not_a_percentage = || ShareError::NotAPercentage(text.to_string());
        let number = text.strip_suffix('%').map(str::trim_end).ok_or_else(not_a_percentage)?;
        number.parse::<Number>().map_err(|_| not_a_percentage())?;
        // Read with its exponent, the share is the float nearest to the decimal; a division would round twice.
        match format!("{number}e-2").parse() {
            Ok(share) if share > 0.0 && share <= 1.0 => Ok(Share(share)),
            _ => Err(ShareError::OutOfRange(text.to_string())),
        }
    }
}

/// The address of a web page.
struct Address(String);

/// Why a text is no address.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{0:?} is not the address of a page")]
struct AddressError(String);

impl Remedy for AddressError {
    fn remedy(&self) -> String {
        "begin with https:// or http://".into()
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        match rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace)) {
            true => Ok(Address(text.to_string())),
            false => Err(AddressError(text.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::slos::{Tone, read};

    /// What the lines `said`, at the end of an SLO, are read as, and what is wrong with them.
    fn check(said: &str, expected: &[&str]) {
        let text = format!("service: s\nslos:\n  - name: a\n    objective: 99%\n    sli: {{ up: up }}\n    {said}\n");
        let told: Vec<String> = read("f", &text).1.iter().map(ToString::to_string).collect();
        assert_eq!(told, expected, "{said}");
    }

    #[test]
    fn refuses_what_is_no_share_of_a_budget() {
        check("notify_at: [50%, 0.1 %, 100%]", &[]);
        check("notify_at: []", &[]);
        check(
            "notify_at: [50, 0%, 150%, half, .5%]",
            &[
                r#"f:6:17: threshold "50" is not a percentage; write 50%"#,
                "f:6:21: threshold 0% is not above 0% and at most 100%; choose one between, such as 90%",
                "f:6:25: threshold 150% is not above 0% and at most 100%; choose one between, such as 90%",
                r#"f:6:31: threshold "half" is not a percentage; write a percentage such as 75%"#,
                r#"f:6:37: threshold ".5%" is not a percentage; write a percentage such as 75%"#,
            ],
        );
    }

    #[test]
    fn refuses_what_is_no_alert() {
        check(
            "alerts: { page: { label: { a: b } } }",
            &[r#"f:6:23: "label" is not a key of an alert; write "labels""#],
        );
        check(
            "alerts: { ticket: { labels: { alertname: b } } }",
            &[r#"f:6:35: label "alertname" is one of burnwatch's own; choose another name"#],
        );
        check("alerts: { pgae: off }", &[r#"f:6:15: "pgae" is not a key of "alerts"; write "page""#]);
        check(
            "alerts: { runbook: wiki }",
            &[r#"f:6:24: "wiki" is not the address of a page; begin with https:// or http://"#],
        );
    }

    #[test]
    fn raises_again_what_a_file_silenced() {
        let text = "service: s\nalerts: { page: off, ticket: off }\nslos:\n  - name: a\n    objective: 99%\n    \
                    sli: { up: up }\n    alerts: { page: on }\n";
        let (slos, problems) = read("f", text);
        assert_eq!(problems, []);
        assert_eq!((&slos[0].alerting.page, &slos[0].alerting.ticket), (&Tone::default(), &Tone::Off));
    }
}
