//! `burnwatch generate` as people and pipelines run it, and Prometheus' own tool on what it writes.

mod agreement;
mod instants;
mod live;
mod random;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::stand::{check_rules, test_rules};

/// The root of the repository: `slos/` and, made of it, `rules/`.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The exit code, and what was printed on stdout and stderr.
fn generate(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_burnwatch"));
    let output = command.arg("generate").args(arguments).current_dir(directory).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Every file below a directory, in order.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        match path.is_dir() {
            true => files.extend(self::files(&path)),
            false => files.push(path),
        }
    }
    files.sort();
    files
}

/// The rule files and the tests among what was generated into a directory.
fn rules_and_tests(directory: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    files(directory).into_iter().partition(|path| path.parent() == Some(directory))
}

/// A directory with `slos/` of these texts.
fn declared(texts: &[&str]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("slos")).unwrap();
    for (index, text) in texts.iter().enumerate() {
        fs::write(directory.path().join(format!("slos/{index}.yaml")), text).unwrap();
    }
    directory
}

fn service(name: &str) -> String {
    format!("service: {name}\nslos:\n  - {{ name: up, objective: 99%, sli: {{ up: up }} }}\n")
}

/// `BLESS=1` writes them anew.
#[test]
fn the_committed_rules_and_dashboards_are_what_is_generated() {
    if std::env::var_os("BLESS").is_some() {
        assert_eq!(generate(Path::new(ROOT), &["--quiet"]).0, 0);
    }
    let (code, stale, _) = generate(Path::new(ROOT), &["--check"]);
    assert_eq!((code, stale.as_str()), (0, ""), "BLESS=1 cargo test --test it committed writes them anew");
}

#[test]
fn generated_dashboards_ask_the_data_source_that_is_configured() {
    let directory = tempfile::tempdir().unwrap();
    let sources = |expected: &str| {
        let (code, dashboards, said) = generate(directory.path(), &["dashboards", "--out", "-"]);
        assert_eq!(code, 0, "{said}");
        dashboards.contains(&format!("\"value\": \"{expected}\""))
    };
    assert!(sources("Prometheus"));
    fs::write(directory.path().join("burnwatch.yaml"), "dashboards: { dir: d, datasource: Mimir }\n").unwrap();
    assert!(sources("Mimir") && !sources("Prometheus"));
}

#[test]
fn promtool_takes_the_rules_of_slos_and_their_tests_pass() {
    let (rules, tests) = rules_and_tests(&Path::new(ROOT).join("rules"));
    assert_eq!((rules.len(), tests.len()), (4, 6));
    assert_eq!(check_rules(&rules), Ok(()));
    assert_eq!(test_rules(&tests), Ok(()));
}

#[test]
fn both_styles_are_taken_by_promtool() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().to_str().unwrap();
    assert_eq!(generate(Path::new(ROOT), &["rules", "--style", "exporter", "--out", path]).0, 0);
    assert_eq!(check_rules(&files(out.path())), Ok(()));
    let text = fs::read_to_string(out.path().join("lukhas.yaml")).unwrap();
    assert!(
        text.contains(r#"expr: "max(burnwatch_alert_active{"#) || text.contains("expr: max(burnwatch_alert_active{")
    );
    assert!(!text.contains("record:"), "the daemon computes");
}

#[test]
fn the_operator_gets_the_same_groups_as_a_resource() {
    let directory = declared(&[&service("My_Shop")]);
    let read = |format: &str| -> Value {
        let (code, text, _) = generate(directory.path(), &["rules", "--format", format, "--out", "-"]);
        assert_eq!(code, 0);
        let shop = text.split("---\n").find(|text| text.contains("My_Shop-up-fast")).unwrap();
        serde_yaml::from_str(shop).unwrap()
    };
    let (plain, resource) = (read("prometheus"), read("operator"));
    assert_eq!(resource["apiVersion"], "monitoring.coreos.com/v1");
    assert_eq!(resource["kind"], "PrometheusRule");
    assert_eq!(resource["metadata"]["name"], "slo-my-shop");
    assert_eq!(resource["spec"], plain);
}

