//! An SLO file: what it says for all its SLOs, then each of them.

use std::collections::HashMap;

use crate::slos::blame::{are_sound, tell_about};
use crate::slos::name::Name;
use crate::slos::settings::Settings;
use crate::slos::{Slo, endpoints, sli};
use crate::units::{About, Objective, Place, Problem, SloId};
use crate::yaml::{self, Fields, Node};

/// The SLOs of a file and everything that is wrong with it, in the order of the file. An SLO with an error is left out,
/// and so are all of a document whose head is wrong: what they would take from it is not known.
pub fn read(file: &str, text: &str) -> (Vec<Slo>, Vec<Problem>) {
    let (documents, mut problems) = yaml::documents(file, text);
    let slos = documents.iter().flat_map(|document| declared(document, &mut problems)).collect();
    problems.sort_by_key(|problem| problem.place.as_ref().map(|place| (place.line, place.column)));
    (slos, first(problems))
}

/// The most problems of one file that are told.
const MAX_PROBLEMS: usize = 200;

/// The first of `problems`, and one for all others.
fn first(mut problems: Vec<Problem>) -> Vec<Problem> {
    let more = problems.split_off(problems.len().min(MAX_PROBLEMS));
    let worst = more.iter().map(|problem| problem.severity).min();
    if let (Some(severity), Some(place)) = (worst, more.first().and_then(|problem| problem.place.as_ref())) {
        let what = format!("{} more problems of this file are not told", more.len());
        problems
            .push(Problem { severity, ..Problem::error("more_problems", what, "mend those before first").at(place) });
    }
    problems
}

/// Each SLO once: of two with one name, the first stays and the second is a problem.
pub fn unique(slos: Vec<Slo>) -> (Vec<Slo>, Vec<Problem>) {
    let mut first: HashMap<SloId, Place> = HashMap::new();
    let mut problems = Vec::new();
    let mut once = Vec::new();
    for slo in slos {
        if let Some(place) = first.get(&slo.id) {
            let what = format!("{} is declared twice, first at {place}", slo.id);
            let problem = Problem::error("duplicate_slo", what, "give one another name, or remove it");
            problems.push(problem.at(&slo.place).about(&slo.id));
        } else {
            first.insert(slo.id.clone(), slo.place.clone());
            once.push(slo);
        }
    }
    (once, problems)
}

/// The keys of an endpoint table: what measures it, and its rows.
const TABLE: [&str; 2] = ["http", "endpoints"];

/// Keys of burnwatch's own configuration that no SLO file has.
const CONFIGURATION: [&str; 6] = ["source", "evaluate", "state", "rules", "dashboards", "notify"];

fn declared(document: &Node, problems: &mut Vec<Problem>) -> Vec<Slo> {
    let before = problems.len();
    let Some(mut fields) = Fields::of(document, "an SLO file", problems) else { return Vec::new() };
    if !fields.has("service") && CONFIGURATION.iter().any(|key| fields.has(key)) {
        let problem =
            Problem::error("not_an_slo_file", "this is a configuration file, not SLOs", "give it to --config");
        problems.push(problem.at(&document.place));
        return Vec::new();
    }
    let service: Option<Name> = fields.require("service").read("service");
    let settings = Settings::unsaid().overlaid(&mut fields);
    let wanted = if TABLE.iter().any(|key| fields.has(key)) { &TABLE[..] } else { &["slos"] };
    for key in wanted {
        fields.require(key);
    }
    let [http, endpoints] = TABLE.map(|key| fields.take(key));
    let listed = fields.list("slos").unwrap_or_default();
    fields.done();
    let is_sound = are_sound(&problems[before..]);
    let mut slos: Vec<Slo> =
        listed.iter().filter_map(|node| slo(node, service.as_ref(), &settings, problems)).collect();
    slos.extend(endpoints::slos(http, endpoints, service.as_ref(), &settings, problems));
    if let Some(service) = service {
        tell_about(&mut problems[before..], &About::Service(service.as_str().into()));
    }
    slos.retain(|_| is_sound);
    slos
}

