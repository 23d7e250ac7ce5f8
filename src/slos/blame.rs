//! Whom problems are about, and whether they keep something from being measured.

use crate::units::{About, Problem, Severity};

pub fn are_sound(problems: &[Problem]) -> bool {
    problems.iter().all(|problem| problem.severity != Severity::Error)
}

/// Says of those `problems` that are about nobody yet whom they are about.
pub fn tell_about(problems: &mut [Problem], about: &About) {
    for problem in problems.iter_mut().filter(|problem| problem.about == About::All) {
        problem.about = about.clone();
    }
}
