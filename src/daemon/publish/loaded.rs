//! What a Prometheus runs of the rules that it should run, and what of that fails. Pure: lists in, findings out.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use crate::io::prometheus::Running;
use crate::promql::Expression;
use crate::rules::{Group, Rule};
use crate::slos::Slo;
use crate::units::{Labels, Problem, SloId};

/// What is wrong with the rules of one SLO, or of the daemon itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Finding {
    /// How many rules there should be.
    pub rules: usize,
    /// Those that are not run, or in another form than is written.
    pub unloaded: Vec<String>,
    /// Those that fail, with the server's words.
    pub failing: Vec<(String, String)>,
}

/// The findings, by what they are about; `None` is the daemon.
pub type Findings = BTreeMap<Option<SloId>, Finding>;

/// Compares what is `running` with the rules of `groups`; who is as it should be is left out.
pub fn findings(groups: impl IntoIterator<Item = Group>, running: &[Running]) -> Findings {
    let mut by_name: HashMap<(&str, &str), Vec<&Running>> = HashMap::new();
    for rule in running {
        by_name.entry((&rule.group, &rule.name)).or_default().push(rule);
    }
    let mut findings = Findings::new();
    for group in groups {
        for rule in &group.rules {
            let (name, expr, labels) = parts(rule);
            let finding = findings.entry(owner(labels)).or_default();
            finding.rules += 1;
            let alike = by_name.get(&(&*group.name, name)).into_iter().flatten();
            match alike.filter(|it| it.labels == *labels).find(|it| is_same(expr, &it.query)) {
                None => finding.unloaded.push(name.to_string()),
                Some(Running { error: Some(words), .. }) => finding.failing.push((name.to_string(), words.clone())),
                Some(_) => {}
            }
        }
    }
    findings.retain(|_, finding| !finding.unloaded.is_empty() || !finding.failing.is_empty());
    findings
}

fn parts(rule: &Rule) -> (&str, &str, &Labels) {
    match rule {
        Rule::Recording { record, expr, labels } => (record, expr, labels),
        Rule::Alerting { alert, expr, labels, annotations: _ } => (alert, expr, labels),
    }
}

/// The SLO that labels name.
fn owner(labels: &Labels) -> Option<SloId> {
    match (labels.get("service"), labels.get("slo")) {
        (_, "") => None,
        (service, slo) => Some(SloId::new(service, slo)),
    }
}

/// Whether a server runs what was written; it prints it in its own way. What is beyond our reading is not compared.
fn is_same(written: &str, printed: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
    letters(written) == letters(printed)
        || match (Expression::parse(written), Expression::parse(printed)) {
            (Ok(written), Ok(printed)) => written.node() == printed.node(),
            (Err(_), _) | (_, Err(_)) => true,
        }
}

/// The problems that rules are not run by `server`, one of each SLO.
pub fn unloaded(findings: &Findings, server: &str, dir: &Path, slos: &[Arc<Slo>]) -> Vec<Problem> {
    let problem = |about: &Option<SloId>, finding: &Finding| {
        let first = finding.unloaded.first()?;
        let (count, all) = (finding.unloaded.len(), finding.rules);
        let what = format!("{server} does not run {count} of {all} rules as they are written, the first being {first}");
        let remedy = format!("name {} in rule_files of its configuration, and reload it", dir.join("*.yaml").display());
        Some(concerning(about, slos, Problem::error("rule_not_loaded", what, remedy)))
    };
    findings.iter().filter_map(|(about, finding)| problem(about, finding)).collect()
}

/// The problems that rules fail, one of each SLO.
pub fn failing(findings: &Findings, server: &str, slos: &[Arc<Slo>]) -> Vec<Problem> {
    let problem = |about: &Option<SloId>, finding: &Finding| {
        let (rule, words) = finding.failing.first()?;
        let what = match finding.failing.len() - 1 {
            0 => format!("{server} cannot evaluate {rule}: {words}"),
            others => format!("{server} cannot evaluate {rule} and {others} more: {words}"),
        };
        Some(concerning(about, slos, Problem::error("rule_failed", what, "")))
    };
    findings.iter().filter_map(|(about, finding)| problem(about, finding)).collect()
}

