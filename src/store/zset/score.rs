//! Scores as text: read as C's `strtod` reads them, printed as its `%.17g` prints them.

use std::fmt::Write as _;

use rustc_apfloat::ieee::Double;
use rustc_apfloat::{Float, Round};

use crate::protocol::exponent as exponent_of;

/// Longest text of a score: `-1.7976931348623157e+308`.
const TEXT_MAX: usize = 32;
/// Integers up to this size are stored and printed as such, well inside what 64 bits hold.
const INTEGER_MAX: f64 = (i64::MAX / 2) as f64;
/// From this decimal exponent on, `%.17g` prints one.
const DIGITS: i32 = 17;

/// A score as Redis prints it, without an allocation.
#[derive(Debug, Clone, Copy)]
pub struct ScoreText {
    bytes: [u8; TEXT_MAX],
    len: usize,
}

impl ScoreText {
    /// `score` with 17 significant digits at most.
    pub fn new(score: f64) -> Self {
        let mut text = Self { bytes: [0; TEXT_MAX], len: 0 };
        if score.is_nan() {
            text.push(b"nan");
        } else if score.is_infinite() {
            text.push(if score > 0.0 { b"inf" } else { b"-inf" });
        } else if score.trunc() == score && score.abs() < 1e17 {
            if score == 0.0 && score.is_sign_negative() {
                text.push(b"-");
            }
            text.push(itoa::Buffer::new().format(score as i64).as_bytes());
        } else {
            text.push_digits(score);
        }
        text
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The text: it is ASCII.
    pub fn as_str(&self) -> &str {
        let text = str::from_utf8(self.as_bytes());
        debug_assert!(text.is_ok(), "only digits, signs and letters are pushed");
        text.unwrap_or_default()
    }

    fn push(&mut self, text: &[u8]) {
        let text = &text[..text.len().min(TEXT_MAX - self.len)];
        self.bytes[self.len..self.len + text.len()].copy_from_slice(text);
        self.len += text.len();
    }

    /// A finite number, by `%g`'s rules.
    fn push_digits(&mut self, score: f64) {
        let mut scientific = Self { bytes: [0; TEXT_MAX], len: 0 };
        // It fits: 17 digits, two signs, a point and an exponent of three digits.
        let _ = write!(scientific, "{:.16e}", score.abs());
        let text = scientific.as_str();
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, ""));
        let exponent = exponent.parse::<i32>();
        debug_assert!(exponent.is_ok(), "{text} has no exponent");
        let exponent = exponent.unwrap_or_default();
        let mut digits = [b'0'; DIGITS as usize];
        let spelled = mantissa.bytes().filter(u8::is_ascii_digit);
        digits.iter_mut().zip(spelled).for_each(|(into, digit)| *into = digit);
        let used = digits.iter().rposition(|digit| *digit != b'0').map_or(1, |last| last + 1);
        let digits = &digits[..used];
        if score < 0.0 {
            self.push(b"-");
        }
        if !(-4..DIGITS).contains(&exponent) {
            self.push_with_point(digits, 1);
            self.push(if exponent < 0 { b"e-" } else { b"e+" });
            if exponent.abs() < 10 {
                self.push(b"0");
            }
            self.push(itoa::Buffer::new().format(exponent.abs()).as_bytes());
        } else if exponent < 0 {
            self.push(b"0.");
            self.push(&b"000"[..(-exponent - 1) as usize]);
            self.push(digits);
        } else {
            self.push_with_point(digits, exponent as usize + 1);
        }
    }

    /// `digits` with a point behind the first `whole` of them, if any are left.
    fn push_with_point(&mut self, digits: &[u8], whole: usize) {
        if digits.len() <= whole {
            self.push(digits);
            self.push(&[b'0'; DIGITS as usize][..whole - digits.len()]);
        } else {
            self.push(&digits[..whole]);
            self.push(b".");
            self.push(&digits[whole..]);
        }
    }
}

impl std::fmt::Write for ScoreText {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// The integer that a compact sorted set stores instead of the text of `score`. A negative zero is one, too.
pub(super) fn as_integer(score: f64) -> Option<i64> {
    let integer = score as i64;
    (score.abs() <= INTEGER_MAX && integer as f64 == score).then_some(integer)
}

/// A number as Redis reads an argument: no white space, no NaN, nothing that is too large or too small.
pub fn parse_score(text: &[u8]) -> Option<f64> {
    match read(text)? {
        (_, Range::Left) => None,
        (value, Range::Kept) => Some(value),
    }
}

/// A number as Redis reads the bound of a range: white space may stand before it, it ends at a NUL, nothing at all is
/// zero, and what leaves the range of a double is infinite or zero.
pub fn parse_bound(text: &[u8]) -> Option<f64> {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    let text = &text[..end];
    if text.is_empty() {
        return Some(0.0);
    }
    let start = text.iter().position(|byte| !matches!(byte, b' ' | b'\t'..=b'\r'))?;
    read(&text[start..]).map(|(value, _)| value)
}

/// Whether a number can be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Range {
    Kept,
    /// It became infinite, or zero although its digits are not.
    Left,
}

