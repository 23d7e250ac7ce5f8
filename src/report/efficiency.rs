//! Who was charged for energy, what requests cost, and whether less is to be spent: as metrics and in the API's shape.
//! Never knows a meter.

use prometheus::proto::{MetricFamily, MetricType};

use crate::energy::Charge;
use crate::promql::names;
use crate::report::energy;
use crate::report::json::{self, Count};
use crate::report::metrics::{family, metric, pair, single};
use crate::report::number::{FINE, rounded};
use crate::report::snapshot::Snapshot;
use crate::tick::{Energy, PerRequest, Served, Totals};
use crate::units::{Grams, Timestamp};

/// The families of what was charged since the start; those without a series are empty.
pub fn charges(energy: &energy::Energy) -> Vec<MetricFamily> {
    let counter = |labels: &[(&str, &str)], value: f64| {
        metric(labels.iter().map(|(name, value)| pair(name, value)).collect(), MetricType::COUNTER, value)
    };
    let charges = || energy.charges.iter().flat_map(|charges| &charges.services);
    let joules = |charge: &Charge| counter(&[("service", &charge.service)], charge.energy.as_joules());
    let grams = |charge: &Charge| {
        let of = |scope, grams: Option<Grams>| {
            Some(counter(&[("service", &charge.service), ("scope", scope)], grams?.get()))
        };
        let scopes = [of("operational", charge.carbon.operational), of("embodied", charge.carbon.embodied)];
        scopes.into_iter().flatten().collect::<Vec<_>>()
    };
    let intensity = energy.intensity.iter().map(|intensity| {
        let labels = [("zone", intensity.zone.as_str()), ("kind", intensity.kind)];
        let labels = labels.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| pair(name, value));
        metric(labels.collect(), MetricType::GAUGE, intensity.per_kwh.get())
    });
    let mut families = vec![
        family(
            names::SERVICE_ENERGY,
            "Energy that a service was charged since the start, idle energy apart.",
            MetricType::COUNTER,
            charges().map(joules).collect(),
        ),
        family(
            names::SERVICE_CARBON,
            "Grams of CO2e of the energy that a service was charged, and its part of what it took to make the host.",
            MetricType::COUNTER,
            charges().flat_map(grams).collect(),
        ),
        family(
            names::CARBON_INTENSITY,
            "Grams of CO2e for each kilowatt hour of electricity.",
            MetricType::GAUGE,
            intensity.collect(),
        ),
    ];
    if let Some(charges) = &energy.charges {
        let single = |name, help, joules| single(name, help, MetricType::COUNTER, joules);
        let (idle, others) = (charges.idle.as_joules(), charges.unattributed.as_joules());
        families.push(single(
            names::IDLE_ENERGY,
            "Energy that the host had spent doing nothing, since the start.",
            idle,
        ));
        let help = "Energy since the start that is neither idle nor any service's.";
        families.push(single(names::UNATTRIBUTED_ENERGY, help, others));
    }
    families
}

/// The families that a tick knows of energy; those without a series are empty.
pub fn families(energy: &Energy) -> Vec<MetricFamily> {
    let of = |name: &str, help: &str, kind: MetricType, value: &dyn Fn(&Served) -> Option<f64>| {
        let series = |served: &Served| Some(metric(vec![pair("service", &served.service)], kind, value(served)?));
        family(name, help, kind, energy.services.iter().filter_map(series).collect())
    };
    let cost = |name: &str, help: &str, value: fn(&PerRequest) -> Option<f64>| {
        of(name, help, MetricType::GAUGE, &|served| value(served.cost.as_ref()?))
    };
    let mode = f64::from(u8::from(energy.kept.low_power.is_on()));
    vec![
        of(
            names::SERVICE_REQUESTS,
            "Requests of a service whose energy is measured, since they were first counted.",
            MetricType::COUNTER,
            &|served| served.requests,
        ),
        cost(
            names::SERVICE_JOULES_PER_REQUEST,
            "Energy of a service for each of its requests, over the last 5 minutes.",
            PerRequest::joules,
        ),
        cost(
            names::SERVICE_REQUESTS_PER_WATTHOUR,
            "Requests of a service for each watt-hour that it spent, over the last 5 minutes.",
            PerRequest::per_watthour,
        ),
        cost(
            names::SERVICE_GRAMS_PER_REQUEST,
            "Grams of CO2e for each request of a service, over the last 5 minutes.",
            PerRequest::grams,
        ),
        single(names::LOW_POWER_MODE, "1 while less is to be spent.", MetricType::GAUGE, mode),
    ]
}

