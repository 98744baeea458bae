//! What a node knows of a connected client beside the connection's own task.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::buffers::Buffers;
use super::outbox::Outbox;
use super::subscriptions::{Subscriptions, Topic};
use crate::node::config::OutputLimit;
use crate::protocol::Replies;

/// Number of a connection; never used twice in a node's life.
pub(in crate::node) type ClientId = u64;

/// CLIENT LIST shows this much of the unsent bytes as `obl`, the rest as `omem`, as Redis divides them.
const OUTPUT_BUFFER: usize = 16 * 1024;

/// What a connection takes beside its buffers, roughly.
const CLIENT_BYTES: usize = 1024;

/// What a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) enum ClientKind {
    Normal,
    Replica,
    Master,
}

impl ClientKind {
    /// The word of `CLIENT KILL TYPE`.
    pub(super) fn parse(word: &[u8]) -> Option<Self> {
        match word.to_ascii_lowercase().as_slice() {
            b"normal" => Some(Self::Normal),
            b"replica" | b"slave" => Some(Self::Replica),
            b"master" => Some(Self::Master),
            _ => None,
        }
    }
}

/// One connected client. The node lists it, its own task updates it: hence the cells.
#[derive(Debug)]
pub(in crate::node) struct Client {
    pub(in crate::node) id: ClientId,
    pub(in crate::node) addr: SocketAddr,
    /// It came through this socket in the file system, and not over TCP.
    pub(in crate::node) unix_path: Option<String>,
    pub(super) local: SocketAddr,
    pub(super) since: Duration,
    pub(in crate::node) name: RefCell<String>,
    pub(in crate::node) kind: Cell<ClientKind>,
    pub(in crate::node) db: Cell<usize>,
    pub(in crate::node) resp: Cell<u8>,
    pub(in crate::node) last_command: Cell<&'static str>,
    pub(in crate::node) last_active: Cell<Duration>,
    /// Commands queued by MULTI, -1 outside a transaction.
    pub(super) queued: Cell<i64>,
    /// Bytes of these commands.
    pub(in crate::node) queued_bytes: Cell<usize>,
    pub(in crate::node) watching: Cell<usize>,
    /// Bytes of the names of watched keys, with what belongs to each.
    pub(in crate::node) watched_bytes: Cell<usize>,
    /// A watched key was changed: EXEC will refuse.
    pub(in crate::node) dirty_cas: Cell<bool>,
    pub(in crate::node) blocked: Cell<bool>,
    /// Waits for the reply of an operation that another task runs (WAIT, BGSAVE-like); then woken.
    pub(in crate::node) wake: Notify,
    pub(in crate::node) wake_value: Cell<Option<i64>>,
    /// The answer for a client that waited.
    pub(in crate::node) answer: RefCell<Option<Answer>>,
    /// Bytes that were read and belong to no argument yet.
    pub(in crate::node) query_bytes: Cell<usize>,
    /// Bytes of the arguments of a request that is not complete yet, or that shows itself (CLIENT LIST).
    pub(in crate::node) argument_bytes: Cell<usize>,
    pub(in crate::node) buffers: Buffers,
    /// Bytes of replies that its socket has not taken yet.
    pub(in crate::node) output_bytes: Cell<usize>,
    /// Since when more than the soft limit of `client-output-buffer-limit` waits for it.
    over_soft_since: Cell<Option<Duration>>,
    pub(in crate::node) subscriptions: RefCell<Subscriptions>,
    /// It sees what all others do (MONITOR).
    pub(in crate::node) monitoring: Cell<bool>,
    pub(in crate::node) no_evict: Cell<bool>,
    /// What [`ClientEviction`](super::eviction::ClientEviction) has counted for it, in bytes.
    pub(super) counted: Cell<u64>,
    /// What `maxmemory` has counted for it, in bytes.
    pub(in crate::node) counted_as_used: Cell<u64>,
    pub(in crate::node) tracking: RefCell<Option<Tracking>>,
    /// What others send it.
    pub(in crate::node) outbox: Outbox,
    /// Its task, to be ended from outside (CLIENT KILL).
    pub(super) task: RefCell<Option<AbortHandle>>,
}

impl Client {
    pub(in crate::node) fn new(id: ClientId, addr: SocketAddr, local: SocketAddr, now: Duration) -> Self {
        Self {
            id,
            addr,
            local,
            unix_path: None,
            since: now,
            name: RefCell::default(),
            kind: Cell::new(ClientKind::Normal),
            db: Cell::new(0),
            resp: Cell::new(2),
            last_command: Cell::new("NULL"),
            last_active: Cell::new(now),
            queued: Cell::new(-1),
            queued_bytes: Cell::new(0),
            watching: Cell::new(0),
            watched_bytes: Cell::new(0),
            dirty_cas: Cell::new(false),
            blocked: Cell::new(false),
            wake: Notify::new(),
            wake_value: Cell::new(None),
            answer: RefCell::new(None),
            query_bytes: Cell::new(0),
            argument_bytes: Cell::new(0),
            buffers: Buffers::new(now),
            output_bytes: Cell::new(0),
            over_soft_since: Cell::new(None),
            subscriptions: RefCell::default(),
            monitoring: Cell::new(false),
            no_evict: Cell::new(false),
            counted: Cell::new(0),
            counted_as_used: Cell::new(0),
            tracking: RefCell::default(),
            outbox: Outbox::default(),
            task: RefCell::new(None),
        }
    }

