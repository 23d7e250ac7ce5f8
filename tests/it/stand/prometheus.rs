//! A real Prometheus.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stand::past::{Constant, Past, SCRAPE, store};
use crate::stand::process::Process;
use crate::stand::{Daemon, Service, eventually, http};

/// A new target is first looked at up to 6 s after it was written, and the slowest tests scrape every 10 s.
const CATCH_UP: Duration = Duration::from_secs(60);

/// One server with its data and its port, which it keeps when it is started again.
pub struct Prometheus {
    dir: TempDir,
    port: u16,
    retention: &'static str,
    process: Option<Process>,
}

impl Prometheus {
    /// Running, with one job `shop` that is scraped every `seconds`; its targets are what `watch` says.
    pub fn scraping_every(seconds: u64) -> Prometheus {
        Prometheus::keeping("10y", seconds)
    }

    /// The same, with samples dropped after `retention`.
    pub fn keeping(retention: &'static str, seconds: u64) -> Prometheus {
        let mut prometheus = Prometheus::stopped(retention, seconds);
        prometheus.start();
        prometheus
    }

    /// Running, with a past that it never scraped and no targets.
    pub fn remembering(pasts: &[Past]) -> Prometheus {
        Prometheus::holding(pasts, &[])
    }

    /// The same, with constants.
    pub fn holding(pasts: &[Past], constants: &[Constant]) -> Prometheus {
        let mut prometheus = Prometheus::stopped("10y", SCRAPE as u64);
        store(pasts, constants, &prometheus.path("data"));
        prometheus.start();
        prometheus
    }

    fn stopped(retention: &'static str, seconds: u64) -> Prometheus {
        let dir = tempfile::tempdir().unwrap();
        let config = format!(
            "global: {{ scrape_interval: {seconds}s, scrape_timeout: {seconds}s }}\n\
             scrape_configs:\n\
             - job_name: shop\n  \
               file_sd_configs: [{{ files: [targets.json], refresh_interval: 1s }}]\n"
        );
        fs::write(dir.path().join("prometheus.yml"), config).unwrap();
        let prometheus = Prometheus { dir, port: http::free_port(), retention, process: None };
        prometheus.watch(&[]);
        prometheus
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on scrapes these and no others.
    pub fn watch(&self, services: &[&Service]) {
        self.scrape(services.iter().map(|service| service.instance()).collect());
    }

    /// From now on scrapes the daemon too.
    pub fn watch_also(&self, daemon: &Daemon) {
        let known: Value = serde_json::from_str(&fs::read_to_string(self.path("targets.json")).unwrap()).unwrap();
        let known = known[0]["targets"].as_array().unwrap().iter().map(|target| target.as_str().unwrap().to_string());
        self.scrape(known.chain([daemon.address()]).collect());
    }

    fn scrape(&self, targets: Vec<String>) {
        fs::write(self.path("targets.new"), json!([{ "targets": targets }]).to_string()).unwrap();
        fs::rename(self.path("targets.new"), self.path("targets.json")).unwrap();
    }

    /// Adds lines to its configuration and has it read them.
    #[track_caller]
    pub fn configure(&self, lines: &str) {
        let config = fs::read_to_string(self.path("prometheus.yml")).unwrap();
        fs::write(self.path("prometheus.yml"), config + lines + "\n").unwrap();
        let (status, said) = http::post(self.port, "/-/reload", "").unwrap();
        assert_eq!(status, 200, "{said}");
    }

    /// How often it was asked to read its configuration again.
    pub fn reloads(&self) -> f64 {
        let (_, metrics) = http::get(self.port, "/metrics").unwrap();
        let of_reload =
            |line: &&str| line.starts_with("prometheus_http_requests_total{") && line.contains("\"/-/reload\"");
        metrics.lines().filter(of_reload).map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    /// How many Alertmanagers it sends alerts to. One that it was told of is known some seconds later.
    pub fn alertmanagers(&self) -> usize {
        let (_, body) = http::get(self.port, "/api/v1/alertmanagers").unwrap();
        let answer: Value = serde_json::from_str(&body).unwrap();
        answer["data"]["activeAlertmanagers"].as_array().unwrap().len()
    }

    /// The names of the rules that it runs.
    pub fn rules(&self) -> Vec<String> {
        let (_, body) = http::get(self.port, "/api/v1/rules").unwrap();
        let answer: Value = serde_json::from_str(&body).unwrap();
        let groups = answer["data"]["groups"].as_array().unwrap().iter();
        let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
        rules.map(|rule| rule["name"].as_str().unwrap().to_string()).collect()
    }

    /// Ends it as `kill -9` does; what it has stored stays.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it (again) and returns when it answers.
    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// The same, refusing queries that read more samples.
    pub fn start_reading_at_most(&mut self, samples: usize) {
        self.start_with(&[format!("--query.max-samples={samples}")]);
    }

    fn start_with(&mut self, more: &[String]) {
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", self.path("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", self.path("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.port))
            .args(["--web.enable-lifecycle", "--web.enable-admin-api", "--enable-feature=native-histograms"])
            .arg(format!("--storage.tsdb.retention.time={}", self.retention))
            .args(["--web.enable-remote-write-receiver", "--log.level=warn"])
            .args(more);
        let process = Process::start(&mut command, &self.path("output"));
        self.process.insert(process.expect("install prometheus: tests/run does")).wait_ready(self.port, "/-/ready");
    }

