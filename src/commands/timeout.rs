//! How long a blocking command waits.

use super::{CmdError, CmdResult, float};
use crate::store::Millis;

/// Seconds with a fraction, in milliseconds; 0 is for ever.
///
/// # Errors
/// It is no number, or negative.
pub(super) fn seconds(text: &[u8]) -> CmdResult<Millis> {
    let no_float = CmdError::text("ERR timeout is not a float or out of range");
    not_negative(float::thousandths(text).ok_or(no_float)?)
}

/// Milliseconds; 0 is for ever.
///
/// # Errors
/// It is no integer, or negative.
pub(super) fn millis(text: &[u8]) -> CmdResult<Millis> {
    let no_integer = CmdError::text("ERR timeout is not an integer or out of range");
    not_negative(crate::protocol::strict_i64(text).ok_or(no_integer)?)
}

fn not_negative(timeout: i64) -> CmdResult<Millis> {
    if timeout < 0 { Err(CmdError::text("ERR timeout is negative")) } else { Ok(timeout) }
}

#[test]
fn a_timeout_is_rounded_up_to_milliseconds() {
    for (text, expected) in [
        ("0", Some(0)),
        ("0.0001", Some(1)),
        ("1.5", Some(1500)),
        ("1e2", Some(100_000)),
        ("0x10", Some(16_000)),
        ("-0", Some(0)),
        ("-0.0001", Some(0)),
        ("-1", None),
        ("inf", None),
        ("1e30", None),
        ("nan", None),
        ("", None),
        (" 1", None),
    ] {
        assert_eq!(seconds(text.as_bytes()).ok(), expected, "{text}");
    }
}
