//! Repliscope: a scope for Redis replication.
//!
//! The layers, each of which names only those above it here; `ARCHITECTURE.md` beside this file is the map.

pub mod protocol;
pub mod store;
pub mod commands;
pub mod persistence;
pub mod replication;
pub mod node;
pub mod lab;
#[cfg(feature = "app")]
pub mod app;
