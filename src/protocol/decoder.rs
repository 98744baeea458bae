//! Requests out of a read buffer: resumable at any byte, nothing copied, nothing allocated on a promise.

use memchr::memchr;

use super::number::strict_i64;
use super::request::{OwnedArgs, Span, split_inline};

/// Longest inline request and longest length line, in bytes (Redis: `PROTO_INLINE_MAX_SIZE`).
const LINE_MAX: usize = 64 * 1024;
/// Most arguments of one request. Redis accepts the promise of 2^31 - 1; so do we, but not their arrival.
const ARGS_MAX: usize = 1024 * 1024;
/// What a client may send before AUTH.
const UNAUTHENTICATED_ARGS_MAX: i64 = 10;
const UNAUTHENTICATED_BULK_MAX: i64 = 16 * 1024;

/// What a request may not exceed.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest argument in bytes (`proto-max-bulk-len`).
    pub bulk: i64,
    /// The client has passed AUTH, or needs not to.
    pub authenticated: bool,
}

/// Why a connection cannot go on. `Display` gives the error reply without the leading `-`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The number after `*` is none, or out of range.
    #[error("ERR Protocol error: invalid multibulk length")]
    MultibulkLength,
    /// The number after `$` is none, or out of range.
    #[error("ERR Protocol error: invalid bulk length")]
    BulkLength,
    /// Too many arguments before AUTH.
    #[error("ERR Protocol error: unauthenticated multibulk length")]
    UnauthenticatedMultibulk,
    /// Too long an argument before AUTH.
    #[error("ERR Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulk,
    /// An argument must start with `$`.
    #[error("ERR Protocol error: expected '$', got '{0}'")]
    ExpectedDollar(String),
    /// An argument is longer than it said.
    #[error("ERR Protocol error: expected CRLF")]
    ExpectedCrlf,
    /// A line without end after `*`.
    #[error("ERR Protocol error: too big mbulk count string")]
    LongMultibulkLine,
    /// A line without end after `$`.
    #[error("ERR Protocol error: too big bulk count string")]
    LongBulkLine,
    /// An inline request without end.
    #[error("ERR Protocol error: too big inline request")]
    LongInline,
    /// An inline request with an open quote.
    #[error("ERR Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// The first bytes belong to HTTP, TLS or another protocol: closed without a reply.
    #[error("not a Redis client")]
    ForeignProtocol,
}

/// One complete request.
#[derive(Debug)]
pub struct Request {
    /// Its first byte in the buffer.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// Its arguments.
    pub body: Body,
}

/// Arguments of a request.
#[derive(Debug)]
pub enum Body {
    /// Slices of the buffer: these many spans of [`Decoder::spans`], from this one on.
    Spans {
        /// Index of the first.
        first: usize,
        /// How many.
        count: usize,
    },
    /// An inline request; quoting needs a copy.
    Inline(OwnedArgs),
}

/// Reads requests from one connection's buffer.
#[derive(Debug, Default)]
pub struct Decoder {
    spans: Vec<Span>,
    /// Next byte to look at.
    at: usize,
    /// First byte of the request under way.
    start: usize,
    /// Index of its first span.
    first: usize,
    /// Arguments still to come; 0 between requests.
    left: usize,
    /// Length of the argument under way.
    bulk: Option<usize>,
}

enum Line {
    Incomplete,
    NoNumber,
    Number(i64),
}

impl Decoder {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The spans that [`Body::Spans`] points into.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Whether a request has begun and is not complete.
    pub fn is_midway(&self, buffer: &[u8]) -> bool {
        self.left > 0 || self.start < buffer.len()
    }

    /// Bytes that the argument under way still lacks: worth reserving once most of it has come.
    pub fn missing(&self, buffer: &[u8]) -> usize {
        self.bulk.map_or(0, |len| (self.at + len + 2).saturating_sub(buffer.len()))
    }

    /// Bytes of `buffer` that no argument was made of yet. Those before them belong to requests that were handed out, or
    /// to [`Decoder::argument_bytes`].
    pub fn unparsed(&self, buffer: &[u8]) -> usize {
        buffer.len() - self.at
    }

    /// Bytes of the arguments that the request under way has so far, with their headers. O(1).
    pub fn argument_bytes(&self) -> usize {
        if self.left > 0 { self.at - self.start } else { 0 }
    }

    /// Forgets the requests handed out so far; returns how many bytes the caller must remove from the front of
    /// the buffer before it calls [`Decoder::next`] again.
    pub fn consume(&mut self) -> usize {
        let consumed = self.start;
        self.spans.drain(..self.first);
        for span in &mut self.spans {
            span.start -= consumed as u32;
            span.end -= consumed as u32;
        }
        self.at -= consumed;
        (self.start, self.first) = (0, 0);
        consumed
    }

    /// The next complete request of `buffer`, `None` if more bytes are needed.
    ///
    /// # Errors
    /// The bytes are no request; the connection must be closed.
    #[inline]
    pub fn next(&mut self, buffer: &[u8], limits: &Limits) -> Result<Option<Request>, ProtocolError> {
        loop {
            if self.left == 0 {
                match buffer.get(self.at) {
                    None => return Ok(None),
                    Some(b'*') => {
                        if !self.begin(buffer, limits)? {
                            return Ok(None);
                        }
                        continue;
                    }
                    Some(_) => match self.inline(buffer)? {
                        Inline::Incomplete => return Ok(None),
                        Inline::Empty => continue,
                        Inline::Request(request) => return Ok(Some(request)),
                    },
                }
            }
            while self.left > 0 {
                if !self.argument(buffer, limits)? {
                    return Ok(None);
                }
            }
            let (start, first) = (self.start, self.first);
            (self.start, self.first) = (self.at, self.spans.len());
            let body = Body::Spans { first, count: self.spans.len() - first };
            return Ok(Some(Request { start, end: self.at, body }));
        }
    }

