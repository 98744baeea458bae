//! How one element of a listpack is written and read.

use super::item::Item;
use crate::protocol::strict_i64;

/// How an element is encoded, its own length not counted.
#[derive(Debug)]
pub(super) enum Element<'a> {
    Str(&'a [u8]),
    Uint7(u8),
    Int13(i16),
    /// Type byte and how many of the little-endian bytes follow.
    Int(u8, usize, i64),
}

impl<'a> Element<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        strict_i64(bytes).map_or(Self::Str(bytes), Self::int)
    }

    pub(super) fn int(number: i64) -> Self {
        match number {
            0..=127 => Self::Uint7(number as u8),
            -4096..=4095 => Self::Int13(number as i16),
            -0x8000..=0x7FFF => Self::Int(0xF1, 2, number),
            -0x80_0000..=0x7F_FFFF => Self::Int(0xF2, 3, number),
            -0x8000_0000..=0x7FFF_FFFF => Self::Int(0xF3, 4, number),
            _ => Self::Int(0xF4, 8, number),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Str(text) if text.len() < 64 => 1 + text.len(),
            Self::Str(text) if text.len() < 4096 => 2 + text.len(),
            Self::Str(text) => 5 + text.len(),
            Self::Uint7(_) => 1,
            Self::Int13(_) => 2,
            Self::Int(_, bytes, _) => 1 + bytes,
        }
    }

    pub(super) fn write(&self, into: &mut [u8]) {
        match self {
            Self::Str(text) => {
                let head = self.len() - text.len();
                match head {
                    1 => into[0] = 0x80 | text.len() as u8,
                    2 => into[..2].copy_from_slice(&(0xE000 | text.len() as u16).to_be_bytes()),
                    _ => {
                        into[0] = 0xF0;
                        into[1..5].copy_from_slice(&(text.len() as u32).to_le_bytes());
                    }
                }
                into[head..head + text.len()].copy_from_slice(text);
            }
            Self::Uint7(number) => into[0] = *number,
            Self::Int13(number) => {
                into[..2].copy_from_slice(&(0xC000 | (*number as u16 & 0x1FFF)).to_be_bytes());
            }
            Self::Int(kind, bytes, number) => {
                into[0] = *kind;
                into[1..=*bytes].copy_from_slice(&number.to_le_bytes()[..*bytes]);
            }
        }
    }
}

/// Bytes of encoding and data of the element at `at`.
#[inline]
pub(super) fn data_len(bytes: &[u8], at: usize) -> usize {
    match bytes[at] {
        0..0x80 => 1,
        short @ 0x80..0xC0 => 1 + usize::from(short & 0x3F),
        0xC0..0xE0 => 2,
        high @ 0xE0..0xF0 => 2 + (usize::from(high & 0x0F) << 8 | usize::from(bytes[at + 1])),
        0xF0 => 5 + long_len(bytes, at),
        0xF1 => 3,
        0xF2 => 4,
        0xF3 => 5,
        _ => 9,
    }
}

/// The same for bytes that may be anything; they end where the elements should.
pub(super) fn checked_data_len(bytes: &[u8], at: usize) -> Option<usize> {
    let head = match bytes.get(at)? {
        0xE0..0xF0 => 2,
        0xF0 => 5,
        0xF5.. => return None,
        _ => 1,
    };
    bytes.get(at..at + head)?;
    let len = data_len(bytes, at);
    bytes.get(at..at + len)?;
    Some(len)
}

fn long_len(bytes: &[u8], at: usize) -> usize {
    let len = bytes.get(at + 1..).and_then(|rest| rest.first_chunk::<4>());
    len.map_or(0, |len| u32::from_le_bytes(*len) as usize)
}

#[inline]
pub(super) fn item(bytes: &[u8], at: usize) -> Item<'_> {
    match bytes[at] {
        number @ 0..0x80 => Item::Int(number.into()),
        short @ 0x80..0xC0 => Item::Str(&bytes[at + 1..=at + usize::from(short & 0x3F)]),
        high @ 0xC0..0xE0 => {
            let number = i16::from(high & 0x1F) << 8 | i16::from(bytes[at + 1]);
            // 13 bits with a sign.
            Item::Int((number << 3 >> 3).into())
        }
        0xE0..0xF0 => Item::Str(&bytes[at + 2..at + data_len(bytes, at)]),
        0xF0 => Item::Str(&bytes[at + 5..at + data_len(bytes, at)]),
        kind => {
            let size = if kind == 0xF4 { 8 } else { usize::from(kind - 0xEF) };
            let data = &bytes[at + 1..=at + size];
            let mut all = if data[size - 1] & 0x80 == 0 { [0; 8] } else { [0xFF; 8] };
            all[..size].copy_from_slice(data);
            Item::Int(i64::from_le_bytes(all))
        }
    }
}

/// Bytes that the length of an element takes behind it.
#[inline]
pub(super) fn backlen_size(len: usize) -> usize {
    match len {
        0..=127 => 1,
        // The bounds are Redis' own, one off from what would fit.
        128..16383 => 2,
        16383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// Seven bits a byte, the lowest last; all but the first say that another one stands before them.
pub(super) fn write_backlen(into: &mut [u8], len: usize) {
    let size = backlen_size(len);
    for (nth, byte) in into[..size].iter_mut().enumerate() {
        let bits = (len >> (7 * (size - 1 - nth))) as u8 & 127;
        *byte = if nth == 0 { bits } else { bits | 128 };
    }
}
