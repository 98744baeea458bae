//! Replica side: the task that does the input and output of the link to the master.
//!
//! [`ReplicaLink`](crate::replication::ReplicaLink) decides, this task does. Snapshots are `link_transfer`'s.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::sync::Notify;

use crate::node::clients::client::{Client, ClientId, ClientKind};
use crate::node::clients::session::Session;
use crate::node::event::{LinkPhase, NodeEvent, SyncOutcome};
use crate::node::faults::wire::{READ, Wire};
use crate::node::node::Shared;
use crate::node::time::pulse::within;
use crate::replication::{Applied, Granted, Held, LinkAction, LinkError, LinkEvent, LinkStep, ReplId};

/// Longest line that a master may send in the handshake.
const LINE_MAX: usize = 4096;
/// The link's timer.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// Why the driver stops waiting.
pub(super) enum Input {
    Bytes(usize),
    Tick,
    Woken,
    Lost(String),
}

pub(super) struct Driver {
    pub(super) shared: Shared,
    pub(super) generation: u64,
    pub(super) wake: Rc<Notify>,
    pub(super) stream: Option<Wire>,
    /// Bytes read and not used yet: of a line, or of the stream.
    pub(super) buffer: Vec<u8>,
    pub(super) actions: Vec<LinkAction>,
    session: Option<Session>,
    streaming: bool,
    connect_began: Instant,
    pub(super) snapshot_bytes: u64,
    pub(super) keys: u64,
    pub(super) granted: Option<Held>,
    /// Database that the stream behind the snapshot just loaded has selected: a master that is a replica itself
    /// passes its own master's stream on and does not SELECT anew.
    pub(super) loaded_db: Option<u16>,
    pub(super) next_tick: tokio::time::Instant,
    /// Which faults this driver knows of.
    pub(super) faults_seen: u64,
    /// When a fault resets this connection.
    pub(super) reset_at: Option<tokio::time::Instant>,
    /// A connection that was given up while nothing got out of this end: its master cannot know.
    pub(super) unheard: Option<Wire>,
}

impl Driver {
    pub(super) fn new(shared: Shared, generation: u64, wake: Rc<Notify>) -> Self {
        Self {
            shared,
            generation,
            wake,
            stream: None,
            buffer: Vec::new(),
            actions: Vec::new(),
            session: None,
            streaming: false,
            connect_began: Instant::now(),
            snapshot_bytes: 0,
            keys: 0,
            granted: None,
            loaded_db: None,
            next_tick: tokio::time::Instant::now() + TICK,
            faults_seen: 0,
            reset_at: None,
            unheard: None,
        }
    }

    pub(super) async fn run(mut self) {
        self.tell(LinkEvent::ConnectNow);
        loop {
            let mut actions: VecDeque<LinkAction> = std::mem::take(&mut self.actions).into();
            while let Some(action) = actions.pop_front() {
                self.perform(action).await;
                // What an action leads to comes after what was asked for before it.
                actions.extend(std::mem::take(&mut self.actions));
            }
            if !self.is_current() {
                return;
            }
            if self.streaming {
                self.stream_on().await;
            } else {
                self.read_lines().await;
            }
        }
    }

    fn is_current(&self) -> bool {
        let node = self.shared.borrow();
        node.replication.upstream.as_ref().is_some_and(|upstream| upstream.generation == self.generation)
    }

    /// Tells the state machine what happened, and notes what it wants done.
    pub(super) fn tell(&mut self, event: LinkEvent<'_>) {
        let mut node = self.shared.borrow_mut();
        node.clock.tick(Instant::now());
        let now = node.clock.since_start();
        if let Some(upstream) = &mut node.replication.upstream
            && upstream.generation == self.generation
        {
            upstream.link.on_event(now, event, &mut self.actions);
        }
    }

    async fn perform(&mut self, action: LinkAction) {
        match action {
            LinkAction::Connect => self.connect().await,
            LinkAction::Send(bytes) => self.send(&bytes).await,
            LinkAction::Report(step) => self.report(step),
            LinkAction::Decided { asked, granted } => self.decided(asked, granted),
            LinkAction::ReceiveSnapshot(form) => self.receive_snapshot(form).await,
            LinkAction::StartStreaming { .. } => self.start_streaming(),
            LinkAction::Close(error) => self.close(&error),
            LinkAction::Reopen { after } => {
                if !after.is_zero() {
                    let _ = tokio::time::timeout(after, self.wake.notified()).await;
                }
                self.tell(LinkEvent::ConnectNow);
            }
        }
    }

