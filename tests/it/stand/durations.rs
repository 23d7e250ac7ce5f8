//! How long things took, and how a process would say so to Prometheus as a native histogram (protobuf, which is the only
//! exposition that knows them), or another Prometheus that remembers it (remote write).

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::stand::remote_write::{Message, body, labels, zigzag};

/// Eight buckets to each doubling: bucket `i` holds what is above `2^((i - 1) / 8)` up to `2^(i / 8)`.
const SCHEMA: i64 = 3;
const BUCKETS_TO_A_DOUBLING: f64 = 8.0;
/// What is at or under this is in the bucket around zero.
const ZERO: f64 = 1e-9;

/// Counted by bucket.
#[derive(Debug, Clone, Default)]
pub struct Durations {
    zero: u64,
    buckets: BTreeMap<i64, i64>,
    seconds: f64,
}

impl Durations {
    pub fn observe(&mut self, seconds: f64) {
        self.seconds += seconds;
        match seconds <= ZERO {
            true => self.zero += 1,
            false => {
                let bucket = (seconds.log2() * BUCKETS_TO_A_DOUBLING).ceil() as i64;
                *self.buckets.entry(bucket).or_default() += 1;
            }
        }
    }

    pub fn count(&self) -> u64 {
        self.zero + self.buckets.values().sum::<i64>().unsigned_abs()
    }

    /// What a process that began at `started` exposes as `order_duration_seconds`.
    pub fn exposition(&self, started: SystemTime) -> Vec<u8> {
        let started = started.duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let start = Message::default().message(2, Message::default().double(1, started));
        let duration = Message::default().message(7, self.histogram());
        [family("process_start_time_seconds", 1, start), family("order_duration_seconds", 4, duration)].concat()
    }

    fn histogram(&self) -> Message {
        let histogram = Message::default()
            .number(1, self.count())
            .double(2, self.seconds)
            .number(5, zigzag(SCHEMA))
            .double(6, ZERO)
            .number(7, self.zero);
        self.with_buckets(histogram, 12, 13)
    }

    /// As it is remembered to have stood at a moment, in seconds since 1970.
    fn remembered(&self, at: i64) -> Message {
        let histogram = Message::default()
            .number(1, self.count())
            .double(3, self.seconds)
            .number(4, zigzag(SCHEMA))
            .double(5, ZERO)
            .number(6, self.zero);
        self.with_buckets(histogram, 11, 12).number(15, at.unsigned_abs() * 1_000)
    }

    /// A histogram whose buckets are spans in one field and differences in another.
    fn with_buckets(&self, mut histogram: Message, spans: u64, differences: u64) -> Message {
        let mut deltas = Message::default();
        let mut before = 0;
        for span in self.spans() {
            let offset = Message::default().number(1, zigzag(span.offset));
            histogram = histogram.message(spans, offset.number(2, span.counts.len() as u64));
            for count in span.counts {
                deltas = deltas.varint(zigzag(count - before));
                before = count;
            }
        }
        histogram.message(differences, deltas)
    }

    /// Runs of buckets without an empty one between them.
    fn spans(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        let mut next = 0;
        for (bucket, count) in &self.buckets {
            match spans.last_mut() {
                Some(span) if *bucket == next => span.counts.push(*count),
                _ => spans.push(Span { offset: bucket - next, counts: vec![*count] }),
            }
            next = bucket + 1;
        }
        spans
    }
}

/// Buckets that follow one another, and how far the first is from the end of the span before.
#[derive(Debug, PartialEq)]
struct Span {
    offset: i64,
    counts: Vec<i64>,
}

/// A body of remote write: how the durations of one series stood at moments, oldest first.
pub fn written(series: &[(&str, &str)], stood: impl Iterator<Item = (i64, Durations)>) -> Vec<u8> {
    body([stood.fold(labels(series), |series, (at, durations)| series.message(4, durations.remembered(at)))])
}

/// An `io.prometheus.client.MetricFamily` of one metric, its length before it.
fn family(name: &str, kind: u64, metric: Message) -> Vec<u8> {
    let family = Message::default().bytes(1, name.as_bytes()).number(3, kind).message(4, metric);
    Message::default().varint(family.0.len() as u64).0.into_iter().chain(family.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_that_follow_one_another_are_one_span() {
        let mut durations = Durations::default();
        for seconds in [0.0, 1.0, 1.0, 1.05, 0.25, 2.0] {
            durations.observe(seconds);
        }
        let span = |offset, counts: &[i64]| Span { offset, counts: counts.to_vec() };
        assert_eq!(durations.spans(), [span(-16, &[1]), span(15, &[2, 1]), span(6, &[1])]);
        assert_eq!(durations.count(), 6);
    }
}
