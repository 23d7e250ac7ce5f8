//! What the energy channels of an Apple SoC mean: which of them are totals, in which unit, and when a counter that stands
//! still is no measurement. They move in batches, every 0.75 to 2.3 s by turns; the account of energy knows to wait for the
//! next. Knows no macOS: any list of channels will do.

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

/// A processor or a memory that drew nothing for so long was not measured: since macOS 27 these counters stand still for
/// whoever lacks Apple's entitlement. Batches are never so far apart.
pub const STANDSTILL: Span = Span::seconds(10);

/// What the channels counted since they were first looked at.
#[derive(Debug, Default)]
pub struct Counters {
    parts: BTreeMap<Part, Counter>,
}

/// The CPU, with the neural engine, of a die; its memory; the GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Package(u32),
    Dram(u32),
    Gpu,
}

#[derive(Debug)]
struct Counter {
    nanojoules: u64,
    /// When it last moved; when it was first looked at until then.
    moved: Span,
}

impl Counters {
    /// What each part has drawn, or why that is not known, at `at`, a time that only grows. A part that never moved is not
    /// there, but for the processor, which is; in a virtual machine there is none.
    pub fn told(&mut self, channels: &[Channel], at: Span) -> Vec<(Role, Result<Microjoules, Reason>)> {
        let moved = moved(channels).into_iter();
        moved.filter_map(|(part, moved)| Some((part.role(), self.part(part, moved, at)?))).collect()
    }

    fn part(&mut self, part: Part, moved: Result<u64, Reason>, at: Span) -> Option<Result<Microjoules, Reason>> {
        let counter = self.parts.entry(part).or_insert(Counter { nanojoules: 0, moved: at });
        let moved = match moved {
            Ok(moved) => moved,
            Err(reason) => return Some(Err(reason)),
        };
        counter.nanojoules = counter.nanojoules.saturating_add(moved);
        if moved > 0 || part == Part::Gpu {
            counter.moved = at; // a GPU may rest for hours
        }
        match (at - counter.moved > STANDSTILL, counter.nanojoules) {
            (true, 0) if !matches!(part, Part::Package(_)) => None,
            (true, _) => Some(Err(Reason::Standstill)),
            (false, 0) => None,
            (false, nanojoules) => Some(Ok(Microjoules::new(nanojoules / 1_000))),
        }
    }
}

impl Part {
    fn role(self) -> Role {
        match self {
            Part::Package(socket) => Role::Package { socket, die: None },
            Part::Dram(socket) => Role::Dram { socket, die: None },
            Part::Gpu => Role::Gpu { gpu: "apple".into() },
        }
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

    fn first(channels: &[Channel]) -> Vec<(Role, Result<Microjoules, Reason>)> {
        Counters::default().told(channels, Span::ZERO)
    }

    fn check(channels: &[Channel], expected: &[(Role, Result<u64, Reason>)]) {
        let told: Vec<(Role, Result<u64, Reason>)> =
            first(channels).into_iter().map(|(role, told)| (role, told.map(Microjoules::get))).collect();
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
            (Role::Dram { socket: 0, die: None }, Ok(2_000_000)),
            (Role::Dram { socket: 1, die: None }, Ok(1_000_000)),
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
            check(&[model("CPU Energy", "mJ", moved), model("ANE", "uJ", 4)], &[(package(0), Ok(4))]);
        }
    }

    #[test]
    fn a_virtual_machine_without_channels_has_nothing_to_tell() {
        check(&[], &[]);
        check(&[channel("CPU Stats", "CPU Energy", "mJ", 5), model("ECPU0", "mJ", 5)], &[]);
    }

    #[test]
    fn batches_are_told_as_they_come_and_none_of_their_energy_is_lost() {
        let mut counters = Counters::default();
        let batches = [700, 0, 1_300, 0, 0, 2_000, 0, 1];
        let told: Vec<_> = (1..)
            .zip(batches)
            .flat_map(|(second, batch)| counters.told(&[model("CPU Energy", "mJ", batch)], Span::seconds(second)))
            .map(|(_, told)| told.unwrap().get() / 1_000)
            .collect();
        assert_eq!(told, [700, 700, 2_000, 2_000, 2_000, 4_000, 4_000, 4_001]);
    }

    #[test]
    fn what_is_less_than_a_microjoule_is_told_with_the_next() {
        let mut counters = Counters::default();
        let mut at = |second| counters.told(&[model("GPU Energy", "nJ", 600)], Span::seconds(second));
        assert_eq!(at(0), [(gpu(), Ok(Microjoules::ZERO))]);
        assert_eq!(at(1), [(gpu(), Ok(Microjoules::new(1)))]);
    }

    /// What becomes of CPU, memory and GPU while they move so far at each of these seconds.
    fn history(moves: &[(i64, [i64; 3])]) -> Vec<Vec<(Role, Option<Reason>)>> {
        let mut counters = Counters::default();
        let told = |(second, [cpu, dram, gpu]): &(i64, [i64; 3])| {
            let channels =
                [model("CPU Energy", "mJ", *cpu), model("DRAM", "mJ", *dram), model("GPU Energy", "nJ", *gpu)];
            let told = counters.told(&channels, Span::seconds(*second));
            told.into_iter().map(|(role, told)| (role, told.err())).collect()
        };
        moves.iter().map(told).collect()
    }

    #[test]
    fn a_processor_and_a_memory_that_stand_still_are_unknown_until_they_move_and_a_gpu_may_rest() {
        let dram = Role::Dram { socket: 0, die: None };
        let all = |cpu, memory| vec![(package(0), cpu), (dram.clone(), memory), (gpu(), None)];
        let still = Some(Reason::Standstill);
        let moves = [(0, [100, 50, 5_000]), (10, [0; 3]), (11, [0; 3]), (12, [1, 0, 0]), (22, [0, 1, 0]), (23, [0; 3])];
        let expected =
            [all(None, None), all(None, None), all(still, still), all(None, still), all(None, None), all(still, None)];
        assert_eq!(history(&moves), expected);
    }

    #[test]
    fn frozen_from_the_start_a_processor_is_unknown_and_what_else_never_moved_is_not_there() {
        let moves = [(0, [0; 3]), (10, [0; 3]), (11, [0; 3]), (3_600, [0; 3]), (3_601, [0, 0, 7_000])];
        let still = (package(0), Some(Reason::Standstill));
        let expected = [vec![], vec![], vec![still.clone()], vec![still.clone()], vec![still, (gpu(), None)]];
        assert_eq!(history(&moves), expected);
    }
}
