//! The services that are charged for energy, as the configuration names them, and when low-power mode is entered.
//! Never reads what they use.

use std::path::PathBuf;

use crate::energy::Rule;
use crate::slos::Name;
use crate::units::{Place, Problem, Ratio, Span};
use crate::yaml::{Entry, Fields, Node, Number};

/// What systemd gives a cgroup of its own.
const UNITS: [&str; 3] = [".service", ".slice", ".scope"];

/// Mean power has to be high for so long where nobody says for how long.
const LASTING: Span = Span::minutes(5);

/// A service that is charged.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    pub name: Box<str>,
    pub claim: Claim,
    /// The SLO of this service whose total is its requests, where one is named.
    pub requests: Option<String>,
    /// Where it is declared.
    pub place: Place,
}

/// By what it is charged.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// The CPU time of a systemd unit, wherever its cgroup is.
    Unit(String),
    /// That of the cgroup at a path below the root of all.
    Cgroup(PathBuf),
    /// This part of what the host does not draw anyway.
    Share(Ratio),
}

/// The services below the key `services`.
pub fn services(node: &Node, problems: &mut Vec<Problem>) -> Vec<Service> {
    let Some(mut fields) = Fields::of(node, "\"services\"", problems) else { return Vec::new() };
    let entries = fields.family("the name of a service", |_| true);
    let mut shares = 0.0;
    let mut services = Vec::new();
    for (name, entry) in entries {
        let Some(service) = service(name, entry, fields.problems) else { continue };
        shares += if let Claim::Share(share) = &service.claim { share.get() } else { 0.0 };
        services.push(service);
    }
    if shares > 1.0 + f64::EPSILON {
        let what = format!("the shares of all services are {:.1} % together", shares * 100.0);
        fields.problems.push(Problem::error("share", what, "keep them within 100 %").at(&node.place));
    }
    fields.done();
    services
}

fn service(name: &str, entry: &Entry, problems: &mut Vec<Problem>) -> Option<Service> {
    entry.key.read::<Name>("services", problems)?;
    let before = problems.len();
    let mut fields = Fields::of(&entry.value, "a service", problems)?;
    let place = &entry.key.place;
    let told = [
        fields.take("unit").and_then(|node| unit(node, fields.problems)),
        fields.take("cgroup").and_then(|node| cgroup(node, fields.problems)),
        fields.take("share").and_then(|node| share(node, fields.problems)),
    ];
    let requests = fields.read::<Name>("requests").map(|name| name.as_str().to_string());
    let mut told = told.into_iter().flatten();
    let (claim, second) = (told.next(), told.next());
    if second.is_some() {
        let what = format!("{name} is charged in two ways");
        fields.problems.push(Problem::error("services", what, "keep one of unit, cgroup and share").at(place));
    } else if claim.is_none() && fields.problems.len() == before && fields.unread().next().is_none() {
        let what = format!("nothing says what {name} is charged for");
        let remedy = format!("write unit: {name}.service, cgroup: /path, or share: 10%");
        fields.problems.push(Problem::error("services", what, remedy).at(place));
    }
    fields.done();
    Some(Service { name: name.into(), claim: claim?, requests, place: place.clone() })
}

fn unit(node: &Node, problems: &mut Vec<Problem>) -> Option<Claim> {
    let unit = node.text().unwrap_or_default();
    if !unit.contains('/') && UNITS.iter().any(|kind| unit.ends_with(kind) && unit != *kind) {
        return Some(Claim::Unit(unit.into()));
    }
    let what = format!("{unit:?} is no unit with a cgroup");
    problems.push(Problem::error("unit", what, "write one such as checkout.service").at(&node.place));
    None
}

fn cgroup(node: &Node, problems: &mut Vec<Problem>) -> Option<Claim> {
    let path = PathBuf::from(node.text().unwrap_or_default());
    if path.is_absolute() && !path.components().any(|part| part == std::path::Component::ParentDir) {
        return Some(Claim::Cgroup(path));
    }
    let what = format!("{:?} is no path of a cgroup", path.display().to_string());
    let remedy = "write it from the root of all, such as /system.slice/checkout.service";
    problems.push(Problem::error("cgroup", what, remedy).at(&node.place));
    None
}

