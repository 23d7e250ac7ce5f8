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
    let mean = minute.mean?;
    let power = Drawn { mean: Some(mean), peak: minute.peak, limit: Some(limit.watts) };
    let than = if recovered { "a tenth or more below" } else { "above" };
    let because = format!("mean power {mean} over the minute up to {}, {than} {}", minute.at, limit.watts);
    Some(Notice::of_host(&limit.host, News::PowerAbove { recovered }, minute.at, because, power))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plan::{Facts, Pace, plan};
    use crate::tick::KeptState;
    use crate::units::{Span, Timestamp, Watts};

    fn minute(at: i64, watts: f64) -> Minute {
        let mean = Watts::new(watts);
        let (at, measured) = (Timestamp::seconds(at), Span::minutes(1));
        Minute { at, measured, basis: None, energy: None, mean, peak: mean }
    }

    fn limited(host: &str) -> Plan {
        let limit = Limit { watts: Watts::new(200.0).unwrap(), host: host.into() };
        plan(Vec::new(), &Facts::default(), Pace { power_limit: Some(limit), ..Pace::DEFAULT }).0
    }

    #[test]
    fn a_crossing_is_told_once_also_over_a_restart_and_so_is_its_end() {
        let (plan, mut state, mut kept, mut told) = (limited("here"), State::default(), Entry::default(), Vec::new());
        for (at, watts) in [(60, 150.0), (120, 231.26), (180, 260.0), (240, 190.0), (300, 175.0), (360, 150.0)] {
            told.extend(judge(&mut state, &plan, &[minute(at, watts)], &mut kept));
            let verdicts = kept.verdicts.clone().into_iter().collect();
            state = State::restored(KeptState { verdicts, ..KeptState::default() }).0;
        }
        let told: Vec<String> = told.iter().map(Notice::to_string).collect();
        let expected = [
            "here: power above its limit: mean power 231.3 W over the minute up to 1970-01-01T00:02:00Z, above 200 W",
            "here: power below its limit again: mean power 175 W over the minute up to 1970-01-01T00:05:00Z, a tenth or more \
             below 200 W",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn two_hosts_tell_two_notices() {
        let notice = |host| {
            let above = [minute(60, 300.0)];
            judge(&mut State::default(), &limited(host), &above, &mut Entry::default()).remove(0).id
        };
        assert_eq!(notice("here"), notice("here"));
        assert_ne!(notice("here"), notice("there"));
    }
}
