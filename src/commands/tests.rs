//! The commands as a client and a replica see them: replies, errors, and what goes into the stream.
//!
//! `*.cases` are tables of requests with the reply and the stream that redis-server 7.0.15 gives; they are
//! checked against ours, and against a real server where one is installed.
#![allow(clippy::unwrap_used)]

mod cases;
mod command;
mod harness;
mod hashes_and_sets;
mod random;
#[cfg(unix)]
mod real;
mod roles;
