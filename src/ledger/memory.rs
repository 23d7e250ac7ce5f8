//! What is remembered of one query: how far it was answered, and the last sample of each of its series.
//! Never knows an SLO's objective nor how the question was asked.

use std::collections::{BTreeSet, HashMap};

use crate::ledger::pack::{Packer, Unpacker};
use crate::plan::{Series, SeriesId, Target};
use crate::units::{Span, Timestamp};

/// A series that was silent for longer is forgotten: coming back, it starts from a baseline.
const REMEMBERED: Span = Span::hours(24);

/// The last sample of a series that was counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Last {
    pub at: Timestamp,
    pub value: f64,
}

/// The largest gain per scrape that a target's series had, by clock hour: what a newborn series may plausibly bring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    hour: Timestamp,
    this_hour: f64,
    hour_before: f64,
}

const HOUR: Span = Span::hours(1);

impl Pace {
    /// Takes note of what a series of the target gained in one scrape.
    pub fn note(&mut self, at: Timestamp, gain: f64) {
        if at >= self.hour + HOUR {
            let hour = at.on_grid(HOUR);
            let adjacent = hour.since(self.hour) <= HOUR;
            *self = Pace { hour, this_hour: 0.0, hour_before: if adjacent { self.this_hour } else { 0.0 } };
        }
        // The series of a target are counted one after the other, so the next may begin in an hour that is over.
        if at >= self.hour {
            self.this_hour = self.this_hour.max(gain);
        } else if at >= self.hour - HOUR {
            self.hour_before = self.hour_before.max(gain);
        }
    }
}

/// From when on gains tell what is plausible at a moment.
pub fn paced_since(at: Timestamp) -> Timestamp {
    at.on_grid(HOUR) - HOUR
}

/// How far one query was answered and where each of its series stood then.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    /// The last instant that was answered for; nothing at or before it is counted again.
    pub watermark: Timestamp,
    /// The first instant that was answered for, or what began after it shows only later.
    pub since: Timestamp,
    pub lasts: HashMap<SeriesId, Last>,
    paces: HashMap<SeriesId, Pace>,
}

impl Memory {
    pub fn starting(at: Timestamp) -> Memory {
        Memory { watermark: at, since: at, lasts: HashMap::new(), paces: HashMap::new() }
    }

    /// A memory for a query that reads the same series as `others` did, wider or narrower: each series goes on from
    /// where it was last counted, and none is skipped. `since`: from when on others asked for all that it reads.
    pub fn joined(others: &[&Memory], since: Timestamp) -> Option<Memory> {
        let watermark = others.iter().map(|memory| memory.watermark).min()?;
        let mut joined = Memory { since, ..Memory::starting(watermark) };
        for memory in others {
            for (id, last) in &memory.lasts {
                let known = joined.lasts.entry(*id).or_insert(*last);
                if known.at < last.at {
                    *known = *last;
                }
            }
            joined.paces.extend(&memory.paces);
        }
        Some(joined)
    }

    /// The targets of which every series is new: the source is asked when their processes started.
    pub fn newcomers(&self, series: &[Series]) -> BTreeSet<Target> {
        let targets = |known: bool| {
            let matching = series.iter().filter(move |series| self.lasts.contains_key(&series.id) == known);
            matching.filter_map(|series| Target::of(&series.labels))
        };
        let mut new: BTreeSet<Target> = targets(false).collect();
        if !new.is_empty() {
            targets(true).for_each(|target| _ = new.remove(&target));
        }
        new
    }

    /// The pace of a target, from an instant on where there was none.
    pub fn pace(&mut self, target: SeriesId, at: Timestamp) -> &mut Pace {
        self.paces.entry(target).or_insert(Pace { hour: at.on_grid(HOUR), this_hour: 0.0, hour_before: 0.0 })
    }

    /// The largest gain per scrape of a target's series in the hour of a moment and the one before, of those counted.
    pub fn largest_gain(&self, target: SeriesId, at: Timestamp) -> f64 {
        let Some(pace) = self.paces.get(&target) else { return 0.0 };
        let since = paced_since(at);
        let recent = |hour: Timestamp, gain: f64| if hour >= since { gain } else { 0.0 };
        recent(pace.hour, pace.this_hour).max(recent(pace.hour - HOUR, pace.hour_before))
    }

    /// Forgets series that were silent too long, then the oldest until at most `limit` stay.
    pub fn forget(&mut self, limit: usize) {
        let oldest = self.watermark - REMEMBERED;
        self.lasts.retain(|_, last| last.at >= oldest);
        self.paces.retain(|_, pace| pace.hour >= oldest);
        if self.lasts.len() > limit {
            let mut ages: Vec<(Timestamp, SeriesId)> = self.lasts.iter().map(|(id, last)| (last.at, *id)).collect();
            ages.sort_unstable();
            for (_, id) in &ages[..ages.len() - limit] {
                self.lasts.remove(id);
            }
        }
    }

