//! From a seed to requests: how many came in each minute, and what the processes that served them showed.

use std::f64::consts::PI;

use crate::stand::Requests;
use crate::stand::past::{Exposed, Past, SCRAPE, Scrape, within};

const DAY: i64 = 86_400;
/// Some requests always fail, and more are slow.
const FAILING: f64 = 0.0002;
const SLOW: f64 = 0.01;
/// Two processes at a time.
const INSTANCES: u64 = 2;
/// A process is scraped for the first time so many seconds after it started.
const FOUND_AFTER: i64 = 20;

pub fn scrapes(past: &Past) -> impl Iterator<Item = Scrape> + '_ {
    let mut processes: Vec<Exposed> = (0..INSTANCES).map(|slot| process(slot, 0, past.begins)).collect();
    let mut unseen = Requests::default();
    let first = past.begins + SCRAPE;
    (first..past.ends).step_by(SCRAPE as usize).filter_map(move |at| {
        for (slot, process) in processes.iter_mut().enumerate() {
            *process = alive(past, slot as u64, process, at);
            let served = served(past, slot as u64, at);
            process.served += served;
            // The first scrape of all is where counting starts.
            unseen += if at == first { Requests::default() } else { served };
        }
        let is_scraped = !within(&past.gaps, at);
        is_scraped.then(|| Scrape { at, exposed: processes.clone(), gained: std::mem::take(&mut unseen) })
    })
}

fn process(slot: u64, generation: usize, first_scrape: i64) -> Exposed {
    let instance = format!("10.0.{generation}.{slot}:8080");
    Exposed { instance, started: first_scrape - FOUND_AFTER, served: Requests::default() }
}

/// The process that serves in the minute that ends at `at`: the same one, or a new one. One slot is renewed after the
/// other.
fn alive(past: &Past, slot: u64, process_before: &Exposed, at: i64) -> Exposed {
    let due = |moments: &[i64]| moments.iter().any(|moment| moment + slot as i64 * 5 * SCRAPE == at);
    if due(&past.replacements) {
        let generation = past.replacements.iter().filter(|moment| **moment <= at).count();
        process(slot, generation, at)
    } else if due(&past.restarts) {
        Exposed { started: at - FOUND_AFTER, served: Requests::default(), ..process_before.clone() }
    } else {
        process_before.clone()
    }
}

/// The requests of the minute that ends at `at`.
fn served(past: &Past, slot: u64, at: i64) -> Requests {
    if within(&past.lulls, at) {
        return Requests::default();
    }
    let mut dice = Dice(past.seed ^ (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ slot << 56);
    let trouble = past.troubles.iter().find(|trouble| (trouble.from..trouble.to).contains(&at));
    let failing = trouble.map_or(FAILING, |trouble| trouble.share);
    let jitter = 0.9 + 0.2 * dice.toss();
    let total = dice.about(past.peak * busy(at) * jitter);
    let failed = dice.about(total as f64 * failing).min(total);
    let slow = dice.about(total as f64 * failing.max(SLOW)).min(total);
    Requests { total, failed, slow }
}

/// How busy a moment is, 0..=1: nights have a hundredth of the height of a day, weekends half of its height.
fn busy(at: i64) -> f64 {
    let hour = (at % DAY) as f64 / 3_600.0;
    let day = (0.01f64).max((PI * (hour - 7.0) / 14.0).sin() * f64::from((7.0..21.0).contains(&hour)));
    let is_weekend = (at / DAY + 4) % 7 >= 5;
    if is_weekend { day / 2.0 } else { day }
}

/// Numbers that look random and are the same on every machine (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    /// A number from 0 up to 1.
    pub fn toss(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A whole number from 0 up to `end`, which is none of them.
    pub fn below(&mut self, end: usize) -> usize {
        (self.toss() * end as f64) as usize
    }

    /// A whole number that is `expected` on average.
    fn about(&mut self, expected: f64) -> u64 {
        (expected + self.toss()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stand::past::scenarios;

    const ENDS: i64 = 1_790_000_040;

    fn exposed(scrape: &Scrape) -> Requests {
        scrape.exposed.iter().fold(Requests::default(), |sum, process| sum + process.served)
    }

    #[test]
    fn what_is_gained_is_what_the_counters_gained() {
        for past in scenarios(7, ENDS).iter().filter(|past| past.restarts.is_empty() && past.replacements.is_empty()) {
            let scrapes: Vec<Scrape> = past.scrapes().collect();
            let gained = past.truth(past.begins, past.ends);
            assert_eq!(exposed(&scrapes[scrapes.len() - 1]) - exposed(&scrapes[0]), gained, "{}", past.job);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_past_and_another_another() {
        let [one, again, other] = [7, 7, 8].map(|seed| scenarios(seed, ENDS).remove(0));
        assert!(one.scrapes().eq(again.scrapes()));
        assert_ne!(one.truth(one.begins, one.ends), other.truth(other.begins, other.ends));
    }

    #[test]
    fn every_past_shows_what_its_name_says() {
        let pasts = scenarios(7, ENDS);
        let past = |job: &str| pasts.iter().find(|past| past.job.starts_with(job)).unwrap();
        let month = |job: &str| past(job).truth(ENDS - 30 * DAY, ENDS);
        assert!(month("calm").failed * 1_000 < month("calm").total);
        assert!(month("peak-outage").failed > 5 * month("night-outage").failed);
        assert!((1..2_000).contains(&month("trickle").total));
        let instances = past("churn").scrapes().flat_map(|scrape| scrape.exposed);
        let instances: std::collections::BTreeSet<String> = instances.map(|process| process.instance).collect();
        assert!(instances.len() > 8, "{instances:?}");
        let scrapes = |job: &str| past(job).scrapes().count();
        assert!(scrapes("gaps") + 600 < scrapes("calm"));
        let late = past("late-errors");
        assert_eq!(late.scrapes().take(2_000).map(|scrape| scrape.gained.failed).sum::<u64>(), 0);
    }
}
