//! Problems for those who read a terminal, a program or a pull request.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

use crate::plan::{Cost, Costs};
use crate::report::json;
use crate::units::{About, Problem, Severity, SloId};

/// What was looked at, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Findings {
    pub files: usize,
    pub slos: usize,
    pub problems: Vec<Problem>,
    /// What a tick reads; `None` where no source was asked.
    pub costs: Option<Costs>,
}

impl Findings {
    pub fn count(&self, severity: Severity) -> usize {
        self.problems.iter().filter(|problem| problem.severity == severity).count()
    }

    /// `3 files, 12 SLOs, 2 errors, 1 warning`
    pub fn sum(&self) -> String {
        let severities = [Severity::Error, Severity::Warning, Severity::Note];
        let found = severities.map(|severity| (self.count(severity), severity.name()));
        let found = found.into_iter().filter(|(count, _)| *count > 0).map(|(count, name)| many(count, name));
        let mut parts = vec![many(self.files, "file"), many(self.slos, "SLO")];
        parts.extend(found);
        if self.problems.is_empty() {
            parts.push("no problems".into());
        }
        parts.join(", ")
    }

    /// Each problem with the line it is about, and a caret under its place.
    pub fn text(&self) -> String {
        self.problems.iter().map(shown).collect()
    }

    /// What a tick reads for each SLO and in all, as a table; empty where no source was asked.
    pub fn cost_table(&self) -> String {
        let Some(costs) = &self.costs else { return String::new() };
        let row = |name: String, Cost { queries, series, samples }: Cost| {
            [name, queries.to_string(), series.to_string(), samples.to_string()]
        };
        let mut table = Table::new();
        table.load_style(NOTHING).force_no_tty().set_header(["SLO", "QUERIES", "SERIES", "SAMPLES A TICK"]);
        table.add_rows(costs.slos.iter().map(|(slo, cost)| row(slo.to_string(), *cost)));
        table.add_row(row("all, each query once".into(), costs.tick));
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            column.set_cell_alignment(if index == 0 { CellAlignment::Left } else { CellAlignment::Right });
        }
        format!("\n{}\n\n", table.trim_fmt())
    }

    pub fn json(&self) -> json::Checked {
        let problems = self.problems.iter().map(|problem| json::Problem::of(problem, None)).collect();
        let cost = |(id, cost): &(SloId, Cost)| json::Cost {
            service: id.service.to_string(),
            slo: id.slo.to_string(),
            queries: cost.queries,
            series: cost.series,
            samples: cost.samples,
        };
        let costs = self.costs.as_ref().map(|costs| costs.slos.iter().map(cost).collect());
        json::Checked { files: self.files, slos: self.slos, problems, costs }
    }

    /// Commands that make GitHub show each problem beside its line.
    pub fn github(&self) -> String {
        self.problems.iter().map(command).collect()
    }
}

/// The most of a line that is shown on either side of what is wrong with it, in characters: a file may be one line.
const SHOWN: usize = 100;

fn shown(problem: &Problem) -> String {
    let told = told(problem);
    match &problem.place {
        Some(place) if place.line > 0 && !place.text.is_empty() => {
            let (line, at) = around(&place.text, place.column.saturating_sub(1) as usize);
            let margin: String = line.chars().take(at).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            format!("{place}: {}: {told}\n{line}\n{margin}^\n", problem.severity)
        }
        Some(place) => format!("{place}: {}: {told}\n", problem.severity),
        None => match &problem.about {
            About::All => format!("{}: {told}\n", problem.severity),
            About::Service(service) => format!("{service}: {}: {told}\n", problem.severity),
            About::Slo(id) => format!("{id}: {}: {told}\n", problem.severity),
        },
    }
}

/// A line around one of its characters, and where that stands then.
fn around(line: &str, at: usize) -> (String, usize) {
    let from = at.saturating_sub(SHOWN);
    let mut letters = line.chars().skip(from);
    let mut shown = String::from(if from > 0 { "…" } else { "" });
    let at = at - from + shown.chars().count();
    shown.extend(letters.by_ref().take(2 * SHOWN));
    shown.extend(letters.next().map(|_| '…'));
    (shown, at)
}

fn command(problem: &Problem) -> String {
    let command = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let place = match &problem.place {
        Some(place) if place.line > 0 => {
            format!(" file={},line={},col={}", property(&place.file), place.line, place.column)
        }
        Some(place) => format!(" file={}", property(&place.file)),
        None => String::new(),
    };
    format!("::{command}{place}::{}\n", message(&told(problem)))
}

