//! What the process itself uses, as every exporter tells it. What the host does not tell, as all but Linux, is absent.

use std::fs;
use std::path::Path;

use prometheus::proto::{MetricFamily, MetricType};

use crate::promql::names;
use crate::report::metrics::single;
use crate::units::Timestamp;

/// `/proc` counts processor time in hundredths of a second, whatever the kernel's own clock (proc(5), `USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// The families, read from `proc` (`/proc/self`).
pub fn families(proc: &Path, started: Timestamp) -> Vec<MetricFamily> {
    let read = |name| fs::read_to_string(proc.join(name)).unwrap_or_default();
    let open_files = fs::read_dir(proc.join("fd")).ok().map(|entries| entries.count() as f64);
    let counter = MetricType::COUNTER;
    let gauge = MetricType::GAUGE;
    let known = [
        (names::PROCESS_CPU, "Processor time used, in user and in system mode.", counter, cpu_seconds(&read("stat"))),
        (names::PROCESS_MEMORY, "Memory held resident.", gauge, resident_bytes(&read("status"))),
        (names::PROCESS_START, "When the process started, in seconds since 1970.", gauge, Some(started.as_seconds())),
        (names::PROCESS_FILES, "File descriptors open.", gauge, open_files),
        (names::PROCESS_MAX_FILES, "File descriptors that may be open.", gauge, max_files(&read("limits"))),
    ];
    known.into_iter().filter_map(|(name, help, kind, value)| Some(single(name, help, kind, value?))).collect()
}

/// The fields 14 and 15 of `stat`, counted behind the program's name, which may hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<f64>);
    Some((ticks.next()?.ok()? + ticks.next()?.ok()?) / TICKS_PER_SECOND)
}

fn resident_bytes(status: &str) -> Option<f64> {
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?;
    Some(kib.parse::<f64>().ok()? * 1024.0)
}

fn max_files(limits: &str) -> Option<f64> {
    let limits = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    limits.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_writes() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 1 0 0 0 150 25 0 0 20 0 3 0 100 1000 200 18446744073709551615";
        assert_eq!(cpu_seconds(stat), Some(1.75));
        assert_eq!(resident_bytes("VmHWM:\t    9000 kB\nVmRSS:\t    8192 kB\n"), Some(8_388_608.0));
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max open files            1024                 524288               files\n";
        assert_eq!(max_files(limits), Some(1024.0));
        assert_eq!(max_files("Max open files            unlimited            unlimited            files\n"), None);
    }

    #[test]
    fn tells_only_its_start_where_the_kernel_tells_nothing() {
        let families = families(Path::new("/nonexistent"), Timestamp::seconds(7));
        assert_eq!(families.iter().map(MetricFamily::name).collect::<Vec<_>>(), [names::PROCESS_START]);
    }
}