    /// Its process, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Remembers what was written for it, of moments after all that it remembers already.
    #[track_caller]
    pub fn remember(&self, written: &[u8]) {
        let (status, said) = http::post(self.port, "/api/v1/write", written).unwrap();
        assert_eq!(status, 204, "{said}");
    }

    /// From now on it logs every query, a line of JSON each, in the file that is returned.
    #[track_caller]
    pub fn log_queries(&self) -> PathBuf {
        let (config, log) = (self.path("prometheus.yml"), self.path("queries"));
        let text = fs::read_to_string(&config).unwrap();
        let logging = text.replace("global: {", &format!("global: {{ query_log_file: {},", log.display()));
        fs::write(config, logging).unwrap();
        let (status, said) = http::post(self.port, "/-/reload", "").unwrap();
        assert_eq!(status, 200, "{said}");
        log
    }

    /// The result of an instant query, now.
    #[track_caller]
    pub fn query(&self, expression: &str) -> Value {
        self.data(expression, "")["result"].take()
    }

    /// The value of the only series that `expression` gives at a moment (in seconds since 1970).
    #[track_caller]
    pub fn number_at(&self, expression: &str, at: i64) -> Option<f64> {
        only_number(expression, &self.data(expression, &format!("&time={at}"))["result"])
    }

    /// The `data` that an instant query answers, with `more` parameters.
    #[track_caller]
    pub fn data(&self, expression: &str, more: &str) -> Value {
        let path = format!("/api/v1/query?query={}{more}", http::percent_encoded(expression));
        let (status, body) = http::get(self.port, &path).unwrap();
        assert_eq!(status, 200, "{expression}: {body}");
        serde_json::from_str::<Value>(&body).unwrap()["data"].take()
    }

    /// The value of the only series that `expression` gives.
    #[track_caller]
    pub fn number(&self, expression: &str) -> Option<f64> {
        only_number(expression, &self.query(expression))
    }

