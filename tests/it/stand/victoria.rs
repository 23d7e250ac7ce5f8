//! A real VictoriaMetrics.

use std::process::Command;

use tempfile::TempDir;

use crate::stand::http;
use crate::stand::past::{Past, texts};
use crate::stand::process::Process;

/// One server with its data.
pub struct Victoria {
    port: u16,
    _process: Process,
    _dir: TempDir,
}

impl Victoria {
    /// Running, with a past that it never scraped.
    pub fn remembering(pasts: &[Past]) -> Victoria {
        let (dir, port) = (tempfile::tempdir().unwrap(), http::free_port());
        let mut command = Command::new("victoria-metrics");
        command
            .arg(format!("-storageDataPath={}", dir.path().join("data").display()))
            .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
            // Without it the newest samples are hidden.
            .args(["-search.latencyOffset=0s", "-retentionPeriod=10y", "-loggerLevel=WARN"]);
        let mut process =
            Process::start(&mut command, &dir.path().join("output")).expect("install victoria-metrics: tests/run does");
        process.wait_ready(port, "/health");
        for text in texts(pasts) {
            let (status, said) = http::post(port, "/api/v1/import/prometheus", &text).unwrap();
            assert_eq!(status, 204, "{said}");
        }
        assert_eq!(http::get(port, "/internal/force_flush").unwrap().0, 200);
        Victoria { port, _process: process, _dir: dir }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
