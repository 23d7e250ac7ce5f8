//! What a tick hears of power, and whom that concerns. Never knows a meter.

use crate::alerts::{Drawn, News, Notice};
use crate::energy::{Limit, Minute};
use crate::plan::Plan;
use crate::tick::{Entry, State};
use crate::units::SloId;

/// Under this name, which no SLO can have, the ledger keeps whether the host draws more than it should.
pub fn verdict() -> SloId {
    SloId::new("", "power")
}

/// Takes up the minutes that ended since the last tick; returns what is to be told of them.
pub fn judge(state: &mut State, plan: &Plan, minutes: &[Minute], entry: &mut Entry) -> Vec<Notice> {
    let Some(limit) = &plan.pace.power_limit else { return Vec::new() };
    let mut notices = Vec::new();
    for minute in minutes {
        let before = state.is_power_above;
        state.is_power_above = limit.is_exceeded(before, minute);
        if state.is_power_above != before {
            entry.verdicts.insert(verdict(), state.is_power_above.to_string());
            notices.extend(notice(limit, minute, before));
        }
    }
    notices
}

fn notice(limit: &Limit, minute: &Minute, recovered: bool) -> Option<Notice> {
    let power = Drawn { mean: minute.mean?, peak: minute.peak, limit: limit.watts };
    let than = if recovered { "a tenth or more below" } else { "above" };
    let because = format!("mean power {} over the minute up to {}, {than} {}", power.mean, minute.at, limit.watts);
    Some(Notice::of_host(&limit.host, News::PowerAbove { recovered }, minute.at, because, power))
}
