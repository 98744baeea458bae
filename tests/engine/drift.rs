//! Ways in which a master and its replicas once could drift apart unseen: each stays closed.

use std::thread;
use std::time::Duration;

use super::support::client::command;
use super::support::server::Kind;
use super::support::{Server, until, until_equal};

fn pair() -> (Server, Server) {
    let directives = ["save 3600 1", "repl-timeout 5"];
    let master = Server::node(&directives);
    let replica = Server::replica_of(Kind::Node, &master, &directives);
    until_equal(&master, &replica);
    (master, replica)
}

#[test]
fn keys_that_expired_while_the_master_was_away_are_deleted_on_both_sides() {
    let (mut master, replica) = pair();
    master.ask("SET counter 5 PX 700");
    master.ask("SET other kept");
    until_equal(&master, &replica);
    master.shut_down("SAVE");
    thread::sleep(Duration::from_millis(800));
    master.restart(&[]);
    until("the replica is back", &[&master, &replica], || replica.info("master_link_status") == "up");
    assert_eq!(master.ask("INCR counter"), "1");
    until_equal(&master, &replica);
    assert_eq!(replica.ask("GET counter"), "1");
    assert_eq!(master.number("sync_partial_ok"), 1, "the history went on");
}

#[test]
fn a_restarted_master_selects_anew_for_replicas_in_any_database() {
    let (mut master, first) = pair();
    let mut client = master.client();
    client.ask(&["SELECT", "3"]);
    client.ask(&["SET", "in", "three"]);
    until_equal(&master, &first);
    // The full sync of another replica leaves the writer without a database.
    let second = Server::replica_of(Kind::Node, &master, &[]);
    until_equal(&master, &second);
    master.shut_down("SAVE");
    master.restart(&[]);
    until("both are back", &[&master, &first, &second], || master.info("connected_slaves") == "2");
    master.ask("SET in zero");
    until_equal(&master, &first);
    until_equal(&master, &second);
}

#[test]
fn writes_beside_a_change_of_role_are_in_no_history() {
    let (master, replica) = pair();
    let other = Server::node(&[]);
    let mut client = master.client();
    for request in ["MULTI", "SET mine 1", "SET other 1"] {
        client.send(&command(request));
        client.reply().unwrap();
    }
    client.ask(&["REPLICAOF", "127.0.0.1", &other.port.to_string()]);
    client.ask(&["SET", "more", "1"]);
    assert_eq!(client.ask(&["EXEC"]).text(), "OK OK OK OK");
    // As Redis does: nothing of it goes into the stream. Unlike there the data are not continued either.
    until_equal(&other, &master);
    until_equal(&master, &replica);
    assert_eq!((master.ask("EXISTS mine other more"), other.number("sync_full")), ("0".into(), 1));
    assert_eq!(replica.ask("EXISTS mine other more"), "0");
    // What Sentinel sends has no writes: the history goes on.
    for request in ["MULTI", "REPLICAOF NO ONE", "PING", "EXEC"] {
        client.send(&command(request));
        client.reply().unwrap();
    }
    assert_eq!(master.info("role"), "master");
    assert_eq!(master.info("master_replid2"), other.info("master_replid"));
}

#[test]
fn a_save_inside_a_transaction_waits_for_its_end() {
    let (mut master, replica) = pair();
    let mut client = master.client();
    client.ask(&["SET", "counter", "1"]);
    client.ask(&["MULTI"]);
    client.ask(&["INCR", "counter"]);
    client.ask(&["BGSAVE"]);
    client.ask(&["EXEC"]);
    until("it is saved", &[&master], || master.number("rdb_saves") == 1);
    until_equal(&master, &replica);
    // A crash: what the file says is all that the master has.
    master.kill();
    master.restart(&[]);
    until("the replica is back", &[&master, &replica], || replica.info("master_link_status") == "up");
    until_equal(&master, &replica);
    assert_eq!(replica.ask("GET counter"), "2");
}

#[test]
fn the_connection_of_a_replica_cannot_empty_the_data_set() {
    let (master, replica) = pair();
    master.ask("SET a 1");
    for command in ["FLUSHALL", "SWAPDB 0 1", "DBSIZE"] {
        let mut fake = master.client();
        fake.ask(&["REPLCONF", "listening-port", "9"]);
        fake.send(b"PSYNC ? -1\r\n");
        fake.send(format!("{command}\r\n").as_bytes());
        fake.until_closed();
    }
    assert_eq!(master.ask("GET a"), "1");
    until_equal(&master, &replica);
}

#[test]
fn an_orderly_end_does_not_wait_for_a_save_in_the_background() {
    let mut node = Server::node(&["save 3600 1"]);
    node.ask("DEBUG POPULATE 300000 key 100");
    node.ask("SET last 1");
    node.ask("BGSAVE");
    node.shut_down("SAVE");
    node.restart(&[]);
    assert_eq!(node.ask("DBSIZE"), "300001");
    assert_eq!(node.ask("GET last"), "1");
}

#[test]
fn keys_that_a_writable_replica_made_expire_there() {
    let master = Server::node(&[]);
    let replica = Server::replica_of(Kind::Node, &master, &["replica-read-only no"]);
    until_equal(&master, &replica);
    for key in 0..3 {
        assert_eq!(replica.ask(&format!("SET own{key} v PX 200")), "OK");
    }
    replica.ask("SET kept v PX 200");
    replica.ask("PERSIST kept");
    assert_eq!(replica.info("slave_expires_tracked_keys"), "4");
    until("its own keys are gone", &[&replica], || replica.info("slave_expires_tracked_keys") == "0");
    assert_eq!(replica.ask("KEYS *"), "kept");
    assert_eq!(replica.number("expired_keys"), 3);
    assert_eq!(replica.ask("CONFIG SET replica-read-only yes"), "OK");
    assert_eq!(replica.ask("CONFIG SET replica-read-only no"), "OK");
    replica.ask("SET kept v PX 60000");
    assert_eq!(replica.info("slave_expires_tracked_keys"), "1");
    replica.ask("REPLICAOF NO ONE");
    assert_eq!(replica.info("slave_expires_tracked_keys"), "0", "a master deletes whatever expires");
}