    /// Returns when it has stored all that a service, whose traffic is paused, has served.
    #[track_caller]
    pub fn wait_caught_up(&self, service: &Service) {
        let total = service.served().total as f64;
        let stored = format!("sum(http_requests_total{{instance=\"{}\"}})", service.instance());
        eventually("Prometheus has caught up", CATCH_UP, || self.number(&stored), |stored| *stored == Some(total));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

#[track_caller]
fn only_number(expression: &str, result: &Value) -> Option<f64> {
    assert!(result.as_array().unwrap().len() < 2, "{expression} gives several series: {result}");
    result[0]["value"][1].as_str().map(|number| number.parse().unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stand::Requests;

    const SOME: Requests = Requests { total: 100, failed: 7, slow: 20 };

    fn watching(service: &Service) -> Prometheus {
        let prometheus = Prometheus::scraping_every(1);
        prometheus.watch(&[service]);
        prometheus.wait_caught_up(service);
        prometheus
    }

    #[test]
    fn stores_what_the_service_says() {
        let service = Service::start();
        service.serve(SOME);
        service.set_open(true);
        let prometheus = watching(&service);
        let check = |expression: &str, expected: f64| {
            assert_eq!(prometheus.number(expression), Some(expected), "{expression}");
        };
        check("http_requests_total{code=\"200\"}", 93.0);
        check("http_requests_total{code=\"500\"}", 7.0);
        check("http_request_duration_seconds_bucket{le=\"0.2\"}", 80.0);
        check("http_request_duration_seconds_count", 100.0);
        check("shop_open", 1.0);
        assert_eq!(prometheus.number("nothing_of_that_name"), None);
    }

    #[test]
    fn logs_what_it_is_asked_in_its_own_process() {
        let prometheus = Prometheus::scraping_every(1);
        let log = prometheus.log_queries();
        prometheus.query("vector(42)");
        let logged = || fs::read_to_string(&log).unwrap_or_default();
        eventually("the query is logged", CATCH_UP, logged, |logged| logged.contains("vector(42)"));
        let command = fs::read_to_string(format!("/proc/{}/cmdline", prometheus.id().unwrap())).unwrap();
        assert!(command.starts_with("prometheus"), "{command}");
    }

    #[test]
    fn stores_native_histograms() {
        let service = Service::start();
        service.take_orders(&[0.0, 0.1, 0.1, 0.2, 3.0]);
        let prometheus = Prometheus::scraping_every(1);
        prometheus.watch(&[&service]);
        let count = || prometheus.number("histogram_count(order_duration_seconds)");
        eventually("all orders are stored", CATCH_UP, count, |count| *count == Some(5.0));
        assert_eq!(prometheus.number("histogram_sum(order_duration_seconds)"), Some(3.4));
        let histogram = prometheus.query("order_duration_seconds[1m]")[0]["histograms"][0][1].clone();
        let counts: Vec<&str> =
            histogram["buckets"].as_array().unwrap().iter().filter_map(|bucket| bucket[3].as_str()).collect();
        assert_eq!(counts, ["1", "2", "1", "1"], "{histogram}");
    }

    #[test]
    fn sees_a_restart_as_a_reset_and_the_error_series_gone() {
        let service = Service::start();
        service.serve(SOME);
        let prometheus = watching(&service);
        let began = prometheus.number("process_start_time_seconds");
        service.restart();
        service.serve(Requests { total: 5, failed: 0, slow: 0 });
        prometheus.wait_caught_up(&service);
        assert_eq!(prometheus.number("resets(http_requests_total{code=\"200\"}[1m])"), Some(1.0));
        assert_eq!(prometheus.number("http_requests_total{code=\"500\"}"), None);
        assert!(prometheus.number("process_start_time_seconds") > began);
    }

    #[test]
    fn a_service_that_is_down_leaves_a_gap() {
        let service = Service::start();
        service.serve(SOME);
        let prometheus = watching(&service);
        service.down();
        let up = || prometheus.number("up");
        eventually("a failed scrape", CATCH_UP, up, |up| *up == Some(0.0));
        assert_eq!(prometheus.query("http_requests_total"), json!([]));
        service.up();
        eventually("a scrape", CATCH_UP, up, |up| *up == Some(1.0));
    }

    #[test]
    fn a_replaced_instance_goes_and_the_new_one_is_newborn_at_its_first_scrape() {
        let old = Service::start();
        old.serve(SOME);
        let prometheus = watching(&old);
        let new = Service::start_when_scraped();
        new.serve(Requests { total: 30, failed: 2, slow: 5 });
        prometheus.watch(&[&new]);
        prometheus.wait_caught_up(&new);
        let started = format!("process_start_time_seconds{{instance=\"{}\"}}", new.instance());
        let first = prometheus.query(&format!("{started}[1m]"))[0]["values"][0].clone();
        let (at, began) = (first[0].as_f64().unwrap(), first[1].as_str().unwrap().parse::<f64>().unwrap());
        assert!((at..at + 1.0).contains(&began), "began at {began}, first scraped at {at}");
        let count = || prometheus.number("count(up)");
        eventually("the old one is gone", CATCH_UP, count, |count| *count == Some(1.0));
    }

    #[test]
    fn keeps_its_samples_and_its_port_over_a_kill() {
        let service = Service::start();
        service.serve(SOME);
        let mut prometheus = watching(&service);
        let url = prometheus.url();
        let scraped = prometheus.number("count_over_time(up[1h])");
        prometheus.kill();
        assert!(http::get(prometheus.port, "/-/ready").is_err());
        prometheus.start();
        assert_eq!(prometheus.url(), url);
        assert!(prometheus.number("count_over_time(up[1h])") >= scraped);
        service.serve(SOME);
        prometheus.wait_caught_up(&service);
    }
}
