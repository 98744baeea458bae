//! Bytes that another thread hands over: the snapshot arrives at the node, and is decoded beside it.

use std::io::{self, Read};

use bytes::{Buf as _, Bytes};

/// What the sender hands over.
#[derive(Debug, Clone)]
pub enum Piece {
    /// The next bytes.
    Bytes(Bytes),
    /// All bytes have been handed over.
    End,
}

/// Reads what `next` returns; `next` may block. A sender that goes away without a [`Piece::End`] was cut off:
/// that is an error and not the end, because half a snapshot must never pass for a whole one.
///
/// Works over any channel: `ChannelReader::new(|| receiver.recv().ok())`.
#[derive(Debug)]
pub struct ChannelReader<F> {
    next: F,
    bytes: Bytes,
    ended: bool,
}

impl<F: FnMut() -> Option<Piece>> ChannelReader<F> {
    /// A reader of what `next` returns, which returns `None` when the sender is gone.
    pub fn new(next: F) -> Self {
        Self { next, bytes: Bytes::new(), ended: false }
    }
}

impl<F: FnMut() -> Option<Piece>> Read for ChannelReader<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.bytes.is_empty() {
            if self.ended || buffer.is_empty() {
                return Ok(0);
            }
            match (self.next)() {
                Some(Piece::Bytes(bytes)) => self.bytes = bytes,
                Some(Piece::End) => self.ended = true,
                None => {
                    return Err(io::Error::new(
                        io::ErrorKind::ConnectionAborted,
                        "the transfer was cut before its end",
                    ));
                }
            }
        }
        let len = self.bytes.len().min(buffer.len());
        self.bytes.copy_to_slice(&mut buffer[..len]);
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(pieces: Vec<Piece>) -> ChannelReader<impl FnMut() -> Option<Piece>> {
        let mut pieces = pieces.into_iter();
        ChannelReader::new(move || pieces.next())
    }

    fn bytes(text: &'static str) -> Piece {
        Piece::Bytes(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn pieces_are_joined_up_to_the_end() {
        let mut text = String::new();
        let read = reader(vec![bytes("ab"), bytes(""), bytes("cde"), Piece::End, bytes("never")])
            .read_to_string(&mut text);
        assert!(matches!(read, Ok(5)));
        assert_eq!(text, "abcde");
    }

    #[test]
    fn a_sender_that_vanishes_is_an_error_and_no_end() {
        let mut text = String::new();
        let error = reader(vec![bytes("ab")]).read_to_string(&mut text).map_err(|error| error.kind());
        assert_eq!(error, Err(io::ErrorKind::ConnectionAborted));
    }
}
