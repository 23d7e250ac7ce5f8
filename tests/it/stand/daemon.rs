//! `burnwatch run` as a user starts it: the built program, a configuration, SLO files, and what it says over HTTP.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::stand::process::Process;
use crate::stand::{Prometheus, eventually, http};

/// A stop drains for at most 5 s; twice that is a fault.
const STOP: Duration = Duration::from_secs(10);
/// The longest tick of any test is 5 s.
const NEXT_TICK: Duration = Duration::from_secs(30);

/// One daemon with its files, its ledger and its port, which it keeps when it is started again.
pub struct Daemon {
    dir: TempDir,
    port: u16,
    ledger: PathBuf,
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
             web: {{ listen: 127.0.0.1:{port} }}\n",
            state = state.display(),
        );
        fs::write(dir.path().join("burnwatch.yaml"), config).unwrap();
        fs::create_dir(dir.path().join("slos")).unwrap();
        fs::write(dir.path().join("slos/shop.yaml"), slos).unwrap();
        let ledger = dir.path().join(state);
        Daemon { dir, port, ledger, process: None }
    }

    /// Adds lines to its configuration.
    pub fn configure(&self, lines: &str) {
        let path = self.dir.path().join("burnwatch.yaml");
        let config = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{config}{lines}\n")).unwrap();
    }

    /// Writes a file beside its configuration.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join(name), text).unwrap();
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
        let process = Process::start(&mut command, &self.dir.path().join("output")).unwrap();
        self.process.insert(process)
    }

    /// Writes another SLO file, for its next start.
    pub fn declare(&self, slos: &str) {
        fs::write(self.dir.path().join("slos/shop.yaml"), slos).unwrap();
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

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The file of its ledger.
    pub fn ledger(&self) -> &Path {
        &self.ledger
    }

    /// Everything it has said on stdout and stderr.
    pub fn output(&self) -> String {
        fs::read_to_string(self.dir.path().join("output")).unwrap()
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

    /// Returns when it has judged another instant than the present one.
    #[track_caller]
    pub fn wait_next_tick(&self) {
        let as_of = || self.get("/api/v1/slos")["as_of"].clone();
        let before = as_of();
        eventually("the next tick", NEXT_TICK, as_of, |now| *now != before);
    }
}
