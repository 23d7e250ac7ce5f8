//! The rule files of the daemon: written where they changed, told to whoever runs them, and read back. What a server
//! refuses is taken back. Never knows what a rule computes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::daemon::config::Source;
use crate::daemon::publish::config::Rules;
use crate::daemon::publish::{Edition, beside_the_loop, loaded};
use crate::io::clock::Stopwatch;
use crate::io::files::{Change, Difference, Generated};
use crate::io::http;
use crate::io::prometheus::{self, NotReloaded, Prometheus, Reload};
use crate::report::Check;
use crate::rules::{self, Format, HEADER, RuleFile, Terms};
use crate::units::Problem;

/// A server that was told of rules has this time to run them, and one that nobody tells this.
const SETTLED_AFTER: Duration = Duration::from_secs(10);
const FOUND_AFTER: Duration = Duration::from_secs(5 * 60);

/// What a server refused is not offered again for so long, unless it changes.
const REFUSED_FOR: Duration = Duration::from_secs(10 * 60);

/// What Prometheus answers to reload, below its address.
const RELOAD: &str = "/-/reload";

pub struct RuleFiles {
    dir: PathBuf,
    terms: Terms,
    reload: Option<Reload>,
    /// Who is asked what it runs, and what it is called.
    server: Option<(Prometheus, String)>,
    printed: Option<Arc<Printed>>,
    /// What was done to the files since their reader last took them; with it they can be had back.
    untaken: Option<Change>,
    refused: Option<(Problem, Stopwatch)>,
    /// Since when a rule is not run.
    unloaded: Option<Stopwatch>,
    /// Whether files were written just now, so that their reader has hardly begun.
    is_new: bool,
    /// Whether the server was told of files that it should have known, which is done once.
    is_reminded: bool,
    check: Check,
}

/// An edition as files.
struct Printed {
    edition: Edition,
    terms: Terms,
    generated: Generated,
    notes: Vec<Problem>,
    /// Why it cannot be written.
    faults: Vec<Problem>,
}

/// How the rules are that a server runs.
enum Verdict {
    Known(Vec<Problem>),
    /// It is too early to tell, or the server did not: what was known holds on.
    Open(Vec<Problem>),
}

/// What came of an edition.
pub struct Outcome {
    pub problems: Vec<Problem>,
    pub check: Check,
    /// Whether nothing is expected to change by itself soon.
    pub is_settled: bool,
}

impl RuleFiles {
    /// An error where the files are wrong that say how `source` is spoken with.
    pub fn build(rules: &Rules, source: &Source, terms: Terms) -> anyhow::Result<RuleFiles> {
        let reload = rules.reload.as_deref().map(|url| Reload::build(&spoken_with(url, source)));
        let server = server(rules, source);
        let server = server.map(|config| Prometheus::build(&config).map(|server| (server, config.http.url)));
        Ok(RuleFiles {
            dir: rules.dir.clone(),
            terms: Terms { has_daemon: true, ..terms },
            reload: reload.transpose().context("rules.reload")?,
            server: server.transpose().context("rules.reload")?,
            printed: None,
            untaken: None,
            refused: None,
            unloaded: None,
            is_new: false,
            is_reminded: false,
            check: Check::Off,
        })
    }

    /// Sees to it that the files are those of `edition` and that the server runs them, and says what is in the way.
    pub async fn publish(&mut self, edition: &Edition) -> Outcome {
        let printed = match &self.printed {
            Some(printed) if printed.edition == *edition => printed.clone(),
            Some(_) | None => {
                (self.refused, self.unloaded, self.is_reminded) = (None, None, false);
                self.printed.insert(Arc::new(Printed::of(edition, &self.terms, &self.dir))).clone()
            }
        };
        self.is_new = false;
        let (found, is_settled) = match self.seen_through(&printed).await {
            Ok(Verdict::Known(problems)) => {
                self.check = degraded(&problems).unwrap_or(Check::Healthy);
                (problems, !self.is_new)
            }
            Ok(Verdict::Open(problems)) => (problems, false),
            Err(problems) => {
                self.check = degraded(&problems).unwrap_or(Check::Healthy);
                (problems, false)
            }
        };
        let problems = printed.notes.iter().cloned().chain(found).collect();
        Outcome { problems, check: self.check.clone(), is_settled }
    }

    /// Writes, tells and reads back; an error where it ends before that.
    async fn seen_through(&mut self, printed: &Printed) -> Result<Verdict, Vec<Problem>> {
        if let Some((problem, _)) = self.refused.take_if(|(_, since)| since.elapsed() >= REFUSED_FOR) {
            tracing::info!("trying again: {}", problem.what);
        }
        if let Some((problem, _)) = &self.refused {
            return Err(vec![problem.clone()]);
        }
        if !printed.faults.is_empty() {
            return Err(printed.faults.clone());
        }
        self.write(&printed.generated).await?;
        self.tell().await?;
        self.read_back(printed).await
    }

    /// Puts the files in place. While an SLO file has an error, none is written over: it might lose an SLO.
    async fn write(&mut self, generated: &Generated) -> Result<(), Vec<Problem>> {
        let generated = generated.clone();
        let put = move || {
            let is_over = |difference: &Difference| matches!(difference, Difference::Stale(_));
            match !generated.is_whole && generated.differences()?.iter().any(is_over) {
                true => Ok(None),
                false => generated.put().map(Some),
            }
        };
        match beside_the_loop(put).await {
            Ok(Some(change)) if change.is_empty() => Ok(()),
            Ok(Some(change)) => {
                tracing::info!(files = change.differences.len(), dir = %self.dir.display(), "rule files written");
                (self.unloaded, self.is_new) = (None, true);
                if self.reload.is_some() {
                    self.untaken = Some(self.untaken.take().unwrap_or_default().followed_by(change));
                }
                Ok(())
            }
            Ok(None) => {
                let what =
                    format!("an SLO file has an error, so the rule files in {} stay as they are", self.dir.display());
                Err(vec![Problem::warning("rules_kept", what, "mend the SLO file")])
            }
            Err(error) => Err(vec![error.problem()]),
        }
    }

