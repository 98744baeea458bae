//! HSCAN, SSCAN and ZSCAN: the options that they share, and the reply.
//!
//! Must not know the collections: each command walks its own and hands over what it meets.

use super::glob::{self, Case};
use super::{ArgCursor, CmdError, CmdResult, numbers};
use crate::protocol::{Args, Replies};

/// Elements that one call looks at unless told otherwise.
const COUNT: usize = 10;
/// Where the options begin: behind the name, the key and the cursor.
const OPTIONS: usize = 3;

/// The cursor of `…SCAN key cursor`. It is read before the key is looked at.
///
/// # Errors
/// It is no number.
pub(super) fn cursor(args: &Args<'_>) -> CmdResult<u64> {
    numbers::cursor(args.get(2)).ok_or(CmdError::text("ERR invalid cursor"))
}

/// The answer if the key is missing. The options are not even read then.
pub(super) fn nothing(out: &mut Replies) {
    out.raw(b"*2\r\n$1\r\n0\r\n*0\r\n");
}

/// `[MATCH pattern] [COUNT count]`, and what was found so far.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pattern: Option<&'a [u8]>,
    count: usize,
    replies: Replies,
    len: usize,
}

impl<'a> Found<'a> {
    /// Reads the options; nothing is found yet.
    ///
    /// # Errors
    /// [`CmdError::Syntax`], or [`CmdError::NotAnInteger`] for the count.
    pub(super) fn by_options(args: &Args<'a>) -> CmdResult<Self> {
        let mut found = Self { pattern: None, count: COUNT, replies: Replies::new(), len: 0 };
        let mut words = ArgCursor::new(args, OPTIONS);
        while words.has_more() {
            if let Some(count) = words.integer("COUNT")? {
                let count = usize::try_from(count).ok().filter(|count| *count > 0);
                found.count = count.ok_or(CmdError::Syntax)?;
            } else if let Some([pattern]) = words.option("MATCH") {
                found.pattern = (pattern != b"*").then_some(pattern);
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(found)
    }

    /// Elements to look at, when the collection is large enough to be walked in steps.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    fn wants(&self, name: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, name, Case::Sensitive))
    }

    /// A member of a set was met.
    pub(super) fn one(&mut self, member: &[u8]) {
        if self.wants(member) {
            self.len += 1;
            self.replies.bulk(member);
        }
    }

    /// A field with its value, or a member with its score, was met. The pattern is about the first.
    pub(super) fn pair(&mut self, name: &[u8], value: &[u8]) {
        if self.wants(name) {
            self.len += 2;
            self.replies.bulk(name);
            self.replies.bulk(value);
        }
    }

    /// Answers with the cursor of the next call, 0 at the end, and what was found.
    pub(super) fn answer(&self, next: u64, out: &mut Replies) {
        out.array(2);
        out.bulk(itoa::Buffer::new().format(next).as_bytes());
        out.array(self.len);
        out.raw(self.replies.bytes());
    }
}
