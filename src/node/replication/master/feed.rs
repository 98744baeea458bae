//! Master side: what goes to each replica, and the task that sends it.
//!
//! One connection carries, in this order: the line that answers PSYNC, perhaps a snapshot, then the stream.
//! The stream is read in place from the shared backlog, so a replica costs no copy.

use std::rc::Rc;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{Notify, mpsc};

use crate::node::clients::client::{Client, ClientId};
use crate::node::clients::session::Session;
use crate::node::disk::snapshot::Progress;
use crate::node::event::{FeedPhase, NodeEvent};
use crate::node::exec::flow::Flow;
use crate::node::node::{Node, Shared};
use crate::node::replication::master::name::replica_name;
use crate::replication::{Backlog, FeedAction, FeedLimits, FeedState, MasterFeed, Transport};

/// Bytes of the stream that one system call sends at most.
const SEND_MAX: usize = 256 * 1024;
/// Pieces of the backlog that one system call sends at most.
const PIECES: usize = 16;
/// How long a replica that has all it wanted may take to close its connection.
const CLOSES_WITHIN: Duration = Duration::from_secs(1);
/// How often the progress of a transfer is told.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// One replica, as its master sees it.
#[derive(Debug)]
pub(in crate::node) struct Feed {
    pub(in crate::node) core: MasterFeed,
    pub(super) client: Rc<Client>,
    /// There is something to send.
    pub(in crate::node) wake: Rc<Notify>,
    /// Bytes that go out before anything else.
    outbox: Vec<u8>,
    transfer: Option<Transfer>,
    /// Why it is to end.
    close: Option<String>,
    /// It is to end now, even in the middle of a write that the replica does not take.
    ended: Rc<Notify>,
}

/// A snapshot on its way to one replica.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) chunks: mpsc::Receiver<Bytes>,
    pub(super) transport: Transport,
    pub(super) total: Option<u64>,
    pub(super) progress: Progress,
}

enum Work {
    Bytes(Vec<u8>),
    Transfer(Transfer),
    Stream,
}

impl Feed {
    pub(in crate::node) fn new(core: MasterFeed, client: Rc<Client>, first: Vec<u8>) -> Self {
        Self {
            core,
            client,
            wake: Rc::new(Notify::new()),
            outbox: first,
            transfer: None,
            close: None,
            ended: Rc::default(),
        }
    }

    /// Address that INFO and ROLE show.
    pub(in crate::node) fn ip(&self) -> String {
        self.core.options().ip_address.clone().unwrap_or_else(|| self.client.addr.ip().to_string())
    }

    /// Port that INFO and ROLE show.
    pub(in crate::node) fn port(&self) -> u16 {
        self.core.options().listening_port.unwrap_or(0)
    }

    /// The replica in a line of the log.
    pub(in crate::node) fn name(&self) -> String {
        replica_name(&self.client, self.core.options())
    }

    /// Sends bytes ahead of the stream.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.outbox.extend_from_slice(bytes);
        self.wake.notify_one();
    }

    /// Begins to send a snapshot.
    pub(super) fn send_snapshot(&mut self, transfer: Transfer) {
        self.transfer = Some(transfer);
        self.wake.notify_one();
    }

    /// Whether it is to go on.
    pub(in crate::node) fn is_open(&self) -> bool {
        self.close.is_none()
    }

    pub(super) fn end(&mut self, reason: &str) {
        self.close.get_or_insert_with(|| reason.to_owned());
        self.ended.notify_one();
    }

    fn work(&mut self) -> Work {
        if !self.outbox.is_empty() {
            return Work::Bytes(std::mem::take(&mut self.outbox));
        }
        self.transfer.take().map_or(Work::Stream, Work::Transfer)
    }
}

impl Node {
    pub(super) fn feed_limits(&self) -> FeedLimits {
        let limit = self.config.client_output_buffer_limit.replica;
        FeedLimits {
            timeout: self.config.repl_timeout,
            hard: limit.hard,
            soft: limit.soft,
            soft_for: limit.soft_for,
        }
    }

