//! The words between a [`ReplicaLink`](super::ReplicaLink) and its driver: what happens to a link, what is to be done.

use std::time::Duration;

use super::{LinkError, ReplId, ReplOffset, SnapshotForm};

/// What a replica tells its master about itself, and how long it waits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkConfig {
    /// Port to announce: `replica-announce-port`, else the port that listens.
    pub listening_port: u16,
    /// `replica-announce-ip`, if set.
    pub announce_ip: Option<String>,
    /// `masteruser` and `masterauth`, if `masterauth` is set.
    pub auth: Option<MasterAuth>,
    /// `repl-timeout`.
    pub timeout: Duration,
}

/// How the replica authenticates.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterAuth {
    /// `masteruser`, if set.
    pub user: Option<String>,
    /// `masterauth`.
    pub password: String,
}

impl std::fmt::Debug for MasterAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Configurations are logged and shown; the password is neither.
        f.debug_struct("MasterAuth").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What happened to the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent<'a> {
    /// Connect: at the start, and when the pause of [`LinkAction::Reopen`] is over.
    ConnectNow,
    /// The TCP connection is there.
    SocketOpen,
    /// There is no TCP connection; why.
    ConnectFailed(String),
    /// The connection ended; why.
    Lost(String),
    /// A line came, given without its line end; an empty one is the master's keep-alive.
    Line(&'a [u8]),
    /// Bytes of the snapshot or the stream came.
    Received,
    /// The last byte of the snapshot came; it is being completed.
    SnapshotReceived,
    /// The snapshot is loaded whole and serves: its history is ours now.
    SnapshotLoaded,
    /// The snapshot cannot be read; the old data still serves.
    SnapshotFailed(String),
    /// So many bytes of the stream were applied, as [`Applied::command`](super::Applied::command) counts them.
    Applied(u64),
    /// `REPLCONF GETACK` came. To be told before its own bytes count as applied: the answer excludes them.
    GetAck,
    /// A command of the stream could not be read or applied.
    StreamRefused(String),
    /// The 1 Hz timer.
    Tick,
}

/// What the driver is to do, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkAction {
    /// Open a TCP connection within `repl-timeout`.
    Connect,
    /// Send these bytes to the master.
    Send(Vec<u8>),
    /// The link entered this step.
    Report(LinkStep),
    /// The master answered PSYNC. On [`Granted::Partial`] with another replid the history is to be shifted
    /// ([`History::adopt_continue`](super::History::adopt_continue)).
    Decided {
        /// What was asked for.
        asked: Option<(ReplId, ReplOffset)>,
        /// What was granted.
        granted: Granted,
    },
    /// What follows on the connection is a snapshot of this form.
    ReceiveSnapshot(SnapshotForm),
    /// What follows on the connection is the stream, from this byte on; `None` if the master tells no offsets.
    StartStreaming {
        /// Number of its first byte.
        from: Option<ReplOffset>,
    },
    /// Drop the connection (and half a snapshot with it), if there still is one.
    Close(LinkError),
    /// Give [`LinkEvent::ConnectNow`] after this pause.
    Reopen {
        /// How long; zero means at once.
        after: Duration,
    },
}

/// What the master granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granted {
    /// `+CONTINUE`.
    Partial {
        /// The history that goes on; new after a failover.
        replid: ReplId,
    },
    /// `+FULLRESYNC`.
    Full {
        /// The history of the snapshot.
        replid: ReplId,
        /// The offset of the snapshot.
        offset: ReplOffset,
    },
    /// The master knows only SYNC: a snapshot without identity, so the next sync will be a full one too.
    Anonymous,
}

/// Where the link stands, in the order of a first sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkStep {
    /// No connection; one is tried soon.
    Connect,
    /// TCP connect is under way.
    Connecting,
    /// `PING` sent.
    Ping,
    /// `AUTH` sent.
    Auth,
    /// `REPLCONF` sent.
    Replconf,
    /// `PSYNC` (or `SYNC`) sent.
    Psync,
    /// A full sync was granted, the snapshot is being prepared.
    WaitSnapshot,
    /// The snapshot arrives; its size, if it is known.
    Transfer {
        /// Bytes in all.
        total: Option<u64>,
    },
    /// The last byte came; the data set is being completed.
    Load,
    /// The stream flows.
    Streaming,
}
