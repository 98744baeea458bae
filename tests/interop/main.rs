//! A real redis-server 7.0, its tools and its clients against ours, both ways.
//!
//! What is not installed is skipped with a printed reason; with `REPLISCOPE_REQUIRE_REDIS=1` it is an error.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, unreachable_pub)]

#[path = "../support/mod.rs"]
mod support;

mod aof;
mod applications;
mod clients;
mod differential;
mod functions;
mod replication;
mod stream;
mod tools;
