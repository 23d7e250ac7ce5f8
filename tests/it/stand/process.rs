//! A child process whose output is kept in a file and which does not outlive its owner.

use std::fs::{File, read_to_string};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use crate::stand::{eventually, http};

/// Prometheus is ready in 0.3 s and a daemon sooner; the rest is for a machine that is busy with other tests.
const START: Duration = Duration::from_secs(30);

/// Running until it is dropped, which ends it as `kill -9` does.
pub struct Process {
    child: Child,
    output: PathBuf,
}

impl Process {
    /// Starts `command`; whatever it says is appended to the file `output`.
    pub fn start(command: &mut Command, output: &Path) -> std::io::Result<Process> {
        let file = File::options().create(true).append(true).open(output)?;
        let child = command.stdin(std::process::Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn()?;
        Ok(Process { child, output: output.to_owned() })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns once `path` answers 200. A process that ends instead fails the test with what it said.
    #[track_caller]
    pub fn wait_ready(&mut self, port: u16, path: &str) {
        let look = || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("ended with {status} before it was ready:\n{}", read_to_string(&self.output).unwrap());
            }
            http::get(port, path).unwrap_or_else(|error| (0, error.to_string()))
        };
        eventually(&format!("{path} answers 200"), START, look, |(status, _)| *status == 200);
    }

    /// What it ends with by itself.
    #[track_caller]
    pub fn wait_ended(&mut self, within: Duration) -> ExitStatus {
        eventually("it ends", within, || self.child.try_wait().unwrap(), Option::is_some).unwrap()
    }

    /// Asks it to end (SIGTERM) and gives what it ended with.
    #[track_caller]
    pub fn terminate(self, within: Duration) -> ExitStatus {
        self.signal("TERM", within)
    }

    /// Sends it a signal (`INT` is ctrl-C) and gives what it ended with.
    #[track_caller]
    pub fn signal(mut self, name: &str, within: Duration) -> ExitStatus {
        let signal = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &signal]).status().unwrap().success(), "{signal}");
        self.wait_ended(within)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, dir: &Path) -> Process {
        Process::start(Command::new("sh").args(["-c", script]), &dir.join("output")).unwrap()
    }

    #[test]
    fn terminates_with_the_status_it_chose_and_keeps_what_it_said() {
        let dir = tempfile::tempdir().unwrap();
        let process = shell("trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done", dir.path());
        let said = || read_to_string(dir.path().join("output")).unwrap();
        eventually("the trap is set", START, said, |said| said == "ready\n");
        assert_eq!(process.terminate(START).code(), Some(3));
        assert_eq!(said(), "ready\nbye\n");
    }

    #[test]
    fn ends_when_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let process = shell("exec sleep 600", dir.path());
        let proc = PathBuf::from(format!("/proc/{}", process.child.id()));
        assert!(proc.exists());
        drop(process);
        assert!(!proc.exists());
    }

    #[test]
    #[should_panic(expected = "before it was ready:\nno such file: slos.yaml")]
    fn a_process_that_ends_early_fails_with_what_it_said() {
        let dir = tempfile::tempdir().unwrap();
        shell("echo no such file: slos.yaml >&2; exit 2", dir.path()).wait_ready(http::free_port(), "/");
    }
}
