//! What a Prometheus answers.

use burnwatch::io::prometheus::answer::{self, Limits};
use burnwatch::io::prometheus::{Error, rules};
use burnwatch::plan::Series;
use serde_json::json;

use crate::targets::check_sentence;

const LIMITS: Limits = Limits { series: 20, samples: 100 };

pub fn target(bytes: &[u8]) {
    match answer::matrix(bytes, LIMITS) {
        Ok(series) => check(&series),
        Err(error) => check_error(&error),
    }
    match answer::instant(bytes, LIMITS) {
        Ok(series) => assert!(series.iter().all(|series| series.samples.len() + series.histograms.len() == 1)),
        Err(error) => check_error(&error),
    }
    answer::vector(bytes, LIMITS).err().iter().for_each(check_error);
    answer::retention(bytes).err().iter().for_each(check_error);
    answer::data::<Vec<String>>(bytes).err().iter().for_each(check_error);
    rules::rules(bytes).err().iter().for_each(check_error);
    answer::refusal(bytes);
}

fn check_error(error: &Error) {
    check_sentence(&error.problem().what);
}

fn check(series: &[Series]) {
    assert!(series.len() <= LIMITS.series);
    assert!(series.iter().map(|series| series.samples.len()).sum::<usize>() <= LIMITS.samples);
    for one in series {
        assert!(one.samples.is_sorted_by(|a, b| a.at < b.at));
        assert!(one.histograms.is_sorted_by(|a, b| a.at < b.at));
        assert!(
            one.histograms.iter().all(|histogram| histogram.buckets.iter().all(|bucket| bucket.lower <= bucket.upper))
        );
    }
    let written = json!({ "status": "success", "data": { "resultType": "matrix", "result": series.iter().map(written).collect::<Vec<_>>() } });
    let again =
        answer::matrix(written.to_string().as_bytes(), LIMITS).unwrap_or_else(|error| panic!("{error}\n{written}"));
    let told = |series: &[Series]| {
        series.iter().map(|series| (series.id, format!("{:?}", series.samples))).collect::<Vec<_>>()
    };
    assert_eq!(told(&again), told(series));
}

fn written(series: &Series) -> serde_json::Value {
    let labels: serde_json::Map<_, _> = series.labels.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let samples = series.samples.iter().map(|sample| json!([sample.at.as_seconds(), format!("{:?}", sample.value)]));
    json!({ "metric": labels, "values": samples.collect::<Vec<_>>() })
}
