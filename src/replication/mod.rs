//! Replication as pure state machines: events in, actions out.
//!
//! Owns the history of a node (replid, replid2, offsets), the backlog and its verdict on a PSYNC, the
//! replica's side of a link, the master's side of a feed, and acknowledgements. It must not know sockets,
//! tokio or clocks: time and randomness are arguments, bytes come in and go out as values.
//!
//! | file | what |
//! |---|---|
//! | `history.rs` | replid, replid2 and offset of one data set, and how they change |
//! | `backlog.rs` | the last bytes of the stream, read in place by every replica |
//! | `verdict.rs` | partial or full sync, why, and the answer's line |
//! | `ledger.rs` | how history, backlog and writer change together with a node's role and data |
//! | `stream.rs` | what goes into the stream; how a replica counts what it applied |
//! | `relay.rs` | what a replica passes on, and when |
//! | `snapshot_bytes.rs` | where a snapshot ends on its connection |
//! | `streams.rs` | what a command leaves, into the stream and the append-only file |
//! | `replica_link.rs` | replica's side: handshake, sync, ACKs, time-outs, reconnects |
//! | `link_event.rs` | the words between that side and its driver |
//! | `master_reply.rs` | what a master may answer, checked; all that can go wrong on a link |
//! | `master_feed.rs` | master's side of one replica: states, position, rules by which it is dropped |
//! | `replconf.rs` | what a replica tells about itself |
//! | `failover.rs` | FAILOVER on the old master: its phases |
//! | `ack.rs` | good replicas, min-replicas, WAIT |

mod ack;
mod backlog;
mod failover;
mod history;
mod ledger;
mod link_event;
mod master_feed;
mod master_reply;
mod relay;
mod replconf;
mod replica_link;
mod snapshot_bytes;
mod stream;
mod streams;
mod verdict;

pub use ack::{MinReplicas, WaitDone, Waits, count_acked, count_good};
pub use backlog::{Backlog, Cursor, MIN_BACKLOG_SIZE};
pub use failover::{Address, Failover, FailoverStep};
pub use history::{History, MAX_OFFSET, ReplId, ReplOffset};
pub use ledger::{Continued, Ledger};
pub use link_event::{Granted, LinkAction, LinkConfig, LinkEvent, LinkStep, MasterAuth};
pub use master_feed::{Acked, FeedAction, FeedFault, FeedLimits, FeedState, MasterFeed, Transport};
pub use master_reply::{EOF_MARK_LEN, LinkError, MAX_SNAPSHOT_BYTES, SnapshotForm, parse_preamble};
pub use relay::Relay;
pub use replconf::{Replconf, ReplconfError, ReplicaOptions, SnapshotFilter};
pub use replica_link::{Held, ReplicaLink};
pub use snapshot_bytes::SnapshotBytes;
pub use stream::{Applied, StreamWriter, encode_command, relay};
pub use streams::{Streams, Unit};
pub use verdict::{FullReason, PsyncRequest, PsyncVerdict, continue_line, explain, full_resync_line, judge};
