//! What the energy channels of an Apple SoC mean: which of them are roll-ups, in which unit, how their batches become a
//! steady counter, and when one that stands still is no measurement. Knows no macOS: any list of channels will do.

use std::collections::BTreeMap;

use crate::energy::{Reason, Role};
use crate::units::{Microjoules, Span};

/// A channel as the system tells it, copied and not yet understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Such as `Energy Model`.
    pub group: String,
    pub name: String,
    /// As it is written, with its padding.
    pub unit: String,
    /// How far it moved since the sample before.
    pub moved: i64,
}

/// What was published is told over so long: millijoule channels move in batches, every 0.75 to 2.3 s by turns (seen on
/// M1 Ultra and M5 Max), which would read as no power and twice the power by turns. Nothing is told before it has passed.
pub const SETTLE: Span = Span::seconds(5);

/// A processor or a memory that drew nothing for so long was not measured: since macOS 27 these counters stand still for
/// all who lack Apple's entitlement.
pub const STANDSTILL: Span = Span::seconds(10);

/// What the channels counted since they were first looked at.
#[derive(Debug, Default)]
pub struct Counters {
    parts: BTreeMap<Part, Counter>,
    /// When they were looked at first and last.
    looked: Option<(Span, Span)>,
}

/// The CPU, with the neural engine, of a die; its memory; the GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Package(u32),
    Dram(u32),
    Gpu,
}

#[derive(Debug, Clone, Copy)]
struct Counter {
    told: Microjoules,
    /// Nanojoules, the finest unit there is.
    untold: u64,
    moved_at: Span,
}

impl Counters {
    /// What each part has drawn, or why that is not known, at `at`, a time that only grows. Empty while nothing is known,
    /// and where there is no channel of energy, as in a virtual machine.
    pub fn told(&mut self, channels: &[Channel], at: Span) -> Vec<(Role, Result<Microjoules, Reason>)> {
        let (first, last) = self.looked.unwrap_or((at, at));
        self.looked = Some((first, at));
        let settled = (at - last).share_of(SETTLE).min(1.0);
        let mut told = Vec::new();
        for (part, moved) in moved(channels) {
            let counter = self.parts.entry(part).or_insert(Counter::new(at));
            let known = moved.and_then(|moved| counter.after(moved, at, part));
            if at - first >= SETTLE {
                told.push((part.role(), known.map(|()| counter.tell(settled))));
            }
        }
        told
    }
}

impl Counter {
    fn new(at: Span) -> Counter {
        Counter { told: Microjoules::ZERO, untold: 0, moved_at: at }
    }

    /// Takes note of what was drawn; an error where that it is nothing is not to be believed.
    fn after(&mut self, nanojoules: u64, at: Span, part: Part) -> Result<(), Reason> {
        self.untold = self.untold.saturating_add(nanojoules);
        if nanojoules > 0 || part.may_rest() {
            self.moved_at = at;
        }
        if at - self.moved_at > STANDSTILL { Err(Reason::Standstill) } else { Ok(()) }
    }

    /// Tells a share of what is not yet told.
    fn tell(&mut self, share: f64) -> Microjoules {
        let microjoules = (self.untold as f64 * share / 1_000.0) as u64;
        self.untold = self.untold.saturating_sub(microjoules.saturating_mul(1_000));
        self.told = self.told + Microjoules::new(microjoules);
        self.told
    }
}

impl Part {
    fn role(self) -> Role {
        match self {
            Part::Package(socket) => Role::Package { socket, die: None },
            Part::Dram(socket) => Role::Dram { socket },
            Part::Gpu => Role::Gpu { gpu: "apple".into() },
        }
    }

    /// A GPU may draw nothing for hours; a processor that runs this, and its memory, cannot.
    fn may_rest(self) -> bool {
        matches!(self, Part::Gpu)
    }
}

