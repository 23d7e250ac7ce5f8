//! From SLOs to what is asked: at every start and reload.

use std::sync::Arc;

use burnwatch::plan::{Facts, Pace, plan};
use criterion::Criterion;

use crate::{SLOS, many};

pub fn bench(criterion: &mut Criterion) {
    let slos: Vec<_> = many::declared(SLOS).into_iter().map(Arc::new).collect();
    let facts = Facts::default();
    criterion.bench_function("plan/1000 SLOs", |bencher| {
        bencher.iter(|| plan(slos.clone(), &facts, Pace::DEFAULT));
    });
}
