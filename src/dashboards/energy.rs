//! What the host and its services spend: watts, joules and grams.

use crate::dashboards::grafana::{Dashboard, Variable};
use crate::dashboards::layout::placed;
use crate::dashboards::panel::{lines, rate, stat};
use crate::promql::names;

pub fn dashboard(datasource: &str) -> Dashboard {
    let about = "Power of the host, joules and grams per request";
    let mut dashboard = Dashboard::new("burnwatch-energy", "burnwatch: energy", about, "now-24h");
    dashboard.templating.list =
        vec![Variable::datasource(datasource), Variable::several("service", "Service", names::SERVICE_ENERGY)];
    let watts = |by: &str, name: &str| format!("sum by ({by}) (rate({name}[$__rate_interval]))");
    let last = |name: &str| format!("max by (service) ({name}{{service=~\"$service\"}})");
    dashboard.panels = placed(vec![
        stat("Power", "Mean of the last finished minute", "watt")
            .asking(sum(names::HOST_POWER), "")
            .or_else("no meter"),
        stat("Peak", "The highest second of the last finished minute", "watt")
            .asking(sum(names::HOST_POWER_PEAK), "")
            .or_else("no meter"),
        stat("Carbon intensity", "Grams of CO2e for each kilowatt hour of electricity", "short")
            .asking(format!("max({})", names::CARBON_INTENSITY), "")
            .or_else("not set"),
        stat("Low-power mode", "Whether burnwatch and its workloads are asked to spend less", "bool_yes_no")
            .asking(format!("max({})", names::LOW_POWER_MODE), "")
            .or_else("not set"),
        stat("Meters", "How many meters can be read", "short")
            .asking(format!("sum({})", names::METER_UP), "")
            .or_else("none"),
        stat("Carbon", "Grams of CO2e that all services caused in the last day", "massg")
            .asking(format!("sum(increase({}[1d]))", names::SERVICE_CARBON), "")
            .or_else("unknown"),
        lines("Host power", "By component; together they are the host", "watt")
            .asking(watts("component", names::HOST_ENERGY), "{{component}}")
            .between(Some(0.0), None)
            .stacked(),
        lines("Power by service", "What each service spends, idle power apart", "watt")
            .asking(watts("service", &format!("{}{{service=~\"$service\"}}", names::SERVICE_ENERGY)), "{{service}}")
            .asking(rate(names::UNATTRIBUTED_ENERGY), "unattributed")
            .asking(rate(names::IDLE_ENERGY), "idle")
            .between(Some(0.0), None)
            .stacked(),
        lines("Joules per request", "Over the last five minutes", "joule")
            .asking(last(names::SERVICE_JOULES_PER_REQUEST), "{{service}}")
            .between(Some(0.0), None),
        lines("Grams of CO2e per request", "Over the last five minutes", "massg")
            .asking(last(names::SERVICE_GRAMS_PER_REQUEST), "{{service}}")
            .between(Some(0.0), None),
        lines("Requests per watt hour", "Over the last five minutes", "short")
            .asking(last(names::SERVICE_REQUESTS_PER_WATTHOUR), "{{service}}")
            .between(Some(0.0), None),
        lines("Carbon by service", "Grams of CO2e an hour, operational and embodied", "massg")
            .asking(
                format!(
                    "3600 * sum by (service, scope) (rate({}{{service=~\"$service\"}}[$__rate_interval]))",
                    names::SERVICE_CARBON
                ),
                "{{service}} {{scope}}",
            )
            .between(Some(0.0), None),
    ]);
    dashboard
}

fn sum(name: &str) -> String {
    format!("sum({name})")
}
