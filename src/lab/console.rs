//! The console's connection to one node: a line in, a reply by RESP type out.
//!
//! Owns the connection and what it remembers (database, MULTI, subscriptions). Lines of one node run one after the
//! other, as in one redis-cli; a command that blocks holds only those behind it, until it is stopped. What comes
//! unasked (messages, MONITOR, invalidations) is told in batches. It must not know the cluster.

mod reply;
mod session;
mod stream;

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};

use super::client::{ClientError, RespClient, text};
use super::recorder::Recorder;
use super::{ConsoleMode, Event, NodeId, ReplyValue};
use crate::protocol::frame::{Frame, FrameLimits};
use crate::protocol::split_inline;
use reply::reply_value;
use session::Session;
use stream::{Batch, Part};

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

/// The lab's end of a console.
pub(super) struct ConsoleHandle {
    pub(super) lines: mpsc::Sender<Line>,
    /// Ends what streams or blocks.
    pub(super) stop: Rc<Notify>,
}

/// Starts the console of one node; it ends with its handle.
pub(super) fn start(node: NodeId, addr: SocketAddr, recorder: Rc<Recorder>) -> ConsoleHandle {
    let (lines, typed) = mpsc::channel(LINES_MAX);
    let stop = Rc::new(Notify::new());
    tokio::task::spawn_local(serve(node, addr, recorder, typed, Rc::clone(&stop)));
    ConsoleHandle { lines, stop }
}

/// Serves the console of one node until `lines` ends. When the node is gone its connection fails by itself, so
/// every line gets an answer, also one that was blocking.
async fn serve(
    node: NodeId,
    addr: SocketAddr,
    recorder: Rc<Recorder>,
    mut lines: mpsc::Receiver<Line>,
    stop: Rc<Notify>,
) {
    let mut console = Console::new(node, addr, recorder);
    loop {
        let due = console.batch.due();
        tokio::select! {
            biased;
            () = stop.notified() => console.stopped(),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => console.tell(),
            line = lines.recv() => match line {
                Some(line) => console.answer(line, &stop).await,
                None => return,
            },
            frame = unasked(&mut console.client) => match frame {
                Ok(frame) => console.take(frame),
                Err(error) => console.lost(&error.to_string()),
            },
        }
    }
}

/// The next frame that no line asked for; never without a connection.
async fn unasked(client: &mut Option<RespClient>) -> Result<Frame, ClientError> {
    match client {
        Some(client) => client.receive().await,
        None => std::future::pending().await,
    }
}

struct Console {
    node: NodeId,
    addr: SocketAddr,
    recorder: Rc<Recorder>,
    client: Option<RespClient>,
    session: Session,
    batch: Batch,
    /// The line that messages stand under: the last one that ran.
    last: u64,
    /// What the window was told last.
    told: ConsoleMode,
}

impl Console {
    fn new(node: NodeId, addr: SocketAddr, recorder: Rc<Recorder>) -> Self {
        Self {
            node,
            addr,
            recorder,
            client: None,
            session: Session::default(),
            batch: Batch::default(),
            last: 0,
            told: ConsoleMode::Lines,
        }
    }

    async fn answer(&mut self, line: Line, stop: &Notify) {
        let asked = Instant::now();
        self.tell();
        let before = self.last;
        self.last = line.id;
        let answered = tokio::select! {
            reply = self.run(&line.text, line.db) => Some(reply),
            () = stop.notified() => None,
        };
        let reply = answered.unwrap_or_else(|| {
            // Half an answer may be on its way: the connection cannot be used any more.
            self.client = None;
            self.session = self.session.after_stop();
            ReplyValue::ConnectionFailed("stopped; the next line has a new connection".to_owned())
        });
        self.recorder.record(Event::ConsoleReply {
            id: line.id,
            node: self.node,
            reply,
            took: asked.elapsed(),
            db: self.session.db,
            in_multi: self.session.in_multi,
        });
        if line.db.is_some() && before != 0 {
            self.last = before;
        }
        self.tell_mode();
    }

    /// The user has seen enough: the only sure end of a stream is that of its connection.
    fn stopped(&mut self) {
        self.tell();
        if self.session.is_streaming() {
            self.client = None;
            self.session = self.session.after_stop();
            self.tell_mode();
        }
    }

