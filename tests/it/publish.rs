//! The daemon's own rule files and dashboards: on a real Prometheus that runs them, that does not, that cannot evaluate
//! them or refuses them; and in directories that nobody can write to.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::live::{evaluate, shop};
use crate::stand::{Daemon, Manner, Prometheus, Receiver, Requests, Service, check_rules, eventually, http};

/// Two looks of ten seconds, and the ticks after them, on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(90);

fn slos(service: &str, objective: &str) -> String {
    format!(
        "service: {service}\nwindow: 1d\nslos:\n  - name: availability\n    objective: {objective}\n    \
         sli: {{ bad: 'http_requests_total{{code=\"500\"}}', total: http_requests_total }}\n"
    )
}

/// Not started yet, with rules in `rules/` beside its configuration, which `prometheus` is told of.
fn writing(prometheus: &Prometheus, slos: &str) -> Daemon {
    let daemon = Daemon::configured(&prometheus.url(), &evaluate(1, 1), slos, Path::new("burnwatch.db"));
    daemon.configure(&format!("rules: {{ dir: rules, reload: '{}/-/reload' }}", prometheus.url()));
    daemon
}

/// As above, but scraping `service`, with other lines for its rules.
fn scraping(service: &Service, slos: &str, lines: &str) -> Daemon {
    let target = format!("{{ url: 'http://{}/metrics', labels: {{ job: shop }} }}", service.instance());
    let source = format!("scrape: {{ every: 1s, targets: [{target}] }}");
    let daemon = Daemon::reading(&source, &evaluate(1, 1), slos, Path::new("burnwatch.db"));
    daemon.configure(lines);
    daemon
}

fn running(prometheus: &Prometheus, daemons: &[&Daemon]) {
    let paths = daemons.iter().map(|daemon| format!("'{}'", daemon.path("rules/*.yaml").display()));
    prometheus.configure(&format!("rule_files: [{}]", paths.collect::<Vec<_>>().join(", ")));
}

/// The value of `burnwatch_rules_healthy`, if it is there.
fn healthy(daemon: &Daemon) -> Option<String> {
    let metrics = daemon.text("/metrics");
    let line = metrics.lines().find_map(|line| line.strip_prefix("burnwatch_rules_healthy "));
    line.map(str::to_string)
}

#[track_caller]
fn wait_healthy(daemon: &Daemon) {
    eventually("its rules are run", SOON, || healthy(daemon), |healthy| healthy.as_deref() == Some("1"));
    let health = daemon.get("/health");
    assert_eq!(health["checks"]["rules"]["status"], "healthy", "{health}");
}

/// The problem of this code, once there is one; the rules are not healthy then, and the daemon goes on.
#[track_caller]
fn wait_problem(daemon: &Daemon, code: &str) -> Value {
    let found = || {
        let problems = daemon.get("/api/v1/problems")["problems"].as_array().unwrap().clone();
        problems.into_iter().find(|problem| problem["code"] == code)
    };
    let problem = eventually(&format!("the problem {code}"), SOON, found, Option::is_some).unwrap();
    assert_eq!(healthy(daemon).as_deref(), Some("0"), "{problem}");
    let (status, health) = daemon.answer("/health");
    assert!(status == 200 && health.contains("\"rules\":{\"status\":\"degraded\""), "{health}");
    problem
}

#[track_caller]
fn check_says(problem: &Value, words: &[&str]) {
    let said = format!("{} {}: {}", problem["file"], problem["what"], problem["remedy"]);
    words.iter().for_each(|word| assert!(said.contains(word), "{word} in {said}"));
}

/// What a directory holds.
fn texts(directory: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let text = |entry: fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap_or_default())
    };
    entries.map(text).collect()
}

