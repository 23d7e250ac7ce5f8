//! Whether the daemon and its workloads are asked to spend less. Never knows what they do about it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::energy::Bill;
use crate::units::{Span, Timestamp, Watts};

/// How much lower than what began it power has to be for the mode to end.
const HYSTERESIS: f64 = 0.1;

/// The span that a minute of measurements stands for.
const MINUTE: Span = Span::minutes(1);

/// When the mode is entered without being asked for; without a rule it is not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Mean power; `None`: on battery only.
    pub above: Option<Watts>,
    /// For so long, of whole minutes.
    pub lasting: Span,
}

/// What somebody asked for; it goes before every rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    pub on: bool,
    /// `None`: until somebody asks for something else.
    pub until: Option<Timestamp>,
}

/// Why the mode is on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    Asked { until: Option<Timestamp> },
    Battery,
    Power { above: Watts, lasting: Span },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Cause::Asked { until: Some(until) } => write!(f, "asked for until {until}"),
            Cause::Asked { until: None } => f.write_str("asked for"),
            Cause::Battery => f.write_str("running on battery"),
            Cause::Power { above, lasting } => write!(f, "mean power was above {above} for {lasting}"),
        }
    }
}

/// Whether the mode is on, since when and why, and what the next verdict goes on from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LowPower {
    pub since: Option<Timestamp>,
    pub cause: Option<Cause>,
    wish: Option<Wish>,
    /// Whether mean power is taken to be high.
    is_high: bool,
    /// For how long minutes in a row have spoken against that.
    against: Span,
    /// The end of the last minute that was looked at.
    seen: Option<Timestamp>,
    on_battery: bool,
}

impl LowPower {
    pub fn is_on(&self) -> bool {
        self.cause.is_some()
    }

    /// Takes note of a minute: what was not measured speaks neither for a change nor against it, and a gap begins anew.
    fn look(&mut self, rule: &Rule, bill: &Bill) {
        let minute = &bill.minute;
        let is_next = self.seen.is_some_and(|seen| seen + MINUTE == minute.at);
        self.seen = Some(minute.at);
        self.on_battery = bill.on_battery;
        let Some((above, mean)) = rule.above.zip(minute.mean.filter(|_| minute.is_whole())) else { return };
        let speaks_against = match self.is_high {
            true => mean.get() < above.get() * (1.0 - HYSTERESIS),
            false => mean > above,
        };
        let before = if is_next { self.against } else { Span::ZERO };
        self.against = if speaks_against { before + MINUTE } else { Span::ZERO };
        if self.against >= rule.lasting.max(MINUTE) {
            self.is_high = !self.is_high;
            self.against = Span::ZERO;
        }
    }

    fn cause(&self, rule: Option<&Rule>) -> Option<Cause> {
        match (self.wish, rule) {
            (Some(Wish { on: true, until }), _) => Some(Cause::Asked { until }),
            (Some(Wish { on: false, .. }), _) | (None, None) => None,
            (None, Some(_)) if self.on_battery => Some(Cause::Battery),
            (None, Some(Rule { above, lasting })) => {
                above.filter(|_| self.is_high).map(|above| Cause::Power { above, lasting: *lasting })
            }
        }
    }
}

