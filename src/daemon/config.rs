//! The configuration, joined from what each module reads of it: flags and environment before the file, the file before
//! the defaults.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use crate::daemon::carbon::Carbon;
use crate::daemon::publish;
use crate::io::power::services::Service;
use crate::io::{notify, power, prometheus, scrape, web};
use crate::plan::{MeteredService, Metering, Pace};
use crate::rules::{Style, Terms};
use crate::tick::latency;
use crate::units::{Place, Problem, Severity, Span};
use crate::yaml::{self, Fields, Node};

/// Where a configuration is looked for when none is named.
const PLACES: [&str; 2] = ["burnwatch.yaml", "/etc/burnwatch/burnwatch.yaml"];

/// What flags and environment say; each replaces what the file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    pub config: Option<PathBuf>,
    /// Relative to the working directory, unlike those of the file.
    pub slos: Vec<String>,
    pub prometheus: Option<String>,
    pub state: Option<PathBuf>,
    pub listen: Option<String>,
    pub log_format: Option<LogFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// How the log is written. Defaults: text on a terminal and JSON elsewhere, level `info`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub format: Option<LogFormat>,
    pub level: tracing::Level,
}

/// Where counts come from.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
pub enum Source {
    Prometheus(prometheus::Config),
    Scrape(scrape::Config),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Source::Prometheus(prometheus) => f.write_str(&prometheus.http.url),
            Source::Scrape(scrape) => {
                f.write_str(&scrape.targets.iter().map(|target| &*target.http.url).collect::<Vec<_>>().join(" "))
            }
        }
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// What it was loaded with, and from where: the same is read again at a reload.
    pub overrides: Overrides,
    pub path: Option<PathBuf>,
    /// Paths and patterns of SLO files, relative to `base`.
    pub slos: Vec<String>,
    pub base: PathBuf,
    pub source: Source,
    pub pace: Pace,
    /// How much later than an instant it is evaluated.
    pub delay: Span,
    pub state: PathBuf,
    /// The rule files and the dashboards that the daemon writes by itself.
    pub rules: Option<publish::Rules>,
    pub dashboards: Option<publish::Dashboards>,
    /// The channels that are right.
    pub notify: Vec<notify::Config>,
    /// What is wrong with the others: they keep nothing else from running.
    pub notify_problems: Vec<Problem>,
    pub power: power::Config,
    pub web: web::Config,
    pub carbon: Carbon,
    pub log: Log,
}

impl Config {
    /// The configuration, or everything that is wrong with it.
    pub fn load(overrides: Overrides) -> Result<Config, Vec<Problem>> {
        let said = overrides.clone();
        let path = overrides.config.clone().or_else(|| PLACES.iter().map(PathBuf::from).find(|path| path.exists()));
        let mut config = match &path {
            Some(path) => Config::from_file(path)?,
            None => Config::read(&nothing(), Path::new(""), &mut Vec::new()),
        };
        if !overrides.slos.is_empty() {
            config.slos = overrides.slos;
            config.base = PathBuf::new();
        }
        if let Some(url) = overrides.prometheus {
            let mut prometheus = match config.source {
                Source::Prometheus(prometheus) => prometheus,
                Source::Scrape(_) => prometheus::Config::default(),
            };
            prometheus.http.url = url;
            config.source = Source::Prometheus(prometheus);
            config.pace.is_scraping = false;
        }
        if let Some(state) = overrides.state {
            config.state = state;
        }
        if let Some(listen) = overrides.listen {
            config.web.listen = listen;
        }
        config.log.format = overrides.log_format.or(config.log.format);
        (config.overrides, config.path) = (said, path);
        Ok(config)
    }

    /// What rule files of a style depend on, of whom nobody knows a daemon yet. `natives` are the histograms, in normal
    /// form, that have to be read as such.
    pub fn terms(&self, style: Style, natives: HashSet<String>) -> Terms {
        let pace = &self.pace;
        let (floor, shortest_rate, no_data_after) = (pace.floor(), pace.shortest_rate(), pace.no_data_after);
        Terms { style, floor, shortest_rate, no_data_after, has_daemon: false, natives }
    }

