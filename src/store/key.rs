//! The key of an object. Most are short, and an allocation of its own would cost more than the key.

use std::ops::Deref;

use super::memory::allocated;

/// Keys up to this many bytes are part of what holds them.
const SHORT_MAX: usize = 22;

/// A key.
#[derive(Debug, Clone)]
pub(super) enum Key {
    /// Its length and its bytes, with zeros behind them.
    Short(u8, [u8; SHORT_MAX]),
    Long(Box<[u8]>),
}

impl Key {
    pub(super) fn new(key: &[u8]) -> Self {
        let mut short = [0; SHORT_MAX];
        match short.get_mut(..key.len()) {
            Some(bytes) => {
                bytes.copy_from_slice(key);
                Self::Short(key.len() as u8, short)
            }
            None => Self::Long(key.into()),
        }
    }

    /// Estimate of the bytes that it takes beside its own size.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Short(..) => 0,
            Self::Long(bytes) => allocated(bytes.len()),
        }
    }
}

impl Deref for Key {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Short(len, bytes) => &bytes[..usize::from(*len)],
            Self::Long(bytes) => bytes,
        }
    }
}

#[test]
fn keys_of_any_length_are_kept() {
    for len in [0, 1, SHORT_MAX, SHORT_MAX + 1, 1000] {
        let key = vec![7; len];
        assert_eq!(*Key::new(&key), key[..]);
    }
}
