//! A host on which every request costs the same: 0.4 J and 2 ms of CPU time, half of it the service's own. It draws 20 W
//! besides. All of it is files, written again fifty times a second. Nobody asks for anything where minutes meet, so that
//! it does not matter to which of them somebody who is late counts it.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::power::tree::Tree;
use crate::stand::{Requests, Service};

pub const IDLE_WATTS: f64 = 20.0;
/// Of the service: half of what a request costs the host.
pub const JOULES_PER_REQUEST: f64 = 0.2;

/// 150 requests a second, within these seconds of a minute.
const FLOW: Requests = Requests { total: 3, failed: 0, slow: 0 };
const BUSY: Range<u64> = 5..50;

const BEAT: Duration = Duration::from_millis(20);
const ZONE: &str = "intel-rapl:0";
const UNIT: &str = "fs/cgroup/system.slice/shop.service";

pub struct Host {
    tree: Arc<Tree>,
    service: Arc<Service>,
    is_done: Arc<AtomicBool>,
    writer: Option<JoinHandle<()>>,
}

impl Host {
    pub fn start() -> Host {
        let tree = Arc::new(Tree::with(&[(ZONE, "package-0")]));
        fs::create_dir_all(tree.sys().join(UNIT)).unwrap();
        let mut host = Host { tree, service: Arc::new(Service::start()), is_done: Arc::default(), writer: None };
        let (tree, service, is_done) = (host.tree.clone(), host.service.clone(), host.is_done.clone());
        let writing = Host { tree, service, is_done, writer: None };
        let began = Instant::now();
        writing.tell(began);
        host.writer = Some(spawn(move || {
            while !writing.is_done.load(Ordering::Relaxed) {
                writing.tell(began);
                sleep(BEAT);
            }
        }));
        host
    }

    pub fn service(&self) -> &Service {
        &self.service
    }

    /// `power` as a configuration file says it, with `more`.
    pub fn section(&self, more: &str) -> String {
        let (sysfs, procfs) = (self.tree.sys(), self.tree.proc());
        format!(
            "power: {{ every: 1s, meters: [rapl], sysfs: {}, procfs: {}, {more} }}",
            sysfs.display(),
            procfs.display()
        )
    }

    fn tell(&self, began: Instant) {
        let second = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() % 60;
        if BUSY.contains(&second) {
            self.service.flow(FLOW)
        } else {
            self.service.pause()
        }
        let requests = self.service.served().total;
        let idle = began.elapsed().as_micros() as u64 * IDLE_WATTS as u64;
        let zone = self.tree.sys().join("class/powercap").join(ZONE).canonicalize().unwrap();
        replace(&self.tree.proc().join("stat"), &format!("cpu  {} 0 0 0 0 0 0 0 0 0\n", requests / 5));
        replace(&self.tree.sys().join(UNIT).join("cpu.stat"), &format!("usage_usec {}\n", requests * 1_000));
        replace(&zone.join("energy_uj"), &format!("{}\n", idle + requests * 400_000));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            self.is_done.store(true, Ordering::Relaxed);
            _ = writer.join();
        }
    }
}

/// At once, so that nobody reads a half.
fn replace(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, path).unwrap();
}
