//! Fields from a list instead of a file, for the tests of each type.

use std::collections::VecDeque;

use super::Fields;
use crate::persistence::rdb_error::Reason;

/// A count, then strings.
pub(super) struct Given {
    count: u64,
    strings: VecDeque<Vec<u8>>,
}

impl Given {
    /// What precedes the strings is their number divided by `parts`.
    pub(super) fn counted(strings: &[&[u8]], parts: usize) -> Self {
        let count = (strings.len() / parts) as u64;
        Self { count, strings: strings.iter().map(|text| text.to_vec()).collect() }
    }

    /// One string.
    pub(super) fn blob(bytes: &[u8]) -> Self {
        Self::counted(&[bytes], 1)
    }
}

impl Fields for Given {
    fn count(&mut self) -> Result<u64, Reason> {
        Ok(self.count)
    }

    fn string(&mut self) -> Result<Vec<u8>, Reason> {
        self.strings.pop_front().ok_or(Reason::Truncated)
    }

    fn byte(&mut self) -> Result<u8, Reason> {
        Err(Reason::Truncated)
    }

    fn eight(&mut self) -> Result<[u8; 8], Reason> {
        Err(Reason::Truncated)
    }
}
