//! Everything that befalls a daemon: it is killed, its disk is full, its ledger rots, its clock is set, its source
//! misbehaves. What is counted in the end must equal the truth to the event, and meanwhile it says what it knows.

mod clock;
mod damage;
mod disk;
mod kills;
mod source;
