//! From SLOs to rule files.

use std::collections::HashSet;

use burnwatch::rules::{Format, Style, Terms, files};
use burnwatch::units::Span;
use criterion::Criterion;

use crate::{SLOS, many};

pub fn bench(criterion: &mut Criterion) {
    let slos = many::declared(SLOS);
    let five = Span::minutes(5);
    for (name, style) in [("standalone", Style::Standalone), ("exporter", Style::Exporter)] {
        let terms = Terms {
            style,
            floor: five,
            shortest_rate: Span::minutes(2),
            no_data_after: five,
            has_daemon: true,
            natives: HashSet::new(),
        };
        criterion.bench_function(&format!("rules/{name}, 1000 SLOs"), |bencher| {
            let text = || files(&slos, &terms).iter().map(|file| file.text(Format::Prometheus).len()).sum::<usize>();
            bencher.iter(text);
        });
    }
}