/// What is wrong and what to do.
fn told(problem: &Problem) -> String {
    let Problem { what, remedy, .. } = problem;
    if remedy.is_empty() { what.clone() } else { format!("{what}; {remedy}") }
}

/// GitHub's escapes for what follows the second `::`.
fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// GitHub's escapes for what stands between commas before it.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

fn many(count: usize, of: &str) -> String {
    format!("{count} {of}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Place;

    fn findings() -> Findings {
        let place = |line, column, text: &str| Place { file: "a,b.yaml".into(), line, column, text: text.into() };
        let problems = vec![
            Problem::error("objective", "objective 99.9 is above 1", "write 99.9% or 0.999").at(&place(
                7,
                16,
                "    objective: 99.9",
            )),
            Problem::error("unreadable_file", "line 3 is not UTF-8", "").at(&Place::of_file("c.yaml")),
            Problem::warning("empty", "selects nothing", "").about(&SloId::new("checkout", "latency")),
            Problem::note("row", "no page above 14.4", ""),
        ];
        Findings { files: 1, slos: 12, problems, costs: None }
    }

    #[test]
    fn show_the_line_and_the_place_in_it() {
        let expected = "\
a,b.yaml:7:16: error: objective 99.9 is above 1; write 99.9% or 0.999
    objective: 99.9
               ^
c.yaml: error: line 3 is not UTF-8
checkout/latency: warning: selects nothing
note: no page above 14.4
";
        assert_eq!(findings().text(), expected);
    }

    #[test]
    fn are_escaped_for_github() {
        let expected = "\
::error file=a%2Cb.yaml,line=7,col=16::objective 99.9 is above 1; write 99.9%25 or 0.999
::error file=c.yaml::line 3 is not UTF-8
::warning::selects nothing
::notice::no page above 14.4
";
        assert_eq!(findings().github(), expected);
        assert_eq!(property("a:b\nc.yaml"), "a%3Ab%0Ac.yaml");
    }

    #[test]
    fn are_summed_up() {
        assert_eq!(findings().sum(), "1 file, 12 SLOs, 2 errors, 1 warning, 1 note");
        let findings = Findings { files: 3, slos: 12, ..Findings::default() };
        assert_eq!(findings.sum(), "3 files, 12 SLOs, no problems");
    }

    #[test]
    fn a_caret_stands_under_its_character_whatever_is_before_it() {
        let place = Place { file: "x".into(), line: 1, column: 4, text: "\tä: y".into() };
        assert!(shown(&Problem::error("x", "x", "").at(&place)).ends_with("\n\tä: y\n\t  ^\n"));
    }

    #[test]
    fn a_table_tells_what_a_tick_reads() {
        let cost = |queries, series, samples| Cost { queries, series, samples };
        let slos = vec![
            (SloId::new("checkout", "availability"), cost(1, 1_200, 6_000)),
            (SloId::new("s", "a"), cost(2, 0, 0)),
        ];
        let findings = Findings { costs: Some(Costs { slos, tick: cost(2, 1_200, 6_000) }), ..Findings::default() };
        let expected = "
SLO                    QUERIES  SERIES  SAMPLES A TICK
checkout/availability        1    1200            6000
s/a                          2       0               0
all, each query once         2    1200            6000

";
        assert_eq!(findings.cost_table(), expected);
        assert_eq!(findings.json().costs.map(|costs| (costs.len(), costs[0].samples)), Some((2, 6_000)));
        assert_eq!(Findings::default().cost_table(), "");
    }

    #[test]
    fn programs_read_them_as_json() {
        let json = findings().json();
        assert_eq!((json.files, json.slos, json.problems.len()), (1, 12, 4));
        assert_eq!((json.problems[1].file.as_deref(), json.problems[1].line), (Some("c.yaml"), None));
        assert_eq!(json.problems[2].service.as_deref(), Some("checkout"));
    }

    #[test]
    fn of_a_line_that_is_as_long_as_a_file_it_shows_what_is_near() {
        let line = format!("{}here{}", "a".repeat(500_000), "b".repeat(500_000));
        let place = Place { file: "f".into(), line: 1, column: 500_001, text: line.into() };
        let findings = Findings { problems: vec![Problem::error("x", "no", "").at(&place)], ..Findings::default() };
        let shown = findings.text();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[1], format!("…{}here{}…", "a".repeat(100), "b".repeat(96)));
        assert_eq!(lines[2], format!("{}^", " ".repeat(101)));
    }
}
