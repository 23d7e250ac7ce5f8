//! SLO files, and all that is made of what stands in them.

use std::collections::HashSet;
use std::sync::Arc;

use burnwatch::plan::{Facts, Pace, plan};
use burnwatch::report::Findings;
use burnwatch::rules::{self, Format, Style, Terms};
use burnwatch::slos::{self, Slo};
use burnwatch::units::Severity;
use burnwatch::yaml;

use crate::targets::check_problems;

pub fn target(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let (slos, problems) = slos::read("f", text);
    check_problems(&problems, bytes);
    let told = Findings { problems, ..Findings::default() }.text();
    assert!(told.len() < 1 << 20, "{} bytes are told", told.len());
    let (slos, _) = slos::unique(slos);
    for style in [Style::Standalone, Style::Exporter] {
        check_rules(&slos, style);
    }
    let (plan, _) = plan(slos.into_iter().map(Arc::new).collect(), &Facts::default(), Pace::DEFAULT);
    let keys: HashSet<String> = plan.queries.iter().map(|query| query.key()).collect();
    assert_eq!(keys.len(), plan.queries.len(), "two queries ask the same");
}

/// Whatever is declared, what Prometheus is given is YAML.
fn check_rules(slos: &[Slo], style: Style) {
    let pace = Pace::DEFAULT;
    let (floor, shortest_rate, no_data_after) = (pace.floor(), pace.shortest_rate(), pace.no_data_after);
    let terms = Terms { style, floor, shortest_rate, no_data_after, has_daemon: false, natives: HashSet::new() };
    let notes = rules::notes(slos, style);
    assert!(notes.iter().all(|note| note.severity == Severity::Note), "{notes:?}");
    for file in rules::files(slos, &terms) {
        for format in [Format::Prometheus, Format::Operator] {
            let text = file.text(format);
            let (documents, problems) = yaml::documents("rules", &text);
            // A file of ours may be longer than one that we read.
            assert!(
                text.len() > yaml::MAX_BYTES || (documents.len(), problems.len()) == (1, 0),
                "{problems:?}\n{text}"
            );
        }
    }
}
