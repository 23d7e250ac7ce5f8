//! What people declare: the files in `slos/`, the messages the manual promises, and files that went wrong in every way
//! an editor can make them.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use burnwatch::io::files::{self, Text};
use burnwatch::slos::{self, Slo};
use burnwatch::units::{Problem, Severity};

/// The files in `slos/`.
fn declared() -> Vec<Text> {
    let (texts, problems) = files::texts(&["slos"], Path::new(env!("CARGO_MANIFEST_DIR")));
    assert_eq!((texts.len() >= 4, problems), (true, vec![]));
    texts
}

/// The SLOs of one file in `slos/`, which has no problems.
fn slos(file: &str) -> Vec<Slo> {
    let text = declared().into_iter().find(|text| text.name.ends_with(file)).expect(file);
    slos::read(file, &text.text).0
}

/// An SLO on one line.
fn line(slo: &Slo) -> String {
    format!("{} {} {}", slo.id.slo, slo.objective, slo.sli.fingerprint())
}

#[test]
fn the_files_in_slos_have_no_problems() {
    let mut all = Vec::new();
    for Text { name, text } in declared() {
        let (slos, problems) = slos::read(&name, &text);
        assert_eq!(problems, [], "{name}");
        all.extend(slos);
    }
    let (once, repeated) = slos::unique(all);
    assert_eq!((once.len(), repeated), (34 + 13 + 4 + 18, vec![]));
}

#[test]
fn the_table_of_cortex_says_what_its_performance_sheet_says() {
    let sheet: [(&str, [&str; 3], &str); 8] = [
        ("get-health", ["0.005", "0.01", "0.02"], "99.99%"),
        ("get-health-ready", ["0.01", "0.02", "0.05"], "99.9%"),
        ("get-health-live", ["0.002", "0.005", "0.01"], "99.99%"),
        ("post-embed-multimodal", ["0.1", "0.2", "0.5"], "99.5%"),
        ("post-agents-plan-cot", ["0.5", "2", "5"], "99%"),
        ("post-agents-plan-tot", ["2", "10", "20"], "99%"),
        ("post-agents-reflect", ["0.2", "0.5", "1"], "99.5%"),
        ("get-metrics", ["0.02", "0.05", "0.1"], "99.99%"),
    ];
    let slos = slos("cortex.yaml");
    let find = |name: String| slos.iter().find(|slo| *slo.id.slo == *name).map(line).expect(&name);
    for (name, thresholds, objective) in sheet {
        for ((cell, percent), under) in [("p50", "50%"), ("p95", "95%"), ("p99", "99%")].iter().zip(thresholds) {
            let line = find(format!("{name}-{cell}"));
            assert!(line.starts_with(&format!("{name}-{cell} {percent} latency histogram=")), "{line}");
            assert!(line.ends_with(&format!(" under={under}")), "{line}");
        }
        let line = find(format!("{name}-errors"));
        assert!(line.starts_with(&format!("{name}-errors {objective} events bad=http_requests_total{{")), "{line}");
    }
    let counted = r#"job="cortex",method="POST",mode="cot",path="/agents/plan"}"#;
    assert_eq!(
        find("post-agents-plan-cot-p95".into()),
        format!("post-agents-plan-cot-p95 95% latency histogram=http_request_duration_seconds{{{counted} under=2"),
    );
    assert_eq!(
        find("post-agents-plan-cot-errors".into()),
        format!(
            "post-agents-plan-cot-errors 99% events bad=http_requests_total{{code=~\"5..\",{counted} \
             total=http_requests_total{{{counted}"
        ),
    );
    assert!(find("health-uptime".into()).starts_with("health-uptime 99.99% gauge "));
    assert!(find("uptime".into()).starts_with("uptime 99.9% gauge "));
}

#[test]
fn burnwatch_watches_its_own_endpoints_by_path_alone() {
    let lines: Vec<String> = slos("burnwatch.yaml").iter().map(line).collect();
    let histogram = r#"burnwatch_http_request_duration_seconds{job="burnwatch",path="/api/v1/slos/{service}/{slo}"}"#;
    assert!(lines.contains(&format!("api-slo-p95 95% latency histogram={histogram} under=0.05")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("health-live-p95 95% ") && line.ends_with("under=0.005")));
}

