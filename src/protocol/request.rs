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
