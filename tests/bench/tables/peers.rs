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

/// What Sloth records of the 5-minute ratios.
pub const SLOTH_RATIOS: &str = "slo:sli_error:ratio_rate5m{sloth_id=\"shop-availability\"}";

/// Sloth 0.16: a ratio of rates over each alert window, and the mean of the recorded 5-minute ratios over 30 days, each
/// minute.
pub fn sloth(bad: &str, total: &str) -> Vec<Rule> {
    let ratio = |window: &str| format!("sum(rate({bad}[{window}])) / sum(rate({total}[{window}]))");
    let windows = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"];
    let month = format!("sum_over_time({SLOTH_RATIOS}[30d]) / count_over_time({SLOTH_RATIOS}[30d])");
    windows.into_iter().map(ratio).chain([month]).map(|ratio| every(60.0, ratio)).collect()
}

/// Of the error ratio over 30 days Sloth makes the mean of what it recorded each minute: the same as this subquery.
pub fn sloth_month(bad: &str, total: &str) -> String {
    format!("avg_over_time((sum(rate({bad}[5m])) / sum(rate({total}[5m])))[30d:1m])")
}

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
