//! Replication as pure state machines: events in, actions out.
//!
//! Owns the history of a node (replid, replid2, offsets), the backlog and its verdict on a PSYNC, the
//! replica's side of a link, the master's side of a feed, and acknowledgements. It must not know sockets,
//! tokio or clocks: time and randomness are arguments, bytes come in and go out as values.

mod ack;
mod backlog;
mod history;
mod master_feed;
mod replconf;
mod stream;
mod verdict;

pub use ack::{MinReplicas, WaitDone, Waits, count_acked, count_good};
pub use backlog::{Backlog, Cursor, MIN_BACKLOG_SIZE};
pub use history::{History, MAX_OFFSET, ReplId, ReplOffset};
pub use master_feed::{Acked, FeedAction, FeedFault, FeedLimits, FeedState, MasterFeed, Transport};
pub use replconf::{Replconf, ReplconfError, ReplicaOptions, SnapshotFilter};
pub use stream::{Applied, StreamWriter, encode_command};
pub use verdict::{FullReason, PsyncRequest, PsyncVerdict, continue_line, explain, full_resync_line, judge};
