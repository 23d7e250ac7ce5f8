//! What the host draws: readings of meters become energy and power, in whole microjoules and by a clock that only goes
//! forward. Never knows a file, a vendor's library, who asks, nor what time it is.
//!
//! | a zone's counter | adds | and is told as |
//! |---|---|---|
//! | first reading | nothing: it is where counting begins | |
//! | went up | the difference | |
//! | went down, its range known, the power plausible | the difference around the wrap | a wrap |
//! | went down otherwise, or jumped beyond what hardware draws | nothing: counting begins anew | a reset |
//! | went down after so long that more than one wrap may hide | nothing | a gap |
//! | was not read | nothing yet: the next reading counts from the last | |
//!
//! The *host total* is the packages and the memory, each once: a twin that tells the same counter another way (`mmio`
//! beside `msr`), and dies that mirror their socket's counter, are not added. Cores, graphics and the platform are parts or
//! wholes of it and never in it. Where there are no packages to be read, the total is what a meter of the whole platform
//! says, else an estimate; [`Basis`] tells which. What is not known is `None`, never 0.

mod account;
mod bill;
mod carbon;
pub mod chips;
pub mod estimate;
pub mod ioreport;
mod limit;
mod low_power;
mod minute;
mod mirror;
mod part;
mod reading;
mod shares;
mod statement;
mod track;

pub use account::{Account, Interval, Step};
pub use bill::{Bill, Billing, Charge, Charges, CpuTimes, Item, Service};
pub use carbon::{Carbon, Country, CountryError, Embodied, Footprint, Intensity, countries};
pub use limit::Limit;
pub use low_power::{Cause, LowPower, Rule, Wish, low_power};
pub use minute::Minute;
pub use reading::{Meter, Method, Reading, Readings, Reason, Role, Said, Silent, Zone};
pub use shares::{Claim, CpuCounter, Spent, Split, split};
pub use statement::{Basis, Host, MeterState, Oddities, PartState, Statement, ZoneState};

#[cfg(test)]
mod tests;
