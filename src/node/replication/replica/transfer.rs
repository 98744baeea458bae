//! Replica side: a snapshot comes in, is decoded on a helper thread, and swapped in when it is whole.
//!
//! The old data set serves meanwhile. Buffers go to the decoder and come back: fresh ones would cost more in
//! page faults than the bytes in them.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::driver::{Driver, TICK};
use crate::node::config::DisklessLoad;
use crate::node::disk::loading::TransferIn;
use crate::node::event::{LinkPhase, NodeEvent};
use crate::node::faults::wire::READ;
use crate::node::tasks;
use crate::persistence::{ChannelReader, Loaded, Piece, RdbError, load};
use crate::replication::{EOF_MARK_LEN, LinkEvent, SnapshotBytes, SnapshotForm};

/// Pieces of a snapshot that wait for the decoder.
const PIECES_WAITING: usize = 16;
/// How often the progress of a transfer is told.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// What the decoder ends with.
type Outcome = Result<Loaded, RdbError>;

/// A transfer under way.
struct Transfer {
    bytes: SnapshotBytes,
    /// What INFO shows of it.
    shown: TransferIn,
    counters: Arc<Counters>,
    told: Instant,
    pool: Pool,
    /// To the decoder; `None` once it has everything, or has given up.
    pieces: Option<mpsc::Sender<Piece>>,
    loaded: oneshot::Receiver<Outcome>,
}

/// How far the decoder is.
#[derive(Default)]
struct Counters {
    keys: AtomicU64,
    keys_total: AtomicU64,
}

impl Driver {
    /// Takes a snapshot in, and tells the state machine how that ended.
    pub(super) async fn receive_snapshot(&mut self, form: SnapshotForm) {
        match self.take_snapshot_in(form).await {
            Some(Ok((loaded, _))) if !self.has_stream_db(&loaded) => {
                let reason = "its stream goes on in a database that is not here (see 'databases')";
                self.warn_of_snapshot(reason);
                self.tell(LinkEvent::SnapshotFailed(reason.to_owned()));
            }
            Some(Ok((loaded, bytes))) => {
                if self.may_replace(&loaded).await {
                    self.swap_in(loaded, bytes);
                }
            }
            Some(Err(reason)) => {
                self.warn_of_snapshot(&reason);
                self.tell(LinkEvent::SnapshotFailed(reason));
            }
            None => self.warn_of_snapshot("the link was lost before its end"),
        }
    }

    /// The database that the next commands of the stream are for.
    fn has_stream_db(&self, loaded: &Loaded) -> bool {
        loaded.aux.repl_stream_db.is_none_or(|db| db < self.shared.borrow().data.store.databases())
    }

    fn warn_of_snapshot(&self, reason: &str) {
        self.shared.borrow_mut().warning(format!("Internal error in RDB reading: {reason}"));
    }

    /// The data set and the bytes it came as, or why it is refused; `None` if the connection is gone or not wanted.
    async fn take_snapshot_in(&mut self, form: SnapshotForm) -> Option<Result<(Loaded, u64), String>> {
        let mut transfer = match self.start_decoder(form) {
            Ok(transfer) => transfer,
            Err(error) => return Some(Err(format!("no thread: {error}"))),
        };
        // What came along with the line before belongs to the snapshot.
        let mut chunk = transfer.pool.take();
        chunk.append(&mut self.buffer);
        let result = loop {
            if transfer.pieces.is_some() {
                chunk = self.hand_over(&mut transfer, chunk).await;
            }
            self.note_transfer(&mut transfer);
            if transfer.pieces.is_none() {
                break self.wait_for_decoder(&mut transfer).await?;
            }
            if let Ok(result) = transfer.loaded.try_recv() {
                // It ended before the bytes did: it has refused them.
                break result.map_err(|error| error.to_string());
            }
            let input = self.input(&mut chunk).await;
            let going_on = self.on_input(input);
            self.perform_now().await;
            if !going_on || self.is_winding_up() {
                return None;
            }
        };
        if let Some(upstream) = &mut self.shared.borrow_mut().replication.upstream {
            upstream.transfer = None;
        }
        Some(result.map(|loaded| (loaded, transfer.bytes.received())))
    }

    fn start_decoder(&mut self, form: SnapshotForm) -> std::io::Result<Transfer> {
        let (pieces, mut taken) = mpsc::channel::<Piece>(PIECES_WAITING);
        let (done, loaded) = oneshot::channel();
        let counters = Arc::<Counters>::default();
        let counted = Arc::clone(&counters);
        // A mark at the end is taken off before the decoder sees the bytes, so they are those of a file.
        let options = self.shared.borrow_mut().load_options();
        let shown = {
            let node = self.shared.borrow();
            let same = self.granted.is_some_and(|(replid, _)| replid == node.replication.history.replid());
            let hides_data = match node.config.repl_diskless_load {
                DisklessLoad::Disabled => false,
                DisklessLoad::OnEmptyDb => node.data.store.keys() == 0,
                DisklessLoad::Swapdb => !same,
            };
            let begun = node.clock.since_start();
            let begun_unix = node.clock.unix().as_secs();
            TransferIn { begun, begun_unix, total: None, received: 0, last_io: begun, hides_data }
        };
        tasks::start("load", move || {
            let source = ChannelReader::new(move || taken.blocking_recv());
            let result = load(source, &options, |progress| {
                counted.keys.store(progress.keys, Ordering::Relaxed);
                counted.keys_total.store(progress.keys_total, Ordering::Relaxed);
                ControlFlow::Continue(())
            });
            // Nobody waits any more if the link was lost.
            let _ = done.send(result);
        })?;
        self.shared.borrow_mut().notice("MASTER <-> REPLICA sync: Loading DB in memory");
        let told = Instant::now();
        let bytes = SnapshotBytes::new(form);
        Ok(Transfer { bytes, shown, counters, told, pool: Pool::new(), pieces: Some(pieces), loaded })
    }

