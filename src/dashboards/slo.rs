//! One SLO: what is left, how it came to that, and where it goes.

use crate::dashboards::grafana::{Dashboard, Variable};
use crate::dashboards::layout::placed;
use crate::dashboards::panel::{lines, rate, stat, word};
use crate::promql::names;

/// The burn rates that open alerts (SRE workbook, ch. 5).
const BURNS: [f64; 4] = [1.0, 3.0, 6.0, 14.4];

pub fn dashboard(datasource: &str) -> Dashboard {
    let about = "One SLO: its budget, what burned it, and how fast it burns";
    let mut dashboard = Dashboard::new("burnwatch-slo", "burnwatch: one SLO", about, "now-30d");
    dashboard.templating.list = vec![
        Variable::datasource(datasource),
        Variable::one("service", "Service", names::SLO_INFO),
        Variable::one("slo", "SLO", &format!("{}{{service=\"$service\"}}", names::SLO_INFO)),
    ];
    let one = |name: &str| format!("max({})", chosen(name));
    let events = |name: &str| rate(&chosen(name));
    dashboard.panels = placed(vec![
        stat("Objective", "The share of events that must be good", "percentunit").asking(one(names::SLO_OBJECTIVE), ""),
        stat("SLI", "The share of events over the SLO's window that were good", "percentunit")
            .asking(one(names::SLO_SLI), "")
            .decimals(4)
            .or_else("no events"),
        stat("Budget left", "The share of the error budget that is left; negative when overspent", "percentunit")
            .asking(one(names::SLO_BUDGET_REMAINING), "")
            .decimals(1)
            .coloured_by_budget()
            .or_else("unknown"),
        stat("Exhausted in", "When the budget runs out at the pace of the last hour", "s")
            .asking(one(names::SLO_TIME_TO_EXHAUSTION), "")
            .or_else("unknown"),
        word("State", "no_data, burning, exhausted, no_traffic or ok: the first that fits")
            .asking(format!("max by (state) ({}) == 1", chosen(names::SLO_STATE)), "{{state}}"),
        stat("Coverage", "The share of the SLO's window that was measured", "percentunit")
            .asking(one(names::SLO_COVERAGE), "")
            .decimals(1)
            .coloured_by_coverage(),
        lines(
            "Burn-down",
            "What was left of the budget, beside a budget that is spent evenly over the time shown",
            "percentunit",
        )
        .asking(one(names::SLO_BUDGET_REMAINING), "budget left")
        .asking(ideal(), "evenly spent")
        .between(None, Some(1.0))
        .sized(24, 9),
        lines("Burn by window", "1 spends the budget over the SLO's window; the dashed lines open alerts", "short")
            .asking(format!("max by (window) ({})", chosen(names::SLO_BURN_RATE)), "{{window}}")
            .between(Some(0.0), None)
            .with_lines_at(&BURNS),
        lines("Events", "Good and bad events a second", "cps")
            .asking(format!("{} - {}", events(names::SLO_EVENTS), events(names::SLO_BAD_EVENTS)), "good")
            .asking(events(names::SLO_BAD_EVENTS), "bad")
            .between(Some(0.0), None)
            .stacked(),
        lines("Latency", "Observed over the last hour; latency SLOs only", "s")
            .asking(format!("max by (percentile) ({})", chosen(names::SLO_LATENCY)), "p{{percentile}}")
            .between(Some(0.0), None)
            .or_else("no latency SLO, or no requests"),
        lines("Coverage over time", "The share of the SLO's window that was measured", "percentunit")
            .asking(one(names::SLO_COVERAGE), "measured")
            .between(Some(0.0), Some(1.0)),
    ]);
    dashboard
}

/// From 1 to 0 over the SLO's window, beginning with the time that is shown.
fn ideal() -> String {
    let window = format!("max({})", chosen(names::SLO_WINDOW));
    format!("clamp_min(1 - (time() - ${{__from:date:seconds}}) / {window}, 0)")
}

/// A series of the SLO that is chosen.
fn chosen(name: &str) -> String {
    format!("{name}{{service=\"$service\",slo=\"$slo\"}}")
}
