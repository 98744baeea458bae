//! Console lines made of words, and words as people edit them. Must not know commands.

use crate::protocol::{escape_into, is_plain_word, split_inline};

/// The line that is split into exactly these words, whatever bytes they have.
pub fn line_of(words: &[&[u8]]) -> String {
    let parts: Vec<String> = words.iter().map(|word| quoted_if_needed(word)).collect();
    parts.join(" ")
}

/// The bytes that `text` stands for between double quotes, `None` if it could not stand there.
pub fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut words = split_inline(format!("\"{text}\"").as_bytes())?;
    let word = words.pop()?;
    words.is_empty().then_some(word)
}

/// `bytes` as they are written between double quotes. Letters of any language stay letters, unlike in Redis' own
/// quotes, because people read and edit them here.
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter.is_ascii() || letter.is_control() {
                escape_into(&mut out, letter.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                out.push(letter);
            }
        }
        escape_into(&mut out, chunk.invalid());
    }
    out
}

fn quoted_if_needed(word: &[u8]) -> String {
    match std::str::from_utf8(word) {
        Ok(text) if is_plain_word(word) => text.to_owned(),
        _ => format!("\"{}\"", escape(word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_made_of_words_is_split_into_them_again() {
        let all: Vec<u8> = (0..=255).collect();
        let words: [&[u8]; 7] = [b"SET", b"", b"a b", b"\\", b"\"'", "h\u{e9}\u{85}".as_bytes(), &all];
        assert_eq!(split_inline(line_of(&words).as_bytes()), Some(words.map(<[u8]>::to_vec).to_vec()));
        for word in words {
            assert_eq!(unescape(&escape(word)).as_deref(), Some(word));
        }
        for wrong in ["a\"", "\\", "a\" \"b"] {
            assert_eq!(unescape(wrong), None, "{wrong}");
        }
    }
}
