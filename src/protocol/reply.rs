//! Answers, written straight into one buffer for each client: a pipeline's replies leave with one write.

/// Replies on their way to one client.
#[derive(Debug, Default)]
pub struct Replies {
    buffer: Vec<u8>,
    resp3: bool,
    /// Bytes from which on the client is cut off; 0 for none.
    limit: usize,
    cut_short: bool,
}

impl Replies {
    /// Nothing to send, RESP2.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the client asked for RESP3 (`HELLO 3`).
    pub fn is_resp3(&self) -> bool {
        self.resp3
    }

    /// Switches between RESP2 and RESP3.
    pub fn set_resp3(&mut self, resp3: bool) {
        self.resp3 = resp3;
    }

    /// Sets how many bytes may wait before their client is cut off; 0 for any number.
    pub fn set_limit(&mut self, bytes: usize) {
        self.limit = bytes;
    }

    /// Whether a client that lets too much wait is cut off at all.
    pub fn has_limit(&self) -> bool {
        self.limit > 0
    }

    /// Whether so much waits that the client is cut off: a command may then stop in the middle of its reply. From then
    /// on the client is cut off in any case, for what follows would be taken for the rest of that reply.
    pub fn cut_short(&mut self) -> bool {
        self.cut_short |= self.limit > 0 && self.buffer.len() >= self.limit;
        self.cut_short
    }

    /// Whether a command has stopped in the middle of its reply.
    pub fn is_cut_short(&self) -> bool {
        self.cut_short
    }

    /// Bytes to send.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Number of bytes to send.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Forgets everything from `len` bytes on: what a client with CLIENT REPLY OFF asked for.
    pub fn truncate(&mut self, len: usize) {
        self.buffer.truncate(len);
    }

    /// Everything has been sent. Of the buffer only `room` bytes are kept.
    pub fn sent(&mut self, room: usize) {
        self.buffer.clear();
        self.buffer.shrink_to(room);
    }

    /// Takes what is to be sent.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    /// Bytes that are encoded already.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// `+OK`
    #[inline]
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// `+text`; `text` is ours and holds no line end.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// `-text`: line ends become spaces, so that no text can pass for a reply of its own; those at its end are left out.
    pub fn error(&mut self, text: &[u8]) {
        let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
        self.buffer.push(b'-');
        self.buffer.extend(escape_line(&text[..end]));
        self.raw(b"\r\n");
    }

    /// `:number`
    #[inline]
    pub fn integer(&mut self, number: i64) {
        self.header(b':', number);
    }

    /// `:1` or `:0`
    pub fn flag(&mut self, yes: bool) {
        self.raw(if yes { b":1\r\n" } else { b":0\r\n" });
    }