    fn from_file(path: &Path) -> Result<Config, Vec<Problem>> {
        let name = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|cause| {
            let problem =
                Problem::error("config", format!("cannot be read: {cause}"), "name a file that exists with --config");
            vec![problem.at(&Place::of_file(name.clone()))]
        })?;
        let (documents, mut problems) = yaml::documents(&name, &text);
        if let Some(second) = documents.get(1) {
            let what = "a configuration is one document";
            problems.push(Problem::error("config", what, "remove what follows the `---`").at(&second.place));
        }
        let document = documents.into_iter().next().unwrap_or_else(nothing);
        let base = path.parent().unwrap_or(Path::new(""));
        let config = Config::read(&document, base, &mut problems);
        match problems.iter().any(|problem| problem.severity == Severity::Error) {
            true => {
                problems.sort_by(|a, b| a.place.cmp(&b.place));
                Err(problems)
            }
            false => Ok(config),
        }
    }

    fn read(node: &Node, base: &Path, problems: &mut Vec<Problem>) -> Config {
        let mut config = Config {
            overrides: Overrides::default(),
            path: None,
            slos: vec!["slos/*.yaml".to_string()],
            base: base.to_path_buf(),
            source: Source::Prometheus(prometheus::Config::default()),
            pace: Pace::DEFAULT,
            delay: Span::seconds(10),
            state: default_state(base),
            rules: None,
            dashboards: None,
            notify: Vec::new(),
            notify_problems: Vec::new(),
            power: power::Config::default(),
            web: web::Config::default(),
            carbon: Carbon::default(),
            log: Log { format: None, level: tracing::Level::INFO },
        };
        let Some(mut fields) = Fields::of(node, "a configuration", problems) else { return config };
        if fields.has("service") && !fields.has("source") {
            let what = "this is an SLO file";
            fields.problems.push(Problem::error("config", what, "--config wants burnwatch.yaml").at(&node.place));
            return config;
        }
        if let Some(paths) = fields.list("slos") {
            config.slos = paths.iter().filter_map(|path| path.text().map(String::from)).collect();
        }
        if let Some(source) = fields.take("source") {
            config.read_source(source, fields.problems);
        }
        if let Some(evaluate) = fields.take("evaluate") {
            config.read_evaluate(evaluate, fields.problems);
        }
        if let Some(state) = fields.take("state") {
            config.read_state(state, base, fields.problems);
        }
        config.rules = fields.take("rules").and_then(|node| publish::Rules::read(node, fields.problems));
        let dashboards = fields.take("dashboards");
        config.dashboards = dashboards.and_then(|node| publish::Dashboards::read(node, fields.problems));
        if let Some(notify) = fields.take("notify") {
            config.notify = notify::Config::read(notify, &mut config.notify_problems);
        }
        if let Some(power) = fields.take("power") {
            config.power = power::Config::read(power, fields.problems);
            config.power.sysfs = base.join(&config.power.sysfs);
            config.power.procfs = base.join(&config.power.procfs);
            config.pace.metering = metering(&config.power);
            config.pace.power_limit = config.power.limit();
        }
        if let Some(web) = fields.take("web") {
            config.web = web::Config::read(web, fields.problems);
        }
        if let Some(carbon) = fields.take("carbon") {
            config.carbon = Carbon::read(carbon, fields.problems);
        }
        if let Some(log) = fields.take("log") {
            config.log.read(log, fields.problems);
        }
        fields.done();
        config
    }

    fn read_source(&mut self, node: &Node, problems: &mut Vec<Problem>) {
        let Some(mut fields) = Fields::of(node, "a source", problems) else { return };
        let second = fields.place_of("scrape").filter(|_| fields.has("prometheus"));
        if let Some(scrape) = fields.take("scrape") {
            let scrape = scrape::Config::read(scrape, fields.problems);
            self.pace.scrape_interval = scrape.every;
            self.pace.is_scraping = true;
            self.source = Source::Scrape(scrape);
        }
        if let Some(prometheus) = fields.take("prometheus") {
            let prometheus = prometheus::Config::read(prometheus, fields.problems);
            self.pace.max_series = prometheus.max_series;
            self.source = Source::Prometheus(prometheus);
        }
        if let Some(place) = second {
            let what = "prometheus and scrape are two sources";
            fields.problems.push(Problem::error("source", what, "keep one").at(place));
        }
        fields.done();
    }

    fn read_evaluate(&mut self, node: &Node, problems: &mut Vec<Problem>) {
        let Some(mut fields) = Fields::of(node, "an evaluation", problems) else { return };
        let pace = &mut self.pace;
        let places = ["every", "no_data_after"].map(|key| fields.place_of(key).unwrap_or(&node.place));
        pace.every = fields.read("every").unwrap_or(pace.every);
        self.delay = fields.read("delay").unwrap_or(self.delay);
        pace.scrape_interval = fields.read("scrape_interval").unwrap_or(pace.scrape_interval);
        pace.shortest_window = fields.read("shortest_window").unwrap_or(pace.shortest_window);
        if let Some(node) = fields.take("latency_quantiles") {
            pace.latency_quantiles = latency_quantiles(node, fields.problems);
        }
        let ticks = pace.every * 5;
        pace.no_data_after = fields.read("no_data_after").unwrap_or(Span::minutes(5).max(ticks));
        if !is_divisor_or_multiple_of_a_minute(pace.every) {
            let what = format!("every {} neither divides a minute nor is a multiple of one", pace.every);
            let remedy = "write 1s, 5s, 10s, 15s, 30s, 1m or whole minutes";
            fields.problems.push(Problem::error("every", what, remedy).at(places[0]));
        }
        if pace.no_data_after < ticks {
            let what = format!("no_data_after {} is less than five ticks", pace.no_data_after);
            fields.problems.push(Problem::error("no_data_after", what, format!("write {ticks} or more")).at(places[1]));
        }
        fields.done();
    }

    fn read_state(&mut self, node: &Node, base: &Path, problems: &mut Vec<Problem>) {
        let Some(mut fields) = Fields::of(node, "a state", problems) else { return };
        if let Some(path) = fields.text("path") {
            self.state = base.join(path);
        }
        self.pace.keep = fields.read("keep").unwrap_or(self.pace.keep);
        fields.done();
    }
}

