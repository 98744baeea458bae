//! The commands as a client and a replica see them: replies, errors, and what goes into the stream.
#![allow(clippy::unwrap_used)]

mod harness;

use harness::Fixture;

#[test]
fn a_string_is_stored_and_read() {
    let mut node = Fixture::new();
    assert_eq!(node.run("SET k v"), "+OK");
    assert_eq!(node.run("GET k"), "$v");
    assert_eq!(node.run("GET missing"), "nil");
    assert_eq!(node.run("INCR n"), ":1");
    assert_eq!(node.run("DEL k n missing"), ":2");
}
