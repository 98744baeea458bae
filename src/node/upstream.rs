//! Replica side: the driver of the link to the master.
//!
//! [`ReplicaLink`] decides, this task does the input and output. A full sync is decoded on a helper thread
//! into a new data set while the old one is served, and swapped in when it is complete and checked.

// Long because one link is one story: connect, handshake, snapshot, stream, loss.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::AbortHandle;

use super::client::{Client, ClientId, ClientKind};
use super::event::{LinkPhase, NodeEvent, SyncOutcome};
use super::session::Session;
use super::state::{Node, Shared};
use crate::persistence::{ChannelReader, Ending, LoadOptions, Loaded, Piece, load};
use crate::replication::{
    Applied, EOF_MARK_LEN, Granted, LinkAction, LinkConfig, LinkError, LinkEvent, LinkStep, MasterAuth,
    ReplId, ReplOffset, ReplicaLink, SnapshotForm,
};

/// Bytes read from the master at once.
const READ: usize = 256 * 1024;
/// Pieces of a snapshot that wait for the decoder.
const PIECES_WAITING: usize = 16;
/// Longest line that a master may send in the handshake.
const LINE_MAX: usize = 4096;
/// How often the progress of a transfer is told.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);
/// The link's timer.
const TICK: Duration = Duration::from_secs(1);

type Held = (ReplId, ReplOffset);

/// Where a stream was left, for another link to go on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Continued {
    pub(super) replid: ReplId,
    pub(super) offset: ReplOffset,
    /// Database selected there: nobody will SELECT it again.
    pub(super) db: u16,
}

/// The link to our master.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) host: String,
    pub(super) port: u16,
    generation: u64,
    pub(super) link: ReplicaLink,
    pub(super) applied: Applied,
    /// Bytes of a transaction whose end has not come.
    pub(super) held: Vec<u8>,
    /// Bytes of the stream that were read (`slave_read_repl_offset`).
    read_offset: ReplOffset,
    pub(super) transfer: Option<TransferIn>,
    /// Since when the link is down; `None` while it is up, or if it never was.
    pub(super) down_since: Option<Duration>,
    pub(super) client: Option<Rc<Client>>,
    ack_wanted: bool,
    /// The connection is to be dropped; why.
    lost: Option<String>,
    wake: Rc<Notify>,
    task: Option<AbortHandle>,
}

/// A snapshot that arrives.
#[derive(Debug, Clone)]
pub(super) struct TransferIn {
    pub(super) total: Option<u64>,
    pub(super) received: u64,
    pub(super) last_io: Duration,
}

impl Upstream {
    /// `master_link_status:up`.
    pub(super) fn is_up(&self) -> bool {
        self.link.is_up()
    }

    pub(super) fn is_syncing(&self) -> bool {
        self.link.is_syncing()
    }

    pub(super) fn role_word(&self) -> &'static str {
        self.link.role_word()
    }

    pub(super) fn heard(&self) -> Duration {
        self.link.heard()
    }

    /// What was applied, if there is a history at all.
    pub(super) fn applied_offset(&self) -> Option<ReplOffset> {
        self.link.held().map(|(_, offset)| offset)
    }

    pub(super) fn read_offset(&self) -> ReplOffset {
        self.read_offset
    }

    /// Database that the master's stream has selected.
    pub(super) fn stream_db(&self) -> u16 {
        self.applied.db()
    }

    /// `REPLCONF GETACK` came from a client: answer our master soon.
    pub(super) fn want_ack(&mut self) {
        self.ack_wanted = true;
        self.wake.notify_one();
    }

    /// Drops the connection to the master, as CLIENT KILL asks; it is tried again at once.
    pub(super) fn drop_connection(&mut self, reason: &str) {
        self.lost = Some(reason.to_owned());
        self.wake.notify_one();
    }

    /// Something about the link changed: look again.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Ends the link; returns what another link may continue.
    pub(super) fn end(self) -> Option<Continued> {
        if let Some(task) = &self.task {
            task.abort();
        }
        let (replid, offset) = self.link.held()?;
        Some(Continued { replid, offset, db: self.applied.db() })
    }
}

