//! From what a target exposes to series.

use burnwatch::io::scrape::Wanted;
use burnwatch::io::scrape::exposition::{Format, read};
use burnwatch::units::Labels;
use criterion::{Criterion, Throughput};

use crate::{SLOS, many};

pub fn bench(criterion: &mut Criterion) {
    let body = body();
    let target = Labels::new([("job", "shop"), ("instance", "10.0.0.1:8080")]);
    let mut group = criterion.benchmark_group("exposition");
    group.throughput(Throughput::Bytes(body.len() as u64));
    for (name, wanted) in [("all of 1000 series", Wanted::all()), ("none of 1000 series", Wanted::only(["other"]))] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| read(body.as_bytes(), Format::Text, &wanted, &target).unwrap());
        });
    }
}

fn body() -> String {
    let series = |(number, labels): (usize, Vec<(&str, String)>)| {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        format!("requests_total{{{}}} {}\n", labels.join(","), 4_200_000 + number)
    };
    let all = (0..SLOS / many::SERIES).flat_map(many::series).enumerate().map(series);
    format!("# TYPE requests_total counter\n{}", all.collect::<String>())
}
