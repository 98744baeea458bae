//! CLIENT PAUSE on a replica: its master is a client, too.

use super::support::server::Kind;
use super::support::{Server, until, until_equal};

#[test]
fn a_paused_replica_reads_on_and_applies_what_it_has_read_afterwards() {
    let master = Server::node(&[]);
    let replica = Server::replica_of(Kind::Node, &master, &[]);
    let below = Server::replica_of(Kind::Node, &replica, &[]);
    master.ask("SET key old");
    until_equal(&master, &replica);
    until_equal(&replica, &below);
    let held = |mode: &str| {
        assert_eq!(replica.ask(&format!("CLIENT PAUSE 1000000 {mode}")), "OK");
        let before = replica.number("slave_repl_offset");
        for round in 0..50 {
            master.ask(&format!("SET key {round}"));
            master.ask("INCR counter");
        }
        until("it has read the stream", &[&master, &replica], || {
            replica.number("slave_read_repl_offset") == master.offset()
        });
        assert!(replica.number("slave_repl_offset") < before + 100, "only a PING could be applied");
    };
    held("WRITE");
    assert_eq!(replica.ask("GET key"), "old");
    assert_eq!(below.ask("GET key"), "old");
    assert_eq!(replica.ask("CLIENT UNPAUSE"), "OK");
    until_equal(&master, &replica);
    until_equal(&replica, &below);
    assert_eq!(below.ask("GET counter"), "50");

    // A transaction comes whole or not at all, and a pause ends by itself.
    let mut client = master.client();
    assert_eq!(replica.ask("CLIENT PAUSE 300 WRITE"), "OK");
    for request in ["MULTI", "SET key new", "INCR counter", "EXEC"] {
        client.send(format!("{request}\r\n").as_bytes());
        client.reply().unwrap();
    }
    until_equal(&master, &replica);
    assert_eq!((replica.ask("GET key"), replica.ask("GET counter")), ("new".to_owned(), "51".to_owned()));
    assert_eq!(master.number("sync_full"), 1, "no link was lost: {}", replica.journal());
}
