//! Who is told that a budget burns: one alert per SLO and severity, stepped once per tick.
//! Never knows the ledger, a clock, nor how a notice travels.
//!
//! A *row* of [`crate::budget::rows`] opens when the burn over both its windows is above its threshold and the long one
//! holds `min_events` (the last row asks for none, so that little traffic is not no alert); it closes when the burn over
//! its short window is no longer above. A burn that is not known opens nothing and closes nothing. An alert is open
//! while one of its severity's rows is.
//!
//! | an alert that is | at a tick | becomes | and is told as |
//! |---|---|---|---|
//! | closed | one of its rows opens | firing | opened |
//! | closed ticket | one of its rows opens, its page is open | suppressed | |
//! | suppressed | its page is no longer open | firing | opened |
//! | suppressed | its last row closes | closed | |
//! | firing ticket | its page opens | firing, as before | |
//! | firing | its last row closes | closed | resolved |
//! | firing | whose span was not measured | held | |
//! | held | whose span was measured | firing, or closed | resolved, if closed |
//! | held | that follows 24 h without a measured one | closed | released |
//! | any | whose plan has alerting off for its severity | closed | resolved, if it was told |
//!
//! Beside its alerts, an SLO's *budget* passes the thresholds of `notify_at` (see [`Passed`]), and the SLO falls silent
//! when nothing was measured for `no_data_after`; each is told once.

mod alert;
mod because;
mod notice;
mod spending;
mod step;

pub use alert::{Alert, Alerts, State};
pub use because::{Because, Exceeded};
pub use notice::{Drawn, Figures, Kind, News, Notice, Subject};
pub use spending::{PARTIAL, Passed, Spent};
pub use step::{Burning, Change, What, step};
