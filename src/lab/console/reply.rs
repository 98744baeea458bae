//! Replies as the journal keeps them.

use crate::lab::ReplyValue;
use crate::lab::client::text;
use crate::protocol::frame::Frame;

/// A reply as the journal keeps it.
pub(super) fn reply_value(frame: Frame) -> ReplyValue {
    let all = |frames: Vec<Frame>| frames.into_iter().map(reply_value).collect();
    match frame {
        Frame::Simple(line) => ReplyValue::Simple(text(&line)),
        Frame::Error(line) => ReplyValue::Error(text(&line)),
        Frame::Integer(value) => ReplyValue::Integer(value),
        Frame::Bulk(bytes) => ReplyValue::Bulk(bytes),
        Frame::Null => ReplyValue::Null,
        Frame::Array(frames) => ReplyValue::Array(all(frames)),
        Frame::Set(frames) => ReplyValue::Set(all(frames)),
        Frame::Push(frames) => ReplyValue::Push(all(frames)),
        Frame::Map(pairs) => {
            ReplyValue::Map(pairs.into_iter().map(|(k, v)| (reply_value(k), reply_value(v))).collect())
        }
        Frame::Double(value) => ReplyValue::Double(value),
        Frame::Boolean(value) => ReplyValue::Boolean(value),
        Frame::BigNumber(digits) => ReplyValue::BigNumber(digits),
        Frame::Verbatim(format, body) => ReplyValue::Verbatim(text(&format), text(&body)),
    }
}
