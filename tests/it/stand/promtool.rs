//! What Prometheus' own tool says.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

/// `promtool check metrics`: an error holds what it objects to.
pub fn check_metrics(exposition: &str) -> Result<(), String> {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("install prometheus: tests/run does");
    promtool.stdin.take().unwrap().write_all(exposition.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8([output.stdout, output.stderr].concat()).unwrap()),
    }
}

/// `promtool check rules`: an error holds what it objects to.
pub fn check_rules(files: &[PathBuf]) -> Result<(), String> {
    said(Command::new("promtool").args(["check", "rules"]).args(files))
}

/// `promtool test rules`, two at a time, each in the directory of its file: an error holds what any of them objects to.
pub fn test_rules(files: &[PathBuf]) -> Result<(), String> {
    let (left, faults) = (Mutex::new(files.to_vec()), Mutex::new(String::new()));
    let test = || {
        while let Some(file) = { left.lock().unwrap().pop() } {
            let directory = file.parent().unwrap_or(Path::new("."));
            let promtool = said(Command::new("promtool").args(["test", "rules"]).arg(&file).current_dir(directory));
            if let Err(fault) = promtool {
                faults.lock().unwrap().push_str(&format!("{}\n{fault}", file.display()));
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(test);
        scope.spawn(test);
    });
    match faults.into_inner().unwrap() {
        faults if faults.is_empty() => Ok(()),
        faults => Err(faults),
    }
}

fn said(promtool: &mut Command) -> Result<(), String> {
    let output = promtool.output().expect("install prometheus: tests/run does");
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8([output.stdout, output.stderr].concat()).unwrap()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong_with_a_metric() {
        let fault = check_metrics("# TYPE orders counter\norders 1\n").unwrap_err();
        assert!(fault.contains("counter metrics should have \"_total\" suffix"), "{fault}");
    }

    #[test]
    fn refuses_text_that_is_no_exposition() {
        assert!(check_metrics("{\"orders\": 1}\n").is_err());
    }
}