    async fn send(&mut self, bytes: &[u8]) {
        let Some(stream) = &mut self.stream else { return };
        match stream.write_all(bytes).await {
            Ok(()) => self.shared.borrow_mut().figures.stats.net_output += bytes.len() as u64,
            Err(error) => self.tell(LinkEvent::Lost(format!("writing failed: {error}"))),
        }
    }

    async fn connect(&mut self) {
        self.connect_began = Instant::now();
        self.buffer.clear();
        let (host, port, timeout, source) = {
            let node = self.shared.borrow();
            let Some(upstream) = &node.replication.upstream else { return };
            let source = node.config.bind_source_addr.clone();
            (upstream.host.clone(), upstream.port, node.config.repl_timeout, source)
        };
        let host = if host == "localhost" { "127.0.0.1".to_owned() } else { host };
        let connected = within(timeout, async {
            self.wait_as_faults_say().await?;
            crate::node::faults::wire::connect_from(source.as_deref(), &host, port).await
        });
        match connected.await {
            Some(Ok(stream)) => {
                // Small commands must not wait for each other.
                let _ = stream.set_nodelay(true);
                if let Some(upstream) = &mut self.shared.borrow_mut().replication.upstream
                    && upstream.generation == self.generation
                {
                    upstream.socket = SockRef::from(&stream).try_clone().ok();
                }
                self.stream = Some(Wire::new(stream));
                self.faults_seen = 0;
                let reset_every = {
                    let mut node = self.shared.borrow_mut();
                    // A reset that was due is one of the connection before.
                    node.replication.link_faults.take_reset();
                    node.replication.link_faults.reset_every()
                };
                self.reset_at = reset_every.map(|every| tokio::time::Instant::now() + every);
                self.see_faults();
                self.tell(LinkEvent::SocketOpen);
            }
            Some(Err(error)) => self.tell(LinkEvent::ConnectFailed(error.to_string())),
            None => self.tell(LinkEvent::ConnectFailed(format!("no answer for {timeout:?}"))),
        }
    }

    fn report(&mut self, step: LinkStep) {
        let phase = match step {
            LinkStep::Connect => LinkPhase::Connect,
            LinkStep::Connecting => LinkPhase::Connecting,
            LinkStep::Ping => LinkPhase::Ping,
            LinkStep::Auth => LinkPhase::Auth,
            LinkStep::Replconf => LinkPhase::Replconf,
            LinkStep::Psync => LinkPhase::Psync,
            LinkStep::WaitSnapshot => LinkPhase::WaitSnapshot,
            LinkStep::Transfer { total } => {
                LinkPhase::Transfer { received: 0, total, keys: 0, keys_total: 0 }
            }
            LinkStep::Load => LinkPhase::Load { keys: self.keys, keys_total: self.keys },
            LinkStep::Streaming => LinkPhase::Streaming,
        };
        let mut node = self.shared.borrow_mut();
        node.emit(NodeEvent::Link(phase));
        match step {
            LinkStep::Connecting => {
                if let Some(upstream) = &node.replication.upstream {
                    let text = format!("Connecting to MASTER {}:{}", upstream.host, upstream.port);
                    node.log(crate::node::event::LogLevel::Verbose, text);
                }
            }
            LinkStep::Ping => node.notice("MASTER <-> REPLICA sync started"),
            LinkStep::Transfer { total: Some(bytes) } => {
                node.notice(format!(
                    "MASTER <-> REPLICA sync: receiving {bytes} bytes from master to memory"
                ));
            }
            LinkStep::Streaming => node.notice("MASTER <-> REPLICA sync: Finished with success"),
            _ => {}
        }
    }

