//! Patterns as Prometheus reads them (RE2, anchored at both ends), in the words of the `regex` crate.
//! Where the two could differ it says so; it never guesses.

/// Why a pattern is not matched here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// RE2 refuses it too; the text ends a sentence that begins with the pattern.
    Broken(&'static str),
    /// RE2 may take it, and may mean something else by it.
    Foreign,
}

/// The words of a plain alternation such as `500|503`; `None` where the pattern is more.
pub fn words(pattern: &str) -> Option<Vec<Box<str>>> {
    const SIGNS: [char; 13] = ['.', '+', '*', '?', '(', ')', '[', ']', '{', '}', '^', '$', '\\'];
    (!pattern.contains(SIGNS)).then(|| pattern.split('|').map(Box::from).collect())
}

/// `pattern` for the `regex` crate. It may still be refused there, and is then foreign. As in Prometheus 3, `.` is also a
/// line break (in 2 it is not).
pub fn translated(pattern: &str) -> Result<String, Obstacle> {
    let mut reader =
        Reader { rest: pattern, out: "^(?s:".into(), last: Last::Nothing, folds: false, beyond_ascii: false };
    reader.pattern()?;
    // The two know different editions of Unicode, so they may fold letters differently.
    if reader.folds && reader.beyond_ascii { Err(Obstacle::Foreign) } else { Ok(reader.out + ")$") }
}

/// What a repetition would repeat.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    Nothing,
    Atom,
    Repetition,
    Flags,
}

/// What a backslash makes of what follows it.
enum Escape {
    Letter(char),
    /// A set of letters, as a class of its own.
    Class(&'static str),
    Anchor(&'static str),
}

struct Reader<'a> {
    rest: &'a str,
    out: String,
    last: Last,
    folds: bool,
    beyond_ascii: bool,
}

impl Reader<'_> {
    fn pattern(&mut self) -> Result<(), Obstacle> {
        let mut depth = 0;
        while let Some(letter) = self.take() {
            match letter {
                '(' => depth += self.group()?,
                ')' if depth == 0 => return Err(Obstacle::Broken("has a ) that opens nowhere")),
                ')' => {
                    depth -= 1;
                    self.atom(")");
                }
                '|' => {
                    self.out.push('|');
                    self.last = Last::Nothing;
                }
                '*' | '+' | '?' => self.repetition(letter.encode_utf8(&mut [0; 4]))?,
                '{' => match counts(self.rest)? {
                    Some(counts) => {
                        self.rest = &self.rest[counts.len()..];
                        self.repetition(&format!("{{{counts}"))?;
                    }
                    None => self.letter('{'),
                },
                '[' => self.class()?,
                '^' | '$' | '.' => self.atom(letter.encode_utf8(&mut [0; 4])),
                '\\' => match self.escape()? {
                    Escape::Letter(letter) => self.letter(letter),
                    Escape::Class(text) | Escape::Anchor(text) => self.atom(text),
                },
                letter => self.letter(letter),
            }
        }
        if depth == 0 { Ok(()) } else { Err(Obstacle::Broken("has a ( that is not closed")) }
    }

    /// What follows a `(`: how many groups it opens, which is none for `(?i)`.
    fn group(&mut self) -> Result<usize, Obstacle> {
        self.out.push('(');
        self.last = Last::Nothing;
        let Some(rest) = self.rest.strip_prefix('?') else { return Ok(1) };
        if ["=", "!", "<=", "<!"].iter().any(|look| rest.starts_with(look)) {
            return Err(Obstacle::Broken("looks ahead or behind, which RE2 cannot"));
        }
        let flags = &rest[..rest.find(|flag| !"imsU-".contains(flag)).unwrap_or(rest.len())];
        let end = rest[flags.len()..].chars().next().filter(|end| *end == ':' || (*end == ')' && !flags.is_empty()));
        let Some(end) = end else { return Err(Obstacle::Foreign) };
        self.folds |= flags.split('-').next().is_some_and(|on| on.contains('i'));
        self.rest = &rest[flags.len() + 1..];
        self.out.extend(["?", flags, end.encode_utf8(&mut [0; 4])]);
        if end == ')' {
            self.last = Last::Flags;
        }
        Ok(usize::from(end == ':'))
    }

