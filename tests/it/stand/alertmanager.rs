//! A real Alertmanager that tells nobody.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::stand::http;
use crate::stand::process::Process;

/// One server; it keeps its port when it is started again, and forgets what it knew.
pub struct Alertmanager {
    dir: TempDir,
    port: u16,
    starts: u32,
    process: Option<Process>,
}

impl Alertmanager {
    pub fn start() -> Alertmanager {
        Alertmanager::configured("")
    }

    /// With more lines in its configuration.
    pub fn configured(lines: &str) -> Alertmanager {
        let dir = tempfile::tempdir().unwrap();
        let config = format!("route: {{ receiver: nobody }}\nreceivers: [{{ name: nobody }}]\n{lines}");
        fs::write(dir.path().join("config.yml"), config).unwrap();
        let mut alertmanager = Alertmanager { dir, port: http::free_port(), starts: 0, process: None };
        alertmanager.restart();
        alertmanager
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends it as `kill -9` does, and starts it with nothing in memory.
    pub fn restart(&mut self) {
        self.process = None;
        self.starts += 1;
        let mut command = Command::new("prometheus-alertmanager");
        command
            .arg(format!("--config.file={}", self.dir.path().join("config.yml").display()))
            .arg(format!("--storage.path={}", self.dir.path().join(self.starts.to_string()).display()))
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.port))
            .arg("--cluster.listen-address=");
        let process = Process::start(&mut command, &self.dir.path().join("output"));
        let process = process.expect("install prometheus-alertmanager: tests/run does");
        self.process.insert(process).wait_ready(self.port, "/-/ready");
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The alerts that are active, also those that are suppressed.
    #[track_caller]
    pub fn alerts(&self) -> Vec<Value> {
        let (status, body) = http::get(self.port, "/api/v2/alerts?active=true").unwrap();
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }
}
