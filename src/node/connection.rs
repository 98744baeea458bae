//! One client's connection: read, execute what is complete, write the replies with one write.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;

use super::dispatch::Flow;
use super::pulse::within;
use super::runtime::Exit;
use super::session::Session;
use super::state::Shared;

/// Room for one read, from a client's first request on as in Redis; [`Buffers`](super::buffers) gives an idle one's back.
const READ: usize = 16 * 1024;
/// A buffer keeps this much room after a big argument, and a client that waits may send this much.
const READ_MAX: usize = 1024 * 1024;
/// Bytes of replies that may wait for a client before AUTH, as in Redis.
const UNAUTHENTICATED_REPLIES_MAX: usize = 1024;

/// A connection and the task that serves it. Dropping it closes the socket and forgets the client.
pub(super) struct Connection {
    shared: Shared,
    stream: TcpStream,
    session: Session,
    buffer: Vec<u8>,
    /// Writing failed: nobody reads the replies.
    is_gone: bool,
    exit: Rc<Exit>,
}

impl Connection {
    pub(super) fn new(shared: Shared, stream: TcpStream, session: Session, exit: Rc<Exit>) -> Self {
        Self { shared, stream, session, buffer: Vec::new(), is_gone: false, exit }
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
        let midway = !self.buffer.is_empty();
        let read = loop {
            let read = if midway {
                let silence_max = self.shared.borrow().config.request_timeout;
                match within(silence_max, self.read_or_messages()).await {
                    Some(read) => read,
                    None => return false,
                }
            } else {
                self.read_or_messages().await
            };
            if let Some(read) = read {
                break read;
            }
            self.trim();
            if !self.flush().await || self.is_gone {
                return false;
            }
        };
        let Ok(count) = read else { return false };
        if count == 0 {
            return false;
        }
        self.note_buffer();
        let mut node = self.shared.borrow_mut();
        node.stats.net_input += count as u64;
        node.stats.reads += 1;
        if self.buffer.len() as u64 > node.config.client_query_buffer_limit {
            let line = self.session.client.describe(node.clock.since_start());
            node.warning(format!("Closing client that reached max query buffer length: {line}"));
            return false;
        }
        node.client_stays(&self.session.client)
    }

    /// What CLIENT LIST shows of the requests that were read.
    fn note_buffer(&self) {
        let client = &self.session.client;
        client.query_bytes.set(self.buffer.len());
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

    /// Reads, unless messages for the client or orders for its task come first: then `None`.
    async fn read_or_messages(&mut self) -> Option<io::Result<usize>> {
        let client = &self.session.client;
        if self.buffer.capacity() == 0 {
            // It has been silent: it gets a buffer when it sends something.
            // Looked at and not only waited for: a new socket is said to be ready whether it is or not.
            let peeked = poll_fn(|cx| match self.stream.poll_peek(cx, &mut ReadBuf::new(&mut [0])) {
                Poll::Ready(peeked) => Poll::Ready(Some(peeked)),
                Poll::Pending => client.poll_disturbed(cx).map(|()| None),
            });
            if let Err(error) = peeked.await? {
                return Some(Err(error));
            }
        }
        // For a big argument never more than has come already, and no more than is missing: a promise costs nothing.
        let (missing, room) =
            (self.session.decoder.missing(&self.buffer), self.buffer.capacity() - self.buffer.len());
        let announced = missing.min(self.buffer.len());
        if announced > READ {
            self.buffer.reserve_exact(announced);
        } else if missing == 0 || missing > room {
            self.buffer.reserve(READ);
        }
        let mut read = pin!(self.stream.read_buf(&mut self.buffer));
        poll_fn(|cx| match read.as_mut().poll(cx) {
            Poll::Ready(read) => Poll::Ready(Some(read)),
            Poll::Pending => client.poll_disturbed(cx).map(|()| None),
        })
        .await
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
            if flow == Flow::Drop {
                return false;
            }
            // What has arrived is executed, whether or not its client waits for the replies.
            if !self.flush().await || (self.is_gone && flow != Flow::More) {
                return false;
            }
            match flow {
                Flow::Next => return true,
                Flow::More => tokio::task::yield_now().await,
                Flow::Close => {
                    let _ = self.stream.shutdown().await;
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
                    // It may have ended while the replies before went out.
                    let (unpause, is_paused) = {
                        let node = self.shared.borrow();
                        (Rc::clone(&node.unpause), node.is_paused())
                    };
                    if is_paused {
                        self.session.client.blocked.set(true);
                        let _ = tokio::time::timeout(left, unpause.notified()).await;
                        self.session.client.blocked.set(false);
                    }
                }
                Flow::Feed => {
                    // Boxed: its room in every ordinary client's task would be wasted.
                    Box::pin(super::feed::run(
                        &self.shared,
                        &mut self.stream,
                        &mut self.session,
                        &mut self.buffer,
                    ))
                    .await;
                    return false;
                }
            }
        }
    }

