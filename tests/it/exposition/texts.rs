//! Whatever is written is read back, whatever is cut is refused, and nothing at all makes the reader fall.

use std::collections::BTreeMap;

use burnwatch::io::scrape::exposition::{Exposition, Format, read};
use burnwatch::io::scrape::{Exposed, Wanted};
use burnwatch::promql::names::NAME_LABEL;
use burnwatch::units::Labels;
use prometheus::{CounterVec, Encoder, Gauge, HistogramOpts, HistogramVec, Opts, Registry, TextEncoder};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

/// Series by their names and labels, as a target may have them.
type Series = BTreeMap<(String, BTreeMap<String, String>), f64>;

fn series() -> impl Strategy<Value = Series> {
    let name = || prop_oneof![4 => "[a-zA-Z_:][a-zA-Z0-9_:]{0,6}".boxed(), 1 => ".{1,6}".boxed()];
    let text = prop_oneof![3 => ".{1,6}".boxed(), 1 => "[\\\\\"\n{},= #é]{1,4}".boxed()];
    let label = name().prop_filter("it is the metric's", |name| name != NAME_LABEL);
    btree_map((name(), btree_map(label, text, 0..4)), any::<f64>(), 0..12)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

fn is_plain(name: &str, signs: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || signs.contains(letter);
    name.chars().all(fits) && !name.starts_with(|first: char| first.is_ascii_digit())
}

fn printed(series: &Series, format: Format) -> String {
    let mut body = String::new();
    for ((name, labels), value) in series {
        let named = |name: &str, signs| if is_plain(name, signs) { name.to_string() } else { quoted(name) };
        let labels = labels.iter().map(|(name, value)| format!("{}={}", named(name, "_"), quoted(value)));
        body += &match is_plain(name, "_:") {
            true => format!("{name}{{{}}} {value:?}\n", labels.collect::<Vec<_>>().join(",")),
            false => {
                format!("{{{}}} {value:?}\n", [quoted(name)].into_iter().chain(labels).collect::<Vec<_>>().join(", "))
            }
        };
    }
    body + if format == Format::OpenMetrics { "# EOF\n" } else { "" }
}

fn exposition(body: &str, format: Format) -> Exposition {
    read(body.as_bytes(), format, &Wanted::all(), &Labels::default()).unwrap_or_else(|fault| panic!("{fault}\n{body}"))
}

/// What tells values apart; no number is like any other.
fn bits(value: f64) -> u64 {
    if value.is_nan() { u64::MAX } else { value.to_bits() }
}

fn found(exposition: Exposition) -> BTreeMap<Labels, u64> {
    assert_eq!(exposition.repeated, None);
    exposition.exposed.into_iter().map(|Exposed { labels, value, .. }| (labels, bits(value))).collect()
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(series in series()) {
        let expected: BTreeMap<Labels, u64> = series.iter().map(|((name, labels), value)| {
            let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            (Labels::new(labels.chain([(NAME_LABEL, name.as_str())])), bits(*value))
        }).collect();
        for format in [Format::Text, Format::OpenMetrics] {
            prop_assert_eq!(&found(exposition(&printed(&series, format), format)), &expected);
        }
    }


    #[test]
    fn nothing_makes_the_reader_fall(bytes in vec(any::<u8>(), 0..200), text in ".{0,200}", words in words()) {
        for format in [Format::Text, Format::OpenMetrics] {
            for body in [&bytes, text.as_bytes(), words.as_bytes()] {
                if let Err(fault) = read(body, format, &Wanted::all(), &Labels::default()) {
                    let said = fault.to_string();
                    prop_assert!(said.len() < 500 && !said.contains(char::is_control), "{said:?}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))] // their time grows with the square of a body's length

    #[test]
    fn any_cut_of_openmetrics_is_refused(series in series()) {
        let body = printed(&series, Format::OpenMetrics);
        for length in 0..body.len() - 1 {
            let cut = &body.as_bytes()[..length];
            let read = read(cut, Format::OpenMetrics, &Wanted::all(), &Labels::default());
            prop_assert!(read.is_err(), "{:?}", String::from_utf8_lossy(cut));
        }
    }

    #[test]
    fn a_cut_within_a_line_of_text_is_refused(series in series()) {
        let body = printed(&series, Format::Text);
        for length in (1..body.len()).filter(|length| body.as_bytes()[length - 1] != b'\n') {
            let read = read(&body.as_bytes()[..length], Format::Text, &Wanted::all(), &Labels::default());
            prop_assert!(read.is_err(), "{length} bytes of {body:?}");
        }
    }
}

/// The words of the formats in any order, which leads further into the reader than letters do.
fn words() -> impl Strategy<Value = String> {
    const WORDS: [&str; 31] = [
        "x",
        "x_total",
        "x_created",
        "le",
        "{",
        "}",
        "=",
        "\"",
        "\\",
        "\\n",
        ",",
        " ",
        "\t",
        "\n",
        "\r\n",
        "#",
        "# HELP ",
        "# TYPE x counter\n",
        "# EOF\n",
        "# TYPE ",
        "histogram",
        "1",
        "-",
        ".5",
        "e9",
        "NaN",
        "+Inf",
        "é",
        "\u{0}",
        "{\"a.b\"}",
        "{a=\"b\"} 1\n",
    ];
    vec(select(&WORDS), 0..40).prop_map(|words| words.concat())
}

#[test]
fn what_the_prometheus_crate_writes_is_read_to_the_last_value() {
    let registry = Registry::new();
    let counter = CounterVec::new(Opts::new("jobs_total", "Jobs \"done\",\nby C:\\path."), &["path", "code"]).unwrap();
    let histogram = HistogramVec::new(HistogramOpts::new("took_seconds", "How long."), &["path"]).unwrap();
    let gauges = [("highest", f64::INFINITY), ("lowest", f64::NEG_INFINITY), ("unknown", f64::NAN), ("tiny", 5e-324)];
    registry.register(Box::new(counter.clone())).unwrap();
    registry.register(Box::new(histogram.clone())).unwrap();
    for (name, value) in gauges {
        let gauge = Gauge::new(name, "A gauge.").unwrap();
        gauge.set(value);
        registry.register(Box::new(gauge)).unwrap();
    }
    let paths = ["/", "C:\\new\\\"dir\"", "two\nlines", "{a=\"b\"} 1 # é", ""];
    for (index, path) in paths.iter().enumerate() {
        counter.with_label_values(&[path, "200"]).inc_by(1e15 + index as f64);
        histogram.with_label_values(&[path]).observe(index as f64 / 3.0);
    }
    let mut body = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut body).unwrap();
    let found = found(exposition(&String::from_utf8(body).unwrap(), Format::Text));
    assert_eq!(found.len(), paths.len() * (1 + 12 + 2) + gauges.len());
    let value = |pairs: &[(&str, &str)]| {
        let labels = Labels::new(pairs.iter().copied().filter(|(_, value)| !value.is_empty()));
        *found.get(&labels).unwrap_or_else(|| panic!("{labels}"))
    };
    for (name, expected) in gauges {
        assert_eq!(value(&[(NAME_LABEL, name)]), bits(expected));
    }
    for (index, path) in paths.iter().enumerate() {
        let jobs = value(&[(NAME_LABEL, "jobs_total"), ("path", path), ("code", "200")]);
        assert_eq!(jobs, bits(1e15 + index as f64), "{path}");
        let all = value(&[(NAME_LABEL, "took_seconds_bucket"), ("path", path), ("le", "+Inf")]);
        assert_eq!((all, value(&[(NAME_LABEL, "took_seconds_count"), ("path", path)])), (bits(1.0), bits(1.0)));
        assert_eq!(value(&[(NAME_LABEL, "took_seconds_sum"), ("path", path)]), bits(index as f64 / 3.0));
    }
}
