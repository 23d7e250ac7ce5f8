//! The alerts of one SLO as they stand after a tick; the ledger keeps them as JSON until the next.
//! Never knows how they came to stand so.

use serde::{Deserialize, Serialize};

use crate::alerts::{Because, Passed};
use crate::budget::Severity;
use crate::units::{Span, Timestamp};

/// Both alerts of one SLO (`None` is closed), and what else of it was told.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Alerts {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<Alert>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Alert>,
    /// The first of the latest ticks whose spans were not measured; `None` after one that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Passed::is_nothing")]
    pub passed: Passed,
    /// It was told that nothing is measured.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
}

/// An open alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// When the first of its rows opened, also while it was suppressed.
    pub since: Timestamp,
    /// The rows that are open.
    pub because: Because,
    /// Held back while the page is open, and not told yet.
    pub suppressed: bool,
}

/// How an open alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Firing,
    /// Nothing was measured to judge it by, so it stays as it was.
    Held,
    /// It would fire, were its page not open.
    Suppressed,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Firing => "firing",
            State::Held => "held",
            State::Suppressed => "suppressed",
        }
    }
}

impl Alerts {
    /// The alert of `severity`, if it is open.
    pub fn of(&self, severity: Severity) -> Option<&Alert> {
        match severity {
            Severity::Page => self.page.as_ref(),
            Severity::Ticket => self.ticket.as_ref(),
        }
    }

    /// The alert of `severity`, if it is open and was told: firing or held.
    pub fn active(&self, severity: Severity) -> Option<&Alert> {
        self.of(severity).filter(|alert| !alert.suppressed)
    }

    /// Whether nothing was measured for `no_data_after`, as far as these ticks saw it: a daemon that was away for long
    /// catches up before it says so.
    pub fn is_silent(&self, no_data_after: Span, now: Timestamp) -> bool {
        self.held_since.is_some_and(|since| now.since(since) >= no_data_after)
    }

    /// Every open alert and how it stands, pages first.
    pub fn open(&self) -> impl Iterator<Item = (Severity, State, &Alert)> {
        Severity::ALL.into_iter().filter_map(|severity| {
            let alert = self.of(severity)?;
            let state = match self.held_since {
                _ if alert.suppressed => State::Suppressed,
                Some(_) => State::Held,
                None => State::Firing,
            };
            Some((severity, state, alert))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const KEPT: &str = concat!(
        r#"{"page":{"since":1795176000000,"because":[{"row":{"severity":"page","burn":14.4,"long":3600000,"short":300000},"#,
        r#""long":15.2,"short":31.0}],"suppressed":false},"held_since":1795176030000}"#
    );

    #[test]
    fn keeps_its_names_for_the_ledger_holds_them() {
        let alerts: Alerts = serde_json::from_str(KEPT).unwrap();
        assert_eq!(alerts.page.as_ref().unwrap().since, Timestamp::seconds(1_795_176_000));
        assert_eq!(serde_json::to_string(&alerts).unwrap(), KEPT);
    }

    #[test]
    fn is_nothing_to_keep_while_all_is_quiet() {
        assert_eq!(serde_json::to_string(&Alerts::default()).unwrap(), "{}");
        assert_eq!(serde_json::from_str::<Alerts>("{}").unwrap(), Alerts::default());
    }
}
