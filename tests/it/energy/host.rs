//! A host on which every request costs the same: 0.4 J and 2 ms of CPU time, half of it the service's own. It draws 20 W
//! besides. All of it is files, written again fifty times a second. Nobody asks for anything where minutes meet, so that
//! it does not matter to which of them somebody who is late counts it.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
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
/// Who reads between two beats that are further apart errs by more than half a percent of what a minute costs the service.
const LATE: Duration = Duration::from_millis(600);
const ZONE: &str = "intel-rapl:0";
const UNIT: &str = "fs/cgroup/system.slice/shop.service";

pub struct Host {
    files: Arc<Files>,
    writer: Option<JoinHandle<()>>,
}

struct Files {
    tree: Tree,
    service: Service,
    began: Instant,
    steady_since: Mutex<Instant>,
    is_done: AtomicBool,
}

impl Host {
    pub fn start() -> Host {
        let tree = Tree::with(&[(ZONE, "package-0")]);
        fs::create_dir_all(tree.sys().join(UNIT)).unwrap();
        let began = Instant::now();
        let (steady_since, is_done) = (Mutex::new(began), AtomicBool::new(false));
        let files = Arc::new(Files { tree, service: Service::start(), began, steady_since, is_done });
        files.write();
        let writing = files.clone();
        Host { files, writer: Some(spawn(move || writing.write_until_done())) }
    }

    pub fn service(&self) -> &Service {
        &self.files.service
    }

    /// For how long it was written without a pause. A machine that stands still shows too little at first, and then too
    /// much at once.
    pub fn steady_for(&self) -> Duration {
        self.files.steady_since.lock().unwrap().elapsed()
    }

    /// `power` as a configuration file says it, with `more`.
    pub fn section(&self, more: &str) -> String {
        let (sysfs, procfs) = (self.files.tree.sys(), self.files.tree.proc());
        format!(
            "power: {{ every: 1s, meters: [rapl], sysfs: {}, procfs: {}, {more} }}",
            sysfs.display(),
            procfs.display()
        )
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            self.files.is_done.store(true, Ordering::Relaxed);
            _ = writer.join();
        }
    }
}

impl Files {
    fn write_until_done(&self) {
        let mut written = self.began;
        while !self.is_done.load(Ordering::Relaxed) {
            self.write();
            if written.elapsed() > LATE {
                *self.steady_since.lock().unwrap() = Instant::now();
            }
            written = Instant::now();
            sleep(BEAT);
        }
    }

    fn write(&self) {
        let second = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() % 60;
        if BUSY.contains(&second) {
            self.service.flow(FLOW)
        } else {
            self.service.pause()
        }
        let requests = self.service.served().total;
        let idle = self.began.elapsed().as_micros() as u64 * IDLE_WATTS as u64;
        let zone = self.tree.sys().join("class/powercap").join(ZONE).canonicalize().unwrap();
        replace(&self.tree.proc().join("stat"), &format!("cpu  {} 0 0 0 0 0 0 0 0 0\n", requests / 5));
        replace(&self.tree.sys().join(UNIT).join("cpu.stat"), &format!("usage_usec {}\n", requests * 1_000));
        replace(&zone.join("energy_uj"), &format!("{}\n", idle + requests * 400_000));
    }
}

/// At once, so that nobody reads a half.
fn replace(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, path).unwrap();
}
