//! From what a Prometheus answers to samples.

use burnwatch::io::prometheus::answer::{Limits, matrix};
use criterion::{Criterion, Throughput};

use crate::{SLOS, many};

/// Of each series: what a tick reads at scrapes every 30 s.
const SAMPLES: i64 = 6;

pub fn bench(criterion: &mut Criterion) {
    let body = body();
    let limits = Limits { series: usize::MAX, samples: usize::MAX };
    let mut group = criterion.benchmark_group("answer");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("1000 series, 6 samples", |bencher| {
        bencher.iter(|| matrix(body.as_bytes(), limits).unwrap());
    });
}

fn body() -> String {
    let values = (0..SAMPLES).map(|scrape| format!("[{}.123,\"{}\"]", 1_790_000_000 + 30 * scrape, 4_200_000 + scrape));
    let values = values.collect::<Vec<_>>().join(",");
    let series = |labels: Vec<(&str, String)>| {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
        format!("{{\"metric\":{{\"__name__\":\"requests_total\",{}}},\"values\":[{values}]}}", labels.join(","))
    };
    let all: Vec<String> = (0..SLOS / many::SERIES).flat_map(many::series).map(series).collect();
    format!("{{\"status\":\"success\",\"data\":{{\"resultType\":\"matrix\",\"result\":[{}]}}}}", all.join(","))
}
