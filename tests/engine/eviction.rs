//! `maxmemory` on a whole node, and values that travel by DUMP and RESTORE: replicas come to the same data.

use super::support::server::Kind;
use super::support::{Server, until_equal};

/// Writes more than fits; returns how many writes were refused.
fn overfill(server: &Server, room: u64, command: &str) -> usize {
    let limit = server.number("used_memory") + room;
    assert_eq!(server.ask(&format!("CONFIG SET maxmemory {limit}")), "OK");
    let mut client = server.client();
    let mut refused = 0;
    for nth in 0..2000 {
        let line = command.replace('#', &nth.to_string());
        let words: Vec<&str> = line.split(' ').collect();
        let reply = client.ask(&words).text();
        refused += usize::from(reply.contains("OOM command not allowed when used memory > 'maxmemory'."));
    }
    assert!(server.number("used_memory") < limit + 64 * 1024, "the limit is kept");
    refused
}

#[test]
fn every_policy_keeps_the_limit_and_replicas_follow() {
    for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random"] {
        let master = Server::node(&[&format!("maxmemory-policy {policy}"), "repl-backlog-size 16kb"]);
        let replica = Server::replica_of(Kind::Node, &master, &[]);
        until_equal(&master, &replica);
        assert_eq!(overfill(&master, 64 * 1024, "SET key:# value"), 0, "{policy}");
        let (evicted, left) = (master.number("evicted_keys"), master.ask("DBSIZE").parse::<u64>().unwrap());
        assert!(evicted > 0 && evicted + left == 2000, "{policy}: {evicted} evicted, {left} left");
        until_equal(&master, &replica);
        assert_eq!(replica.number("evicted_keys"), 0, "replicas leave it to their master");
    }
}

#[test]
fn volatile_policies_spare_what_lives_for_ever() {
    for policy in ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"] {
        let node = Server::node(&[&format!("maxmemory-policy {policy}"), "repl-backlog-size 16kb"]);
        for nth in 0..50 {
            node.ask(&format!("SET kept:{nth} x"));
        }
        assert_eq!(overfill(&node, 64 * 1024, "SET key:# value EX 1000"), 0, "{policy}");
        assert!(node.number("evicted_keys") > 0, "{policy}");
        assert_eq!(node.ask("EXISTS kept:0 kept:10 kept:49"), "3", "{policy}");
        assert!(overfill(&node, 0, "SET for_ever:# value") > 0, "{policy}: in the end nothing may go");
    }
}

#[test]
fn without_a_policy_writes_are_refused_and_reads_and_deletions_are_not() {
    let node = Server::node(&[]);
    assert!(overfill(&node, 16 * 1024, "SET key:# value") > 0);
    assert_eq!(node.ask("GET key:0"), "value");
    let limit = node.number("maxmemory");
    let (mut client, mut control) = (node.client(), node.client());
    assert_eq!(control.ask(&["CONFIG", "SET", "maxmemory", "1"]).text(), "OK");
    assert_eq!(client.ask(&["MULTI"]).text(), "OK");
    assert!(client.ask(&["GET", "key:0"]).text().contains("OOM"), "a queue takes memory, too");
    assert!(client.ask(&["EXEC"]).text().contains("EXECABORT"));
    assert_eq!(control.ask(&["CONFIG", "SET", "maxmemory", &limit.to_string()]).text(), "OK");
    for nth in 0..500 {
        node.ask(&format!("DEL key:{nth}"));
    }
    assert_eq!(node.ask("SET again fits"), "OK");
}

#[test]
fn a_restored_value_expires_at_the_same_time_everywhere() {
    let master = Server::node(&[]);
    let replica = Server::replica_of(Kind::Node, &master, &[]);
    until_equal(&master, &replica);
    let payload: &[u8] = b"\x00\x05hello\n\x00cr\xdfve4 \n";
    let mut client = master.client();
    assert_eq!(client.ask_bytes(&[b"RESTORE", b"k", b"100000", payload]).text(), "OK");
    assert!(client.ask_bytes(&[b"RESTORE", b"k", b"0", payload]).text().contains("BUSYKEY"));
    assert_eq!(client.ask_bytes(&[b"RESTORE", b"gone", b"1", payload, b"ABSTTL"]).text(), "OK");
    assert_eq!(client.ask(&["EXISTS", "gone"]).text(), "0");
    until_equal(&master, &replica);
    assert_eq!(replica.ask("PEXPIRETIME k"), master.ask("PEXPIRETIME k"));
    assert_eq!(replica.ask("GET k"), "hello");
    assert_eq!(master.ask("DUMP missing"), replica.ask("DUMP missing"));
}

#[test]
fn a_limit_that_is_lowered_is_kept_although_no_command_comes() {
    let node = Server::node(&["maxmemory-policy allkeys-lru", "notify-keyspace-events Ee"]);
    node.ask("SET foo bar");
    let mut listening = node.client();
    listening.ask(&["SUBSCRIBE", "__keyevent@0__:evicted"]);
    assert_eq!(node.ask("CONFIG SET maxmemory 1"), "OK");
    assert_eq!(listening.reply().unwrap().text(), "message __keyevent@0__:evicted foo");
}
