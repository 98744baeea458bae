//! Console lines and their answers.

use std::collections::VecDeque;
use std::time::Duration;

use super::bounds::push_bounded;
use crate::lab::{ConsoleMode, NodeId, ReplyValue};

/// Lines that are remembered per target.
const LINES_MAX: usize = 500;
/// Answers that are remembered per line, one per node.
const ANSWERS_MAX: usize = 64;
/// Bytes of text or bulk that are kept of an answer.
const TEXT_MAX: usize = 64 * 1024;
/// Elements that are kept of an answer, in all levels.
const ELEMENTS_MAX: usize = 2_000;

/// Messages that are kept after one line, the newest ones.
const MESSAGES_MAX: usize = 1_000;

/// What was typed at one target, and what came back.
#[derive(Debug, Clone, Default)]
pub struct Transcript {
    /// Lines, oldest first.
    pub lines: VecDeque<ConsoleLine>,
}

/// One line and its answers.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsoleLine {
    /// Joins it with its answers.
    pub id: u64,
    /// When it was typed.
    pub at: Duration,
    /// As typed.
    pub line: String,
    /// Answers so far: one, or one per node.
    pub answers: Vec<ConsoleAnswer>,
    /// What came after it without being asked for, the newest messages.
    pub messages: VecDeque<ConsoleMessage>,
    /// Messages that came and are not kept, before those that are.
    pub unkept: u64,
}

/// Something that came on the console's connection without being asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsoleMessage {
    /// When.
    pub at: Duration,
    /// On whose console.
    pub node: NodeId,
    /// What.
    pub value: ReplyValue,
}

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsoleAnswer {
    /// Who answered.
    pub node: NodeId,
    /// What.
    pub reply: ReplyValue,
    /// From send to last byte.
    pub took: Duration,
    /// The reply was longer than what is kept of it.
    pub clipped: bool,
}

/// State of a node's console connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConsoleState {
    /// Selected database.
    pub db: u16,
    /// Inside MULTI.
    pub in_multi: bool,
    /// Lines, or a stream.
    pub mode: ConsoleMode,
}

impl Transcript {
    pub(super) fn typed(&mut self, id: u64, at: Duration, line: String) {
        let (answers, messages) = (Vec::new(), VecDeque::new());
        let line = ConsoleLine { id, at, line, answers, messages, unkept: 0 };
        push_bounded(&mut self.lines, line, LINES_MAX);
    }

    /// Adds what came after the line with this id; `false` if there is none.
    pub(super) fn streamed(
        &mut self,
        id: u64,
        at: Duration,
        node: NodeId,
        messages: &[ReplyValue],
        dropped: u64,
    ) -> bool {
        let Some(line) = self.lines.iter_mut().rev().find(|line| line.id == id) else { return false };
        for value in messages {
            line.messages.push_back(ConsoleMessage { at, node, value: value.clone() });
        }
        let surplus = line.messages.len().saturating_sub(MESSAGES_MAX);
        line.messages.drain(..surplus);
        line.unkept = line.unkept.saturating_add(dropped).saturating_add(surplus as u64);
        true
    }

    /// Adds the answer to the line with this id; `false` if there is none.
    pub(super) fn answered(&mut self, id: u64, answer: &ConsoleAnswer) -> bool {
        let Some(line) = self.lines.iter_mut().rev().find(|line| line.id == id) else { return false };
        if line.answers.len() < ANSWERS_MAX {
            line.answers.push(answer.clone());
        }
        true
    }
}

/// A reply cut down to what is worth keeping, and whether something was cut.
pub(super) fn clip(reply: &ReplyValue) -> (ReplyValue, bool) {
    let mut budget = Budget { elements: ELEMENTS_MAX, bytes: TEXT_MAX, clipped: false };
    let reply = budget.take(reply);
    (reply, budget.clipped)
}

struct Budget {
    elements: usize,
    bytes: usize,
    clipped: bool,
}

impl Budget {
    fn take(&mut self, reply: &ReplyValue) -> ReplyValue {
        use ReplyValue as R;
        match reply {
            R::Simple(text) => R::Simple(self.text(text)),
            R::Error(text) => R::Error(self.text(text)),
            R::BigNumber(text) => R::BigNumber(self.text(text)),
            R::ConnectionFailed(text) => R::ConnectionFailed(self.text(text)),
            R::Verbatim(format, text) => R::Verbatim(self.text(format), self.text(text)),
            R::Bulk(bytes) => {
                let keep = self.bytes(bytes.len());
                R::Bulk(bytes[..keep].to_vec())
            }
            R::Array(items) => R::Array(self.items(items)),
            R::Set(items) => R::Set(self.items(items)),
            R::Push(items) => R::Push(self.items(items)),
            R::Map(pairs) => {
                let mut kept = Vec::new();
                for (key, value) in pairs {
                    if self.elements < 2 {
                        self.clipped = true;
                        break;
                    }
                    self.elements -= 2;
                    kept.push((self.take(key), self.take(value)));
                }
                R::Map(kept)
            }
            R::Integer(_) | R::Null | R::Double(_) | R::Boolean(_) => reply.clone(),
        }
    }

    fn items(&mut self, items: &[ReplyValue]) -> Vec<ReplyValue> {
        let mut kept = Vec::new();
        for item in items {
            if self.elements == 0 {
                self.clipped = true;
                break;
            }
            self.elements -= 1;
            kept.push(self.take(item));
        }
        kept
    }

    fn text(&mut self, text: &str) -> String {
        let keep = self.bytes(text.len());
        text[..text.floor_char_boundary(keep)].to_owned()
    }

    fn bytes(&mut self, len: usize) -> usize {
        let keep = len.min(self.bytes);
        self.bytes -= keep;
        self.clipped |= keep < len;
        keep
    }
}
