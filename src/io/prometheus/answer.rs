//! From the JSON of the Prometheus API to series, values and refusals. Pure: text in, data out.
//! What is cut, partial, out of order or of another kind than asked for is no answer.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::io::prometheus::Error;
use crate::plan::{Histogram, Sample, Series, SeriesId};
use crate::units::{Labels, Span, Timestamp};

/// The most that one answer may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub series: usize,
    pub samples: usize,
}

/// The series of a range selector, each once, its samples and histograms oldest first.
pub fn matrix(body: &[u8], limits: Limits) -> Result<Vec<Series>, Error> {
    let found: Vec<Found> = result(body, "matrix")?;
    check_count(found.len(), limits)?;
    let length =
        |found: &Found| found.values.as_ref().map_or(0, Vec::len) + found.histograms.as_ref().map_or(0, Vec::len);
    let count = found.iter().map(length).sum();
    if count > limits.samples {
        return Err(Error::TooManySamples { count, limit: limits.samples });
    }
    let mut series: Vec<Series> = Vec::with_capacity(found.len());
    let mut places: HashMap<SeriesId, usize> = HashMap::with_capacity(found.len());
    for Found { metric: Metric(labels), values, histograms, .. } in found {
        if values.is_none() && histograms.is_none() {
            return Err(unreadable(format!("series {labels} has no values")));
        }
        // In place: a piece of the past holds a million.
        let samples: Vec<Sample> = values.unwrap_or_default().into_iter().map(|Point(sample)| sample).collect();
        let histograms: Vec<Histogram> = histograms.into_iter().flatten().map(|Native(histogram)| histogram).collect();
        let is_in_order = samples.is_sorted_by(|a, b| a.at < b.at) && histograms.is_sorted_by(|a, b| a.at < b.at);
        if !is_in_order {
            return Err(unreadable(format!("the samples of {labels} are out of order")));
        }
        let next = Series { histograms, ..Series::new(labels, samples) };
        // One id may come twice where a bound is written in two ways; one set of labels may not.
        let place = *places.entry(next.id).or_insert(series.len());
        if series.get(place).is_some_and(|before| before.labels == next.labels) {
            return Err(unreadable(format!("series {} comes twice", next.labels)));
        }
        series.push(next);
    }
    Ok(series)
}

/// The series of an instant vector, each with the one sample or histogram that it had at the instant.
pub fn instant(body: &[u8], limits: Limits) -> Result<Vec<Series>, Error> {
    let found: Vec<Found> = result(body, "vector")?;
    check_count(found.len(), limits)?;
    let mut series = Vec::with_capacity(found.len());
    for Found { metric: Metric(labels), value, histogram, .. } in found {
        series.push(match (value, histogram) {
            (Some(Point(sample)), _) => Series::new(labels, vec![sample]),
            (None, Some(Native(histogram))) => {
                Series { histograms: vec![histogram], ..Series::new(labels, Vec::new()) }
            }
            (None, None) => return Err(unreadable(format!("series {labels} has no value"))),
        });
    }
    Ok(series)
}

/// The values of an instant vector by their labels.
pub fn vector(body: &[u8], limits: Limits) -> Result<Vec<(Labels, f64)>, Error> {
    let value = |series: Series| Some((series.labels, series.samples.first()?.value));
    Ok(instant(body, limits)?.into_iter().filter_map(value).collect())
}

/// The data of an answer, whatever it holds.
pub fn data<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let envelope = serde_json::from_slice(body).map_err(|error| unreadable(error.to_string()))?;
    whole(envelope)
}

/// How long a server says that it keeps samples: `15d`, `15d or 10GiB`; `None` where it is no time, as in `10GiB`.
pub fn retention(body: &[u8]) -> Result<Option<Span>, Error> {
    let text = data::<Kept>(body)?.storage_retention.unwrap_or_default();
    Ok(text.split_whitespace().next().and_then(|time| time.parse().ok()))
}

