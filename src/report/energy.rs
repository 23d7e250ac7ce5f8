//! What readers see of energy: what is known after each reading, as metrics and as the API tells it. What is not known is
//! absent there and null here, never 0.

use std::collections::BTreeMap;

use prometheus::TextEncoder;
use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

use crate::energy::{Basis, Meter, MeterState, Method, Oddities, PartState, Reason, Role, Silent, Statement};
use crate::promql::names;
use crate::report::json;
use crate::report::metrics::{family, metric, pair, single};
use crate::report::number::{DECIMALS, rounded};
use crate::units::{Microjoules, Timestamp, Watts};

/// What is known after a reading.
#[derive(Debug, Clone, Default)]
pub struct Energy {
    /// When the meters were last read; `None` before.
    pub as_of: Option<Timestamp>,
    pub statement: Statement,
    /// What the host draws when it does nothing.
    pub idle: Option<Watts>,
}

/// `/api/v1/energy`.
pub fn answer(energy: &Energy) -> json::Energy {
    json::Energy {
        as_of: energy.as_of.map(|at| at.to_string()),
        power: power(&energy.statement, energy.idle),
        meters: meters(&energy.statement),
        ..json::Energy::default()
    }
}

pub fn power(statement: &Statement, idle: Option<Watts>) -> json::Power {
    let minute = statement.minute;
    json::Power {
        now_watts: statement.host.watts.map(told),
        mean_watts: minute.and_then(|minute| minute.mean).map(told),
        peak_watts: minute.and_then(|minute| minute.peak).map(told),
        idle_watts: idle.map(told),
        basis: statement.host.basis.map(|basis| basis.name().to_string()),
    }
}

pub fn meters(statement: &Statement) -> Vec<json::Meter> {
    let meter = |state: &MeterState| json::Meter {
        meter: state.meter.name().to_string(),
        up: state.is_up,
        method: state.method.map(|method| method.name().to_string()),
        reason: statement.silent.iter().find(|silent| silent.meter == state.meter).map(Silent::to_string),
    };
    statement.meters.iter().map(meter).collect()
}

pub fn told(watts: Watts) -> f64 {
    rounded(watts.get(), DECIMALS)
}

/// The energy metrics, encoded.
pub fn text(energy: &Energy) -> String {
    let mut families = totals(&energy.statement);
    families.extend(power_gauges(&energy.statement));
    families.extend(meter_families(&energy.statement.meters));
    families.retain(|family| !family.get_metric().is_empty());
    // Encoding fails only for families without a name or without series, and there are none.
    TextEncoder::new().encode_to_string(&families).unwrap_or_default()
}

type Label = (&'static str, String);

fn totals(statement: &Statement) -> Vec<MetricFamily> {
    let is_guessed = statement.host.basis == Some(Basis::Estimate);
    let socket = |name: &'static str, value: &str, socket: u32| {
        Some(vec![(name, value.to_string()), ("socket", socket.to_string())])
    };
    let host = |part: &PartState| match part.role {
        // Guesses never stand beside what was counted.
        _ if (part.method == Method::Estimated) != is_guessed => None,
        Role::Package { socket: of, .. } => socket("component", "package", of),
        Role::Dram { socket: of, .. } => socket("component", "dram", of),
        Role::Core { .. } | Role::Uncore { .. } | Role::Platform { .. } | Role::Gpu { .. } => None,
    };
    let subdomain = |part: &PartState| match part.role {
        Role::Core { socket: of, .. } => socket("domain", "core", of),
        Role::Uncore { socket: of, .. } => socket("domain", "uncore", of),
        Role::Package { .. } | Role::Dram { .. } | Role::Platform { .. } | Role::Gpu { .. } => None,
    };
    let platform = |part: &PartState| match part.role {
        Role::Platform { .. } => Some(vec![("meter", part.meter.platform().to_string())]),
        _ => None,
    };
    let gpu = |part: &PartState| match &part.role {
        Role::Gpu { gpu } => Some(vec![("gpu", gpu.clone())]),
        _ => None,
    };
    let parts = &statement.parts;
    vec![
        total(
            names::HOST_ENERGY,
            "Energy of the host's packages and memory since the start; their sum is the host's.",
            parts,
            host,
        ),
        total(
            names::HOST_SUBDOMAIN_ENERGY,
            "Energy of cores and graphics since the start; they are parts of their package and must not be added to it.",
            parts,
            subdomain,
        ),
        total(
            names::PLATFORM_ENERGY,
            "Energy of the whole machine since the start, as a meter outside of the processors tells it.",
            parts,
            platform,
        ),
        total(names::GPU_ENERGY, "Energy of a graphics processor since the start.", parts, gpu),
    ]
}