#[test]
fn check_says_what_is_missing_stale_or_left_and_writes_nothing() {
    let directory = declared(&[&service("a"), &service("b")]);
    let (code, said, _) = generate(directory.path(), &["rules", "--check"]);
    assert_eq!((code, said.as_str()), (1, "rules/a.yaml is missing\nrules/b.yaml is missing\n"));
    assert!(!directory.path().join("rules").exists());

    assert_eq!(generate(directory.path(), &["rules"]).0, 0);
    assert_eq!(generate(directory.path(), &["rules", "--check"]).0, 0);
    fs::write(directory.path().join("slos/0.yaml"), service("a").replace("99%", "99.9%")).unwrap();
    fs::remove_file(directory.path().join("slos/1.yaml")).unwrap();
    let (code, said, _) = generate(directory.path(), &["rules", "--check"]);
    assert_eq!((code, said.as_str()), (1, "rules/a.yaml is stale\nrules/b.yaml is of no SLO any more\n"));

    assert_eq!(generate(directory.path(), &["rules", "slos/0.yaml"]).0, 0);
    assert!(directory.path().join("rules/b.yaml").exists(), "of some SLOs only theirs are written");
    assert_eq!(generate(directory.path(), &["rules"]).0, 0);
    assert!(!directory.path().join("rules/b.yaml").exists());
}

#[test]
fn the_same_files_give_the_same_bytes_in_whatever_order_they_are_named() {
    let directory = declared(&[&service("b"), &service("a")]);
    let (_, first, _) = generate(directory.path(), &["--out", "-", "slos/0.yaml", "slos/1.yaml"]);
    let (_, second, _) = generate(directory.path(), &["--out", "-", "slos/1.yaml", "slos/0.yaml"]);
    assert!(first.contains("groups:"));
    assert_eq!(first, second);
}

#[test]
fn names_that_would_be_one_file_are_an_error_and_nothing_is_written() {
    let directory = declared(&[&service("shop.a"), &service("Shop-A")]);
    assert_eq!(generate(directory.path(), &["rules", "--out", "-"]).0, 0);
    let (code, _, said) = generate(directory.path(), &["rules", "--format", "operator"]);
    assert_eq!(code, 2);
    let expected = "slos/0.yaml:3:7: error: the rule files of Shop-A and shop.a would both be shop-a.yaml; give one of the services another name";
    assert!(said.contains(expected), "{said}");
    assert!(!directory.path().join("rules").exists());
}

#[test]
fn a_directory_that_cannot_be_written_and_a_file_of_somebody_else_stay_as_they_are() {
    let directory = declared(&[&service("a")]);
    fs::write(directory.path().join("taken"), "").unwrap();
    let (code, _, said) = generate(directory.path(), &["rules", "--out", "taken"]);
    assert_eq!(code, 2);
    assert!(said.contains("taken/a.yaml: cannot be written: Not a directory"), "{said}");

    fs::create_dir(directory.path().join("rules")).unwrap();
    fs::write(directory.path().join("rules/a.yaml"), "groups: []\n").unwrap();
    let (code, _, said) = generate(directory.path(), &["rules"]);
    assert_eq!(code, 2);
    assert!(said.contains("rules/a.yaml: exists and was not made by burnwatch; move it away"), "{said}");
    assert_eq!(files(&directory.path().join("rules")).len(), 1);
}