    fn decided(&mut self, asked: Option<Held>, granted: Granted) {
        let mut node = self.shared.borrow_mut();
        let node = &mut *node;
        self.snapshot_bytes = 0;
        self.keys = 0;
        let outcome = match granted {
            Granted::Partial { replid } => {
                node.notice(format!("Successful partial resynchronization with master. Replid: {replid}"));
                if node.ledger().adopt_continue(replid) {
                    node.drop_all_feeds("the master has a new replid: reconnect to learn it");
                    node.emit_role();
                }
                node.update_streaming();
                node.tell_supervisor(
                    "STATUS=MASTER <-> REPLICA sync: Partial Resynchronization accepted. Ready to accept connections \
                     in read-write mode.\n",
                );
                self.granted = None;
                SyncOutcome::Partial { replid }
            }
            Granted::Full { replid, offset } => {
                node.notice(format!("Full resync from master: {replid}:{offset}"));
                self.granted = Some((replid, offset));
                SyncOutcome::Full { replid, offset }
            }
            Granted::Anonymous => {
                self.granted = None;
                SyncOutcome::Full { replid: ReplId::from_bytes([0; 20]), offset: 0 }
            }
        };
        node.emit(NodeEvent::SyncDecided { asked, outcome });
        node.finish_failover();
    }

    /// Waits for bytes, the timer, or a change that the node wants looked at.
    pub(super) async fn input(&mut self, into: &mut Vec<u8>) -> Input {
        let Some(stream) = &mut self.stream else {
            tokio::time::sleep_until(self.next_tick).await;
            self.next_tick = tokio::time::Instant::now() + TICK;
            return Input::Tick;
        };
        into.reserve(READ);
        let input = tokio::select! {
            biased;
            () = self.wake.notified() => Input::Woken,
            read = stream.read(into) => match read {
                Ok(0) => Input::Lost("the master closed the connection".to_owned()),
                Ok(count) => Input::Bytes(count),
                Err(error) => Input::Lost(format!("reading failed: {error}")),
            },
            () = tokio::time::sleep_until(self.reset_at.map_or(self.next_tick, |at| at.min(self.next_tick))) => Input::Tick,
        };
        if matches!(input, Input::Tick) && self.reset_at.is_some_and(|at| at <= tokio::time::Instant::now()) {
            return Input::Lost(self.reset());
        }
        match &input {
            Input::Tick => self.next_tick = tokio::time::Instant::now() + TICK,
            Input::Bytes(count) => {
                let mut node = self.shared.borrow_mut();
                node.figures.stats.net_input += *count as u64;
                node.figures.stats.repl_input += *count as u64;
                if self.streaming
                    && let Some(upstream) = &mut node.replication.upstream
                {
                    upstream.read_offset += *count as u64;
                }
            }
            _ => {}
        }
        input
    }

    /// Waits with the buffer of lines and the stream.
    async fn input_here(&mut self) -> Input {
        let mut buffer = std::mem::take(&mut self.buffer);
        let input = self.input(&mut buffer).await;
        self.buffer = buffer;
        input
    }

    /// Handles what is the same in every phase; `false` if the connection is gone.
    pub(super) fn on_input(&mut self, input: Input) -> bool {
        match input {
            Input::Bytes(_) => self.tell(LinkEvent::Received),
            Input::Tick => self.tell(LinkEvent::Tick),
            Input::Lost(reason) => {
                self.tell(LinkEvent::Lost(reason));
                return false;
            }
            Input::Woken => {
                let fault = self.see_faults();
                let (lost, ack) = {
                    let mut node = self.shared.borrow_mut();
                    let upstream = node.replication.upstream.as_mut();
                    upstream.map_or((fault.clone(), false), |upstream| {
                        (fault.or(upstream.lost.take()), std::mem::take(&mut upstream.ack_wanted))
                    })
                };
                if let Some(reason) = lost {
                    self.tell(LinkEvent::Lost(reason));
                    return false;
                }
                if ack {
                    self.tell(LinkEvent::GetAck);
                }
            }
        }
        true
    }

    async fn read_lines(&mut self) {
        while self.actions.is_empty() && !self.streaming {
            if let Some(end) = memchr::memchr(b'\n', &self.buffer) {
                let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
                line.truncate(end - usize::from(line[..end].ends_with(b"\r")));
                self.tell(LinkEvent::Line(&line));
                continue;
            }
            if self.buffer.len() > LINE_MAX {
                self.tell(LinkEvent::Lost("the master sent a line without end".to_owned()));
                return;
            }
            let input = self.input_here().await;
            if !self.on_input(input) {
                return;
            }
        }
    }

