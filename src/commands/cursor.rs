//! A walk over the words of a request, from left to right: how commands read their options.
//!
//! Must not know any command. What an unknown word means is said by who walks, because that differs.

use super::{CmdResult, numbers};
use crate::protocol::Args;

/// The words that are not read yet. As an iterator it gives them one by one.
#[derive(Debug, Clone)]
pub(crate) struct ArgCursor<'a> {
    args: Args<'a>,
    at: usize,
}

impl<'a> ArgCursor<'a> {
    /// The words of `args` from index `at` on.
    pub(crate) fn new(args: &Args<'a>, at: usize) -> Self {
        Self { args: *args, at }
    }

    /// Where the next word stands among all arguments.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Words that are left.
    pub(crate) fn left(&self) -> usize {
        self.args.len().saturating_sub(self.at)
    }

    /// Whether words are left.
    pub(crate) fn has_more(&self) -> bool {
        self.left() > 0
    }

    /// The next word, which is not taken; empty behind the last one.
    pub(crate) fn peek(&self) -> &'a [u8] {
        self.args.get(self.at)
    }

    /// Takes the next word if it is `word`, whatever its case.
    pub(crate) fn flag(&mut self, word: &str) -> bool {
        self.option_before(word, 0)
    }

    /// Takes the next word if it is `word` and at least `values` words follow it; those are not taken.
    ///
    /// Redis does not know an option that lacks a value: its error is that of an unknown word.
    pub(crate) fn option_before(&mut self, word: &str, values: usize) -> bool {
        let found = self.left() > values && self.args.is(self.at, word);
        self.at += usize::from(found);
        found
    }

    /// Takes the next word and its values if it is `word` and as many values follow.
    pub(crate) fn option<const VALUES: usize>(&mut self, word: &str) -> Option<[&'a [u8]; VALUES]> {
        if !self.option_before(word, VALUES) {
            return None;
        }
        let from = self.at;
        self.at += VALUES;
        Some(std::array::from_fn(|nth| self.args.get(from + nth)))
    }

    /// As [`option`](Self::option), for one value that is an integer.
    ///
    /// # Errors
    /// [`CmdError::NotAnInteger`](super::CmdError::NotAnInteger)
    pub(crate) fn integer(&mut self, word: &str) -> CmdResult<Option<i64>> {
        self.option(word).map(|[number]| numbers::integer(number)).transpose()
    }
}

impl<'a> Iterator for ArgCursor<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let word = self.has_more().then(|| self.peek())?;
        self.at += 1;
        Some(word)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left(), Some(self.left()))
    }
}

#[cfg(test)]
mod tests {
    use super::ArgCursor;
    use crate::commands::CmdError;
    use crate::protocol::OwnedArgs;

    fn request(line: &str) -> OwnedArgs {
        OwnedArgs::from_parts(line.split(' ').map(str::as_bytes))
    }

    #[test]
    fn an_option_is_taken_with_all_its_values_or_not_at_all() {
        let request = request("sort key limit 1 2 get");
        let mut words = ArgCursor::new(&request.args(), 2);
        assert_eq!(words.option::<4>("LIMIT"), None, "three words follow");
        assert_eq!(words.option("BY"), None::<[_; 1]>);
        assert_eq!(words.option("LIMIT"), Some([&b"1"[..], b"2"]));
        assert_eq!(words.option("GET"), None::<[_; 1]>, "nothing follows");
        assert!(!words.option_before("GET", 1));
        assert!(words.has_more() && words.flag("GET") && !words.has_more());
    }

    #[test]
    fn behind_the_last_word_there_is_none() {
        let request = request("get key");
        for at in [2, 3] {
            let mut words = ArgCursor::new(&request.args(), at);
            assert_eq!((words.left(), words.peek(), words.next()), (0, &b""[..], None));
            assert!(!words.flag(""), "an empty word is no end");
        }
    }

    #[test]
    fn a_number_is_read_where_its_option_stands() {
        let request = request("x count 7 count a");
        let mut words = ArgCursor::new(&request.args(), 1);
        assert_eq!(words.integer("LIMIT"), Ok(None));
        assert_eq!(words.integer("COUNT"), Ok(Some(7)));
        assert_eq!(words.integer("COUNT"), Err(CmdError::NotAnInteger));
    }
}
