//! What stands for a whole value when two nodes are compared.
//!
//! The node's own DEBUG DIGEST-VALUE where it may be asked; else the value is read whole, within bounds, and hashed
//! here in an order that does not depend on how the node stores it.

use std::fmt::Write as _;

use sha1::{Digest as _, Sha1};

use super::look::{Digest, KeyInfo};
use super::{Browser, Failure, Words, bytes, items, words};
use crate::lab::KeyType;
use crate::protocol::frame::Frame;

/// Most elements of a value that is read whole.
const ELEMENTS_MAX: u64 = 2_000;
/// Most bytes of a value that is read whole.
const BYTES_MAX: u64 = 1 << 20;

impl Browser {
    /// Adds a digest to each key, where one can be had.
    pub(super) async fn add_digests(&mut self, keys: &mut [KeyInfo]) -> Result<(), Failure> {
        let asks: Vec<Words> = keys.iter().map(|key| words(&[b"DEBUG", b"DIGEST-VALUE", &key.key])).collect();
        let frames = self.pipeline(&asks).await?;
        for (key, frame) in keys.iter_mut().zip(frames) {
            key.digest = of_node(frame);
        }
        let small = |key: &KeyInfo| {
            let memory = key.memory.or(key.len).unwrap_or(u64::MAX);
            let elements = if key.kind == KeyType::String { 1 } else { key.len.unwrap_or(u64::MAX) };
            key.digest.is_none() && memory <= BYTES_MAX && elements <= ELEMENTS_MAX
        };
        for key in keys.iter_mut().filter(|key| small(key)) {
            let Some(command) = whole(&key.kind, &key.key) else { continue };
            // One at a time: together they could be more than a reply may be.
            let frame = self.call(command).await?;
            key.digest = of_elements(&key.kind, frame);
        }
        Ok(())
    }
}

fn of_node(frame: Frame) -> Option<Digest> {
    let Frame::Array(digests) = frame else { return None };
    match digests.into_iter().next()? {
        Frame::Simple(line) | Frame::Bulk(line) => Some(Digest::Node(super::text(&line))),
        _ => None,
    }
}

/// The command that reads all of a value.
fn whole(kind: &KeyType, key: &[u8]) -> Option<Words> {
    Some(match kind {
        KeyType::String => words(&[b"GET", key]),
        KeyType::List => words(&[b"LRANGE", key, b"0", b"-1"]),
        KeyType::Set => words(&[b"SMEMBERS", key]),
        KeyType::Hash => words(&[b"HGETALL", key]),
        KeyType::SortedSet => words(&[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"]),
        KeyType::Stream => words(&[b"XRANGE", key, b"-", b"+"]),
        KeyType::Other(_) => return None,
    })
}

fn of_elements(kind: &KeyType, frame: Frame) -> Option<Digest> {
    let wide = if *kind == KeyType::Hash { 2 } else { 1 };
    let mut flat = Vec::new();
    flatten(frame, &mut flat)?;
    let mut rows: Vec<&[Vec<u8>]> = flat.chunks(wide).collect();
    if matches!(kind, KeyType::Set | KeyType::Hash) {
        rows.sort_unstable();
    }
    let mut hash = Sha1::new();
    for cell in rows.into_iter().flatten() {
        hash.update((cell.len() as u64).to_be_bytes());
        hash.update(cell);
    }
    let mut hex = String::new();
    for byte in hash.finalize() {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    Some(Digest::Elements(hex))
}

/// All strings in the order of the reply; `None` where it is an error or nothing.
fn flatten(frame: Frame, into: &mut Vec<Vec<u8>>) -> Option<()> {
    match frame {
        Frame::Array(_) | Frame::Set(_) | Frame::Map(_) => {
            for item in items(frame)? {
                flatten(item, into)?;
            }
        }
        frame => into.push(bytes(frame)?),
    }
    Some(())
}
