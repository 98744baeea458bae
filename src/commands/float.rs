//! INCRBYFLOAT's numbers: 80-bit sums, read and printed as Redis does it on x86.
//!
//! A replica gets the sum and not the increment, so this need not agree with other machines; but whoever
//! compares with Redis should see the very same digits.

use rustc_apfloat::ieee::X87DoubleExtended;
use rustc_apfloat::{Float, Round, Status, StatusAnd};

use super::{CmdError, CmdResult};
use crate::protocol::exponent as exponent_of;

/// Texts from this length on are no numbers for Redis.
const TEXT_MAX: usize = 5 * 1024;
/// Exponents beyond this leave the range whatever digits stand before them.
const EXPONENT_MAX: i64 = 100_000;
/// Digits that are printed behind the point.
const FRACTION_DIGITS: usize = 17;

/// `old + increment`, as text.
///
/// # Errors
/// [`CmdError::NotAFloat`] if either is no number, [`CmdError::NanOrInfinity`] if the sum is not finite.
pub(super) fn sum(old: &[u8], increment: &[u8]) -> CmdResult<String> {
    let old = parse(old).ok_or(CmdError::NotAFloat)?;
    let increment = parse(increment).ok_or(CmdError::NotAFloat)?;
    let StatusAnd { value, .. } = old + increment;
    if value.is_finite() { Ok(print(value)) } else { Err(CmdError::NanOrInfinity) }
}

/// Whether a text is a finite number; `None` if it is no number at all.
pub(super) fn is_finite(text: &[u8]) -> Option<bool> {
    parse(text).map(X87DoubleExtended::is_finite)
}

/// Thousandths of a number, rounded up as Redis does it with its time-outs; `None` if this is no number. What 64 bits
/// cannot hold is the lowest number, as an x86 converts it.
pub(super) fn thousandths(text: &[u8]) -> Option<i64> {
    let StatusAnd { value, .. } = parse(text)? * X87DoubleExtended::from_u128(1000).value;
    let StatusAnd { value, status } = value.to_i128_r(64, Round::TowardPositive, &mut false);
    let fits = !status.contains(Status::INVALID_OP);
    Some(i64::try_from(value).ok().filter(|_| fits).unwrap_or(i64::MIN))
}

/// A number as C's `strtold` reads it: decimal, hexadecimal or infinite, but no white space, no NaN, and
/// nothing that is too large or too small.
fn parse(text: &[u8]) -> Option<X87DoubleExtended> {
    if text.len() >= TEXT_MAX {
        return None;
    }
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    let value = if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") {
        X87DoubleExtended::INFINITY
    } else {
        parse_digits(unsigned)?
    };
    Some(if negative { -value } else { value })
}

fn parse_digits(unsigned: &[u8]) -> Option<X87DoubleExtended> {
    let (prefix, digits, mark, is_digit): (_, _, _, fn(&u8) -> bool) = match unsigned {
        [b'0', b'x' | b'X', digits @ ..] => ("0x", digits, b'p', u8::is_ascii_hexdigit),
        digits => ("", digits, b'e', u8::is_ascii_digit),
    };
    let end = digits.iter().position(|byte| byte.eq_ignore_ascii_case(&mark)).unwrap_or(digits.len());
    let (significand, exponent) = digits.split_at(end);
    let point = significand.iter().position(|byte| *byte == b'.').unwrap_or(significand.len());
    let (whole, fraction) = significand.split_at(point);
    let fraction = fraction.strip_prefix(b".").unwrap_or(fraction);
    if whole.len() + fraction.len() == 0 || !whole.iter().chain(fraction).all(is_digit) {
        return None;
    }
    let exponent = match exponent {
        [] => 0,
        [_, exponent @ ..] => exponent_of(exponent, EXPONENT_MAX)?,
    };
    if whole.iter().chain(fraction).all(|digit| *digit == b'0') {
        return Some(X87DoubleExtended::ZERO);
    }
    // One canonical spelling, so that it does not matter which short forms the library takes.
    let (whole, fraction) = (str::from_utf8(whole).ok()?, str::from_utf8(fraction).ok()?);
    let spelled = format!("{prefix}0{whole}.{fraction}0{}{exponent}", char::from(mark));
    let StatusAnd { value, .. } = X87DoubleExtended::from_str_r(&spelled, Round::NearestTiesToEven).ok()?;
    // Digits that were not all zero, and yet the value is: C calls that out of range, too.
    (value.is_finite() && !value.is_zero()).then_some(value)
}

