//! Whole nodes on real sockets: bad input, and replication through faults and failovers.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, unreachable_pub)]

#[path = "../support/mod.rs"]
mod support;

mod acl;
mod aof;
mod aof_start;
mod bad_input;
mod bad_input_auth;
mod bad_input_limits;
mod bad_input_replication;
mod blocking;
mod crash;
mod debug;
mod disk_faults;
mod doors;
mod drift;
mod eviction;
mod failover;
mod failover_command;
mod gap;
mod info;
mod link_faults;
mod links;
mod listening;
mod loading;
mod memory;
mod migrate;
mod modules;
mod monitor;
mod old_files;
mod parameters;
mod paths;
mod pause;
mod pipelines;
mod process;
mod pubsub;
mod shutdown;
mod snapshots;
mod stats;
mod transactions;
mod up;
mod wipe_guard;