/// Low-power mode as it is.
pub fn low_power(snapshot: &Snapshot) -> json::LowPower {
    let mode = &snapshot.energy.kept.low_power;
    json::LowPower {
        on: mode.is_on(),
        since: mode.since.as_ref().map(Timestamp::to_string),
        because: mode.cause.as_ref().map(ToString::to_string),
    }
}

/// What each service spent over the last minutes.
pub fn services(energy: &Energy) -> Vec<json::ServiceEnergy> {
    let service = |served: &Served| {
        let cost = served.cost.as_ref();
        json::ServiceEnergy {
            service: served.service.to_string(),
            over_seconds: cost.map(|cost| cost.over.as_seconds()),
            joules: cost.map(|cost| fine(cost.joules)),
            requests: cost.map(|cost| Count(cost.requests)),
            joules_per_request: cost.and_then(PerRequest::joules).map(fine),
            requests_per_watthour: cost.and_then(PerRequest::per_watthour).map(fine),
            grams: cost.and_then(|cost| Some(fine(cost.grams?.get()))),
            // A request costs millionths of a gram: rounded, it would cost nothing.
            grams_per_request: cost.and_then(PerRequest::grams),
        }
    };
    energy.services.iter().map(service).collect()
}

/// All that was measured since the ledger was made.
pub fn since_installation(totals: &Totals) -> json::SinceInstallation {
    let is_known = !totals.measured.is_zero();
    json::SinceInstallation {
        joules: is_known.then(|| fine(totals.energy.as_joules())),
        grams: totals.grams.map(fine),
        measured_seconds: totals.measured.as_seconds(),
        idle_watts: totals.idle.map(energy::told),
        typical_watts: totals.typical().map(energy::told),
        peak_watts: totals.peak.map(energy::told),
    }
}

fn fine(number: f64) -> f64 {
    rounded(number, FINE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use prometheus::TextEncoder;

    use super::*;
    use crate::units::{Grams, Span};

    fn shop(cost: Option<PerRequest>) -> Energy {
        let served = Served { service: "shop".into(), requests: Some(72_000.0), cost };
        let mut energy = Energy::default();
        energy.services = vec![served];
        energy
    }

    fn lines(energy: &Energy) -> Vec<String> {
        let mut families = families(energy);
        families.retain(|family| !family.get_metric().is_empty());
        let text = TextEncoder::new().encode_to_string(&families).unwrap();
        text.lines().filter(|line| !line.starts_with('#')).map(String::from).collect()
    }

    #[test]
    fn what_a_request_costs_is_told_by_service() {
        let grams = Grams::new(0.75);
        let cost = PerRequest { over: Span::minutes(5), requests: 30_000.0, joules: 15_000.0, grams };
        assert_eq!(
            lines(&shop(Some(cost))),
            [
                "burnwatch_service_requests_total{service=\"shop\"} 72000",
                "burnwatch_service_energy_joules_per_request{service=\"shop\"} 0.5",
                "burnwatch_service_requests_per_watthour{service=\"shop\"} 7200",
                "burnwatch_service_carbon_grams_per_request{service=\"shop\"} 0.000025",
                "burnwatch_low_power_mode 0",
            ]
        );
        let told = services(&shop(Some(cost))).remove(0);
        assert_eq!((told.joules_per_request, told.grams_per_request), (Some(0.5), Some(0.000_025)));
    }

    #[test]
    fn what_is_not_known_is_absent() {
        let requests = "burnwatch_service_requests_total{service=\"shop\"} 72000";
        assert_eq!(lines(&shop(None)), [requests, "burnwatch_low_power_mode 0"]);
        let free = PerRequest { over: Span::minutes(5), requests: 5.0, joules: 0.0, grams: None };
        let joules = "burnwatch_service_energy_joules_per_request{service=\"shop\"} 0";
        assert_eq!(lines(&shop(Some(free))), [requests, joules, "burnwatch_low_power_mode 0"]);
    }
}
