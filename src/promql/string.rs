//! PromQL's three kinds of strings, both ways: `"` and `'` with escapes as in Go, and the backquote without.
//! Never knows what a string is for.

use std::fmt::{self, Write};

/// Why a string cannot be read, and at which byte of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    Unclosed,
    /// At the backslash: the escape as written.
    Escape {
        at: usize,
        written: Box<str>,
    },
    NotUtf8,
}

/// The string that `text` opens with, and how many bytes it was written in, both quotes included. `text` must open with
/// a quote.
pub fn leading(text: &str) -> Result<(String, usize), Flaw> {
    let quote = text.as_bytes().first().copied().unwrap_or(b'"');
    let mut value = Vec::new();
    let mut at = 1;
    while let Some(&byte) = text.as_bytes().get(at) {
        match byte {
            _ if byte == quote => return Ok((String::from_utf8(value).map_err(|_| Flaw::NotUtf8)?, at + 1)),
            b'\n' if quote != b'`' => return Err(Flaw::Unclosed),
            b'\\' if quote != b'`' => {
                let written = escape(&text[at..], quote, &mut value).ok_or_else(|| Flaw::Escape {
                    at,
                    written: text[at..].chars().take(2).collect::<String>().into(),
                })?;
                at += written;
            }
            byte => {
                value.push(byte);
                at += 1;
            }
        }
    }
    Err(Flaw::Unclosed)
}

/// Adds what the escape at the start of `text` stands for, and says how many bytes it was written in.
fn escape(text: &str, quote: u8, value: &mut Vec<u8>) -> Option<usize> {
    let kind = *text.as_bytes().get(1)?;
    let code = |from: usize, digits: usize, radix: u32| {
        let digits =
            text.get(from..from + digits).filter(|digits| digits.chars().all(|digit| digit.is_digit(radix)))?;
        u32::from_str_radix(digits, radix).ok()
    };
    let mut push = |byte: u8, written: usize| {
        value.push(byte);
        Some(written)
    };
    match kind {
        b'a' => push(0x07, 2),
        b'b' => push(0x08, 2),
        b'f' => push(0x0c, 2),
        b'n' => push(b'\n', 2),
        b'r' => push(b'\r', 2),
        b't' => push(b'\t', 2),
        b'v' => push(0x0b, 2),
        b'\\' => push(b'\\', 2),
        _ if kind == quote => push(quote, 2),
        b'0'..=b'7' => push(u8::try_from(code(1, 3, 8)?).ok()?, 4),
        b'x' => push(u8::try_from(code(2, 2, 16)?).ok()?, 4),
        b'u' | b'U' => {
            let digits = if kind == b'u' { 4 } else { 8 };
            let letter = char::from_u32(code(2, digits, 16)?)?;
            value.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            Some(2 + digits)
        }
        _ => None,
    }
}

/// `value` in double quotes, with what PromQL cannot hold there escaped.
pub fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    // A String takes whatever is written.
    _ = write_quoted(&mut text, value);
    text
}

/// The same, written where it belongs.
pub fn write_quoted(to: &mut impl Write, value: &str) -> fmt::Result {
    to.write_char('"')?;
    let mut plain = value;
    while let Some(at) = plain.find(|letter: char| matches!(letter, '"' | '\\') || letter.is_control()) {
        to.write_str(&plain[..at])?;
        let mut rest = plain[at..].chars();
        match rest.next() {
            Some('\n') => to.write_str("\\n")?,
            Some('\r') => to.write_str("\\r")?,
            Some('\t') => to.write_str("\\t")?,
            Some(control) if control.is_control() => write!(to, "\\u{:04x}", u32::from(control))?,
            Some(letter) => write!(to, "\\{letter}")?,
            None => {}
        }
        plain = rest.as_str();
    }
    to.write_str(plain)?;
    to.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, Flaw>) {
        let read = leading(text).map(|(value, written)| {
            assert_eq!(written, text.len(), "{text}");
            value
        });
        assert_eq!(read, expected.map(str::to_string), "{text}");
    }

    #[test]
    fn reads_escapes_as_go_does() {
        check(r#""a\\b\"c\n\t""#, Ok("a\\b\"c\n\t"));
        check(r#"'it\'s "5"'"#, Ok("it's \"5\""));
        check(r#""\x41\101\u00e9\U0001F600\xc3\xa9""#, Ok("AA\u{e9}\u{1f600}\u{e9}"));
        check(r#""\a\b\f\v\r""#, Ok("\u{7}\u{8}\u{c}\u{b}\r"));
        check("`5\\d\"\n'`", Ok("5\\d\"\n'"));
    }

    #[test]
    fn refuses_what_go_refuses() {
        let escape = |at, written: &str| Err(Flaw::Escape { at, written: written.into() });
        check(r#""5\d""#, escape(2, r"\d"));
        check(r#""\'""#, escape(1, r"\'"));
        check(r#""\400""#, escape(1, r"\4"));
        check(r#""\x4""#, escape(1, r"\x"));
        check(r#""\x+4""#, escape(1, r"\x"));
        check(r#""\ud800""#, escape(1, r"\u"));
        check(r#""\é""#, escape(1, r"\é"));
        check(r#""\xff""#, Err(Flaw::NotUtf8));
        check("\"a\nb\"", Err(Flaw::Unclosed));
        check("'a", Err(Flaw::Unclosed));
        check("\"a\\\"", Err(Flaw::Unclosed));
        check("\"a\\", escape(2, "\\"));
    }
}
