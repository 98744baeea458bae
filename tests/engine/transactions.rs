//! MULTI, EXEC and WATCH on one node.

use super::support::client::command;
use super::support::{Client, Server};

fn run(client: &mut Client, requests: &[&str]) -> String {
    let mut last = String::new();
    for request in requests {
        client.send(&command(request));
        last = client.reply().unwrap().text();
    }
    last
}

#[test]
fn what_had_expired_before_the_watch_counts_as_missing() {
    let node = Server::node(&["enable-debug-command yes"]);
    let mut client = node.client();
    let make_stale = ["DEBUG SET-ACTIVE-EXPIRE 0", "SET x old PX 1", "DEBUG SLEEP 0.003"];
    // Each: what comes before the WATCH, what comes between it and the transaction, whether that is executed.
    let cases: [(&[&str], &[&str], bool); 9] = [
        (&[], &[], true),
        (&[], &["EXISTS x"], true),
        (&[], &["FLUSHDB"], true),
        (&[], &["EXISTS x", "SET x new"], false),
        (&[], &["SET x new"], false),
        (&[], &["SWAPDB 0 1"], true),
        (&["SELECT 1"], &["SWAPDB 0 1"], true),
        (&["SELECT 1", "SET x other PX 1", "DEBUG SLEEP 0.003"], &["SWAPDB 0 1"], true),
        (&["SELECT 1", "SET x live"], &["SWAPDB 0 1"], false),
    ];
    for (before, between, executed) in cases {
        run(&mut client, &["SELECT 0", "FLUSHALL"]);
        run(&mut client, &make_stale);
        run(&mut client, before);
        run(&mut client, &["WATCH x"]);
        run(&mut client, between);
        let reply = run(&mut client, &["MULTI", "PING", "EXEC"]);
        assert_eq!(reply == "PONG", executed, "{before:?} {between:?}: {reply}");
    }
}

#[test]
fn a_transaction_that_may_not_run_now_says_why() {
    let node = Server::node(&[]);
    let mut client = node.client();
    run(&mut client, &["MULTI", "SET a 1"]);
    node.ask("CONFIG SET min-replicas-to-write 1");
    let reply = run(&mut client, &["EXEC"]);
    let reason = "NOREPLICAS Not enough good replicas to write.";
    assert_eq!(reply, format!("-EXECABORT Transaction discarded because of: {reason}"));
    assert_eq!(run(&mut client, &["EXEC"]), "-ERR EXEC without MULTI");
}
