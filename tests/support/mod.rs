//! What tests on real sockets share: servers of every kind, raw clients, waiting with a reason.
//!
//! Everything listens on loopback only, and ends by its handle or its process id when it goes out of scope.
#![allow(dead_code)] // each test binary uses its own part

pub mod client;
pub mod data;
pub mod fake;
pub mod program;
pub mod server;
pub mod storm;
pub mod windows;

use std::time::{Duration, Instant};

pub use client::Client;
#[allow(unused_imports)] // each test binary uses its own part
pub use program::{Program, finished};
#[allow(unused_imports)] // each test binary uses its own part
pub use server::{Kind, Server};

/// Long enough for a loaded machine; a test that needs it all has failed.
pub const SOON: Duration = Duration::from_secs(30);

/// Waits until `condition` holds; when it does not, everything the servers told is the message.
#[track_caller]
pub fn until(what: &str, servers: &[&Server], mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !condition() {
        if Instant::now() >= deadline {
            let told: String = servers.iter().map(|server| server.journal()).collect();
            panic!("not within {SOON:?}: {what}\n{told}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a program of the Redis package is missing; then the test says so and passes, unless
/// `REPLISCOPE_REQUIRE_REDIS=1` makes that a failure.
pub fn missing(program: &str) -> bool {
    let found = std::process::Command::new(program)
        .arg("--version")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    !found && skip(&format!("{program} is not installed"))
}

/// Says why a test does not run; always `true`.
pub fn skip(reason: &str) -> bool {
    let required = std::env::var("REPLISCOPE_REQUIRE_REDIS").is_ok_and(|value| value == "1");
    assert!(!required, "{reason}, but REPLISCOPE_REQUIRE_REDIS=1 requires it");
    println!("skipped: {reason}");
    true
}

/// Two servers have applied the same stream and hold the same data.
#[track_caller]
pub fn until_equal(master: &Server, replica: &Server) {
    let offsets =
        || (replica.info("master_link_status") == "up").then(|| (master.offset(), replica.offset()));
    until("the replica has applied what the master wrote", &[master, replica], || {
        let before = offsets();
        let digests = (master.digest(), replica.digest());
        // Expiry and pings go on meanwhile: only data of one and the same offset can be compared.
        if before.is_none_or(|(mine, theirs)| mine != theirs) || offsets() != before {
            return false;
        }
        assert_eq!(digests.0, digests.1, "data differ\n{}{}", master.journal(), replica.journal());
        true
    });
}
