//! Why a snapshot could not be loaded, with the place where that showed.

use std::fmt;
use std::io;

use super::lzf::LzfError;

/// Longest part of a key that an error message shows.
const KEY_SHOWN: usize = 64;

/// Why a load failed, and where.
#[derive(Debug, thiserror::Error)]
pub struct RdbError {
    /// Byte of the file (or of the transfer) at which what failed begins.
    pub offset: u64,
    /// The key being read, if one was.
    pub key: Option<Vec<u8>>,
    /// What is wrong there.
    #[source]
    pub reason: Reason,
}

impl RdbError {
    /// Whether the bytes stopped coming, so that another attempt may succeed; otherwise they are bad.
    pub fn is_cut(&self) -> bool {
        matches!(self.reason, Reason::Read(_) | Reason::Stopped)
    }
}

impl fmt::Display for RdbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}", self.offset)?;
        if let Some(key) = &self.key {
            let shown = &key[..key.len().min(KEY_SHOWN)];
            let more = if shown.len() < key.len() { "…" } else { "" };
            write!(f, ", key \"{}{more}\"", shown.escape_ascii())?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// What is wrong with a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The source of the bytes failed or was cut off.
    #[error("reading failed: {0}")]
    Read(io::Error),
    /// The caller's progress function asked to stop.
    #[error("loading was stopped")]
    Stopped,
    /// The file ends where more must follow.
    #[error("it ends here, in the middle of the data")]
    Truncated,
    /// It does not begin as a snapshot.
    #[error("this is no RDB file: it begins with \"{}\"", .0.escape_ascii())]
    NotRdb(Vec<u8>),
    /// A version that we do not know.
    #[error("RDB version {0} is not supported, only 1 to {newest} are", newest = super::format::VERSION_NEWEST)]
    Version(u32),
    /// A byte that is neither a type nor an opcode.
    #[error("unknown type {0}")]
    UnknownType(u8),
    /// A type of data that this version does not hold.
    #[error("it holds a {name} (RDB type {id}), which this version does not load")]
    OtherType {
        /// Name of the type.
        name: &'static str,
        /// Its number in the format.
        id: u8,
    },
    /// A collection without elements, which no data set has.
    #[error("it holds a collection without elements")]
    Empty,
    /// A collection whose parts do not fit together; says what is wrong with it.
    #[error("it holds a damaged {0}")]
    Damaged(&'static str),
    /// Data of a module.
    #[error("it needs the module \"{0}\", and modules are not supported")]
    Module(String),
    /// A function library as only release candidates of 7.0 wrote it.
    #[error("it holds a function in the format of a 7.0 release candidate")]
    OldFunction,
    /// A library of functions whose text is none.
    #[error("it holds a bad function library: {0}")]
    Library(crate::store::LibraryError),
    /// Two libraries of one name.
    #[error("it holds a function library twice")]
    LibraryTwice,
    /// A database that is not there.
    #[error("it selects database {db}, but there are only {databases}")]
    Database {
        /// The one asked for.
        db: u64,
        /// How many there are.
        databases: usize,
    },
    /// A first byte of a length that has no meaning.
    #[error("0x{0:02x} begins no length")]
    BadLength(u8),
    /// A string of a special encoding stands where a number must stand, or its encoding is unknown.
    #[error("0x{0:02x} is no valid encoding here")]
    BadEncoding(u8),
    /// A string beyond the limit.
    #[error("a string of {len} bytes, while at most {max} are allowed")]
    TooLong {
        /// Bytes announced.
        len: u64,
        /// Bytes allowed.
        max: u64,
    },
    /// A compressed string that is none.
    #[error(transparent)]
    Lzf(#[from] LzfError),
    /// The same key twice.
    #[error("the key comes twice")]
    Duplicate,
    /// The data do not match the checksum.
    #[error("RDB CRC error: the checksum is {expected:016x}, but the data give {found:016x}")]
    Checksum {
        /// What the file says.
        expected: u64,
        /// What its bytes give.
        found: u64,
    },
    /// More bytes where the file must end.
    #[error("more bytes follow the end of the data")]
    Trailing,
    /// The bytes after the data are not the mark that was announced.
    #[error("the end mark of the transfer does not follow the data")]
    WrongMark,
}

impl Reason {
    /// Data of the module with this id: nine characters of six bits, and a version of ten bits.
    pub(super) fn module(id: u64) -> Self {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        Self::Module((0..9).map(|nth| char::from(LETTERS[(id >> (58 - 6 * nth)) as usize & 63])).collect())
    }
}