    /// Ends the connection from outside its own task.
    pub(in crate::node) fn kill(&self) {
        if let Some(task) = &*self.task.borrow() {
            task.abort();
        }
    }

    /// Bytes that it takes. Neither free room is among them, which comes and goes, nor what others have sent it.
    pub(in crate::node) fn memory(&self) -> usize {
        let tracking = self.tracking.borrow().as_ref().map_or(0, Tracking::memory);
        let names = self.watched_bytes.get() + self.subscriptions.borrow().memory() + tracking;
        let requests = self.query_bytes.get() + self.argument_bytes.get() + self.queued_bytes.get();
        requests + self.output_bytes.get() + names + CLIENT_BYTES
    }

    /// All of it: `tot-mem` of CLIENT LIST. As in Redis, replies that fit into the buffer for them take nothing more.
    pub(in crate::node) fn whole_memory(&self) -> usize {
        let (replies, room) = (self.output_bytes.get(), self.buffers.reply_room());
        self.memory() - replies + replies.max(room) + self.buffers.query_free() + self.outbox.len()
    }

    /// Bytes of replies and messages that wait for it: what `client-output-buffer-limit` bounds. Redis does not count up
    /// to 16 KiB of them, depending on the command.
    pub(super) fn unsent(&self) -> usize {
        self.output_bytes.get() + self.outbox.len()
    }

    /// Whether more waits for it than `limit` allows; for the soft limit: for too long.
    pub(super) fn is_over(&self, limit: &OutputLimit, now: Duration) -> bool {
        let waiting = self.unsent() as u64;
        if limit.hard > 0 && waiting >= limit.hard {
            return true;
        }
        if limit.soft == 0 || waiting < limit.soft {
            self.over_soft_since.set(None);
            return false;
        }
        let since = self.over_soft_since.get().unwrap_or(now);
        self.over_soft_since.set(Some(since));
        now.saturating_sub(since) > limit.soft_for
    }

    /// Its socket has taken everything: the time above the soft limit is over.
    pub(super) fn took_all(&self) {
        self.over_soft_since.set(None);
    }

    /// MULTI, what is queued behind it, or (-1) its end.
    pub(in crate::node) fn note_queue(&self, commands: i64, bytes: usize) {
        self.queued.set(commands);
        self.queued_bytes.set(bytes);
    }

    /// Whether its task has something to do that no request asks for; if not, the task is woken when it has.
    pub(super) fn poll_disturbed(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.buffers.is_trim_due() { Poll::Ready(()) } else { self.outbox.poll_ready(cx) }
    }

    /// Whether it is a program on the same machine, as far as Redis can tell.
    pub(in crate::node) fn is_local(&self) -> bool {
        self.unix_path.is_some() || is_here(self.addr)
    }

    /// Whether it listens to anything.
    pub(in crate::node) fn is_subscriber(&self) -> bool {
        let own = self.subscriptions.borrow();
        [Topic::Channel, Topic::Pattern, Topic::Shard].into_iter().any(|topic| own.count(topic) > 0)
    }

    fn flags(&self) -> String {
        let mut flags = String::new();
        match self.kind.get() {
            ClientKind::Replica => flags.push('S'),
            ClientKind::Master => flags.push('M'),
            ClientKind::Normal => {}
        }
        let tracking = self.tracking.borrow();
        for (set, letters) in [
            (self.monitoring.get(), "O"),
            (self.is_subscriber(), "P"),
            (self.queued.get() >= 0, "x"),
            (self.blocked.get(), "b"),
            (tracking.is_some(), tracking.as_ref().map_or("", Tracking::flags)),
            (self.dirty_cas.get(), "d"),
            (self.unix_path.is_some(), "U"),
            (self.no_evict.get(), "e"),
        ] {
            if set {
                flags.push_str(letters);
            }
        }
        if flags.is_empty() { "N".to_owned() } else { flags }
    }

    /// `addr` of CLIENT LIST: where the client is.
    pub(in crate::node) fn shown_addr(&self) -> String {
        self.unix_path.as_ref().map_or_else(|| self.addr.to_string(), |path| format!("{path}:0"))
    }

    /// `laddr` of CLIENT LIST: where it came in.
    pub(super) fn shown_local(&self) -> String {
        self.unix_path.as_ref().map_or_else(|| self.local.to_string(), |path| format!("{path}:0"))
    }