#[test]
fn rules_are_written_told_of_and_run_when_they_change_and_only_then() {
    let (prometheus, _service) = shop(1);
    let mut daemon = writing(&prometheus, &slos("shop", "99.9%"));
    running(&prometheus, &[&daemon]);
    daemon.configure("dashboards: { dir: boards, datasource: Mimir }");
    daemon.start();
    wait_healthy(&daemon);
    let rules = daemon.path("rules");
    let first = texts(&rules);
    assert_eq!(first.keys().collect::<Vec<_>>(), ["burnwatch.yaml", "shop.yaml"]);
    assert_eq!(check_rules(&[rules.join("shop.yaml"), rules.join("burnwatch.yaml")]), Ok(()));
    assert!(prometheus.rules().contains(&"BurnwatchDown".to_string()));
    let told = prometheus.reloads();
    assert_eq!(texts(&daemon.path("boards")).len(), 3);
    assert!(texts(&daemon.path("boards"))["slo.json"].contains("Mimir"));

    fs::write(rules.join("theirs.yaml"), "groups: []\n").unwrap();
    assert!(daemon.stop().success());
    daemon.start();
    wait_healthy(&daemon);
    assert_eq!(prometheus.reloads(), told, "nothing changed");

    assert!(daemon.stop().success());
    daemon.declare(&format!("{}---\n{}", slos("shop", "99%"), slos("till", "99%")));
    daemon.start();
    wait_healthy(&daemon);
    assert_eq!(prometheus.reloads(), told + 1.0);
    assert_ne!(texts(&rules)["shop.yaml"], first["shop.yaml"]);
    assert!(texts(&rules).contains_key("till.yaml"));

    // A mistake in a file says nothing about the SLOs that can be read no more.
    assert!(daemon.stop().success());
    let whole = texts(&rules);
    daemon.declare(&format!("{}---\n{}", slos("shop", "99.5%"), slos("till", "99")));
    daemon.start();
    check_says(&wait_problem(&daemon, "rules_kept"), &["an SLO file has an error", "rules stay as they are", "mend"]);
    assert_eq!(texts(&rules), whole);

    assert!(daemon.stop().success());
    daemon.declare(&slos("shop", "99.9%"));
    daemon.start();
    wait_healthy(&daemon);
    assert_eq!(texts(&rules).keys().collect::<Vec<_>>(), ["burnwatch.yaml", "shop.yaml", "theirs.yaml"]);
    assert_eq!(texts(&rules)["shop.yaml"], first["shop.yaml"]);
    assert_eq!(prometheus.reloads(), told + 2.0);
}

/// Every kind of SLI, with what a server may print in another way than it was written.
const KINDS: &str = r#"
service: kinds
slos:
  - { name: good, objective: 99.999%, sli: { good: 'a_total{b!="c",a=~"x|y"}', total: "a_total{a=~'x|y'}" } }
  - { name: both, objective: 0.5, sli: { good: a_total, bad: 'b_total{c="\\d \"q\" é"}' } }
  - name: asked
    objective: 99%
    sli:
      bad: sum by (a, b) (increase(a_total{x="y"}[$window] offset 90s)) - 1e-7 ^ 2
      total: 'topk(3, (rate(a_total[$window]))) * on (job) group_left (x) count without () (max_over_time(b[1h:5m]) > bool -1.50)'
  - { name: value, objective: 99%, sli: { value: 'quantile(.9, -a unless ignoring (b) c @ end()) % 0x1F', over: 1000000000, every: 2m } }
  - { name: scalar, objective: 99%, sli: { value: 'scalar(sum(a)) / 3600 / Inf', under: 1, every: 1h } }
"#;

#[test]
fn a_prometheus_prints_every_rule_so_that_it_is_known_again() {
    let (prometheus, _service) = shop(1);
    let slos = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("slos")).unwrap();
    let slos = slos.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let slos: Vec<String> = slos.chain([KINDS.to_string()]).collect();
    let mut daemon = writing(&prometheus, &slos.join("\n---\n"));
    running(&prometheus, &[&daemon]);
    daemon.start();
    wait_healthy(&daemon);
    let slos = daemon.get("/api/v1/slos?service=kinds&limit=100");
    assert_eq!(slos["slos"].as_array().unwrap().len(), 5, "{slos}");
    assert!(prometheus.rules().len() > 1_000, "{}", prometheus.rules().len());
}

#[test]
fn what_prometheus_does_not_run_or_cannot_evaluate_is_a_problem_of_the_slo() {
    let (prometheus, service) = shop(1);
    service.serve(Requests { total: 10, failed: 1, slow: 0 });
    let twice = "http_requests_total * on (job) http_requests_total";
    let failing = format!(
        "service: till\nwindow: 1d\nslos:\n  - {{ name: twice, objective: 99%, sli: {{ value: '{twice}', under: 5 }} }}\n"
    );
    let mut unknown = writing(&prometheus, &slos("shop", "99.9%"));
    let mut failing = writing(&prometheus, &failing);
    running(&prometheus, &[&failing]);
    unknown.start();
    failing.start();

    let problem = wait_problem(&unknown, "rule_not_loaded");
    check_says(&problem, &["slos/shop.yaml", "does not run", "slo:events:rate30s", "rules/*.yaml in rule_files"]);
    let slo = unknown.slo("shop", "availability");
    assert!(slo["problems"].to_string().contains("rule_not_loaded"), "{slo}");

    let problem = wait_problem(&failing, "rule_failed");
    check_says(&problem, &["slos/shop.yaml", "cannot evaluate slo:events:rate", "many-to-many matching not allowed"]);
    assert_eq!((&problem["slo"], &problem["severity"]), (&"twice".into(), &"error".into()));
}