fn concerning(about: &Option<SloId>, slos: &[Arc<Slo>], problem: Problem) -> Problem {
    match slos.iter().find(|slo| Some(&slo.id) == about.as_ref()) {
        Some(slo) => problem.at(&slo.place).about(&slo.id),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::rules::{self, RuleFile, Style, Terms};
    use crate::units::Span;

    fn groups() -> (Vec<Group>, Vec<Arc<Slo>>) {
        let text = "service: shop\nslos:\n  - { name: up, objective: 99%, sli: { up: up } }\n  \
                    - { name: load, objective: 99%, sli: { value: 'sum by (job) (load)', under: 5 } }\n";
        let slos: Vec<Arc<Slo>> = crate::slos::read("f", text).0.into_iter().map(Arc::new).collect();
        let (floor, shortest_rate) = (Span::minutes(5), Span::minutes(2));
        let no_data_after = Span::minutes(5);
        let style = Style::Standalone;
        let terms = Terms { style, floor, shortest_rate, no_data_after, has_daemon: true, natives: HashSet::new() };
        (rules::files(&slos, &terms).iter().flat_map(RuleFile::groups).collect(), slos)
    }

    /// What a server tells that runs all of it, in its own print.
    fn running(groups: &[Group]) -> Vec<Running> {
        let of_group = |group: &Group| {
            let running = |rule: &Rule| {
                let (name, expr, labels) = parts(rule);
                let query = expr
                    .replace('\n', " ")
                    .replace("on()", "on ()")
                    .replace("sum by (job) (load)", "sum(load) by(job)");
                Running { group: group.name.clone(), name: name.into(), labels: labels.clone(), query, error: None }
            };
            group.rules.iter().map(running).collect::<Vec<_>>()
        };
        groups.iter().flat_map(of_group).collect()
    }

    /// How many rules an SLO of [`groups`] has.
    fn count(slo: &str) -> usize {
        running(&groups().0).iter().filter(|rule| rule.labels.get("slo") == slo).count()
    }

    /// The problems of a server that runs other than it should.
    fn check(change: impl Fn(&mut Vec<Running>), expected: &[&str]) {
        let (groups, slos) = groups();
        let mut running = running(&groups);
        change(&mut running);
        let findings = findings(groups, &running);
        let mut told = unloaded(&findings, "p", Path::new("/r"), &slos);
        told.extend(failing(&findings, "p", &slos));
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        assert_eq!(told, expected);
    }

    const REMEDY: &str = "name /r/*.yaml in rule_files of its configuration, and reload it";

    #[test]
    fn says_nothing_of_a_server_that_runs_all_in_its_own_print_and_more() {
        check(|_| {}, &[]);
        check(|running| running.push(Running { group: "other".into(), ..running[0].clone() }), &[]);
    }

    #[test]
    fn names_what_is_not_run_once_for_each_slo_and_for_the_daemon() {
        let all = |place: &str, count: usize, first: &str| {
            format!(
                "{place}p does not run {count} of {count} rules as they are written, the first being {first}; {REMEDY}"
            )
        };
        let expected = [
            all("", 1, "BurnwatchDown"),
            all("f:4:7: ", count("load"), "slo:events:rate1m"),
            all("f:3:7: ", count("up"), "slo:events:rate1m"),
        ];
        check(Vec::clear, &expected.each_ref().map(|text| &**text));
    }

    #[test]
    fn an_older_form_an_older_label_and_an_older_group_are_not_what_is_written() {
        let first = "slo:events:rate1m";
        let of = format!("f:3:7: p does not run 1 of {} rules as they are written", count("up"));
        let expected = format!("{of}, the first being {first}; {REMEDY}");
        let of_up = |running: &mut Vec<Running>| {
            running.iter().position(|rule| rule.name == first && rule.labels.get("slo") == "up").unwrap_or_default()
        };
        let check = |change: &dyn Fn(&mut Running)| {
            check(
                |running| {
                    let index = of_up(running);
                    change(&mut running[index]);
                },
                &[&expected],
            );
        };
        check(&|rule| rule.query = rule.query.replace("[1m]", "[2m]"));
        check(&|rule| rule.labels = rule.labels.overlaid(&Labels::new([("tier", "1")])));
        check(&|rule| rule.group = "shop-up-slow".into());
    }

    #[test]
    fn repeats_the_servers_words_of_the_first_that_fails() {
        let fail = |running: &mut Vec<Running>, count: usize| {
            let of_up = running.iter_mut().filter(|rule| rule.labels.get("slo") == "up");
            of_up.take(count).for_each(|rule| rule.error = Some("many-to-many".into()));
        };
        check(|running| fail(running, 1), &["f:3:7: p cannot evaluate slo:events:rate1m: many-to-many"]);
        check(|running| fail(running, 3), &["f:3:7: p cannot evaluate slo:events:rate1m and 2 more: many-to-many"]);
    }
}
