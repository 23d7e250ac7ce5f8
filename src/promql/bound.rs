//! The bounds of classic histograms as label values: one number, written in as many ways as there are libraries.

/// A pattern for `le` that matches the spellings of one finite number: plain decimals with any trailing zeros
/// (`0\.20*`), and, where some library writes an exponent, that too (`1000000(\.0+)?|1(\.0+)?[eE]\+?0*6`).
pub fn bound_pattern(bound: f64) -> String {
    let plain = decimals(&format!("{bound}"));
    // Java begins to write exponents under 1e-3, and Go, the eagerest upwards, from 1e6 on.
    let is_plain_everywhere = bound == 0.0 || (1e-3..1e6).contains(&bound.abs());
    match format!("{bound:e}").split_once('e') {
        Some((digits, exponent)) if !is_plain_everywhere => {
            let sign = if exponent.starts_with('-') { "-" } else { r"\+?" };
            format!("{plain}|{}[eE]{sign}0*{}", decimals(digits), exponent.trim_start_matches('-'))
        }
        Some(_) | None => plain,
    }
}

/// `0\.20*`, `1(\.0+)?`
fn decimals(text: &str) -> String {
    let escaped = regex::escape(text);
    if text.contains('.') { format!("{escaped}0*") } else { format!(r"{escaped}(\.0+)?") }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    fn check(bound: f64, pattern: &str, spellings: &[&str], others: &[&str]) {
        assert_eq!(bound_pattern(bound), pattern);
        let whole = Regex::new(&format!("^(?:{pattern})$")).unwrap();
        assert!(spellings.iter().all(|text| whole.is_match(text)), "{spellings:?} by {pattern}");
        assert!(!others.iter().any(|text| whole.is_match(text)), "{others:?} by {pattern}");
    }

    #[test]
    fn matches_a_number_however_a_library_writes_it() {
        check(0.2, r"0\.20*", &["0.2", "0.200"], &["0.25", "0,2", "10.2"]);
        check(5.0, r"5(\.0+)?", &["5", "5.0", "5.000"], &["50", "5.1"]);
        check(0.0, r"0(\.0+)?", &["0", "0.0"], &["00"]);
        let million = r"1000000(\.0+)?|1(\.0+)?[eE]\+?0*6";
        check(1e6, million, &["1000000", "1000000.0", "1e+06", "1.0E6", "1e6"], &["1e+07", "1e-06"]);
        let micros = r"0\.0000250*|2\.50*[eE]-0*5";
        check(2.5e-5, micros, &["0.000025", "2.5e-05", "2.5E-5"], &["2.5e05", "2.5e-06"]);
        check(-0.5, r"\-0\.50*", &["-0.5"], &["0.5"]);
    }
}
