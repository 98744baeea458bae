//! Numbers as Redis reads them: integers in their one canonical form only.

use super::{CmdError, CmdResult};
use crate::protocol::strict_i64;

/// A 64-bit integer: no space, no plus sign, no leading zero.
///
/// # Errors
/// [`CmdError::NotAnInteger`]
pub(super) fn integer(text: &[u8]) -> CmdResult<i64> {
    strict_i64(text).ok_or(CmdError::NotAnInteger)
}

/// A 32-bit integer, as the number of a database.
///
/// # Errors
/// [`CmdError::NotAnInteger`], or the range that it left.
pub(super) fn small_integer(text: &[u8]) -> CmdResult<i32> {
    i32::try_from(integer(text)?).map_err(|_| {
        CmdError::text("ERR value is out of range, value must between -2147483648 and 2147483647")
    })
}

/// The number of an existing database.
///
/// # Errors
/// As [`small_integer`], and [`CmdError::DbOutOfRange`].
pub(crate) fn database(text: &[u8], databases: usize) -> CmdResult<usize> {
    let db = usize::try_from(small_integer(text)?).map_err(|_| CmdError::DbOutOfRange)?;
    if db < databases { Ok(db) } else { Err(CmdError::DbOutOfRange) }
}

/// What C's `strtoul` takes for a SCAN cursor: a sign, then digits, or nothing at all.
pub(super) fn cursor(text: &[u8]) -> Option<u64> {
    let (negative, digits) = match text {
        [] => return Some(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut number = 0u64;
    for digit in digits {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number = number.checked_mul(10)?.checked_add(digit.into())?;
    }
    Some(if negative { number.wrapping_neg() } else { number })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{cursor, database, integer};

    #[test]
    fn integers_have_one_form_only() {
        for (text, number) in
            [("0", 0), ("-1", -1), ("9223372036854775807", i64::MAX), ("-9223372036854775808", i64::MIN)]
        {
            assert_eq!(integer(text.as_bytes()), Ok(number), "{text}");
        }
        for text in ["", "-", "+1", "01", "-0", " 1", "1 ", "1.0", "1e3", "0x1", "9223372036854775808", "1\0"]
        {
            assert!(integer(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_database_number_says_which_rule_it_breaks() {
        assert_eq!(database(b"15", 16), Ok(15));
        let text = |text: &str| database(text.as_bytes(), 16).unwrap_err().to_string();
        assert_eq!(text("16"), "ERR DB index is out of range");
        assert_eq!(text("-1"), "ERR DB index is out of range");
        assert_eq!(text("a"), "ERR value is not an integer or out of range");
        assert!(text("2147483648").starts_with("ERR value is out of range, value must between -2147483648"));
    }

    #[test]
    fn a_cursor_is_whatever_strtoul_takes() {
        for (text, expected) in [
            ("0", Some(0)),
            ("", Some(0)),
            ("007", Some(7)),
            ("+7", Some(7)),
            ("-1", Some(u64::MAX)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("-", None),
            (" 1", None),
            ("1 ", None),
            ("a", None),
        ] {
            assert_eq!(cursor(text.as_bytes()), expected, "{text}");
        }
    }
}
