//! What a console's connection streams: subscriptions, MONITOR, and pushes out of band.
//!
//! Owns how a frame is told from an answer, and the batches in which messages go to the journal.

use std::time::Duration;

use tokio::time::Instant;

use super::reply::reply_value;
use super::session::Session;
use crate::lab::ReplyValue;
use crate::lab::client::text;
use crate::protocol::frame::Frame;

/// Messages that one batch keeps; a busy MONITOR has many more, which are counted.
const BATCH_MAX: usize = 200;

/// Bytes that one batch keeps.
const BATCH_BYTES: usize = 256 << 10;

/// How long messages are gathered before they are told.
const BATCH_FOR: Duration = Duration::from_millis(50);

/// Messages of one connection that were not told yet.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) messages: Vec<ReplyValue>,
    /// Messages that found no room.
    pub(super) dropped: u64,
    bytes: usize,
    due: Option<Instant>,
}

impl Batch {
    pub(super) fn add(&mut self, frame: Frame) {
        self.due.get_or_insert_with(|| Instant::now() + BATCH_FOR);
        let size = size(&frame);
        if self.messages.len() < BATCH_MAX && self.bytes + size <= BATCH_BYTES {
            self.bytes += size;
            self.messages.push(reply_value(frame));
        } else {
            self.dropped += 1;
        }
    }

    /// When it is to be told.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn take(&mut self) -> Option<(Vec<ReplyValue>, u64)> {
        let Self { messages, dropped, due, .. } = std::mem::take(self);
        due.map(|_| (messages, dropped))
    }
}

fn size(frame: &Frame) -> usize {
    match frame {
        Frame::Simple(bytes) | Frame::Error(bytes) | Frame::Bulk(bytes) | Frame::Verbatim(_, bytes) => {
            bytes.len()
        }
        Frame::Array(items) | Frame::Set(items) | Frame::Push(items) => items.iter().map(size).sum(),
        Frame::Map(pairs) => pairs.iter().map(|(key, value)| size(key) + size(value)).sum(),
        _ => 8,
    }
}

/// What a frame is to a line that waits for its answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The answer.
    Answer,
    /// A confirmation of a subscription, with its word and count.
    Confirmed { shard: bool, count: u64 },
    /// Nothing of it: a message, an invalidation.
    Message,
}

/// Tells what `frame` is. Subscribers of RESP2 get messages as arrays, those of RESP3 as pushes.
pub(super) fn part(frame: &Frame, session: &Session) -> Part {
    let (items, pushed) = match frame {
        Frame::Push(items) => (items, true),
        Frame::Array(items) => (items, false),
        Frame::Simple(_) if session.monitoring => return Part::Message,
        _ => return Part::Answer,
    };
    let word = match items.first() {
        Some(Frame::Bulk(word) | Frame::Simple(word)) => word.as_slice(),
        _ => b"",
    };
    let count = match items.get(2) {
        Some(Frame::Integer(count)) => u64::try_from(*count).unwrap_or(0),
        _ => 0,
    };
    match word {
        b"subscribe" | b"psubscribe" | b"unsubscribe" | b"punsubscribe"
            if pushed || session.is_confirming() =>
        {
            Part::Confirmed { shard: false, count }
        }
        b"ssubscribe" | b"sunsubscribe" if pushed || session.is_confirming() => {
            Part::Confirmed { shard: true, count }
        }
        b"message" | b"pmessage" | b"smessage" if pushed || session.subscriptions() > 0 => Part::Message,
        _ if pushed => Part::Message,
        _ => Part::Answer,
    }
}

/// Whether the command is one of those whose answers are confirmations.
pub(super) fn is_subscription(args: &[Vec<u8>]) -> bool {
    let command = args.first().map(|word| text(word).to_ascii_uppercase()).unwrap_or_default();
    ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"]
        .contains(&command.as_str())
}