    /// Reads `*<count>`; `false` if it is incomplete.
    fn begin(&mut self, buffer: &[u8], limits: &Limits) -> Result<bool, ProtocolError> {
        let count = match self.number_line(buffer) {
            Line::Incomplete if buffer.len() - self.at > LINE_MAX => {
                return Err(ProtocolError::LongMultibulkLine);
            }
            Line::Incomplete => return Ok(false),
            Line::NoNumber => return Err(ProtocolError::MultibulkLength),
            Line::Number(count) if count > i64::from(i32::MAX) => return Err(ProtocolError::MultibulkLength),
            Line::Number(count) => count,
        };
        if count > UNAUTHENTICATED_ARGS_MAX && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedMultibulk);
        }
        match usize::try_from(count) {
            Ok(count) if count > 0 => self.left = count,
            // An empty request is no request.
            _ => self.start = self.at,
        }
        Ok(true)
    }

    /// Reads `$<length>` and the argument; `false` if it is incomplete.
    #[inline]
    fn argument(&mut self, buffer: &[u8], limits: &Limits) -> Result<bool, ProtocolError> {
        let length = if let Some(length) = self.bulk {
            length
        } else {
            match buffer.get(self.at) {
                None => return Ok(false),
                Some(b'$') => {}
                Some(other) => return Err(expected_dollar(*other)),
            }
            let length = match self.number_line(buffer) {
                Line::Incomplete if buffer.len() - self.at > LINE_MAX => {
                    return Err(ProtocolError::LongBulkLine);
                }
                Line::Incomplete => return Ok(false),
                Line::NoNumber => return Err(ProtocolError::BulkLength),
                Line::Number(length) => length,
            };
            if !(0..=limits.bulk).contains(&length) {
                return Err(ProtocolError::BulkLength);
            }
            if length > UNAUTHENTICATED_BULK_MAX && !limits.authenticated {
                return Err(ProtocolError::UnauthenticatedBulk);
            }
            if self.spans.len() - self.first >= ARGS_MAX {
                return Err(ProtocolError::MultibulkLength);
            }
            length as usize
        };
        let end = self.at + length;
        if end > u32::MAX as usize {
            return Err(ProtocolError::BulkLength);
        }
        match buffer.get(end..end + 2) {
            Some(b"\r\n") => {}
            Some(_) => return Err(ProtocolError::ExpectedCrlf),
            None => {
                self.bulk = Some(length);
                return Ok(false);
            }
        }
        self.spans.push(Span { start: self.at as u32, end: end as u32 });
        self.at = end + 2;
        self.bulk = None;
        self.left -= 1;
        Ok(true)
    }

    /// Reads the number between the byte at `at` and the next CR, and steps over the line's end.
    #[inline]
    fn number_line(&mut self, buffer: &[u8]) -> Line {
        let digits = &buffer[self.at + 1..];
        // The common case, one to three digits, without a search.
        let mut number = 0;
        for (index, byte) in digits.iter().take(4).enumerate() {
            match byte {
                b'0'..=b'9' => number = number * 10 + i64::from(byte - b'0'),
                b'\r' if index > 0 && (index == 1 || digits[0] != b'0') && index + 1 < digits.len() => {
                    self.at += index + 3;
                    return Line::Number(number);
                }
                _ => break,
            }
        }
        // Like Redis we look for CR only, and take the byte after it for LF.
        match memchr(b'\r', digits) {
            Some(end) if end + 1 < digits.len() => match strict_i64(&digits[..end]) {
                Some(number) => {
                    self.at += end + 3;
                    Line::Number(number)
                }
                None => Line::NoNumber,
            },
            _ => Line::Incomplete,
        }
    }

    fn inline(&mut self, buffer: &[u8]) -> Result<Inline, ProtocolError> {
        let rest = &buffer[self.at..];
        let first = rest[0];
        if first != 0
            && !(first.is_ascii_graphic() || first == b' ' || first.is_ascii_whitespace() || first == 11)
        {
            return Err(ProtocolError::ForeignProtocol);
        }
        let Some(end) = memchr(b'\n', rest) else {
            return if rest.len() > LINE_MAX {
                Err(ProtocolError::LongInline)
            } else {
                Ok(Inline::Incomplete)
            };
        };
        if end > LINE_MAX {
            return Err(ProtocolError::LongInline);
        }
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        if ends_like_http(line) {
            return Err(ProtocolError::ForeignProtocol);
        }
        let words = split_inline(line).ok_or(ProtocolError::UnbalancedQuotes)?;
        let start = self.start;
        self.at += end + 1;
        self.start = self.at;
        if words.is_empty() {
            return Ok(Inline::Empty);
        }
        let args = OwnedArgs::from_parts(words.iter().map(Vec::as_slice));
        Ok(Inline::Request(Request { start, end: self.at, body: Body::Inline(args) }))
    }
}

enum Inline {
    Incomplete,
    Empty,
    Request(Request),
}

/// `GET / HTTP/1.1` and the like: a browser, which must not be able to run what follows.
fn ends_like_http(line: &[u8]) -> bool {
    let word = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    word.len() < line.len() && word.starts_with(b"HTTP/")
}

fn expected_dollar(got: u8) -> ProtocolError {
    let shown = match got {
        b'\r' | b'\n' => " ".to_owned(),
        b'\'' | b'"' | b'\\' => char::from(got).to_string(),
        other => other.escape_ascii().to_string(),
    };
    ProtocolError::ExpectedDollar(shown)
}

#[cfg(test)]
mod tests;