#[test]
fn what_prometheus_refuses_makes_room_for_what_it_ran_before() {
    let (prometheus, _service) = shop(1);
    let mut daemon = writing(&prometheus, &slos("shop", "99.9%"));
    running(&prometheus, &[&daemon]);
    daemon.start();
    wait_healthy(&daemon);
    let (files, run) = (texts(&daemon.path("rules")), prometheus.rules());

    assert!(daemon.stop().success());
    // A function that this Prometheus has only with a feature flag, or not yet.
    let refused = "service: till\nslos:\n  - { name: open, objective: 99%, sli: { value: 'mad_over_time(shop_open[1m])', under: 5 } }\n";
    daemon.declare(&format!("{}---\n{refused}", slos("shop", "99.5%")));
    daemon.start();
    let problem = wait_problem(&daemon, "rules_refused");
    check_says(&problem, &["the former ones are back", "500", "its log says which file is wrong"]);
    assert_eq!(texts(&daemon.path("rules")), files);
    assert_eq!(prometheus.rules(), run);
    assert_eq!(prometheus.number("prometheus_config_last_reload_successful"), None, "it does not scrape itself");

    assert!(daemon.stop().success());
    daemon.declare(&slos("shop", "99.5%"));
    daemon.start();
    wait_healthy(&daemon);
    assert_ne!(texts(&daemon.path("rules")), files);
}

#[test]
fn files_that_cannot_be_written_or_told_of_are_one_problem_and_the_daemon_goes_on() {
    let service = Service::start();
    let good = slos("shop", "99.9%");
    let receiver = Receiver::start(&[]);
    let told = format!("reload: '{}'", receiver.url());

    // A file where the directory should be keeps even root from writing.
    let mut taken = scraping(&service, &good, &format!("rules: {{ dir: taken/rules, {told} }}"));
    taken.write("taken", "");
    taken.start();
    let mut boards = scraping(&service, &good, "dashboards: { dir: taken }");
    boards.write("taken", "");
    boards.start();
    let mut colliding = scraping(&service, &format!("{good}---\n{}", slos("Shop", "99%")), "rules: { dir: rules }");
    colliding.start();
    let mut foreign = scraping(&service, &good, "rules: { dir: rules }");
    fs::create_dir(foreign.path("rules")).unwrap();
    foreign.write("rules/shop.yaml", "groups: []\n");
    foreign.start();
    let nobody = format!("rules: {{ dir: rules, reload: 'http://127.0.0.1:{}/hook' }}", http::free_port());
    let mut untold = scraping(&service, &good, &nobody);
    untold.start();
    let disabled = Receiver::start(&[Manner::Answer(403); 1_000]);
    let mut forbidden = scraping(&service, &good, &format!("rules: {{ dir: rules, reload: '{}' }}", disabled.url()));
    forbidden.start();
    // The second refusal is of the former files: then it is not for the new ones.
    let broken = Receiver::start(&[Manner::Answer(500); 2]);
    let mut refused = scraping(&service, &good, &format!("rules: {{ dir: rules, reload: '{}' }}", broken.url()));
    refused.start();

    let problem = wait_problem(&taken, "unwritable_file");
    check_says(&problem, &["taken/rules/burnwatch.yaml", "cannot be written: Not a directory", "may write to"]);
    let problem = wait_problem(&colliding, "colliding_names");
    check_says(&problem, &["the rule files of Shop and shop would both be shop.yaml", "another name"]);
    assert!(!colliding.path("rules").exists());
    let problem = wait_problem(&foreign, "unwritable_file");
    check_says(&problem, &["rules/shop.yaml", "was not made by burnwatch", "move it away"]);
    assert_eq!(texts(&foreign.path("rules")).len(), 1);
    let problem = wait_problem(&untold, "reload_failed");
    check_says(&problem, &["not loaded", "refused the connection", "check that it is running"]);
    assert_eq!(texts(&untold.path("rules")).len(), 2);
    let problem = wait_problem(&forbidden, "reload_failed");
    check_says(&problem, &["403", "--web.enable-lifecycle"]);
    let problem = wait_problem(&refused, "rules_refused");
    check_says(&problem, &["nor the former ones, which are back", "500"]);
    assert_eq!(texts(&refused.path("rules")).len(), 0, "there were none before");

    let problems = || boards.get("/api/v1/problems").to_string();
    eventually("the dashboards' problem", SOON, problems, |problems| problems.contains("taken/energy.json"));
    assert_eq!(healthy(&boards), None, "no rules are written");

    for daemon in [&taken, &colliding, &foreign, &untold, &forbidden, &refused] {
        eventually(
            "it counts",
            SOON,
            || daemon.slo("shop", "availability")["state"].clone(),
            |state| state != "no_data",
        );
    }
    assert_eq!(receiver.posts().len(), 0);
    fs::remove_file(taken.path("taken")).unwrap();
    wait_healthy(&taken);
    assert_eq!(texts(&taken.path("taken/rules")).len(), 2);
    assert_eq!(receiver.posts().len(), 1, "told once, when there was something to tell");
}