impl Node {
    /// Begins to follow `host:port`; `left` is where a partial resync may go on.
    pub(super) fn start_upstream(&mut self, host: String, port: u16, left: Option<Continued>) {
        let config = self.link_config();
        self.random = self.random.wrapping_add(1);
        let generation = self.random();
        let held = left.map(|left| (left.replid, left.offset));
        let (offset, db) = left.map_or((0, 0), |left| (left.offset, left.db));
        let now = self.clock.since_start();
        let mut upstream = Upstream {
            host,
            port,
            generation,
            link: ReplicaLink::new(config, held),
            applied: Applied::new(offset, db),
            held: Vec::new(),
            read_offset: offset,
            transfer: None,
            down_since: held.is_some().then_some(now),
            client: None,
            ack_wanted: false,
            lost: None,
            wake: Rc::new(Notify::new()),
            task: None,
        };
        let Some(shared) = self.me.upgrade() else { return };
        let exit = Rc::clone(&self.exit);
        let driver = Driver::new(shared, generation, Rc::clone(&upstream.wake));
        let task = tokio::task::spawn_local(super::runtime::guarded(exit, driver.run()));
        upstream.task = Some(task.abort_handle());
        self.upstream = Some(upstream);
        self.notice("Connecting to MASTER");
    }

    fn link_config(&self) -> LinkConfig {
        let config = &self.config;
        let port = if config.replica_announce_port > 0 { config.replica_announce_port } else { config.port };
        LinkConfig {
            listening_port: port,
            announce_ip: config.replica_announce_ip.clone(),
            auth: config
                .masterauth
                .clone()
                .map(|password| MasterAuth { user: config.masteruser.clone(), password }),
            timeout: config.repl_timeout,
        }
    }

    /// A parameter of the link was changed.
    pub(super) fn configure_link(&mut self) {
        let config = self.link_config();
        if let Some(upstream) = &mut self.upstream {
            upstream.link.configure(config);
        }
    }

    /// Cuts or heals the link to the master, as the lab asks.
    pub(super) fn set_link_cut(&mut self, cut: bool) {
        if self.link_cut != cut {
            self.link_cut = cut;
            self.emit(NodeEvent::LinkCut(cut));
            if let Some(upstream) = &self.upstream {
                upstream.wake();
            }
        }
    }

    /// Puts the new data set in place of the old one.
    fn install(&mut self, loaded: Loaded, of: Option<Held>) {
        let old = std::mem::replace(&mut self.store, loaded.store);
        self.stats.load_keys_loaded = loaded.keys_loaded;
        self.stats.load_keys_expired = loaded.keys_expired;
        // Freeing a big data set takes long; without a thread it is freed here.
        let _ = std::thread::Builder::new().name("lazyfree".into()).spawn(move || drop(old));
        self.mark_all_watchers();
        self.adopt_full_sync(of.map(|(replid, _)| replid), of.map_or(0, |(_, offset)| offset));
    }
}

/// Why the driver stops waiting.
enum Input {
    Bytes(usize),
    Tick,
    Woken,
    Lost(String),
}

struct Driver {
    shared: Shared,
    generation: u64,
    wake: Rc<Notify>,
    stream: Option<TcpStream>,
    buffer: BytesMut,
    actions: Vec<LinkAction>,
    session: Option<Session>,
    streaming: bool,
    connect_began: Instant,
    snapshot_bytes: u64,
    keys: u64,
    granted: Option<Held>,
    /// Database that the stream behind the snapshot just loaded has selected: a master that is a replica itself
    /// passes its own master's stream on and does not SELECT anew.
    loaded_db: Option<u16>,
    next_tick: tokio::time::Instant,
    /// Bytes of the stream read beyond the last whole command.
    stream_buffer: Vec<u8>,
}

impl Driver {
    fn new(shared: Shared, generation: u64, wake: Rc<Notify>) -> Self {
        Self {
            shared,
            generation,
            wake,
            stream: None,
            buffer: BytesMut::new(),
            actions: Vec::new(),
            session: None,
            streaming: false,
            connect_began: Instant::now(),
            snapshot_bytes: 0,
            keys: 0,
            granted: None,
            loaded_db: None,
            next_tick: tokio::time::Instant::now() + TICK,
            stream_buffer: Vec::new(),
        }
    }

