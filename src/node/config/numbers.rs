//! Numbers as Redis reads and writes them: memory sizes with units, C's decimal and octal integers.

/// Units of memory sizes: the plain letter is decimal, with `b` binary.
const UNITS: [(&str, i128); 8] = [
    ("", 1),
    ("b", 1),
    ("k", 1000),
    ("kb", 1 << 10),
    ("m", 1_000_000),
    ("mb", 1 << 20),
    ("g", 1_000_000_000),
    ("gb", 1 << 30),
];

/// Reads `64mb`, `1g`, `100`. No digits at all count as 0, as in Redis.
///
/// What exceeds 64 bits is their maximum; Redis lets a product wrap around instead.
pub(in crate::node) fn parse_memory(text: &str) -> Option<i128> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = UNITS.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name))?;
    let number: i128 = if number.is_empty() { 0 } else { number.parse().unwrap_or(i128::MAX) };
    Some(number.saturating_mul(*factor).min(u64::MAX.into()))
}

/// A memory size with the largest binary unit that divides it.
pub(super) fn show_memory(bytes: i128) -> String {
    for (unit, factor) in [("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10)] {
        if bytes != 0 && bytes % factor == 0 {
            return format!("{}{unit}", bytes / factor);
        }
    }
    bytes.to_string()
}

/// C's `strtoll` over the whole text: leading white space and a sign are fine, an empty text is 0, too much saturates.
pub(super) fn c_integer(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let trimmed = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let (negative, digits) = match trimmed.as_bytes().first()? {
        b'-' => (true, &trimmed[1..]),
        b'+' => (false, &trimmed[1..]),
        _ => (false, trimmed),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let limit = if negative { i64::MIN } else { i64::MAX };
    Some(trimmed.parse().unwrap_or(limit))
}

/// An octal number; an empty text is 0.
pub(super) fn octal(text: &str) -> Option<i128> {
    if text.is_empty() { Some(0) } else { i128::from_str_radix(text, 8).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_sizes_are_read_with_decimal_and_binary_units() {
        let cases = [
            ("100", Some(100)),
            ("1k", Some(1000)),
            ("1KB", Some(1024)),
            ("3m", Some(3_000_000)),
            ("64Mb", Some(64 << 20)),
            ("1g", Some(1_000_000_000)),
            ("2gb", Some(2 << 30)),
            ("7b", Some(7)),
            ("", Some(0)),
            ("kb", Some(0)),
            ("18446744073709551615", Some(u64::MAX.into())),
            ("18446744073709551616", Some(u64::MAX.into())),
            ("99999999999999999999999999999999999999999gb", Some(u64::MAX.into())),
            ("-1", None),
            ("1 mb", None),
            ("1tb", None),
            ("0x10", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_memory(text), expected, "{text}");
        }
    }

    #[test]
    fn a_memory_size_is_written_with_the_largest_unit_that_loses_nothing() {
        let cases = [(0, "0"), (1, "1"), (1024, "1kb"), (1 << 20, "1mb"), (3 << 30, "3gb"), (1025, "1025")];
        for (bytes, expected) in cases {
            assert_eq!(show_memory(bytes), expected);
        }
    }

    #[test]
    fn integers_are_read_as_c_does() {
        let cases = [
            ("12", Some(12)),
            (" +12", Some(12)),
            ("-3", Some(-3)),
            ("", Some(0)),
            ("99999999999999999999", Some(i64::MAX)),
            ("-99999999999999999999", Some(i64::MIN)),
            (" ", None),
            ("-", None),
            ("1x", None),
            ("1 ", None),
        ];
        for (text, expected) in cases {
            assert_eq!(c_integer(text), expected, "{text:?}");
        }
    }
}
