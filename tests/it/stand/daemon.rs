//! `burnwatch run` as a user starts it: the built program, a configuration, SLO files, and what it says over HTTP.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::stand::process::Process;
use crate::stand::{Clock, Prometheus, Service, eventually, http};

/// A stop drains for at most 5 s; twice that is a fault.
const STOP: Duration = Duration::from_secs(10);
/// Twice as long as ticks are by default.
const NEXT_TICK: Duration = Duration::from_secs(60);
/// A machine that is busy with other tests takes its time to read a past.
const PAST: Duration = Duration::from_secs(300);

/// One daemon with its files, its ledger and its port, which it keeps when it is started again.
pub struct Daemon {
    dir: TempDir,
    port: u16,
    ledger: PathBuf,
    environment: Vec<(&'static str, String)>,
    process: Option<Process>,
}

impl Daemon {
    /// Ready, counting from `prometheus`; `evaluate` is that part of the configuration, `slos` an SLO file.
    #[track_caller]
    pub fn ready(prometheus: &Prometheus, evaluate: &str, slos: &str) -> Daemon {
        let mut daemon = Daemon::configured(&prometheus.url(), evaluate, slos, Path::new("burnwatch.db"));
        daemon.start();
        daemon
    }

    /// Not started yet, with its ledger at `state`, which may be relative to its directory.
    pub fn configured(url: &str, evaluate: &str, slos: &str, state: &Path) -> Daemon {
        Daemon::reading(&format!("prometheus: {{ url: {url} }}"), evaluate, slos, state)
    }

    /// As [`Daemon::configured`], from any `source`.
    pub fn reading(source: &str, evaluate: &str, slos: &str, state: &Path) -> Daemon {
        let dir = tempfile::tempdir().unwrap();
        let port = http::free_port();
        let config = format!(
            "slos: [slos/*.yaml]\n\
             source: {{ {source} }}\n\
             evaluate: {evaluate}\n\
             state: {{ path: {state} }}\n\
             web: {{ listen: 127.0.0.1:{port}, rate_limit: off }}\n",
            state = state.display(),
        );
        fs::write(dir.path().join("burnwatch.yaml"), config).unwrap();
        fs::create_dir(dir.path().join("slos")).unwrap();
        fs::write(dir.path().join("slos/shop.yaml"), slos).unwrap();
        let ledger = dir.path().join(state);
        Daemon { dir, port, ledger, environment: Vec::new(), process: None }
    }

    /// Not started yet, scraping these every second as the job `shop`.
    pub fn scraping(services: &[&Service], evaluate: &str, slos: &str) -> Daemon {
        let target =
            |service: &&Service| format!("{{ url: 'http://{}/metrics', labels: {{ job: shop }} }}", service.instance());
        let targets = services.iter().map(target).collect::<Vec<_>>().join(", ");
        let source = format!("scrape: {{ every: 1s, targets: [{targets}] }}");
        Daemon::reading(&source, evaluate, slos, Path::new("burnwatch.db"))
    }

    /// From its next start on its clock is this one.
    pub fn live_by(&mut self, clock: &Clock) {
        self.environment = clock.environment();
    }

    /// From its next start on it has a supervisor, which listens at `socket` and wants to hear of it `within` that.
    pub fn live_under(&mut self, socket: &Path, within: Duration) {
        let within = ("WATCHDOG_USEC", within.as_micros().to_string());
        self.environment.extend([("NOTIFY_SOCKET", socket.display().to_string()), within]);
    }

    /// Adds lines to its configuration.
    pub fn configure(&self, lines: &str) {
        let path = self.dir.path().join("burnwatch.yaml");
        let config = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{config}{lines}\n")).unwrap();
    }

    /// Puts other keys in the place of `rate_limit: off`, which suits tests that ask all the time.
    pub fn configure_web(&self, keys: &str) {
        let path = self.dir.path().join("burnwatch.yaml");
        let config = fs::read_to_string(&path).unwrap();
        fs::write(path, config.replace("rate_limit: off", keys)).unwrap();
    }

    /// Writes a file beside its configuration.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Where something is beside its configuration.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What another command says with its configuration: its exit code, and both outputs.
    pub fn command(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_burnwatch"));
        command.args(arguments).arg("--config").arg(self.dir.path().join("burnwatch.yaml"));
        let output = command.current_dir(&self.dir).output().unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.code(), said)
    }

    /// Starts it (again) on the same ledger and returns when it is ready.
    #[track_caller]
    pub fn start(&mut self) {
        let port = self.port;
        self.launch().wait_ready(port, "/health/ready");
    }