/// What kind of refusal an unhappy answer is and what it says; `None` where it is not in the API's words.
pub fn refusal(body: &[u8]) -> Option<(String, String)> {
    let envelope: Envelope<IgnoredAny> = serde_json::from_slice(body).ok()?;
    envelope.error.map(|what| (envelope.error_type.unwrap_or_default(), what))
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<T> {
    status: String,
    data: Option<T>,
    error_type: Option<String>,
    error: Option<String>,
    warnings: Option<Vec<String>>,
    /// VictoriaMetrics says so where Thanos warns.
    is_partial: Option<bool>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<T> {
    result_type: String,
    result: T,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    storage_retention: Option<String>,
}

/// One series of a vector (`value`, `histogram`) or of a matrix (`values`, `histograms`).
#[derive(serde::Deserialize)]
struct Found {
    metric: Metric,
    value: Option<Point>,
    values: Option<Vec<Point>>,
    histogram: Option<Native>,
    histograms: Option<Vec<Native>>,
}

/// Labels without `__name__`.
#[derive(Default)]
pub struct Metric(pub Labels);

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Metric, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Metric;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("labels")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metric, A::Error> {
                let mut pairs = Vec::new();
                while let Some((Text(name), Text(value))) = map.next_entry()? {
                    if name != "__name__" {
                        pairs.push((name, value));
                    }
                }
                Ok(Metric(Labels::new(pairs)))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// A sample as it is written: `[1763600000.123, "42"]`.
struct Point(Sample);

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Point, D::Error> {
        let (seconds, Text(value)) = <(f64, Text)>::deserialize(deserializer)?;
        Ok(Point(Sample { at: moment(seconds)?, value: number(&value)? }))
    }
}

/// A native histogram as it is written: `[1763600000, {"count": "3", "sum": "1", "buckets": [[0, "0.1", "0.2", "3"]]}]`.
struct Native(Histogram);

#[derive(serde::Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    count: Text<'a>,
    /// How its bounds are closed, both bounds, and what lies between.
    #[serde(borrow, default)]
    buckets: Vec<(u8, Text<'a>, Text<'a>, Text<'a>)>,
}

impl<'de> Deserialize<'de> for Native {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Native, D::Error> {
        let (seconds, Written { count, buckets }) = <(f64, Written)>::deserialize(deserializer)?;
        let bucket = |(_, lower, upper, count): (u8, Text, Text, Text)| {
            Ok((number(&lower.0)?, number(&upper.0)?, number(&count.0)?))
        };
        let buckets = buckets.into_iter().map(bucket).collect::<Result<Vec<_>, D::Error>>()?;
        Ok(Native(Histogram::new(moment(seconds)?, number(&count.0)?, &buckets)))
    }
}

fn moment<E: serde::de::Error>(seconds: f64) -> Result<Timestamp, E> {
    let millis = (seconds * 1_000.0).round();
    match (MOMENTS.0..=MOMENTS.1).contains(&millis) {
        true => Ok(Timestamp::millis(millis as i64)),
        false => Err(E::custom(format_args!("there is no moment {seconds}"))),
    }
}

fn number<E: serde::de::Error>(text: &str) -> Result<f64, E> {
    // Most counters are whole numbers, and those are read in a quarter of the time.
    let whole = text.parse::<u32>().map(f64::from);
    whole.or_else(|_| text.parse()).map_err(|_| E::custom(format_args!("{text:?} is not a value")))
}

/// The milliseconds that a float holds exactly.
const MOMENTS: (f64, f64) = (-9_007_199_254_740_992.0, 9_007_199_254_740_992.0);

/// A text, borrowed from the body unless it is escaped there.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The result of a query, which must be of the kind `wanted`.
fn result(body: &[u8], wanted: &'static str) -> Result<Vec<Found>, Error> {
    let other = |found: String| Error::OtherKind { found, wanted };
    // Once for all of it, not once for each of its million texts.
    let body = str::from_utf8(body).map_err(|error| unreadable(error.to_string()))?;
    match serde_json::from_str::<Envelope<Data<Vec<Found>>>>(body) {
        Ok(envelope) => match whole(envelope)? {
            Data { result_type, result } if result_type == wanted => Ok(result),
            Data { result_type, .. } => Err(other(result_type)),
        },
        // What another kind looks like is known only now: a scalar is no list of series.
        Err(error) => Err(match serde_json::from_str::<Envelope<Data<IgnoredAny>>>(body) {
            Ok(Envelope { data: Some(data), .. }) if data.result_type != wanted => other(data.result_type),
            _ => unreadable(error.to_string()),
        }),
    }
}

/// The data of a happy answer that lacks nothing.
fn whole<T>(envelope: Envelope<T>) -> Result<T, Error> {
    // Prometheus 2.48 to 2.x mixes remarks on the expression into the warnings; later ones call them `infos`.
    let mut warnings = envelope.warnings.unwrap_or_default();
    warnings.retain(|warning| !warning.starts_with("PromQL info:"));
    if envelope.is_partial == Some(true) {
        warnings.push("isPartial is true".to_string());
    }
    if !warnings.is_empty() {
        return Err(Error::Partial { warnings });
    }
    match (envelope.status.as_str(), envelope.data) {
        ("success", Some(data)) => Ok(data),
        ("success", None) => Err(unreadable("it holds no data")),
        (status, _) => Err(unreadable(format!("status is {status:?}: {}", envelope.error.unwrap_or_default()))),
    }
}

fn check_count(count: usize, limits: Limits) -> Result<(), Error> {
    match count > limits.series {
        true => Err(Error::TooManySeries { count, limit: limits.series }),
        false => Ok(()),
    }
}

fn unreadable(what: impl Into<String>) -> Error {
    Error::Unreadable { what: what.into() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LIMITS: Limits = Limits { series: 3, samples: 5 };

    fn answer(kind: &str, result: &str) -> Vec<u8> {
        format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}}}"#).into_bytes()
    }

    /// A matrix as lines of `{labels} milliseconds=value ...`, or the error as it reads.
    fn told(body: &[u8]) -> Result<Vec<String>, String> {
        let line = |series: &Series| {
            let samples = series.samples.iter().map(|sample| format!(" {}={}", sample.at.as_millis(), sample.value));
            format!("{}{}", series.labels, samples.collect::<String>())
        };
        matrix(body, LIMITS).map(|series| series.iter().map(line).collect()).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn check(result: &str, expected: &[&str]) {
        assert_eq!(
            told(&answer("matrix", result)).as_deref(),
            Ok(&expected.iter().map(|s| s.to_string()).collect::<Vec<_>>()[..])
        );
    }

    /// The error must speak of `expected`.
    #[track_caller]
    fn check_refused(body: &[u8], expected: &str) {
        let error = told(body).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn reads_samples_to_the_millisecond_and_every_value() {
        check(
            r#"[{"metric":{"__name__":"x","job":"a"},"values":[[1763600000,"1"],[1763600000.123,"2.5e3"],[1763600001.999,"NaN"]]},
                {"metric":{"job":"b\n\"c\""},"values":[[-1.5,"+Inf"],[0,"-Inf"]]}]"#,
            &[
                r#"{job="a"} 1763600000000=1 1763600000123=2500 1763600001999=NaN"#,
                r#"{job="b\n\"c\""} -1500=inf 0=-inf"#,
            ],
        );
        check("[]", &[]);
    }

    #[test]
    fn reads_native_histograms() {
        let histogram = r#"{"count":"5","sum":"1","buckets":[[0,"0.1","0.2","3"],[3,"-0.5","0.5","2"]]}"#;
        let body = answer("matrix", &format!(r#"[{{"metric":{{"a":"1"}},"histograms":[[1.5,{histogram}]]}}]"#));
        let series = matrix(&body, LIMITS).unwrap();
        let buckets = [(0.1, 0.2, 3.0), (-0.5, 0.5, 2.0)];
        assert_eq!(series[0].histograms, [Histogram::new(Timestamp::millis(1_500), 5.0, &buckets)]);
        assert_eq!(series[0].samples, []);
    }

    #[test]
    fn an_answer_that_the_source_calls_incomplete_is_none() {
        let with =
            |field: &str| format!(r#"{{"status":"success",{field},"data":{{"resultType":"matrix","result":[]}}}}"#);
        check_refused(with(r#""warnings":["store 2 is gone"]"#).as_bytes(), "in part only: store 2 is gone");
        check_refused(with(r#""isPartial":true"#).as_bytes(), "in part only");
        for harmless in
            [r#""infos":["x"]"#, r#""warnings":[]"#, r#""warnings":["PromQL info: x"]"#, r#""isPartial":false"#]
        {
            assert_eq!(told(with(harmless).as_bytes()), Ok(vec![]), "{harmless}");
        }
    }

    #[test]
    fn an_answer_of_another_kind_is_none() {
        check_refused(&answer("vector", r#"[{"metric":{},"value":[1,"1"]}]"#), "gives a vector, not a matrix");
        check_refused(&answer("scalar", r#"[1,"1"]"#), "gives a scalar, not a matrix");
        check_refused(br#"{"status":"success"}"#, "it holds no data");
        check_refused(br#"{"status":"error","error":"no"}"#, r#"status is "error": no"#);
    }

    #[test]
    fn samples_out_of_order_and_series_that_come_twice_are_no_answer() {
        check_refused(&answer("matrix", r#"[{"metric":{},"values":[[2,"1"],[1,"1"]]}]"#), "out of order");
        check_refused(&answer("matrix", r#"[{"metric":{},"values":[[2,"1"],[2,"1"]]}]"#), "out of order");
        let twice = r#"[{"metric":{"__name__":"x"},"values":[]},{"metric":{"__name__":"y"},"values":[]}]"#;
        check_refused(&answer("matrix", twice), "series {} comes twice");
        check(
            r#"[{"metric":{"le":"1"},"values":[]},{"metric":{"le":"1.0"},"values":[]}]"#,
            &[r#"{le="1"}"#, r#"{le="1.0"}"#],
        );
    }

    #[test]
    fn more_than_the_limits_allow_is_told_with_its_count() {
        let series = |name: u32| format!(r#"{{"metric":{{"a":"{name}"}},"values":[[1,"1"],[2,"1"]]}}"#);
        let answer_of =
            |count| answer("matrix", &format!("[{}]", (0..count).map(series).collect::<Vec<_>>().join(",")));
        check_refused(&answer_of(4), "4 series, more than max_series (3)");
        check_refused(&answer_of(3), "6 samples, more than max_samples (5)");
        assert_eq!(told(&answer_of(2)).unwrap().len(), 2);
    }

    #[test]
    fn nonsense_is_an_error_and_never_a_panic() {
        for result in [
            "null",
            "{}",
            "[null]",
            "[[]]",
            r#"[{"values":[]}]"#,
            r#"[{"metric":{}}]"#,
            r#"[{"metric":{"a":1},"values":[]}]"#,
            r#"[{"metric":{},"values":[[1]]}]"#,
            r#"[{"metric":{},"values":[[1,"1",2]]}]"#,
            r#"[{"metric":{},"values":[["1","1"]]}]"#,
            r#"[{"metric":{},"values":[[1,1]]}]"#,
            r#"[{"metric":{},"values":[[1,""]]}]"#,
            r#"[{"metric":{},"values":[[1,"one"]]}]"#,
            r#"[{"metric":{},"values":[[1e300,"1"]]}]"#,
            r#"[{"metric":{},"values":[[1e999,"1"]]}]"#,
        ] {
            check_refused(&answer("matrix", result), "cannot be read");
        }
        check_refused(b"", "cannot be read");
        check_refused(b"\xff", "cannot be read");
        check_refused("[".repeat(100_000).as_bytes(), "cannot be read");
        let good = answer("matrix", r#"[{"metric":{"a":"b"},"values":[[1,"1"]]}]"#);
        for end in 0..good.len() {
            check_refused(&good[..end], "cannot be read");
            for byte in *b"\0\"[]{}:,-0e\\\xff" {
                let mut damaged = good.clone();
                damaged[end] = byte;
                let _ = told(&damaged);
            }
        }
    }

    #[test]
    fn reads_vectors_and_lists_of_texts() {
        let body = answer(
            "vector",
            r#"[{"metric":{"job":"a"},"value":[1,"3"]},{"metric":{},"histogram":[1,{"count":"2","sum":"1"}]}]"#,
        );
        assert_eq!(vector(&body, LIMITS).unwrap(), [(Labels::new([("job", "a")]), 3.0)]);
        let histogram = Histogram::new(Timestamp::seconds(1), 2.0, &[]);
        assert_eq!(instant(&body, LIMITS).unwrap()[1].histograms, [histogram]);
        assert!(vector(&answer("vector", r#"[{"metric":{}}]"#), LIMITS).is_err());
        assert_eq!(data::<Vec<String>>(br#"{"status":"success","data":["0.1","+Inf"]}"#).unwrap(), ["0.1", "+Inf"]);
        assert!(data::<Vec<String>>(br#"{"status":"success","data":["0.1"],"warnings":["partial"]}"#).is_err());
        assert!(data::<Vec<String>>(br#"{"status":"success","data":[1]}"#).is_err());
    }

    #[test]
    fn reads_how_long_samples_are_kept_where_that_is_a_time() {
        let check = |data: &str, expected: Option<Span>| {
            let body = format!(r#"{{"status":"success","data":{data}}}"#);
            assert_eq!(retention(body.as_bytes()).unwrap(), expected, "{data}");
        };
        check(r#"{"storageRetention":"15d","startTime":"x"}"#, Some(Span::days(15)));
        check(r#"{"storageRetention":"15d or 10GiB"}"#, Some(Span::days(15)));
        check(r#"{"storageRetention":"10GiB"}"#, None);
        check(r#"{"storageRetention":""}"#, None);
        check("{}", None);
        assert!(retention(br#"{"status":"error"}"#).is_err());
    }

    #[test]
    fn a_refusal_says_its_kind_and_its_reason() {
        let body = br#"{"status":"error","errorType":"execution","error":"too many samples"}"#;
        assert_eq!(refusal(body), Some(("execution".into(), "too many samples".into())));
        assert_eq!(refusal(b"<html>"), None);
        assert_eq!(refusal(b"{}"), None);
    }
}
