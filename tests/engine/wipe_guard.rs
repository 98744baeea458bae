//! A master that lost its data: its replicas keep theirs and ask, where somebody can answer; else they do as Redis' do.

use std::time::Duration;

use repliscope::node::{Fault, FaultKind, LinkPhase, NodeEvent};

use super::support::server::Kind;
use super::support::{Server, until, until_equal};

const KEYS: u64 = 100;

/// The master keeps no file but `saved`; every end of it that is a crash loses its data.
fn pair(asks: bool) -> (Server, Server) {
    let impatient = ["repl-timeout 2", "repl-ping-replica-period 1", "repl-diskless-sync-delay 0"];
    let master = Server::node(&impatient);
    let replica = Server::replica_of(Kind::Node, &master, &impatient);
    replica.handle().ask_before_wipe(asks);
    let mut client = master.client();
    for n in 0..KEYS {
        client.ask(&["SET", &format!("key:{n}"), "value"]);
    }
    until_equal(&master, &replica);
    (master, replica)
}

fn asked(replica: &Server) -> Vec<(u64, u64)> {
    let asked = |event| match event {
        NodeEvent::Link(LinkPhase::AskWipe { keys, offered }) => Some((keys, offered)),
        _ => None,
    };
    replica.events().into_iter().filter_map(asked).collect()
}

/// The master of this pair came back empty, and the replica asks.
fn emptied() -> (Server, Server) {
    let (mut master, replica) = pair(true);
    master.kill();
    master.restart(&[]);
    until("the replica asks", &[&master, &replica], || !asked(&replica).is_empty());
    assert_eq!(asked(&replica), [(KEYS, 0)]);
    (master, replica)
}

#[test]
fn a_replica_of_an_emptied_master_keeps_its_data_until_the_user_lets_them_go() {
    let (master, replica) = emptied();
    master.ask("SET new value");
    // Longer than repl-timeout: neither side may give the waiting link up.
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(asked(&replica), [(KEYS, 0)], "one question");
    assert_eq!(replica.ask("GET key:7"), "value", "it serves what it has");
    assert_eq!(replica.number("connected_slaves"), 0);
    assert_eq!(replica.info("master_link_status"), "down");
    assert_eq!(replica.info("master_sync_in_progress"), "1");
    assert_eq!(replica.ask("DBSIZE"), KEYS.to_string());

    replica.handle().let_wipe();
    until_equal(&master, &replica);
    assert_eq!(replica.ask("DBSIZE"), "1");
    assert_eq!(asked(&replica).len(), 1);
    assert_eq!(master.number("sync_full"), 1, "the snapshot that waited was taken");
}

#[test]
fn a_replica_that_is_promoted_instead_goes_on_with_its_data() {
    let (master, replica) = emptied();
    replica.ask("REPLICAOF NO ONE");
    assert_eq!(replica.ask("SET new value"), "OK");
    assert_eq!(replica.ask("DBSIZE"), (KEYS + 1).to_string());
    // REPLICAOF is a word of its own: whoever says it knows what it does.
    master.follow(&replica);
    until_equal(&replica, &master);
}

#[test]
fn the_switch_answers_for_all() {
    let (master, replica) = emptied();
    replica.handle().ask_before_wipe(false);
    until_equal(&master, &replica);
    assert_eq!(replica.ask("DBSIZE"), "0");
}

#[test]
fn a_master_that_comes_back_with_its_data_is_followed_without_a_word() {
    let (mut master, replica) = pair(true);
    master.ask("SAVE");
    master.kill();
    master.restart(&[("dbfilename", "lost.rdb")]);
    until("the replica asks", &[&replica], || !asked(&replica).is_empty());
    master.kill();
    master.restart(&[("dbfilename", "dump.rdb")]);
    until_equal(&master, &replica);
    assert_eq!(replica.ask("DBSIZE"), KEYS.to_string());
    assert_eq!(asked(&replica).len(), 1);
}

#[test]
fn a_replica_that_was_restarted_asks_as_well() {
    let (mut master, mut replica) = pair(true);
    master.kill();
    replica.shut_down("SAVE");
    replica.restart(&[]);
    replica.handle().ask_before_wipe(true);
    master.restart(&[]);
    until("the replica asks", &[&replica], || !asked(&replica).is_empty());
    assert_eq!(replica.ask("DBSIZE"), KEYS.to_string());
}

#[test]
fn nobody_is_asked_where_nothing_is_lost_or_the_user_has_spoken() {
    // As Redis does it.
    let (mut master, replica) = pair(false);
    master.kill();
    master.restart(&[]);
    until_equal(&master, &replica);
    assert_eq!(asked(&replica), []);

    // An empty data set of the same history is what the master's user wanted.
    let (master, replica) = pair(true);
    replica.handle().begin_fault(Fault::Cut);
    master.ask("CONFIG SET repl-backlog-size 16384");
    master.ask("FLUSHALL");
    for _ in 0..20 {
        master.ask(&format!("SET big {}", "x".repeat(100_000)));
    }
    replica.handle().end_fault(FaultKind::Cut);
    until_equal(&master, &replica);
    assert_eq!(master.number("sync_full"), 2);
    assert_eq!(asked(&replica), []);

    // REPLICAOF gives up what the node had.
    let empty = Server::node(&["repl-diskless-sync-delay 0"]);
    replica.follow(&empty);
    until_equal(&empty, &replica);
    assert_eq!(asked(&replica), []);
}