    /// After a batch of writes: replicas that stream are told, those that lag too far are dropped.
    #[inline]
    pub(in crate::node) fn wake_feeds(&mut self) {
        if self.replication.feeds.is_empty() {
            return;
        }
        let limits = self.feed_limits();
        let Some(backlog) = &self.replication.backlog else { return };
        let now = self.clock.since_start();
        let mut dropped = Vec::new();
        for (id, feed) in &mut self.replication.feeds {
            if feed.core.bytes_behind(backlog) == 0 {
                continue;
            }
            if let Err(fault) = feed.core.check_buffer(now, &limits, backlog) {
                dropped.push((*id, fault.to_string()));
            } else if feed.core.streams() {
                feed.wake.notify_one();
            }
        }
        for (id, reason) in dropped {
            self.warning(format!(
                "Client id={id} scheduled to be closed ASAP for overcoming of output buffer limits: {reason}"
            ));
            self.close_feed(id, &reason);
        }
    }

    /// Replies that a client had not taken when it became a replica: they are sent before all else.
    pub(in crate::node) fn send_before_stream(&mut self, client: &Client, replies: Vec<u8>) {
        if let Some(feed) = self.replication.feeds.get_mut(&client.id) {
            feed.outbox.splice(0..0, replies);
        }
    }

    pub(in crate::node) fn close_feed(&mut self, id: ClientId, reason: &str) {
        if let Some(feed) = self.replication.feeds.get_mut(&id) {
            feed.end(reason);
        }
    }

    pub(in crate::node) fn drop_all_feeds(&mut self, reason: &str) {
        for feed in self.replication.feeds.values_mut() {
            feed.end(reason);
        }
    }

    /// The replica streams from now on.
    pub(in crate::node) fn feed_online(&mut self, id: ClientId) {
        let Some(port) = self.replication.feeds.get(&id).map(Feed::port) else { return };
        self.emit(NodeEvent::Feed { replica_port: port, phase: FeedPhase::Online });
    }

    /// Once a second: keep-alives, time-outs.
    pub(in crate::node) fn tick_feeds(&mut self) {
        let limits = self.feed_limits();
        let Some(backlog) = &mut self.replication.backlog else { return };
        backlog.trim();
        let backlog = &*backlog;
        let now = self.clock.since_start();
        let mut dropped = Vec::new();
        for feed in self.replication.feeds.values_mut() {
            match feed.core.on_tick(now, &limits, backlog) {
                Some(FeedAction::SendKeepAlive) => feed.send(b"\n"),
                Some(FeedAction::Drop(fault)) => {
                    let during = if feed.core.state() == FeedState::Online { "streaming" } else { "full" };
                    feed.end(&fault.to_string());
                    dropped.push(format!(
                        "Disconnecting timedout replica ({during} sync): {}: {fault}",
                        feed.name()
                    ));
                }
                None => {}
            }
        }
        for line in dropped {
            self.warning(line);
        }
    }
}

impl Node {
    /// A replica has sent a command that has a reply, and is not to get it; returns why its connection ends.
    fn refuse_reply(&mut self, session: &Session) -> String {
        let last = session.client.last_command.get();
        let reply = session.out.bytes();
        if let Some(error) = reply.strip_prefix(b"-") {
            let error = String::from_utf8_lossy(error);
            self.warning(format!(
                "== CRITICAL == This master is sending an error to its replica: '{}' after processing the command \
                 '{last}'",
                error.trim_end()
            ));
        }
        let line = session.client.describe(self.clock.since_start());
        self.warning(format!("Replica generated a reply to command '{last}', disconnecting it: {line}"));
        format!("the replica sent a command that has a reply ({last})")
    }
}

/// Runs a replica's connection from its PSYNC to its end; `buffer` holds what was read but not yet executed.
pub(in crate::node) async fn run(
    shared: &Shared,
    stream: &mut TcpStream,
    session: &mut Session,
    buffer: &mut Vec<u8>,
) {
    let id = session.client.id;
    let Some(ended) = shared.borrow().replication.feeds.get(&id).map(|feed| Rc::clone(&feed.ended)) else {
        return;
    };
    if shared.borrow().config.repl_disable_tcp_nodelay {
        // Only a wish: the stream goes out all the same.
        let _ = stream.set_nodelay(false);
    }
    let (reader, writer) = stream.split();
    let reason = tokio::select! {
        // A feed that was told to end sends nothing more: what comes now may be of another history.
        biased;
        () = ended.notified() => "the feed ended".to_owned(),
        reason = listen(shared, reader, session, buffer) => reason,
        reason = send(shared, writer, id) => reason,
    };
    let mut node = shared.borrow_mut();
    let node = &mut *node;
    if let Some(feed) = node.replication.feeds.remove(&id) {
        let reason = feed.close.clone().unwrap_or(reason);
        let (port, name) = (feed.port(), feed.name());
        if feed.core.state() != FeedState::Online {
            node.sync_abandoned();
        }
        node.emit(NodeEvent::ReplicaGone { replica_port: port, reason: reason.clone() });
        node.notice(format!("Connection with replica {name} lost: {reason}"));
        // Gone from the list, it holds on to no part of the stream: what was kept for it alone goes now.
        drop(feed);
        while node.replication.backlog.as_mut().is_some_and(Backlog::trim) {}
    }
    if node.replication.feeds.is_empty() {
        node.replication.without_replicas_since = Some(node.clock.since_start());
    }
    node.wake_waits();
}