    /// Hands on what surely belongs to the snapshot; returns the buffer for what follows.
    async fn hand_over(&mut self, transfer: &mut Transfer, mut chunk: Vec<u8>) -> Vec<u8> {
        let (ready, is_last) = transfer.bytes.take(&mut chunk, &mut self.buffer);
        let mut next = transfer.pool.take();
        next.extend_from_slice(&chunk[ready..]);
        chunk.truncate(ready);
        let Some(pieces) = &transfer.pieces else { return next };
        let mut taken = true;
        if ready > 0 {
            taken = pieces.send(Piece::Bytes(transfer.pool.lend(chunk))).await.is_ok();
        }
        if is_last {
            taken = taken && pieces.send(Piece::End).await.is_ok();
            self.keys = transfer.counters.keys.load(Ordering::Relaxed);
        }
        if is_last || !taken {
            // A decoder that has given up says why in its result.
            transfer.pieces = None;
        }
        if is_last {
            self.tell(LinkEvent::SnapshotReceived);
            self.perform_now().await;
        }
        next
    }

    /// All bytes are here: only the decoder and the timer matter now. `None` if the connection is gone.
    async fn wait_for_decoder(&mut self, transfer: &mut Transfer) -> Option<Result<Loaded, String>> {
        loop {
            if self.is_winding_up() {
                return None;
            }
            tokio::select! {
                biased;
                result = &mut transfer.loaded => {
                    return Some(match result {
                        Ok(result) => result.map_err(|error| error.to_string()),
                        Err(_) => Err("the decoder panicked".to_owned()),
                    });
                }
                () = tokio::time::sleep_until(self.next_tick) => {
                    self.next_tick = tokio::time::Instant::now() + TICK;
                    self.tell(LinkEvent::Tick);
                    self.perform_now().await;
                }
            }
        }
    }

    /// The connection is gone, or about to be closed: no data set of it may be swapped in any more.
    pub(super) fn is_winding_up(&self) -> bool {
        self.stream.is_none() || !self.actions.is_empty()
    }

    fn swap_in(&mut self, loaded: Loaded, bytes: u64) {
        let is_wanted = {
            let node = self.shared.borrow();
            let ours =
                node.replication.upstream.as_ref().filter(|upstream| upstream.generation == self.generation);
            ours.is_some_and(super::upstream::Upstream::is_syncing)
        };
        if !is_wanted {
            return;
        }
        self.snapshot_bytes = bytes;
        self.keys = loaded.keys_loaded;
        self.loaded_db = Some(loaded.aux.repl_stream_db.map_or(0, |db| db as u16));
        {
            let mut node = self.shared.borrow_mut();
            let begun = Instant::now();
            node.install(loaded, self.granted);
            node.figures.lag.record(begun);
        }
        self.tell(LinkEvent::SnapshotLoaded);
    }

    /// Notes how far it is: for INFO always, for the observer now and then.
    fn note_transfer(&self, transfer: &mut Transfer) {
        let mut node = self.shared.borrow_mut();
        let last_io = node.clock.since_start();
        let (received, total) = (transfer.bytes.received(), transfer.bytes.total());
        if let Some(upstream) = &mut node.replication.upstream
            && upstream.generation == self.generation
        {
            upstream.transfer = Some(TransferIn { total, received, last_io, ..transfer.shown });
        }
        if transfer.told.elapsed() >= PROGRESS_EVERY {
            transfer.told = Instant::now();
            let keys = transfer.counters.keys.load(Ordering::Relaxed);
            let keys_total = transfer.counters.keys_total.load(Ordering::Relaxed);
            node.emit(NodeEvent::Link(LinkPhase::Transfer { received, total, keys, keys_total }));
        }
    }
}

/// Buffers that travel to the decoder and come home when it has read them.
struct Pool {
    home: std_mpsc::Receiver<Vec<u8>>,
    way_home: std_mpsc::Sender<Vec<u8>>,
}

impl Pool {
    fn new() -> Self {
        let (way_home, home) = std_mpsc::channel();
        Self { home, way_home }
    }

    fn take(&self) -> Vec<u8> {
        // Room for one read and for what is held back of the one before.
        self.home.try_recv().unwrap_or_else(|_| Vec::with_capacity(READ + EOF_MARK_LEN))
    }

    fn lend(&self, buffer: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent { buffer, way_home: self.way_home.clone() })
    }
}

/// A buffer on its way; its end is its return.
struct Lent {
    buffer: Vec<u8>,
    way_home: std_mpsc::Sender<Vec<u8>>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        // The pool is gone when the transfer has ended.
        let _ = self.way_home.send(buffer);
    }
}