/// The nanojoules of each part since the sample before. Of several roll-ups of one kind only the best are added: the rest
/// are their sums or their like.
fn moved(channels: &[Channel]) -> BTreeMap<Part, Result<u64, Reason>> {
    let totals: Vec<(RollUp, &Channel)> =
        channels.iter().filter_map(|channel| Some((RollUp::of(channel)?, channel))).collect();
    let is_best = |of: &RollUp| totals.iter().all(|(other, _)| other.kind != of.kind || other.rank >= of.rank);
    let mut moved = BTreeMap::new();
    for (total, channel) in totals.iter().filter(|(total, _)| is_best(total)) {
        let sum = moved.entry(total.part).or_insert(Ok(0_u64));
        *sum = match (*sum, nanojoules(channel)) {
            (Ok(sum), Ok(more)) => Ok(sum.saturating_add(more)),
            (Err(reason), _) | (_, Err(reason)) => Err(reason),
        };
    }
    moved
}

/// A channel that totals a part.
#[derive(Debug, PartialEq)]
struct RollUp {
    kind: &'static str,
    /// The lower the better.
    rank: u8,
    part: Part,
}

impl RollUp {
    /// Matches whole names: the channels of cores, clusters and their memories have names that begin or end alike, and
    /// all 321 of an M1 Ultra together are three times what it draws.
    fn of(channel: &Channel) -> Option<RollUp> {
        let rank = match &*channel.group {
            "CLPC" => 0, // since macOS 27; alive where the energy model stands still
            "Energy Model" => 1,
            _ => return None,
        };
        let name = &*channel.name;
        let die = |name: &str| name.strip_prefix("DIE_")?.strip_suffix("_CPU Energy")?.parse().ok();
        let (kind, rank, part) = if let Some(die) = die(name) {
            ("CPU", rank, Part::Package(die))
        } else if name == "CPU Energy" {
            ("CPU", rank * 2, Part::Package(0))
        } else if let Some(die) = numbered(name, "ANE") {
            ("ANE", rank, Part::Package(die))
        } else if let Some(die) = numbered(name, "DRAM") {
            ("DRAM", rank, Part::Dram(die))
        } else if name == "GPU Energy" {
            ("GPU", rank, Part::Gpu)
        } else {
            numbered(name, "GPU").map(|_| ("GPU", rank * 2, Part::Gpu))?
        };
        Some(RollUp { kind, rank, part })
    }
}

/// The die of `ANE`, `ANE0` or `ANE0_1`.
fn numbered(name: &str, prefix: &str) -> Option<u32> {
    let (number, die) = name.strip_prefix(prefix)?.split_once('_').unwrap_or((&name[prefix.len()..], "0"));
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    die.parse().ok().filter(|_| is_number)
}

/// What a channel counted; nothing where it fell, which no energy does.
fn nanojoules(channel: &Channel) -> Result<u64, Reason> {
    let each = match channel.unit.trim() {
        "mJ" => 1_000_000,
        "uJ" => 1_000,
        "nJ" => 1,
        _ => return Err(Reason::Parse),
    };
    Ok(u64::try_from(channel.moved).unwrap_or(0).checked_mul(each).filter(|moved| *moved <= LEAP).unwrap_or(0))
}

