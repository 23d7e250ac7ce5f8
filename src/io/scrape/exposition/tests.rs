//! What is read of a body, and what is said of one that cannot be.

use crate::io::scrape::exposition::{Exposition, Format, LONGEST_TEXT, MOST_LABELS, MOST_SERIES, Wanted, read};
use crate::units::Labels;

use Format::{OpenMetrics, Text};

/// The series of a body, one a line.
fn told(exposition: &Exposition) -> Vec<String> {
    let line = |exposed: &super::Exposed| {
        let created = exposed.created.map(|created| format!(" since {}", created.as_seconds())).unwrap_or_default();
        format!("{} {}{created}", exposed.labels, exposed.value)
    };
    exposition.exposed.iter().map(line).collect()
}

#[track_caller]
fn check(format: Format, body: &str, expected: &[&str]) {
    let exposition = read(body.as_bytes(), format, &Wanted::all(), &Labels::default());
    let exposition = exposition.unwrap_or_else(|fault| panic!("{fault}\n{body}"));
    assert_eq!(told(&exposition), expected, "{body}");
    assert_eq!(exposition.repeated, None, "{body}");
}

/// A line as both formats read it.
#[track_caller]
fn check_line(line: &str, expected: &str) {
    check(Text, &format!("{line}\n"), &[expected]);
    check(OpenMetrics, &format!("{line}\n# EOF\n"), &[expected]);
}

/// The fault of a body, which ends so in both formats.
#[track_caller]
fn check_fault(format: Format, body: &str, expected: &str) {
    let fault = read(body.as_bytes(), format, &Wanted::only([""; 0]), &Labels::default()).map(|found| told(&found));
    assert_eq!(fault.map_err(|fault| fault.to_string()), Err(expected.to_string()), "{body}");
}

#[track_caller]
fn check_line_fault(line: &str, expected: &str) {
    check_fault(Text, &format!("x 1\n{line}\n"), &format!("line 2 wants {expected}: {line}"));
    check_fault(OpenMetrics, &format!("x 1\n{line}\n# EOF\n"), &format!("line 2 wants {expected}: {line}"));
}

#[test]
fn a_line_is_a_name_labels_and_a_value() {
    check_line("x 1", r#"{__name__="x"} 1"#);
    check_line("a:b_C9 1", r#"{__name__="a:b_C9"} 1"#);
    check_line("x{} 1", r#"{__name__="x"} 1"#);
    check_line(r#"x{a="b",c="d"} 1"#, r#"{__name__="x",a="b",c="d"} 1"#);
    check_line(r#"x{a="b",} 1"#, r#"{__name__="x",a="b"} 1"#);
    check_line("\tx \t{ a = \"b\" , c\t=\"d\" , }\t1 \t", r#"{__name__="x",a="b",c="d"} 1"#);
    check_line(r#"x{z="1",a=""}2"#, r#"{__name__="x",z="1"} 2"#);
    check_line(r#"x{a=" }{,=é☃\t"} 1"#, r#"{__name__="x",a=" }{,=é☃\\t"} 1"#);
}
