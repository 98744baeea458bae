//! Repliscope: a scope for Redis replication.
//!
//! The layers, each of which names only those above it here; `ARCHITECTURE.md` beside this file is the map.

#[cfg(feature = "app")]
pub mod app;
pub mod commands;
pub mod lab;
pub mod node;
pub mod persistence;
pub mod protocol;
pub mod replication;
pub mod store;