/// Parts of the same labels are added up; a sum of which a part is not known is not known.
fn total(
    name: &str,
    help: &str,
    parts: &[PartState],
    labels: impl Fn(&PartState) -> Option<Vec<Label>>,
) -> MetricFamily {
    let mut sums: BTreeMap<Vec<Label>, Option<Microjoules>> = BTreeMap::new();
    for part in parts {
        let Some(labels) = labels(part) else { continue };
        let sum = sums.entry(labels).or_insert(Some(Microjoules::ZERO));
        *sum = sum.zip(part.energy).map(|(sum, energy)| sum + energy);
    }
    let known = sums.into_iter().filter_map(|(labels, sum)| Some((labels, sum?.as_joules())));
    family(name, help, MetricType::COUNTER, known.map(|(labels, joules)| counter(&labels, joules)).collect())
}

fn power_gauges(statement: &Statement) -> Vec<MetricFamily> {
    let minute = statement.minute;
    let gauge = |name, help, watts: Option<Watts>| Some(single(name, help, MetricType::GAUGE, watts?.get()));
    let mean = "Mean power of the host over the last minute that ended: packages and memory, else the whole platform, else an \
                estimate, as burnwatch_meter_info tells.";
    let peak = "The highest power of the host in the last minute that ended.";
    [
        gauge(names::HOST_POWER, mean, minute.and_then(|minute| minute.mean)),
        gauge(names::HOST_POWER_PEAK, peak, minute.and_then(|minute| minute.peak)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn meter_families(meters: &[MeterState]) -> Vec<MetricFamily> {
    let meter = |meter: Meter| vec![("meter", meter.name().to_string())];
    let up = |state: &MeterState| gauge(&meter(state.meter), f64::from(u8::from(state.is_up)));
    let info = |state: &MeterState| {
        let method = ("method", state.method?.name().to_string());
        Some(gauge(&[meter(state.meter), vec![method]].concat(), 1.0))
    };
    let errors = |state: &MeterState| {
        let labels = meter(state.meter);
        let of = |(reason, count): (&Reason, &u64)| {
            counter(&[labels.clone(), vec![("reason", reason.name().to_string())]].concat(), *count as f64)
        };
        state.oddities.errors.iter().map(of).collect::<Vec<_>>()
    };
    let odd = |name, help, count: fn(&Oddities) -> u64| {
        let series = |state: &MeterState| counter(&meter(state.meter), count(&state.oddities) as f64);
        family(name, help, MetricType::COUNTER, meters.iter().map(series).collect())
    };
    vec![
        family(names::METER_UP, "Whether the meter can be read.", MetricType::GAUGE, meters.iter().map(up).collect()),
        family(
            names::METER_INFO,
            "Always 1; how the meter knows energy: counter, integrated from power, or estimated.",
            MetricType::GAUGE,
            meters.iter().filter_map(info).collect(),
        ),
        odd(names::METER_WRAPS, "How often a counter of the meter began at 0 again, being full.", |odd| odd.wraps),
        odd(names::METER_RESETS, "How often a counter of the meter began anew, adding nothing.", |odd| odd.resets),
        odd(names::METER_GAPS, "How often a counter of the meter may have wrapped unseen.", |odd| odd.gaps),
        family(
            names::METER_READ_ERRORS,
            "How often a zone of the meter could not be read, by reason.",
            MetricType::COUNTER,
            meters.iter().flat_map(errors).collect(),
        ),
    ]
}

fn gauge(labels: &[Label], value: f64) -> Metric {
    metric(pairs(labels), MetricType::GAUGE, value)
}

fn counter(labels: &[Label], value: f64) -> Metric {
    metric(pairs(labels), MetricType::COUNTER, value)
}

fn pairs(labels: &[Label]) -> Vec<LabelPair> {
    labels.iter().map(|(name, value)| pair(name, value)).collect()
}
