//! Pieces of time that are judged as a whole: slices of a 0/1 gauge, and expressions evaluated at grid points.
//! Never knows what came before: each piece stands for itself.

use crate::ledger::counting::{Answer, Booking, Gain, note_seen};
use crate::ledger::row::{Side, parts};
use crate::plan::{Part, Series};
use crate::slos::Bound;
use crate::units::{Problem, Span, Timestamp};

/// Books each finished slice of each series as one event, bad when one of its samples is not 1.
pub fn book_slices(watermark: Timestamp, every: Span, answer: &Answer, booking: &mut Booking) {
    for series in answer.series() {
        let routes: Vec<usize> = (0..answer.query.routes.len())
            .filter(|route| answer.query.routes[*route].series.admits(&series.labels))
            .collect();
        routes.iter().for_each(|route| note_seen(series, booking, *route));
        let mut end = watermark.on_grid(every) + every;
        while end <= answer.until {
            let until = |at| series.samples.partition_point(|sample| sample.at <= at);
            let within = series.samples[until(end - every)..until(end)].iter();
            let values: Vec<f64> = within.map(|sample| sample.value).filter(|value| !value.is_nan()).collect();
            if !values.is_empty() {
                let instant = answer.instants.partition_point(|instant| *instant < end);
                let event = Gain { at: end, instant, parts: parts(1.0) };
                let bad = values.iter().any(|value| *value != 1.0);
                for route in &routes {
                    booking.add(*route, Side::First, &event);
                    if bad {
                        booking.add(*route, Side::Second, &event);
                    }
                }
            }
            end = end + every;
        }
    }
}

/// Books the values of expressions at each grid point since the watermark.
pub fn book_points(watermark: Timestamp, every: Span, answer: &Answer, booking: &mut Booking) {
    let mut point = watermark.on_grid(every) + every;
    while point <= answer.until {
        let instant = answer.instants.partition_point(|instant| *instant < point);
        let values: Vec<Vec<f64>> = answer.answers.iter().map(|series| values_at(series, point)).collect();
        for (index, route) in answer.query.routes.iter().enumerate() {
            let booked = match route.part {
                Part::Within(bound) => values.first().and_then(|values| judged(values, bound)),
                Part::Both { sum } => counted(&values, sum, booking),
                Part::First | Part::Second | Part::Cut { .. } | Part::Slices => None,
            };
            if let Some((first, second)) = booked {
                booking.add(index, Side::First, &Gain { at: point, instant, parts: parts(first) });
                booking.add(index, Side::Second, &Gain { at: point, instant, parts: parts(second) });
                booking.seen[index].push(point);
            }
        }
        point = point + every;
    }
}

/// What the series are worth at a moment.
fn values_at(series: &[Series], at: Timestamp) -> Vec<f64> {
    let value = |series: &Series| {
        let index = series.samples.binary_search_by_key(&at, |sample| sample.at).ok()?;
        Some(series.samples[index].value)
    };
    series.iter().filter_map(value).collect()
}

/// How many values there are, and how many of them are outside the bound; `None` without any.
fn judged(values: &[f64], bound: Bound) -> Option<(f64, f64)> {
    let values: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    let bad = values.iter().filter(|value| !bound.holds(**value)).count();
    (!values.is_empty()).then_some((values.len() as f64, bad as f64))
}

/// Both sides of an SLI of expressions; `None` where the slice is unmeasured: no total, more than one value, or one that
/// is no count. No value beside a total is 0.
fn counted(values: &[Vec<f64>], sum: bool, booking: &mut Booking) -> Option<(f64, f64)> {
    let [first, second] = values else { return None };
    if first.len() > 1 || second.len() > 1 {
        booking.problems.push(several());
        return None;
    }
    let (first, second) = (first.first().copied(), second.first().copied());
    if first.is_none() && (!sum || second.is_none()) {
        return None;
    }
    let (first, second) = (first.unwrap_or(0.0), second.unwrap_or(0.0));
    let is_count = |value: f64| value.is_finite() && value >= 0.0;
    (is_count(first) && is_count(second)).then_some((first, second))
}

fn several() -> Problem {
    let what = "an expression has several values, and one is wanted";
    Problem::error("several_values", what, "put sum( ) around it, or narrow it; until then its time is unmeasured")
}