/// Reads ACKs and whatever else the replica says; returns why the connection ended.
async fn listen(
    shared: &Shared,
    mut reader: ReadHalf<'_>,
    session: &mut Session,
    buffer: &mut Vec<u8>,
) -> String {
    let id = session.client.id;
    loop {
        let flow = {
            let mut node = shared.borrow_mut();
            let node = &mut *node;
            let flow = node.run_batch(session, buffer);
            if session.pending.is_empty() {
                let consumed = session.decoder.consume();
                buffer.drain(..consumed);
            }
            if !session.out.is_empty() {
                // A reply in the middle of the stream would be taken for a part of it.
                return node.refuse_reply(session);
            }
            flow
        };
        match flow {
            Flow::Close | Flow::Drop => return "the replica's connection was closed by a command".to_owned(),
            Flow::More => {
                tokio::task::yield_now().await;
                continue;
            }
            _ => {}
        }
        match reader.read_buf(buffer).await {
            Ok(0) => return "the replica closed the connection".to_owned(),
            Ok(count) => {
                let mut node = shared.borrow_mut();
                let node = &mut *node;
                node.figures.stats.repl_input += count as u64;
                node.figures.stats.net_input += count as u64;
                let now = std::time::Instant::now();
                node.clock.tick(now);
                let now = node.clock.since_start();
                if let Some(feed) = node.replication.feeds.get_mut(&id) {
                    feed.core.on_sign_of_life(now);
                }
                if buffer.len() as u64 > node.config.client_query_buffer_limit {
                    return "its unfinished request is longer than client-query-buffer-limit".to_owned();
                }
            }
            Err(error) => return format!("reading from the replica failed: {error}"),
        }
    }
}

/// Sends lines, snapshots and the stream; returns why it ended.
async fn send(shared: &Shared, mut writer: WriteHalf<'_>, id: ClientId) -> String {
    loop {
        let (work, wake) = {
            let mut node = shared.borrow_mut();
            let Some(feed) = node.replication.feeds.get_mut(&id) else { return "the feed ended".to_owned() };
            (feed.work(), Rc::clone(&feed.wake))
        };
        let result = match work {
            Work::Bytes(bytes) => writer.write_all(&bytes).await.map(|()| count_sent(shared, bytes.len())),
            Work::Transfer(transfer) => match send_transfer(shared, &mut writer, id, transfer).await {
                Ok(After::Stream) => Ok(()),
                Ok(After::End) => {
                    // It is closed by the other side: a close here could overtake the last bytes.
                    let _ = writer.shutdown().await;
                    tokio::time::sleep(CLOSES_WITHIN).await;
                    return "it wanted nothing but the snapshot".to_owned();
                }
                Ok(After::Failure) => return "the snapshot for the replica failed".to_owned(),
                Err(error) => Err(error),
            },
            Work::Stream => match send_stream(shared, &mut writer, id) {
                Sent::Some => Ok(()),
                Sent::CaughtUp => {
                    wake.notified().await;
                    Ok(())
                }
                Sent::Full => writer.writable().await,
                Sent::Failed(error) => Err(error),
            },
        };
        if let Err(error) = result {
            return format!("writing to the replica failed: {error}");
        }
    }
}

/// A replica is offered bytes of its snapshot, or took some of them.
fn note_taken(shared: &Shared, id: ClientId, now: std::time::Instant, bytes: u64) {
    let mut node = shared.borrow_mut();
    let node = &mut *node;
    node.clock.tick(now);
    node.figures.stats.net_output += bytes;
    node.figures.stats.repl_output += bytes;
    let now = node.clock.since_start();
    if let Some(feed) = node.replication.feeds.get_mut(&id) {
        feed.core.transfer_went_on(now);
    }
}

