//! Zones of every kind and shape, read from a tree and added up.

use std::fs;
use std::os::unix::fs::symlink;

use burnwatch::energy::{Account, Basis, Meter, MeterState, PartState, Reason, Role, Statement};
use burnwatch::io::power::Meters;
use burnwatch::units::Timestamp;

use crate::power::tree::{RANGE, Tree};

const JOULE: u64 = 1_000_000;

/// A tree, and who reads it.
struct Host {
    tree: Tree,
    meters: Meters,
    account: Account,
}

impl Host {
    fn reading(tree: Tree) -> Host {
        let mut host = Host { meters: Meters::open(&tree.config()), tree, account: Account::default() };
        host.read();
        host
    }

    fn with(zones: &[(&str, &str)]) -> Host {
        Host::reading(Tree::with(zones))
    }

    fn read(&mut self) -> Statement {
        self.account.step(&self.meters.read(), Timestamp::seconds(0));
        self.account.statement()
    }

    /// After these zones say so many joules.
    fn say(&mut self, joules: &[(&str, u64)]) -> Statement {
        joules.iter().for_each(|(id, joules)| self.tree.say(id, joules * JOULE));
        self.read()
    }

    /// The joules of the host; `None` where it is not known.
    #[track_caller]
    fn check_total(&mut self, expected: Option<f64>) {
        let statement = self.read();
        assert_eq!(total(&statement), expected, "{statement:#?}");
    }

    fn rapl(&mut self) -> MeterState {
        self.read().meters.into_iter().find(|state| state.meter == Meter::Rapl).unwrap()
    }
}

fn total(statement: &Statement) -> Option<f64> {
    let parts = statement.parts.iter().filter(|part| part.role.is_additive());
    let sum = parts.map(|part| part.energy.map(|energy| energy.as_joules())).sum::<Option<f64>>();
    sum.filter(|_| statement.host.basis == Some(Basis::Components))
}

/// A server with everything, as its kernel numbers it.
const SERVER: [(&str, &str); 7] = [
    ("intel-rapl:0", "psys"),
    ("intel-rapl:1", "package-0"),
    ("intel-rapl:1:0", "dram"),
    ("intel-rapl:1:1", "core"),
    ("intel-rapl:1:2", "uncore"),
    ("intel-rapl-mmio:0", "package-0"),
    ("intel-rapl-mmio:0:0", "dram"),
];

#[test]
fn fifty_joules_of_package_and_five_of_memory_are_55_whatever_the_rest_does() {
    let mut host = Host::with(&SERVER);
    let rest = [("intel-rapl:0", 900), ("intel-rapl:1:1", 40), ("intel-rapl:1:2", 3)];
    let twins = [("intel-rapl-mmio:0", 50), ("intel-rapl-mmio:0:0", 5)];
    let statement = host.say(&[&[("intel-rapl:1", 50), ("intel-rapl:1:0", 5)], &rest[..], &twins[..]].concat());
    assert_eq!(total(&statement), Some(55.0));
    let energy = |wanted: Role| {
        let part = |part: &&PartState| part.role == wanted;
        statement.parts.iter().find(part).unwrap().energy.unwrap().as_joules()
    };
    assert_eq!(energy(Role::Platform { id: 0 }), 900.0);
    assert_eq!(energy(Role::Core { socket: 0, die: None }), 40.0);
    assert_eq!(energy(Role::Uncore { socket: 0, die: None }), 3.0);
    // The rest moves, and the host does not.
    assert_eq!(
        total(&host.say(&[("intel-rapl:0", 1_800), ("intel-rapl:1:1", 80), ("intel-rapl-mmio:0", 90)])),
        Some(55.0)
    );
}

#[test]
fn a_twin_is_read_where_the_other_cannot_be() {
    let mut host = Host::with(&SERVER);
    host.tree.remove("intel-rapl:1", "energy_uj");
    let statement = host.say(&[("intel-rapl-mmio:0", 50), ("intel-rapl:1:0", 5), ("intel-rapl-mmio:0:0", 5)]);
    assert_eq!(total(&statement), Some(55.0));
}

#[test]
fn a_wrap_adds_the_true_energy_and_a_reset_none() {
    let mut host = Host::with(&[("intel-rapl:0", "package-0"), ("intel-rapl:1", "package-1")]);
    host.tree.say("intel-rapl:0", RANGE - 30 * JOULE);
    host.read();
    host.check_total(Some(0.0));
    host.say(&[("intel-rapl:0", 20), ("intel-rapl:1", 7)]);
    host.check_total(Some(57.0));
    let oddities = host.rapl().oddities;
    assert_eq!((oddities.wraps, oddities.resets), (1, 1), "the first jump was no energy, the second a wrap");
    host.tree.say("intel-rapl:0", 1);
    host.check_total(Some(57.0));
    host.say(&[("intel-rapl:1", 10)]);
    host.check_total(Some(60.0));
}

#[test]
fn a_range_that_is_missing_zero_or_unreadable_makes_every_fall_a_reset() {
    for range in ["0\n", "", "much\n"] {
        let tree = Tree::with(&[("intel-rapl:0", "package-0")]);
        tree.write("intel-rapl:0", "max_energy_range_uj", range);
        check_fall(tree);
    }
    let tree = Tree::with(&[("intel-rapl:0", "package-0")]);
    tree.remove("intel-rapl:0", "max_energy_range_uj");
    check_fall(tree);
}

#[track_caller]
fn check_fall(tree: Tree) {
    tree.say("intel-rapl:0", RANGE - JOULE);
    let mut host = Host::reading(tree);
    host.say(&[("intel-rapl:0", 10)]);
    host.say(&[("intel-rapl:0", 15)]);
    host.check_total(Some(5.0));
    assert_eq!(host.rapl().oddities.resets, 1);
}

