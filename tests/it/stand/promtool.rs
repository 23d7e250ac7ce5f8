//! What Prometheus' own tool says.

use std::io::Write;
use std::process::{Command, Stdio};

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