    /// The connection broke while no line waited; the next line begins anew.
    fn lost(&mut self, why: &str) {
        self.client = None;
        if self.session.is_streaming() {
            self.batch.add(Frame::Error(format!("the stream ended: {why}").into_bytes()));
        }
        self.session = Session::default();
        self.tell();
        self.tell_mode();
    }

    /// A frame that is no answer to a line.
    fn take(&mut self, frame: Frame) {
        if let Part::Confirmed { shard, count } = stream::part(&frame, &self.session) {
            self.session.subscribed(shard, count);
            self.tell_mode();
        }
        self.batch.add(frame);
    }

    fn tell(&mut self) {
        if let Some((messages, dropped)) = self.batch.take() {
            let (id, node) = (self.last, self.node);
            self.recorder.record(Event::ConsoleMessages { id, node, messages, dropped });
        }
    }

    fn tell_mode(&mut self) {
        let mode = self.session.mode();
        if mode != self.told {
            self.told = mode;
            self.recorder.record(Event::ConsoleMode { node: self.node, mode });
        }
    }

    async fn run(&mut self, line: &str, db: Option<u16>) -> ReplyValue {
        if line.len() > LINE_MAX {
            return ReplyValue::Error(format!("ERR a line has at most {LINE_MAX} bytes; nothing was sent"));
        }
        let args = match split_inline(line.as_bytes()) {
            Some(args) if !args.is_empty() => args,
            _ => return ReplyValue::Error("Invalid argument(s)".to_owned()),
        };
        if let Some(refusal) = refusal(&args, &self.session, self.addr.port()) {
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
        if self.session.in_multi || self.session.is_streaming() {
            let what = if self.session.in_multi { "is inside MULTI" } else { "shows a stream" };
            let text = format!("ERR the console of this node {what}, so nothing was sent; end that first");
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

    /// Connects where need be. A stream that was stopped has left its database and protocol, which come back.
    async fn connect(&mut self) -> Result<(), ClientError> {
        if self.client.as_mut().is_some_and(|client| !client.is_open()) {
            // Closed since the last line (QUIT, CLIENT KILL, a time-out): begin anew, as redis-cli does.
            self.client = None;
            self.session = Session::default();
        }
        if self.client.is_some() {
            return Ok(());
        }
        let mut client = RespClient::connect(self.addr, LIMITS, CONNECT).await?;
        if self.session.resp3 {
            let reply = client.call(&["HELLO", "3"], CONNECT).await?;
            self.session.resp3 = matches!(reply, Frame::Map(_));
        }
        if self.session.db != 0 {
            let reply = client.call(&["SELECT", &self.session.db.to_string()], CONNECT).await?;
            if matches!(reply, Frame::Error(_)) {
                self.session.db = 0;
            }
        }
        self.client = Some(client);
        Ok(())
    }

    async fn exchange(&mut self, args: &[Vec<u8>]) -> Result<Frame, ClientError> {
        self.connect().await?;
        let Some(client) = &mut self.client else { return Err(ClientError::Closed) };
        client.push(args);
        client.flush().await?;
        self.session.confirming = stream::is_subscription(args);
        loop {
            let frame = client.receive().await?;
            match stream::part(&frame, &self.session) {
                Part::Answer => return Ok(frame),
                Part::Confirmed { shard, count } => {
                    self.session.subscribed(shard, count);
                    if self.session.confirming {
                        return Ok(frame);
                    }
                    self.batch.add(frame);
                }
                // Out of band (an invalidation, a message): not the answer to this line.
                Part::Message => self.batch.add(frame),
            }
        }
    }
}

/// Why a line is not sent: its command would take its answers away, or turn the connection into something that a
/// console cannot show, and every line after it would wait for ever.
fn refusal(args: &[Vec<u8>], session: &Session, port: u16) -> Option<String> {
    let word = |n: usize| args.get(n).map(|arg| text(arg).to_ascii_uppercase()).unwrap_or_default();
    let command = word(0);
    if session.monitoring {
        return Some("ERR MONITOR is shown, so the line was not sent; stop it first".to_owned());
    }
    if ["SYNC", "PSYNC"].contains(&command.as_str()) {
        return Some(format!(
            "ERR this console does not take part in replication, so {command} was not sent; try redis-cli -p {port}"
        ));
    }
    if command == "CLIENT" && word(1) == "REPLY" && word(2) != "ON" {
        return Some("ERR without replies this console could not go on, so the line was not sent".to_owned());
    }
    None
}

#[cfg(test)]
mod tests;