    pub fn pack(&self, pack: &mut Packer) {
        pack.i64(self.watermark.as_millis());
        pack.i64(self.since.as_millis());
        pack.list(self.lasts.iter(), |pack, (id, last)| {
            pack.u64(id.0);
            pack.i64(last.at.as_millis());
            pack.f64(last.value);
        });
        pack.list(self.paces.iter(), |pack, (id, pace)| {
            pack.u64(id.0);
            pack.i64(pace.hour.as_millis());
            pack.f64(pace.this_hour);
            pack.f64(pace.hour_before);
        });
    }

    pub fn unpack(read: &mut Unpacker) -> Option<Memory> {
        let watermark = Timestamp::millis(read.i64()?);
        let since = Timestamp::millis(read.i64()?);
        let lasts = read.list(|read| {
            let id = SeriesId(read.u64()?);
            Some((id, Last { at: Timestamp::millis(read.i64()?), value: read.f64()? }))
        })?;
        let paces = read.list(|read| {
            let id = SeriesId(read.u64()?);
            let hour = Timestamp::millis(read.i64()?);
            Some((id, Pace { hour, this_hour: read.f64()?, hour_before: read.f64()? }))
        })?;
        Some(Memory { watermark, since, lasts: lasts.into_iter().collect(), paces: paces.into_iter().collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Labels;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::seconds(seconds)
    }

    fn memory(watermark: i64, lasts: &[(u64, i64, f64)]) -> Memory {
        let lasts = lasts.iter().map(|(id, seconds, value)| (SeriesId(*id), Last { at: at(*seconds), value: *value }));
        Memory { lasts: lasts.collect(), ..Memory::starting(at(watermark)) }
    }

    fn packed(memory: &Memory) -> Vec<u8> {
        let mut pack = Packer::default();
        memory.pack(&mut pack);
        pack.sealed()
    }

    #[test]
    fn reads_back_what_was_packed() {
        let mut memory = memory(60, &[(1, 55, 10.0), (2, 58, 20.0)]);
        memory.pace(SeriesId(9), at(58)).note(at(58), 3.0);
        let bytes = packed(&memory);
        assert_eq!(Unpacker::opened(&bytes).and_then(|mut read| Memory::unpack(&mut read)), Some(memory));
    }

    #[test]
    fn forgets_what_was_silent_for_a_day_then_the_oldest_over_the_limit() {
        let mut memory = memory(100_000, &[(1, 13_599, 1.0), (2, 13_600, 1.0), (3, 50_000, 1.0), (4, 99_999, 1.0)]);
        memory.forget(2);
        let mut left: Vec<u64> = memory.lasts.keys().map(|id| id.0).collect();
        left.sort_unstable();
        assert_eq!(left, [3, 4]);
    }

    #[test]
    fn a_target_is_new_only_when_none_of_its_series_is_known() {
        let series = |code: &str, instance: &str| {
            Series::new(Labels::new([("job", "shop"), ("instance", instance), ("code", code)]), vec![])
        };
        let known = series("200", "a");
        let memory = memory(60, &[(known.id.0, 55, 1.0)]);
        let answer = [known, series("500", "a"), series("200", "b")];
        let new: Vec<String> = memory.newcomers(&answer).iter().map(|target| target.instance.to_string()).collect();
        assert_eq!(new, ["b"]);
    }

    #[test]
    fn the_largest_gain_is_that_of_this_hour_and_the_one_before() {
        let mut memory = memory(0, &[]);
        let target = SeriesId(1);
        memory.pace(target, at(10)).note(at(10), 500.0);
        memory.pace(target, at(3_600)).note(at(3_600), 20.0);
        assert_eq!(memory.largest_gain(target, at(3_700)), 500.0);
        assert_eq!(memory.largest_gain(target, at(7_200)), 20.0);
        assert_eq!(memory.largest_gain(target, at(10_800)), 0.0);
        memory.pace(target, at(7_200)).note(at(7_200), 10.0);
        assert_eq!(memory.largest_gain(target, at(7_300)), 20.0);
        memory.pace(target, at(7_300)).note(at(7_000), 30.0);
        memory.pace(target, at(7_300)).note(at(3_000), 600.0);
        assert_eq!(memory.largest_gain(target, at(7_300)), 30.0, "of a series that is counted after others");
        memory.pace(target, at(20_000)).note(at(20_000), 1.0);
        assert_eq!(memory.largest_gain(target, at(20_000)), 1.0);
    }

    #[test]
    fn a_joined_memory_goes_on_from_the_later_sample_and_the_earlier_watermark() {
        let (a, b) = (memory(60, &[(1, 55, 10.0)]), memory(90, &[(1, 85, 12.0), (2, 85, 5.0)]));
        let joined = Memory::joined(&[&a, &b], at(90)).expect("two");
        assert_eq!(joined.watermark, at(60));
        assert_eq!(joined.since, at(90));
        assert_eq!(joined.lasts[&SeriesId(1)], Last { at: at(85), value: 12.0 });
        assert_eq!(joined.lasts.len(), 2);
        assert_eq!(Memory::joined(&[], at(0)), None);
    }
}