/// A finite number like C's `%.17Lf`, without the zeros at the end.
fn print(value: X87DoubleExtended) -> String {
    let bits = value.to_bits();
    let significand = bits as u64;
    let exponent = i32::from((bits >> 64) as u16 & 0x7FFF);
    // The value is significand * 2^shift; numbers with an exponent of zero are denormal.
    let shift = exponent.max(1) - 16383 - 63;
    let mut text = if shift >= 0 {
        print_shifted(significand, shift as usize)
    } else {
        let scaled = u128::from(significand) * 10u128.pow(FRACTION_DIGITS as u32);
        let digits = format!("{:018}", rounded_shift(scaled, shift.unsigned_abs()));
        let (whole, fraction) = digits.split_at(digits.len() - FRACTION_DIGITS);
        format!("{whole}.{fraction}").trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    if value.is_negative() && text != "0" {
        text.insert(0, '-');
    }
    text
}

/// `number / 2^bits`, ties to even.
fn rounded_shift(number: u128, bits: u32) -> u128 {
    let Some(floor) = number.checked_shr(bits) else { return 0 };
    let rest = number - (floor << bits);
    let half = 1u128 << (bits - 1);
    floor + u128::from(rest > half || (rest == half && floor & 1 == 1))
}

/// `significand * 2^shift` in decimal.
fn print_shifted(significand: u64, shift: usize) -> String {
    const CHUNK: u128 = 10u128.pow(19);
    let mut limbs = vec![0u64; shift / 64 + 2];
    let wide = u128::from(significand) << (shift % 64);
    limbs[shift / 64] = wide as u64;
    limbs[shift / 64 + 1] = (wide >> 64) as u64;
    let mut chunks = Vec::new();
    while limbs.last().is_some_and(|limb| *limb == 0) {
        limbs.pop();
    }
    while !limbs.is_empty() {
        let mut rest = 0u128;
        for limb in limbs.iter_mut().rev() {
            let part = (rest << 64) | u128::from(*limb);
            *limb = (part / CHUNK) as u64;
            rest = part % CHUNK;
        }
        chunks.push(rest as u64);
        while limbs.last().is_some_and(|limb| *limb == 0) {
            limbs.pop();
        }
    }
    let highest = chunks.pop().unwrap_or(0).to_string();
    let rest = chunks.iter().rev().map(|chunk| format!("{chunk:019}"));
    std::iter::once(highest).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{TEXT_MAX, parse, sum};
    use crate::commands::CmdError;

    /// Measured on redis-server 7.0.15 (x86-64).
    #[test]
    fn sums_have_the_digits_of_redis() {
        let cases = [
            ("10.50", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("0.1", "0.2", "0.3"),
            ("3.0e-5", "0", "0.00003"),
            ("1", "-1", "0"),
            ("-0.0", "0", "0"),
            ("-1e-30", "0", "0"),
            ("0x10", "0x.8p1", "17"),
            ("1e19", "1", "10000000000000000001"),
            ("1e22", "1e-3", "10000000000000000000000"),
            (".5", "5.", "5.5"),
            ("+1", "-.25", "0.75"),
        ];
        for (old, increment, expected) in cases {
            assert_eq!(sum(old.as_bytes(), increment.as_bytes()).unwrap(), expected, "{old} + {increment}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let bad = [
            "", " 1", "1 ", "abc", "nan", "1e", "1e+", "0x", "--1", "+-1", "1.2.3", "e5", ".", "1e99999",
            "1e-99999", "1\0",
        ];
        for text in bad {
            assert_eq!(sum(b"1", text.as_bytes()), Err(CmdError::NotAFloat), "{text}");
        }
        assert!(parse(&[b'1'; TEXT_MAX]).is_none());
        assert!(parse(&[b'1'; TEXT_MAX - 1]).is_none(), "far above the range");
        assert!(parse(&[b'0'; TEXT_MAX - 1]).is_some());
    }

    #[test]
    fn infinity_is_read_but_never_stored() {
        for (old, increment) in [("1", "inf"), ("-INFINITY", "1"), ("inf", "-inf"), ("1e4932", "1e4932")] {
            let result = sum(old.as_bytes(), increment.as_bytes());
            assert_eq!(result, Err(CmdError::NanOrInfinity), "{old} + {increment}");
        }
    }

    #[test]
    fn the_largest_numbers_are_printed_in_full() {
        let text = sum(b"1e4932", b"0").unwrap();
        assert_eq!(text.len(), 4933);
        assert!(text.starts_with("1000000000000000000"));
    }
}
