//! What is read of a body, and what is said of one that cannot be.

#![allow(clippy::unwrap_used)]

use crate::io::scrape::exposition::{
    Exposed, Exposition, Format, LONGEST_TEXT, MOST_LABELS, MOST_SERIES, Wanted, read,
};
use crate::units::Labels;

use Format::{OpenMetrics, Text};

/// The series of a body, one a line.
fn told(exposition: &Exposition) -> Vec<String> {
    let line = |exposed: &Exposed| {
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

/// What is said of a body of which nothing is wanted.
#[track_caller]
fn check_fault(format: Format, body: &[u8], expected: &str) {
    let read = read(body, format, &Wanted::only([""; 0]), &Labels::default());
    let said = read.map(|exposition| told(&exposition)).map_err(|fault| fault.to_string());
    assert_eq!(said, Err(expected.to_string()), "{}", String::from_utf8_lossy(body));
}

/// What a line lacks in both formats, and at which column.
#[track_caller]
fn check_line_fault(line: &str, wanted: &str, column: usize) {
    let expected = format!("line 2 wants {wanted} at column {column}: {line}");
    check_fault(Text, format!("x 1\n{line}\n").as_bytes(), &expected);
    check_fault(OpenMetrics, format!("x 1\n{line}\n# EOF\n").as_bytes(), &expected);
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

#[test]
fn quotes_hold_any_name() {
    check_line(r#"{"a.b",c="d"} 1"#, r#"{__name__="a.b",c="d"} 1"#);
    check_line(r#"{"a b"} 1"#, r#"{__name__="a b"} 1"#);
    check_line(r#"{c="d","a.b"} 1"#, r#"{__name__="a.b",c="d"} 1"#);
    check_line(r#"x{"a.b"="c"} 1"#, r#"{__name__="x",a.b="c"} 1"#);
    check_line(r#"{"a\"b\\c\nd"} 1"#, r#"{__name__="a\"b\\c\nd"} 1"#);
}

#[test]
fn a_backslash_escapes_itself_a_quote_and_a_line_break_and_else_is_one() {
    check_line(r#"x{a="\\\"\n"} 1"#, r#"{__name__="x",a="\\\"\n"} 1"#);
    check_line(r#"x{a="C:\dir\\n\é"} 1"#, r#"{__name__="x",a="C:\\dir\\n\\é"} 1"#);
}

#[test]
fn values_are_decimal_infinite_or_no_number() {
    for (written, value) in [
        ("0", 0.0),
        ("-1", -1.0),
        ("+1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1e3),
        ("1.7560473e+07", 1.7560473e7),
        ("4.9E-324", 4.9e-324),
        ("9007199254740993", 9007199254740992.0),
        ("+Inf", f64::INFINITY),
        ("-inf", f64::NEG_INFINITY),
        ("INFINITY", f64::INFINITY),
        ("NaN", f64::NAN),
        ("nan", f64::NAN),
    ] {
        check_line(&format!("x {written}"), &format!("{{__name__=\"x\"}} {value}"));
    }
    for written in ["one", "0x10", "1_000", "1,5", "--1", "1e", ".", "1e400", "\"1\"", "½"] {
        check_line_fault(&format!("x {written}"), "a value", 3);
    }
}

#[test]
fn timestamps_are_checked_and_not_used() {
    check(Text, "x 1 1763600000123\nx{a=\"b\"} 2 -1\n", &[r#"{__name__="x"} 1"#, r#"{__name__="x",a="b"} 2"#]);
    check(OpenMetrics, "x 1 1763600000.123\n# EOF", &[r#"{__name__="x"} 1"#]);
    let text = "line 1 wants a timestamp in milliseconds or the end of the line at column 5: x 1 1.5";
    check_fault(Text, b"x 1 1.5\n", text);
    let openmetrics = "line 1 wants a timestamp in seconds or the end of the line at column 5: x 1 NaN";
    check_fault(OpenMetrics, b"x 1 NaN\n# EOF\n", openmetrics);
    check_line_fault("x 1 2 3", "the end of the line", 7);
}

#[test]
fn comments_help_types_and_units_are_checked_and_not_kept() {
    let text = "\n# a comment\n#\n#TYPE x nonsense\n# HELP x\n# HELP x a \\ \"help\" {text\n#\tTYPE \"a.b\"\tcounter \n \t\nx 1\n";
    check(Text, text, &[r#"{__name__="x"} 1"#]);
    check(Text, "# EOF\n# UNIT x seconds\n# TYPE x untyped\nx 1\n", &[r#"{__name__="x"} 1"#]);
    check(Text, "# HELP x a\r\nx 1\r\n\r\n", &[r#"{__name__="x"} 1"#]);
    let all =
        "# TYPE x_seconds gaugehistogram\n# UNIT x_seconds seconds\n# HELP x_seconds a \\\"b\\\"\nx_seconds 1\n# EOF";
    check(OpenMetrics, all, &[r#"{__name__="x_seconds"} 1"#]);
    check_line_fault("# TYPE x count", "a type of metric", 10);
    check_line_fault("# TYPE x", "a type of metric", 9);
    check_line_fault("# TYPE x gauge gauge", "the end of the line", 16);
    check_line_fault("# HELP 1 a", "a metric name", 8);
    check_line_fault("# HELP x{} a", "a blank", 9);
    check_fault(OpenMetrics, b"x 1\r\n# EOF\n", "line 1 wants a value at column 3: x 1\u{fffd}");
    check_fault(OpenMetrics, b"# a comment\n# EOF\n", "line 1 wants HELP, TYPE, UNIT or EOF at column 3: # a comment");
    check_fault(OpenMetrics, b"x 1\n\n# EOF\n", "line 2 wants a metric name at column 1: ");
}

#[test]
fn exemplars_are_checked_and_not_kept() {
    for exemplar in ["{} 1", r#"{trace_id="a # {b"} 0.5 1763600000.1"#, r#"{a="b",} 1e3"#] {
        check(OpenMetrics, &format!("x_total 1 # {exemplar}\n# EOF\n"), &[r#"{__name__="x_total"} 1"#]);
        check(OpenMetrics, &format!("x_total 1 2.5 # {exemplar}\n# EOF\n"), &[r#"{__name__="x_total"} 1"#]);
    }
    for (line, wanted, column) in [
        ("x 1 # a", "the labels of an exemplar", 7),
        ("x 1 # {} ", "the value of an exemplar", 10),
        ("x 1 # {\"a\"} 1", "=", 11),
        ("x 1 # {} 1 2 3", "the end of the line", 14),
    ] {
        let expected = format!("line 1 wants {wanted} at column {column}: {line}");
        check_fault(OpenMetrics, format!("{line}\n# EOF\n").as_bytes(), &expected);
    }
    check_fault(Text, b"x 1 # {} 1\n", "line 1 wants the end of the line at column 5: x 1 # {} 1");
}

#[test]
fn says_what_a_line_lacks_and_where() {
    check_line_fault("1 2", "a metric name", 1);
    check_line_fault("é 2", "a metric name", 1);
    check_line_fault("x", "a value", 2);
    check_line_fault("x{a=\"b\"}", "a value", 9);
    check_line_fault("{a=\"b\"} 1", "a metric name", 1);
    check_line_fault("{\"\"} 1", "a label name", 2);
    check_line_fault("x{=\"b\"} 1", "a label name", 3);
    check_line_fault("x{,} 1", "a label name", 3);
    check_line_fault("x{a} 1", "=", 4);
    check_line_fault("x{\"y\"} 1", "=", 6);
    check_line_fault("x{a=b} 1", "a value in double quotes", 5);
    check_line_fault("x{a=\"b} 1", "a closing quote", 10);
    check_line_fault("x{a=\"é\\\"} 1", "a closing quote", 12);
    check_line_fault("x{a=\"b\"c=\"d\"} 1", "a comma or }", 8);
    check_line_fault("x{a=\"b\" 1", "a comma or }", 9);
    check_line_fault("x{a=\"b\",,} 1", "a label name", 9);
    check_line_fault("x{a=\"b\",a=\"c\"} 1", "each label once", 9);
    check_line_fault("x{__name__=\"y\"} 1", "each label once", 3);
    check_fault(Text, b"x{a=\"b\nc\"} 1\n", "line 1 wants a closing quote at column 7: x{a=\"b");
}

#[test]
fn shows_only_what_is_near_of_a_long_line_and_nothing_that_a_terminal_obeys() {
    let long = format!("x{{a=\"{}\"}} \u{1b}[2J{}\n", "é".repeat(300), "z".repeat(300));
    let expected =
        format!("line 1 wants a value at column 309: …{}\"}} \u{fffd}[2J{}…", "é".repeat(37), "z".repeat(36));
    check_fault(Text, long.as_bytes(), &expected);
}

#[test]
fn what_is_not_utf_8_is_refused() {
    check_fault(Text, b"x 1\ny{a=\"\xc3\xa9\xff\"} 1\nz 1\n", "line 2 is not UTF-8: y{a=\"é\u{fffd}\"} 1");
    check_fault(OpenMetrics, b"\xff", "line 1 is not UTF-8: \u{fffd}");
}

#[test]
fn a_body_that_does_not_end_properly_was_cut() {
    check(Text, "", &[]);
    check(OpenMetrics, "# EOF", &[]);
    check_fault(Text, b"x 1", "it ends in line 1 without a line break");
    check_fault(OpenMetrics, b"", "it ends in line 1 without `# EOF`");
    check_fault(OpenMetrics, b"x 1\n", "it ends in line 1 without `# EOF`");
    check_fault(OpenMetrics, b"x 1\n# EOF\nx 2\n", "line 3 goes on after `# EOF`: x 2");
    check_fault(OpenMetrics, b"# EOF\n\n", "line 2 goes on after `# EOF`: ");
}

#[test]
fn created_lines_tell_when_series_of_their_family_began() {
    check(
        OpenMetrics,
        "# TYPE a counter\na_total{x=\"1\"} 5\na_created{x=\"1\"} 1763600000.1234\na_total{x=\"2\"} 6\n\
         # TYPE b histogram\nb_bucket{le=\"1\"} 1\nb_bucket{le=\"+Inf\"} 2\nb_count 2\nb_sum 1.5\nb_created 10\nb_total 1\n\
         # TYPE c summary\nc{quantile=\"0.5\"} 1\nc_count 2\nc_created 20\n\
         # TYPE d gauge\nd 1\nd_created 30\na_total 9\n# EOF\n",
        &[
            r#"{__name__="a_total",x="1"} 5 since 1763600000.123"#,
            r#"{__name__="a_total",x="2"} 6"#,
            r#"{__name__="b_bucket",le="1"} 1 since 10"#,
            r#"{__name__="b_bucket",le="+Inf"} 2 since 10"#,
            r#"{__name__="b_count"} 2 since 10"#,
            r#"{__name__="b_sum"} 1.5 since 10"#,
            r#"{__name__="b_total"} 1"#,
            r#"{__name__="c",quantile="0.5"} 1 since 20"#,
            r#"{__name__="c_count"} 2 since 20"#,
            r#"{__name__="d"} 1"#,
            r#"{__name__="d_created"} 30"#,
            r#"{__name__="a_total"} 9"#,
        ],
    );
    check(OpenMetrics, "# TYPE a counter\na_created 1\na_total 5\n# EOF\n", &[r#"{__name__="a_total"} 5 since 1"#]);
    check(OpenMetrics, "# TYPE a counter\na_total 5\na_created NaN\n# EOF\n", &[r#"{__name__="a_total"} 5"#]);
    check(
        Text,
        "# TYPE a counter\na_total 5\na_created 9\n",
        &[r#"{__name__="a_total"} 5"#, r#"{__name__="a_created"} 9"#],
    );
}

#[test]
fn only_wanted_metrics_are_kept_with_when_they_began() {
    let body = "# TYPE a counter\na_total 5\na_created 7\n# TYPE b counter\nb_total 1\nb_created 8\n# EOF\n";
    let exposition = read(body.as_bytes(), OpenMetrics, &Wanted::only(["a_total"]), &Labels::default());
    assert_eq!(told(&exposition.unwrap()), [r#"{__name__="a_total"} 5 since 7"#]);
}

#[test]
fn the_labels_of_the_target_prevail_and_hide_nothing() {
    let target = Labels::new([("job", "checkout"), ("instance", "h:1")]);
    let body = "x{job=\"a\",exported_job=\"b\",code=\"5\",instance=\"\"} 1\n";
    let exposition = read(body.as_bytes(), Text, &Wanted::all(), &target).unwrap();
    assert_eq!(
        told(&exposition),
        [r#"{__name__="x",code="5",exported_exported_job="a",exported_job="b",instance="h:1",job="checkout"} 1"#]
    );
}

#[test]
fn of_a_series_that_stands_twice_the_first_counts() {
    let body = "x{a=\"1\",b=\"2\"} 1\ny 2\nx{b=\"2\",a=\"1\",c=\"\"} 3\ny 4\nz 5\n";
    let exposition = read(body.as_bytes(), Text, &Wanted::all(), &Labels::default()).unwrap();
    assert_eq!(told(&exposition), [r#"{__name__="x",a="1",b="2"} 1"#, r#"{__name__="y"} 2"#, r#"{__name__="z"} 5"#]);
    let repeated = exposition.repeated.map(|fault| fault.to_string());
    assert_eq!(repeated.as_deref(), Some(r#"line 3 repeats the series of line 1: {__name__="x",a="1",b="2"}"#));
}

#[test]
fn what_passes_a_limit_is_refused() {
    let labels = |count: usize| (0..count).map(|index| format!("l{index}=\"\",")).collect::<String>();
    check(Text, &format!("x{{{}}} 1\n", labels(MOST_LABELS)), &[r#"{__name__="x"} 1"#]);
    let fault = |body: String| read(body.as_bytes(), Text, &Wanted::all(), &Labels::default()).unwrap_err().to_string();
    let many = fault(format!("x{{{}}} 1\n", labels(MOST_LABELS + 1)));
    assert!(many.starts_with("line 1 wants no more than 64 labels at column "), "{many}");
    let long = "a".repeat(LONGEST_TEXT);
    check(Text, &format!("{long}{{b=\"{long}\"}} 1\n"), &[&format!("{{__name__=\"{long}\",b=\"{long}\"}} 1")]);
    for body in [format!("{long}a 1\n"), format!("x{{b=\"{long}a\"}} 1\n"), format!("x{{{long}a=\"\"}} 1\n")] {
        assert!(fault(body).starts_with("line 1 wants a text of at most 16 KiB at column "));
    }
    let series = |count: usize| (0..count).map(|index| format!("x{{a=\"{index}\"}} 1\n")).collect::<String>();
    let most = read(series(MOST_SERIES).as_bytes(), Text, &Wanted::all(), &Labels::default()).unwrap();
    assert_eq!(most.exposed.len(), MOST_SERIES);
    let body = series(MOST_SERIES + 1);
    assert_eq!(fault(body.clone()), "line 100001 is one series too many: more than 100000 are asked for");
    assert!(read(body.as_bytes(), Text, &Wanted::only(["y"]), &Labels::default()).is_ok(), "others are only checked");
}

#[test]
fn the_language_is_what_the_content_type_names() {
    let openmetrics = ["application/openmetrics-text; version=1.0.0; charset=utf-8", "Application/OpenMetrics-Text"];
    assert!(openmetrics.iter().all(|text| Format::of(text) == OpenMetrics));
    let text = ["", "text/plain; version=0.0.4", "text/html", "application/json", ";"];
    assert!(text.iter().all(|other| Format::of(other) == Text));
}

#[test]
fn reads_what_the_go_client_writes() {
    check(
        Text,
        r#"# HELP go_gc_duration_seconds A summary of the wall-time pause (stop-the-world) duration in garbage collection cycles.
# TYPE go_gc_duration_seconds summary
go_gc_duration_seconds{quantile="0"} 2.1334e-05
go_gc_duration_seconds{quantile="1"} 0.000233167
go_gc_duration_seconds_sum 0.001210042
go_gc_duration_seconds_count 14
# HELP go_info Information about the Go environment.
# TYPE go_info gauge
go_info{version="go1.22.5"} 1
# HELP go_memstats_last_gc_time_seconds Number of seconds since 1970 of last garbage collection.
# TYPE go_memstats_last_gc_time_seconds gauge
go_memstats_last_gc_time_seconds 1.7636000123456789e+09
# HELP node_filesystem_files Filesystem total file nodes, in \\mnt\nand below.
# TYPE node_filesystem_files gauge
node_filesystem_files{device="C:\\",mountpoint="/mnt/\"odd\"\nname"} 1.31072e+06
# HELP process_virtual_memory_max_bytes Maximum amount of virtual memory available in bytes.
# TYPE process_virtual_memory_max_bytes gauge
process_virtual_memory_max_bytes 1.8446744073709552e+19
# HELP took_seconds How long it took.
# TYPE took_seconds histogram
took_seconds_bucket{le="0.1"} 3
took_seconds_bucket{le="+Inf"} 4
took_seconds_sum 1.05
took_seconds_count 4
"#,
        &[
            r#"{__name__="go_gc_duration_seconds",quantile="0"} 0.000021334"#,
            r#"{__name__="go_gc_duration_seconds",quantile="1"} 0.000233167"#,
            r#"{__name__="go_gc_duration_seconds_sum"} 0.001210042"#,
            r#"{__name__="go_gc_duration_seconds_count"} 14"#,
            r#"{__name__="go_info",version="go1.22.5"} 1"#,
            r#"{__name__="go_memstats_last_gc_time_seconds"} 1763600012.3456788"#,
            r#"{__name__="node_filesystem_files",device="C:\\",mountpoint="/mnt/\"odd\"\nname"} 1310720"#,
            r#"{__name__="process_virtual_memory_max_bytes"} 18446744073709552000"#,
            r#"{__name__="took_seconds_bucket",le="0.1"} 3"#,
            r#"{__name__="took_seconds_bucket",le="+Inf"} 4"#,
            r#"{__name__="took_seconds_sum"} 1.05"#,
            r#"{__name__="took_seconds_count"} 4"#,
        ],
    );
}

#[test]
fn reads_what_the_python_client_writes() {
    check(
        OpenMetrics,
        r#"# HELP python_info Python platform information
# TYPE python_info gauge
python_info{implementation="CPython",major="3",minor="11",patchlevel="2",version="3.11.2"} 1.0
# HELP orders Orders taken, \"express\" too.
# TYPE orders counter
orders_total{shop="a"} 17.0 # {trace_id="abc123"} 1.0 1763600000.123
orders_created{shop="a"} 1.7635999990123456e+09
# HELP took_seconds How long it took.
# TYPE took_seconds histogram
# UNIT took_seconds seconds
took_seconds_bucket{le="0.1"} 3.0 # {trace_id="def"} 0.05 1763600000.5
took_seconds_bucket{le="+Inf"} 4.0
took_seconds_count 4.0
took_seconds_sum 1.05
took_seconds_created 1.763599999e+09
# EOF
"#,
        &[
            r#"{__name__="python_info",implementation="CPython",major="3",minor="11",patchlevel="2",version="3.11.2"} 1"#,
            r#"{__name__="orders_total",shop="a"} 17 since 1763599999.012"#,
            r#"{__name__="took_seconds_bucket",le="0.1"} 3 since 1763599999"#,
            r#"{__name__="took_seconds_bucket",le="+Inf"} 4 since 1763599999"#,
            r#"{__name__="took_seconds_count"} 4 since 1763599999"#,
            r#"{__name__="took_seconds_sum"} 1.05 since 1763599999"#,
        ],
    );
}