fn share(node: &Node, problems: &mut Vec<Problem>) -> Option<Claim> {
    let text = node.text().unwrap_or_default();
    let percent = text.strip_suffix('%').and_then(|number| number.trim_end().parse::<Number>().ok());
    match percent {
        Some(Number(percent)) if percent > 0.0 && percent <= 100.0 => Some(Claim::Share(Ratio::held(percent / 100.0))),
        _ => {
            let what = format!("share {text:?} is no percentage above 0% and up to 100%");
            problems.push(Problem::error("share", what, "write one such as 10%").at(&node.place));
            None
        }
    }
}

/// When low-power mode is entered: the key `low_power`.
pub fn low_power(node: &Node, problems: &mut Vec<Problem>) -> Option<Rule> {
    let mut fields = Fields::of(node, "low-power mode", problems)?;
    let (above, place) = (fields.read("above"), fields.place_of("for"));
    let lasting = fields.read("for").unwrap_or(LASTING);
    if let (true, Some(place)) = (lasting < Span::minutes(1), place) {
        let what = format!("for {lasting} is less than a minute, and power is judged by the minute");
        fields.problems.push(Problem::error("for", what, "write 1m or more").at(place));
    }
    fields.done();
    Some(Rule { above, lasting })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::units::Watts;
    use crate::yaml::documents;

    fn read<T>(text: &str, read: impl Fn(&Node, &mut Vec<Problem>) -> T) -> (T, Vec<String>) {
        let (nodes, mut problems) = documents("f", text);
        let read = read(&nodes[0], &mut problems);
        (read, problems.iter().map(ToString::to_string).collect())
    }

    #[track_caller]
    fn check(service: &str, expected: &str) {
        assert_eq!(read(&format!("shop: {service}"), services).1, [expected]);
    }

    #[test]
    fn a_service_is_charged_by_its_unit_its_cgroup_or_its_share() {
        let text = "checkout: { unit: checkout.service, requests: availability }\n\
                    search: { cgroup: /kube/search }\nbatch: { share: 12.5 % }\n";
        let (services, problems) = read(text, services);
        assert_eq!(problems, [""; 0]);
        let told = services.iter().map(|service| (&*service.name, &service.claim, service.requests.as_deref()));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                ("checkout", &Claim::Unit("checkout.service".into()), Some("availability")),
                ("search", &Claim::Cgroup("/kube/search".into()), None),
                ("batch", &Claim::Share(Ratio::held(0.125)), None),
            ]
        );
    }

    #[test]
    fn says_what_is_wrong_with_a_service() {
        check(
            "{}",
            "f:1:1: nothing says what shop is charged for; write unit: shop.service, cgroup: /path, or share: 10%",
        );
        check(
            "{ unit: a.service, share: 5% }",
            "f:1:1: shop is charged in two ways; keep one of unit, cgroup and share",
        );
        check("{ unit: shop }", "f:1:15: \"shop\" is no unit with a cgroup; write one such as checkout.service");
        check(
            "{ cgroup: ../shop }",
            "f:1:17: \"../shop\" is no path of a cgroup; write it from the root of all, such as \
             /system.slice/checkout.service",
        );
        let remedy = "is no percentage above 0% and up to 100%; write one such as 10%";
        check("{ share: 0.1 }", &format!("f:1:16: share \"0.1\" {remedy}"));
        check("{ share: 101% }", &format!("f:1:16: share \"101%\" {remedy}"));
        check("{ unti: a.service }", "f:1:9: \"unti\" is not a key of a service; write \"unit\"");
        assert_eq!(
            read("a b: { share: 5% }", services).1,
            ["f:1:1: the name \"a b\" has ' ' in it; use the letters a-z and A-Z, digits, _ . and -"]
        );
        assert_eq!(
            read("{ a: { share: 60% }, b: { share: 60% } }", services).1,
            ["f:1:1: the shares of all services are 120.0 % together; keep them within 100 %"]
        );
    }

    #[test]
    fn low_power_mode_is_entered_after_five_minutes_unless_something_else_is_said() {
        let rule = |above, lasting| Some(Rule { above: Watts::new(above), lasting });
        assert_eq!(read("{ above: 150W, for: 10m }", low_power).0, rule(150.0, Span::minutes(10)));
        assert_eq!(read("{ above: 150W }", low_power).0, rule(150.0, LASTING));
        assert_eq!(read("{}", low_power), (Some(Rule { above: None, lasting: LASTING }), Vec::new()));
        assert_eq!(
            read("{ above: 150W, for: 30s }", low_power).1,
            ["f:1:16: for 30s is less than a minute, and power is judged by the minute; write 1m or more"]
        );
    }
}