    /// Has the server read what changed. What it refuses makes room for what it ran before.
    async fn tell(&mut self) -> Result<(), Vec<Problem>> {
        let (Some(reload), Some(change)) = (&self.reload, &self.untaken) else { return Ok(()) };
        let error = match reload.reload().await {
            Ok(()) => {
                self.untaken = None;
                return Ok(());
            }
            Err(error) => error,
        };
        if !error.is_about_the_files() {
            let what = format!("the rule files are written, but not loaded: {error}");
            return Err(vec![Problem::error("reload_failed", what, error.remedy())]);
        }
        let problem = match change.is_empty() {
            true => {
                let what = format!("the rule files are refused: {error}");
                Problem::error("rules_refused", what, error.remedy())
            }
            false => taken_back(change, reload, &error).await,
        };
        (self.untaken, self.is_reminded) = (None, false);
        self.refused = Some((problem.clone(), Stopwatch::started()));
        Err(vec![problem])
    }

    /// Asks the server what it runs. It is told once more of what it does not.
    async fn read_back(&mut self, printed: &Printed) -> Result<Verdict, Vec<Problem>> {
        let Some((server, name)) = &self.server else { return Ok(Verdict::Known(Vec::new())) };
        let running = match server.rules().await {
            Ok(running) => running,
            Err(error) => {
                let what = format!("{name} does not say which rules it runs: {error}");
                return Ok(Verdict::Open(vec![Problem::warning("rules_unread", what, error.remedy())]));
            }
        };
        let slos = &printed.edition.slos;
        let files = rules::files(slos, &printed.terms);
        let findings = loaded::findings(files.iter().flat_map(RuleFile::groups), &running);
        let unloaded = loaded::unloaded(&findings, name, &self.dir, slos);
        let failing = loaded::failing(&findings, name, slos);
        if unloaded.is_empty() {
            (self.unloaded, self.is_reminded) = (None, false);
            return Ok(Verdict::Known(failing));
        }
        let patience = if self.reload.is_some() { SETTLED_AFTER } else { FOUND_AFTER };
        let since = *self.unloaded.get_or_insert_with(Stopwatch::started);
        if self.reload.is_some() && !self.is_reminded {
            self.is_reminded = true;
            self.untaken = Some(Change::default());
            self.tell().await?;
        }
        Ok(match since.elapsed() < patience {
            true => Verdict::Open(failing),
            false => Verdict::Known(unloaded.into_iter().chain(failing).collect()),
        })
    }
}

impl Printed {
    fn of(edition: &Edition, terms: &Terms, dir: &Path) -> Printed {
        let terms = Terms { natives: edition.natives.clone(), ..terms.clone() };
        let files = rules::files(&edition.slos, &terms);
        let faults = rules::colliding(&files, Format::Prometheus);
        let text = |file: &RuleFile| (dir.join(file.name(Format::Prometheus)), file.text(Format::Prometheus));
        let texts = files.iter().map(text).collect();
        let generated = Generated { texts, header: HEADER, is_whole: edition.is_whole };
        let notes = rules::notes(&edition.slos, terms.style);
        Printed { edition: edition.clone(), terms, generated, notes, faults }
    }
}

/// Has the former files back, and tells the server of them too: what it says to those tells whose fault it was.
async fn taken_back(change: &Change, reload: &Reload, error: &NotReloaded) -> Problem {
    let change = change.clone();
    if let Err(stuck) = beside_the_loop(move || change.undo()).await {
        let what = format!("{error}; and the former rule files cannot be had back: {}", stuck.problem());
        return Problem::error("rules_refused", what, "");
    }
    match reload.reload().await {
        Ok(()) => {
            let what = format!("the new rule files are refused, and the former ones are back: {error}");
            Problem::error("rules_refused", what, error.remedy())
        }
        Err(again) => {
            let what = format!("neither the new rule files are loaded nor the former ones, which are back: {again}");
            Problem::error("rules_refused", what, again.remedy())
        }
    }
}

/// How whoever is at `url` is spoken with: as the source is, where it is the same server.
fn spoken_with(url: &str, source: &Source) -> http::Config {
    let origin = |url: &str| http::url(url).map(|url| url.origin()).ok();
    match source {
        Source::Prometheus(source) if origin(&source.http.url) == origin(url) => {
            http::Config { url: url.to_string(), ..source.http.clone() }
        }
        Source::Prometheus(_) | Source::Scrape(_) => http::Config::new(url),
    }
}

/// Who can be asked what it runs: the source, or else whoever is told.
fn server(rules: &Rules, source: &Source) -> Option<prometheus::Config> {
    match source {
        Source::Prometheus(source) => Some(source.clone()),
        Source::Scrape(_) => {
            let url = rules.reload.as_deref()?.strip_suffix(RELOAD)?;
            Some(prometheus::Config { http: http::Config::new(url), ..prometheus::Config::default() })
        }
    }
}

fn degraded(problems: &[Problem]) -> Option<Check> {
    problems.first().map(|problem| Check::Degraded(problem.to_string()))
}
