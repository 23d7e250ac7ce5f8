//! The daemon as a service: what it tells whoever supervises it, and the shipped unit under a real systemd.

mod machine;
mod shipped;
mod supervised;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// On a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(60);

/// A daemon ticks each second, and says four times in that that it lives.
const EVALUATE: &str = "{ every: 1s, delay: 100ms, scrape_interval: 1s }";

const SLOS: &str = "
service: shop
slos:
  - { name: availability, objective: 99.9%, sli: { bad: 'r{code=\"500\"}', total: r } }
";

#[test]
fn the_shipped_configuration_is_right_also_with_everything_that_it_suggests() {
    let dir = tempfile::tempdir().unwrap();
    let shipped = include_str!("../../../systemd/burnwatch.yaml");
    let suggested = shipped.replace("# rules:", "rules:").replace("# notify:", "notify:").replace("#   - {", "  - {");
    let suggested = suggested.replace("# web:", "web:").replace("# bearer", "bearer");
    assert!(suggested.matches("\n#").count() < shipped.matches("\n#").count());
    let check = |text: &str| {
        let path = dir.path().join("burnwatch.yaml");
        std::fs::write(&path, text).unwrap();
        std::fs::write(dir.path().join("web.yml"), "basic_auth_users: {}").unwrap();
        let mut check = Command::new(env!("CARGO_BIN_EXE_burnwatch"));
        let output = check.arg("check").arg("--config").arg(&path).current_dir(Path::new("/")).output().unwrap();
        assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stdout));
    };
    check(shipped);
    check(&suggested);
}