fn slo(node: &Node, service: Option<&Name>, defaults: &Settings, problems: &mut Vec<Problem>) -> Option<Slo> {
    let before = problems.len();
    let mut fields = Fields::of(node, "an SLO", problems)?;
    let place = fields.place_of("name").unwrap_or(&node.place).clone();
    let name: Option<Name> = fields.require("name").read("name");
    let description = fields.text("description").unwrap_or_default().to_string();
    let objective: Option<Objective> = fields.require("objective").read("objective");
    let settings = defaults.overlaid(&mut fields);
    let sli = fields.require("sli").take("sli").and_then(|node| sli::sli(node, fields.problems));
    fields.done();

    let id = SloId::new(service?.as_str(), name?.as_str());
    tell_about(&mut problems[before..], &About::Slo(id.clone()));
    let slo = settings.slo(id, place, description, objective?, sli?);
    are_sound(&problems[before..]).then_some(slo)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::slos::{Alerting, Counted, Sli, Tone};
    use crate::units::{Ratio, Severity, Window};

    fn check(text: &str, expected: &[&str]) {
        let told: Vec<String> = read("f", text).1.iter().map(ToString::to_string).collect();
        assert_eq!(told, expected, "{text}");
    }

    /// A good file with one more SLO whose lines, from the third, are `lines`.
    fn check_slo(lines: &str, expected: &[&str]) {
        let text = format!("service: s\nslos:\n  - {}\n", lines.trim_start().replace('\n', "\n    "));
        check(&text, expected);
    }

    const SIX_LINES: &str = "\
service: checkout
slos:
  - name: availability
    objective: 99.9%
    sli: { bad: 'http_requests_total{code=~\"5..\"}', total: http_requests_total }
";

    const FULL: &str = r#"
service: checkout
owner: payments@example.com
labels: { tier: "1" }
window: 28d
alerts: { runbook: https://wiki.example.com/checkout, ticket: { labels: { team: pay } } }
slos:
  - name: availability
    description: requests answered without a server error
    objective: 99.9%
    sli:
      bad:   http_requests_total{job="checkout", code=~"5.."}
      total: http_requests_total{job="checkout"}
  - name: latency
    objective: 95%
    window: 7d
    labels: { path: all }
    owner: latency@example.com
    sli:
      histogram: http_request_duration_seconds{job="checkout"}
      under: 200ms
    alerts:
      page: off
      ticket: { labels: { severity: info }, annotations: { hint: look at the cache } }
      min_events: 100
      runbook: https://wiki.example.com/latency
    notify_at: [100%, 50 %, 99.9%]
---
service: probes
slos:
  - name: reachable
    objective: 0.995
    sli: { up: 'probe_success{instance="checkout"}' }
"#;

    #[test]
    fn reads_the_first_file_of_a_new_user() {
        let (slos, problems) = read("slos/checkout.yaml", SIX_LINES);
        assert_eq!(problems, []);
        let slo = &slos[0];
        assert_eq!(slo.id.to_string(), "checkout/availability");
        assert_eq!(slo.place.to_string(), "slos/checkout.yaml:3:5");
        assert_eq!((slo.objective.allowed(), slo.window), (0.001, Window::DEFAULT));
        assert_eq!(slo.alerting, Alerting::default());
        assert_eq!(slo.notify_at, [0.75, 0.9, 1.0].map(Ratio::held));
        assert_eq!(slo.sli.fingerprint(), r#"events bad=http_requests_total{code=~"5.."} total=http_requests_total"#);
    }

    #[test]
    fn lets_an_slo_say_otherwise_than_its_file() {
        let (slos, problems) = read("f", FULL);
        assert_eq!(problems, []);
        let [availability, latency, reachable] = &slos[..] else { panic!("{slos:?}") };

        assert!(matches!(availability.sli, Sli::Events(Counted::BadOfTotal { .. })));
        assert_eq!(availability.description, "requests answered without a server error");
        assert_eq!(availability.owner.as_deref(), Some("payments@example.com"));
        assert_eq!(availability.window.to_string(), "28d");
        assert_eq!(availability.labels.to_string(), r#"{tier="1"}"#);
        assert_eq!(availability.alerting.page, Tone::default());
        assert_eq!(availability.alerting.runbook.as_deref(), Some("https://wiki.example.com/checkout"));

        assert_eq!(latency.owner.as_deref(), Some("latency@example.com"));
        assert_eq!(latency.window.to_string(), "7d");
        assert_eq!(latency.labels.to_string(), r#"{path="all",tier="1"}"#);
        assert_eq!(latency.alerting.page, Tone::Off);
        assert_eq!(latency.alerting.min_events, 100);
        assert_eq!(latency.alerting.runbook.as_deref(), Some("https://wiki.example.com/latency"));
        let Tone::On { labels, annotations } = &latency.alerting.ticket else { panic!("{:?}", latency.alerting) };
        assert_eq!(labels.to_string(), r#"{severity="info",team="pay"}"#);
        assert_eq!(annotations.get("hint"), "look at the cache");
        assert_eq!(latency.notify_at, [0.5, 0.999, 1.0].map(Ratio::held));

        assert_eq!(reachable.id.to_string(), "probes/reachable");
        assert_eq!((reachable.owner.as_ref(), reachable.labels.is_empty()), (None, true));
        assert_eq!(reachable.sli.fingerprint(), r#"gauge up=probe_success{instance="checkout"} every=1m"#);
    }

    #[test]
    fn says_what_is_wrong_with_a_head() {
        let slos = "slos: []\n";
        check(slos, &[r#"f:1:1: an SLO file wants "service"; add `service: ...`"#]);
        let name = r#"the name "my service" has ' ' in it; use the letters a-z and A-Z, digits, _ . and -"#;
        check(&format!("service: my service\n{slos}"), &[&format!("f:1:10: {name}")]);
        let key = r#"f:2:1: "windw" is not a key of an SLO file; write "window""#;
        check(&format!("service: s\nwindw: 7d\n{slos}"), &[key]);
        let window = "window 36h is not whole days; write whole days or weeks from 1d to 366d, such as 30d or 4w";
        check(&format!("service: s\nwindow: 36h\n{slos}"), &[&format!("f:2:9: {window}")]);
        check("service: s\n", &[r#"f:1:1: an SLO file wants "slos"; add `slos: ...`"#]);
        let list = r#"f:2:7: "slos" wants a list, found text; write `- ` before each item, or [a, b]"#;
        check("service: s\nslos: slos/*.yaml\n", &[list]);
    }

    #[test]
    fn knows_what_is_no_slo_file() {
        let configuration = "f:1:1: this is a configuration file, not SLOs; give it to --config";
        check("slos: [slos/*.yaml]\nsource: { prometheus: { url: x } }\n", &[configuration]);
        check("service: s\nhttp: {}\n", &[r#"f:1:1: an SLO file wants "endpoints"; add `endpoints: ...`"#]);
        let list = "an SLO file wants a mapping, found a list; write `key: value` lines beneath it, or { key: value }";
        check("- service: s\n", &[&format!("f:1:1: {list}")]);
    }

    #[test]
    fn says_what_is_wrong_with_an_slo() {
        let sli = "sli: { up: up }";
        let percent = "f:4:16: objective 99.9 is above 1; write 99.9% or 0.999";
        check_slo(&format!("name: a\nobjective: 99.9\n{sli}"), &[percent]);
        let budget = "f:4:16: objective 100% leaves no error budget; choose one that leaves some, such as 99.99%";
        check_slo(&format!("name: a\nobjective: 100%\n{sli}"), &[budget]);
        let key = r#"f:4:5: "objetive" is not a key of an SLO; write "objective""#;
        check_slo(&format!("name: a\nobjetive: 99%\n{sli}"), &[key]);
        let twice = r#"f:6:5: "name" stands twice, first at line 3; keep one"#;
        check_slo(&format!("name: a\nobjective: 99%\n{sli}\nname: c"), &[twice]);
        check_slo(
            "description: nothing",
            &[
                r#"f:3:5: an SLO wants "name"; add `name: ...`"#,
                r#"f:3:5: an SLO wants "objective"; add `objective: ...`"#,
                r#"f:3:5: an SLO wants "sli"; add `sli: ...`"#,
            ],
        );
        let text = "an SLO wants a mapping, found text; write `key: value` lines beneath it, or { key: value }";
        check_slo("just text", &[&format!("f:3:5: {text}")]);
    }

    #[test]
    fn says_what_is_wrong_with_labels() {
        check(
            "service: s\nlabels: { le: a, 1x: b, __x: c, team: [d] }\nslos: []\n",
            &[
                r#"f:2:11: label "le" is one of burnwatch's own; choose another name"#,
                r#"f:2:18: label "1x" is no label name; use letters, digits and _, and begin with no digit"#,
                r#"f:2:25: label "__x" begins with __, as Prometheus' internal ones do; choose another name"#,
                r#"f:2:39: "team" wants text, found a list; write one value"#,
            ],
        );
        let long = format!("service: s\nlabels: {{ a: {} }}\nslos: []\n", "x".repeat(257));
        check(&long, &[r#"f:2:14: the value of label "a" is longer than 256 bytes; shorten it"#]);
        let many: Vec<String> = (0..17).map(|index| format!("l{index}: x")).collect();
        let many = format!("service: s\nlabels: {{ {} }}\nslos: []\n", many.join(", "));
        check(&many, &["f:2:9: 17 labels are more than 16; keep those that somebody selects by"]);
    }

    #[test]
    fn names_ten_mistakes_of_one_file_at_once() {
        let text = r#"service: checkout
ownr: payments
slos:
  - name: bad name
    objective: 99.9
    window: 30
    labels: { slo: x }
    sli: { bad: 'up{job=x}', total: up }
  - objective: 99%
    sli: { up: probe_success, every: 5 }
    alerts: { page: none, min_events: 1_000 }
"#;
        check(
            text,
            &[
                r#"f:2:1: "ownr" is not a key of an SLO file; write "owner""#,
                r#"f:4:11: the name "bad name" has ' ' in it; use the letters a-z and A-Z, digits, _ . and -"#,
                "f:5:16: objective 99.9 is above 1; write 99.9% or 0.999",
                r#"f:6:13: duration "30" has no unit; write whole days or weeks from 1d to 366d, such as 30d or 4w"#,
                r#"f:7:15: label "slo" is one of burnwatch's own; choose another name"#,
                r#"f:8:25: "bad": the value "x" is not in quotes; write "x""#,
                r#"f:9:5: an SLO wants "name"; add `name: ...`"#,
                r#"f:10:38: duration "5" has no unit; write its unit, such as 5s or 5ms"#,
                r#"f:11:21: page "none" is neither on nor off; write on, off, or { labels: {...}, annotations: {...} }"#,
                r#"f:11:39: "1_000" is not a whole number; write digits only, such as 100"#,
            ],
        );
    }

    #[test]
    fn keeps_the_good_slos_beside_a_bad_one() {
        let text = format!("{SIX_LINES}  - name: b\n    objective: 99.9\n    sli: {{ up: up }}\n");
        let (slos, problems) = read("f", &text);
        assert_eq!(slos.len(), 1);
        assert_eq!(problems[0].about, About::Slo(SloId::new("checkout", "b")));
    }

    #[test]
    fn keeps_no_slo_under_a_wrong_head() {
        let (slos, problems) = read("f", &format!("windw: 7d\n{SIX_LINES}"));
        assert_eq!(slos, []);
        assert_eq!(problems[0].about, About::Service("checkout".into()));
    }

    #[test]
    fn keeps_an_slo_with_a_warning() {
        let (slos, problems) = read("f", &SIX_LINES.replace("total: http_requests_total", "total: job:requests:sum"));
        assert_eq!((slos.len(), problems.len()), (1, 1));
        assert_eq!(problems[0].severity, Severity::Warning);
    }

    #[test]
    fn keeps_the_first_of_two_slos_with_one_name() {
        let (mut slos, _) = read("a", SIX_LINES);
        slos.extend(read("b", SIX_LINES).0);
        let (once, problems) = unique(slos);
        assert_eq!(once.len(), 1);
        assert_eq!(&*once[0].place.file, "a");
        let told =
            "b:3:5: checkout/availability is declared twice, first at a:3:5; give one another name, or remove it";
        assert_eq!(problems[0].to_string(), told);
    }

    /// One slip of an editor.
    fn slip(text: &str, kind: u8, at: usize, other: usize, letter: char) -> String {
        let mut letters: Vec<char> = text.chars().collect();
        let at = at % letters.len();
        match kind {
            0 => drop(letters.remove(at)),
            1 => letters.insert(at, letter),
            2 => letters[at] = letter,
            _ => {
                let mut lines: Vec<&str> = text.lines().collect();
                let (one, another) = (at % lines.len(), other % lines.len());
                lines.swap(one, another);
                return lines.join("\n");
            }
        }
        letters.into_iter().collect()
    }

    proptest! {
        #[test]
        fn never_panics_and_always_says_where(
            slips in proptest::collection::vec((0..4u8, any::<usize>(), any::<usize>(), "[ -~\n\té&*]"), 1..6),
        ) {
            let mut text = FULL.to_string();
            for (kind, at, other, letter) in slips {
                text = slip(&text, kind, at, other, letter.chars().next().unwrap_or(' '));
            }
            let (slos, problems) = read("f", &text);
            for problem in &problems {
                let place = problem.place.as_ref().unwrap();
                prop_assert!(place.line > 0 && place.column > 0, "{}", problem);
            }
            prop_assert!(slos.len() == 3 || !problems.is_empty(), "{}", text);
        }
    }
}
