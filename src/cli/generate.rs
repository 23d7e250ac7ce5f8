//! `burnwatch generate`: what a Prometheus runs by itself and a Grafana shows, made of SLO files, or whether it is what
//! they would make.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{anyhow, bail};
use clap::ValueEnum;

use crate::cli::{config, exit, print};
use crate::daemon::{self, Config, Dashboards, Inquiry, Overrides};
use crate::dashboards;
use crate::io::files::{Difference, Generated};
use crate::plan::{Question, Reading};
use crate::report::Findings;
use crate::rules::{self, HEADER, INHIBITION, Pace, RuleFile};
use crate::slos::Slo;
use crate::units::{Problem, Severity};

pub const EXAMPLES: &str = "\
Examples:
  burnwatch generate rules --out /etc/prometheus/burnwatch
  burnwatch generate rules slos/checkout.yaml --format operator --out - | kubectl apply -f -
  burnwatch generate dashboards --out /var/lib/grafana/dashboards
  burnwatch generate --check

Exit codes: 0 written (or with --check current), 1 with --check stale, 2 could not generate";

#[derive(Debug, clap::Args)]
pub struct Flags {
    /// The directory that the files go to, or - for the standard output [default: rules or dashboards, or . for all kinds]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// prometheus for rule files, operator for the PrometheusRule resources of Kubernetes
    #[arg(long, default_value = "prometheus", value_name = "FORMAT", hide_possible_values = true)]
    format: Format,
    /// standalone for rules that compute everything, exporter for alerts on what the daemon exports
    #[arg(long, default_value = "standalone", value_name = "STYLE", hide_possible_values = true)]
    style: Style,
    /// Write nothing; say which files are not what would be written
    #[arg(long)]
    check: bool,
}

/// What is generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Rules,
    Tests,
    Dashboards,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Prometheus,
    Operator,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Style {
    Standalone,
    Exporter,
}

impl Kind {
    /// Those that say something of SLOs, and share a directory.
    const OF_SLOS: [Kind; 2] = [Kind::Rules, Kind::Tests];

    /// The kind that the first word names, and the other words.
    pub fn leading(mut words: Vec<String>) -> (Option<Kind>, Vec<String>) {
        let kind = words.first().and_then(|word| Kind::from_str(word, false).ok());
        if kind.is_some() {
            words.remove(0);
        }
        (kind, words)
    }
}

impl Flags {
    /// Where files of a kind go: the directory that is named, and in it one of their own where all kinds are made.
    fn directory(&self, kind: Option<Kind>, own: &str) -> PathBuf {
        let out = self.out.clone().filter(|out| out != Path::new("-"));
        match kind {
            Some(_) => out.unwrap_or_else(|| own.into()),
            None => out.unwrap_or_default().join(own),
        }
    }

    fn format(&self) -> rules::Format {
        match self.format {
            Format::Prometheus => rules::Format::Prometheus,
            Format::Operator => rules::Format::Operator,
        }
    }

    /// promtool reads its own format, and of what the daemon computes there is nothing to test.
    fn is_testable(&self) -> bool {
        matches!((self.format, self.style), (Format::Prometheus, Style::Standalone))
    }

    fn style(&self) -> rules::Style {
        match self.style {
            Style::Standalone => rules::Style::Standalone,
            Style::Exporter => rules::Style::Exporter,
        }
    }
}

pub async fn generate(
    overrides: Overrides,
    kind: Option<Kind>,
    flags: &Flags,
    is_quiet: bool,
) -> anyhow::Result<ExitCode> {
    if kind == Some(Kind::Tests) && !flags.is_testable() {
        bail!("there are tests of standalone rules in Prometheus' own format only; leave out --style and --format");
    }
    let (is_whole, is_online) = (overrides.slos.is_empty(), overrides.prometheus.is_some());
    let config = config(overrides)?;
    let mut generated = Vec::new();
    if kind != Some(Kind::Dashboards) {
        let texts = of_slos(&config, is_online, kind, flags).await?;
        generated.push(Generated { texts, header: HEADER, is_whole });
    }
    if kind.is_none_or(|kind| kind == Kind::Dashboards) {
        generated.push(dashboards(&config, kind, flags));
    }
    match flags.out.as_deref() {
        Some(out) if out == Path::new("-") => {
            let texts = generated.into_iter().flat_map(|generated| generated.texts.into_values());
            print(&texts.collect::<Vec<_>>().join("---\n"))?;
            Ok(ExitCode::SUCCESS)
        }
        Some(_) | None if flags.check => check(&generated),
        Some(_) | None => put(&generated, kind != Some(Kind::Dashboards), is_quiet),
    }
}