    /// Starts it (again) on the same ledger and waits for nothing.
    pub fn launch(&mut self) -> &mut Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_burnwatch"));
        command.arg("run").arg("--config").arg(self.dir.path().join("burnwatch.yaml")).current_dir(&self.dir);
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        let process = Process::start(&mut command, &self.dir.path().join("output")).unwrap();
        self.process.insert(process)
    }

    /// Writes another SLO file, for its next start.
    pub fn declare(&self, slos: &str) {
        fs::write(self.dir.path().join("slos/shop.yaml"), slos).unwrap();
    }

    /// Has it read its files again; the status and what it says of them.
    #[track_caller]
    pub fn reload(&self) -> (u16, Value) {
        let (status, body) = http::post(self.port, "/-/reload", "").unwrap();
        (status, serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}")))
    }

    /// One of its own series, by its name and labels as they are written; `None` where there is none.
    #[track_caller]
    pub fn series(&self, name: &str) -> Option<f64> {
        let metrics = self.text("/metrics");
        metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Asks it to stop, as systemd does.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.process.take().expect("a daemon that runs").terminate(STOP)
    }

    pub fn id(&self) -> u32 {
        self.process.as_ref().expect("a daemon that runs").id()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The file of its ledger.
    pub fn ledger(&self) -> &Path {
        &self.ledger
    }

    /// Everything it has said on stdout and stderr.
    pub fn output(&self) -> String {
        fs::read_to_string(self.dir.path().join("output")).unwrap()
    }

    /// Every line that it has logged, each a JSON object with no other inside.
    #[track_caller]
    pub fn log(&self) -> Vec<Value> {
        let is_flat = |line: &Value| {
            line.as_object().is_some_and(|fields| fields.values().all(|value| !value.is_object() && !value.is_array()))
        };
        let line = |text: &str| {
            serde_json::from_str(text).ok().filter(is_flat).unwrap_or_else(|| panic!("no flat JSON object: {text}"))
        };
        self.output().lines().map(line).collect()
    }

    /// Whether it answers at all.
    pub fn is_live(&self) -> bool {
        http::get(self.port, "/health/live").is_ok_and(|(status, _)| status == 200)
    }

    /// The codes of the problems that it lists, each with what it says.
    #[track_caller]
    pub fn problems(&self) -> Vec<(String, String)> {
        let problems = self.get("/api/v1/problems")["problems"].take();
        let text = |problem: &Value, key: &str| problem[key].as_str().unwrap().to_string();
        let told = |problem| (text(problem, "code"), text(problem, "what"));
        problems.as_array().unwrap().iter().map(told).collect()
    }

    /// The status and the text that `path` answers.
    #[track_caller]
    pub fn answer(&self, path: &str) -> (u16, String) {
        http::get(self.port, path).unwrap_or_else(|error| panic!("{path}: {error}\n{}", self.output()))
    }

    /// What `path` answers, as text.
    #[track_caller]
    pub fn text(&self, path: &str) -> String {
        match http::get(self.port, path) {
            Ok((200, body)) => body,
            other => panic!("{path}: {other:?}\n{}", self.output()),
        }
    }

    /// What `path` answers, as JSON.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        let text = self.text(path);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }

    /// One entry of `/api/v1/slos`.
    #[track_caller]
    pub fn slo(&self, service: &str, name: &str) -> Value {
        let slos = self.get("/api/v1/slos");
        let entry = |slo: &&Value| slo["service"] == service && slo["slo"] == name;
        slos["slos"]
            .as_array()
            .into_iter()
            .flatten()
            .find(entry)
            .unwrap_or_else(|| panic!("{service}/{name}: {slos}"))
            .clone()
    }

    /// How much of the past it still has to read, in seconds of all SLOs together; `None` before it says.
    #[track_caller]
    pub fn past_left(&self) -> Option<f64> {
        let metrics = self.text("/metrics");
        let line = metrics.lines().find(|line| line.starts_with("burnwatch_backfill_remaining_seconds "));
        line?.rsplit(' ').next()?.parse().ok()
    }

    /// Returns when each of so many SLOs is counted and has all its past.
    #[track_caller]
    pub fn wait_past_read(&self, slos: usize) {
        let of = |path: &str, list: &str| self.get(path)[list].as_array().unwrap().clone();
        let counted = || of("/api/v1/slos", "slos").iter().filter(|slo| slo["from"] != Value::Null).count();
        eventually("every SLO is counted", PAST, counted, |counted| *counted == slos);
        let reading =
            || of("/api/v1/problems", "problems").iter().filter(|problem| problem["code"] == "backfilling").count();
        eventually("the past is read", PAST, reading, |reading| *reading == 0);
    }

    /// Returns when it has judged another instant than the present one.
    #[track_caller]
    pub fn wait_next_tick(&self) {
        let as_of = || self.get("/api/v1/slos")["as_of"].clone();
        let before = as_of();
        eventually("the next tick", NEXT_TICK, as_of, |now| *now != before);
    }
}