    fn repetition(&mut self, operator: &str) -> Result<(), Obstacle> {
        match self.last {
            Last::Atom => self.out.push_str(operator),
            Last::Nothing => return Err(Obstacle::Broken("repeats nothing")),
            Last::Repetition => return Err(Obstacle::Broken("repeats a repetition")),
            Last::Flags => return Err(Obstacle::Foreign),
        }
        // Greedy or lazy is all one to a whole match.
        self.rest = self.rest.strip_prefix('?').unwrap_or(self.rest);
        self.last = Last::Repetition;
        Ok(())
    }

    /// What follows a `[`, item by item as RE2 takes it.
    fn class(&mut self) -> Result<(), Obstacle> {
        self.out.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.rest = rest;
            self.out.push('^');
        }
        let mut first = true;
        loop {
            match self.take().ok_or(Obstacle::Broken("has a [ that is not closed"))? {
                ']' if !first => break,
                '[' if self.rest.starts_with(':') => return Err(Obstacle::Foreign),
                '\\' => match self.escape()? {
                    Escape::Letter(low) => self.range(low)?,
                    Escape::Class(text) => self.out.push_str(text),
                    Escape::Anchor(_) => return Err(Obstacle::Foreign),
                },
                low => self.range(low)?,
            }
            first = false;
        }
        self.atom("]");
        Ok(())
    }

    /// One letter of a class, or the range it begins.
    fn range(&mut self, low: char) -> Result<(), Obstacle> {
        self.letter(low);
        let Some(rest) = self.rest.strip_prefix('-').filter(|rest| !rest.is_empty() && !rest.starts_with(']')) else {
            return Ok(());
        };
        self.rest = rest;
        let high = match self.take() {
            Some('\\') => match self.escape()? {
                Escape::Letter(high) => high,
                Escape::Class(_) | Escape::Anchor(_) => return Err(Obstacle::Foreign),
            },
            Some(high) => high,
            None => return Err(Obstacle::Foreign),
        };
        if high < low {
            return Err(Obstacle::Broken("has a range that runs backwards"));
        }
        self.out.push('-');
        self.letter(high);
        Ok(())
    }

    /// What follows a backslash. RE2's classes are ASCII, and its `\s` has no vertical tab.
    fn escape(&mut self) -> Result<Escape, Obstacle> {
        Ok(match self.take().ok_or(Obstacle::Broken("ends in a backslash"))? {
            'd' => Escape::Class("[0-9]"),
            'D' => Escape::Class("[^0-9]"),
            'w' => Escape::Class("[0-9A-Za-z_]"),
            'W' => Escape::Class("[^0-9A-Za-z_]"),
            's' => Escape::Class("[\\t\\n\\x0c\\r\\x20]"),
            'S' => Escape::Class("[^\\t\\n\\x0c\\r\\x20]"),
            'b' => Escape::Anchor("(?-u:\\b)"),
            'A' => Escape::Anchor("\\A"),
            'z' => Escape::Anchor("\\z"),
            'a' => Escape::Letter('\x07'),
            'f' => Escape::Letter('\x0c'),
            'n' => Escape::Letter('\n'),
            'r' => Escape::Letter('\r'),
            't' => Escape::Letter('\t'),
            'v' => Escape::Letter('\x0b'),
            '1'..='9' if !self.rest.starts_with(|next: char| next.is_digit(8)) => {
                return Err(Obstacle::Broken("refers back to a group, which RE2 cannot"));
            }
            sign if sign.is_ascii_punctuation() => Escape::Letter(sign),
            _ => return Err(Obstacle::Foreign),
        })
    }

    fn letter(&mut self, letter: char) {
        self.beyond_ascii |= !letter.is_ascii();
        let escaped = regex::escape(letter.encode_utf8(&mut [0; 4]));
        self.atom(&escaped);
    }

    fn atom(&mut self, text: &str) {
        self.out.push_str(text);
        self.last = Last::Atom;
    }

    fn take(&mut self) -> Option<char> {
        let letter = self.rest.chars().next()?;
        self.rest = &self.rest[letter.len_utf8()..];
        Some(letter)
    }
}

