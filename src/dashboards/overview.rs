//! All SLOs at a glance, the worst first.

use crate::dashboards::grafana::{Dashboard, Panel, Variable};
use crate::dashboards::layout::placed;
use crate::dashboards::panel::{bars, budget_cells, lines, stat, table};
use crate::promql::names;

pub fn dashboard(datasource: &str) -> Dashboard {
    let about = "Every SLO: what is left of its error budget, how fast it burns, and what fires";
    let mut dashboard = Dashboard::new("burnwatch-overview", "burnwatch: overview", about, "now-24h");
    dashboard.templating.list = vec![
        Variable::datasource(datasource),
        Variable::several("service", "Service", names::SLO_INFO),
        Variable::several("owner", "Owner", names::SLO_INFO),
    ];
    let (left, state) = (chosen(names::SLO_BUDGET_REMAINING), chosen_where(names::SLO_STATE, "state=\"no_data\""));
    let active = |severity| chosen_where(names::ALERT_ACTIVE, severity);
    dashboard.panels = placed(vec![
        stat("SLOs", "How many SLOs are declared", "short").asking(format!("count({})", chosen(names::SLO_INFO)), ""),
        stat("Exhausted", "SLOs whose error budget is spent", "short")
            .asking(format!("count({left} <= 0) or vector(0)"), "")
            .coloured_by_alarm(),
        stat("Pages", "SLOs that burn so fast that somebody is paged", "short")
            .asking(format!("sum({}) or vector(0)", active("severity=\"page\"")), "")
            .coloured_by_alarm(),
        stat("Tickets", "SLOs that burn faster than they may, but not fast enough for a page", "short")
            .asking(format!("sum({}) or vector(0)", active("severity=\"ticket\"")), "")
            .coloured_by_alarm(),
        stat("No data", "SLOs of which nothing was measured lately", "short")
            .asking(format!("sum({state}) or vector(0)"), "")
            .coloured_by_alarm(),
        stat("Source", "Whether what burnwatch counts from answered when it was last asked", "bool_yes_no")
            .asking(format!("min({})", names::SOURCE_UP), "")
            .or_else("unknown"),
        all(),
        bars("Budget left", "What is left of each error budget; negative when overspent", "percentunit")
            .asking(format!("sort(max by (service, slo) ({left}))"), "{{service}} {{slo}}")
            .between(Some(0.0), Some(1.0))
            .coloured_by_budget(),
        lines("Budget left over time", "How each error budget went", "percentunit")
            .asking(format!("max by (service, slo) ({left})"), "{{service}} {{slo}}")
            .between(None, Some(1.0)),
        table("Active alerts", "Burn-rate alerts that are open now, or held while nothing is measured", "Severity")
            .asking(format!("max by (service, slo, severity) ({}) == 1", chosen(names::ALERT_ACTIVE)), "")
            .joined(&[("severity", "Severity"), ("service", "Service"), ("slo", "SLO")])
            .or_else("none"),
    ]);
    dashboard
}

fn all() -> Panel {
    let each = |name: &str| format!("max by (service, slo) ({})", chosen(name));
    let link = serde_json::json!([{
        "title": "This SLO",
        "url": "/d/burnwatch-slo?var-service=${__data.fields.Service}&var-slo=${__data.fields.SLO}",
    }]);
    table("SLOs", "Every SLO, the one with the least budget left first", "Budget left")
        .asking(each(names::SLO_SLI), "")
        .asking(each(names::SLO_OBJECTIVE), "")
        .asking(each(names::SLO_BUDGET_REMAINING), "")
        .asking(each(names::SLO_BURN_RATE), "")
        .asking(each(names::SLO_TIME_TO_EXHAUSTION), "")
        .asking(format!("max by (service, slo, state) ({}) == 1", chosen(names::SLO_STATE)), "")
        .joined(&[
            ("service", "Service"),
            ("slo", "SLO"),
            ("state", "State"),
            ("Value #C", "Budget left"),
            ("Value #D", "Highest burn"),
            ("Value #A", "SLI"),
            ("Value #B", "Objective"),
            ("Value #E", "Exhausted in"),
        ])
        .column("Budget left", budget_cells())
        .column("SLI", vec![("unit", "percentunit".into()), ("decimals", 4.into())])
        .column("Objective", vec![("unit", "percentunit".into())])
        .column("Exhausted in", vec![("unit", "s".into())])
        .column("SLO", vec![("links", link)])
}

/// A series of the SLOs that are chosen.
fn chosen(name: &str) -> String {
    format!("{name}{{service=~\"$service\",owner=~\"$owner\"}}")
}

fn chosen_where(name: &str, matcher: &str) -> String {
    format!("{name}{{service=~\"$service\",owner=~\"$owner\",{matcher}}}")
}