    /// Does what the state machine asked for in the middle of a transfer.
    pub(super) async fn perform_now(&mut self) {
        for action in std::mem::take(&mut self.actions) {
            match action {
                LinkAction::Send(bytes) => self.send(&bytes).await,
                LinkAction::Report(step) => self.report(step),
                LinkAction::Close(error) => self.close(&error),
                // Connecting again waits until the transfer is wound up.
                later => self.actions.push(later),
            }
        }
    }

    fn start_streaming(&mut self) {
        self.streaming = true;
        let mut node = self.shared.borrow_mut();
        let node = &mut *node;
        let now = node.clock.since_start();
        let id = node.clients.next_client;
        node.clients.next_client += 1;
        let addr = self.stream.as_ref().and_then(|wire| wire.socket().peer_addr().ok());
        let local = self.stream.as_ref().and_then(|wire| wire.socket().local_addr().ok());
        let unknown = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let client = Rc::new(Client::new(id, addr.unwrap_or(unknown), local.unwrap_or(unknown), now));
        client.kind.set(ClientKind::Master);
        node.clients.by_id.insert(id, Rc::clone(&client));
        let offset = node.replication.history.offset();
        let mut db = 0;
        if let Some(upstream) = &mut node.replication.upstream {
            // A partial resync sends no SELECT again: the database is the one that was selected.
            db = self.loaded_db.take().unwrap_or(upstream.applied.db());
            upstream.applied = Applied::new(offset, db);
            upstream.read_offset = offset + self.buffer.len() as u64;
            upstream.down_since = None;
            upstream.may_wipe = false;
            upstream.client = Some(Rc::clone(&client));
        }
        let mut session = Session::new(client, true);
        session.db = usize::from(db);
        self.session = Some(session);
        let event = NodeEvent::SyncFinished {
            snapshot_bytes: self.snapshot_bytes,
            keys: self.keys,
            took: self.connect_began.elapsed(),
        };
        node.emit(event);
        node.emit_role();
    }

    /// Applies the stream until the link ends.
    async fn stream_on(&mut self) {
        loop {
            match self.apply() {
                Ok(more) => {
                    self.perform_now().await;
                    if self.stream.is_none() || !self.actions.is_empty() {
                        return;
                    }
                    if more {
                        tokio::task::yield_now().await;
                        continue;
                    }
                }
                Err(reason) => {
                    self.shared
                        .borrow_mut()
                        .warning(format!("== CRITICAL == The master's stream cannot be applied: {reason}"));
                    self.shared.borrow_mut().leave_refused_history();
                    self.tell(LinkEvent::StreamRefused(reason));
                    return;
                }
            }
            let input = self.input_here().await;
            if !self.on_input(input) {
                return;
            }
            self.perform_now().await;
            if self.stream.is_none() || !self.actions.is_empty() {
                return;
            }
        }
    }

    fn apply(&mut self) -> Result<bool, String> {
        if !self.is_current() {
            return Ok(false);
        }
        let limit = self.shared.borrow().config.client_query_buffer_limit;
        if self.buffer.len() as u64 > limit.saturating_add(READ as u64) {
            return Err("a command longer than client-query-buffer-limit".to_owned());
        }
        let mut node = self.shared.borrow_mut();
        let Some(session) = &mut self.session else { return Ok(false) };
        node.apply_batch(session, &mut self.buffer, &mut self.actions)
    }

    fn close(&mut self, error: &LinkError) {
        let was_up = std::mem::take(&mut self.streaming);
        self.hang_up();
        self.buffer.clear();
        self.session = None;
        let mut node = self.shared.borrow_mut();
        let node = &mut *node;
        let now = node.clock.since_start();
        let mut master: Option<ClientId> = None;
        if let Some(upstream) = &mut node.replication.upstream
            && upstream.generation == self.generation
        {
            upstream.transfer = None;
            upstream.applied.cut();
            upstream.relay.cut();
            if was_up {
                upstream.down_since = Some(now);
            }
            master = upstream.client.take().map(|client| client.id);
        }
        if let Some(id) = master {
            node.clients.by_id.remove(&id);
        }
        let reason = error.to_string();
        node.warning(format!("Connection with master lost: {reason}"));
        node.emit(NodeEvent::LinkLost { reason });
        if error.is_refusal() {
            node.failover_refused();
        }
    }
}
