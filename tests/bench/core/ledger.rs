//! The ledger: opened at a start, and asked for a window.

use burnwatch::units::{Span, Timestamp};
use criterion::Criterion;

use crate::SLOS;
use crate::many::{KEPT, Many, declared, opened, store};

pub fn bench(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("burnwatch.db");
    store(&path, &declared(SLOS), KEPT, Timestamp::seconds(1_790_000_010));
    let mut group = criterion.benchmark_group("ledger");
    group.sample_size(10);
    group.bench_function("opened, 1000 SLOs over 400 days", |bencher| bencher.iter(|| opened(&path)));
    let many = Many::aged(10, KEPT);
    let book = many.state.standings[5].book;
    for window in [Span::minutes(5), Span::days(3), Span::days(30)] {
        group.bench_function(format!("what {window} holds"), |bencher| {
            bencher.iter(|| many.state.ledger.statement.measured(&book, window, many.now).unwrap());
        });
    }
}