/// The nanojoules no channel counts between two samples: a megajoule. What is above is a sentinel.
const LEAP: u64 = 1_000_000_000_000_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn channel(group: &str, name: &str, unit: &str, moved: i64) -> Channel {
        Channel { group: group.into(), name: name.into(), unit: unit.into(), moved }
    }

    fn model(name: &str, unit: &str, moved: i64) -> Channel {
        channel("Energy Model", name, unit, moved)
    }

    /// An M1 Ultra's 321 channels, as its inventory is known: 310 of millijoules, 10 of microjoules, one of nanojoules.
    /// Its two dies draw 7 J and 3 J, their memories 2 J and 1 J, the GPU 4 J; the parts of each draw as much again.
    fn ultra() -> Vec<Channel> {
        let totals = [("DIE_0_CPU Energy", 6_000), ("DIE_1_CPU Energy", 2_500), ("ANE0", 1_000), ("ANE0_1", 500)];
        let memory = [("DRAM0", 2_000), ("DRAM0_1", 1_000)];
        let parts = ["DCS0", "AMCC0", "ISP0", "AVE0", "MSR0", "DISP0", "GPU SRAM0", "ANE_SRAM", "DRAM_SRAM"];
        let mut channels: Vec<Channel> =
            totals.iter().chain(&memory).map(|(name, moved)| model(name, "mJ      ", *moved)).collect();
        channels.extend(parts.map(|name| model(name, "mJ      ", 300)));
        for number in 0..310 - channels.len() {
            let (die, core) = (number % 2, number / 2);
            let kind = ["ECPU", "PCPU", "PCPU_SRAM", "EACC_CPU", "PACC0_CPU", "CPUDTL", "CPU Energy_"][number % 7];
            channels.push(model(&format!("DIE_{die}_{kind}{core}"), "mJ      ", 60));
        }
        channels.extend((0..10).map(|port| model(&format!("APCIE{port} Energy"), "uJ      ", 900)));
        channels.push(model("GPU Energy", "nJ      ", 4_000_000_000));
        channels
    }

    /// What is told of each part after `channels` moved once and then never again, once all of it is told.
    fn settled(channels: &[Channel]) -> Vec<(Role, Result<Microjoules, Reason>)> {
        let mut counters = Counters::default();
        counters.told(channels, Span::ZERO);
        let still: Vec<Channel> = channels.iter().map(|channel| Channel { moved: 0, ..channel.clone() }).collect();
        counters.told(&still, SETTLE)
    }

    fn check(channels: &[Channel], expected: &[(Role, Result<u64, Reason>)]) {
        let told: Vec<(Role, Result<u64, Reason>)> =
            settled(channels).into_iter().map(|(role, told)| (role, told.map(Microjoules::get))).collect();
        assert_eq!(told, expected, "{channels:?}");
    }

    fn package(socket: u32) -> Role {
        Role::Package { socket, die: None }
    }

    fn gpu() -> Role {
        Role::Gpu { gpu: "apple".into() }
    }

    #[test]
    fn of_all_channels_of_an_m1_ultra_only_the_totals_are_added() {
        let channels = ultra();
        let of = |unit| channels.iter().filter(|channel| channel.unit.trim() == unit).count();
        assert_eq!((channels.len(), of("mJ"), of("uJ"), of("nJ")), (321, 310, 10, 1));
        let expected = [
            (package(0), Ok(7_000_000)),
            (package(1), Ok(3_000_000)),
            (Role::Dram { socket: 0 }, Ok(2_000_000)),
            (Role::Dram { socket: 1 }, Ok(1_000_000)),
            (gpu(), Ok(4_000_000)),
        ];
        check(&channels, &expected);
    }

    #[test]
    fn units_are_read_without_their_padding_and_others_are_not_guessed() {
        let energy = Ok(3_000_000);
        check(&[model("CPU Energy", "mJ", 3_000)], &[(package(0), energy)]);
        check(&[model("CPU Energy", "  uJ  ", 3_000_000)], &[(package(0), energy)]);
        check(&[model("CPU Energy", "nJ      ", 3_000_000_000)], &[(package(0), energy)]);
        check(&[model("CPU Energy", "kJ", 3)], &[(package(0), Err(Reason::Parse))]);
        check(&[model("CPU Energy", "", 3)], &[(package(0), Err(Reason::Parse))]);
    }

    #[test]
    fn of_several_totals_of_one_kind_the_best_is_taken() {
        let both =
            [model("CPU Energy", "mJ", 9), model("DIE_0_CPU Energy", "mJ", 4), model("DIE_1_CPU Energy", "mJ", 5)];
        check(&both, &[(package(0), Ok(4_000)), (package(1), Ok(5_000))]);
        check(&[model("GPU0", "nJ", 2_000), model("GPU Energy", "nJ", 7_000)], &[(gpu(), Ok(7))]);
        check(&[model("GPU0", "nJ", 2_000), model("GPU1", "nJ", 3_000)], &[(gpu(), Ok(5))]);
    }

    #[test]
    fn what_the_system_shows_beside_the_energy_model_is_taken_since_macos_27() {
        let hidden = |name: &str, moved| channel("CLPC", name, "nJ", moved);
        let frozen = [model("CPU Energy", "mJ", 0), model("ANE", "mJ", 0), model("GPU Energy", "nJ", 8_000_000)];
        let mut channels = frozen.to_vec();
        channels.extend([hidden("CPU Energy", 5_000_000), hidden("ANE", 1_000_000), hidden("GPU Energy", 8_000_000)]);
        check(&channels, &[(package(0), Ok(6_000)), (gpu(), Ok(8_000))]);
    }

    #[test]
    fn what_fell_or_leapt_adds_nothing() {
        for moved in [-1, i64::MIN, i64::MAX, 1_000_000_001] {
            check(&[model("CPU Energy", "mJ", moved)], &[(package(0), Ok(0))]);
        }
    }

    #[test]
    fn a_virtual_machine_without_channels_has_nothing_to_tell() {
        check(&[], &[]);
        check(&[channel("CPU Stats", "CPU Energy", "mJ", 5), model("ECPU0", "mJ", 5)], &[]);
    }

    #[test]
    fn nothing_is_told_before_batches_have_settled() {
        let mut counters = Counters::default();
        for second in 0..5 {
            assert_eq!(counters.told(&ultra(), Span::seconds(second)), []);
        }
        assert_eq!(counters.told(&ultra(), Span::seconds(5)).len(), 5);
    }

    #[test]
    fn batches_become_a_steady_power_and_none_of_their_energy_is_lost() {
        let mut counters = Counters::default();
        let mut told = Vec::new();
        for second in 0..121 {
            // 10 W, published every two seconds
            let batch = if second > 0 && second < 90 && second % 2 == 0 { 20_000 } else { 0 };
            let said = counters.told(&[model("CPU Energy", "mJ", batch), model("ANE", "mJ", 0)], Span::seconds(second));
            if let [(_, Ok(counter))] = said[..] {
                told.push(counter.as_joules());
            }
        }
        let watts: Vec<f64> = told.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let steady = &watts[5..80];
        assert!(steady.iter().all(|watts| (8.0..=12.0).contains(watts)), "{steady:?}");
        let all = 44.0 * 20.0;
        assert!((all * 0.98..=all).contains(told.last().unwrap()), "{:?} of {all}", told.last());
    }

    #[test]
    fn a_processor_that_stands_still_is_unknown_until_it_moves_and_a_gpu_may_rest() {
        let mut counters = Counters::default();
        let mut at = |second, cpu| {
            let channels = [model("CPU Energy", "mJ", cpu), model("DRAM", "mJ", 0), model("GPU Energy", "nJ", 0)];
            counters.told(&channels, Span::seconds(second)).into_iter().map(|(_, told)| told.err()).collect::<Vec<_>>()
        };
        let still = Some(Reason::Standstill);
        at(0, 100);
        assert_eq!(at(10, 0), [None, None, None]);
        assert_eq!(at(11, 0), [still, still, None]);
        assert_eq!(at(12, 1), [None, still, None]);
        assert_eq!(at(23, 0), [still, still, None]);
    }

    #[test]
    fn a_long_sleep_is_told_whole() {
        let mut counters = Counters::default();
        counters.told(&[model("CPU Energy", "mJ", 1)], Span::ZERO);
        let told = counters.told(&[model("CPU Energy", "mJ", 1_000_000)], Span::hours(9));
        assert_eq!(told, [(package(0), Ok(Microjoules::new(1_000_001_000)))]);
    }
}