/// The mode at `now`, after the minutes that ended since the last verdict and what was wished for meanwhile.
pub fn low_power<'a>(
    mode: &LowPower,
    rule: Option<&Rule>,
    minutes: impl IntoIterator<Item = &'a Bill>,
    wish: Option<Wish>,
    now: Timestamp,
) -> LowPower {
    let mut after = mode.clone();
    after.wish = wish.or(mode.wish).filter(|wish| match wish.until {
        Some(until) => until > now,
        // To wish for nothing, without an end, is to take back what was wished for.
        None => wish.on,
    });
    if let Some(rule) = rule {
        let is_new = |bill: &&Bill| mode.seen.is_none_or(|seen| bill.minute.at > seen);
        minutes.into_iter().filter(is_new).for_each(|bill| after.look(rule, bill));
    }
    after.cause = after.cause(rule);
    after.since = if after.is_on() { mode.since.or(Some(now)) } else { None };
    after
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::energy::Minute;

    const RULE: Rule = Rule { above: Watts::new(150.0), lasting: Span::minutes(3) };

    fn at(minutes: i64) -> Timestamp {
        Timestamp::seconds(minutes * 60)
    }

    fn bill(minute: i64, watts: Option<f64>) -> Bill {
        let (mean, basis, energy) = (watts.and_then(Watts::new), None, None);
        let minute = Minute { at: at(minute), measured: MINUTE, basis, energy, mean, peak: mean };
        Bill { minute, idle: None, grams: None, services: Vec::new(), on_battery: false }
    }

    /// Whether the mode is on after each minute of these.
    fn check(watts: &[Option<f64>], expected: &[bool]) {
        let mut mode = LowPower::default();
        let mut step = |(minute, watts): (usize, &Option<f64>)| {
            mode = low_power(&mode, Some(&RULE), &[bill(minute as i64, *watts)], None, at(minute as i64));
            mode.is_on()
        };
        let told: Vec<bool> = watts.iter().enumerate().map(&mut step).collect();
        assert_eq!(told, expected, "{watts:?}");
    }

    #[test]
    fn it_is_entered_when_mean_power_stays_above_for_as_long_as_is_said() {
        check(&[151.0, 152.0, 153.0].map(Some), &[false, false, true]);
        check(&[151.0, 150.0, 153.0, 153.0].map(Some), &[false; 4]);
    }

    #[test]
    fn it_is_left_when_mean_power_stays_a_tenth_lower_for_as_long() {
        let watts = [200.0, 200.0, 200.0, 140.0, 136.0, 136.0, 134.0, 134.0, 136.0, 134.0, 134.0, 134.0];
        let mut expected = [true; 12];
        expected[..2].fill(false);
        expected[11] = false;
        check(&watts.map(Some), &expected);
    }

    #[test]
    fn what_was_not_measured_is_no_reason_to_change() {
        check(&[Some(200.0), Some(200.0), None, Some(200.0)], &[false, false, false, true]);
        let high = low_power(&LowPower::default(), Some(&RULE), &[1, 2, 3].map(|m| bill(m, Some(200.0))), None, at(3));
        assert!(high.is_on());
        let later = low_power(&high, Some(&RULE), &[bill(60, Some(100.0)), bill(61, Some(100.0))], None, at(61));
        assert!(later.is_on(), "two minutes after an hour that nobody measured");
    }

    #[test]
    fn a_minute_is_looked_at_once() {
        let minutes = [bill(1, Some(200.0)), bill(2, Some(200.0))];
        let once = low_power(&LowPower::default(), Some(&RULE), &minutes, None, at(2));
        assert_eq!(low_power(&once, Some(&RULE), &minutes, None, at(2)), once);
    }

    #[test]
    fn it_is_on_while_the_host_runs_on_battery_if_there_is_a_rule() {
        let on_battery = [Bill { on_battery: true, ..bill(1, Some(5.0)) }];
        let mode = low_power(&LowPower::default(), Some(&RULE), &on_battery, None, at(1));
        assert_eq!((mode.cause, mode.since), (Some(Cause::Battery), Some(at(1))));
        assert!(!low_power(&mode, Some(&RULE), &[bill(2, Some(5.0))], None, at(2)).is_on());
        assert!(!low_power(&LowPower::default(), None, &on_battery, None, at(1)).is_on());
    }

    #[test]
    fn what_is_wished_for_goes_before_every_rule_until_its_end() {
        let wish = |on, minutes: Option<i64>| Some(Wish { on, until: minutes.map(at) });
        let calm = |mode: &LowPower, wish, minute| low_power(mode, None, &[], wish, at(minute));
        let mode = calm(&LowPower::default(), wish(true, Some(10)), 1);
        assert_eq!(mode.cause.unwrap().to_string(), "asked for until 1970-01-01T00:10:00Z");
        assert!(calm(&mode, None, 9).is_on());
        assert!(!calm(&mode, None, 10).is_on());
        assert!(calm(&calm(&mode, wish(true, None), 2), None, 1_000).is_on());
        assert!(!calm(&mode, wish(false, None), 2).is_on());

        let minutes = [1, 2, 3].map(|minute| bill(minute, Some(200.0)));
        let refused = low_power(&LowPower::default(), Some(&RULE), &minutes, wish(false, Some(60)), at(3));
        assert!(!refused.is_on());
        assert!(low_power(&refused, Some(&RULE), &[], None, at(60)).is_on());
    }
}
