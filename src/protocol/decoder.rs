//! Requests out of a read buffer: resumable at any byte, nothing copied, nothing allocated on a promise.

use memchr::{memchr, memchr2};

use super::number::strict_i64;
use super::request::{OwnedArgs, Span};
use super::words::split_inline;

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
    /// A server wrote the bytes: they are a master's stream, or a file. From a client Redis takes any two bytes for the
    /// CRLF behind an argument, and waits for the rest of a line whatever it begins with. No server writes such bytes:
    /// there they mean damage, and whoever went on would execute what nobody has sent, and let the data sets drift apart.
    pub strict: bool,
}

impl Limits {
    /// For what a server wrote, with arguments of up to `bulk` bytes.
    pub fn of_server(bulk: i64) -> Self {
        Self { bulk, authenticated: true, strict: true }
    }
}

/// Why a connection cannot go on.
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
    /// An argument must start with `$`, and not with this byte.
    #[error("ERR Protocol error: expected '$', got '{}'", .0.escape_ascii())]
    ExpectedDollar(u8),
    /// An argument is longer than it said: only if a server wrote it.
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
    /// The first byte is one that no server begins a command with.
    #[error("ERR Protocol error: a command begins with '*'")]
    NotACommand,
}

impl ProtocolError {
    /// The error reply without the leading `-`: as `Display`, but with the byte itself that was got.
    pub fn reply(&self) -> Vec<u8> {
        match self {
            Self::ExpectedDollar(got) => {
                [b"ERR Protocol error: expected '$', got '", &[*got][..], b"'"].concat()
            }
            other => other.to_string().into_bytes(),
        }
    }
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
    /// Requests without arguments came before it.
    pub after_empty: bool,
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
    /// Requests without arguments were passed over since one was handed out.
    after_empty: bool,
}

enum Line {
    Incomplete,
    TooLong,
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

    /// Whether requests without arguments came behind the last one that was handed out.
    pub fn is_after_empty(&self) -> bool {
        self.after_empty
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
                    Some(_) => match self.inline(buffer, limits)? {
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
            let after_empty = std::mem::take(&mut self.after_empty);
            return Ok(Some(Request { start, end: self.at, body, after_empty }));
        }
    }

    /// Reads `*<count>`; `false` if it is incomplete.
    fn begin(&mut self, buffer: &[u8], limits: &Limits) -> Result<bool, ProtocolError> {
        let count = match self.number_line(buffer, limits) {
            Line::TooLong => return Err(ProtocolError::LongMultibulkLine),
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
            _ => (self.start, self.after_empty) = (self.at, true),
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
                Some(other) => return self.no_length(*other, buffer, limits),
            }
            let length = match self.number_line(buffer, limits) {
                Line::TooLong => return Err(ProtocolError::LongBulkLine),
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
            Some(_) if limits.strict => return Err(ProtocolError::ExpectedCrlf),
            Some(_) => {}
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

    /// What begins with another byte where `$<length>` must stand; `false` if its line is incomplete.
    #[cold]
    fn no_length(&self, first: u8, buffer: &[u8], limits: &Limits) -> Result<bool, ProtocolError> {
        let line = &buffer[self.at..];
        match line_end(b'\r', line, limits) {
            _ if limits.strict => Err(ProtocolError::ExpectedDollar(first)),
            Some(end) if end + 1 < line.len() => Err(ProtocolError::ExpectedDollar(first)),
            None if line.len() > LINE_MAX => Err(ProtocolError::LongBulkLine),
            _ => Ok(false),
        }
    }

    /// Reads the number between the byte at `at` and the next CR, and steps over the line's end.
    #[inline]
    fn number_line(&mut self, buffer: &[u8], limits: &Limits) -> Line {
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
        match line_end(b'\r', digits, limits) {
            Some(end) if end + 1 < digits.len() => match strict_i64(&digits[..end]) {
                Some(number) => {
                    self.at += end + 3;
                    Line::Number(number)
                }
                None => Line::NoNumber,
            },
            None if digits.len() >= LINE_MAX => Line::TooLong,
            _ => Line::Incomplete,
        }
    }

    fn inline(&mut self, buffer: &[u8], limits: &Limits) -> Result<Inline, ProtocolError> {
        let rest = &buffer[self.at..];
        if limits.strict && !(rest[0].is_ascii_graphic() || rest[0].is_ascii_whitespace()) {
            return Err(ProtocolError::NotACommand);
        }
        let Some(end) = line_end(b'\n', rest, limits) else {
            return if rest.len() > LINE_MAX {
                Err(ProtocolError::LongInline)
            } else {
                Ok(Inline::Incomplete)
            };
        };
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        let words = split_inline(line).ok_or(ProtocolError::UnbalancedQuotes)?;
        let start = self.start;
        self.at += end + 1;
        self.start = self.at;
        if words.is_empty() {
            self.after_empty = true;
            return Ok(Inline::Empty);
        }
        let args = OwnedArgs::from_parts(words.iter().map(Vec::as_slice));
        let after_empty = std::mem::take(&mut self.after_empty);
        Ok(Inline::Request(Request { start, end: self.at, body: Body::Inline(args), after_empty }))
    }
}

/// Where the line ends that `bytes` begin with. Redis looks for that as C looks into a string, not behind a NUL: a
/// client that sends one waits until its line is too long.
fn line_end(end: u8, bytes: &[u8], limits: &Limits) -> Option<usize> {
    let found = memchr2(end, 0, bytes)?;
    match bytes[found] {
        0 if limits.strict => memchr(end, bytes),
        0 => None,
        _ => Some(found),
    }
}

enum Inline {
    Incomplete,
    Empty,
    Request(Request),
}

#[cfg(test)]
mod tests;
