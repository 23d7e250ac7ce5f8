//! The table of PromQL's functions (https://prometheus.io/docs/prometheus/latest/querying/functions, 2.42 to 3.8,
//! experimental ones included) and of its aggregators: what they take and what they give. Never knows what they compute.

use std::fmt;

use crate::promql::expression::functions::Kind::{Matrix, Scalar, Text, Vector};
use crate::units;

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Scalar,
    Vector,
    Matrix,
    Text,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Scalar => "a number",
            Vector => "an instant vector",
            Matrix => "a range",
            Text => "a text in quotes",
        })
    }
}

/// A function by its signature. Found by `Function::named`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Function {
    pub name: &'static str,
    signature: Signature,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Signature {
    /// Of each argument; the last is that of all that follow.
    wants: &'static [Kind],
    least: usize,
    most: usize,
    gives: Kind,
}

const fn takes(wants: &'static [Kind]) -> Signature {
    Signature { wants, least: wants.len(), most: wants.len(), gives: Vector }
}

impl Signature {
    const fn least(self, least: usize) -> Signature {
        Signature { least, ..self }
    }

    const fn most(self, most: usize) -> Signature {
        Signature { most, ..self }
    }

    const fn gives(self, gives: Kind) -> Signature {
        Signature { gives, ..self }
    }
}

const FUNCTIONS: [(&str, Signature); 18] = [
    (
        "abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg histogram_count \
         histogram_stddev histogram_stdvar histogram_sum ln log10 log2 rad sgn sin sinh sort sort_desc sqrt \
         start_timestamp tan tanh timestamp",
        takes(&[Vector]),
    ),
    ("day_of_month day_of_week day_of_year days_in_month hour minute month year", takes(&[Vector]).least(0)),
    (
        "absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate \
         last_over_time mad_over_time max_over_time min_over_time present_over_time rate resets stddev_over_time \
         stdvar_over_time sum_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time \
         ts_of_min_over_time",
        takes(&[Matrix]),
    ),
    ("clamp", takes(&[Vector, Scalar, Scalar])),
    ("clamp_max clamp_min", takes(&[Vector, Scalar])),
    ("double_exponential_smoothing holt_winters", takes(&[Matrix, Scalar, Scalar])),
    ("histogram_fraction", takes(&[Scalar, Scalar, Vector])),
    ("histogram_quantile", takes(&[Scalar, Vector])),
    ("histogram_quantiles", takes(&[Vector, Text, Scalar]).most(12)),
    ("info", takes(&[Vector, Vector]).least(1)),
    ("integral", takes(&[Matrix, Scalar]).least(1)),
    ("label_join", takes(&[Vector, Text, Text, Text]).least(3).most(usize::MAX)),
    ("label_replace", takes(&[Vector, Text, Text, Text, Text])),
    ("predict_linear", takes(&[Matrix, Scalar])),
    ("quantile_over_time", takes(&[Scalar, Matrix])),
    ("round", takes(&[Vector, Scalar]).least(1)),
    ("sort_by_label sort_by_label_desc", takes(&[Vector, Text]).least(1).most(usize::MAX)),
    ("vector", takes(&[Scalar])),
];

const NUMBERS: [(&str, Signature); 3] = [
    ("end pi range start step time", takes(&[]).gives(Scalar)),
    ("max_of min_of", takes(&[Scalar, Scalar]).gives(Scalar)),
    ("scalar", takes(&[Vector]).gives(Scalar)),
];

impl Function {
    pub fn all() -> impl Iterator<Item = Function> {
        FUNCTIONS
            .iter()
            .chain(&NUMBERS)
            .flat_map(|(names, signature)| names.split(' ').map(|name| Function { name, signature: *signature }))
    }

    pub fn named(name: &str) -> Option<Function> {
        Function::all().find(|function| function.name == name)
    }

    /// The name that `name` was probably meant to be.
    pub fn nearest(name: &str) -> Option<&'static str> {
        units::nearest(name, Function::all().map(|function| function.name).chain(Aggregator::ALL.map(Aggregator::name)))
    }

    /// The kind of the argument at `place`, from 0.
    pub fn wants(&self, place: usize) -> Option<Kind> {
        self.signature.wants.get(place).or(self.signature.wants.last()).copied()
    }

    /// How few and how many arguments there may be.
    pub fn arguments(&self) -> (usize, usize) {
        (self.signature.least, self.signature.most)
    }

    pub fn gives(&self) -> Kind {
        self.signature.gives
    }
}

/// Makes one series of many. Experimental in 3.x: `limitk`, `limit_ratio`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aggregator {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
    TopK,
    BottomK,
    Quantile,
    CountValues,
    LimitK,
    LimitRatio,
}

impl Aggregator {
    pub const ALL: [Aggregator; 14] = [
        Aggregator::Sum,
        Aggregator::Avg,
        Aggregator::Count,
        Aggregator::Min,
        Aggregator::Max,
        Aggregator::Group,
        Aggregator::Stddev,
        Aggregator::Stdvar,
        Aggregator::TopK,
        Aggregator::BottomK,
        Aggregator::Quantile,
        Aggregator::CountValues,
        Aggregator::LimitK,
        Aggregator::LimitRatio,
    ];

    /// PromQL reads these names in any case.
    pub fn named(name: &str) -> Option<Aggregator> {
        Aggregator::ALL.into_iter().find(|aggregator| aggregator.name().eq_ignore_ascii_case(name))
    }

    pub fn name(self) -> &'static str {
        match self {
            Aggregator::Sum => "sum",
            Aggregator::Avg => "avg",
            Aggregator::Count => "count",
            Aggregator::Min => "min",
            Aggregator::Max => "max",
            Aggregator::Group => "group",
            Aggregator::Stddev => "stddev",
            Aggregator::Stdvar => "stdvar",
            Aggregator::TopK => "topk",
            Aggregator::BottomK => "bottomk",
            Aggregator::Quantile => "quantile",
            Aggregator::CountValues => "count_values",
            Aggregator::LimitK => "limitk",
            Aggregator::LimitRatio => "limit_ratio",
        }
    }

    /// What is to be said before the vector, if anything.
    pub fn parameter(self) -> Option<Kind> {
        match self {
            Aggregator::TopK | Aggregator::BottomK | Aggregator::Quantile => Some(Scalar),
            Aggregator::LimitK | Aggregator::LimitRatio => Some(Scalar),
            Aggregator::CountValues => Some(Text),
            Aggregator::Sum | Aggregator::Avg | Aggregator::Count | Aggregator::Min | Aggregator::Max => None,
            Aggregator::Group | Aggregator::Stddev | Aggregator::Stdvar => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_each_name_once() {
        let mut names: Vec<&str> =
            Function::all().map(|function| function.name).chain(Aggregator::ALL.map(Aggregator::name)).collect();
        assert!(names.iter().all(|name| !name.is_empty()));
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn knows_what_comes_after_the_last_argument() {
        let join = Function::named("label_join").map(|join| (join.arguments(), join.wants(0), join.wants(7)));
        assert_eq!(join, Some(((3, usize::MAX), Some(Vector), Some(Text))));
        assert_eq!(Function::named("time").map(|time| (time.wants(0), time.gives())), Some((None, Scalar)));
    }

    #[test]
    fn names_the_nearest() {
        assert_eq!(Function::nearest("increse"), Some("increase"));
        assert_eq!(Function::nearest("summ"), Some("sum"));
        assert_eq!(Function::nearest("frobnicate"), None);
    }
}
