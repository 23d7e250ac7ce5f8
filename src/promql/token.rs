//! The words of PromQL, one at a time. Never knows which may follow which.

/// What a text opens with, after its blanks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    End,
    Name(&'a str),
    /// A number or a duration: whatever begins like a number.
    Number(&'a str),
    /// With its `$`.
    Variable(&'a str),
    /// The opening one.
    Quote,
    /// Any other letter.
    Sign(char),
}

impl Token<'_> {
    pub fn leading(text: &str) -> Token<'_> {
        let Some(first) = text.chars().next() else { return Token::End };
        let decimal = first == '.' && text[1..].starts_with(|next: char| next.is_ascii_digit());
        match first {
            '"' | '\'' | '`' => Token::Quote,
            '$' => Token::Variable(&text[..1 + run(&text[1..])]),
            _ if first.is_ascii_digit() || decimal => Token::Number(&text[..number(text)]),
            _ if first.is_ascii_alphabetic() || first == '_' || first == ':' => {
                Token::Name(&text[..text.find(|letter| !is_name_letter(letter)).unwrap_or(text.len())])
            }
            _ => Token::Sign(first),
        }
    }
}

fn is_name_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == ':'
}

/// How many bytes of letters, digits and `_` stand first.
fn run(text: &str) -> usize {
    text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(text.len())
}

fn number(text: &str) -> usize {
    let run = |from: usize| {
        let rest = &text[from..];
        from + rest
            .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != '.')
            .unwrap_or(rest.len())
    };
    let end = run(0);
    let hex = text.starts_with("0x") || text.starts_with("0X");
    let exponent = !hex && text[..end].ends_with(['e', 'E']) && text[end..].starts_with(['+', '-']);
    if exponent { run(end + 1) } else { end }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Token) {
        assert_eq!(Token::leading(text), expected, "{text}");
    }

    #[test]
    fn tells_numbers_names_and_signs_apart() {
        check("", Token::End);
        check("1.5e+3*2", Token::Number("1.5e+3"));
        check("0x1e+3", Token::Number("0x1e"));
        check(".5/x", Token::Number(".5"));
        check("1h30m]", Token::Number("1h30m"));
        check("1_000 ", Token::Number("1_000"));
        check("job:errors:rate5m{", Token::Name("job:errors:rate5m"));
        check("$window:", Token::Variable("$window"));
        check("$", Token::Variable("$"));
        check("'a'", Token::Quote);
        check(".a", Token::Sign('.'));
        check("é", Token::Sign('é'));
    }
}