    /// The client's line in CLIENT LIST.
    pub(in crate::node) fn describe(&self, now: Duration) -> String {
        let own = self.subscriptions.borrow();
        let unsent = self.unsent();
        let mut line = String::with_capacity(256);
        // Writing to a String cannot fail.
        let _ = write!(
            line,
            "id={} addr={} laddr={} fd=-1 name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={} \
             qbuf={} qbuf-free={} argv-mem={} multi-mem={} rbs={} rbp={} obl={} oll={} omem={} tot-mem={} events={} cmd={} \
             user=default redir={} resp={}",
            self.id,
            self.shown_addr(),
            self.shown_local(),
            self.name.borrow(),
            (now.saturating_sub(self.since)).as_secs(),
            (now.saturating_sub(self.last_active.get())).as_secs(),
            self.flags(),
            self.db.get(),
            own.count(Topic::Channel),
            own.count(Topic::Pattern),
            own.count(Topic::Shard),
            self.queued.get(),
            self.query_bytes.get(),
            self.buffers.query_free(),
            self.argument_bytes.get(),
            self.queued_bytes.get(),
            self.buffers.reply_room(),
            self.buffers.reply_peak(),
            unsent.min(OUTPUT_BUFFER),
            usize::from(unsent > OUTPUT_BUFFER),
            unsent.saturating_sub(OUTPUT_BUFFER),
            self.whole_memory(),
            if self.output_bytes.get() > 0 { "rw" } else { "r" },
            self.last_command.get(),
            self.tracking.borrow().as_ref().map_or(-1, |own| own.redirect() as i64),
            self.resp.get(),
        );
        line
    }
}

/// How a client wants to be told of keys that others change: CLIENT TRACKING.
#[derive(Debug, Clone, Default)]
#[allow(clippy::struct_excessive_bools)] // four independent words of one command
pub(in crate::node) struct Tracking {
    pub(in crate::node) redirect: ClientId,
    pub(in crate::node) broken_redirect: bool,
    pub(in crate::node) bcast: bool,
    pub(in crate::node) optin: bool,
    pub(in crate::node) optout: bool,
    pub(in crate::node) noloop: bool,
    /// CLIENT CACHING was given for the next command.
    pub(in crate::node) caching: bool,
    pub(in crate::node) prefixes: BTreeSet<Vec<u8>>,
    /// Bytes for all of these.
    pub(in crate::node) prefix_bytes: usize,
}

impl Tracking {
    /// Bytes that it takes.
    pub(super) fn memory(&self) -> usize {
        self.prefix_bytes
    }

    /// Letters in CLIENT LIST.
    pub(super) fn flags(&self) -> &'static str {
        match (self.broken_redirect, self.bcast) {
            (false, false) => "t",
            (false, true) => "tB",
            (true, false) => "tR",
            (true, true) => "tRB",
        }
    }

    pub(super) fn redirect(&self) -> ClientId {
        self.redirect
    }
}

/// What a waiting client is woken with.
#[derive(Debug)]
pub(in crate::node) struct Answer {
    /// Messages that go out before it.
    pub(super) heard: Vec<u8>,
    pub(super) bytes: Vec<u8>,
    /// The connection ends with it.
    pub(super) close: bool,
}

impl Answer {
    /// An answer for a client. If it is the last one, what the client has heard by now comes first; else a client hears
    /// of what its own command did behind the answer.
    pub(in crate::node) fn to(client: &Client, bytes: Vec<u8>, close: bool) -> Self {
        let mut heard = Replies::new();
        if close {
            client.outbox.move_into(&mut heard);
        }
        Self { heard: heard.take(), bytes, close }
    }
}

/// Whether an address is one of those at which Redis takes a client for a program on the same machine.
pub(super) fn is_here(peer: SocketAddr) -> bool {
    let ip = peer.ip().to_canonical();
    ip == IpAddr::from([127, 0, 0, 1]) || ip == IpAddr::from(std::net::Ipv6Addr::LOCALHOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_soft_limit_counts_the_time_above_it_without_a_break() {
        let here = SocketAddr::from(([127, 0, 0, 1], 1));
        let client = Client::new(1, here, here, Duration::ZERO);
        let limit = OutputLimit { hard: 100_000, soft: 10_000, soft_for: Duration::from_secs(2) };
        let at = Duration::from_secs;
        client.output_bytes.set(10_000);
        assert!(!client.is_over(&limit, at(1)));
        assert!(!client.is_over(&limit, at(3)));
        assert!(client.is_over(&limit, at(4)));
        client.output_bytes.set(9_998);
        assert!(!client.is_over(&limit, at(5)));
        client.outbox.push(b"xx");
        assert!(!client.is_over(&limit, at(6)), "it was below in between");
        client.took_all();
        assert!(!client.is_over(&limit, at(9)), "everything had left in between");
        client.output_bytes.set(99_998);
        assert!(
            client.is_over(&limit, at(9)),
            "the hard limit is one at once, for messages and replies together"
        );
    }
}
