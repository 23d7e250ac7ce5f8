//! What the evaluate loop tells of itself under `/metrics`.

use std::time::Duration;

use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, exponential_buckets,
};

use crate::daemon::source::Round;
use crate::plan::Facts;
use crate::promql::names;
use crate::units::Timestamp;

/// What is told of notices on their way.
#[derive(Clone)]
pub struct Notifications {
    total: IntCounterVec,
    pub pending: IntGauge,
}

impl Notifications {
    /// Registers them, as [`Gauges::build`] does.
    pub fn build(registry: &Registry) -> Result<Notifications, prometheus::Error> {
        let total = Opts::new(names::NOTIFICATIONS, "Notices sent, by channel and by what became of it");
        let notifications = Notifications {
            total: IntCounterVec::new(total, &["channel", "outcome"])?,
            pending: IntGauge::new(
                names::NOTIFICATIONS_PENDING,
                "Notices that are not delivered yet, of all channels",
            )?,
        };
        registry.register(Box::new(notifications.total.clone()))?;
        registry.register(Box::new(notifications.pending.clone()))?;
        Ok(notifications)
    }

    /// `outcome`: delivered, retried or given_up.
    pub fn sent(&self, channel: &str, outcome: &str) {
        self.total.with_label_values(&[channel, outcome]).inc();
    }
}

/// What is told of how the files were read last.
#[derive(Clone)]
pub struct Readings {
    successful: Gauge,
    success: Gauge,
}

impl Readings {
    /// Registers them, as [`Gauges::build`] does.
    pub fn build(registry: &Registry) -> Result<Readings, prometheus::Error> {
        let help = "Whether all that the configuration and the SLO files said was taken up when they were last read";
        let successful = Gauge::new(names::RELOAD_SUCCESSFUL, help)?;
        let help = "When all that the configuration and the SLO files said was last taken up";
        let success = Gauge::new(names::RELOAD_SUCCESS_TIME, help)?;
        registry.register(Box::new(successful.clone()))?;
        registry.register(Box::new(success.clone()))?;
        Ok(Readings { successful, success })
    }

    pub fn read(&self, is_successful: bool, now: Timestamp) {
        self.successful.set(if is_successful { 1.0 } else { 0.0 });
        if is_successful {
            self.success.set(now.as_millis() as f64 / 1_000.0);
        }
    }
}

pub struct Gauges {
    tick_duration: Histogram,
    source_up: Gauge,
    queries: IntCounterVec,
    samples: IntCounter,
    series: GaugeVec,
}

impl Gauges {
    /// Registers them. An error only where two of a kind are registered.
    pub fn build(registry: &Registry) -> Result<Gauges, prometheus::Error> {
        let durations = HistogramOpts::new(names::TICK_DURATION, "How long an evaluation took, its queries included")
            .buckets(exponential_buckets(0.001, 4.0, 8)?);
        let gauges = Gauges {
            tick_duration: Histogram::with_opts(durations)?,
            source_up: Gauge::new(names::SOURCE_UP, "Whether the source answered anything at the last evaluation")?,
            queries: IntCounterVec::new(
                Opts::new(names::SOURCE_QUERIES, "Questions put to the source, by whether they were answered"),
                &["outcome"],
            )?,
            samples: IntCounter::new(names::SOURCE_SAMPLES, "Raw samples read from the source")?,
            series: GaugeVec::new(Opts::new(names::SOURCE_SERIES, "Series that a query reads"), &["query"])?,
        };
        registry.register(Box::new(gauges.tick_duration.clone()))?;
        registry.register(Box::new(gauges.source_up.clone()))?;
        registry.register(Box::new(gauges.queries.clone()))?;
        registry.register(Box::new(gauges.samples.clone()))?;
        registry.register(Box::new(gauges.series.clone()))?;
        Ok(gauges)
    }

    pub fn tick_took(&self, duration: Duration) {
        self.tick_duration.observe(duration.as_secs_f64());
    }

    pub fn asked(&self, is_up: bool, round: &Round) {
        self.source_up.set(if is_up { 1.0 } else { 0.0 });
        for piece in &round.pieces {
            let outcome = if piece.answer.is_ok() { "answered" } else { "failed" };
            self.queries.with_label_values(&[outcome]).inc();
        }
        self.samples.inc_by(round.samples as u64);
    }

    pub fn learned(&self, facts: &Facts) {
        self.series.reset();
        for (query, count) in &facts.series {
            self.series.with_label_values(&[query]).set(*count as f64);
        }
    }
}
