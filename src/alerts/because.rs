//! Why an alert is open, as data: the same reason reaches the log line, the notice and the page.
//! Never knows what is done about it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::budget::Row;
use crate::units::{BurnRate, Span};

/// The open rows of an alert, in the order of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Because(pub Vec<Exceeded>);

/// A row that is open, and the burns that opened it. They are not renewed: the long one may since have fallen below the
/// threshold, and the reason would no longer be true.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Exceeded {
    pub row: Row,
    pub long: BurnRate,
    pub short: BurnRate,
}

impl Because {
    /// What opened `row`, if it is open. A row is known by its windows: an edited objective may move its threshold, and
    /// it is the same row still.
    pub fn of(&self, row: &Row) -> Option<&Exceeded> {
        self.0.iter().find(|exceeded| exceeded.row.has_windows_of(row))
    }

    /// The burns by window, shortest first; of rows that share a window, that of the lower threshold.
    pub fn burns(&self) -> BTreeMap<Span, BurnRate> {
        self.0.iter().flat_map(|open| [(open.row.short, open.short), (open.row.long, open.long)]).collect()
    }
}

impl fmt::Display for Because {
    /// `burning 15.2 over 1h and 31 over 5m, above 14.4`, further rows after a semicolon.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (index, Exceeded { row, long, short }) in self.0.iter().enumerate() {
            let lead = if index == 0 { "burning" } else { "; and" };
            write!(f, "{lead} {long} over {} and {short} over {}, above {}", row.long, row.short, row.burn)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::budget;
    use crate::units::Window;

    fn because(burns: &[(f64, f64)]) -> Because {
        let table = budget::rows(Window::DEFAULT, "99.9%".parse().unwrap(), Span::minutes(5)).rows;
        let exceeded = table.into_iter().zip(burns).map(|(row, (long, short))| Exceeded {
            row,
            long: BurnRate::new(*long).unwrap(),
            short: BurnRate::new(*short).unwrap(),
        });
        Because(exceeded.collect())
    }

    #[test]
    fn reads_as_one_reason_per_row() {
        assert_eq!(because(&[(15.2, 31.0)]).to_string(), "burning 15.2 over 1h and 31 over 5m, above 14.4");
        assert_eq!(
            because(&[(15.2, 31.0), (6.54, 25.0)]).to_string(),
            "burning 15.2 over 1h and 31 over 5m, above 14.4; and 6.54 over 6h and 25 over 30m, above 6"
        );
    }

    #[test]
    fn names_the_burns_by_window() {
        let burns: Vec<String> = because(&[(15.2, 31.0), (6.54, 25.0)])
            .burns()
            .into_iter()
            .map(|(window, burn)| format!("{window} {burn}"))
            .collect();
        assert_eq!(burns, ["5m 31", "30m 25", "1h 15.2", "6h 6.54"]);
    }
}