#[test]
fn every_file_of_targets_says_all_of_them() {
    let names = |file: &str| slos(file).iter().map(|slo| format!("{} {}", slo.id.slo, slo.objective)).collect();
    let lukhas: Vec<String> = names("lukhas.yaml");
    assert_eq!(
        lukhas,
        [
            "identity-resolution 99.9%",
            "identity-resolution-p95 95%",
            "adapter-list 99.5%",
            "adapter-list-p95 95%",
            "context-handoff-p95 95%",
            "gateway 99.95%",
            "gateway-p95 95%",
            "processing 95%",
            "processing-p95 95%",
            "openai-p95 95%",
            "memory-fold-create-p95 95%",
            "memory-fold-retrieve-p95 95%",
            "cascade-prevention 99.7%",
        ]
    );
    let host: Vec<String> = slos("host.yaml").iter().map(line).collect();
    assert_eq!(
        host,
        [
            "power 95% own value=burnwatch_host_power_watts under=100 every=1m",
            "peak-power 99.9% own value=burnwatch_host_power_peak_watts under=200 every=1m",
            "efficiency 95% own value=burnwatch_service_requests_per_watthour over=10 every=1m",
            "carbon 95% own value=burnwatch_service_carbon_grams_per_request under=0.1 every=1m",
        ]
    );
}

/// What is wrong with a file of one SLO with the lines `sli` under its key `sli`, which begins on line 5.
fn told(sli: &str) -> Vec<String> {
    let text =
        format!("service: s\nslos:\n  - name: a\n    objective: 99%\n    sli: {}\n", sli.replace('\n', "\n      "));
    slos::read("f", &text).1.iter().map(ToString::to_string).collect()
}

#[test]
fn the_messages_of_the_manual_read_as_it_promises() {
    let promises = [
        (
            "\nbad: http_requests_total{code=~\"5..\"}\ntotal: rate(http_requests_total[5m])",
            "f:7:14: \"total\" is an expression (it calls rate); write $window where the range is, or give a plain selector",
        ),
        (
            r#"{ bad: up{job="x"}, total: up }"#,
            "f:5:19: \"bad\" breaks at \"{\": inside { } put the selector in single quotes",
        ),
        ("\nbad: {job=\"x\"}\ntotal: up", "f:6:12: this selector was read as a YAML mapping; put it in single quotes"),
        (
            "\nhistogram: d_seconds\nunder: 1s\ntotal: up",
            "f:8:7: \"histogram\" (latency) and \"total\" (events) are two kinds; keep one",
        ),
        (
            "\nbad: 'up{code=\"500\" or code=\"503\"}'\ntotal: up",
            "f:6:27: \"bad\": `or` between matchers is not PromQL; join the values in one pattern, such as code=~\"500|503\"",
        ),
        ("\nup: up\nevry: 1m", "f:7:7: \"evry\" is not a key of an SLI; write \"every\""),
        ("\nup: up\nup: up", "f:7:7: \"up\" stands twice, first at line 6; keep one"),
        (
            "\nhistogram: d_seconds\nunder: 1sec",
            "f:7:14: \"1sec\" is not a duration; write numbers with units, largest first, such as 250ms, 2s, 5m, 1h30m or 30d",
        ),
    ];
    for (sli, promise) in promises {
        assert_eq!(told(sli), [promise], "{sli}");
    }
    let objective = "service: s\nslos:\n  - name: a\n    objective: 99.9\n    sli: { up: up }\n";
    let (_, problems) = slos::read("slos/checkout.yaml", objective);
    assert_eq!(problems[0].to_string(), "slos/checkout.yaml:4:16: objective 99.9 is above 1; write 99.9% or 0.999",);
}

/// A sequence of numbers that is the same in each run: splitmix64.
struct Dice(u64);

