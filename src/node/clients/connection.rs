//! One client's connection: it reads, executes what is complete and writes the replies.
//!
//! It never waits for one of these alone. A client may send all its requests before it reads the first reply, and a
//! connection that waited for its replies to leave would then wait for ever.

mod waiting;

use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;

use super::session::Session;
use super::unsent::Unsent;
use crate::node::exec::dispatch::TURN_REPLIES;
use crate::node::exec::flow::Flow;
use crate::node::node::Shared;
use crate::node::tasks::Exit;
use crate::node::time::pulse::within;
use crate::protocol::Decoder;

/// Room for one read, from a client's first request on as in Redis; [`Buffers`](super::buffers) gives an idle one's back.
const READ: usize = 16 * 1024;
/// A buffer keeps this much room after a big argument. What a client that waits sends beyond it is kept in pieces of
/// this size, so that executing the first requests does not move all that is behind them.
const READ_MAX: usize = 1024 * 1024;
/// Bytes of replies that may wait for a client before AUTH, as in Redis.
const UNAUTHENTICATED_REPLIES_MAX: usize = 1024;

/// A connection and the task that serves it. Dropping it closes the socket and forgets the client.
pub(super) struct Connection {
    shared: Shared,
    stream: TcpStream,
    session: Session,
    buffer: Vec<u8>,
    /// What follows the buffer: it was sent while the client waited.
    ahead: VecDeque<Vec<u8>>,
    unsent: Unsent,
    /// Writing failed: nobody reads the replies.
    is_gone: bool,
    exit: Rc<Exit>,
}

/// What happens to a connection while it waits.
enum Event {
    /// So many bytes were read; 0 is the end of what the client sends.
    Read(usize),
    /// Reading or writing failed.
    Broken,
    /// There are messages for the client, or orders for its task.
    Disturbed,
    /// Nothing waits to be sent any more; told to a connection that is to be closed.
    Sent,
}

/// What a connection reads while it waits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Requests to be executed at once.
    Requests,
    /// Requests to be kept until the client waits no more.
    Ahead,
    /// Bytes that nobody wants: the connection is to be closed once the replies have left.
    Discarded,
    /// Nothing: the client has closed its half, and the connection is to be closed as above.
    Nothing,
}

impl Connection {
    pub(super) fn new(shared: Shared, stream: TcpStream, session: Session, exit: Rc<Exit>) -> Self {
        Self {
            shared,
            stream,
            session,
            buffer: Vec::new(),
            ahead: VecDeque::new(),
            unsent: Unsent::default(),
            is_gone: false,
            exit,
        }
    }

    /// Serves the client until it goes.
    pub(super) async fn run(mut self) {
        while self.fill().await {
            if !self.execute().await {
                return;
            }
        }
    }

    /// Reads what has come; `false` at the end of the connection.
    async fn fill(&mut self) -> bool {
        if let Some(piece) = self.ahead.pop_front() {
            if self.buffer.is_empty() {
                self.buffer = piece;
            } else {
                self.buffer.extend_from_slice(&piece);
            }
            // The others have their turn between the pieces.
            tokio::task::yield_now().await;
            return true;
        }
        loop {
            let midway = !self.buffer.is_empty();
            let last_active = self.session.client.last_active.get();
            let event = if midway {
                let silence_max = self.shared.borrow().config.request_timeout;
                within(silence_max, self.event(Reading::Requests)).await
            } else {
                Some(self.event(Reading::Requests).await)
            };
            match event {
                Some(Event::Read(0)) => {
                    // It may have closed its half only, and want its replies yet.
                    self.finish(Reading::Nothing).await;
                    return false;
                }
                Some(Event::Read(count)) => {
                    // A client that sends faster than it is read would never let the others have their turn.
                    tokio::task::consume_budget().await;
                    return self.note_read(count);
                }
                Some(Event::Disturbed) => {
                    if !self.serve_disturbance().await {
                        return false;
                    }
                }
                // It sends nothing, but takes its replies.
                None if self.session.client.last_active.get() > last_active => {}
                Some(Event::Broken | Event::Sent) | None => return false,
            }
        }
    }

