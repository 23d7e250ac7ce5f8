//! A machine beside this one: a systemd of its own boots in namespaces, on this host's `/usr` with burnwatch installed over
//! it and an `/etc` and a `/var` that are empty. It has no network but its own loopback, and leaves nothing behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::stand::eventually;
use crate::stand::process::Process;
use crate::unit::SOON;

/// Where a package would put them, below `/usr`.
const INSTALLED: [(&str, &str); 5] = [
    ("systemd/burnwatch.service", "lib/systemd/system/burnwatch.service"),
    ("systemd/burnwatch.sysusers", "lib/sysusers.d/burnwatch.conf"),
    ("systemd/power.conf", "share/burnwatch/power.conf"),
    ("systemd/rules.conf", "share/burnwatch/rules.conf"),
    ("systemd/60-burnwatch-powercap.rules", "share/burnwatch/60-burnwatch-powercap.rules"),
];

pub struct Machine {
    // Ended before its files go.
    _nspawn: Process,
    leader: u32,
    _dir: TempDir,
}

impl Machine {
    /// Up, with `etc` as its `/etc/burnwatch`: names and texts.
    #[track_caller]
    pub fn booted(etc: &[(&str, &str)]) -> Machine {
        let dir = tempfile::tempdir().unwrap();
        let put = |to: PathBuf, from: &Path| {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        };
        let (usr, configuration) = (dir.path().join("usr"), dir.path().join("etc"));
        put(usr.join("bin/burnwatch"), Path::new(env!("CARGO_BIN_EXE_burnwatch")));
        for (file, installed) in INSTALLED {
            put(usr.join(installed), &Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
        }
        for (name, text) in etc {
            let path = configuration.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let output = dir.path().join("output");
        let mut nspawn = Command::new("systemd-nspawn");
        nspawn.args(["--directory=/", "--volatile=yes", "--register=no", "--keep-unit", "--private-network"]);
        nspawn.args(["--console=pipe", "--quiet", "--boot"]);
        nspawn.arg(format!("--machine=burnwatch-{}", std::process::id()));
        nspawn.arg(format!("--overlay-ro=/usr:{}:/usr", usr.display()));
        nspawn.arg(format!("--bind={}:/etc/burnwatch", configuration.display()));
        nspawn.args(["--", "--unit=basic.target"]);
        let nspawn = Process::start(&mut nspawn, &output).unwrap();
        let children = format!("/proc/{0}/task/{0}/children", nspawn.id());
        let leader = || fs::read_to_string(&children).ok()?.split_whitespace().next()?.parse().ok();
        let look = || (leader(), fs::read_to_string(&output).unwrap());
        let is_up = |(leader, said): &(Option<u32>, String)| {
            assert!(leader.is_some() || said.is_empty(), "a machine takes root to boot; run sudo tests/run: {said}");
            leader.is_some_and(|leader| entered(leader, "systemctl is-active basic.target").status.success())
        };
        let (leader, _) = eventually("a machine boots", SOON, look, is_up);
        let leader = leader.unwrap();
        Machine { _nspawn: nspawn, leader, _dir: dir }
    }

    /// What a shell in it says, which must succeed.
    #[track_caller]
    pub fn run(&self, script: &str) -> String {
        let (succeeded, said) = self.tried(script);
        assert!(succeeded, "{script}\n{said}\n{}", self.tried("journalctl --no-pager --lines=40").1);
        said
    }

    /// Whether a shell in it succeeds, and what it says.
    pub fn tried(&self, script: &str) -> (bool, String) {
        let Output { status, stdout, stderr } = entered(self.leader, script);
        let said = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        (status.success(), said.trim().to_string())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // With its first process all others of it end; with the one that booted it they do not. Fails only when it has ended.
        let _ = Command::new("kill").args(["-KILL", &self.leader.to_string()]).status();
    }
}

fn entered(leader: u32, script: &str) -> Output {
    let target = leader.to_string();
    let mut shell = Command::new("nsenter");
    shell.args(["--target", &target, "--mount", "--uts", "--ipc", "--net", "--pid", "--", "sh", "-c", script]);
    shell.output().unwrap()
}
