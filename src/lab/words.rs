//! Splits a console line into arguments as redis-cli does, and makes one of arguments. Must not know commands.

/// The arguments of `line`, or `None` where redis-cli says `Invalid argument(s)`: a quote is not closed, or
/// something follows a closing quote without a space.
///
/// Within double quotes `\n \r \t \b \a`, `\xHH` and a backslash before any other character are escapes; within
/// single quotes only `\'` is.
pub(super) fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii_start();
    while !rest.is_empty() {
        let (word, after) = word(rest)?;
        words.push(word);
        rest = after.trim_ascii_start();
    }
    Some(words)
}

/// The line that is split into exactly these words, whatever bytes they have.
pub fn line_of(words: &[&[u8]]) -> String {
    let parts: Vec<String> = words.iter().map(|word| quoted_if_needed(word)).collect();
    parts.join(" ")
}

/// The bytes that `text` stands for between double quotes, `None` if it could not stand there.
pub fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut words = split(format!("\"{text}\"").as_bytes())?;
    let word = words.pop()?;
    words.is_empty().then_some(word)
}

/// `bytes` as they are written between double quotes: what cannot be seen, and what is no UTF-8, as `\xHH`.
pub fn escape(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                letter if letter.is_control() => {
                    for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                        // Writing to a String cannot fail.
                        let _ = write!(out, "\\x{byte:02x}");
                    }
                }
                letter => out.push(letter),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

fn quoted_if_needed(word: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-:.*+/@,;=%{}()[]<>!?".contains(byte);
    match std::str::from_utf8(word) {
        Ok(text) if !word.is_empty() && word.iter().all(plain) => text.to_owned(),
        _ => format!("\"{}\"", escape(word)),
    }
}

/// One word, which may mix plain and quoted parts as long as a closing quote ends it.
fn word(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    loop {
        match rest {
            [] => return Some((word, rest)),
            [space, ..] if space.is_ascii_whitespace() || *space == 0 => return Some((word, rest.get(1..)?)),
            [quote @ (b'"' | b'\''), inner @ ..] => {
                let after =
                    if *quote == b'"' { double(inner, &mut word)? } else { single(inner, &mut word)? };
                return match after.first() {
                    Some(next) if !next.is_ascii_whitespace() => None,
                    _ => Some((word, after)),
                };
            }
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

fn double<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, after) = match rest {
            [] => return None,
            [b'"', after @ ..] => return Some(after),
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |hex: u8| char::from(hex).to_digit(16).unwrap_or(0) as u8;
                (digit(*high) * 16 + digit(*low), after)
            }
            [b'\\', escaped, after @ ..] => {
                let byte = match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                };
                (byte, after)
            }
            [byte, after @ ..] => (*byte, after),
        };
        word.push(byte);
        rest = after;
    }
}

fn single<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, after) = match rest {
            [] => return None,
            [b'\'', after @ ..] => return Some(after),
            [b'\\', b'\'', after @ ..] => (b'\'', after),
            [byte, after @ ..] => (*byte, after),
        };
        word.push(byte);
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_split_as_in_redis_cli() {
        for (line, expected) in [
            (&b"set a b"[..], Some(vec![&b"set"[..], b"a", b"b"])),
            (b"  get\t a \r\n", Some(vec![b"get", b"a"])),
            (b"", Some(vec![])),
            (b"   ", Some(vec![])),
            (br#"set "a b" 'c d'"#, Some(vec![b"set", b"a b", b"c d"])),
            (br#""\x00\xfF\n\r\t\b\a\"\\\q""#, Some(vec![b"\x00\xff\n\r\t\x08\x07\"\\q"])),
            (br#""\xg1""#, Some(vec![b"xg1"])),
            (br"'\n\'\q'", Some(vec![b"\\n'\\q"])),
            (br"'a\\'", None),
            (br#"ab"cd" e"#, Some(vec![b"abcd", b"e"])),
            (br#""""#, Some(vec![b""])),
            (br#"set a "b"#, None),
            (br#"set a "b"c"#, None),
            (br"'a'b", None),
            (br"'a", None),
            (br#""a\"#, None),
            ("größe €".as_bytes(), Some(vec!["größe".as_bytes(), "€".as_bytes()])),
        ] {
            let words = split(line);
            let words = words.as_ref().map(|words| words.iter().map(Vec::as_slice).collect::<Vec<_>>());
            assert_eq!(words, expected, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn a_line_made_of_words_is_split_into_them_again() {
        let all: Vec<u8> = (0..=255).collect();
        let words: [&[u8]; 7] = [b"SET", b"", b"a b", b"\\", b"\"'", "h\u{e9}\u{85}".as_bytes(), &all];
        assert_eq!(split(line_of(&words).as_bytes()), Some(words.map(<[u8]>::to_vec).to_vec()));
        for word in words {
            assert_eq!(unescape(&escape(word)).as_deref(), Some(word));
        }
        for wrong in ["a\"", "\\", "a\" \"b"] {
            assert_eq!(unescape(wrong), None, "{wrong}");
        }
    }
}
