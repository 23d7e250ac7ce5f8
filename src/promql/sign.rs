//! What makes a text more than a plain selector. Reads just enough of PromQL to say so in a message; never parses it.

use crate::promql::string;
use crate::promql::token::Token;

/// Words that join or shift vectors. (Aggregations and functions are known by their parenthesis.)
const WORDS: [&str; 6] = ["and", "or", "unless", "offset", "by", "without"];

/// What makes `text` an expression, as the end of a sentence that begins with "it": `calls rate`, `uses /`,
/// `reads the range [5m]`. `None` where it is not recognisably one.
pub fn is_expression(text: &str) -> Option<String> {
    sign(text).map(|(_, sign)| sign)
}

/// The first sign of an expression and the byte at which it stands.
pub fn sign(text: &str) -> Option<(usize, String)> {
    let mut at = 0;
    let mut word: Option<(usize, &str)> = None;
    loop {
        let rest = &text[at..];
        match Token::leading(rest) {
            Token::End => return None,
            Token::Quote => at += string::leading(rest).ok()?.1,
            Token::Name(name) => {
                if WORDS.iter().any(|word| name.eq_ignore_ascii_case(word)) && !text[..at].trim().is_empty() {
                    return Some(
                        word.filter(|_| matches!(name, "by" | "without"))
                            .map_or_else(|| (at, format!("uses {name}")), |(at, word)| (at, format!("calls {word}"))),
                    );
                }
                word = Some((at, name));
                at += name.len();
            }
            Token::Number(token) | Token::Variable(token) => at += token.len(),
            Token::Sign('{') => at += braces(rest)?,
            Token::Sign('#') => return None,
            Token::Sign('[') => return Some((at, format!("reads the range {}", rest.split_inclusive(']').next()?))),
            Token::Sign('(') => {
                return Some(word.map_or((at, "uses ( )".into()), |(at, word)| (at, format!("calls {word}"))));
            }
            Token::Sign('=') if !rest.starts_with("==") => return None,
            Token::Sign('!') if !rest.starts_with("!=") => return None,
            Token::Sign('+' | '-' | '*' | '/' | '%' | '^' | '@' | '<' | '>' | '=' | '!') => {
                let operator = rest.len() - rest.trim_start_matches(['=', '<', '>', '!']).len();
                return Some((at, format!("uses {}", &rest[..operator.max(1)])));
            }
            Token::Sign(letter) => at += letter.len_utf8(),
        }
    }
}

/// How many bytes the braces that `text` opens with were written in; `None` where they do not close.
fn braces(text: &str) -> Option<usize> {
    let mut at = 1;
    loop {
        match text[at..].chars().next()? {
            '}' => return Some(at + 1),
            '"' | '\'' | '`' => at += string::leading(&text[at..]).ok()?.1,
            letter => at += letter.len_utf8(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(is_expression(text).as_deref(), expected, "{text}");
    }

    #[test]
    fn names_what_makes_a_text_an_expression() {
        check("rate(errors_total[5m])", Some("calls rate"));
        check("sum(errors_total)", Some("calls sum"));
        check("sum by (job) (errors_total)", Some("calls sum"));
        check(r#"errors_total{job="a"}[5m]"#, Some("reads the range [5m]"));
        check("errors_total[$window]", Some("reads the range [$window]"));
        check("errors_total offset 5m", Some("uses offset"));
        check("errors_total @ 1700000000", Some("uses @"));
        check("errors_total / requests_total", Some("uses /"));
        check("up == 1", Some("uses =="));
        check("up>=1", Some("uses >="));
        check(r#"errors_total{job="a"} or vector(0)"#, Some("uses or"));
        check("(up)", Some("uses ( )"));
        check("-up", Some("uses -"));
    }

    #[test]
    fn takes_no_plain_selector_for_one_nor_a_broken_one() {
        for text in
            ["up", "offset", r#"up{a="rate(x[5m])"}"#, "up{path=`/a-b`} ", "up{a=b/c", "up{a='", "up=1", "", "# a/b"]
        {
            check(text, None);
        }
    }
}
