//! The short way through the decoder: keys that lie whole in the window and are what nearly all keys are.

use std::ops::Range;

use super::format::{TYPE_STRING, length, opcode};
use crate::store::Millis;

/// A key with a short uncompressed string, as it lies in the window.
#[derive(Debug, Default)]
pub(super) struct Plain {
    pub(super) start: usize,
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
    pub(super) expire: Option<Millis>,
}

impl Plain {
    #[inline]
    pub(super) fn parse(window: &[u8], start: usize, longest: usize) -> Option<Self> {
        let mut at = start;
        let mut expire = None;
        if *window.get(at)? == opcode::EXPIRETIME_MS {
            expire = expiry(Millis::from_le_bytes(*window.get(at + 1..)?.first_chunk()?));
            at += 9;
        }
        if *window.get(at)? != TYPE_STRING {
            return None;
        }
        let key = plain_string(window, at + 1, longest)?;
        let value = plain_string(window, key.end, longest)?;
        Some(Self { start, key, value, expire })
    }
}

/// Where the string at `at` lies, if its length has at most 14 bits and all of it is at hand.
#[inline]
fn plain_string(window: &[u8], at: usize, longest: usize) -> Option<Range<usize>> {
    let first = *window.get(at)?;
    let (len, from) = match first & length::KIND {
        0 => (usize::from(first), at + 1),
        length::BITS_14 => {
            let second = *window.get(at + 1)?;
            (usize::from(first & !length::KIND) << 8 | usize::from(second), at + 2)
        }
        _ => return None,
    };
    (len <= longest && len <= window.len() - from).then(|| from..from + len)
}

/// Redis' own "none" among the expiry times is -1.
pub(super) fn expiry(at: Millis) -> Option<Millis> {
    (at != -1).then_some(at)
}
