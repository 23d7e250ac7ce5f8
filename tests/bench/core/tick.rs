//! A tick: every sample counted, every window measured, every alert judged.

use std::time::{Duration, Instant};

use criterion::Criterion;

use crate::SLOS;
use crate::many::{KEPT, Many};

pub fn bench(criterion: &mut Criterion) {
    let mut many = None;
    let mut ticks = |count| {
        let many = many.get_or_insert_with(|| Many::aged(SLOS, KEPT));
        (0..count).map(|_| ticked(many)).sum()
    };
    let mut group = criterion.benchmark_group("tick");
    group.sample_size(10);
    group.bench_function("1000 SLOs", |bencher| bencher.iter_custom(&mut ticks));
}

/// How long the next tick takes, what it was told not made up in that time.
fn ticked(many: &mut Many) -> Duration {
    let seen = many.seen();
    let began = Instant::now();
    std::hint::black_box(many.tick(seen));
    began.elapsed()
}