    /// Accounts for what was read; `false` if that is more than the client may send.
    fn note_read(&mut self, count: usize) -> bool {
        self.note_buffer();
        let mut node = self.shared.borrow_mut();
        node.figures.stats.net_input += count as u64;
        node.figures.stats.reads += 1;
        let client = &self.session.client;
        if client.query_bytes.get() as u64 > node.config.client_query_buffer_limit {
            let line = client.describe(node.clock.since_start());
            node.warning(format!("Closing client that reached max query buffer length: {line}"));
            return false;
        }
        node.note_memory_of(client);
        node.client_stays(client)
    }

    /// What CLIENT LIST shows of the requests that were read.
    fn note_buffer(&self) {
        let client = &self.session.client;
        let decoder = &self.session.decoder;
        client
            .query_bytes
            .set(decoder.unparsed(&self.buffer) + self.ahead.iter().map(Vec::len).sum::<usize>());
        client.argument_bytes.set(decoder.argument_bytes());
        client.buffers.note_query(self.buffer.len(), self.buffer.capacity() - self.buffer.len());
    }

    /// Gives back what the buffers hold too much.
    fn trim(&mut self) {
        let Some(kept) = self.session.client.buffers.take_trim() else { return };
        self.buffer.shrink_to(kept);
        self.note_buffer();
        if self.session.out.is_empty() {
            self.session.out.sent(self.session.client.buffers.reply_kept());
        }
    }

    /// Sends messages, gives room back; `false` at the end of the connection.
    async fn serve_disturbance(&mut self) -> bool {
        self.trim();
        self.send().await && !self.is_gone
    }

