//! The table of `burnwatch status`: one line per SLO, the worst first. Never knows a terminal: its width and whether it
//! shows colours are arguments.

use std::cmp::Ordering;

use comfy_table::presets::{ASCII_MARKDOWN, NOTHING};
use comfy_table::{Cell, CellAlignment, Color, ContentArrangement, LineStyle, Table};

use crate::report::json::{Problem, Problems, Slo, Slos};
use crate::tick::Word;
use crate::units::{Objective, Span};

const HEADER: [&str; 7] = ["SERVICE", "SLO", "OBJECTIVE", "SLI", "BUDGET LEFT", "BURN", "STATE"];

/// The columns that hold numbers.
const NUMBERS: std::ops::Range<usize> = 2..6;

/// Less of a budget left than this is shown in yellow.
const LITTLE: f64 = 0.25;

/// Of the burns that are known, the table shows the one over this span or the next longer.
const PACE: Span = Span::hours(1);

const UNKNOWN: &str = "-";

/// The table with a line of sums, and what is wrong with the SLOs below it. Cells wrap where a line would be longer
/// than `width`.
pub fn text(slos: &Slos, width: Option<u16>, colour: bool) -> String {
    let mut table = table(slos);
    let line = LineStyle::none().fill('─').junction('─');
    table.load_style(NOTHING.header_separator(line)).force_no_tty();
    if let Some(width) = width {
        table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
    }
    if colour {
        table.enforce_styling();
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    let problems = slos.slos.iter().flat_map(problems);
    let lines = [table.trim_fmt(), String::new(), sum(slos)].into_iter().chain(problems);
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// What is wrong beside that, such as a source that does not answer: a line for each problem of none of these SLOs.
pub fn others(slos: &Slos, all: &Problems) -> String {
    let is_shown = |problem: &Problem| {
        let its = |slo: &Slo| problem.service.as_ref() == Some(&slo.service) && problem.slo.as_ref() == Some(&slo.slo);
        slos.slos.iter().any(its)
    };
    let line = |problem: &Problem| {
        let place = match (&problem.file, problem.line, problem.column) {
            (Some(file), Some(line), Some(column)) => format!("{file}:{line}:{column}: "),
            (Some(file), ..) => format!("{file}: "),
            (None, ..) => String::new(),
        };
        format!("{}: {place}{}\n", problem.severity, told(problem))
    };
    all.problems.iter().filter(|problem| !is_shown(problem)).map(line).collect()
}

/// The table alone, as Markdown.
pub fn markdown(slos: &Slos) -> String {
    let mut table = table(slos);
    table.load_style(ASCII_MARKDOWN).force_no_tty();
    table.to_string() + "\n"
}

fn table(slos: &Slos) -> Table {
    let mut worst_first: Vec<&Slo> = slos.slos.iter().collect();
    worst_first.sort_by(|a, b| worse(a, b));
    let mut table = Table::new();
    table.set_header(HEADER).add_rows(worst_first.into_iter().map(cells));
    for column in table.column_iter_mut().skip(NUMBERS.start).take(NUMBERS.len()) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// What cannot be seen comes first, then by what is left of the budget.
fn worse(a: &Slo, b: &Slo) -> Ordering {
    let seen = |slo: &Slo| slo.state != Word::NoData.name();
    let left = |slo: &Slo| left(slo).unwrap_or(f64::NEG_INFINITY);
    let name = |slo: &Slo| (slo.service.clone(), slo.slo.clone());
    seen(a).cmp(&seen(b)).then(left(a).total_cmp(&left(b))).then_with(|| name(a).cmp(&name(b)))
}

fn cells(slo: &Slo) -> Vec<Cell> {
    vec![
        Cell::new(&slo.service),
        Cell::new(&slo.slo),
        Cell::new(objective(slo.objective)),
        Cell::new(slo.sli.map_or(UNKNOWN.into(), sli)),
        tinted(left(slo).map_or(UNKNOWN.into(), |left| format!("{:.1}%", left * 100.0)), budget_colour(slo)),
        Cell::new(burn(slo).map_or(UNKNOWN.into(), |burn| format!("{burn:.1}"))),
        tinted(state(slo), state_colour(slo)),
    ]
}

fn tinted(text: String, colour: Option<Color>) -> Cell {
    match colour {
        Some(colour) => Cell::new(text).fg(colour),
        None => Cell::new(text),
    }
}

/// As it is written in SLO files: `99.9%`.
fn objective(ratio: f64) -> String {
    ratio.to_string().parse().map_or(ratio.to_string(), |objective: Objective| objective.to_string())
}

/// With four decimals; all good only when every event was.
fn sli(ratio: f64) -> String {
    let percent = if ratio < 1.0 { (ratio * 100.0).min(99.9999) } else { 100.0 };
    format!("{percent:.4}%")
}

fn burn(slo: &Slo) -> Option<f64> {
    let mut known = slo.burn.iter().filter_map(|(window, burn)| Some((window.0, (*burn)?)));
    known.find(|(window, _)| *window >= PACE).map(|(_, burn)| burn)
}

/// The state and what else there is to know: `burning (page)`, `ok, 43% measured`.
fn state(slo: &Slo) -> String {
    let severities: Vec<&str> = slo.alerts.iter().map(|alert| alert.severity.as_str()).collect();
    let alerts = if severities.is_empty() { String::new() } else { format!(" ({})", severities.join(", ")) };
    let partial = slo.partial && slo.state != Word::NoData.name();
    let partial = if partial { format!(", {} measured", measured(slo.coverage)) } else { String::new() };
    format!("{}{alerts}{partial}", slo.state)
}

fn measured(coverage: f64) -> String {
    if coverage < 0.01 { "<1%".into() } else { format!("{:.0}%", coverage * 100.0) }
}

/// What is left of the budget, as far as anything was measured to tell.
fn left(slo: &Slo) -> Option<f64> {
    slo.budget.remaining.filter(|_| slo.coverage > 0.0)
}

fn budget_colour(slo: &Slo) -> Option<Color> {
    match left(slo)? {
        _ if slo.budget.exhausted => Some(Color::Red),
        left if left < LITTLE => Some(Color::Yellow),
        _ => Some(Color::Green),
    }
}

fn state_colour(slo: &Slo) -> Option<Color> {
    let word = Word::ALL.into_iter().find(|word| word.name() == slo.state)?;
    match word {
        Word::NoData => Some(Color::Yellow),
        Word::Burning | Word::Exhausted => Some(Color::Red),
        Word::NoTraffic | Word::Ok => None,
    }
}

/// `3 SLOs as of 2026-11-20T12:00:00Z: 1 no_data, 1 burning, 1 ok`
fn sum(slos: &Slos) -> String {
    let Some(as_of) = &slos.as_of else { return "the daemon has not evaluated anything yet".into() };
    let count = slos.slos.len();
    let of = |word: Word| (slos.slos.iter().filter(|slo| slo.state == word.name()).count(), word.name());
    let states: Vec<String> = Word::ALL
        .map(of)
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    let colon = if states.is_empty() { "" } else { ": " };
    format!("{count} {} as of {as_of}{colon}{}", if count == 1 { "SLO" } else { "SLOs" }, states.join(", "))
}

fn problems(slo: &Slo) -> impl Iterator<Item = String> {
    let line = |problem: &Problem| format!("{}: {}/{}: {}", problem.severity, slo.service, slo.slo, told(problem));
    slo.problems.iter().map(line)
}

/// What is wrong and what to do.
fn told(Problem { what, remedy, .. }: &Problem) -> String {
    if remedy.is_empty() { what.clone() } else { format!("{what}; {remedy}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Snapshot, Wanted, example, slos};

    fn example() -> Slos {
        slos(&example::snapshot(), &Wanted::default())
    }

    const TABLE: &str = "\
SERVICE   SLO           OBJECTIVE       SLI  BUDGET LEFT  BURN  STATE
─────────────────────────────────────────────────────────────────────────────────────────────
checkout  latency           99.9%         -            -     -  no_data
search    availability      99.9%  99.0000%      -900.0%  15.2  burning (page), <1% measured
checkout  availability      99.9%  99.9507%        50.7%   0.2  ok

3 SLOs as of 2026-11-20T12:00:00Z: 1 no_data, 1 burning, 1 ok
error: checkout/latency: x has no bucket at 0.2; the nearest are 0.1 and 0.25; write one of them
";

    #[test]
    fn shows_the_worst_first_and_what_is_wrong_below() {
        let text = text(&example(), None, false);
        assert_eq!(text, TABLE, "\n{text}");
    }

    #[test]
    fn fits_80_columns() {
        let text = text(&example(), Some(80), false);
        let table = text.split("\n\n").next().unwrap_or_default();
        assert!(table.lines().all(|line| line.chars().count() <= 80), "\n{text}");
        assert!(table.contains("availability") && table.contains("BUDGET LEFT"), "\n{text}");
    }

    #[test]
    fn is_coloured_only_when_asked() {
        assert!(!text(&example(), None, false).contains('\u{1b}'));
        assert!(text(&example(), None, true).contains('\u{1b}'));
    }

    #[test]
    fn reads_as_markdown() {
        let text = markdown(&example());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert!(lines[1].chars().all(|c| c == '|' || c == '-'), "{text}");
        assert!(lines[2].starts_with("| checkout | latency "), "{text}");
    }

    #[test]
    fn a_good_share_is_never_rounded_up_to_all() {
        assert_eq!(sli(1.0), "100.0000%");
        assert_eq!(sli(0.999_999_99), "99.9999%");
        assert_eq!(objective(0.999), "99.9%");
        assert_eq!(objective(0.999_999_999), "99.9999999%");
    }

    #[test]
    fn says_how_little_was_measured() {
        let mut slo = example().slos.remove(0);
        slo.partial = true;
        slo.coverage = 0.43;
        assert_eq!(state(&slo), "ok, 43% measured");
        slo.coverage = 0.000_01;
        assert_eq!(state(&slo), "ok, <1% measured");
    }

    #[test]
    fn a_budget_of_which_nothing_was_measured_is_not_called_whole() {
        let mut slo = example().slos.remove(0);
        assert_eq!(left(&slo), Some(0.5071));
        slo.coverage = 0.0;
        assert_eq!(left(&slo), None);
    }

    #[test]
    fn what_is_wrong_with_none_of_the_slos_stands_below_too() {
        let (snapshot, slos) = (example::snapshot(), example());
        let all = crate::report::problems(&snapshot);
        let shown = slos.slos.iter().map(|slo| slo.problems.len()).sum::<usize>();
        let text = others(&slos, &all);
        assert_eq!((shown, text.lines().count() + shown), (1, all.problems.len()), "{text}");
        assert!(!text.contains("no bucket at 0.2"), "{text}");
        let everything = others(&Slos { slos: Vec::new(), ..slos }, &all);
        assert!(everything.contains("error: slos/checkout.yaml:"), "{everything}");
    }

    #[test]
    fn says_that_nothing_was_evaluated_yet() {
        let text = text(&slos(&Snapshot::default(), &Wanted::default()), None, false);
        assert!(text.ends_with("\nthe daemon has not evaluated anything yet\n"), "{text}");
    }
}
