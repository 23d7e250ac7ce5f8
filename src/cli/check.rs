//! `burnwatch check`: what is wrong with the files that people wrote, and what a source makes of them.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use clap::ValueEnum;

use crate::cli::{exit, print};
use crate::daemon::{self, Config, Inquiry, Overrides};
use crate::io::prometheus::Error;
use crate::io::web::Gate;
use crate::plan::Plan;
use crate::report::{Findings, explained};
use crate::slos::Slo;
use crate::units::{About, Problem, Severity, nearest};

pub const EXAMPLES: &str = "\
Examples:
  burnwatch check
  burnwatch check slos/checkout.yaml --strict --output github
  burnwatch check --prometheus http://localhost:9090 --explain checkout/latency

Exit codes: 0 nothing to mend, 1 an error (or with --strict a warning), 2 could not check";

#[derive(Debug, clap::Args)]
pub struct Flags {
    /// Exit 1 for a warning too
    #[arg(long)]
    strict: bool,
    /// text with the lines in question, json for programs, github for annotations of a pull request
    #[arg(long, default_value = "text", value_name = "FORMAT", hide_possible_values = true)]
    output: Output,
    /// Say in words what one SLO asks, counts, allows and alerts: service/slo, or a name that stands once
    #[arg(long, value_name = "SLO", conflicts_with = "output")]
    explain: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    Text,
    Json,
    Github,
}

pub async fn check(overrides: Overrides, flags: &Flags, quiet: bool) -> anyhow::Result<ExitCode> {
    let Looked { findings, plan } = look(overrides).await?;
    if let Some(name) = &flags.explain {
        let wrong = || format!("the configuration is wrong\n{}", findings.text().trim_end());
        return explain(name, &plan.with_context(wrong)?, findings, flags.strict);
    }
    let sum = if quiet { String::new() } else { findings.sum() + "\n" };
    match flags.output {
        Output::Text if quiet => print(&findings.text())?,
        Output::Text => print(&(findings.text() + &findings.cost_table() + &sum))?,
        Output::Github => print(&(findings.github() + &sum))?,
        Output::Json => {
            let json = serde_json::to_string_pretty(&findings.json()).context("cannot be written as JSON")?;
            print(&(json + "\n"))?;
        }
    }
    Ok(exit(fails(&findings, flags.strict)))
}

/// One SLO in words, and what is wrong with it.
fn explain(name: &str, plan: &Plan, findings: Findings, strict: bool) -> anyhow::Result<ExitCode> {
    let index = named(name, plan)?;
    let cost = findings.costs.as_ref().map(|costs| costs.slos[index].1);
    let about = About::Slo(plan.slos[index].slo.id.clone());
    let problems: Vec<Problem> = findings.problems.into_iter().filter(|problem| problem.about == about).collect();
    let gap = if problems.is_empty() { "" } else { "\n" };
    let findings = Findings { problems, ..Findings::default() };
    print(&(explained(plan, index, cost) + gap + &findings.text()))?;
    Ok(exit(fails(&findings, strict)))
}

/// The place in `plan` of the SLO that `name` means: `service/slo`, or a name that only one SLO has.
fn named(name: &str, plan: &Plan) -> anyhow::Result<usize> {
    let ids: Vec<String> = plan.slos.iter().map(|planned| planned.slo.id.to_string()).collect();
    let is_meant = |id: &String| id == name || id.split_once('/').is_some_and(|(_, slo)| slo == name);
    let meant: Vec<usize> = (0..ids.len()).filter(|index| is_meant(&ids[*index])).collect();
    match (&meant[..], nearest(name, ids.iter().map(String::as_str))) {
        ([index], _) => Ok(*index),
        ([], Some(near)) => bail!("no SLO without errors is called {name:?}; the nearest is {near}"),
        ([], None) => bail!("no SLO without errors is called {name:?}; write service/slo"),
        ([first, ..], _) => {
            bail!("{} SLOs are called {name:?}; write service/slo, such as {}", meant.len(), ids[*first])
        }
    }
}

fn fails(findings: &Findings, strict: bool) -> bool {
    findings.count(Severity::Error) > 0 || (strict && findings.count(Severity::Warning) > 0)
}

struct Looked {
    findings: Findings,
    /// None where the configuration does not tell how anything is asked.
    plan: Option<Plan>,
}

/// Looks at the configuration, at the SLO files and, where a source is named, at what it holds for them. Where the
/// configuration cannot be read, the files are those that the command line names, and nothing is asked.
async fn look(overrides: Overrides) -> anyhow::Result<Looked> {
    let (named, is_online) = (overrides.slos.clone(), overrides.prometheus.is_some());
    let config = match Config::load(overrides) {
        Ok(config) => config,
        Err(mut problems) => {
            let (findings, _) = declared(&named, Path::new(""));
            problems.extend(findings.problems);
            return Ok(Looked { findings: Findings { problems, ..findings }, plan: None });
        }
    };
    let (mut findings, slos) = declared(&config.slos, &config.base);
    let gate = Gate::open(config.web.config_file.as_deref(), (Ipv4Addr::LOCALHOST, 0).into());
    findings.problems.extend(gate.err().unwrap_or_default());
    let slos = slos.into_iter().map(Arc::new).collect();
    let inquiry = match is_online {
        true => Inquiry::online(&config, slos).await.map_err(|error| unasked(&error, &findings))?,
        false => Inquiry::offline(&config, slos),
    };
    findings.problems.extend(inquiry.problems);
    findings.problems.extend(config.notify_problems);
    // Those about all of it come last.
    findings.problems.sort_by(|a, b| (a.place.is_none(), &a.place).cmp(&(b.place.is_none(), &b.place)));
    findings.costs = inquiry.costs;
    Ok(Looked { findings, plan: Some(inquiry.plan) })
}

/// The source did not answer; what is wrong with the files is told all the same.
fn unasked(error: &Error, findings: &Findings) -> anyhow::Error {
    anyhow!("the source could not be asked: {}\n{}", error.problem(), findings.text().trim_end())
}

fn declared(paths: &[String], base: &Path) -> (Findings, Vec<Slo>) {
    let (slos, problems, files) = daemon::declared(paths, base);
    (Findings { files, slos: slos.len(), problems, costs: None }, slos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fails_on_an_error_and_on_a_warning_only_when_strict() {
        let findings = |problem| Findings { problems: vec![problem], ..Findings::default() };
        let (error, warning) = (Problem::error("x", "x", ""), Problem::warning("x", "x", ""));
        assert!(fails(&findings(error), false));
        assert!(!fails(&findings(warning.clone()), false));
        assert!(fails(&findings(warning), true));
        assert!(!fails(&Findings::default(), true));
    }

    #[test]
    fn every_problem_of_every_file_is_found_in_one_run() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
        write("a.yaml", "service: a\nslos:\n  - name: x\n    objective: 99.9\n    sli: { bad: 'b', total: 't' }\n");
        write("b.yaml", "service: b\nslos:\n  - name: x\n    objective: 99.9%\n    sli: { bad: 'b', total: 't' }\n");
        write("c.yaml", "service: [\n");
        let path = directory.path().display().to_string();
        let (findings, _) = declared(&[path], Path::new(""));
        assert_eq!(findings.sum(), "3 files, 1 SLO, 2 errors");
        let text = findings.text();
        assert!(text.contains("a.yaml:4:16: error: objective 99.9 is above 1; write 99.9% or 0.999"), "{text}");
        assert!(text.contains("\n    objective: 99.9\n               ^\n"), "{text}");
    }
}
