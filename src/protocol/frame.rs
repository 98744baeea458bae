//! Replies as a client reads them: an incremental decoder for RESP2 and RESP3.
//!
//! Owns the client's side of the protocol (observers, console, workload). It must not know sockets: bytes are
//! fed as they come, frames are taken out as they complete. A length that a peer promises allocates nothing:
//! memory grows only with bytes that really arrived, and every length has a bound.

use thiserror::Error;

/// One complete reply, by its RESP type. Attributes (`|`) are read over.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// `+OK`
    Simple(Vec<u8>),
    /// `-ERR …`, and RESP3's `!` bulk errors.
    Error(Vec<u8>),
    /// `:1`
    Integer(i64),
    /// `$3`
    Bulk(Vec<u8>),
    /// `$-1`, `*-1` or `_`
    Null,
    /// `*`
    Array(Vec<Frame>),
    /// `~`
    Set(Vec<Frame>),
    /// `%`
    Map(Vec<(Frame, Frame)>),
    /// `>`
    Push(Vec<Frame>),
    /// `,`
    Double(f64),
    /// `#`
    Boolean(bool),
    /// `(`: the digits as sent, with their sign.
    BigNumber(String),
    /// `=`: three letters of format, and the text.
    Verbatim([u8; 3], Vec<u8>),
}

/// What a decoder accepts at most. Whatever exceeds it is a [`FrameError`], before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLimits {
    /// Longest line: simple strings, errors, numbers and length headers.
    pub line: usize,
    /// Longest bulk string, bulk error or verbatim string.
    pub bulk: usize,
    /// Most elements of one aggregate; a map's pairs count twice.
    pub elements: usize,
    /// Most aggregates within each other.
    pub depth: usize,
    /// Most bytes of one top-level reply, headers included.
    pub total: usize,
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self { line: 64 << 10, bulk: 512 << 20, elements: 16 << 20, depth: 128, total: 1 << 30 }
    }
}