    /// Waits for the next event, and writes meanwhile what waits to be sent.
    async fn event(&mut self, reading: Reading) -> Event {
        poll_fn(|cx| self.poll_event(cx, reading)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>, reading: Reading) -> Poll<Event> {
        if !self.unsent.is_empty() && self.poll_write(cx).is_ready() {
            if self.is_gone {
                return Poll::Ready(Event::Broken);
            }
            if matches!(reading, Reading::Discarded | Reading::Nothing) {
                return Poll::Ready(Event::Sent);
            }
        }
        let read = match reading {
            Reading::Requests | Reading::Discarded => self.poll_read(cx),
            Reading::Ahead => self.poll_read_ahead(cx),
            Reading::Nothing => return Poll::Pending,
        };
        match read {
            Poll::Ready(Ok(count)) => Poll::Ready(Event::Read(count)),
            Poll::Ready(Err(_)) => Poll::Ready(Event::Broken),
            Poll::Pending if reading == Reading::Discarded => Poll::Pending,
            Poll::Pending => self.session.client.poll_disturbed(cx).map(|()| Event::Disturbed),
        }
    }

    /// Writes what waits until nothing does, or until writing fails.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.unsent.is_empty() {
            let (slices, count) = self.unsent.slices();
            match ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &slices[..count])) {
                Ok(written) if written > 0 => {
                    self.unsent.consume(written);
                    self.note_written(written);
                }
                _ => self.lose_client(),
            }
        }
        Poll::Ready(())
    }

    /// Reads requests into the buffer.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.buffer.capacity() == 0 {
            // It has been silent: it gets a buffer when it sends something.
            // Looked at and not only waited for: a new socket is said to be ready whether it is or not.
            ready!(self.stream.poll_peek(cx, &mut ReadBuf::new(&mut [0])))?;
        }
        let missing = self.session.decoder.missing(&self.buffer);
        if missing.min(self.buffer.len()) > READ {
            return self.poll_read_argument(cx, missing);
        }
        if missing == 0 || missing > self.buffer.capacity() - self.buffer.len() {
            self.buffer.reserve(READ);
        }
        pin!(self.stream.read_buf(&mut self.buffer)).poll(cx)
    }

    /// Reads what is there of a big argument of which so many bytes are missing. Each read makes room for more, which
    /// then is there at once: a look at the clients' memory in between would see less than was sent.
    fn poll_read_argument(&mut self, cx: &mut Context<'_>, missing: usize) -> Poll<io::Result<usize>> {
        let mut count = 0;
        while count < missing.min(READ_MAX) {
            // A promise alone costs nothing: as much as has come already, or all that is missing once a third has come.
            if self.buffer.len() == self.buffer.capacity() {
                let (left, len) = (missing - count, self.buffer.len());
                self.buffer.reserve_exact(if left <= 2 * len { left } else { len });
            }
            match self.stream.try_read_buf(&mut self.buffer) {
                Ok(0) => break,
                Ok(read) => count += read,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Poll::Ready(Err(error)),
                Err(_) if count > 0 => break,
                Err(_) => ready!(self.stream.poll_read_ready(cx))?,
            }
        }
        Poll::Ready(Ok(count))
    }

    /// Reads requests that are not executed yet. A stranger gets no memory for them beyond the buffer: one who has been
    /// wrong too often waits before each answer.
    fn poll_read_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if !self.session.authenticated && self.buffer.len() >= READ_MAX {
            return Poll::Pending;
        }
        if self.ahead.is_empty() && self.buffer.len() < READ_MAX {
            return pin!(self.stream.read_buf(&mut self.buffer)).poll(cx);
        }
        if self.ahead.back().is_none_or(|last| last.len() == last.capacity()) {
            self.ahead.push_back(Vec::with_capacity(READ_MAX));
        }
        let Some(last) = self.ahead.back_mut() else { return Poll::Pending };
        pin!(self.stream.read_buf(last)).poll(cx)
    }

    /// Executes all that is complete; `false` if the connection is to be closed.
    async fn execute(&mut self) -> bool {
        loop {
            let flow = self.shared.borrow_mut().run_batch(&mut self.session, &self.buffer);
            if self.session.pending.is_empty() {
                let consumed = self.session.decoder.consume();
                if consumed == self.buffer.len() {
                    self.buffer.clear();
                    self.buffer.shrink_to(READ_MAX);
                } else {
                    self.buffer.drain(..consumed);
                }
                self.note_buffer();
            }
            if flow == Flow::More && self.session.out.len() < TURN_REPLIES {
                // The replies of what was read together leave together: the limit of unread replies is that of all of them.
                tokio::task::yield_now().await;
                continue;
            }
            let is_answered = !(self.session.out.is_empty() && self.unsent.is_empty());
            // What has arrived is executed, whether or not its client waits for the replies.
            if flow == Flow::Drop || !self.send().await || (self.is_gone && flow != Flow::More) {
                return false;
            }
            match flow {
                Flow::Next => return true,
                Flow::More => tokio::task::yield_now().await,
                Flow::Close if is_answered => {
                    self.finish(Reading::Discarded).await;
                    return false;
                }
                Flow::Close => {
                    self.linger().await;
                    return false;
                }
                Flow::Drop => return false,
                Flow::Wait(limit) => {
                    if !self.wait(limit).await {
                        return false;
                    }
                }
                Flow::Block(limit) => {
                    if !self.block(limit).await {
                        return false;
                    }
                }
                Flow::Paused(left) => {
                    if !self.wait_for_unpause(left).await {
                        return false;
                    }
                }
                Flow::Feed => {
                    self.feed().await;
                    return false;
                }
            }
        }
    }

    /// Serves the client as a replica until it goes. The replies that still wait go out first.
    async fn feed(&mut self) {
        {
            let (mut node, client) = (self.shared.borrow_mut(), &self.session.client);
            node.send_before_stream(client, self.unsent.take());
            client.output_bytes.set(0);
            node.note_memory_of(client);
        }
        // Boxed: its room in every ordinary client's task would be wasted.
        Box::pin(crate::node::replication::master::feed::run(
            &self.shared,
            &mut self.stream,
            &mut self.session,
            &mut self.buffer,
        ))
        .await;
    }

    /// Sends the replies, or keeps them until the socket takes them; `false` if too much waits for this client.
    async fn send(&mut self) -> bool {
        self.session.client.outbox.move_into(&mut self.session.out);
        if self.is_gone {
            self.session.out.truncate(0);
        }
        let len = self.session.out.len();
        if len == 0 {
            return true;
        }
        let unsynced = self.shared.borrow().unsynced();
        if let Some(unsynced) = unsynced {
            unsynced.wait(&self.shared).await;
        }
        let client = &self.session.client;
        client.output_bytes.set(self.unsent.len() + len);
        {
            let mut node = self.shared.borrow_mut();
            if self.session.out.is_cut_short() || node.is_too_slow(client) {
                node.warn_of_output(client);
                return false;
            }
            if !node.client_stays(client) {
                return false;
            }
            let grown = client.buffers.note_replies(len, node.clients.reply_tuning);
            node.figures.stats.reply_expands += u64::from(grown);
        }
        self.write_some();
        // A stranger who leaves replies unread gets no memory for more of them.
        if !self.session.authenticated && self.unsent.len() > UNAUTHENTICATED_REPLIES_MAX {
            self.shared.borrow_mut().warn_of_output(&self.session.client);
            return false;
        }
        true
    }

    /// Writes what the socket takes at once, and keeps the rest.
    fn write_some(&mut self) {
        let out = &mut self.session.out;
        let written = if self.unsent.is_empty() { self.stream.try_write(out.bytes()) } else { Ok(0) };
        let written = match written {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(_) => return self.lose_client(),
        };
        if written == out.len() {
            out.sent(self.session.client.buffers.reply_kept());
        } else {
            self.unsent.add(out, written);
        }
        self.note_written(written);
    }

    /// So many bytes have left; the rest counts as what the client lets wait.
    fn note_written(&self, written: usize) {
        let client = &self.session.client;
        client.output_bytes.set(self.unsent.len());
        if self.unsent.is_empty() {
            client.took_all();
        }
        let mut node = self.shared.borrow_mut();
        if written > 0 {
            // A client that takes a long reply is not idle.
            client.last_active.set(node.clock.since_start());
            node.figures.stats.net_output += written as u64;
            node.figures.stats.writes += 1;
        }
        node.note_memory_of(client);
    }

    /// Writing failed: what waits for the client is forgotten.
    fn lose_client(&mut self) {
        self.is_gone = true;
        self.unsent.take();
        self.session.out.truncate(0);
        self.session.client.output_bytes.set(0);
    }

    /// A connection is to be closed behind a reply, and its client wants none (CLIENT REPLY). As in Redis it stays until
    /// there is something to write, or the client goes; nothing that it sends is executed.
    async fn linger(&mut self) {
        self.session.decoder = Decoder::new();
        self.session.pending.clear();
        loop {
            self.buffer.clear();
            self.ahead.clear();
            match self.event(Reading::Requests).await {
                Event::Read(count) if count > 0 => {
                    tokio::task::consume_budget().await;
                    if !self.note_read(count) {
                        return;
                    }
                }
                Event::Disturbed if self.session.client.outbox.is_empty() => self.trim(),
                Event::Read(_) | Event::Disturbed | Event::Broken | Event::Sent => return,
            }
        }
    }

    /// Closes the connection once all replies have left. What the client sends until then is read, or it could not come
    /// to reading them, and thrown away.
    async fn finish(&mut self, mut reading: Reading) {
        while !self.unsent.is_empty() {
            self.buffer.clear();
            self.ahead.clear();
            match self.event(reading).await {
                Event::Read(0) => reading = Reading::Nothing,
                Event::Read(_) | Event::Disturbed => {}
                Event::Broken | Event::Sent => break,
            }
        }
        let _ = self.stream.shutdown().await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.exit.reset_sockets.get() {
            // The node dies as a crashed process does: its peers see a reset.
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
        // A crash can drop this while the node is borrowed; then nobody will ask for the client any more.
        if let Ok(mut node) = self.shared.try_borrow_mut() {
            let id = self.session.client.id;
            node.clients.by_id.remove(&id);
            node.forget_client(&self.session.client);
            node.forget_client_memory(&self.session.client);
            node.replication.waits.remove(id);
            node.forget_blocked(id);
            node.clients.pubsub.leave_all(&self.session.client);
            node.stop_monitoring(&self.session);
            node.stop_tracking(&self.session.client);
            node.replication.feeds.remove(&id);
            node.unwatch(&mut self.session);
        }
    }
}