    /// Writes the replies; `false` if too much waits for this client.
    async fn flush(&mut self) -> bool {
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
        let limit = self.shared.borrow().output_limit(&self.session.client);
        if limit.hard > 0 && len as u64 > limit.hard {
            return self.cut_for_output();
        }
        self.session.client.output_bytes.set(len);
        if !self.shared.borrow_mut().client_stays(&self.session.client) {
            return false;
        }
        let patience = if self.session.authenticated {
            (limit.soft > 0 && len as u64 > limit.soft).then_some(limit.soft_for)
        } else {
            // A stranger who leaves replies unread gets no memory for more of them.
            (len > UNAUTHENTICATED_REPLIES_MAX).then_some(Duration::from_millis(1))
        };
        let write = self.stream.write_all(self.session.out.bytes());
        let written = match patience {
            None => write.await,
            Some(patience) => match within(patience, write).await {
                Some(written) => written,
                None => return self.cut_for_output(),
            },
        };
        let client = &self.session.client;
        client.output_bytes.set(0);
        let mut node = self.shared.borrow_mut();
        let grown = client.buffers.note_replies(len, node.reply_tuning);
        self.session.out.sent(client.buffers.reply_kept());
        node.stats.reply_expands += u64::from(grown);
        node.stats.net_output += len as u64;
        node.stats.writes += 1;
        self.is_gone = written.is_err();
        true
    }

    /// Too much waits for this client: `false`, and a line in the log.
    fn cut_for_output(&self) -> bool {
        let mut node = self.shared.borrow_mut();
        let line = self.session.client.describe(node.clock.since_start());
        node.warning(format!("Client {line} closed for overcoming of output buffer limits."));
        false
    }

    /// WAIT: until enough replicas have acknowledged, or the time is over, or the client is gone.
    async fn wait(&mut self, limit: Option<Duration>) -> bool {
        let client = Rc::clone(&self.session.client);
        client.blocked.set(true);
        let alive = self.until_woken(limit).await;
        client.blocked.set(false);
        let was_waiting = self.shared.borrow_mut().waits.remove(client.id);
        if client.answer.borrow().is_some() {
            return self.end_block().await && alive;
        }
        match client.wake_value.take() {
            Some(acked) => self.session.out.integer(acked),
            None if was_waiting => {
                let acked = self.shared.borrow().acked_by(self.session.last_write);
                self.session.out.integer(acked as i64);
            }
            // An AUTH that was answered late.
            None => {}
        }
        alive
    }

    /// BLPOP and its kin: until a key is ready, or the time is over, or the client is gone.
    async fn block(&mut self, limit: Option<Duration>) -> bool {
        let client = Rc::clone(&self.session.client);
        if client.answer.borrow().is_none() {
            // A call that is left from an earlier wait is not for this one.
            tokio::select! {
                biased;
                () = client.wake.notified() => {}
                () = std::future::ready(()) => {}
            }
        }
        self.until_woken(limit).await && self.end_block().await
    }

    /// Writes the answer of a wait; `false` if the connection is to be closed.
    async fn end_block(&mut self) -> bool {
        let stays = self.shared.borrow_mut().end_block(&mut self.session);
        if !stays {
            let _ = self.flush().await;
            let _ = self.stream.shutdown().await;
        }
        stays
    }

    /// Until the client is woken or the time is over; `false` if it goes before that.
    async fn until_woken(&mut self, limit: Option<Duration>) -> bool {
        let client = Rc::clone(&self.session.client);
        let expired = async {
            match limit {
                Some(limit) => within(limit, std::future::pending::<()>()).await,
                None => std::future::pending().await,
            }
        };
        let mut expired = pin!(expired);
        loop {
            // More requests than a waiting client should send wait in its socket.
            let room = self.buffer.len() < READ_MAX;
            tokio::select! {
                biased;
                () = client.wake.notified() => break true,
                _ = &mut expired => break true,
                () = poll_fn(|cx| client.poll_disturbed(cx)) => {
                    self.trim();
                    if !self.flush().await || self.is_gone {
                        break false;
                    }
                }
                read = self.stream.read_buf(&mut self.buffer), if room => match read {
                    Ok(count) if count > 0 => {}
                    _ => break false,
                },
            }
        }
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
            node.clients.remove(&id);
            node.forget_client(&self.session.client);
            node.waits.remove(id);
            node.forget_blocked(id);
            node.pubsub.leave_all(&self.session.client);
            node.stop_monitoring(&self.session);
            node.stop_tracking(&self.session.client);
            node.feeds.remove(&id);
            node.unwatch(&mut self.session);
        }
    }
}
