//! burnwatch.yaml.

use burnwatch::daemon::{Config, Overrides};

use crate::targets::{check_problems, check_sentence, file};

pub fn target(bytes: &[u8]) {
    let (_dir, path) = file("burnwatch.yaml", bytes);
    match Config::load(Overrides { config: Some(path), ..Overrides::default() }) {
        Ok(config) => {
            check_problems(&config.notify_problems, bytes);
            check_sentence(&format!("from {}", config.source));
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            check_problems(&problems, bytes);
        }
    }
}
