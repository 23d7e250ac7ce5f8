//! What happens to a service, phase after phase, and the samples that its series then have, as promtool writes them.

use crate::rules::unit_tests::invented::Role;
use crate::units::Span;

/// Events in one scrape interval: enough that a burn is no rounding error.
pub const EVENTS: f64 = 1000.0;

/// What goes on for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Weather {
    /// Events come, and this share of them is bad.
    Traffic { bad: f64 },
    /// No events.
    Quiet,
    /// No series.
    Gone,
}

/// Phases and their lengths in scrapes.
#[derive(Clone)]
pub struct Timeline {
    pub scrape: Span,
    pub phases: Vec<(Weather, i64)>,
}

impl Timeline {
    pub fn new(scrape: Span) -> Timeline {
        Timeline { scrape, phases: Vec::new() }
    }

    /// Adds a phase of at least this length.
    pub fn then(&mut self, weather: Weather, length: Span) {
        let scrapes = (length.as_millis() + self.scrape.as_millis() - 1) / self.scrape.as_millis();
        self.phases.push((weather, scrapes.max(1)));
    }

    /// When the last phase ends.
    pub fn end(&self) -> Span {
        self.scrape * self.phases.iter().map(|(_, scrapes)| scrapes).sum()
    }

    /// The samples of a series, from time 0 on. One that counts bad events only is not there before the first of them.
    pub fn values(&self, role: Role) -> String {
        let mut values = vec![match role {
            Role::Bad if self.starts_well() => "_".to_string(),
            Role::Good | Role::Bad | Role::All => "0".to_string(),
            Role::Level { well, .. } => well.to_string(),
        }];
        let (mut count, mut is_there) = (0.0, values[0] != "_");
        for (weather, scrapes) in &self.phases {
            let more = scrapes - 1;
            let (good, bad) = match weather {
                Weather::Traffic { bad } => (EVENTS * (1.0 - bad), EVENTS * bad),
                Weather::Quiet => (0.0, 0.0),
                Weather::Gone => {
                    values.push(format!("stale _x{scrapes}"));
                    continue;
                }
            };
            let step = match role {
                Role::Good => good,
                Role::Bad => bad,
                Role::All => good + bad,
                Role::Level { well, ill } => {
                    values.push(format!("{}x{more}", if bad > 0.0 { ill } else { well }));
                    continue;
                }
            };
            is_there |= step > 0.0;
            match is_there {
                true => values.push(format!("{}+{step}x{more}", count + step)),
                false => values.push(format!("_x{scrapes}")),
            }
            count += step * *scrapes as f64;
        }
        values.join(" ")
    }

    fn starts_well(&self) -> bool {
        matches!(self.phases.first(), Some((Weather::Traffic { bad: 0.0 }, _)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(role: Role, expected: &str) {
        let mut timeline = Timeline::new(Span::seconds(30));
        timeline.then(Weather::Traffic { bad: 0.0 }, Span::minutes(1));
        timeline.then(Weather::Traffic { bad: 1.0 }, Span::seconds(80));
        timeline.then(Weather::Quiet, Span::seconds(30));
        timeline.then(Weather::Gone, Span::minutes(1));
        assert_eq!(timeline.end(), Span::minutes(4));
        assert_eq!(timeline.values(role), expected);
    }

    #[test]
    fn writes_what_promtool_reads() {
        check(Role::Good, "0 1000+1000x1 2000+0x2 2000+0x0 stale _x2");
        check(Role::Bad, "_ _x2 1000+1000x2 3000+0x0 stale _x2");
        check(Role::All, "0 1000+1000x1 3000+1000x2 5000+0x0 stale _x2");
        check(Role::Level { well: 1.0, ill: 0.0 }, "1 1x1 0x2 1x0 stale _x2");
    }
}
