//! A connection that hands out replies as the bytes they are.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::SOON;

/// The connection.
pub(super) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    at: usize,
}

impl Wire {
    pub(super) fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        Self { stream, buffer: Vec::new(), at: 0 }
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next reply.
    pub(super) fn reply(&mut self) -> Vec<u8> {
        loop {
            if let Some(len) = reply_len(&self.buffer[self.at..]) {
                let reply = self.buffer[self.at..self.at + len].to_vec();
                self.at += len;
                return reply;
            }
            self.buffer.drain(..self.at);
            self.at = 0;
            let mut chunk = vec![0; 64 * 1024];
            let count = self.stream.read(&mut chunk).unwrap();
            assert!(count > 0, "the server has closed, after {}", self.buffer.escape_ascii());
            self.buffer.extend_from_slice(&chunk[..count]);
        }
    }
}

/// Length of the reply that `bytes` begin with, if all of it is there.
pub(super) fn reply_len(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut left) = (0, 1u64);
    while left > 0 {
        left -= 1;
        let rest = bytes.get(at..)?;
        let line = memchr::memmem::find(rest, b"\r\n")?;
        let head = rest.first()?;
        let number = || std::str::from_utf8(&rest[1..line]).ok()?.parse::<i64>().ok();
        at += line + 2;
        match head {
            b'$' | b'=' | b'!' => {
                let len = number().unwrap();
                if len >= 0 {
                    at += len as usize + 2;
                }
            }
            b'*' | b'~' | b'>' => left += number().unwrap().max(0) as u64,
            b'%' => left += 2 * number().unwrap() as u64,
            _ => {}
        }
    }
    (at <= bytes.len()).then_some(at)
}

/// The parts of an aggregate reply, each with its bytes; `None` for any other.
pub(super) fn parts(reply: &[u8]) -> Option<Vec<&[u8]>> {
    if !matches!(reply.first()?, b'*' | b'~' | b'%' | b'>') {
        return None;
    }
    let mut at = memchr::memmem::find(reply, b"\r\n")? + 2;
    let mut parts = Vec::new();
    while at < reply.len() {
        let len = reply_len(&reply[at..])?;
        parts.push(&reply[at..at + len]);
        at += len;
    }
    Some(parts)
}
