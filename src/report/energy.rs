//! What readers see of energy: what is known after each reading, as metrics and as the API tells it. What is not known is
//! absent there and null here, never 0.

use std::collections::BTreeMap;

use prometheus::TextEncoder;
use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

use crate::energy::{
    Basis, Charges, Intensity, Meter, MeterState, Method, Oddities, PartState, Reason, Role, Silent, Statement,
};
use crate::promql::names;
use crate::report::metrics::{family, metric, pair, single};
use crate::report::number::{DECIMALS, rounded};
use crate::report::{efficiency, json};
use crate::tick;
use crate::units::{Microjoules, Problem, Timestamp, Watts};

/// What is known after a reading.
#[derive(Debug, Clone, Default)]
pub struct Energy {
    /// When the meters were last read; `None` before.
    pub as_of: Option<Timestamp>,
    pub statement: Statement,
    /// What the host draws when it does nothing.
    pub idle: Option<Watts>,
    /// Who was charged since the start; `None` where nothing was measured.
    pub charges: Option<Charges>,
    /// What a kilowatt hour costs now.
    pub intensity: Option<Intensity>,
    /// What could not be read beside the meters.
    pub problems: Vec<Problem>,
}

/// `/api/v1/energy`.
pub fn answer(energy: &Energy, known: &tick::Energy) -> json::Energy {
    json::Energy {
        as_of: energy.as_of.map(|at| at.to_string()),
        power: power(&energy.statement, energy.idle),
        since_installation: efficiency::since_installation(&known.kept.totals),
        services: efficiency::services(known),
        meters: meters(&energy.statement),
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
pub fn text(energy: &Energy, known: &tick::Energy) -> String {
    let mut families = totals(&energy.statement);
    families.extend(power_gauges(&energy.statement));
    families.extend(efficiency::charges(energy));
    families.extend(efficiency::families(known));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::energy::{Host, Minute};
    use crate::report::example;
    use crate::units::Span;

    fn part(role: Role, meter: Meter, joules: Option<u64>) -> PartState {
        let method = if meter == Meter::Estimate { Method::Estimated } else { Method::Counter };
        PartState { role, meter, method, energy: joules.map(Microjoules::joules), watts: None }
    }

    fn package(socket: u32, die: Option<u32>, joules: Option<u64>) -> PartState {
        part(Role::Package { socket, die }, Meter::Rapl, joules)
    }

    fn energy(basis: Basis, parts: Vec<PartState>) -> Energy {
        let host = Host { basis: Some(basis), watts: Watts::new(61.2) };
        let statement = Statement { host, parts, ..Statement::default() };
        Energy { as_of: Some(example::noon()), statement, idle: Watts::new(20.0), ..Energy::default() }
    }

    /// The series of an exposition that the meters tell, without its comments.
    fn series(energy: &Energy) -> Vec<String> {
        let text = text(energy, &tick::Energy::default());
        let is_other = |line: &&str| line.starts_with('#') || line.starts_with(names::LOW_POWER_MODE);
        text.lines().filter(|line| !is_other(line)).map(str::to_string).collect()
    }

    #[test]
    fn dies_are_added_to_their_socket_and_a_sum_with_an_unknown_part_is_absent() {
        let of = |second| {
            energy(
                Basis::Components,
                vec![package(0, Some(0), Some(30)), package(0, Some(1), second), package(1, None, Some(7))],
            )
        };
        let [first, other] = [r#"socket="0""#, r#"socket="1""#]
            .map(|socket| format!("burnwatch_host_energy_joules_total{{component=\"package\",{socket}}}"));
        assert_eq!(series(&of(Some(20))), [format!("{first} 50"), format!("{other} 7")]);
        assert_eq!(series(&of(None)), [format!("{other} 7")]);
    }

    #[test]
    fn parts_and_wholes_of_the_host_have_names_of_their_own() {
        let parts = vec![
            part(Role::Core { socket: 0, die: None }, Meter::Rapl, Some(1)),
            part(Role::Platform { id: 0 }, Meter::Rapl, Some(2)),
            part(Role::Platform { id: 1 }, Meter::Rapl, Some(3)),
            part(Role::Platform { id: 0 }, Meter::Hwmon, Some(4)),
            part(Role::Gpu { gpu: "0".into() }, Meter::Nvml, Some(6)),
        ];
        let expected = [
            r#"burnwatch_host_subdomain_energy_joules_total{domain="core",socket="0"} 1"#,
            r#"burnwatch_platform_energy_joules_total{meter="hwmon"} 4"#,
            r#"burnwatch_platform_energy_joules_total{meter="psys"} 5"#,
            r#"burnwatch_gpu_energy_joules_total{gpu="0"} 6"#,
        ];
        assert_eq!(series(&energy(Basis::Platform, parts)), expected);
    }

    #[test]
    fn a_guess_never_stands_beside_what_was_counted() {
        let guess = part(Role::Package { socket: 0, die: None }, Meter::Estimate, Some(9));
        let parts = vec![package(0, None, Some(1)), guess];
        let [counted, guessed] =
            [Basis::Components, Basis::Estimate].map(|basis| series(&energy(basis, parts.clone())).join(" "));
        assert!(counted.ends_with("} 1") && guessed.ends_with("} 9"), "{counted} {guessed}");
    }

    #[test]
    fn a_meter_tells_how_it_is_and_what_was_odd() {
        let oddities = Oddities { wraps: 3, resets: 2, gaps: 1, errors: [(Reason::Permission, 5)].into() };
        let state =
            MeterState { meter: Meter::Rapl, is_up: false, method: None, silent: Some(Reason::Permission), oddities };
        let statement = Statement { meters: vec![state], ..Statement::default() };
        let expected = [
            r#"burnwatch_meter_up{meter="rapl"} 0"#,
            r#"burnwatch_meter_wraps_total{meter="rapl"} 3"#,
            r#"burnwatch_meter_resets_total{meter="rapl"} 2"#,
            r#"burnwatch_meter_gaps_total{meter="rapl"} 1"#,
            r#"burnwatch_meter_read_errors_total{meter="rapl",reason="permission"} 5"#,
        ];
        assert_eq!(series(&Energy { statement, ..Energy::default() }), expected);
        assert_eq!(series(&Energy::default()), [""; 0]);
    }

    #[test]
    fn the_answer_has_the_documented_shape_and_null_for_what_is_not_known() {
        let mut energy = energy(Basis::Components, Vec::new());
        let unknown = json!({"joules": null, "grams": null, "measured_seconds": 0.0, "idle_watts": null,
            "typical_watts": null, "peak_watts": null});
        let told = |energy: &Energy| serde_json::to_value(answer(energy, &tick::Energy::default())).unwrap();
        let power = json!({"now_watts": 61.2, "mean_watts": null, "peak_watts": null, "idle_watts": 20.0, "basis": "components"});
        assert_eq!(
            told(&energy),
            json!({"as_of": "2026-11-20T12:00:00Z", "power": power,
            "since_installation": unknown, "services": [], "meters": []})
        );
        energy.statement.minute = Some(Minute {
            at: example::noon(),
            measured: Span::minutes(1),
            basis: Some(Basis::Components),
            energy: None,
            mean: Watts::new(58.0),
            peak: Watts::new(90.1),
        });
        let power = told(&energy)["power"].clone();
        assert_eq!((&power["mean_watts"], &power["peak_watts"]), (&json!(58.0), &json!(90.1)));
        assert!(series(&energy).contains(&"burnwatch_host_power_watts 58".to_string()));
    }
}