/// A number that takes up all of `text`; `None` for NaN, too.
fn read(text: &[u8]) -> Option<(f64, Range)> {
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    let (value, range) =
        if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") {
            (f64::INFINITY, Range::Kept)
        } else if let [b'0', b'x' | b'X', digits @ ..] = unsigned {
            read_hexadecimal(digits)?
        } else {
            read_decimal(unsigned)?
        };
    Some((if negative { -value } else { value }, range))
}

fn read_decimal(text: &[u8]) -> Option<(f64, Range)> {
    // Rust's grammar is C's, but for the words and signs, which are dealt with.
    if !matches!(text.first()?, b'0'..=b'9' | b'.') {
        return None;
    }
    let value: f64 = str::from_utf8(text).ok()?.parse().ok()?;
    let left = value.is_infinite() || (value == 0.0 && !is_zero(text, b'e'));
    Some((value, if left { Range::Left } else { Range::Kept }))
}

/// Whether all digits before the exponent are zero.
fn is_zero(text: &[u8], mark: u8) -> bool {
    let mut significand = text.iter().take_while(|byte| !byte.eq_ignore_ascii_case(&mark));
    significand.all(|byte| matches!(byte, b'0' | b'.'))
}

/// Exponents beyond this leave the range whatever digits stand before them, unless there are very many.
const EXPONENT_MAX: i64 = 1_000_000_000;

fn read_hexadecimal(text: &[u8]) -> Option<(f64, Range)> {
    let end = text.iter().position(|byte| byte.eq_ignore_ascii_case(&b'p')).unwrap_or(text.len());
    let (significand, exponent) = text.split_at(end);
    let point = significand.iter().position(|byte| *byte == b'.').unwrap_or(significand.len());
    let (whole, fraction) = significand.split_at(point);
    let fraction = fraction.strip_prefix(b".").unwrap_or(fraction);
    if whole.len() + fraction.len() == 0 || !whole.iter().chain(fraction).all(u8::is_ascii_hexdigit) {
        return None;
    }
    let exponent = match exponent {
        [] => 0,
        [_, exponent @ ..] => exponent_of(exponent, EXPONENT_MAX)?,
    };
    if is_zero(significand, b'p') {
        return Some((0.0, Range::Kept));
    }
    let (whole, fraction) = (str::from_utf8(whole).ok()?, str::from_utf8(fraction).ok()?);
    let spelled = format!("0x0{whole}.{fraction}0p{exponent}");
    let value = Double::from_str_r(&spelled, Round::NearestTiesToEven).ok()?.value;
    let value = f64::from_bits(value.to_bits() as u64);
    let left = value.is_infinite() || value == 0.0;
    Some((value, if left { Range::Left } else { Range::Kept }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_printed_as_c_prints_them() {
        for (score, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (0.1, "0.10000000000000001"),
            (-1.5, "-1.5"),
            (1e15, "1000000000000000"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (123_456_789_012_345_680_000.0, "1.2345678901234568e+20"),
            (std::f64::consts::PI, "3.1415926535897931"),
            (1e-4, "0.0001"),
            (1e-5, "1.0000000000000001e-05"),
            (5e-324, "4.9406564584124654e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (-f64::MAX, "-1.7976931348623157e+308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (1e22, "1e+22"),
            (100.25, "100.25"),
        ] {
            assert_eq!(ScoreText::new(score).as_str(), text);
        }
    }

    #[test]
    fn arguments_are_read_as_strtod_reads_them() {
        for (text, score) in [
            ("1", Some(1.0)),
            ("+1", Some(1.0)),
            ("1.", Some(1.0)),
            (".5", Some(0.5)),
            ("1e3", Some(1000.0)),
            ("0x1p4", Some(16.0)),
            ("0x.8", Some(0.5)),
            ("-inf", Some(f64::NEG_INFINITY)),
            ("+InFinity", Some(f64::INFINITY)),
            ("1e-320", Some(1e-320)),
            ("", None),
            (".", None),
            ("1e", None),
            ("nan", None),
            ("-nan", None),
            ("--1", None),
            ("+-1", None),
            ("-+inf", None),
            (" 1", None),
            ("1 ", None),
            ("1\0", None),
            ("1e400", None),
            ("-1e400", None),
            ("1e-400", None),
            ("0e-400", Some(0.0)),
            ("0x", None),
            ("0x1p", None),
        ] {
            assert_eq!(parse_score(text.as_bytes()), score, "{text}");
        }
    }

    #[test]
    fn bounds_are_read_more_loosely() {
        for (text, score) in [
            ("", Some(0.0)),
            (" 1", Some(1.0)),
            ("1 ", None),
            (" ", None),
            ("1\0junk", Some(1.0)),
            ("1e400", Some(f64::INFINITY)),
            ("1e-400", Some(0.0)),
            ("nan", None),
            ("abc", None),
        ] {
            assert_eq!(parse_bound(text.as_bytes()), score, "{text}");
        }
    }
}
