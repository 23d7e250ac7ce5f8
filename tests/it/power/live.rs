//! The program on a tree that is rewritten while it runs: what it exposes, answers, prints and tells.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::live::{SOON, evaluate};
use crate::power::tree::{RANGE, Tree};
use crate::stand::{Daemon, Receiver, check_metrics, eventually, http};

const SLOS: &str = "
service: shop
slos:
  - { name: availability, objective: 99.9%, sli: { bad: 'r{code=\"500\"}', total: r } }
";

/// A minute ends within one, and its notice is told a tick later.
const MINUTE: Duration = Duration::from_secs(100);

/// Lines of a table that is printed ten times a second: some 20 s of it.
const MANY: usize = 1_000;

const JOULE: u64 = 1_000_000;

/// A daemon whose only target is not there; it is about the host.
fn daemon(lines: &str) -> Daemon {
    let nobody = http::free_port();
    let source = format!("scrape: {{ every: 1s, targets: [{{ url: 'http://127.0.0.1:{nobody}/metrics' }}] }}");
    let mut daemon = Daemon::reading(&source, &evaluate(1, 1), SLOS, Path::new("burnwatch.db"));
    daemon.configure(lines);
    daemon.start();
    daemon
}

/// The value of a series in an exposition; `None` where it is absent.
fn value(exposition: &str, series: &str) -> Option<f64> {
    exposition.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

const PACKAGE: &str = "burnwatch_host_energy_joules_total{component=\"package\",socket=\"0\"}";
const DRAM: &str = "burnwatch_host_energy_joules_total{component=\"dram\",socket=\"0\"}";
const UP: &str = "burnwatch_meter_up{meter=\"rapl\"}";
const WRAPS: &str = "burnwatch_meter_wraps_total{meter=\"rapl\"}";

#[test]
fn a_tree_that_is_rewritten_is_counted_to_the_joule_and_what_is_missing_is_absent() {
    let tree = Tree::with(&[
        ("intel-rapl:0", "psys"),
        ("intel-rapl:a", "package-0"),
        ("intel-rapl:a:0", "dram"),
        ("intel-rapl:a:1", "core"),
        ("intel-rapl-mmio:0", "package-0"),
    ]);
    tree.say("intel-rapl:a", RANGE - 20 * JOULE);
    let daemon = daemon(&tree.section(""));
    let until = |series: &str, expected: Option<f64>| {
        let look = || value(&daemon.text("/metrics/energy"), series);
        eventually(&format!("{series} is {expected:?}"), SOON, look, |value| *value == expected);
    };
    until(PACKAGE, Some(0.0));
    // The counter is read ten times a second, so that it is seen before it is changed.
    tree.say("intel-rapl:a", 30 * JOULE);
    tree.say("intel-rapl-mmio:0", 50 * JOULE);
    for (id, joules) in [("intel-rapl:a:0", 5), ("intel-rapl:a:1", 40), ("intel-rapl:0", 90)] {
        tree.say(id, joules * JOULE);
    }
    until(PACKAGE, Some(50.0));
    until(DRAM, Some(5.0));
    until(WRAPS, Some(1.0));
    until("burnwatch_host_subdomain_energy_joules_total{domain=\"core\",socket=\"0\"}", Some(40.0));
    until("burnwatch_platform_energy_joules_total{meter=\"psys\"}", Some(90.0));
    until(UP, Some(1.0));
    for path in ["/metrics", "/metrics/energy"] {
        let text = daemon.text(path);
        assert_eq!(check_metrics(&text), Ok(()), "{path}");
        assert_eq!(value(&text, PACKAGE), Some(50.0), "{path}");
    }
    assert!(!daemon.text("/metrics/energy").contains("burnwatch_slo"));
    let energy = daemon.get("/api/v1/energy");
    assert_eq!(energy["meters"][0], json!({"meter": "rapl", "up": true, "method": "counter", "reason": null}));
    assert_eq!((&energy["power"]["basis"], &energy["power"]["mean_watts"]), (&json!("components"), &Value::Null));
    assert_eq!((&energy["since_installation"]["joules"], &energy["services"]), (&Value::Null, &json!([])));

    // Gone, it is absent and null, and a problem; back, it is counted on.
    tree.remove("intel-rapl:a", "energy_uj");
    tree.remove("intel-rapl-mmio:0", "energy_uj");
    until(PACKAGE, None);
    until("burnwatch_host_power_watts", None);
    let power = || daemon.get("/api/v1/energy")["power"].clone();
    eventually("no watts are told", SOON, power, |power| power["now_watts"].is_null() && power["basis"].is_null());
    let check = || daemon.get("/health")["checks"]["power"]["status"].clone();
    eventually("the check says so", SOON, check, |status| status == "degraded");
    let problems = daemon.get("/api/v1/problems").to_string();
    assert!(problems.contains("intel-rapl:a/energy_uj: no such file or directory"), "{problems}");
    assert_eq!(check_metrics(&daemon.text("/metrics/energy")), Ok(()));
    tree.say("intel-rapl:a", 37 * JOULE);
    until(PACKAGE, Some(57.0));
    eventually("the check is well again", SOON, check, |status| status == "healthy");
}

#[test]
fn a_host_without_meters_starts_and_shows_no_watts_but_what_is_missing() {
    let tree = Tree::bare();
    let asked = daemon(&tree.section(", meters: [rapl]"));
    let text = asked.text("/metrics");
    assert_eq!(value(&text, UP), Some(0.0), "{text}");
    assert!(!text.contains("watts") && !text.contains("_joules"), "{text}");
    assert_eq!(check_metrics(&text), Ok(()));
    let status = || asked.get("/health")["checks"]["power"]["status"].clone();
    eventually("the check says so", SOON, status, |status| status == "degraded");
    let energy = asked.get("/api/v1/energy");
    assert!(energy["power"].as_object().unwrap().values().all(Value::is_null), "{energy}");
    let reason = energy["meters"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("class/powercap: no such file") && reason.contains("power.sysfs"), "{reason}");
    let (code, said) = asked.command(&["power"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the power of this host is not known\nrapl: ") && said.contains("intel_rapl_msr"), "{said}");
}

#[test]
fn power_above_its_limit_is_told_once_with_the_host_it_is_about() {
    let tree = Tree::with(&[("intel-rapl:0", "package-0")]);
    let (receiver, is_done, began) = (Receiver::start(&[]), AtomicBool::new(false), Instant::now());
    let hook = format!("notify: [{{ name: hook, webhook: {{ url: '{}' }}, only: [power_above] }}]", receiver.url());
    let daemon = daemon(&format!("{}\n{hook}", tree.section(", warn_above: 150W")));
    thread::scope(|scope| {
        scope.spawn(|| {
            // 200 W. It ends by itself, for nobody would end it where the test fails.
            while !is_done.load(Ordering::Relaxed) && began.elapsed() < MINUTE * 2 {
                tree.say("intel-rapl:0", began.elapsed().as_millis() as u64 * 200_000);
                thread::sleep(Duration::from_millis(50));
            }
        });
        let told = eventually("it is told", MINUTE, || receiver.accepted(), |told| !told.is_empty());
        let metrics = daemon.text("/metrics");
        is_done.store(true, Ordering::Relaxed);
        assert_eq!(
            (&told[0]["kind"], &told[0]["service"], &told[0]["slo"]),
            (&json!("power_above"), &Value::Null, &Value::Null)
        );
        assert_eq!((&told[0]["labels"]["host"], &told[0]["power"]["state"]), (&json!("testhost"), &json!("above")));
        assert!(told[0].get("budget").is_none() && told[0].get("burn").is_none(), "{}", told[0]);
        let mean = told[0]["power"]["mean_watts"].as_f64().unwrap();
        assert!((150.0..250.0).contains(&mean), "{}", told[0]);
        assert_eq!(value(&metrics, "burnwatch_host_power_watts").map(|watts| watts.round()), Some(mean.round()));
        assert!(value(&metrics, "burnwatch_host_power_peak_watts").is_some_and(|peak| peak >= mean), "{metrics}");
        assert_eq!(told.len(), 1);
    });
}

/// `burnwatch` as a user whom the permissions of files bind, be this test run by root.
fn bound(arguments: &[&str], config: &Path) -> Command {
    let program = env!("CARGO_BIN_EXE_burnwatch");
    let is_root = fs::read_to_string("/proc/self/status").unwrap().contains("\nUid:\t0\t");
    let mut command = Command::new(if is_root { "setpriv" } else { program });
    if is_root {
        command.args(["--bounding-set", "-dac_override,-dac_read_search", program]);
    }
    command.args(arguments).arg("--config").arg(config);
    command
}

#[test]
fn a_counter_that_this_user_may_not_read_is_told_with_the_remedy() {
    let tree = Tree::with(&[("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "dram")]);
    tree.permit("intel-rapl:0", 0);
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("burnwatch.yaml");
    fs::write(&config, tree.section("")).unwrap();
    let output = bound(&["power"], &config).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("intel-rapl:0/energy_uj: permission denied; grant CAP_DAC_READ_SEARCH"), "{said}");
    assert!(said.contains("the power of this host is not known"), "{said}");
}

#[test]
fn a_counter_that_was_opened_is_read_on_without_the_right_to_open_it() {
    let tree = Tree::with(&[("intel-rapl:0", "package-0")]);
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("burnwatch.yaml");
    fs::write(&config, tree.section("")).unwrap();
    let mut child = bound(&["power", "--watch"], &config).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let read = lines.by_ref().take(MANY).find(|line| line.starts_with("package-0"));
    let counter = tree.counter("intel-rapl:0");
    tree.permit("intel-rapl:0", 0);
    counter.write_at(b"40000000\n", 0).unwrap();
    let host = lines.take(MANY).find(|line| line.starts_with("host "));
    child.kill().unwrap();
    child.wait().unwrap();
    let (_, host) = read.zip(host).expect("the counter is read, also when it may not be opened any more");
    assert!(host.ends_with(" W, packages and memory") && host != "host 0 W, packages and memory", "{host}");
}