/// What follows a `{` that repeats, `}` included: `3}`, `3,}` or `3,5}`. Any other `{` is a letter.
fn counts(rest: &str) -> Result<Option<&str>, Obstacle> {
    let Some((inside, _)) = rest.split_once('}') else { return Ok(None) };
    let (least, most) = inside.split_once(',').unwrap_or((inside, inside));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(least) || !(most.is_empty() || is_number(most)) {
        return Ok(None);
    }
    let number = |text: &str| text.parse::<u32>().unwrap_or(u32::MAX);
    if [least, most].iter().any(|text| text.len() > 1 && text.starts_with('0')) {
        return Err(Obstacle::Foreign);
    }
    if number(least) > 1000 || (!most.is_empty() && (number(most) > 1000 || number(most) < number(least))) {
        return Err(Obstacle::Broken("repeats too often (0 to 1000 times, the smaller number first)"));
    }
    Ok(Some(&rest[..inside.len() + 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: Result<&str, Obstacle>) {
        assert_eq!(translated(pattern), expected.map(|inner| format!("^(?s:{inner})$")), "{pattern}");
    }

    #[test]
    fn means_ascii_by_classes_and_word_boundaries() {
        check(r"\d+\.\W", Ok(r"[0-9]+\.[^0-9A-Za-z_]"));
        check(r"[\w-]", Ok(r"[[0-9A-Za-z_]\-]"));
        check(r"[^\s]\bx", Ok(r"[^[\t\n\x0c\r\x20]](?-u:\b)x"));
    }

    #[test]
    fn leaves_to_the_regex_crate_no_meaning_of_its_own() {
        check("[a&&b]", Ok(r"[a\&\&b]"));
        check("[[a]", Ok(r"[\[a]"));
        check("[+--]", Ok(r"[\+-\-]"));
        check("[]a]", Ok(r"[\]a]"));
        check(r"\<x\>", Ok("<x>"));
        check("a{,3}", Ok(r"a\{,3\}"));
        check("a{2,3}?b{2}b{1,}", Ok("a{2,3}b{2}b{1,}"));
        check("(?i:a)(?s-i)b|(?:c)", Ok("(?i:a)(?s-i)b|(?:c)"));
    }

    #[test]
    fn knows_what_re2_refuses() {
        for (pattern, why) in [
            ("a(b", "has a ( that is not closed"),
            ("a)b", "has a ) that opens nowhere"),
            ("a[b", "has a [ that is not closed"),
            ("[]", "has a [ that is not closed"),
            ("[b-a]", "has a range that runs backwards"),
            ("a\\", "ends in a backslash"),
            ("*a", "repeats nothing"),
            ("(+)", "repeats nothing"),
            ("a|?", "repeats nothing"),
            ("a**", "repeats a repetition"),
            ("a{2}{3}", "repeats a repetition"),
            ("a{1001}", "repeats too often (0 to 1000 times, the smaller number first)"),
            ("a{3,2}", "repeats too often (0 to 1000 times, the smaller number first)"),
            ("(?!a).*", "looks ahead or behind, which RE2 cannot"),
            ("(?<=a)b", "looks ahead or behind, which RE2 cannot"),
            (r"(a)\1", "refers back to a group, which RE2 cannot"),
        ] {
            check(pattern, Err(Obstacle::Broken(why)));
        }
    }

    #[test]
    fn leaves_to_prometheus_what_could_mean_something_else_there() {
        let foreign = [
            r"\pL",
            r"[\pL]",
            r"\Q(\E",
            r"\C",
            r"\B",
            r"\x41",
            r"\01",
            r"\12",
            "[[:alpha:]]",
            r"[a-\d]",
            "(?P<a>b)",
            "(?x)a b",
            "(?)",
            "a(?i)*",
            "a{02}",
            "(?i)é",
            "é(?i:a)",
        ];
        for pattern in foreign {
            check(pattern, Err(Obstacle::Foreign));
        }
    }

    #[test]
    fn knows_a_plain_alternation() {
        assert_eq!(words("500|503|"), Some(vec!["500".into(), "503".into(), "".into()]));
        assert_eq!(words("5.."), None);
        assert_eq!(words(r"a\|b"), None);
    }
}