#[test]
fn sixteen_sockets_are_sixteen_though_their_numbers_have_letters() {
    let zones: Vec<_> = (0..16).map(|n| (format!("intel-rapl:{n:x}"), format!("package-{n}"))).collect();
    let mut host = Host::with(&zones.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect::<Vec<_>>());
    let said: Vec<_> = zones.iter().map(|(id, _)| (id.as_str(), 10)).collect();
    host.say(&said);
    host.check_total(Some(160.0));
}

#[test]
fn dies_that_mirror_their_socket_count_once_and_others_in_full() {
    let dies = [("intel-rapl:0", "package-0-die-0"), ("intel-rapl:1", "package-0-die-1")];
    let mut mirrored = Host::with(&dies);
    let mut distinct = Host::with(&dies);
    for joules in (30..=300).step_by(30) {
        mirrored.say(&[(dies[0].0, joules), (dies[1].0, joules)]);
        distinct.say(&[(dies[0].0, joules), (dies[1].0, joules / 3 * 2)]);
    }
    mirrored.check_total(Some(300.0));
    distinct.check_total(Some(500.0));
    let zones = mirrored.read().zones;
    assert_eq!(zones[1].repeats.as_ref().map(|zone| zone.id.as_str()), Some("intel-rapl:0"));
}

#[test]
fn dies_have_memory_of_their_own() {
    let mut host = Host::with(&[
        ("intel-rapl:0", "package-0-die-0"),
        ("intel-rapl:1", "package-0-die-1"),
        ("intel-rapl:0:0", "dram"),
        ("intel-rapl:1:0", "dram"),
    ]);
    host.say(&[("intel-rapl:0:0", 5), ("intel-rapl:1:0", 5)]);
    host.check_total(Some(10.0));
}

#[test]
fn what_cannot_be_read_for_a_while_is_silent_and_then_made_up_for() {
    let mut host = Host::with(&[("intel-rapl:0", "package-0")]);
    host.say(&[("intel-rapl:0", 50)]);
    for text in [
        "",
        "\n",
        "garbage\n",
        "-5\n",
        "1.5\n",
        "\u{0}\u{1}",
        "99999999999999999999999999999999999\n",
        "262143328851\n",
    ] {
        host.tree.write("intel-rapl:0", "energy_uj", text);
        (0..3).for_each(|_| _ = host.read());
        host.check_total(None);
        let rapl = host.rapl();
        assert_eq!((rapl.is_up, rapl.silent), (false, Some(Reason::Parse)), "{text:?}");
        host.say(&[("intel-rapl:0", 50)]);
        host.check_total(Some(50.0));
    }
    host.tree.remove("intel-rapl:0", "energy_uj");
    (0..3).for_each(|_| _ = host.read());
    host.check_total(None);
    assert_eq!(host.rapl().silent, Some(Reason::NotFound));
    host.say(&[("intel-rapl:0", 80)]);
    host.check_total(Some(80.0));
    assert!(host.rapl().is_up);
}

#[test]
fn a_host_without_powercap_says_what_is_missing_until_it_is_there() {
    let mut host = Host::reading(Tree::bare());
    let statement = host.read();
    assert_eq!((statement.host.basis, statement.host.watts, statement.parts.len()), (None, None, 0));
    let rapl = host.rapl();
    assert_eq!((rapl.is_up, rapl.silent), (false, Some(Reason::NotFound)));
    let told = statement.silent.iter().find(|silent| silent.meter == Meter::Rapl).unwrap().to_string();
    assert!(told.contains("class/powercap: no such file or directory; load the module intel_rapl_msr"), "{told}");
    host.tree.add("intel-rapl:0", "package-0");
    host.read();
    host.say(&[("intel-rapl:0", 7)]);
    host.check_total(Some(7.0));
}

#[test]
fn other_control_types_and_unknown_zones_are_passed_over() {
    let mut host = Host::with(&[("dtpm:0", "package-9"), ("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "nanny")]);
    fs::create_dir_all(host.tree.sys().join("class/powercap/idle-injection")).unwrap();
    host.say(&[("dtpm:0", 5), ("intel-rapl:0", 7), ("intel-rapl:0:0", 9)]);
    host.check_total(Some(7.0));
    let statement = host.read();
    assert_eq!(statement.zones.len(), 1);
    assert!(!statement.silent.iter().any(|silent| silent.meter == Meter::Rapl));
}

#[test]
fn zones_are_found_once_however_they_are_linked() {
    let tree = Tree::with(&SERVER[1..5]);
    let class = tree.sys().join("class/powercap");
    fs::remove_dir_all(&class).unwrap();
    symlink("../devices/virtual/powercap", &class).unwrap();
    let mut host = Host::reading(tree);
    host.say(&[("intel-rapl:1", 50), ("intel-rapl:1:0", 5), ("intel-rapl:1:1", 20)]);
    host.check_total(Some(55.0));
    assert_eq!(host.read().zones.len(), 4);
}

#[test]
fn one_core_of_an_amd_processor_is_not_told_as_all_of_them() {
    let tree = Tree::with(&[("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "core")]);
    tree.processors("AuthenticAMD");
    let mut host = Host::reading(tree);
    let zones = host.say(&[("intel-rapl:0", 100), ("intel-rapl:0:0", 6)]).zones;
    assert_eq!(zones.iter().map(|state| state.zone.id.as_str()).collect::<Vec<_>>(), ["intel-rapl:0"]);
}
