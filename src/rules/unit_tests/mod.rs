//! Unit tests of rule files, for `promtool test rules`: invented series, and what has to be recorded and alerted of them.
//!
//! promtool evaluates every group at one interval and in no real time, so the tests prove expressions, not cadences.

mod invented;
mod timeline;
mod story;

use serde::Serialize;

use crate::rules::timing::Timing;
use crate::rules::unit_tests::invented::Invented;
use crate::rules::unit_tests::story::{Story, Telling};
use crate::rules::{Format, HEADER, RuleFile};
use crate::slos::Slo;
use crate::units::Span;
use crate::yaml;

/// How long the stories of a file take: those of an outage are told step by step, those of a slow burn in strides, for
/// promtool evaluates each rule at each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    Minutes,
    Days,
}

impl Pace {
    pub const ALL: [Pace; 2] = [Pace::Minutes, Pace::Days];

    /// The directory of the tests, below that of the rule files.
    pub fn directory(self) -> &'static str {
        match self {
            Pace::Minutes => "tests/minutes",
            Pace::Days => "tests/days",
        }
    }
}

/// The tests of one rule file; `None` where no series can be invented for any of its SLOs.
pub fn unit_tests(file: &RuleFile, pace: Pace) -> Result<Option<String>, yaml::Unwritable> {
    let RuleFile { slos, terms, .. } = file;
    let timings: Vec<Timing> = slos.iter().map(|slo| Timing::new(slo, terms)).collect();
    let shortest = |interval: fn(&Timing) -> Span| timings.iter().map(interval).min().unwrap_or(Span::seconds(30));
    let (step, scrape) = match pace {
        Pace::Minutes => (shortest(|timing| timing.fast) * 4, shortest(|timing| timing.fast)),
        Pace::Days => (shortest(|timing| timing.window), shortest(|timing| timing.fast) * 2),
    };
    let (mut cast, mut untold) = (Vec::new(), Vec::new());
    for (slo, timing) in slos.iter().zip(&timings) {
        match Invented::of(slo, terms) {
            Some(invented) => cast.push(Player { slo, timing, invented }),
            None => untold.push(&*slo.id.slo),
        }
    }
    if pace == Pace::Days {
        cast = one_of_each_shape(cast);
    }
    let stories: Vec<(Invented, Story)> = cast
        .into_iter()
        .flat_map(|player| {
            let stories = Telling::new(player.slo, player.timing, scrape, step).stories(&player.invented, pace, terms);
            stories.into_iter().map(move |story| (player.invented.clone(), story))
        })
        .collect();
    if stories.is_empty() {
        return Ok(None);
    }
    let tests: Vec<Test> = together(stories).into_iter().map(|stories| test(stories, scrape)).collect();
    let group_eval_order = file.groups().into_iter().map(|group| group.name).collect();
    let rules = format!("../../{}", file.name(Format::Prometheus));
    let body =
        yaml::written(&File { rule_files: [rules], evaluation_interval: step.to_string(), group_eval_order, tests })?;
    let untold = match &untold[..] {
        [] => String::new(),
        untold => format!("# No series can be invented for what these read: {}.\n", untold.join(", ")),
    };
    Ok(Some(format!("{HEADER}{untold}{body}")))
}

/// An SLO and the series that it gets.
struct Player<'a> {
    slo: &'a Slo,
    timing: &'a Timing,
    invented: Invented,
}

impl Player<'_> {
    /// What the rules of an SLO depend on beside its name and what it reads.
    fn shape(&self) -> String {
        let Slo { objective, window, alerting, .. } = self.slo;
        format!("{objective} {window} {:?} {alerting:?}", self.timing.slice)
    }
}

/// What is summed up over days is recorded, whatever it was read from: of SLOs that differ in nothing else one will do,
/// if possible one that can share a test with the others.
fn one_of_each_shape(cast: Vec<Player>) -> Vec<Player> {
    let mut chosen: Vec<Player> = Vec::new();
    let mut others = Vec::new();
    for player in cast {
        let is_new = |other: &Player| other.shape() != player.shape();
        let fits =
            |other: &Player| !player.invented.disturbs(&other.invented) && !other.invented.disturbs(&player.invented);
        match chosen.iter().all(is_new) && chosen.iter().all(fits) {
            true => chosen.push(player),
            false => others.push(player),
        }
    }
    for player in others {
        if chosen.iter().all(|other| other.shape() != player.shape()) {
            chosen.push(player);
        }
    }
    chosen
}

/// Stories of one kind that do not read each other's series are told in one test: fewer are quicker.
fn together(stories: Vec<(Invented, Story)>) -> Vec<Vec<(Invented, Story)>> {
    let mut tests: Vec<Vec<(Invented, Story)>> = Vec::new();
    for (invented, story) in stories {
        let fits = |test: &&mut Vec<(Invented, Story)>| {
            test.iter()
                .all(|(other, told)| told.name == story.name && !invented.disturbs(other) && !other.disturbs(&invented))
        };
        match tests.iter_mut().find(fits) {
            Some(test) => test.push((invented, story)),
            None => tests.push(vec![(invented, story)]),
        }
    }
    tests
}

fn test(stories: Vec<(Invented, Story)>, scrape: Span) -> Test {
    let name = stories.first().map_or("", |(_, story)| story.name);
    let slos: Vec<&str> = stories.iter().map(|(_, story)| &*story.slo).collect();
    let name = format!("{name}: {}", slos.join(", "));
    let (mut input_series, mut promql_expr_test) = (Vec::new(), Vec::new());
    for (_, story) in stories {
        input_series.extend(story.series);
        promql_expr_test.extend(story.expectations);
    }
    Test { name, interval: scrape.to_string(), input_series, promql_expr_test }
}

#[derive(Serialize)]
struct File {
    rule_files: [String; 1],
    evaluation_interval: String,
    /// Else promtool takes the groups in any order, and some read what others have yet to record.
    group_eval_order: Vec<String>,
    tests: Vec<Test>,
}

#[derive(Serialize)]
struct Test {
    name: String,
    interval: String,
    input_series: Vec<Input>,
    promql_expr_test: Vec<Expectation>,
}

#[derive(Debug, Clone, Serialize)]
struct Input {
    series: String,
    values: String,
}

#[derive(Debug, Clone, Serialize)]
struct Expectation {
    expr: String,
    eval_time: String,
    exp_samples: Vec<ExpectedSample>,
}

#[derive(Debug, Clone, Serialize)]
struct ExpectedSample {
    labels: String,
    value: f64,
}
