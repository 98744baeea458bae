//! How ids are written: `ms`, `ms-seq`, `-`, `+`, `(` for an open end, `ms-*` for XADD.

use crate::commands::c_string::until_nul;
use crate::commands::{CmdError, CmdResult};
use crate::protocol::strict_i64;
use crate::store::stream::StreamId;

const INVALID: CmdError = CmdError::text("ERR Invalid stream ID specified as stream command argument");
/// No text that is longer is looked at.
const TEXT_MAX: usize = 127;

/// An id as XADD takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AddId {
    /// `*`: the time.
    Auto,
    /// `ms-*`: the next one of this millisecond.
    AutoSeq(u64),
    /// A whole one.
    Exact(StreamId),
}

/// `ms` or `ms-seq`; `missing` is the `seq` of the first form.
fn parse(text: &[u8], missing: u64) -> CmdResult<StreamId> {
    match parts(text)? {
        (ms, None) => Ok(StreamId { ms: number(ms)?, seq: missing }),
        (ms, Some(seq)) => Ok(StreamId { ms: number(ms)?, seq: number(seq)? }),
    }
}

fn parts(text: &[u8]) -> CmdResult<(&[u8], Option<&[u8]>)> {
    if text.len() > TEXT_MAX {
        return Err(INVALID);
    }
    let text = until_nul(text);
    Ok(match text.iter().position(|byte| *byte == b'-') {
        None => (text, None),
        Some(dash) => (&text[..dash], Some(&text[dash + 1..])),
    })
}

/// An integer in its one form, or whatever `strtoull` takes beside that: spaces, a sign, zeros before it.
fn number(text: &[u8]) -> CmdResult<u64> {
    if let Some(number) = strict_i64(text) {
        return u64::try_from(number).map_err(|_| INVALID);
    }
    let blank = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    let (negative, digits) = match &text[blank..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(INVALID);
    }
    let number = digits
        .iter()
        .try_fold(0u64, |number, digit| number.checked_mul(10)?.checked_add((digit - b'0').into()));
    let number = number.ok_or(INVALID)?;
    Ok(if negative { number.wrapping_neg() } else { number })
}

/// A whole id, or `ms` for `ms-0`.
pub(super) fn exact_id(text: &[u8]) -> CmdResult<StreamId> {
    parse(text, 0)
}

/// The same, where `-` and `+` stand for the ends as well.
pub(super) fn any_id(text: &[u8], missing: u64) -> CmdResult<StreamId> {
    match until_nul(text) {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        _ => parse(text, missing),
    }
}

/// The id of a new entry; `*` alone is not looked for.
pub(super) fn add_id(text: &[u8]) -> CmdResult<AddId> {
    match parts(text)? {
        (ms, Some(b"*")) => Ok(AddId::AutoSeq(number(ms)?)),
        _ => exact_id(text).map(AddId::Exact),
    }
}

/// The first id of a range.
pub(super) fn interval_start(text: &[u8]) -> CmdResult<StreamId> {
    match text {
        [b'(', open @ ..] if !open.is_empty() => {
            let next = exact_id(open)?.next();
            next.ok_or(CmdError::text("ERR invalid start ID for the interval"))
        }
        _ => any_id(text, 0),
    }
}

/// The last id of a range.
pub(super) fn interval_end(text: &[u8]) -> CmdResult<StreamId> {
    match text {
        [b'(', open @ ..] if !open.is_empty() => {
            let before = parse(open, u64::MAX)?.before();
            before.ok_or(CmdError::text("ERR invalid end ID for the interval"))
        }
        _ => any_id(text, u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_redis_does() {
        let id = |ms, seq| Some(StreamId { ms, seq });
        for (text, expected) in [
            ("5", id(5, 0)),
            ("5-3", id(5, 3)),
            ("05-+3", id(5, 3)),
            ("18446744073709551615-18446744073709551615", Some(StreamId::MAX)),
            ("1--05", id(1, u64::MAX - 4)),
            ("5-3\0x", id(5, 3)),
            ("1--5", None),
            ("18446744073709551616", None),
            ("5-", None),
            ("-5", None),
            ("-", None),
            ("+", None),
            ("", None),
            ("5-3-1", None),
            ("5-*", None),
            ("abc", None),
        ] {
            assert_eq!(exact_id(text.as_bytes()).ok(), expected, "{text}");
        }
        assert_eq!(add_id(b"7-*"), Ok(AddId::AutoSeq(7)));
        assert_eq!(interval_start(b"(5"), Ok(StreamId { ms: 5, seq: 1 }));
        assert_eq!(interval_end(b"(5-0"), Ok(StreamId { ms: 4, seq: u64::MAX }));
        assert_eq!(interval_end(b"5"), Ok(StreamId { ms: 5, seq: u64::MAX }));
        assert!(interval_start(b"(+").is_err() && interval_start(b"(").is_err());
    }
}
