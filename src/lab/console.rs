//! The console's connection to one node: a line in, a reply by RESP type out.
//!
//! Owns the connection and what it remembers (database, MULTI). Lines of one node run one after the other, as in
//! one redis-cli; a command that blocks holds only those behind it. It must not know the cluster.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::client::{ClientError, RespClient, text};
use super::recorder::Recorder;
use super::{Event, NodeId, ReplyValue, words};
use crate::protocol::frame::{Frame, FrameLimits};

/// Lines that wait behind one that blocks.
pub(super) const LINES_MAX: usize = 64;

/// Longest line.
const LINE_MAX: usize = 1 << 20;

/// How long a connect may take.
const CONNECT: Duration = Duration::from_secs(2);

/// What a console shows at most; the connection of a larger reply is closed.
const LIMITS: FrameLimits =
    FrameLimits { line: 64 << 10, bulk: 64 << 20, elements: 1 << 20, depth: 128, total: 64 << 20 };

/// A line typed into the console.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) id: u64,
    pub(super) text: String,
    /// The database it has to run in; `None` for the one that is selected.
    pub(super) db: Option<u16>,
}

/// Serves the console of one node until `lines` ends. When the node is gone its connection fails by itself, so
/// every line gets an answer, also one that was blocking.
pub(super) async fn serve(
    node: NodeId,
    addr: SocketAddr,
    recorder: Rc<Recorder>,
    mut lines: mpsc::Receiver<Line>,
) {
    let mut console = Console { addr, client: None, session: Session::default() };
    while let Some(line) = lines.recv().await {
        let asked = Instant::now();
        let reply = console.run(&line.text, line.db).await;
        recorder.record(Event::ConsoleReply {
            id: line.id,
            node,
            reply,
            took: asked.elapsed(),
            db: console.session.db,
            in_multi: console.session.in_multi,
        });
    }
}

struct Console {
    addr: SocketAddr,
    client: Option<RespClient>,
    session: Session,
}

impl Console {
    async fn run(&mut self, line: &str, db: Option<u16>) -> ReplyValue {
        if line.len() > LINE_MAX {
            return ReplyValue::Error(format!("ERR a line has at most {LINE_MAX} bytes; nothing was sent"));
        }
        let args = match words::split(line.as_bytes()) {
            Some(args) if !args.is_empty() => args,
            _ => return ReplyValue::Error("Invalid argument(s)".to_owned()),
        };
        if let Some(refusal) = refusal(&args, self.addr.port()) {
            return ReplyValue::Error(refusal);
        }
        let exchanged = match db {
            Some(db) => self.exchange_in(db, &args).await,
            None => self.exchange(&args).await,
        };
        match exchanged {
            Ok(frame) => {
                if args[0].eq_ignore_ascii_case(b"QUIT") {
                    self.client = None;
                }
                self.session.after(&args, &frame);
                reply_value(frame)
            }
            Err(error) => {
                self.client = None;
                self.session = Session::default();
                ReplyValue::ConnectionFailed(error.to_string())
            }
        }
    }

    /// Runs a command of the key browser in its database, and goes back to the one that was typed.
    async fn exchange_in(&mut self, db: u16, args: &[Vec<u8>]) -> Result<Frame, ClientError> {
        self.connect().await?;
        if self.session.in_multi {
            let text =
                "ERR the console of this node is inside MULTI, so nothing was sent; EXEC or DISCARD it first";
            return Ok(Frame::Error(text.into()));
        }
        let typed = self.session.db;
        if db == typed {
            return self.exchange(args).await;
        }
        let select = |db: u16| [b"SELECT".to_vec(), db.to_string().into_bytes()];
        let selected = self.exchange(&select(db)).await?;
        if matches!(selected, Frame::Error(_)) {
            return Ok(selected);
        }
        let reply = self.exchange(args).await?;
        self.exchange(&select(typed)).await?;
        Ok(reply)
    }

    async fn connect(&mut self) -> Result<&mut RespClient, ClientError> {
        if self.client.as_mut().is_some_and(|client| !client.is_open()) {
            // Closed since the last line (QUIT, CLIENT KILL, a time-out): begin anew, as redis-cli does.
            self.client = None;
            self.session = Session::default();
        }
        match &mut self.client {
            Some(client) => Ok(client),
            empty => Ok(empty.insert(RespClient::connect(self.addr, LIMITS, CONNECT).await?)),
        }
    }

    async fn exchange(&mut self, args: &[Vec<u8>]) -> Result<Frame, ClientError> {
        let client = self.connect().await?;
        client.push(args);
        client.flush().await?;
        loop {
            match client.receive().await? {
                // Out of band (an invalidation, a message): not the answer to this line.
                Frame::Push(_) => {}
                frame => return Ok(frame),
            }
        }
    }
}

/// Why a line is not sent: its command would turn the connection into a stream, or take its answers away, and
/// every line after it would wait for ever.
fn refusal(args: &[Vec<u8>], port: u16) -> Option<String> {
    let word = |n: usize| args.get(n).map(|arg| text(arg).to_ascii_uppercase()).unwrap_or_default();
    let command = word(0);
    let streams = ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "MONITOR", "SYNC", "PSYNC"];
    if streams.contains(&command.as_str()) {
        return Some(format!(
            "ERR this console does not show streams yet, so {command} was not sent; try redis-cli -p {port}"
        ));
    }
    if command == "CLIENT" && word(1) == "REPLY" && word(2) != "ON" {
        return Some("ERR without replies this console could not go on, so the line was not sent".to_owned());
    }
    None
}

/// What the node remembers of this connection.
#[derive(Debug, Default, PartialEq, Eq)]
struct Session {
    db: u16,
    in_multi: bool,
    /// Database selected by a queued SELECT; holds once EXEC ran it.
    queued_db: Option<u16>,
}

impl Session {
    /// Follows a line that was answered with `reply`.
    fn after(&mut self, args: &[Vec<u8>], reply: &Frame) {
        let command = args[0].to_ascii_uppercase();
        let failed = matches!(reply, Frame::Error(_));
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
            b"RESET" | b"QUIT" if !failed => *self = Self::default(),
            _ => {}
        }
    }
}

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

#[cfg(test)]
mod tests;