#[test]
fn where_one_file_cannot_be_written_the_old_ones_stay_whole() {
    let directory = declared(&[&service("a"), &service("b")]);
    let rules = directory.path().join("rules");
    assert_eq!(generate(directory.path(), &["rules", "slos/0.yaml"]).0, 0);
    let old = fs::read_to_string(rules.join("a.yaml")).unwrap();
    fs::write(directory.path().join("slos/0.yaml"), service("a").replace("99%", "99.9%")).unwrap();
    fs::create_dir(rules.join(".b.yaml.new")).unwrap();
    let (code, _, said) = generate(directory.path(), &["rules"]);
    assert_eq!(code, 2);
    assert!(said.contains("rules/b.yaml: cannot be written: Is a directory"), "{said}");
    assert_eq!(fs::read_to_string(rules.join("a.yaml")).unwrap(), old);
    assert!(!rules.join(".a.yaml.new").exists(), "nothing is left beside it");
    assert_eq!(generate(directory.path(), &["rules", "--check"]).0, 1);
    fs::create_dir(rules.join("b.yaml")).unwrap();
    let (code, _, said) = generate(directory.path(), &["rules", "--check"]);
    assert!(code == 2 && said.contains("rules/b.yaml: cannot be written: Is a directory"), "{code}: {said}");
}

#[test]
fn an_slo_with_a_mistake_keeps_everything_from_being_generated() {
    let directory = declared(&[&service("a"), &service("b").replace("99%", "99")]);
    let (code, _, said) = generate(directory.path(), &["rules"]);
    assert_eq!(code, 2);
    assert!(said.contains("nothing is generated") && said.contains("objective 99 is above 1"), "{said}");
    assert!(!directory.path().join("rules").exists());
}

#[test]
fn tests_are_written_only_of_rules_that_promtool_can_test() {
    let directory = declared(&[&service("a")]);
    for (flags, rules) in [(["--style", "exporter"], 2), (["--format", "operator"], 1)] {
        let (code, _, said) = generate(directory.path(), &[&["tests"][..], &flags].concat());
        assert!(code == 2 && said.contains("there are tests of standalone rules"), "{said}");
        assert_eq!(generate(directory.path(), &[&["--out", flags[1]][..], &flags].concat()).0, 0);
        assert_eq!(files(&directory.path().join(flags[1]).join("rules")).len(), rules, "rules only");
    }
}

#[test]
fn a_daemon_is_missed_only_where_some_rule_needs_one() {
    let own = "service: host\nslos:\n  - { name: power, objective: 99%, sli: { value: burnwatch_host_power_watts, source: self, under: 100 } }\n";
    let missed = |slos: &str, style: &str| {
        let directory = declared(&[slos]);
        let (code, text, said) = generate(directory.path(), &["rules", "--style", style, "--out", "-"]);
        assert_eq!(code, 0, "{said}");
        assert!(text.contains("inhibit_rules"), "whoever reads a rule file finds what Alertmanager wants: {text}");
        text.contains("BurnwatchDown")
    };
    assert!(!missed(&service("a"), "standalone"), "Prometheus computes it all by itself");
    assert!(missed(&service("a"), "exporter"));
    assert!(missed(own, "standalone"), "only burnwatch measures it");
}

#[test]
fn texts_that_look_like_templates_arrive_as_they_were_written() {
    let slos = "service: shop
slos:
  - name: up
    description: 'up, {{ .Nobody }} and {{{'
    objective: 99%
    labels: { team: '{{ nobody }}' }
    sli: { up: up }
    alerts: { ticket: { labels: { route: '{{' }, annotations: { hint: 'see {{ $value }}', summary: '{{ end }}' } } }
";
    let test = r#"
rule_files: [rules/shop.yaml]
evaluation_interval: 1m
tests:
- interval: 1m
  input_series: []
  alert_rule_test:
  - eval_time: 4m
    alertname: SLONoData
    exp_alerts:
    - exp_labels: { service: shop, slo: up, severity: ticket, team: '{{ nobody }}', route: '{{' }
      exp_annotations:
        summary: '{{ end }}'
        description: 'up, {{ .Nobody }} and {{{; 99% over 30d: nothing was measured for 10m'
        hint: 'see {{ $value }}'
"#;
    let directory = declared(&[slos]);
    assert_eq!(generate(directory.path(), &["rules"]).0, 0);
    assert_eq!(check_rules(&[directory.path().join("rules/shop.yaml")]), Ok(()));
    fs::write(directory.path().join("templates.yaml"), test).unwrap();
    assert_eq!(test_rules(&[directory.path().join("templates.yaml")]), Ok(()));
}
