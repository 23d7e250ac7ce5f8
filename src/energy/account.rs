//! The running totals of the host, stepped with each reading: zones are made energy of by themselves, twins become one
//! part, and the parts of the host total are added up. Never knows what time it is, but for the ends of minutes.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use crate::energy::part::{Key, Part};
use crate::energy::track::{Odd, Track};
use crate::energy::{
    Basis, Host, Meter, MeterState, Minute, Oddities, PartState, Readings, Reason, Role, Silent, Statement, Zone,
    ZoneState,
};
use crate::units::{Microjoules, Span, Timestamp, Watts};

const MINUTE: Span = Span::minutes(1);

/// All that is remembered from reading to reading.
#[derive(Debug, Default)]
pub struct Account {
    /// When was last read, by the clock of the readings.
    at: Option<Span>,
    /// In the order in which they were first seen.
    tracks: Vec<Track>,
    parts: BTreeMap<Key, Part>,
    meters: BTreeMap<Meter, Oddities>,
    silent: Vec<Silent>,
    host: Host,
    running: Option<Running>,
    minute: Option<Minute>,
}

/// The minute that has not ended.
#[derive(Debug)]
struct Running {
    from: Timestamp,
    energy: Option<Microjoules>,
    peak: Option<Watts>,
}

/// What the time between two readings added.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Interval {
    /// By the clock of the readings.
    pub span: Span,
    /// Of the host total; `None` where nothing tells it, and at the first reading.
    pub energy: Option<Microjoules>,
}

/// What a step brings.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Step {
    pub interval: Interval,
    /// The minute that ended with it.
    pub minute: Option<Minute>,
}

impl Account {
    /// Takes up `readings`, made at the time of day `now`, which decides nothing but the ends of minutes.
    pub fn step(&mut self, readings: &Readings, now: Timestamp) -> Step {
        self.hear(readings);
        self.add_up(readings.at);
        let basis = self.basis();
        let watts = basis.and_then(|basis| self.parts_of(basis).map(|part| part.watts).sum());
        self.host = Host { basis, watts };
        let energy = self.credit(basis).filter(|_| self.at.is_some());
        let interval = Interval { span: self.at.map_or(Span::ZERO, |before| readings.at - before), energy };
        self.at = Some(readings.at);
        Step { interval, minute: self.turn(now, interval) }
    }

    /// What is known after the last step.
    pub fn statement(&self) -> Statement {
        let present = || self.tracks.iter().filter(|track| !track.is_gone());
        Statement {
            host: self.host,
            parts: self.parts.iter().filter_map(|(key, part)| self.part(key, part)).collect(),
            zones: present().map(|track| self.zone(track)).collect(),
            meters: self.meters.iter().map(|(meter, oddities)| self.meter(*meter, oddities)).collect(),
            silent: self.silent.clone(),
            minute: self.minute,
        }
    }

    /// Each zone by itself.
    fn hear(&mut self, readings: &Readings) {
        let silent = || readings.silent.iter().filter_map(|silent| Some((silent.zone.as_ref()?, silent.reason)));
        for zone in readings.readings.iter().map(|reading| &reading.zone).chain(silent().map(|(zone, _)| zone)) {
            if !self.tracks.iter().any(|track| track.is_of(zone)) {
                self.tracks.push(Track::new(zone.clone()));
            }
        }
        self.silent = readings.silent.clone();
        self.silent.iter().for_each(|silent| _ = self.meters.entry(silent.meter).or_default());
        for track in &mut self.tracks {
            let oddities = self.meters.entry(track.zone.meter).or_default();
            if let Some(reading) = readings.readings.iter().find(|reading| track.is_of(&reading.zone)) {
                match track.hear(&reading.said, readings.at) {
                    Some(Odd::Wrap) => oddities.wraps += 1,
                    Some(Odd::Reset) => oddities.resets += 1,
                    Some(Odd::Gap) => oddities.gaps += 1,
                    None => {}
                }
                if track.silent(readings.at) == Some(Reason::Standstill) {
                    self.silent.push(standstill(&track.zone));
                }
            } else {
                let why = silent().find(|(zone, _)| track.is_of(zone)).map(|(_, reason)| reason);
                track.miss(why);
                if let Some(why) = why.filter(|why| *why != Reason::Idle) {
                    *oddities.errors.entry(why).or_default() += 1;
                }
            }
        }
    }

    /// Zones to parts, and each die beside the first of its socket. What is gone counts on from where it was, should it
    /// come back.
    fn add_up(&mut self, at: Span) {
        self.parts.values_mut().for_each(|part| part.is_there = false);
        let mut twins: BTreeMap<Key, Vec<&Track>> = BTreeMap::new();
        for track in self.tracks.iter().filter(|track| !track.is_gone()) {
            twins.entry(Key::of(&track.zone)).or_default().push(track);
        }
        let mut first_dies: BTreeMap<(u32, Option<Meter>), (Microjoules, Option<Span>)> = BTreeMap::new();
        for (key, twins) in twins {
            let part = self.parts.entry(key.clone()).or_default();
            part.step(&twins, at);
            let Role::Package { socket, die: Some(_) } = key.role else { continue };
            match first_dies.get(&(socket, key.meter)) {
                Some((first, counted_to)) => part.compare(*first, *counted_to),
                None => {
                    part.lead();
                    first_dies.insert((socket, key.meter), (part.energy, part.counted_to));
                }
            }
        }
    }