    async fn run(mut self) {
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
        node.upstream.as_ref().is_some_and(|upstream| upstream.generation == self.generation)
    }

    /// Tells the state machine what happened, and notes what it wants done.
    fn tell(&mut self, event: LinkEvent<'_>) {
        let mut node = self.shared.borrow_mut();
        node.clock.tick(Instant::now());
        let now = node.clock.since_start();
        if let Some(upstream) = &mut node.upstream
            && upstream.generation == self.generation
        {
            upstream.link.on_event(now, event, &mut self.actions);
        }
    }

    async fn perform(&mut self, action: LinkAction) {
        match action {
            LinkAction::Connect => self.connect().await,
            LinkAction::Send(bytes) => {
                if let Some(stream) = &mut self.stream
                    && let Err(error) = stream.write_all(&bytes).await
                {
                    self.tell(LinkEvent::Lost(format!("writing failed: {error}")));
                } else {
                    self.shared.borrow_mut().stats.net_output += bytes.len() as u64;
                }
            }
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

    async fn connect(&mut self) {
        self.connect_began = Instant::now();
        self.buffer.clear();
        let (host, port, cut, timeout, nodelay) = {
            let node = self.shared.borrow();
            let Some(upstream) = &node.upstream else { return };
            let timeout = node.config.repl_timeout;
            (upstream.host.clone(), upstream.port, node.link_cut, timeout, true)
        };
        if cut {
            self.tell(LinkEvent::ConnectFailed("the link is cut".to_owned()));
            return;
        }
        let host = if host == "localhost" { "127.0.0.1".to_owned() } else { host };
        match tokio::time::timeout(timeout, TcpStream::connect((host.as_str(), port))).await {
            Ok(Ok(stream)) => {
                // Small commands must not wait for each other.
                let _ = stream.set_nodelay(nodelay);
                self.stream = Some(stream);
                self.tell(LinkEvent::SocketOpen);
            }
            Ok(Err(error)) => self.tell(LinkEvent::ConnectFailed(error.to_string())),
            Err(_) => self.tell(LinkEvent::ConnectFailed(format!("no answer for {timeout:?}"))),
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
                if let Some(upstream) = &node.upstream {
                    let text = format!("Connecting to MASTER {}:{}", upstream.host, upstream.port);
                    node.log(super::event::LogLevel::Verbose, text);
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
                if node.history.adopt_continue(replid) {
                    node.drop_all_feeds("the master has a new replid: reconnect to learn it");
                    node.emit_role();
                }
                if node.backlog.is_none() {
                    node.open_backlog();
                }
                node.update_streaming();
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
    }

    /// Waits for bytes, the timer, or a change that the node wants looked at.
    async fn input(&mut self) -> Input {
        let Some(stream) = &mut self.stream else {
            tokio::time::sleep_until(self.next_tick).await;
            self.next_tick = tokio::time::Instant::now() + TICK;
            return Input::Tick;
        };
        self.buffer.reserve(READ);
        let input = tokio::select! {
            biased;
            () = self.wake.notified() => Input::Woken,
            read = stream.read_buf(&mut self.buffer) => match read {
                Ok(0) => Input::Lost("the master closed the connection".to_owned()),
                Ok(count) => Input::Bytes(count),
                Err(error) => Input::Lost(format!("reading failed: {error}")),
            },
            () = tokio::time::sleep_until(self.next_tick) => Input::Tick,
        };
        match &input {
            Input::Tick => self.next_tick = tokio::time::Instant::now() + TICK,
            Input::Bytes(count) => {
                let mut node = self.shared.borrow_mut();
                node.stats.net_input += *count as u64;
                node.stats.repl_input += *count as u64;
            }
            _ => {}
        }
        input
    }

    /// Handles what is the same in every phase; `false` if the connection is gone.
    fn on_input(&mut self, input: Input) -> bool {
        match input {
            Input::Bytes(_) => self.tell(LinkEvent::Received),
            Input::Tick => self.tell(LinkEvent::Tick),
            Input::Lost(reason) => {
                self.tell(LinkEvent::Lost(reason));
                return false;
            }
            Input::Woken => {
                let (lost, ack) = {
                    let mut node = self.shared.borrow_mut();
                    let cut = node.link_cut.then(|| "the link was cut".to_owned());
                    let upstream = node.upstream.as_mut();
                    upstream.map_or((cut.clone(), false), |upstream| {
                        (cut.or(upstream.lost.take()), std::mem::take(&mut upstream.ack_wanted))
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
                let line = self.buffer.split_to(end + 1);
                let line = line.strip_suffix(b"\n").unwrap_or(&line);
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                self.tell(LinkEvent::Line(line));
                continue;
            }
            if self.buffer.len() > LINE_MAX {
                self.tell(LinkEvent::Lost("the master sent a line without end".to_owned()));
                return;
            }
            let input = self.input().await;
            if !self.on_input(input) {
                return;
            }
        }
    }

    /// Takes a snapshot in: bytes go to the decoder's thread, the old data is served meanwhile.
    async fn receive_snapshot(&mut self, form: SnapshotForm) {
        let (pieces, mut taken) = mpsc::channel::<Piece>(PIECES_WAITING);
        let counters = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
        let (done, mut loaded) = oneshot::channel();
        let options = self.load_options();
        let shown = Arc::clone(&counters);
        let thread = std::thread::Builder::new().name("load".into()).spawn(move || {
            let source = ChannelReader::new(move || taken.blocking_recv());
            let result = load(source, &options, |progress| {
                shown.0.store(progress.keys, Ordering::Relaxed);
                shown.1.store(progress.keys_total, Ordering::Relaxed);
                ControlFlow::Continue(())
            });
            let _ = done.send(result);
        });
        if let Err(error) = thread {
            self.tell(LinkEvent::SnapshotFailed(format!("no thread: {error}")));
            return;
        }
        let mut counting = Counting { form, received: 0, counters, told: Instant::now() };
        self.note_transfer(&counting, 0);
        let mut pieces = Some(pieces);
        loop {
            if let Some(sender) = pieces.take() {
                match self.hand_over(&mut counting, &sender).await {
                    Handed::More => pieces = Some(sender),
                    Handed::All => {
                        // A decoder that has given up says why in its result.
                        let _ = sender.send(Piece::End).await;
                        self.keys = counting.counters.0.load(Ordering::Relaxed);
                        self.tell(LinkEvent::SnapshotReceived);
                        self.perform_now().await;
                    }
                    Handed::Refused => {}
                }
            }
            let Some(result) = self.wait_for_snapshot(&mut loaded, pieces.is_some(), &counting).await else {
                return;
            };
            let loaded_now = match result {
                Step::Read => continue,
                Step::Loaded(result) => *result,
            };
            match loaded_now {
                Ok(loaded) => {
                    self.snapshot_bytes = counting.received;
                    self.keys = loaded.keys_loaded;
                    self.loaded_db = Some(loaded.aux.repl_stream_db.map_or(0, |db| db as u16));
                    let mut node = self.shared.borrow_mut();
                    let begun = Instant::now();
                    node.install(loaded, self.granted);
                    if let Some(upstream) = &mut node.upstream {
                        upstream.transfer = None;
                    }
                    node.lag.record(begun);
                    drop(node);
                    self.tell(LinkEvent::SnapshotLoaded);
                    return;
                }
                Err(reason) => {
                    if let Some(upstream) = &mut self.shared.borrow_mut().upstream {
                        upstream.transfer = None;
                    }
                    self.tell(LinkEvent::SnapshotFailed(reason));
                    return;
                }
            }
        }
    }

    /// Waits for more bytes or for the decoder; `None` if the connection is gone.
    async fn wait_for_snapshot(
        &mut self,
        loaded: &mut oneshot::Receiver<Result<Loaded, crate::persistence::RdbError>>,
        more_to_read: bool,
        counting: &Counting,
    ) -> Option<Step> {
        if !more_to_read {
            // All bytes are here; only the decoder and the timer matter now.
            loop {
                tokio::select! {
                    biased;
                    result = &mut *loaded => return Some(Step::from(result)),
                    () = tokio::time::sleep_until(self.next_tick) => {
                        self.next_tick = tokio::time::Instant::now() + TICK;
                        self.tell(LinkEvent::Tick);
                        self.perform_now().await;
                        self.stream.as_ref()?;
                    }
                }
            }
        }
        if let Ok(result) = loaded.try_recv() {
            // The decoder ended before the bytes did: it refused them.
            return Some(Step::from(Ok(result)));
        }
        let input = self.input().await;
        let going_on = self.on_input(input);
        self.note_transfer(counting, counting.received);
        self.perform_now().await;
        (going_on && self.stream.is_some()).then_some(Step::Read)
    }

    /// Does what the state machine asked for in the middle of a transfer.
    async fn perform_now(&mut self) {
        for action in std::mem::take(&mut self.actions) {
            match action {
                LinkAction::Send(bytes) => {
                    let Some(stream) = &mut self.stream else { continue };
                    if let Err(error) = stream.write_all(&bytes).await {
                        self.tell(LinkEvent::Lost(format!("writing failed: {error}")));
                    }
                }
                LinkAction::Report(step) => self.report(step),
                LinkAction::Close(error) => self.close(&error),
                // Connecting again waits until the transfer is wound up.
                later => self.actions.push(later),
            }
        }
    }

    async fn hand_over(&mut self, counting: &mut Counting, pieces: &mpsc::Sender<Piece>) -> Handed {
        let (ready, is_last) = counting.split(&mut self.buffer);
        if !ready.is_empty() {
            counting.received += ready.len() as u64;
            if pieces.send(Piece::Bytes(ready)).await.is_err() {
                return Handed::Refused;
            }
        }
        if counting.told.elapsed() >= PROGRESS_EVERY {
            counting.told = Instant::now();
            let phase = LinkPhase::Transfer {
                received: counting.received,
                total: counting.total(),
                keys: counting.counters.0.load(Ordering::Relaxed),
                keys_total: counting.counters.1.load(Ordering::Relaxed),
            };
            self.shared.borrow_mut().emit(NodeEvent::Link(phase));
        }
        if is_last { Handed::All } else { Handed::More }
    }

    fn note_transfer(&self, counting: &Counting, received: u64) {
        let mut node = self.shared.borrow_mut();
        let last_io = node.clock.since_start();
        if let Some(upstream) = &mut node.upstream
            && upstream.generation == self.generation
        {
            upstream.transfer = Some(TransferIn { total: counting.total(), received, last_io });
        }
    }

    fn load_options(&self) -> LoadOptions {
        let mut node = self.shared.borrow_mut();
        LoadOptions {
            databases: node.config.databases as usize,
            seed: node.random(),
            now: node.clock.millis(),
            keep_expired: true,
            verify_checksum: node.config.rdbchecksum,
            max_string: node.config.proto_max_bulk_len,
            access: node.access(),
            // A mark is taken off before the decoder sees the bytes.
            ending: Ending::File,
        }
    }

    fn start_streaming(&mut self) {
        self.streaming = true;
        self.stream_buffer.clear();
        self.stream_buffer.extend_from_slice(&self.buffer);
        self.buffer.clear();
        let mut node = self.shared.borrow_mut();
        let node = &mut *node;
        let now = node.clock.since_start();
        let id = node.next_client;
        node.next_client += 1;
        let addr = self.stream.as_ref().and_then(|stream| stream.peer_addr().ok());
        let local = self.stream.as_ref().and_then(|stream| stream.local_addr().ok());
        let unknown = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let client = Rc::new(Client::new(id, addr.unwrap_or(unknown), local.unwrap_or(unknown), now));
        client.kind.set(ClientKind::Master);
        node.clients.insert(id, Rc::clone(&client));
        let offset = node.history.offset();
        let mut db = 0;
        if let Some(upstream) = &mut node.upstream {
            // A partial resync sends no SELECT again: the database is the one that was selected.
            db = self.loaded_db.take().unwrap_or(upstream.applied.db());
            upstream.applied = Applied::new(offset, db);
            upstream.read_offset = offset;
            upstream.down_since = None;
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
                    self.tell(LinkEvent::StreamRefused(reason));
                    return;
                }
            }
            let input = self.stream_input().await;
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
        let mut node = self.shared.borrow_mut();
        let Some(session) = &mut self.session else { return Ok(false) };
        node.apply_batch(session, &mut self.stream_buffer, &mut self.actions)
    }

    async fn stream_input(&mut self) -> Input {
        let Some(stream) = &mut self.stream else { return Input::Lost("no connection".to_owned()) };
        self.stream_buffer.reserve(READ);
        let input = tokio::select! {
            biased;
            () = self.wake.notified() => Input::Woken,
            read = stream.read_buf(&mut self.stream_buffer) => match read {
                Ok(0) => Input::Lost("the master closed the connection".to_owned()),
                Ok(count) => Input::Bytes(count),
                Err(error) => Input::Lost(format!("reading failed: {error}")),
            },
            () = tokio::time::sleep_until(self.next_tick) => Input::Tick,
        };
        match &input {
            Input::Tick => self.next_tick = tokio::time::Instant::now() + TICK,
            Input::Bytes(count) => {
                let mut node = self.shared.borrow_mut();
                node.stats.net_input += *count as u64;
                node.stats.repl_input += *count as u64;
                if let Some(upstream) = &mut node.upstream {
                    upstream.read_offset += *count as u64;
                }
            }
            _ => {}
        }
        input
    }

    fn close(&mut self, error: &LinkError) {
        self.stream = None;
        self.streaming = false;
        self.buffer.clear();
        self.stream_buffer.clear();
        self.session = None;
        let mut node = self.shared.borrow_mut();
        let node = &mut *node;
        let now = node.clock.since_start();
        let mut master: Option<ClientId> = None;
        if let Some(upstream) = &mut node.upstream
            && upstream.generation == self.generation
        {
            upstream.transfer = None;
            upstream.applied.cut();
            upstream.held.clear();
            upstream.down_since = Some(now);
            master = upstream.client.take().map(|client| client.id);
        }
        if let Some(id) = master {
            node.clients.remove(&id);
        }
        let reason = error.to_string();
        node.warning(format!("Connection with master lost: {reason}"));
        node.emit(NodeEvent::LinkLost { reason });
    }
}

/// What became of bytes for the decoder.
enum Handed {
    More,
    All,
    Refused,
}

enum Step {
    Read,
    Loaded(Box<Result<Loaded, String>>),
}

impl From<Result<Result<Loaded, crate::persistence::RdbError>, oneshot::error::RecvError>> for Step {
    fn from(result: Result<Result<Loaded, crate::persistence::RdbError>, oneshot::error::RecvError>) -> Self {
        Self::Loaded(Box::new(match result {
            Ok(Ok(loaded)) => Ok(loaded),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the decoder panicked".to_owned()),
        }))
    }
}

/// Finds the end of a snapshot among its bytes.
struct Counting {
    form: SnapshotForm,
    received: u64,
    /// Keys decoded, keys announced.
    counters: Arc<(AtomicU64, AtomicU64)>,
    told: Instant,
}

impl Counting {
    fn total(&self) -> Option<u64> {
        match self.form {
            SnapshotForm::Length(total) => Some(total),
            SnapshotForm::UntilMark(_) => None,
        }
    }

    /// Takes off `buffer` what surely belongs to the snapshot; `true` if that is the last of it.
    fn split(&self, buffer: &mut BytesMut) -> (Bytes, bool) {
        match &self.form {
            SnapshotForm::Length(total) => {
                let left = total - self.received;
                let take = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                (buffer.split_to(take).freeze(), take as u64 == left)
            }
            SnapshotForm::UntilMark(mark) => {
                // The last bytes may be the mark, or its beginning: they are held back.
                let keep = buffer.len().min(EOF_MARK_LEN);
                let ready = buffer.split_to(buffer.len() - keep).freeze();
                let is_last = buffer[..] == mark[..];
                if is_last {
                    buffer.clear();
                }
                (ready, is_last)
            }
        }
    }
}
