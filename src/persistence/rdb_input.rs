//! The window through which the decoder sees its bytes: bounded, refilled from any `Read`, and summed up.

use std::io::{ErrorKind, Read};

use crc_fast::{CrcAlgorithm, Digest};

use super::rdb_error::Reason;

/// Bytes of the window: what is parsed in place without another read.
pub(super) const WINDOW: usize = 256 * 1024;

#[derive(Debug)]
pub(super) struct Input<R> {
    source: R,
    buffer: Box<[u8]>,
    at: usize,
    filled: usize,
    /// Position of `buffer[0]` in the file.
    start: u64,
    crc: Option<Digest>,
    /// The buffer is summed up to here.
    summed: usize,
    refills: u64,
}

impl<R: Read> Input<R> {
    pub(super) fn new(source: R, checksum: bool) -> Self {
        Self {
            source,
            buffer: vec![0; WINDOW].into(),
            at: 0,
            filled: 0,
            start: 0,
            crc: checksum.then(|| Digest::new(CrcAlgorithm::Crc64Redis)),
            summed: 0,
            refills: 0,
        }
    }

    /// Position of the next byte in the file.
    pub(super) fn offset(&self) -> u64 {
        self.start + self.at as u64
    }

    /// Position behind the last byte received.
    pub(super) fn received(&self) -> u64 {
        self.start + self.filled as u64
    }

    /// How often more bytes were asked for.
    pub(super) fn refills(&self) -> u64 {
        self.refills
    }

    /// The bytes at hand.
    #[inline]
    pub(super) fn window(&self) -> &[u8] {
        &self.buffer[self.at..self.filled]
    }

    /// Goes on behind the first `len` bytes at hand.
    #[inline]
    pub(super) fn consume(&mut self, len: usize) {
        debug_assert!(len <= self.filled - self.at);
        self.at += len;
    }

    /// Waits until `len` bytes (at most [`WINDOW`]) are at hand, and asks for no byte beyond what comes anyway.
    #[inline]
    pub(super) fn need(&mut self, len: usize) -> Result<(), Reason> {
        if self.filled - self.at >= len { Ok(()) } else { self.refill(len) }
    }

    #[cold]
    fn refill(&mut self, len: usize) -> Result<(), Reason> {
        self.compact();
        while self.filled < len {
            self.refills += 1;
            match self.source.read(&mut self.buffer[self.filled..]) {
                Ok(0) => return Err(Reason::Truncated),
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Reason::Read(error)),
            }
        }
        Ok(())
    }

    fn compact(&mut self) {
        self.sum();
        self.buffer.copy_within(self.at..self.filled, 0);
        self.start += self.at as u64;
        self.filled -= self.at;
        self.at = 0;
        self.summed = 0;
    }

    fn sum(&mut self) {
        if let Some(crc) = &mut self.crc {
            crc.update(&self.buffer[self.summed..self.at]);
        }
        self.summed = self.at;
    }

    /// The sum of all bytes so far; the rest is not summed. `None` if no sum was asked for.
    pub(super) fn finish_checksum(&mut self) -> Option<u64> {
        self.sum();
        self.crc.take().map(|crc| crc.finalize())
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, Reason> {
        self.array().map(|[byte]| byte)
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Reason> {
        self.need(N)?;
        let array = *self.window().first_chunk().ok_or(Reason::Truncated)?;
        self.consume(N);
        Ok(array)
    }

    /// Appends up to `left` bytes of those at hand to `out`, waiting for at least one. `out` grows only as
    /// bytes arrive, and never beyond what is `left`.
    pub(super) fn append_some(&mut self, left: u64, out: &mut Vec<u8>) -> Result<u64, Reason> {
        self.need(1)?;
        let window = self.window();
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(window.len());
        if out.capacity() - out.len() < len {
            let growth = out.len().max(len) as u64;
            out.reserve_exact(growth.min(left) as usize);
        }
        out.extend_from_slice(&window[..len]);
        self.consume(len);
        Ok(len as u64)
    }

    /// Whether nothing follows. Waits for the source to say so.
    pub(super) fn at_end(&mut self) -> Result<bool, Reason> {
        match self.need(1) {
            Ok(()) => Ok(false),
            Err(Reason::Truncated) => Ok(true),
            Err(error) => Err(error),
        }
    }
}
