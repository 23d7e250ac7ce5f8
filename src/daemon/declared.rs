//! What people declared: the SLOs of their files. One that is wrong now keeps the definition that was right last.
//! Never knows what is counted for them.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use crate::io::files;
use crate::slos::{self, Slo};
use crate::units::{About, Problem, Severity, SloId};

/// The SLOs of the files that `paths` name, all that is wrong with them, and how many files there are.
pub fn declared(paths: &[String], base: &Path) -> (Vec<Slo>, Vec<Problem>, usize) {
    let (texts, mut problems) = files::texts(paths, base);
    let mut declared = Vec::new();
    for text in &texts {
        let (slos, found) = slos::read(&text.name, &text.text);
        declared.extend(slos);
        problems.extend(found);
    }
    let (declared, repeated) = slos::unique(declared);
    problems.extend(repeated);
    problems.sort_by(|a, b| a.place.cmp(&b.place));
    (declared, problems, texts.len())
}

/// The SLOs that hold, and what is wrong with the files.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Declared {
    pub slos: Vec<Arc<Slo>>,
    pub problems: Vec<Problem>,
}

impl Declared {
    /// What the files say; of what is wrong with them, what was right `before`.
    pub fn read(paths: &[String], base: &Path, before: &[Arc<Slo>]) -> Declared {
        let (slos, mut problems, _) = declared(paths, base);
        let kept = kept(before, &slos, &problems);
        for problem in problems.iter_mut().filter(|problem| kept.iter().any(|slo| hides(problem, slo))) {
            problem.remedy += "; until then what was right last holds";
        }
        let slos = slos.into_iter().map(Arc::new).chain(kept).collect();
        Declared { slos, problems }
    }

    /// Why some of what is declared may not hold.
    pub fn kept_back(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| is_lacking(problem))
    }

    /// Whether the SLOs are all that are declared.
    pub fn is_whole(&self) -> bool {
        self.kept_back().next().is_none()
    }
}

fn is_lacking(problem: &Problem) -> bool {
    problem.severity == Severity::Error || problem.code == files::NO_FILES
}

/// Those of `before` that the files may still mean to declare.
fn kept(before: &[Arc<Slo>], slos: &[Slo], problems: &[Problem]) -> Vec<Arc<Slo>> {
    let declared: HashSet<&SloId> = slos.iter().map(|slo| &slo.id).collect();
    let gone = before.iter().filter(|slo| !declared.contains(&slo.id));
    gone.filter(|slo| problems.iter().any(|problem| hides(problem, slo))).cloned().collect()
}

/// Whether `problem` may be why an SLO is not declared any more: it is about it, or about what it stood in.
fn hides(problem: &Problem, slo: &Slo) -> bool {
    let file = Path::new(&*slo.place.file);
    match &problem.about {
        _ if !is_lacking(problem) => false,
        About::Slo(id) => *id == slo.id,
        About::All | About::Service(_) => {
            problem.place.as_ref().is_none_or(|place| file.starts_with(Path::new(&*place.file)))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    const UP: &str = "{ name: up, objective: 99%, sli: { up: up } }";
    const DOWN: &str = "{ name: down, objective: 99%, sli: { up: down } }";

    fn file(slos: &[&str]) -> String {
        format!("service: shop\nslos: [{}]\n", slos.join(", "))
    }

    /// After `a.yaml` and `b.yaml` said the first, they say the second, or are gone: which SLOs hold with which objective,
    /// and whether that is all.
    #[track_caller]
    fn check(first: [&str; 2], second: [Option<&str>; 2], expected: &[(&str, &str)], is_whole: bool) {
        let directory = tempfile::tempdir().unwrap();
        let slos = directory.path().join("slos");
        fs::create_dir(&slos).unwrap();
        let files = ["a.yaml", "b.yaml"].map(|name| slos.join(name));
        let read = |before: &[Arc<Slo>]| Declared::read(&["slos/*.yaml".into()], directory.path(), before);
        files.iter().zip(first).for_each(|(path, text)| fs::write(path, text).unwrap());
        let before = read(&[]);
        for (path, text) in files.iter().zip(second) {
            match text {
                Some(text) => fs::write(path, text).unwrap(),
                None => fs::remove_file(path).unwrap(),
            }
        }
        let declared = read(&before.slos);
        let mut told: Vec<(String, String)> =
            declared.slos.iter().map(|slo| (slo.id.slo.to_string(), slo.objective.to_string())).collect();
        told.sort();
        let expected: Vec<_> =
            expected.iter().map(|(slo, objective)| (slo.to_string(), objective.to_string())).collect();
        assert_eq!((told, declared.is_whole()), (expected, is_whole), "{:?}", declared.problems);
        // And once more, from what was kept.
        assert_eq!(read(&declared.slos), declared);
    }

    #[test]
    fn what_is_right_holds_and_what_is_gone_is_gone() {
        let other = UP.replace("99%", "95%");
        check([&file(&[UP]), &file(&[DOWN])], [Some(&file(&[&other])), None], &[("up", "95%")], true);
        check([&file(&[UP, DOWN]), ""], [Some(&file(&[DOWN])), None], &[("down", "99%")], true);
    }

    #[test]
    fn an_slo_that_is_wrong_keeps_what_was_right_last_and_no_other_does() {
        let wrong = UP.replace("99%", "99");
        let rest = DOWN.replace("99%", "95%");
        check(
            [&file(&[UP, DOWN]), ""],
            [Some(&file(&[&wrong, &rest])), None],
            &[("down", "95%"), ("up", "99%")],
            false,
        );
        check([&file(&[UP, DOWN]), ""], [Some(&file(&[&wrong])), None], &[("up", "99%")], false);
        check(["", ""], [Some(&file(&[&wrong])), None], &[], false);
    }

    #[test]
    fn a_file_that_cannot_be_read_keeps_all_of_its_slos_and_none_of_another() {
        check([&file(&[UP]), &file(&[DOWN])], [Some("service: ["), None], &[("up", "99%")], false);
        check([&file(&[UP]), &file(&[DOWN])], [Some("service: ["), Some(&file(&[UP]))], &[("up", "99%")], false);
        let headless = file(&[UP]).replace("shop", "'no name'");
        check([&file(&[UP, DOWN]), ""], [Some(&headless), None], &[("down", "99%"), ("up", "99%")], false);
    }

    #[test]
    fn where_every_file_went_at_once_all_slos_stay() {
        check([&file(&[UP]), &file(&[DOWN])], [None, None], &[("down", "99%"), ("up", "99%")], false);
    }

    #[test]
    fn what_is_kept_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.yaml");
        let read = |before: &[Arc<Slo>]| Declared::read(&["a.yaml".into()], directory.path(), before);
        fs::write(&path, file(&[UP])).unwrap();
        let before = read(&[]);
        fs::write(&path, "service: [").unwrap();
        let told = |declared: Declared| declared.problems[0].remedy.ends_with("; until then what was right last holds");
        assert!(told(read(&before.slos)));
        assert!(!told(read(&[])));
    }
}
