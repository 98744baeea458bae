//! Error replies, in Redis' exact words.

use std::borrow::Cow;

use super::c_string::until_nul;
use crate::protocol::Replies;

/// What a command answers when it refuses. `Display` gives the line without the leading `-`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CmdError {
    /// The key holds another type.
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    /// The words do not fit the command.
    #[error("ERR syntax error")]
    Syntax,
    /// An argument or a value is no 64-bit integer.
    #[error("ERR value is not an integer or out of range")]
    NotAnInteger,
    /// An argument or a value is no number.
    #[error("ERR value is not a valid float")]
    NotAFloat,
    /// INCR and its kin left the range of 64 bits.
    #[error("ERR increment or decrement would overflow")]
    Overflow,
    /// INCRBYFLOAT has no finite result.
    #[error("ERR increment would produce NaN or Infinity")]
    NanOrInfinity,
    /// A string would exceed `proto-max-bulk-len`.
    #[error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")]
    StringTooLong,
    /// RENAME and others need a key that is there.
    #[error("ERR no such key")]
    NoSuchKey,
    /// No database has this number.
    #[error("ERR DB index is out of range")]
    DbOutOfRange,
    /// An expiry is not usable; names the command.
    #[error("ERR invalid expire time in '{0}' command")]
    InvalidExpire(&'static str),
    /// Wrong number of arguments; names the command, as `config|get` for a subcommand.
    #[error("ERR wrong number of arguments for '{0}' command")]
    Arity(Cow<'static, str>),
    /// Anything else: the whole line, with its code.
    #[error("{0}")]
    Other(Cow<'static, str>),
    /// A line that repeats what the client sent, which may be any bytes.
    #[error("{}", String::from_utf8_lossy(.0))]
    Raw(Vec<u8>),
}

impl CmdError {
    /// An error with a fixed text, its code (`ERR`, …) included.
    pub const fn text(text: &'static str) -> Self {
        Self::Other(Cow::Borrowed(text))
    }

    /// An error that repeats a word of the request as C prints it: up to its first NUL.
    pub fn quoting(before: &str, word: &[u8], after: &str) -> Self {
        Self::Raw([before.as_bytes(), until_nul(word), after.as_bytes()].concat())
    }

    /// An invariant of our own does not hold: a test stops here, and a client hears that the fault is not its own.
    #[track_caller]
    pub(crate) fn broken(what: &str) -> Self {
        debug_assert!(false, "{what}");
        Self::from(format!("ERR internal error: {what}"))
    }

    /// Answers with this error.
    pub fn write_to(&self, out: &mut Replies) {
        match self {
            Self::Raw(line) => out.error(line),
            other => out.error(other.to_string().as_bytes()),
        }
    }
}

impl From<String> for CmdError {
    fn from(text: String) -> Self {
        Self::Other(Cow::Owned(text))
    }
}

/// A command has written its reply, or refuses and has written nothing.
pub type CmdResult<T = ()> = Result<T, CmdError>;
