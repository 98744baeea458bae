//! Replies that a client's socket has not taken yet.
//!
//! Owns their bytes, in pieces: however much waits, adding to it and taking from it moves no other bytes. Must not know
//! sockets, nor how much may wait.

use std::collections::VecDeque;
use std::io::IoSlice;

use crate::protocol::Replies;

/// Small replies are gathered in pieces of this size.
const PIECE: usize = 16 * 1024;
/// Pieces that one system call writes at most.
const SLICES: usize = 16;

/// The replies that wait for one client, in order.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    pieces: VecDeque<Vec<u8>>,
    /// Bytes of the first piece that were sent already.
    sent: usize,
    len: usize,
}

impl Unsent {
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Takes over all of `out` but its first `from` bytes, which were sent. Much is moved, little is copied.
    pub(super) fn add(&mut self, out: &mut Replies, from: usize) {
        let bytes = &out.bytes()[from..];
        self.len += bytes.len();
        match self.pieces.back_mut() {
            Some(last) if last.capacity() - last.len() >= bytes.len() => last.extend_from_slice(bytes),
            _ if bytes.len() < PIECE / 2 => {
                let mut piece = Vec::with_capacity(PIECE);
                piece.extend_from_slice(bytes);
                self.pieces.push_back(piece);
            }
            // The first bytes of a later piece wait too, so only the first piece can be taken with a sent front.
            None => {
                self.sent = from;
                self.pieces.push_back(out.take());
            }
            Some(_) if from == 0 => self.pieces.push_back(out.take()),
            Some(_) => self.pieces.push_back(bytes.to_vec()),
        }
        out.truncate(0);
    }

    /// What to write next.
    pub(super) fn slices(&self) -> ([IoSlice<'_>; SLICES], usize) {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            let sent = if count == 0 { self.sent } else { 0 };
            *slice = IoSlice::new(&piece[sent..]);
            count += 1;
        }
        (slices, count)
    }

    /// The first `count` bytes of those that wait were written.
    pub(super) fn consume(&mut self, count: usize) {
        self.len -= count;
        self.sent += count;
        while let Some(first) = self.pieces.front()
            && self.sent >= first.len()
        {
            self.sent -= first.len();
            self.pieces.pop_front();
        }
    }

    /// Takes everything as one run of bytes.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len);
        for (index, piece) in self.pieces.iter().enumerate() {
            bytes.extend_from_slice(&piece[if index == 0 { self.sent } else { 0 }..]);
        }
        *self = Self::default();
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Replies that hold these bytes.
    fn replies(bytes: &[u8]) -> Replies {
        let mut out = Replies::new();
        out.raw(bytes);
        out
    }

    #[test]
    fn what_goes_in_comes_out_in_order_however_it_is_cut() {
        // Pieces that are copied, moved, and moved with a front that was sent; sizes around the bounds.
        let sizes = [1, PIECE / 2 - 1, PIECE / 2, PIECE, 3, PIECE * 3 + 1, 7, PIECE - 1];
        for step in [1, 777, PIECE, PIECE * 9] {
            let (mut unsent, mut wanted, mut got) = (Unsent::default(), Vec::new(), Vec::new());
            for (at, size) in sizes.into_iter().enumerate() {
                let bytes: Vec<u8> = (0..size).map(|byte| (byte * 7 + at) as u8).collect();
                let from = size / 3 * (at % 2);
                let mut out = replies(&bytes);
                unsent.add(&mut out, from);
                assert!(out.is_empty());
                wanted.extend_from_slice(&bytes[from..]);
                drain(&mut unsent, step, step, &mut got);
            }
            assert_eq!(unsent.len(), wanted.len() - got.len());
            drain(&mut unsent, usize::MAX, step, &mut got);
            assert!(got == wanted && unsent.is_empty(), "by {step}");
        }
    }

    /// Takes up to `most` bytes in writes of up to `step`.
    fn drain(unsent: &mut Unsent, most: usize, step: usize, got: &mut Vec<u8>) {
        let mut taken = 0;
        while taken < most && !unsent.is_empty() {
            let (slices, count) = unsent.slices();
            let bytes: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect();
            let written = bytes.len().min(step);
            got.extend_from_slice(&bytes[..written]);
            unsent.consume(written);
            taken += written;
        }
    }

    #[test]
    fn little_replies_share_a_piece() {
        let mut unsent = Unsent::default();
        for _ in 0..1000 {
            unsent.add(&mut replies(b"+OK\r\n"), 0);
        }
        assert_eq!((unsent.slices().1, unsent.len()), (1, 5000));
        assert_eq!(unsent.take(), b"+OK\r\n".repeat(1000));
        assert!(unsent.is_empty() && unsent.take().is_empty());
    }
}