impl Log {
    fn read(&mut self, node: &Node, problems: &mut Vec<Problem>) {
        use tracing::Level;
        let Some(mut fields) = Fields::of(node, "a log", problems) else { return };
        self.format = fields.choice("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
        let levels = [("error", Level::ERROR), ("warn", Level::WARN), ("info", Level::INFO), ("debug", Level::DEBUG)];
        self.level = fields.choice("level", &levels).unwrap_or(self.level);
        fields.done();
    }
}

/// What a tick needs of what is measured.
fn metering(power: &power::Config) -> Metering {
    let service = |service: &Service| MeteredService {
        name: service.name.clone(),
        requests: service.requests.clone(),
        place: service.place.clone(),
    };
    Metering {
        services: power.services.iter().map(service).collect(),
        host: power.host().into(),
        low_power: power.low_power,
    }
}

/// How often whole histograms are read: a span, or `off`.
fn latency_quantiles(node: &Node, problems: &mut Vec<Problem>) -> Option<Span> {
    const KEY: &str = "latency_quantiles";
    if node.text() == Some("off") {
        return None;
    }
    let every: Span = node.read(KEY, problems)?;
    if every > latency::SELDOM {
        let what = format!("{KEY} {every} is too seldom for latencies of the last hour");
        problems.push(
            Problem::error(KEY, what, format!("write 5m, another span of up to {}, or off", latency::SELDOM))
                .at(&node.place),
        );
    }
    Some(every)
}

fn is_divisor_or_multiple_of_a_minute(every: Span) -> bool {
    let (every, minute) = (every.as_millis(), Span::minutes(1).as_millis());
    every % 1_000 == 0 && (minute % every == 0 || every % minute == 0)
}

/// Under systemd the state directory that the unit names, else beside the configuration.
fn default_state(base: &Path) -> PathBuf {
    match std::env::var_os("STATE_DIRECTORY") {
        Some(directory) => PathBuf::from(directory).join("ledger.db"),
        None => base.join("burnwatch.db"),
    }
}

/// An empty mapping: every key has its default.
fn nothing() -> Node {
    Node { place: Place::of_file(""), value: yaml::Value::Map(Vec::new()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn load(text: &str, prometheus: Option<&str>) -> Result<Config, Vec<String>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("burnwatch.yaml");
        fs::write(&path, text).unwrap();
        let prometheus = prometheus.map(String::from);
        let loaded = Config::load(Overrides { config: Some(path), prometheus, ..Overrides::default() });
        let place = dir.path().join("").display().to_string();
        loaded.map_err(|problems| problems.iter().map(|problem| problem.to_string().replace(&place, "")).collect())
    }

    const SCRAPE: &str = "scrape: { every: 5s, targets: [{ url: 'http://localhost:8000' }] }";

    #[test]
    fn scraping_sets_the_pace_unless_the_evaluation_says_otherwise() {
        let config = load(&format!("source: {{ {SCRAPE} }}"), None).unwrap();
        assert_eq!((config.pace.is_scraping, config.pace.scrape_interval), (true, Span::seconds(5)));
        assert_eq!(config.source.to_string(), "http://localhost:8000/metrics");
        let config = load(&format!("source: {{ {SCRAPE} }}\nevaluate: {{ scrape_interval: 7s }}"), None).unwrap();
        assert_eq!(config.pace.scrape_interval, Span::seconds(7));
    }

    #[test]
    fn a_prometheus_on_the_command_line_takes_the_place_of_scraping() {
        let config = load(&format!("source: {{ {SCRAPE} }}"), Some("http://prometheus:9090")).unwrap();
        assert_eq!(config.source.to_string(), "http://prometheus:9090");
        assert!(!config.pace.is_scraping);
    }

    #[test]
    fn two_sources_are_one_too_many() {
        let both = load(&format!("source:\n  prometheus: {{ url: 'http://p' }}\n  {SCRAPE}\n"), None);
        assert_eq!(both.unwrap_err(), ["burnwatch.yaml:3:3: prometheus and scrape are two sources; keep one"]);
    }
}