fn count_sent(shared: &Shared, bytes: usize) {
    let mut node = shared.borrow_mut();
    node.figures.stats.net_output += bytes as u64;
}

enum Sent {
    Some,
    CaughtUp,
    Full,
    Failed(std::io::Error),
}

/// Writes what the socket takes straight out of the backlog.
fn send_stream(shared: &Shared, writer: &mut WriteHalf<'_>, id: ClientId) -> Sent {
    let mut node = shared.borrow_mut();
    let node = &mut *node;
    let (Some(feed), Some(backlog)) = (node.replication.feeds.get_mut(&id), &node.replication.backlog) else {
        return Sent::CaughtUp;
    };
    if !feed.core.streams() || feed.close.is_some() {
        return Sent::CaughtUp;
    }
    let Some(cursor) = feed.core.cursor_mut() else { return Sent::CaughtUp };
    let mut pieces = [std::io::IoSlice::new(&[]); PIECES];
    let mut count = 0;
    for (slot, piece) in pieces.iter_mut().zip(backlog.slices(cursor, SEND_MAX)) {
        *slot = std::io::IoSlice::new(piece);
        count += 1;
    }
    if count == 0 {
        return Sent::CaughtUp;
    }
    match writer.try_write_vectored(&pieces[..count]) {
        Ok(bytes) => {
            backlog.consume(cursor, bytes as u64);
            node.figures.stats.repl_output += bytes as u64;
            node.figures.stats.net_output += bytes as u64;
            Sent::Some
        }
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Sent::Full,
        Err(error) => Sent::Failed(error),
    }
}

/// What follows the last byte of a snapshot.
enum After {
    Stream,
    /// `rdb-only`: nothing.
    End,
    /// Its source gave up before.
    Failure,
}

/// Sends one snapshot.
async fn send_transfer(
    shared: &Shared,
    writer: &mut WriteHalf<'_>,
    id: ClientId,
    mut transfer: Transfer,
) -> std::io::Result<After> {
    let mut sent = 0;
    let mut told: Option<std::time::Instant> = None;
    {
        let mut node = shared.borrow_mut();
        let now = node.clock.since_start();
        if let Some(feed) = node.replication.feeds.get_mut(&id) {
            feed.core.transfer_begun(transfer.transport, now);
            feed.core.transfer_waits();
        }
    }
    while let Some(mut chunk) = transfer.chunks.recv().await {
        let begun = std::time::Instant::now();
        note_taken(shared, id, begun, 0);
        while !chunk.is_empty() {
            let count = writer.write(&chunk).await?;
            if count == 0 {
                return Err(std::io::ErrorKind::WriteZero.into());
            }
            chunk.advance(count);
            sent += count as u64;
            note_taken(shared, id, std::time::Instant::now(), count as u64);
        }
        let now = std::time::Instant::now();
        let mut node = shared.borrow_mut();
        let node = &mut *node;
        let Some(feed) = node.replication.feeds.get_mut(&id) else { return Ok(After::Failure) };
        feed.core.transfer_waits();
        if told.is_none_or(|told| now - told >= PROGRESS_EVERY) {
            told = Some(now);
            let port = feed.port();
            let (keys, keys_total) = transfer.progress.keys();
            let phase = FeedPhase::SendSnapshot { sent, total: transfer.total, keys, keys_total };
            node.emit(NodeEvent::Feed { replica_port: port, phase });
        }
    }
    if !transfer.progress.is_complete() {
        return Ok(After::Failure);
    }
    let mut node = shared.borrow_mut();
    let node = &mut *node;
    let now = node.clock.since_start();
    let Some(feed) = node.replication.feeds.get_mut(&id) else { return Ok(After::Failure) };
    let (port, name) = (feed.port(), feed.name());
    let (keys, keys_total) = transfer.progress.keys();
    feed.core.transfer_done(now);
    let (streams, is_over) = (feed.core.streams(), feed.core.options().rdb_only);
    node.emit(NodeEvent::Feed {
        replica_port: port,
        phase: FeedPhase::SendSnapshot { sent, total: Some(sent), keys, keys_total },
    });
    node.notice(format!("Synchronization with replica {name} succeeded"));
    if streams {
        node.feed_online(id);
    }
    Ok(if is_over { After::End } else { After::Stream })
}
