//! What a console knows of its connection.

use crate::lab::ConsoleMode;
use crate::protocol::frame::Frame;

/// What the node remembers of this connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) db: u16,
    pub(super) in_multi: bool,
    /// Database selected by a queued SELECT; holds once EXEC ran it.
    queued_db: Option<u16>,
    pub(super) resp3: bool,
    pub(super) monitoring: bool,
    /// Channels and patterns, and shard channels.
    channels: u64,
    shards: u64,
    /// The line that waits is a subscription or its end.
    pub(super) confirming: bool,
}

impl Session {
    /// Follows a line that was answered with `reply`.
    pub(super) fn after(&mut self, args: &[Vec<u8>], reply: &Frame) {
        let command = args[0].to_ascii_uppercase();
        let failed = matches!(reply, Frame::Error(_));
        self.confirming = self.confirming && !failed;
        match command.as_slice() {
            b"SELECT" if !failed => {
                let db = args.get(1).and_then(|db| std::str::from_utf8(db).ok()?.parse().ok());
                if self.in_multi {
                    self.queued_db = db.or(self.queued_db);
                } else {
                    self.db = db.unwrap_or(self.db);
                }
            }
            b"MULTI" if !failed => self.in_multi = true,
            b"EXEC" if self.in_multi => {
                if let (Frame::Array(_), Some(db)) = (reply, self.queued_db) {
                    self.db = db;
                }
                (self.in_multi, self.queued_db) = (false, None);
            }
            b"DISCARD" if !failed => (self.in_multi, self.queued_db) = (false, None),
            b"HELLO" if !failed => self.resp3 = matches!(reply, Frame::Map(_)),
            b"MONITOR" if !failed && !self.in_multi => self.monitoring = true,
            b"RESET" | b"QUIT" if !failed => *self = Self::default(),
            _ => {}
        }
    }

    pub(super) fn subscribed(&mut self, shard: bool, count: u64) {
        *(if shard { &mut self.shards } else { &mut self.channels }) = count;
    }

    pub(super) fn subscriptions(&self) -> u64 {
        self.channels + self.shards
    }

    /// Confirmations may still come: one line can have many.
    pub(super) fn is_confirming(&self) -> bool {
        self.confirming || self.subscriptions() > 0
    }

    pub(super) fn is_streaming(&self) -> bool {
        self.monitoring || self.subscriptions() > 0
    }

    /// What the next connection begins with.
    pub(super) fn after_stop(&self) -> Self {
        Self { db: self.db, resp3: self.resp3, ..Self::default() }
    }

    pub(super) fn mode(&self) -> ConsoleMode {
        match self.subscriptions() {
            _ if self.monitoring => ConsoleMode::Monitor,
            0 => ConsoleMode::Lines,
            count => ConsoleMode::Subscribed(count),
        }
    }
}
