//! A replica passes the stream on: which bytes are due to its own backlog, and which wait for the end of a transaction.

use super::{Backlog, History, relay};

/// Bytes of an open transaction: they are passed on with its end, or never.
#[derive(Debug, Default)]
pub struct Relay {
    held: Vec<u8>,
}

impl Relay {
    /// `bytes` of the stream were executed or queued, and those up to `due` are applied now: `due` is 0 while all of
    /// them belong to an open transaction.
    pub fn pass_on(&mut self, history: &mut History, backlog: &mut Backlog, bytes: &[u8], due: usize) {
        if due == 0 {
            self.held.extend_from_slice(bytes);
            return;
        }
        if !self.held.is_empty() {
            relay(history, backlog, &self.held);
            self.held.clear();
        }
        relay(history, backlog, &bytes[..due]);
        self.held.extend_from_slice(&bytes[due..]);
    }

    /// Bytes that wait.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// The link broke: they will come again from MULTI on.
    pub fn cut(&mut self) {
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replication::{MIN_BACKLOG_SIZE, ReplId};

    #[test]
    fn an_open_transaction_is_passed_on_with_its_end_or_not_at_all() {
        let mut history = History::new(ReplId::from_bytes([1; 20]));
        let mut backlog = Backlog::new(MIN_BACKLOG_SIZE, 1);
        let mut relay = Relay::default();
        relay.pass_on(&mut history, &mut backlog, b"set multi", 4);
        assert_eq!((history.offset(), relay.held()), (4, 5));
        relay.pass_on(&mut history, &mut backlog, b"incr", 0);
        assert_eq!((history.offset(), relay.held()), (4, 9));
        relay.pass_on(&mut history, &mut backlog, b"exec multi", 5);
        assert_eq!((history.offset(), backlog.next(), relay.held()), (18, 19, 5));
        relay.cut();
        assert_eq!((history.offset(), relay.held()), (18, 0));
    }
}
