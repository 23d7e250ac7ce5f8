//! The loop that publishes: rule files for a Prometheus, and dashboards for a Grafana. What there is to publish, the
//! evaluate loop says, and hears what came of it. Never knows a count.

mod config;
mod loaded;
mod rule_files;

use std::collections::{BTreeMap, HashSet};
use std::panic;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::daemon::Config;
use crate::daemon::publish::rule_files::RuleFiles;
use crate::dashboards;
use crate::io::files::Generated;
use crate::report::Check;
use crate::slos::Slo;
use crate::units::Problem;

pub use config::{Dashboards, Rules};

/// How often it is looked whether everything is as it should be, and how often while it is not.
const LOOK: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(10);

/// What there is to publish.
#[derive(Debug, Clone, PartialEq)]
pub struct Edition {
    pub slos: Vec<Arc<Slo>>,
    /// The histograms, in normal form, that the source holds as native ones only.
    pub natives: HashSet<String>,
    /// Whether these are all SLOs. Where some could not be read, nothing of them is taken away.
    pub is_whole: bool,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub problems: Vec<Problem>,
    /// How the rules are; off where none are written or nothing is known yet.
    pub rules: Check,
}

/// Where the evaluate loop says what there is to publish, and hears what came of it.
pub struct Press {
    edition: watch::Sender<Option<Edition>>,
    report: watch::Receiver<Report>,
}

impl Press {
    /// Publishes these, unless they are what was published last.
    pub fn publish(&self, edition: Edition) {
        self.edition.send_if_modified(|last| {
            let is_new = last.as_ref() != Some(&edition);
            *last = Some(edition);
            is_new
        });
    }

    pub fn report(&self) -> Report {
        self.report.borrow().clone()
    }
}

/// The loop, before it runs.
pub struct Publisher {
    rules: Option<RuleFiles>,
    dashboards: Option<Generated>,
    edition: watch::Receiver<Option<Edition>>,
    report: watch::Sender<Report>,
}

impl Publisher {
    /// `None` where nothing is to be written.
    pub fn build(config: &Config) -> anyhow::Result<(Option<Publisher>, Press)> {
        let ((editing, edition), (report, reported)) = (watch::channel(None), watch::channel(Report::default()));
        let press = Press { edition: editing, report: reported };
        let files = |rules: &Rules| RuleFiles::build(rules, &config.source, config.terms(rules.style, HashSet::new()));
        let rules = config.rules.as_ref().map(files).transpose()?;
        let dashboards = config.dashboards.as_ref().map(generated);
        let is_wanted = rules.is_some() || dashboards.is_some();
        Ok((is_wanted.then_some(Publisher { rules, dashboards, edition, report }), press))
    }

    /// Publishes what changes, and looks after what was published, until it is told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let edition = self.edition.borrow_and_update().clone();
            let wait = tokio::select! {
                wait = self.look(edition.as_ref()) => wait,
                () = stop.cancelled() => return,
            };
            tokio::select! {
                Ok(()) = self.edition.changed() => {}
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Sees to everything once, and says how long to wait until the next time.
    async fn look(&mut self, edition: Option<&Edition>) -> Duration {
        let (mut report, mut is_settled) = (Report::default(), true);
        if let (Some(rules), Some(edition)) = (&mut self.rules, edition) {
            let outcome = rules.publish(edition).await;
            is_settled = outcome.is_settled;
            report = Report { problems: outcome.problems, rules: outcome.check };
        }
        if let Some(dashboards) = self.dashboards.clone()
            && let Err(error) = beside_the_loop(move || dashboards.put()).await
        {
            is_settled = false;
            report.problems.push(error.problem());
        }
        self.report.send_replace(report);
        if is_settled { LOOK } else { SOON }
    }
}

fn generated(config: &Dashboards) -> Generated {
    let files = dashboards::dashboards(&config.datasource).into_iter();
    let texts: BTreeMap<PathBuf, String> = files.map(|file| (config.dir.join(file.name), file.text)).collect();
    Generated { texts, header: dashboards::HEADER, is_whole: true }
}

/// What `work` gives, which waits for a disk and must keep no loop from going on.
async fn beside_the_loop<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // It cannot have been cancelled: nobody else holds it.
        Err(ended) => panic::resume_unwind(ended.into_panic()),
    }
}
