//! Everybody who is connected: what we wait for from each, and since when. Where there are too many, who keeps us
//! waiting goes first. Never knows what is asked or answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::io::clock::Stopwatch;

/// Connections that are kept open at once.
pub const MAX_CALLERS: usize = 512;

/// A request has to be asked whole within that, from its first byte on; a first one from the connection on.
pub const ASKING: Duration = Duration::from_secs(10);

/// An answer has to be taken within that.
const TELLING: Duration = Duration::from_secs(30);

/// A connection may rest so long between two requests: most scrape at least once a minute.
const RESTING: Duration = Duration::from_secs(90);

/// Who asks nothing for longer than that may be cut off where others find no room. Whoever comes has that long to be
/// heard, however many come after: a flood is let in at 512 connections in each such span.
const SILENT: Duration = Duration::from_millis(200);

/// Who takes longer for an answer may be cut off where nobody is silent.
const SLOW: Duration = Duration::from_secs(1);

/// How often it is looked for somebody slow where there is no room.
const LOOK: Duration = Duration::from_millis(50);

/// What is under way on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The caller has to ask.
    Asking,
    /// We have to answer; how long that may take is not for here.
    Answering,
    /// The caller has to take the answer.
    Telling,
    /// Nothing, until the caller asks again.
    Resting,
}

impl Phase {
    /// How long it may last.
    pub fn limit(self) -> Option<Duration> {
        match self {
            Phase::Asking => Some(ASKING),
            Phase::Answering => None,
            Phase::Telling => Some(TELLING),
            Phase::Resting => Some(RESTING),
        }
    }
}

/// One who is connected.
pub struct Caller {
    phase: Mutex<(Phase, Stopwatch)>,
    /// Cancelled when the connection has to end at once.
    pub gone: CancellationToken,
}

impl Caller {
    pub fn new() -> Caller {
        Caller { phase: Mutex::new((Phase::Asking, Stopwatch::started())), gone: CancellationToken::new() }
    }

    pub fn phase(&self) -> Phase {
        self.locked().0
    }

    pub fn enter(&self, phase: Phase) {
        *self.locked() = (phase, Stopwatch::started());
    }

    /// The order in which callers are dispensable: those who ask nothing come first, and of them who has kept us waiting
    /// longest. None for one who is not to be cut off.
    fn rank(&self) -> Option<(bool, Stopwatch)> {
        let (phase, since) = *self.locked();
        match phase {
            Phase::Asking | Phase::Resting => (since.elapsed() >= SILENT).then_some((false, since)),
            Phase::Telling => (since.elapsed() >= SLOW).then_some((true, since)),
            Phase::Answering => None,
        }
    }

    fn locked(&self) -> MutexGuard<'_, (Phase, Stopwatch)> {
        // Whoever held it last has only replaced it.
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All of them, by the order in which they came.
#[derive(Default)]
pub struct Callers {
    present: Mutex<(u64, BTreeMap<u64, Arc<Caller>>)>,
    left: Notify,
}

/// The place of one caller, which is free again when this is dropped.
pub struct Seat {
    pub caller: Arc<Caller>,
    number: u64,
    callers: Arc<Callers>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.callers.locked().1.remove(&self.number);
        self.callers.left.notify_one();
    }
}

impl Callers {
    /// A place for one more. Where there is none, the most dispensable caller gives up theirs; while nobody is, it waits.
    pub async fn seat(self: &Arc<Callers>) -> Seat {
        loop {
            if let Some(seat) = self.free_seat() {
                return seat;
            }
            _ = tokio::time::timeout(LOOK, self.left.notified()).await;
        }
    }

    fn free_seat(self: &Arc<Callers>) -> Option<Seat> {
        let (number, present) = &mut *self.locked();
        if present.len() >= MAX_CALLERS {
            let ranked = present.iter().filter_map(|(number, caller)| Some((caller.rank()?, *number)));
            let (_, number) = ranked.min()?;
            present.remove(&number)?.gone.cancel();
        }
        *number += 1;
        let caller = Arc::new(Caller::new());
        present.insert(*number, caller.clone());
        Some(Seat { caller, number: *number, callers: self.clone() })
    }

    pub fn is_empty(&self) -> bool {
        self.locked().1.is_empty()
    }

    /// Ends the connections in these phases at once.
    pub fn dismiss(&self, phases: &[Phase]) {
        let present = &self.locked().1;
        present.values().filter(|caller| phases.contains(&caller.phase())).for_each(|caller| caller.gone.cancel());
    }

    fn locked(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Arc<Caller>>)> {
        // Whoever held it last has only put in or taken out one whole entry.
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn full() -> (Arc<Callers>, Vec<Seat>) {
        let callers = Arc::new(Callers::default());
        let mut seats = Vec::new();
        for _ in 0..MAX_CALLERS {
            seats.push(callers.seat().await);
        }
        (callers, seats)
    }

    fn gone(seats: &[Seat]) -> Vec<usize> {
        (0..seats.len()).filter(|index| seats[*index].caller.gone.is_cancelled()).collect()
    }

    #[tokio::test]
    async fn one_too_many_takes_the_place_of_who_has_kept_us_waiting_longest() {
        let watch = Stopwatch::started();
        let (callers, mut seats) = full().await;
        assert_eq!(gone(&seats), [0; 0]);
        seats[0].caller.enter(Phase::Answering);
        seats[1].caller.enter(Phase::Telling);
        seats[2].caller.enter(Phase::Resting);
        seats.push(callers.seat().await);
        assert_eq!((gone(&seats), watch.elapsed() >= SILENT), (vec![3], true), "it had its time to be heard");
        seats.push(callers.seat().await);
        assert_eq!(gone(&seats), [3, 4]);
    }

    #[tokio::test]
    async fn nobody_is_cut_off_who_is_being_answered() {
        let (callers, mut seats) = full().await;
        seats.iter().for_each(|seat| seat.caller.enter(Phase::Answering));
        let waiting = tokio::time::timeout(LOOK * 3, callers.seat()).await;
        assert!(waiting.is_err());
        seats.pop();
        seats.push(callers.seat().await);
        assert_eq!(gone(&seats), [0; 0]);
    }

    #[tokio::test]
    async fn who_takes_an_answer_slowly_is_cut_off_only_later() {
        let (callers, seats) = full().await;
        let watch = Stopwatch::started();
        seats.iter().for_each(|seat| seat.caller.enter(Phase::Telling));
        let _first = callers.seat().await;
        assert!(watch.elapsed() >= SLOW);
        assert_eq!(gone(&seats).len(), 1);
    }

    #[tokio::test]
    async fn a_seat_is_free_when_its_caller_leaves() {
        let (callers, mut seats) = full().await;
        seats.remove(7);
        let _another = callers.seat().await;
        assert_eq!(gone(&seats), [0; 0]);
        callers.dismiss(&[Phase::Asking]);
        assert_eq!(gone(&seats).len(), MAX_CALLERS - 1);
    }
}
