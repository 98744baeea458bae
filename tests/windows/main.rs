//! The programs for Windows, under Wine or on Windows itself: `.ci/windows` builds them and runs these tests.
//!
//! The tests are a program of the system they run on, and talk to the Windows programs from outside.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, unreachable_pub)]

#[path = "../support/mod.rs"]
mod support;

mod cluster;
#[cfg(target_os = "linux")] // a terminal by util-linux, the end of a session by Wine
mod end;
mod files;
mod place;
mod sync;
#[cfg(target_os = "linux")] // Xvfb and xdotool
mod window;

use std::time::{Duration, Instant};

use support::server::free_block;
use support::{Client, Program, windows};

/// Under Wine a loaded machine starts a program in seconds, not in milliseconds.
const SOON: Duration = Duration::from_mins(1);

/// One command to a node; `None` when it cannot be reached.
fn ask(port: u16, words: &str) -> Option<String> {
    let parts: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    Some(Client::try_connect(port).ok()?.try_ask(&parts).ok()?.text())
}

/// A field of INFO; empty when the node cannot be reached or has no such field.
fn info(port: u16, field: &str) -> String {
    let text = ask(port, "INFO everything").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_default().to_owned()
}

#[track_caller]
fn until(what: &str, condition: impl FnMut() -> bool) {
    until_within(SOON, what, condition);
}

#[track_caller]
fn until_within(time: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + time;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {time:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until a master has its two replicas, and both have all that it wrote.
#[track_caller]
fn until_streaming(master: u16, replicas: &[u16]) {
    until("every replica is online", || {
        let text = ask(master, "INFO replication").unwrap_or_default();
        text.matches("state=online").count() == replicas.len()
    });
    for replica in replicas {
        until("a replica streams", || info(*replica, "master_link_status") == "up");
    }
}

/// Waits until two nodes are at the same offset, and compares all their data there.
#[track_caller]
fn assert_equal_data(one: u16, other: u16) {
    until("both are at the same offset", || {
        let before = info(one, "master_repl_offset");
        let digests = (ask(one, "DEBUG DIGEST").unwrap(), ask(other, "DEBUG DIGEST").unwrap());
        if info(other, "master_repl_offset") != before || info(one, "master_repl_offset") != before {
            return false;
        }
        assert_eq!(digests.0, digests.1, "data of {one} and {other} differ");
        true
    });
}