impl Dice {
    /// A number below `sides`.
    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }

    /// `text` after one slip of an editor.
    fn slip(&mut self, text: &str) -> String {
        let mut letters: Vec<char> = text.chars().collect();
        let mut lines: Vec<&str> = text.lines().collect();
        let (at, one, other) = (self.throw(letters.len()), self.throw(lines.len()), self.throw(lines.len()));
        let letter = SIGNS.chars().nth(self.throw(SIGNS.chars().count())).expect("within the signs");
        let indented = format!("  {}", lines[one]);
        match self.throw(6) {
            0 => drop(letters.remove(at)),
            1 => letters.insert(at, letter),
            2 => letters[at] = letter,
            3 => {
                lines.swap(one, other);
                return lines.join("\n");
            }
            4 => {
                lines.remove(one);
                return lines.join("\n");
            }
            _ => {
                lines[one] = &indented;
                return lines.join("\n");
            }
        }
        letters.into_iter().collect()
    }
}

/// What slips into files: the signs of YAML and PromQL, and some that belong to neither.
const SIGNS: &str = "{}[]()\"'`:,.-#&*!|>%@$=~\\/ \t\n09aZé\u{0}\u{feff}";

/// Whether each problem stands on the line that it shows.
fn check_places(text: &str, problems: &[Problem]) {
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').split('\n').collect();
    for problem in problems {
        let place = problem.place.as_ref().expect("a place");
        assert!(place.line > 0, "{problem}\n{text}");
        let shown = lines.get(place.line as usize - 1).copied().unwrap_or_default();
        assert_eq!(shown, &*place.text, "{problem}\n{text}");
        assert!(place.column > 0 && place.column as usize <= shown.chars().count() + 1, "{problem}\n{text}");
    }
}

#[test]
fn three_hundred_mutated_copies_are_read_without_a_panic_and_every_error_has_its_line() {
    let (texts, mut dice, mut refused) = (declared(), Dice(1), 0);
    for _ in 0..300 {
        let mut text = texts[dice.throw(texts.len())].text.clone();
        for _ in 0..=dice.throw(4) {
            text = dice.slip(&text);
        }
        let (_, problems) = slos::read("f", &text);
        check_places(&text, &problems);
        refused += usize::from(!problems.is_empty());
    }
    assert!(refused > 150, "most mutations are mistakes, only {refused} of 300 were refused");
}

/// `line` with a mistake in it; `None` where this kind of mistake cannot be made there.
fn mistaken(line: &str) -> Option<String> {
    let (key, mistake) =
        [("objective: ", "objective: 1"), ("p95: ", "p95: x")].into_iter().find(|(key, _)| line.contains(key))?;
    (!line.trim_start().starts_with('#')).then(|| line.replacen(key, mistake, 1))
}

#[test]
fn no_mistake_hides_another() {
    for Text { name, text } in declared() {
        let lines: Vec<&str> = text.lines().collect();
        let sites: Vec<usize> = (0..lines.len()).filter(|site| mistaken(lines[*site]).is_some()).collect();
        assert!(sites.len() > 3, "{name}");
        for one in &sites {
            for other in sites.iter().filter(|other| other > &one) {
                let mut lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
                for site in [*one, *other] {
                    lines[site] = mistaken(&lines[site]).expect("a site");
                }
                let text = lines.join("\n");
                let (_, problems) = slos::read(&name, &text);
                check_places(&text, &problems);
                let told: Vec<usize> =
                    problems.iter().filter_map(|problem| Some(problem.place.as_ref()?.line as usize - 1)).collect();
                assert_eq!(told, [*one, *other], "{problems:#?}");
            }
        }
    }
}

#[test]
fn ten_thousand_slos_are_read_and_their_mistakes_told_as_far_as_somebody_reads() {
    let mut text = String::from("service: s\nslos:\n");
    for index in 0..10_000 {
        let objective = if index % 2 == 0 { "99%" } else { "99" };
        let _ = writeln!(
            text,
            "- {{name: s{index}, objective: {objective}, sli: {{bad: 'a{{b=\"{index}\"}}', total: a}}}}"
        );
    }
    let (read, problems) = slos::read("f", &text);
    assert_eq!((read.len(), problems.len()), (5_000, 201));
    assert_eq!(read.iter().map(|slo| &slo.id).collect::<BTreeSet<_>>().len(), 5_000);
    let last = problems.last().expect("problems");
    assert_eq!(last.to_string(), "f:404:27: 4800 more problems of this file are not told; mend those before first");
    assert_eq!(last.severity, Severity::Error);
}
