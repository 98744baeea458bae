//! One running server: its thread, listener, connections, replication drivers, config and INFO.
//!
//! Must not know other nodes, the lab or egui.

pub mod config;
mod control;
mod event;

pub use config::Config;
pub use control::{NodeHandle, NodeOptions};
pub use event::{
    FeedPhase, LinkPhase, LogLevel, NodeEvent, NodeRole, SnapshotTarget, StopReason, SyncOutcome,
};
