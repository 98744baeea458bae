//! Lines made of words: how Redis splits one, and how it writes a word that may have any bytes.
//!
//! Inline requests, redis.conf, the manifest of the append-only file and lines of a console all are such lines.

use std::fmt::Write as _;

/// Splits a line as Redis does: white space separates, `"…"` takes `\n \r \t \b \a \xHH`, `'…'`
/// takes `\'`. `None` if a quote is not closed, or is followed by something other than white space.
pub fn split_inline(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        let skipped = rest.iter().take_while(|byte| is_space(**byte)).count();
        rest = &rest[skipped..];
        if rest.is_empty() || rest[0] == 0 {
            return Some(words);
        }
        let mut word = Vec::new();
        rest = take_word(rest, &mut word)?;
        words.push(word);
    }
}

/// C's `isspace`: what is skipped before a word, and may follow a closing quote.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// What ends a word outside quotes. Redis takes a vertical tab and a form feed for a part of it.
fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | 0)
}

/// Reads one word, which may be made of quoted and plain parts up to the closing quote of the last.
fn take_word<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] => return Some(rest),
            [byte, ..] if ends_word(*byte) => return Some(rest),
            [b'"', tail @ ..] => return closed(double_quoted(tail, word)?),
            [b'\'', tail @ ..] => return closed(single_quoted(tail, word)?),
            [byte, tail @ ..] => {
                word.push(*byte);
                rest = tail;
            }
        }
    }
}

/// After a closing quote only white space or the end may follow.
fn closed(rest: &[u8]) -> Option<&[u8]> {
    match rest.first() {
        None | Some(0) => Some(rest),
        Some(byte) if is_space(*byte) => Some(rest),
        Some(_) => None,
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] | [0, ..] => return None,
            [b'"', tail @ ..] => return Some(tail),
            [b'\\', b'x', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
                word.push(digit(*high) * 16 + digit(*low));
                rest = tail;
            }
            [b'\\', byte, tail @ ..] => {
                word.push(match byte {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                rest = tail;
            }
            [byte, tail @ ..] => {
                word.push(*byte);
                rest = tail;
            }
        }
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] | [0, ..] => return None,
            [b'\'', tail @ ..] => return Some(tail),
            [b'\\', b'\'', tail @ ..] => {
                word.push(b'\'');
                rest = tail;
            }
            [byte, tail @ ..] => {
                word.push(*byte);
                rest = tail;
            }
        }
    }
}

/// Appends `bytes` as they stand between double quotes: escaped as in C, and `\xHH` for what is not printable ASCII.
pub fn escape_into(text: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => text.extend(['\\', char::from(byte)]),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            7 => text.push_str("\\a"),
            8 => text.push_str("\\b"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
}

/// `bytes` in double quotes, as MONITOR and redis.conf show them (Redis' `sdscatrepr`).
pub fn repr(bytes: impl AsRef<[u8]>) -> String {
    let mut text = String::from("\"");
    escape_into(&mut text, bytes.as_ref());
    text.push('"');
    text
}

/// Whether `word` is split off a line as it is, without quotes.
pub fn is_plain_word(word: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    !word.is_empty() && word.iter().all(plain)
}

/// `word` as it is where a line may hold it so, in quotes otherwise.
pub fn repr_if_needed(word: &str) -> String {
    if is_plain_word(word.as_bytes()) { word.to_owned() } else { repr(word) }
}

#[cfg(test)]
mod tests {
    use super::{repr, repr_if_needed, split_inline};

    fn words(line: &str) -> Option<Vec<String>> {
        let words = split_inline(line.as_bytes())?;
        Some(words.iter().map(|word| word.escape_ascii().to_string()).collect())
    }

    #[test]
    fn inline_requests_are_split_as_redis_does() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            (" \t ", &[]),
            ("set a b", &["set", "a", "b"]),
            ("  set\ta  b ", &["set", "a", "b"]),
            (r#"set "a b" c"#, &["set", "a b", "c"]),
            (r#"set "\x41\n" c"#, &["set", r"A\n", "c"]),
            (r#""\x4""#, &["x4"]),
            (r"'\x41'", &[r"\\x41"]),
            (r"'it\'s'", &[r"it\'s"]),
            (r#"a"b c""#, &["ab c"]),
            (r#"set "" x"#, &["set", "", "x"]),
            ("\u{b}set\u{c} a\u{b}b", &[r"set\x0c", r"a\x0bb"]),
            ("echo \u{b}\u{c}a \u{c}", &["echo", "a"]),
            ("echo \"a\"\u{b}\"b\" 'c'\u{c}", &["echo", "a", "b", "c"]),
            ("echo a\u{b}\"b\"", &["echo", r"a\x0bb"]),
            ("a\rb\nc\td", &["a", "b", "c", "d"]),
            (r#""\"\\\q\a\b\xg1""#, &[r#"\"\\q\x07\x08xg1"#]),
            ("größe €", &[r"gr\xc3\xb6\xc3\x9fe", r"\xe2\x82\xac"]),
            ("set a\0b", &["set", "a"]),
        ];
        for (line, expected) in cases {
            let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
            assert_eq!(words(line), Some(expected), "{line}");
        }
        for unbalanced in [r#"set "a"#, "set 'a", r#"set "a"b"#, "set 'a'b", r#"""a"#, r#""a\"#, r"'a\\'"] {
            assert_eq!(words(unbalanced), None, "{unbalanced}");
        }
    }

    #[test]
    fn bytes_are_quoted_as_in_c() {
        assert_eq!(repr(b"a\"\\\n\r\t\x07\x08\x00\xff~ "), r#""a\"\\\n\r\t\a\b\x00\xff~ ""#);
        for (word, written) in [
            ("plain-$#", "plain-$#"),
            ("", r#""""#),
            ("a b", r#""a b""#),
            ("it's", r#""it's""#),
            ("ü", r#""\xc3\xbc""#),
        ] {
            assert_eq!(repr_if_needed(word), written);
        }
    }

    #[test]
    fn what_is_quoted_is_split_into_the_same_bytes() {
        let all: Vec<u8> = (0..=255).collect();
        let line = format!("{} {} {}", repr(&all), repr(""), repr(b"x"));
        assert_eq!(split_inline(line.as_bytes()), Some(vec![all, Vec::new(), b"x".to_vec()]));
    }
}