    /// What tells the host total now.
    fn basis(&self) -> Option<Basis> {
        [Basis::Components, Basis::Platform, Basis::Estimate].into_iter().find(|basis| {
            let mut parts = self.parts_of(*basis).peekable();
            parts.peek().is_some() && parts.all(|part| !part.is_silent)
        })
    }

    /// What is added up to the host total.
    fn parts_of(&self, basis: Basis) -> impl Iterator<Item = &Part> {
        let platform = self.platform();
        self.parts.iter().filter(move |(key, part)| is_of(key, part, basis, platform)).map(|(_, part)| part)
    }

    /// Of the meters of the whole platform, the one that is heard and trusted most.
    fn platform(&self) -> Option<Meter> {
        let heard = self.parts.iter().filter(|(_, part)| part.is_there && !part.is_silent);
        heard.filter(|(key, _)| key.is_platform()).filter_map(|(key, _)| key.meter).min()
    }

    /// What the parts of the host total have gained since they were last credited to it. What the others gain never is.
    fn credit(&mut self, basis: Option<Basis>) -> Option<Microjoules> {
        let platform = self.platform();
        let mut energy = Microjoules::ZERO;
        for (key, part) in self.parts.iter_mut().filter(|(_, part)| !part.is_mirrored) {
            let gained = part.energy - mem::replace(&mut part.credited, part.energy);
            if basis.is_some_and(|basis| is_of(key, part, basis, platform)) {
                energy += gained;
            }
        }
        basis.map(|_| energy)
    }

    /// Ends the running minute where the time of day says so.
    fn turn(&mut self, now: Timestamp, interval: Interval) -> Option<Minute> {
        let from = now.on_grid(MINUTE);
        let running = self.running.get_or_insert(Running { from, energy: None, peak: None });
        running.energy = [running.energy, interval.energy].into_iter().flatten().reduce(|a, b| a + b);
        running.peak = [running.peak, self.host.watts].into_iter().flatten().reduce(Watts::max);
        if running.from == from {
            return None;
        }
        let Running { from, energy, peak } = mem::replace(running, Running { from, energy: None, peak: None });
        let basis = self.host.basis;
        let of_minute = || basis.into_iter().flat_map(|basis| self.parts_of(basis)).map(Part::of_minute);
        let minute = Minute {
            at: from + MINUTE,
            measured: of_minute().map(|(_, span)| span).min().unwrap_or_default(),
            basis,
            energy,
            mean: basis.and_then(|_| of_minute().map(|(energy, span)| energy.over(span)).sum()),
            peak,
        };
        self.parts.values_mut().for_each(Part::begin_minute);
        self.minute = Some(minute);
        self.minute
    }

    fn part(&self, key: &Key, part: &Part) -> Option<PartState> {
        let zone = self.teller(key).filter(|_| part.is_there && !part.is_mirrored)?;
        let is_told = !part.is_silent;
        Some(PartState {
            role: key.role.clone(),
            meter: zone.meter,
            method: zone.method,
            energy: is_told.then_some(part.energy),
            watts: part.watts.filter(|_| is_told),
        })
    }

    fn zone(&self, track: &Track) -> ZoneState {
        let silent = self.at.and_then(|at| track.silent(at));
        let key = Key::of(&track.zone);
        let is_mirrored = self.parts.get(&key).is_some_and(|part| part.is_mirrored);
        let told = if is_mirrored { key.first_die(self.parts.keys()) } else { Some(&key) };
        let teller = told.and_then(|key| self.teller(key)).filter(|teller| **teller != track.zone);
        ZoneState {
            zone: track.zone.clone(),
            watts: track.watts.filter(|_| silent.is_none()),
            silent,
            repeats: teller.filter(|_| silent.is_none()).cloned(),
        }
    }

    /// The first of twins that is heard, else the first.
    fn teller(&self, key: &Key) -> Option<&Arc<Zone>> {
        let at = self.at.unwrap_or_default();
        let twins = || self.tracks.iter().filter(|track| !track.is_gone() && Key::of(&track.zone) == *key);
        twins().find(|track| track.silent(at).is_none()).or_else(|| twins().next()).map(|track| &track.zone)
    }

    fn meter(&self, meter: Meter, oddities: &Oddities) -> MeterState {
        let at = self.at.unwrap_or_default();
        let tracks = || self.tracks.iter().filter(|track| track.zone.meter == meter && !track.is_gone());
        let whole = self.silent.iter().filter(|silent| silent.meter == meter);
        MeterState {
            meter,
            is_up: tracks().any(|track| track.silent(at).is_none()),
            method: tracks().next().map(|track| track.zone.method),
            silent: whole.map(|silent| silent.reason).next(),
            oddities: oddities.clone(),
        }
    }
}

/// Whether a part is added up to the host total, `platform` being the meter of the platform that tells it.
fn is_of(key: &Key, part: &Part, basis: Basis, platform: Option<Meter>) -> bool {
    let is_kind = match basis {
        Basis::Components => key.role.is_additive() && key.meter.is_none(),
        Basis::Platform => key.is_platform() && key.meter == platform,
        Basis::Estimate => key.role.is_additive() && key.meter.is_some(),
    };
    is_kind && part.is_there && !part.is_mirrored
}

fn standstill(zone: &Arc<Zone>) -> Silent {
    Silent {
        meter: zone.meter,
        zone: Some(zone.clone()),
        reason: Reason::Standstill,
        what: format!("{zone} stands still"),
        remedy: "the system may keep its true value from this user; name other meters in power.meters".into(),
    }
}
