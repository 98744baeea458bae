//! I4: an offset counts exactly the stream's bytes, and these are the same along a chain.
//!
//! I5 and I19 follow from it together with I1: what was cut was applied once.

use std::collections::BTreeMap;

use repliscope::replication::ReplId;

use super::Verdicts;

/// The bytes of every history, as they were written first.
#[derive(Debug)]
pub struct Tee {
    verdicts: Verdicts,
    /// History to the offset before its first byte, and its bytes.
    streams: BTreeMap<ReplId, (u64, Vec<u8>)>,
}

impl Tee {
    pub fn new(verdicts: &Verdicts) -> Self {
        Self { verdicts: verdicts.clone(), streams: BTreeMap::new() }
    }

    /// A node has bytes behind `offset` of a history.
    pub fn wrote(&mut self, node: usize, replid: ReplId, offset: u64, bytes: &[u8]) {
        let (start, known) = self.streams.entry(replid).or_insert((offset, Vec::new()));
        let Some(at) = offset.checked_sub(*start) else { return };
        let at = at as usize;
        if at > known.len() {
            // Nobody was seen to write what lies between: what follows begins anew.
            (*start, *known) = (offset, bytes.to_vec());
            return;
        }
        let both = bytes.len().min(known.len() - at);
        if bytes[..both] != known[at..at + both] {
            let parts = bytes.iter().zip(&known[at..]).take_while(|(one, other)| one == other).count();
            let show =
                |bytes: &[u8]| bytes[parts.saturating_sub(30)..].iter().take(80).copied().collect::<Vec<_>>();
            let text = format!(
                "n{node} has other bytes behind {}:{} than were written: {} and not {}",
                replid.short(),
                offset + parts as u64,
                show(bytes).escape_ascii(),
                show(&known[at..at + both]).escape_ascii()
            );
            self.verdicts.fail("I4", &text);
        }
        known.extend_from_slice(&bytes[both..]);
    }
}
