//! Which SLO counts the requests of each service whose energy is measured. Never knows a joule.

use std::sync::Arc;

use crate::energy::Rule;
use crate::slos::{Sli, Slo};
use crate::units::{Place, Problem};

/// What of the configuration's `power` a tick needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Metering {
    pub services: Vec<MeteredService>,
    /// Whose power it is: what the host calls itself.
    pub host: String,
    /// When low-power mode is entered without being asked for.
    pub low_power: Option<Rule>,
}

impl Metering {
    pub const NOTHING: Metering = Metering { services: Vec::new(), host: String::new(), low_power: None };
}

/// A service whose energy is measured, as it is declared.
#[derive(Debug, Clone, PartialEq)]
pub struct MeteredService {
    pub name: Box<str>,
    /// The SLO of this service that counts its requests, where one is named.
    pub requests: Option<String>,
    /// Where it is declared.
    pub place: Place,
}

/// A service whose energy is measured, and the SLO whose total is its requests, by its place in the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Metered {
    pub service: Box<str>,
    pub requests: Option<usize>,
}

/// Finds the SLO that counts each service's requests: the one that is named, else its only one that counts events.
pub fn metered(metering: &Metering, slos: &[Arc<Slo>], problems: &mut Vec<Problem>) -> Vec<Metered> {
    let metered = |service: &MeteredService| {
        let requests = requests(service, slos, problems);
        Metered { service: service.name.clone(), requests }
    };
    metering.services.iter().map(metered).collect()
}

fn requests(service: &MeteredService, slos: &[Arc<Slo>], problems: &mut Vec<Problem>) -> Option<usize> {
    let own: Vec<usize> = (0..slos.len()).filter(|slo| slos[*slo].id.service == service.name).collect();
    let of =
        |counts: fn(&Sli) -> bool| own.iter().copied().filter(move |slo| counts(&slos[*slo].sli)).collect::<Vec<_>>();
    let name = &service.name;
    let problem = match (&service.requests, &of(|sli| matches!(sli, Sli::Events(_)))[..]) {
        (Some(wanted), _) => {
            let counting = of(counts_requests);
            if let Some(found) = counting.iter().find(|slo| *slos[**slo].id.slo == **wanted) {
                return Some(*found);
            }
            let what = format!("{name} has no SLO {wanted:?} that counts requests");
            Problem::error("requests", what, choice(&counting, slos))
        }
        (None, [only]) => return Some(*only),
        (None, []) => {
            let what = format!("no SLO counts the requests of {name}: its energy is known, and none by request");
            Problem::note("requests", what, choice(&of(counts_requests), slos))
        }
        (None, several) => {
            let what = format!("{name} has {} SLOs that may count its requests", several.len());
            Problem::error("requests", what, choice(several, slos))
        }
    };
    problems.push(problem.at(&service.place));
    None
}

/// Whether the total of an SLI may be requests; slices of time are none.
fn counts_requests(sli: &Sli) -> bool {
    match sli {
        Sli::Events(_) | Sli::Expressions { .. } | Sli::Latency { .. } => true,
        Sli::Up { .. } | Sli::Value { .. } | Sli::Own { .. } => false,
    }
}

fn choice(among: &[usize], slos: &[Arc<Slo>]) -> String {
    let names: Vec<String> = among.iter().map(|slo| format!("requests: {}", slos[*slo].id.slo)).collect();
    match &names[..] {
        [] => "declare one in its SLO file".into(),
        names => format!("write {}", names.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slos::read;

    const SLOS: &str = "
service: shop
slos:
  - { name: up, objective: 99%, sli: { up: up } }
  - { name: errors, objective: 99%, sli: { bad: b, total: t } }
  - { name: latency, objective: 99%, sli: { histogram: h_seconds, under: 1s } }
---
service: search
slos:
  - { name: errors, objective: 99%, sli: { bad: b, total: t } }
  - { name: misses, objective: 99%, sli: { bad: m, total: t } }
---
service: batch
slos: [{ name: up, objective: 99%, sli: { up: up } }]
";

    #[track_caller]
    fn check(service: &str, requests: Option<&str>, expected: Result<usize, &str>) {
        let (slos, problems) = read("f", SLOS);
        assert_eq!(problems, []);
        let slos: Vec<Arc<Slo>> = slos.into_iter().map(Arc::new).collect();
        let requests = requests.map(String::from);
        let service = MeteredService { name: service.into(), requests, place: Place::of_file("burnwatch.yaml") };
        let metering = Metering { services: vec![service], ..Metering::NOTHING };
        let mut problems = Vec::new();
        let found = metered(&metering, &slos, &mut problems)[0].requests;
        let told: Vec<String> = problems.iter().map(|problem| problem.to_string()).collect();
        match expected {
            Ok(slo) => assert_eq!((found, told), (Some(slo), Vec::new())),
            Err(told_of) => assert_eq!((found, told), (None, vec![format!("burnwatch.yaml: {told_of}")])),
        }
    }

    #[test]
    fn the_requests_of_a_service_are_the_total_of_the_slo_that_is_named_or_of_its_only_one() {
        check("shop", None, Ok(1));
        check("shop", Some("latency"), Ok(2));
        check("search", Some("misses"), Ok(4));
    }

    #[test]
    fn which_slo_is_meant_has_to_be_said_where_it_is_not_clear() {
        check(
            "search",
            None,
            Err("search has 2 SLOs that may count its requests; write requests: errors or requests: misses"),
        );
        check(
            "shop",
            Some("up"),
            Err("shop has no SLO \"up\" that counts requests; write requests: errors or requests: latency"),
        );
        let energy_only = "counts the requests of batch: its energy is known, and none by request";
        check("batch", None, Err(&format!("no SLO {energy_only}; declare one in its SLO file")));
    }
}
