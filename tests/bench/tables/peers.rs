//! What the rules of other tools compute for one availability SLO over 30 days, written anew from their published
//! formulas, and how often they are evaluated by default.

/// A recording rule of a peer, which is what reads samples: alerts only read what was recorded.
pub struct Rule {
    pub expression: String,
    /// Evaluations per minute.
    pub per_minute: f64,
}

fn every(seconds: f64, expression: String) -> Rule {
    Rule { expression, per_minute: 60.0 / seconds }
}

/// Sloth 0.16: a ratio of rates over each alert window, each minute, and the mean of the 5-minute ratios over 30 days.
pub fn sloth(bad: &str, total: &str) -> Vec<Rule> {
    let ratio = |window: &str| format!("sum(rate({bad}[{window}])) / sum(rate({total}[{window}]))");
    let windows = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"];
    windows.into_iter().map(|window| every(60.0, ratio(window))).collect()
}

/// Of the error ratio over 30 days Sloth makes the mean of what it recorded each minute: the same as this subquery.
pub fn sloth_month(bad: &str, total: &str) -> String {
    format!("avg_over_time((sum(rate({bad}[5m])) / sum(rate({total}[5m])))[30d:1m])")
}

/// Samples of its own that Sloth's 30-day rule reads at each evaluation: a month of minutes, in sum and in count.
pub const SLOTH_MONTH_SAMPLES: f64 = 2.0 * 30.0 * 24.0 * 60.0;

/// Pyrra 0.10: ratios of rates over each alert window every 30 s, and the increase over 30 days every 150 s.
pub fn pyrra(bad: &str, total: &str) -> Vec<Rule> {
    let ratio = |window: &str| format!("sum(rate({bad}[{window}])) / sum(rate({total}[{window}]))");
    let windows = ["5m", "32m", "64m", "129m", "386m", "1543m", "6171m"];
    let burns = windows.into_iter().map(|window| every(30.0, ratio(window)));
    burns.chain([every(150.0, format!("sum by (code) (increase({total}[30d]))"))]).collect()
}

/// The error ratio over 30 days as Pyrra has it.
pub fn pyrra_month(bad: &str, total: &str) -> String {
    format!("(sum(increase({bad}[30d])) or vector(0)) / sum(increase({total}[30d]))")
}
