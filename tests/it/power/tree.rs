//! A host's `/sys` and `/proc` in a temporary directory, as its kernel would show them, rewritten while somebody reads.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use burnwatch::io::power::Config;
use tempfile::TempDir;

/// 2^32 units of 2^-14 J, as on Intel's processors.
pub const RANGE: u64 = 262_143_328_850;

pub struct Tree {
    dir: TempDir,
}

impl Tree {
    /// A host without any meter.
    pub fn bare() -> Tree {
        let dir = tempfile::tempdir().unwrap();
        // Other users are to be kept out by files alone.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for path in ["sys/class", "proc/sys/kernel"] {
            fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        fs::write(dir.path().join("proc/sys/kernel/hostname"), "testhost\n").unwrap();
        Tree { dir }
    }

    /// A host with these zones (id and name), whose counters are at 0.
    pub fn with(zones: &[(&str, &str)]) -> Tree {
        let tree = Tree::bare();
        zones.iter().for_each(|(id, name)| tree.add(id, name));
        tree
    }

    /// Adds a zone within the one that its id says, and a link to it where all are linked.
    pub fn add(&self, id: &str, name: &str) {
        let directory = self.zone(id);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("name"), format!("{name}\n")).unwrap();
        self.write(id, "max_energy_range_uj", &format!("{RANGE}\n"));
        self.say(id, 0);
        let class = self.sys().join("class/powercap");
        fs::create_dir_all(&class).unwrap();
        symlink(&directory, class.join(id)).unwrap();
    }

    /// Its counter is at so many microjoules.
    pub fn say(&self, id: &str, microjoules: u64) {
        self.write(id, "energy_uj", &format!("{microjoules}\n"));
    }

    pub fn write(&self, id: &str, file: &str, text: &str) {
        fs::write(self.zone(id).join(file), text).unwrap();
    }

    pub fn remove(&self, id: &str, file: &str) {
        fs::remove_file(self.zone(id).join(file)).unwrap();
    }

    /// Who may read its counter.
    pub fn permit(&self, id: &str, mode: u32) {
        fs::set_permissions(self.zone(id).join("energy_uj"), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The file of its counter, to be written whoever may open it.
    pub fn counter(&self, id: &str) -> File {
        File::options().write(true).open(self.zone(id).join("energy_uj")).unwrap()
    }

    /// What the processors say of themselves.
    pub fn processors(&self, vendor: &str) {
        fs::write(self.proc().join("cpuinfo"), format!("processor\t: 0\nvendor_id\t: {vendor}\n")).unwrap();
    }

    pub fn sys(&self) -> PathBuf {
        self.dir.path().join("sys")
    }

    pub fn proc(&self) -> PathBuf {
        self.dir.path().join("proc")
    }

    /// `power` as a configuration file says it, reading ten times a second.
    pub fn section(&self, more: &str) -> String {
        let (sys, proc) = (self.sys(), self.proc());
        format!("power: {{ every: 100ms, sysfs: {}, procfs: {}{more} }}", sys.display(), proc.display())
    }

    pub fn config(&self) -> Config {
        Config { is_asked_for: true, sysfs: self.sys(), procfs: self.proc(), ..Config::default() }
    }

    /// `intel-rapl:0:1` stands in `intel-rapl:0`, and that in `intel-rapl`.
    fn zone(&self, id: &str) -> PathBuf {
        let ends = id.match_indices(':').map(|(end, _)| end).chain([id.len()]);
        let within = |path: PathBuf, end: usize| path.join(Path::new(&id[..end]));
        ends.fold(self.sys().join("devices/virtual/powercap"), within)
    }
}
