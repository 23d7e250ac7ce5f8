//! What may have happened to a service in the last 33 days.

use crate::stand::past::{Past, SCRAPE, Trouble};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const DAYS: i64 = 33;

/// All of them, with their last scrape before `ends`. Their jobs end in the seed.
pub fn scenarios(seed: u64, ends: i64) -> Vec<Past> {
    let ends = ends - ends % SCRAPE;
    let midnight = ends - ends % DAY;
    // So many days ago, at this hour.
    let at = |days: i64, hour: i64| midnight - days * DAY + hour * HOUR;
    let calm = Past {
        job: format!("calm-{seed}"),
        seed,
        begins: ends - DAYS * DAY,
        ends,
        peak: 600.0,
        troubles: vec![],
        lulls: vec![],
        gaps: vec![],
        restarts: vec![],
        replacements: vec![],
    };
    let named = |job: &str| Past { job: format!("{job}-{seed}"), ..calm.clone() };
    let trouble = |days, hour, hours, share| Trouble { from: at(days, hour), to: at(days, hour) + hours * HOUR, share };
    vec![
        calm.clone(),
        Past { troubles: vec![trouble(9, 1, 3, 0.5), trouble(3, 2, 2, 1.0)], ..named("night-outage") },
        Past { troubles: vec![trouble(8, 13, 1, 0.5)], ..named("peak-outage") },
        Past {
            restarts: (1..32).map(|days| at(days, 11)).collect(),
            troubles: vec![trouble(6, 10, 3, 0.02)],
            ..named("resets")
        },
        Past {
            replacements: (1..32).step_by(2).map(|days| at(days, 15)).collect(),
            troubles: vec![trouble(5, 14, 2, 0.05)],
            ..named("churn")
        },
        Past {
            gaps: vec![(at(20, 9), at(20, 15)), (at(4, 12), at(4, 12) + 30 * SCRAPE), (at(12, 1), at(12, 6))],
            troubles: vec![trouble(20, 10, 3, 0.1)],
            ..named("gaps")
        },
        Past { lulls: vec![(at(14, 12), at(14, 13)), (at(2, 0), at(2, 5))], ..named("lulls") },
        // Two requests an hour, at best.
        Past { peak: 0.02, troubles: vec![trouble(7, 8, 12, 0.5)], ..named("trickle") },
        // Nothing fails until two weeks ago, and the errors have no series before.
        Past { troubles: vec![trouble(40, 0, 26 * 24, 0.0), trouble(1, 12, 6, 0.01)], ..named("late-errors") },
    ]
}
