//! Replication as pure state machines: events in, actions out.
//!
//! Owns the history of a node (replid, replid2, offsets), the backlog and its verdict on a PSYNC, the
//! replica's side of a link, the master's side of a feed, and acknowledgements. It must not know sockets,
//! tokio or clocks: time and randomness are arguments, bytes come in and go out as values.

mod history;
mod verdict;

pub use history::{ReplId, ReplOffset};
pub use verdict::{FullReason, PsyncVerdict};