    /// `$length` and the bytes.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.header(b'$', bytes.len() as i64);
        self.buffer.extend_from_slice(bytes);
        self.buffer.extend_from_slice(b"\r\n");
    }

    /// A bulk string, or null.
    #[inline]
    pub fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// No value: `$-1`, or `_` in RESP3.
    #[inline]
    pub fn null(&mut self) {
        self.raw(if self.resp3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// No array: `*-1`, or `_` in RESP3.
    pub fn null_array(&mut self) {
        self.raw(if self.resp3 { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// An array of `len` elements follows.
    pub fn array(&mut self, len: usize) {
        self.header(b'*', len as i64);
    }

    /// An array of `len` elements, which are written already and begin at byte `at`.
    pub fn array_from(&mut self, at: usize, len: usize) {
        let mut header = Self::new();
        header.array(len);
        self.insert(at, header.bytes());
    }

    /// Bytes that are encoded already, in front of what begins at byte `at`.
    pub fn insert(&mut self, at: usize, bytes: &[u8]) {
        self.buffer.splice(at..at, bytes.iter().copied());
    }

    /// A map of `pairs` pairs follows; an array of twice as many elements in RESP2.
    pub fn map(&mut self, pairs: usize) {
        if self.resp3 {
            self.header(b'%', pairs as i64);
        } else {
            self.array(pairs * 2);
        }
    }

    /// A set of `len` elements follows; an array in RESP2.
    pub fn set(&mut self, len: usize) {
        self.header(if self.resp3 { b'~' } else { b'*' }, len as i64);
    }

    /// A push of `len` elements follows; an array in RESP2.
    pub fn push(&mut self, len: usize) {
        self.header(if self.resp3 { b'>' } else { b'*' }, len as i64);
    }

    /// A number with a fraction, given as Redis prints it: `,text`, or a bulk string in RESP2.
    pub fn double(&mut self, text: &str) {
        if self.resp3 {
            self.line(b',', text.as_bytes());
        } else {
            self.bulk(text.as_bytes());
        }
    }

    /// An integer of any size, given in decimal: `(text`, or a bulk string in RESP2.
    pub fn big_number(&mut self, text: &str) {
        if self.resp3 {
            self.line(b'(', text.as_bytes());
        } else {
            self.bulk(text.as_bytes());
        }
    }

    /// An attribute of `pairs` pairs follows, in front of the reply that it is about. RESP3 only.
    pub fn attribute(&mut self, pairs: usize) {
        debug_assert!(self.resp3);
        self.header(b'|', pairs as i64);
    }

    /// `#t` or `#f`; `:1` or `:0` in RESP2.
    pub fn boolean(&mut self, yes: bool) {
        if self.resp3 {
            self.raw(if yes { b"#t\r\n" } else { b"#f\r\n" });
        } else {
            self.flag(yes);
        }
    }

    /// A text with its format (`txt` or `mkd`); a bulk string in RESP2.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        if self.resp3 {
            debug_assert_eq!(format.len(), 3);
            self.header(b'=', text.len() as i64 + 4);
            self.raw(format.as_bytes());
            self.buffer.push(b':');
            self.buffer.extend_from_slice(text);
            self.raw(b"\r\n");
        } else {
            self.bulk(text);
        }
    }

    /// An array of bulk strings.
    pub fn bulks<'b>(&mut self, parts: impl ExactSizeIterator<Item = &'b [u8]>) {
        self.array(parts.len());
        parts.for_each(|part| self.bulk(part));
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.buffer.push(kind);
        self.buffer.extend_from_slice(text);
        self.buffer.extend_from_slice(b"\r\n");
    }

    #[inline]
    fn header(&mut self, kind: u8, number: i64) {
        self.buffer.push(kind);
        self.buffer.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self.buffer.extend_from_slice(b"\r\n");
    }
}

/// `text` with line ends as spaces: the one place that keeps a simple string on its line.
pub fn escape_line(text: &[u8]) -> impl Iterator<Item = u8> + '_ {
    text.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte })
}

#[cfg(test)]
mod tests {
    use super::Replies;

    #[test]
    fn each_type_is_written_for_the_protocol_of_the_client() {
        type Write = fn(&mut Replies);
        let cases: &[(Write, &str, &str)] = &[
            (|r| r.ok(), "+OK\r\n", "+OK\r\n"),
            (|r| r.integer(-7), ":-7\r\n", ":-7\r\n"),
            (|r| r.bulk(b"ab"), "$2\r\nab\r\n", "$2\r\nab\r\n"),
            (|r| r.null(), "$-1\r\n", "_\r\n"),
            (|r| r.null_array(), "*-1\r\n", "_\r\n"),
            (|r| r.map(2), "*4\r\n", "%2\r\n"),
            (|r| r.set(2), "*2\r\n", "~2\r\n"),
            (|r| r.push(2), "*2\r\n", ">2\r\n"),
            (|r| r.double("1.5"), "$3\r\n1.5\r\n", ",1.5\r\n"),
            (|r| r.big_number("-12"), "$3\r\n-12\r\n", "(-12\r\n"),
            (|r| r.boolean(true), ":1\r\n", "#t\r\n"),
            (|r| r.verbatim("txt", b"hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"),
            (|r| r.error(b"ERR a\r\n+OK"), "-ERR a  +OK\r\n", "-ERR a  +OK\r\n"),
            (|r| r.error(b"ERR a\n\r\n"), "-ERR a\r\n", "-ERR a\r\n"),
        ];
        for (write, resp2, resp3) in cases {
            let mut replies = Replies::new();
            write(&mut replies);
            assert_eq!(replies.bytes(), resp2.as_bytes());
            replies.sent(64);
            replies.set_resp3(true);
            write(&mut replies);
            assert_eq!(replies.bytes(), resp3.as_bytes());
        }
    }
}
