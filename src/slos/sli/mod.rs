//! What an SLO counts. Each kind of SLI is one function over the keys that tell it, in its own file.

mod events;
mod gauge;
mod latency;
mod slice;
mod threshold;
mod value;
mod written;

pub use latency::Histogram;
pub use threshold::{Threshold, Unit};
pub use written::{expression, matchers, selector_of};

use crate::slos::Sli;
use crate::units::{Problem, nearest};
use crate::yaml::{Fields, Node};

/// A kind of SLI: its name, the keys that tell it, and how its fields are read.
type Kind = (&'static str, &'static [&'static str], fn(&mut Fields) -> Option<Sli>);

const KINDS: [Kind; 4] = [
    ("events", &events::KEYS, events::sli),
    ("latency", &["histogram"], latency::sli),
    ("gauge", &["up"], gauge::sli),
    ("value", &["value"], value::sli),
];

/// The value of the key `sli`.
pub fn sli(node: &Node, problems: &mut Vec<Problem>) -> Option<Sli> {
    let mut fields = Fields::of(node, "an SLI", problems)?;
    let mut told: Vec<(&str, Kind)> = KINDS
        .into_iter()
        .filter_map(|kind| kind.1.iter().find(|key| fields.has(key)).map(|key| (*key, kind)))
        .collect();
    told.sort_by_key(|(key, _)| fields.place_of(key).map(|place| (place.line, place.column)));
    let (_, _, read) = match told[..] {
        [(_, kind)] => kind,
        [(first, (one, ..)), (second, (other, ..)), ..] => {
            let what = format!("{first:?} ({one}) and {second:?} ({other}) are two kinds");
            let place = fields.place_of(second).unwrap_or(&node.place);
            fields.problems.push(Problem::error("two_kinds", what, "keep one").at(place));
            return None;
        }
        [] => match misspelt(&fields) {
            Some(kind) => kind,
            None => {
                let remedy =
                    "give two of good, bad and total, or histogram and under, or up, or value and under or over";
                fields.problems.push(Problem::error("no_kind", "this SLI counts nothing", remedy).at(&node.place));
                return None;
            }
        },
    };
    let sli = read(&mut fields);
    fields.done();
    sli
}

/// The kind that was probably meant where no key tells one.
fn misspelt(fields: &Fields) -> Option<Kind> {
    KINDS.into_iter().find(|(_, keys, _)| fields.unread().any(|key| nearest(key, keys.iter().copied()).is_some()))
}

#[cfg(test)]
mod tests {
    use crate::slos::read;

    /// The fingerprint of an SLI, or what is wrong with it.
    fn check(sli: &str, expected: &[&str]) {
        let text =
            format!("service: s\nslos:\n- name: a\n  objective: 99%\n  sli:\n   {}\n", sli.replace('\n', "\n   "));
        let (slos, problems) = read("f", &text);
        let told: Vec<String> = match &slos[..] {
            [slo] => vec![slo.sli.fingerprint()],
            _ => problems.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(told, expected, "{sli}");
    }

    #[test]
    fn reads_each_kind() {
        check("bad: a{x='1'}\ntotal: a", &[r#"events bad=a{x="1"} total=a"#]);
        check("good: a\ntotal: b", &["events good=a total=b"]);
        check("good: a\nbad: b", &["events good=a bad=b"]);
        check(
            "histogram: h_seconds{b='2', a='1'}\nunder: 200ms",
            &[r#"latency histogram=h_seconds{a="1",b="2"} under=0.2"#],
        );
        check("histogram: h\nunder: 200ms\nunit: us", &["latency histogram=h under=200000"]);
        check("histogram: h_seconds\nunder: 0.2\nunit: s", &["latency histogram=h_seconds under=0.2"]);
        check("up: probe_success\nevery: 5m", &["gauge up=probe_success every=5m"]);
        check(
            "good: sum(increase(a[$window]))\ntotal: sum(increase(b[$window]))",
            &["expressions good=sum(increase(a[$window])) total=sum(increase(b[$window])) every=5m"],
        );
        check(
            "good: increase( a[$window] )\nbad: increase(b{y='1', x='2'}[$window])\nevery: 10m",
            &[r#"expressions good=increase(a[$window]) bad=increase(b{x="2",y="1"}[$window]) every=10m"#],
        );
        check("value: max(queue_depth)\nunder: 100", &["value value=max(queue_depth) under=100 every=1m"]);
        check("value: free_ratio\nover: 0.25\nevery: 5m", &["value value=free_ratio over=0.25 every=5m"]);
        check(
            "value: burnwatch_service_requests_per_watthour{service='a'}\nsource: self\nover: 10",
            &[r#"own value=burnwatch_service_requests_per_watthour{service="a"} over=10 every=1m"#],
        );
    }

    #[test]
    fn wants_exactly_one_kind() {
        check(
            "total: a\nhistogram: b",
            &[r#"f:7:4: "total" (events) and "histogram" (latency) are two kinds; keep one"#],
        );
        check(
            "histogram: b\nunder: 1s\ntotal: a",
            &[r#"f:8:4: "histogram" (latency) and "total" (events) are two kinds; keep one"#],
        );
        check(
            "{}",
            &[
                "f:6:4: this SLI counts nothing; give two of good, bad and total, or histogram and under, or up, or value and under or over",
            ],
        );
        check(
            "under: 1s",
            &[
                "f:6:4: this SLI counts nothing; give two of good, bad and total, or histogram and under, or up, or value and under or over",
            ],
        );
        check("histgram: b_seconds\nunder: 1s", &[r#"f:6:4: "histgram" is not a key of an SLI; write "histogram""#]);
        check(
            "goood: a\ntotl: b",
            &[
                r#"f:6:4: "goood" is not a key of an SLI; write "good""#,
                r#"f:7:4: "totl" is not a key of an SLI; write "total""#,
            ],
        );
    }

    #[test]
    fn wants_two_of_good_bad_and_total() {
        check("bad: a", &[r#"f:6:4: an SLI wants "total"; add `total: ...`"#]);
        check("total: a", &[r#"f:6:4: an SLI wants "bad"; add `bad: ...`"#]);
        check("bad: a\ntotl: a", &[r#"f:7:4: "totl" is not a key of an SLI; write "total""#]);
        check(
            "good: a\nbad: b\ntotal: c",
            &[
                r#"f:6:4: "good", "bad" and "total" are one more than needed; keep two, for the third follows from them"#,
            ],
        );
        check(
            "bad: a\ntotal: a\nunder: 1s",
            &[r#"f:8:4: "under" is not a key of an SLI; its keys are good, bad, total"#],
        );
    }

    #[test]
    fn points_into_a_selector() {
        check(
            "bad: a{x=1}\ntotal: 'b{y'",
            &[
                r#"f:6:13: "bad": the value "1" is not in quotes; write "1""#,
                r#"f:7:15: "total": label "y" has no = != =~ or !~ behind it; write y="...""#,
            ],
        );
        check("bad: |\n  a{\n  x=1}\ntotal: b", &[r#"f:7:6: "bad": the value "1" is not in quotes; write "1""#]);
        check(
            r#"{ bad: a{job="x"}, total: b }"#,
            &[r#"f:6:12: "bad" breaks at "{": inside { } put the selector in single quotes"#],
        );
        check(
            "bad: {job=\"x\"}\ntotal: b",
            &["f:6:9: this selector was read as a YAML mapping; put it in single quotes"],
        );
        check(
            "bad: [a]\ntotal:",
            &[
                r#"f:6:9: "bad" wants a selector, found a list; write one value"#,
                r#"f:7:4: "total" is empty; give it a value or remove it"#,
            ],
        );
        check(
            "bad: 5\ntotal: '{__name__=~\"a.*\"}'",
            &[
                r#"f:6:9: "bad": '5' cannot stand here; write a metric and its matchers, such as up{job="checkout"}"#,
                r#"f:7:13: "total": the selector matches metrics by pattern or exclusion; name one metric, and give each other metric an SLO of its own"#,
            ],
        );
    }

    #[test]
    fn wants_window_in_every_expression() {
        check(
            "bad: a\ntotal: rate(b[5m])",
            &[
                r#"f:7:11: "total" is an expression (it calls rate); write $window where the range is, or give a plain selector"#,
            ],
        );
        check(
            "bad: rate(a[5m])\ntotal: rate(b[5m])\nevery: 5m",
            &[
                r#"f:6:9: "bad" is an expression (it calls rate); write $window where the range is, or give a plain selector"#,
                r#"f:7:11: "total" is an expression (it calls rate); write $window where the range is, or give a plain selector"#,
            ],
        );
        check(
            "bad: increase(a[$window])\ntotal: increase(b[5m])",
            &[
                r#"f:7:11: "total" is an expression (it calls increase); write $window where the range is, or give a plain selector"#,
            ],
        );
        check(
            "bad: increase(a[$window])\ntotal: 1000",
            &[r#"f:7:11: "total" has no $window in it; write $window where the range is"#],
        );
        check(
            "bad: a\ntotal: increase(b[$window])",
            &[
                r#"f:6:9: "bad" is a plain selector beside an expression; write both as expressions, here sum(increase(a[$window]))"#,
            ],
        );
        check(
            "bad: {a: b}\ntotal: increase(b[$window])",
            &["f:6:9: this selector was read as a YAML mapping; put it in single quotes"],
        );
        check(
            "bad: a\ntotal: b\nevery: 5m",
            &[r#"f:8:4: "every" is not a key of an SLI; its keys are good, bad, total"#],
        );
    }

    #[test]
    fn says_what_is_wrong_with_a_value() {
        check("value: max(q)", &[r#"f:6:4: an SLI wants "under"; add `under: ...`"#]);
        check("under: 5\nvlue: q", &[r#"f:7:4: "vlue" is not a key of an SLI; write "value""#]);
        check("value: q\nundr: 1", &[r#"f:7:4: "undr" is not a key of an SLI; write "under""#]);
        check("value: q\novr: 1", &[r#"f:7:4: "ovr" is not a key of an SLI; write "over""#]);
        check("value: q\nunder: 1\nover: 2", &[r#"f:8:4: "under" and "over" are two bounds; keep one"#]);
        check(
            "value: q\nunder: 100W",
            &[
                r#"f:7:11: "100W" is not a plain decimal number; write digits, with a point between them where needed, such as 12 or 0.5"#,
            ],
        );
        check(
            "value: q[5m]\nunder: 1",
            &[r#"f:6:11: "value" gives a range; write what becomes of it, such as sum(increase(q[5m]))"#],
        );
        check("value: max(q\nunder: 1", &[r#"f:6:14: "value": ( is not closed; end it with )"#]);
        check("value: [q]\nunder: 1", &[r#"f:6:11: "value" wants an expression, found a list; write one value"#]);
    }

    #[test]
    fn knows_the_readings_of_its_own() {
        check(
            "value: burnwatch_host_power_wats\nsource: self\nunder: 1",
            &[
                r#"f:6:11: "burnwatch_host_power_wats" is not a reading of burnwatch's own; write burnwatch_host_power_watts"#,
            ],
        );
        check(
            "value: node_load1\nsource: self\nunder: 1",
            &[
                r#"f:6:11: "node_load1" is not a reading of burnwatch's own; its own are burnwatch_host_power_watts, burnwatch_host_power_peak_watts, burnwatch_service_requests_per_watthour, burnwatch_service_energy_joules_per_request, burnwatch_service_carbon_grams_per_request; without source: self, the value is asked of the source"#,
            ],
        );
        check(
            "value: max(burnwatch_host_power_watts)\nsource: self\nunder: 1",
            &[
                r#"f:6:11: "value" is an expression (it calls max), and source: self reads one metric; write a plain selector such as burnwatch_host_power_watts"#,
            ],
        );
        check("value: q\nsource: slef\nunder: 1", &[r#"f:7:12: source "slef" is not known; write self"#]);
    }

    #[test]
    fn says_what_is_wrong_with_a_latency() {
        check("histogram: h_seconds", &[r#"f:6:4: an SLI wants "under"; add `under: ...`"#]);
        check(
            "histogram: h_seconds_bucket\nunder: 1s",
            &["f:6:4: h_seconds_bucket is only the buckets of the histogram; write h_seconds"],
        );
        check(
            "histogram: h_seconds{le='0.2'}\nunder: 1s",
            &[
                r#"f:6:4: the histogram is narrowed to some of its buckets; remove the matcher on le, for "under" names the bucket"#,
            ],
        );
        check(
            "histogram: h\nunder: 1s",
            &[
                r#"f:7:11: threshold 1s is a time, and the histogram's name tells no unit; say what it observes in with "unit": s, ms, us or ns"#,
            ],
        );
        check(
            "histogram: h_seconds\nunder: 1s\nunit: ms",
            &[r#"f:6:4: "unit" says ms, the histogram's name says s; remove "unit""#],
        );
        check(
            "histogram: h_seconds\nunder: .5\nunit: sec",
            &[
                r#"f:7:11: threshold ".5" is neither a number nor a duration nor a size; write a duration such as 200ms, or a number in the metric's own unit"#,
                r#"f:8:10: unit "sec" is not known; write s or ms or us or ns or m or bytes"#,
            ],
        );
    }

    #[test]
    fn says_what_is_wrong_with_a_gauge() {
        check(
            "up: up == 1",
            &[
                r#"f:6:11: "up" is an expression (it uses ==); give a plain selector, such as http_requests_total{job="checkout"}"#,
            ],
        );
        check(
            "up: up\nevery: 0s",
            &[r#"f:7:11: duration "0s" is not above 0; write a duration above 0, such as 30s or 5m"#],
        );
    }
}
