//! Bytes that others cause for a client: messages, invalidations, what MONITOR shows.
//!
//! The client's own task sends them: while it waits for requests it also waits for this. Must not know what the
//! bytes mean.

use std::cell::RefCell;
use std::task::{Context, Poll, Waker};

use crate::protocol::Replies;

/// What waits for one client beside the replies to its own requests.
#[derive(Debug, Default)]
pub(in crate::node) struct Outbox {
    bytes: RefCell<Vec<u8>>,
    /// The client's task, while it waits. A waker costs nothing to those who never get anything: it is kept only
    /// when there is nothing to read either.
    task: RefCell<Option<Waker>>,
}

impl Outbox {
    /// Adds an array as RESP2 has it; RESP3 knows it as a push.
    pub(super) fn push_frame(&self, frame: &[u8], resp3: bool) {
        let mut bytes = self.bytes.borrow_mut();
        let start = bytes.len();
        bytes.extend_from_slice(frame);
        if resp3 && let Some(kind) = bytes.get_mut(start) {
            *kind = b'>';
        }
        drop(bytes);
        self.wake();
    }

    /// Adds bytes as they are.
    pub(in crate::node) fn push(&self, bytes: &[u8]) {
        self.bytes.borrow_mut().extend_from_slice(bytes);
        self.wake();
    }

    /// Lets the client's task look again at what it has to do.
    pub(in crate::node) fn wake(&self) {
        if let Some(task) = self.task.borrow_mut().take() {
            task.wake();
        }
    }

    #[inline]
    pub(in crate::node) fn is_empty(&self) -> bool {
        self.bytes.borrow().is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.borrow().len()
    }

    /// Forgets what waits.
    pub(in crate::node) fn clear(&self) {
        self.bytes.borrow_mut().clear();
    }

    /// Moves what waits behind the replies.
    pub(in crate::node) fn move_into(&self, out: &mut Replies) {
        let mut bytes = self.bytes.borrow_mut();
        if !bytes.is_empty() {
            out.raw(&bytes);
            bytes.clear();
            bytes.shrink_to(16 * 1024);
        }
    }

    /// Moves what waits to before the replies from `mark` on: a message comes before the reply of the command that
    /// caused it.
    pub(in crate::node) fn move_before(&self, out: &mut Replies, mark: usize) {
        let reply = out.bytes()[mark..].to_vec();
        out.truncate(mark);
        self.move_into(out);
        out.raw(&reply);
    }

    /// Whether anything waits; if not, the task is woken when something comes.
    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_empty() {
            return Poll::Ready(());
        }
        let mut task = self.task.borrow_mut();
        if !task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            *task = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_a_push_in_resp3_only() {
        let (outbox, mut out) = (Outbox::default(), Replies::new());
        outbox.push_frame(b"*1\r\n:1\r\n", false);
        outbox.push_frame(b"*1\r\n:2\r\n", true);
        assert!(!outbox.is_empty());
        outbox.move_into(&mut out);
        assert_eq!(out.bytes(), b"*1\r\n:1\r\n>1\r\n:2\r\n");
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_message_comes_before_the_reply_of_its_command() {
        let (outbox, mut out) = (Outbox::default(), Replies::new());
        out.ok();
        let mark = out.len();
        out.integer(1);
        outbox.push(b"+m\r\n");
        outbox.move_before(&mut out, mark);
        assert_eq!(out.bytes(), b"+OK\r\n+m\r\n:1\r\n");
    }
}