/// The dashboards, which know no SLO.
fn dashboards(config: &Config, kind: Option<Kind>, flags: &Flags) -> Generated {
    let directory = flags.directory(kind, "dashboards");
    let datasource = config.dashboards.as_ref().map_or(Dashboards::DATASOURCE, |dashboards| &dashboards.datasource);
    let files = dashboards::dashboards(datasource).into_iter().map(|file| (directory.join(file.name), file.text));
    Generated { texts: files.collect(), header: dashboards::HEADER, is_whole: true }
}

/// Rules and their tests, by path.
async fn of_slos(
    config: &Config,
    is_online: bool,
    kind: Option<Kind>,
    flags: &Flags,
) -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let (slos, problems, _) = daemon::declared(&config.slos, &config.base);
    refuse(problems)?;
    if slos.is_empty() {
        bail!("there is no SLO to generate anything from; name SLO files, directories or patterns");
    }
    let natives = if is_online { natives(config, &slos).await? } else { HashSet::new() };
    let terms = config.terms(flags.style(), natives);
    let (files, notes) = (rules::files(&slos, &terms), rules::notes(&slos, terms.style));
    refuse(notes.into_iter().chain(rules::colliding(&files, flags.format())).collect())?;
    texts(kind, &files, flags)
}

/// Problems are told; an error among them keeps anything from being generated, for a file would lack an SLO.
fn refuse(problems: Vec<Problem>) -> anyhow::Result<()> {
    let is_wrong = problems.iter().any(|problem| problem.severity == Severity::Error);
    let findings = Findings { problems, ..Findings::default() };
    match is_wrong {
        true => Err(anyhow!("nothing is generated\n{}", findings.text().trim_end())),
        false => {
            eprint!("{}", findings.text());
            Ok(())
        }
    }
}

/// The histograms that the source holds as native ones only.
async fn natives(config: &Config, slos: &[Slo]) -> anyhow::Result<HashSet<String>> {
    let slos = slos.iter().cloned().map(Arc::new).collect();
    let asked = Inquiry::online(config, slos).await;
    let inquiry = asked.map_err(|error| anyhow!("the source could not be asked: {}", error.problem()))?;
    let natives = inquiry.plan.queries.iter().filter_map(|query| match &query.question {
        Question::Raw { selector, reading: Reading::Native, .. } => Some(selector.to_string()),
        Question::Raw { .. } | Question::Points { .. } | Question::Own { .. } => None,
    });
    Ok(natives.collect())
}

/// The texts by path. Rules and their tests share a directory, for the tests name the rules beside them.
fn texts(kind: Option<Kind>, files: &[RuleFile], flags: &Flags) -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let directory = flags.directory(kind, "rules");
    let mut kinds = kind.map_or(Kind::OF_SLOS.to_vec(), |kind| vec![kind]);
    if !flags.is_testable() {
        kinds.retain(|kind| *kind != Kind::Tests);
    }
    let mut texts = BTreeMap::new();
    for (kind, file) in kinds.iter().flat_map(|kind| files.iter().map(move |file| (kind, file))) {
        let name = file.name(flags.format());
        match kind {
            Kind::Rules => _ = texts.insert(directory.join(name), file.text(flags.format())),
            Kind::Tests => {
                for pace in Pace::ALL {
                    let path = directory.join(pace.directory()).join(&name);
                    texts.extend(rules::unit_tests(file, pace)?.map(|text| (path, text)));
                }
            }
            Kind::Dashboards => {}
        }
    }
    Ok(texts)
}

fn check(generated: &[Generated]) -> anyhow::Result<ExitCode> {
    let mut differences = Vec::new();
    for generated in generated {
        differences.extend(generated.differences().map_err(|error| anyhow!("{}", error.problem()))?);
    }
    let told = |difference: &Difference| format!("{} {}\n", difference.path().display(), difference.what());
    print(&differences.iter().map(told).collect::<String>())?;
    Ok(exit(!differences.is_empty()))
}

fn put(generated: &[Generated], has_rules: bool, is_quiet: bool) -> anyhow::Result<ExitCode> {
    let (mut files, mut written) = (0, 0);
    for generated in generated {
        files += generated.texts.len();
        written += generated.put().map_err(|error| anyhow!("{}", error.problem()))?.differences.len();
    }
    if !is_quiet {
        print(&format!("{files} files, {written} written\n"))?;
    }
    if !is_quiet && has_rules {
        let about = "So that a ticket keeps quiet while its page is active, Alertmanager wants:";
        print(&format!("\n{about}\n{INHIBITION}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