/// Why bytes are no reply. The connection cannot be used after it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameError {
    /// A reply begins with a byte that names no type.
    #[error("a reply cannot begin with {:?}", char::from(*.0))]
    UnknownType(u8),
    /// A length or a number is not one.
    #[error("malformed {0} in a reply")]
    Malformed(&'static str),
    /// A string does not end with CR LF.
    #[error("a string of a reply does not end where its length says")]
    MissingLineEnd,
    /// A bound of [`FrameLimits`] was exceeded.
    #[error("a reply has more than {limit} {what}")]
    TooLarge {
        /// What was counted.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
}

/// Takes replies out of a stream of bytes, however it is cut into pieces.
#[derive(Debug)]
pub struct FrameDecoder {
    limits: FrameLimits,
    /// Bytes fed and not decoded yet begin at `start`.
    buffer: Vec<u8>,
    start: usize,
    /// No line end is in `buffer[start..searched]`, so that a line in many pieces is not searched again and again.
    searched: usize,
    /// Aggregates that are not complete, outermost first.
    open: Vec<Open>,
    /// The string whose header was read already, so that its header is not parsed again for every piece.
    string: Option<(StringKind, usize)>,
    /// Bytes of the current top-level reply decoded so far.
    taken: usize,
}

/// An aggregate whose elements are still coming.
#[derive(Debug)]
struct Open {
    kind: AggregateKind,
    missing: usize,
    elements: Vec<Frame>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AggregateKind {
    Array,
    Set,
    Map,
    Push,
    Attribute,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StringKind {
    Bulk,
    Error,
    Verbatim,
}

/// What one header line or string leads to.
enum Step {
    Value(Frame),
    Opened,
    StringAhead,
}

/// First bytes of all types.
const KINDS: &[u8] = b"+-:$*_#,(!=~%>|";

/// The buffer is compacted once this much of it is decoded: rarely enough to cost nothing.
const COMPACT_AT: usize = 64 << 10;

impl FrameDecoder {
    /// A decoder with these bounds.
    pub fn new(limits: FrameLimits) -> Self {
        Self { limits, buffer: Vec::new(), start: 0, searched: 0, open: Vec::new(), string: None, taken: 0 }
    }

    /// Adds bytes as they came from the peer.
    pub fn feed(&mut self, bytes: &[u8]) {
        let decoded = self.start;
        if decoded == self.buffer.len() || (decoded >= COMPACT_AT && decoded * 2 >= self.buffer.len()) {
            self.buffer.drain(..decoded);
            self.start = 0;
            self.searched -= decoded;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete reply; `None` until more bytes are fed.
    ///
    /// # Errors
    /// The bytes are no RESP, or exceed a bound; the decoder is of no use afterwards.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            let step = match self.string {
                Some((kind, length)) => self.string_body(kind, length)?.map(Step::Value),
                None => self.header()?,
            };
            let held = self.taken + if step.is_none() { self.buffer.len() - self.start } else { 0 };
            if held > self.limits.total {
                return Err(FrameError::TooLarge { what: "bytes", limit: self.limits.total });
            }
            match step {
                None => return Ok(None),
                Some(Step::Opened | Step::StringAhead) => {}
                Some(Step::Value(frame)) => {
                    if let Some(frame) = self.close(frame) {
                        self.taken = 0;
                        return Ok(Some(frame));
                    }
                }
            }
        }
    }

    /// Reads one line: a scalar, or the header of a string or an aggregate.
    fn header(&mut self) -> Result<Option<Step>, FrameError> {
        let Some(end) = self.line_end()? else { return Ok(None) };
        let line = &self.buffer[self.start..end];
        let Some((&kind, text)) = line.split_first() else {
            return Err(FrameError::UnknownType(b'\r'));
        };
        let step = match kind {
            b'+' => Step::Value(Frame::Simple(text.to_vec())),
            b'-' => Step::Value(Frame::Error(text.to_vec())),
            b':' => Step::Value(Frame::Integer(integer(text)?)),
            b'_' if text.is_empty() => Step::Value(Frame::Null),
            b'_' => return Err(FrameError::Malformed("null")),
            b'#' => Step::Value(Frame::Boolean(match text {
                b"t" => true,
                b"f" => false,
                _ => return Err(FrameError::Malformed("boolean")),
            })),
            b',' => Step::Value(Frame::Double(double(text)?)),
            b'(' => Step::Value(Frame::BigNumber(big_number(text)?)),
            b'$' | b'!' | b'=' => {
                let kind = match kind {
                    b'$' => StringKind::Bulk,
                    b'!' => StringKind::Error,
                    _ => StringKind::Verbatim,
                };
                match length(text, self.limits.bulk, "bytes in a string")? {
                    None if kind == StringKind::Bulk => Step::Value(Frame::Null),
                    None => return Err(FrameError::Malformed("length")),
                    Some(length) => {
                        self.string = Some((kind, length));
                        Step::StringAhead
                    }
                }
            }
            b'*' | b'~' | b'%' | b'>' | b'|' => {
                let kind = match kind {
                    b'*' => AggregateKind::Array,
                    b'~' => AggregateKind::Set,
                    b'%' => AggregateKind::Map,
                    b'>' => AggregateKind::Push,
                    _ => AggregateKind::Attribute,
                };
                self.open_aggregate(kind, end)?
            }
            other => return Err(FrameError::UnknownType(other)),
        };
        self.consume(end + 2);
        Ok(Some(step))
    }

    /// Opens the aggregate whose header ends at `end`; an empty one is a value at once.
    fn open_aggregate(&mut self, kind: AggregateKind, end: usize) -> Result<Step, FrameError> {
        let text = &self.buffer[self.start + 1..end];
        let paired = matches!(kind, AggregateKind::Map | AggregateKind::Attribute);
        let limit = if paired { self.limits.elements / 2 } else { self.limits.elements };
        let Some(count) = length(text, limit, "elements")? else {
            return if kind == AggregateKind::Array {
                Ok(Step::Value(Frame::Null))
            } else {
                Err(FrameError::Malformed("length"))
            };
        };
        let missing = if paired { count * 2 } else { count };
        if missing == 0 {
            return Ok(match kind {
                AggregateKind::Attribute => Step::Opened,
                kind => Step::Value(complete(kind, Vec::new())),
            });
        }
        if self.open.len() >= self.limits.depth {
            return Err(FrameError::TooLarge { what: "levels", limit: self.limits.depth });
        }
        self.open.push(Open { kind, missing, elements: Vec::new() });
        Ok(Step::Opened)
    }

    /// Position of the CR that ends the line at `start`.
    fn line_end(&mut self) -> Result<Option<usize>, FrameError> {
        let from = self.searched.max(self.start);
        let found = memchr::memchr(b'\n', &self.buffer[from..]).map(|at| from + at);
        let length = found.unwrap_or(self.buffer.len()) - self.start;
        if length > self.limits.line {
            return Err(FrameError::TooLarge { what: "bytes in a line", limit: self.limits.line });
        }
        let Some(line_feed) = found else {
            self.searched = self.buffer.len();
            // The first byte alone tells that this is no reply; do not wait for a line that may never come.
            return match self.buffer.get(self.start) {
                Some(&kind) if !KINDS.contains(&kind) => Err(FrameError::UnknownType(kind)),
                _ => Ok(None),
            };
        };
        if line_feed == self.start || self.buffer[line_feed - 1] != b'\r' {
            return match self.buffer[self.start] {
                kind if KINDS.contains(&kind) => Err(FrameError::MissingLineEnd),
                kind => Err(FrameError::UnknownType(kind)),
            };
        }
        Ok(Some(line_feed - 1))
    }

    /// Takes the body of a string once all of it is here.
    fn string_body(&mut self, kind: StringKind, length: usize) -> Result<Option<Frame>, FrameError> {
        let ahead = &self.buffer[self.start..];
        if ahead.len() < length + 2 {
            return Ok(None);
        }
        if &ahead[length..length + 2] != b"\r\n" {
            return Err(FrameError::MissingLineEnd);
        }
        let body = &ahead[..length];
        let frame = match kind {
            StringKind::Bulk => Frame::Bulk(body.to_vec()),
            StringKind::Error => Frame::Error(body.to_vec()),
            StringKind::Verbatim => match body {
                [a, b, c, b':', text @ ..] => Frame::Verbatim([*a, *b, *c], text.to_vec()),
                _ => return Err(FrameError::Malformed("verbatim string")),
            },
        };
        self.string = None;
        self.consume(self.start + length + 2);
        Ok(Some(frame))
    }

    fn consume(&mut self, to: usize) {
        self.taken += to - self.start;
        self.start = to;
        self.searched = to;
    }

    /// Puts a value into the innermost open aggregate, and closes all that it completes.
    fn close(&mut self, mut frame: Frame) -> Option<Frame> {
        loop {
            let Some(innermost) = self.open.last_mut() else { return Some(frame) };
            innermost.missing -= 1;
            if innermost.kind != AggregateKind::Attribute {
                innermost.elements.push(frame);
            }
            if innermost.missing > 0 {
                return None;
            }
            let done = self.open.pop()?;
            if done.kind == AggregateKind::Attribute {
                return None; // the value it belongs to follows
            }
            frame = complete(done.kind, done.elements);
        }
    }
}

impl Default for FrameDecoder {
    fn default() -> Self {
        Self::new(FrameLimits::default())
    }
}

fn complete(kind: AggregateKind, elements: Vec<Frame>) -> Frame {
    match kind {
        AggregateKind::Array | AggregateKind::Attribute => Frame::Array(elements),
        AggregateKind::Set => Frame::Set(elements),
        AggregateKind::Push => Frame::Push(elements),
        AggregateKind::Map => {
            let mut pairs = Vec::with_capacity(elements.len() / 2);
            let mut elements = elements.into_iter();
            while let (Some(key), Some(value)) = (elements.next(), elements.next()) {
                pairs.push((key, value));
            }
            Frame::Map(pairs)
        }
    }
}

fn integer(text: &[u8]) -> Result<i64, FrameError> {
    let text = std::str::from_utf8(text).map_err(|_| FrameError::Malformed("integer"))?;
    text.parse().map_err(|_| FrameError::Malformed("integer"))
}

/// A length within `limit`; `None` for -1.
fn length(text: &[u8], limit: usize, what: &'static str) -> Result<Option<usize>, FrameError> {
    match integer(text).map_err(|_| FrameError::Malformed("length"))? {
        -1 => Ok(None),
        value => {
            let value = usize::try_from(value).map_err(|_| FrameError::Malformed("length"))?;
            if value > limit { Err(FrameError::TooLarge { what, limit }) } else { Ok(Some(value)) }
        }
    }
}

fn double(text: &[u8]) -> Result<f64, FrameError> {
    let text = std::str::from_utf8(text).map_err(|_| FrameError::Malformed("double"))?;
    text.parse().map_err(|_| FrameError::Malformed("double"))
}

fn big_number(text: &[u8]) -> Result<String, FrameError> {
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(FrameError::Malformed("big number"));
    }
    Ok(text.iter().map(|&digit| char::from(digit)).collect())
}

#[cfg(test)]
mod tests;
