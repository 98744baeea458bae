//! A request as slices of the buffer that it was read into.

/// Where one argument lies in its buffer, in bytes. Requests are bounded far below 4 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// The arguments of one request, the command's name first. Copying it copies two references.
#[derive(Debug, Clone, Copy)]
pub struct Args<'a> {
    buffer: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    /// The arguments at `spans` of `buffer`; there is at least one.
    pub fn new(buffer: &'a [u8], spans: &'a [Span]) -> Self {
        debug_assert!(!spans.is_empty());
        Self { buffer, spans }
    }

    /// Number of arguments, the name included: at least 1.
    #[allow(clippy::len_without_is_empty)] // never empty
    #[inline]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// The `index`-th argument, the name is 0; empty if there is none. Arity is checked before a command runs.
    #[inline]
    pub fn get(&self, index: usize) -> &'a [u8] {
        self.spans.get(index).map_or(&[], |span| &self.buffer[span.start as usize..span.end as usize])
    }

    /// The command's name as typed.
    #[inline]
    pub fn name(&self) -> &'a [u8] {
        self.get(0)
    }

    /// The arguments from `index` on.
    pub fn from(&self, index: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let buffer = self.buffer;
        let spans = self.spans.get(index..).unwrap_or(&[]);
        spans.iter().map(move |span| &buffer[span.start as usize..span.end as usize])
    }

    /// The request that the arguments from `index` on make by themselves, if there are any.
    pub fn tail(&self, index: usize) -> Option<Self> {
        let spans = self.spans.get(index..).filter(|spans| !spans.is_empty())?;
        Some(Self { buffer: self.buffer, spans })
    }

    /// Whether argument `index` is `word`, whatever its case.
    pub fn is(&self, index: usize, word: &str) -> bool {
        self.get(index).eq_ignore_ascii_case(word.as_bytes())
    }

    /// A copy that outlives the buffer.
    pub fn to_owned_args(&self) -> OwnedArgs {
        OwnedArgs::from_parts(self.from(0))
    }
}

/// Arguments with a buffer of their own: what MULTI queues and what the node itself executes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedArgs {
    buffer: Vec<u8>,
    spans: Vec<Span>,
}

impl OwnedArgs {
    /// Arguments made of these parts, the name first.
    pub fn from_parts<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> Self {
        let (mut buffer, mut spans) = (Vec::new(), Vec::new());
        for part in parts {
            let start = buffer.len() as u32;
            buffer.extend_from_slice(part);
            spans.push(Span { start, end: buffer.len() as u32 });
        }
        Self { buffer, spans }
    }

    /// The arguments, to execute them.
    pub fn args(&self) -> Args<'_> {
        Args::new(&self.buffer, &self.spans)
    }

    /// Bytes held.
    pub fn memory(&self) -> usize {
        self.buffer.capacity() + self.spans.capacity() * size_of::<Span>()
    }
}

/// Hands the pieces of a request to `put`: a RESP array of bulk strings, as every command travels.
#[inline]
pub fn write_request(args: &[&[u8]], put: &mut impl FnMut(&[u8])) {
    write_number(b'*', args.len(), put);
    for arg in args {
        write_number(b'$', arg.len(), put);
        put(arg);
        put(b"\r\n");
    }
}

/// `*3\r\n`, `$16\r\n`. Nearly every number has one or two digits: written as one array of known length,
/// they cost half of what three variable copies do.
#[inline]
fn write_number(kind: u8, number: usize, put: &mut impl FnMut(&[u8])) {
    let digit = |number: usize| b'0' + number as u8;
    match number {
        0..10 => put(&[kind, digit(number), b'\r', b'\n']),
        10..100 => put(&[kind, digit(number / 10), digit(number % 10), b'\r', b'\n']),
        _ => {
            put(&[kind]);
            put(itoa::Buffer::new().format(number).as_bytes());
            put(b"\r\n");
        }
    }
}

