//! Which history a node holds: its replid, the one it continued from, and how far it got.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Position in a replication stream, in bytes since the history began.
pub type ReplOffset = u64;

/// Identity of one replication history: 160 random bits, written as 40 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReplId([u8; 20]);

impl ReplId {
    /// The id made of these random bytes.
    pub fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// Reads 40 hex digits of either case; `None` for anything else.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() != 40 {
            return None;
        }
        let mut bytes = [0; 20];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = (high * 16 + low) as u8;
        }
        Some(Self(bytes))
    }

    /// The first eight hex digits, enough to tell histories apart on screen.
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

impl fmt::Display for ReplId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ReplId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<ReplId> for String {
    fn from(id: ReplId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for ReplId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(text.as_bytes()).ok_or("a replid is 40 hex digits")
    }
}
