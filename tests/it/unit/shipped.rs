//! The unit as it is shipped, with its drop-ins, under a systemd that was really booted.

use crate::stand::eventually;
use crate::unit::machine::Machine;
use crate::unit::{EVALUATE, SLOS, SOON};

/// It scrapes itself.
const SOURCE: &str = "scrape: { every: 1s, targets: [{ url: 'http://127.0.0.1:9872/metrics' }] }";

/// The most that `systemd-analyze security` may find, of 10.
const EXPOSED: f64 = 2.0;

const UNIT: &str = "/usr/lib/systemd/system/burnwatch.service";
const DROP_INS: &str = "/run/systemd/system/burnwatch.service.d";

/// A command in the place of the daemon, with all else of its unit, on a host whose only zone counts `energy`.
const PROBE: &str = r#"
set -e
mkdir -p /run/systemd/system/probe.service.d /run/class/powercap/intel-rapl:0
rm -f /run/systemd/system/probe.service.d/*
cp /usr/lib/systemd/system/burnwatch.service /run/systemd/system/probe.service
cd /run/class/powercap/intel-rapl:0
echo package-0 > name
echo 262143328850 > max_energy_range_uj
echo 123456789 > energy_uj
chmod 0400 energy_uj
cat > /run/systemd/system/probe.service.d/probe.conf <<END
[Service]
Type=oneshot
Restart=no
StandardOutput=truncate:/run/said
StandardError=null
BindReadOnlyPaths=/run/class:/sys/class
StateDirectory=
ExecStart=
END
"#;

fn drop_in(machine: &Machine, name: &str) {
    machine
        .run(&format!("mkdir -p {DROP_INS} && cp /usr/share/burnwatch/{name} {DROP_INS}/ && systemctl daemon-reload"));
}

/// Whether `command` succeeds as the daemon would, after `prepared`, and what it says.
fn probed(machine: &Machine, command: &str, prepared: &str) -> (bool, String) {
    let conf = "/run/systemd/system/probe.service.d/probe.conf";
    machine.run(&format!("{PROBE}\necho 'ExecStart={command}' >> {conf}\n{prepared}\nsystemctl daemon-reload"));
    let (succeeded, _) = machine.tried("systemctl start probe.service");
    (succeeded, machine.run("cat /run/said"))
}

fn exposure(machine: &Machine) -> f64 {
    let said = machine.run(&format!("systemd-analyze security --offline=true --no-pager {UNIT}"));
    let overall = said.lines().find_map(|line| line.split("level for burnwatch.service: ").nth(1));
    overall.and_then(|rest| rest.split(' ').next()).and_then(|number| number.parse().ok()).expect(&said)
}

#[test]
fn the_shipped_unit_holds_what_it_promises() {
    let config = format!(
        "source: {{ {SOURCE} }}\nevaluate: {EVALUATE}\nrules: {{ dir: /etc/prometheus/burnwatch }}\n\
         web: {{ rate_limit: off }}\n"
    );
    let machine = Machine::booted(&[("burnwatch.yaml", &config), ("slos/shop.yaml", SLOS)]);

    // There is no network to wait for.
    machine.run("ln -s /dev/null /run/systemd/system/network-online.target && systemctl daemon-reload");

    // It is clean and closed, alone and with its drop-ins.
    for drop in [None, Some("rules.conf"), Some("power.conf")] {
        drop.iter().for_each(|name| drop_in(&machine, name));
        assert_eq!(machine.run(&format!("systemd-analyze verify --man=no {UNIT}")), "", "{drop:?}");
        let exposure = exposure(&machine);
        assert!(exposure <= EXPOSED, "{exposure} with {drop:?}");
    }
    machine.run(&format!("rm {DROP_INS}/power.conf && systemctl daemon-reload"));

    // Its start ends when it is ready; its ledger and its rule files are where they belong.
    machine.run("install -d -o burnwatch -g burnwatch /etc/prometheus/burnwatch && systemctl start burnwatch");
    let shown = machine.run("burnwatch status");
    assert!(shown.contains("availability"), "{shown}");
    let owned = machine.run("stat -c '%U %a' /var/lib/burnwatch && stat -c %U /var/lib/burnwatch/ledger.db");
    assert_eq!(owned, "burnwatch 700\nburnwatch");
    let rules = || machine.tried("stat -c '%U %a' /etc/prometheus/burnwatch/shop.yaml").1;
    eventually("rules are written for others to read", SOON, rules, |rules| rules == "burnwatch 644");

    // A reload is told, and goes on with the same process.
    let main = || machine.run("systemctl show --value --property=MainPID burnwatch");
    let before = main();
    machine.run("systemctl reload burnwatch");
    let journal = || machine.run("journalctl --no-pager --unit=burnwatch");
    eventually("it reloads", SOON, journal, |journal| journal.contains("\"message\":\"reloaded\""));
    assert_eq!(main(), before);

    // Stuck, it is started anew; systemd waits less for it here than it would.
    let sooner = "s/^WatchdogSec=.*/WatchdogSec=3s/; s/^RestartSec=.*/RestartSec=0/";
    machine.run(&format!("sed '{sooner}' {UNIT} > /run/systemd/system/burnwatch.service"));
    machine.run("systemctl daemon-reload && systemctl restart burnwatch");
    let restarts = || machine.run("systemctl show --value --property=NRestarts burnwatch");
    let stuck = main();
    assert_eq!(restarts(), "0");
    machine.run(&format!("kill -STOP {stuck}"));
    eventually("it is started anew", SOON, restarts, |restarts| restarts == "1");
    let state = || machine.run("systemctl show --value --property=ActiveState burnwatch");
    eventually("it is ready again", SOON, state, |state| state == "active");
    assert_ne!(main(), stuck);
    assert!(journal().contains("Failed with result 'watchdog'"));

    // It stops in time, and by itself.
    machine.run("systemctl stop burnwatch");
    let ended = machine.run("systemctl show --property=Result,ExecMainCode,ExecMainStatus burnwatch");
    assert!(ended.contains("Result=success") && ended.contains("ExecMainStatus=0"), "{ended}");

    // Counters that are root's are read with the one drop-in or by the group, and nothing that matters is.
    const POWER: &str = "/usr/bin/burnwatch power --output json --config /etc/burnwatch/burnwatch.yaml";
    const CAPABLE: &str = "cp /usr/share/burnwatch/power.conf /run/systemd/system/probe.service.d/";
    const GIVEN: &str = "chgrp burnwatch energy_uj && chmod 0440 energy_uj";
    for (prepared, expected) in [("", false), (CAPABLE, true), (GIVEN, true)] {
        let (succeeded, said) = probed(&machine, POWER, prepared);
        let told: serde_json::Value = serde_json::from_str(&said).expect(&said);
        let is_up =
            told["meters"].as_array().unwrap().iter().any(|meter| meter["meter"] == "rapl" && meter["up"] == true);
        assert_eq!((succeeded, is_up), (true, expected), "{prepared}: {said}");
        for secret in ["/etc/shadow", "/etc/gshadow"] {
            assert!(!machine.run(&format!("cat {secret}")).is_empty());
            assert_eq!(probed(&machine, &format!("/bin/cat {secret}"), prepared).1, "", "{prepared}");
        }
    }
    let counter = "/bin/cat /sys/class/powercap/intel-rapl:0/energy_uj";
    assert_eq!(probed(&machine, counter, CAPABLE), (true, "123456789".to_string()), "a probe shows what it reads");
}
