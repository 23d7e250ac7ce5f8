//! What it costs to measure: the time on a processor of one reading of ten zones, account and statement included, from a
//! tree in a temporary directory. At one reading a second it may be 0.1 % of a core.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says so by ending")]
#![allow(dead_code, reason = "of the tree it needs but a part")]

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use burnwatch::energy::Account;
use burnwatch::io::clock;
use burnwatch::io::power::Meters;

use tree::Tree;

#[path = "../../it/power/tree.rs"]
mod tree;

const READINGS: u32 = 10_000;

/// A thousandth of a second.
const ALLOWED: Duration = Duration::from_millis(1);

fn main() -> ExitCode {
    let mut zones = vec![("intel-rapl:0".to_string(), "psys")];
    for (socket, name) in [(1, "package-0"), (2, "package-1"), (3, "package-2")] {
        zones.push((format!("intel-rapl:{socket}"), name));
        zones.push((format!("intel-rapl:{socket}:0"), "dram"));
        zones.push((format!("intel-rapl:{socket}:1"), "core"));
    }
    let tree = Tree::with(&zones.iter().map(|(id, name)| (id.as_str(), *name)).collect::<Vec<_>>());
    let (mut meters, mut account) = (Meters::open(&tree.config()), Account::default());
    let (mut spent, mut shown) = (Duration::ZERO, 0);
    for reading in 0..READINGS {
        zones.iter().for_each(|(id, _)| tree.say(id, u64::from(reading) * 1_000_000));
        let before = on_processor();
        account.step(&meters.read(), clock::now());
        shown += account.statement().zones.len();
        spent += on_processor() - before;
    }
    assert_eq!(shown, 10 * READINGS as usize);
    let each = spent / READINGS;
    println!("a reading of 10 zones: {} us on a processor", each.as_micros());
    println!("once a second: {:.4} % of a core, at most 0.1 %", each.as_secs_f64() * 100.0);
    ExitCode::from(u8::from(each > ALLOWED))
}

/// How long this thread has run, as the kernel counts it.
fn on_processor() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(told.split(' ').next().unwrap().parse().unwrap())
}
