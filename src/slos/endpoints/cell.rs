//! A cell of the table: `p95: 200ms` or `errors: 0.1%`.

use std::str::FromStr;

use crate::slos::blame::{are_sound, tell_about};
use crate::slos::name::Name;
use crate::slos::sli::Threshold;
use crate::units::{About, Objective, ObjectiveError, Place, Problem, SloId};
use crate::yaml::{Fields, Node, Remedy};

/// What is written in a cell, and where.
#[derive(Clone, Copy)]
pub struct Target<'n> {
    pub key: &'n str,
    pub place: &'n Place,
    pub node: &'n Node,
}

/// The targets among `fields`, in no particular order.
pub fn targets<'n>(fields: &mut Fields<'n, '_>) -> Vec<Target<'n>> {
    let place = fields.place_of(ERRORS);
    let errors = fields.take(ERRORS).zip(place).map(|(node, place)| Target { key: ERRORS, place, node });
    let is_percentile =
        |key: &str| key.strip_prefix('p').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let percentiles = fields.family("pNN", is_percentile).into_iter();
    let percentiles = percentiles.map(|(key, entry)| Target { key, place: &entry.key.place, node: &entry.value });
    percentiles.chain(errors).collect()
}

const ERRORS: &str = "errors";

/// One SLO of the table.
pub struct Cell<'n> {
    pub id: SloId,
    pub target: Target<'n>,
    pub objective: Objective,
    pub good: Good,
}

/// Which requests are good.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Good {
    /// Those answered in time.
    Under(Threshold),
    /// Those answered without an error.
    Sound,
}

impl<'n> Cell<'n> {
    /// The cell that says `target`; `id` is not known where something about it is wrong.
    pub fn read(target: Target<'n>, id: Option<SloId>, problems: &mut Vec<Problem>) -> Option<Cell<'n>> {
        let before = problems.len();
        let asked = match target.key {
            ERRORS => target.node.read(ERRORS, problems).map(|Errors(objective)| (objective, Good::Sound)),
            key => {
                let refused = |error: PercentileError| Problem::error("pNN", error.to_string(), error.remedy());
                let objective = key.parse().map_err(|error| problems.push(refused(error).at(target.place))).ok();
                let good = target.node.read("pNN", problems).map(Good::Under);
                objective.map(|Percentile(objective)| objective).zip(good)
            }
        };
        let id = id?;
        if let (Some(_), Err(error)) = (asked, id.slo.parse::<Name>()) {
            let problem = Problem::error("name", error.to_string(), "give the endpoint a short \"name\"");
            problems.push(problem.at(target.place));
        }
        tell_about(&mut problems[before..], &About::Slo(id.clone()));
        let (objective, good) = asked?;
        are_sound(&problems[before..]).then_some(Cell { id, target, objective, good })
    }

    /// What is asked of the endpoint that is called `endpoint`, in a sentence.
    pub fn description(&self, endpoint: &str) -> String {
        match self.good {
            Good::Under(_) => format!("{endpoint} answers under {}", self.target.node.text().unwrap_or_default()),
            Good::Sound => format!("{endpoint} answers without an error"),
        }
    }
}

/// The objective that `p95` means.
struct Percentile(Objective);

/// Why a key is no percentile.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{0:?} is no percentile between p0 and p100")]
struct PercentileError(String);

impl Remedy for PercentileError {
    fn remedy(&self) -> String {
        match self.0.strip_prefix("p99").filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit())) {
            Some(rest) => format!("write p99.{rest}"),
            None => "write one such as p95 or p99.9".into(),
        }
    }
}

impl FromStr for Percentile {
    type Err = PercentileError;

    fn from_str(text: &str) -> Result<Percentile, PercentileError> {
        let number = text.strip_prefix('p').unwrap_or(text);
        format!("{number}%").parse().map(Percentile).map_err(|_: ObjectiveError| PercentileError(text.into()))
    }
}

/// The objective that a share of errors leaves, read from a percentage.
struct Errors(Objective);

/// Why a text is no share of errors.
#[derive(Debug, PartialEq, thiserror::Error)]
enum ErrorsError {
    #[error("error rate {0:?} is not a percentage")]
    NotAPercentage(String),
    #[error("error rate {0} is not above 0% and below 100%")]
    OutOfRange(String),
    #[error("error rate {0} has more than 13 decimals")]
    TooFine(String),
}

impl Remedy for ErrorsError {
    fn remedy(&self) -> String {
        match self {
            Self::NotAPercentage(_) => "write a percentage such as 0.1%".into(),
            Self::OutOfRange(_) => "choose one between, such as 0.1%".into(),
            Self::TooFine(_) => "write fewer decimals".into(),
        }
    }
}

impl FromStr for Errors {
    type Err = ErrorsError;

    fn from_str(text: &str) -> Result<Errors, ErrorsError> {
        let share = if text.ends_with('%') { text.parse() } else { Err(ObjectiveError::NotANumber(text.into())) };
        share.map(|share: Objective| Errors(share.opposite())).map_err(|error| match error {
            ObjectiveError::NotANumber(text) => ErrorsError::NotAPercentage(text),
            ObjectiveError::TooFine(text) => ErrorsError::TooFine(text),
            ObjectiveError::BarePercent(text)
            | ObjectiveError::AboveAll(text)
            | ObjectiveError::NoBudget(text)
            | ObjectiveError::Nothing(text) => ErrorsError::OutOfRange(text),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn leaves_exactly_what_the_errors_do_not_take() {
        for (errors, objective) in [("0.01%", "99.99%"), ("1%", "99%"), ("0.5 %", "0.995"), ("30%", "70%")] {
            let Errors(left) = errors.parse().map_err(|error: ErrorsError| error.to_string()).unwrap();
            assert_eq!(left, objective.parse().unwrap(), "{errors}");
        }
    }

    #[test]
    fn refuses_what_is_no_share_of_errors() {
        let check = |text: &str, expected: fn(String) -> ErrorsError| {
            assert_eq!(text.parse::<Errors>().map(|_| ()), Err(expected(text.into())));
        };
        for text in ["", "0.01", "1", "none", ".1%", "-1%", "01%"] {
            check(text, ErrorsError::NotAPercentage);
        }
        for text in ["0%", "100%", "101%", "99999999999999%"] {
            check(text, ErrorsError::OutOfRange);
        }
        check("0.00000000000001%", ErrorsError::TooFine);
    }

    #[test]
    fn reads_any_percentile_and_knows_how_the_last_ones_are_written() {
        let told = |key: &str| key.parse().map(|Percentile(objective)| objective.to_string());
        assert_eq!(told("p50"), Ok("50%".into()));
        assert_eq!(told("p99.9"), Ok("99.9%".into()));
        let endings = [("p999", "p99.9"), ("p9995", "p99.95")];
        let others = ["p0", "p100", "p95x", "p1e1"].map(|key| (key, "one such as p95 or p99.9"));
        for (key, meant) in endings.into_iter().chain(others) {
            assert_eq!(told(key).map_err(|error| error.remedy()), Err(format!("write {meant}")), "{key}");
        }
    }
}