/// Splits an inline request as Redis does: blanks separate, `"…"` takes `\n \r \t \b \a \xHH`, `'…'`
/// takes `\'`. `None` if a quote is not closed, or is followed by something other than white space.
pub fn split_inline(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        let skipped = rest.iter().take_while(|byte| is_space(**byte)).count();
        rest = &rest[skipped..];
        if rest.is_empty() || rest[0] == 0 {
            return Some(words);
        }
        let mut word = Vec::new();
        rest = take_word(rest, &mut word)?;
        words.push(word);
    }
}

/// C's `isspace`: what is skipped before a word, and may follow a closing quote.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// What ends a word outside quotes. Redis takes a vertical tab and a form feed for a part of it.
fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | 0)
}

/// Reads one word, which may be made of quoted and plain parts up to the closing quote of the last.
fn take_word<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] => return Some(rest),
            [byte, ..] if ends_word(*byte) => return Some(rest),
            [b'"', tail @ ..] => return closed(double_quoted(tail, word)?),
            [b'\'', tail @ ..] => return closed(single_quoted(tail, word)?),
            [byte, tail @ ..] => {
                word.push(*byte);
                rest = tail;
            }
        }
    }
}

/// After a closing quote only white space or the end may follow.
fn closed(rest: &[u8]) -> Option<&[u8]> {
    match rest.first() {
        None | Some(0) => Some(rest),
        Some(byte) if is_space(*byte) => Some(rest),
        Some(_) => None,
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] | [0, ..] => return None,
            [b'"', tail @ ..] => return Some(tail),
            [b'\\', b'x', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
                word.push(digit(*high) * 16 + digit(*low));
                rest = tail;
            }
            [b'\\', byte, tail @ ..] => {
                word.push(match byte {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                rest = tail;
            }
            [byte, tail @ ..] => {
                word.push(*byte);
                rest = tail;
            }
        }
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] | [0, ..] => return None,
            [b'\'', tail @ ..] => return Some(tail),
            [b'\\', b'\'', tail @ ..] => {
                word.push(b'\'');
                rest = tail;
            }
            [byte, tail @ ..] => {
                word.push(*byte);
                rest = tail;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::split_inline;

    fn words(line: &str) -> Option<Vec<String>> {
        let words = split_inline(line.as_bytes())?;
        Some(words.iter().map(|word| word.escape_ascii().to_string()).collect())
    }

    #[test]
    fn inline_requests_are_split_as_redis_does() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            (" \t ", &[]),
            ("set a b", &["set", "a", "b"]),
            ("  set\ta  b ", &["set", "a", "b"]),
            (r#"set "a b" c"#, &["set", "a b", "c"]),
            (r#"set "\x41\n" c"#, &["set", r"A\n", "c"]),
            (r#""\x4""#, &["x4"]),
            (r"'\x41'", &[r"\\x41"]),
            (r"'it\'s'", &[r"it\'s"]),
            (r#"a"b c""#, &["ab c"]),
            (r#"set "" x"#, &["set", "", "x"]),
            ("\u{b}set\u{c} a\u{b}b", &[r"set\x0c", r"a\x0bb"]),
            ("echo \u{b}\u{c}a \u{c}", &["echo", "a"]),
            ("echo \"a\"\u{b}\"b\" 'c'\u{c}", &["echo", "a", "b", "c"]),
            ("echo a\u{b}\"b\"", &["echo", r"a\x0bb"]),
            ("a\rb\nc\td", &["a", "b", "c", "d"]),
        ];
        for (line, expected) in cases {
            let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
            assert_eq!(words(line), Some(expected), "{line}");
        }
        for unbalanced in [r#"set "a"#, "set 'a", r#"set "a"b"#, "set 'a'b", r#"""a"#] {
            assert_eq!(words(unbalanced), None, "{unbalanced}");
        }
    }
}
