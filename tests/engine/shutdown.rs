//! SHUTDOWN and SIGTERM: replicas get everything first, and nobody waits for ever.

use std::time::{Duration, Instant};

use super::support::server::Kind;
use super::support::{Server, until, until_equal};

/// A master with a replica that stands still and lacks a write.
fn lagging(kind: Kind, seconds: &str) -> (Server, Server) {
    let timeout = format!("shutdown-timeout {seconds}");
    let master = Server::start(kind, &[&timeout]);
    let replica = Server::replica_of(Kind::Node, &master, &[]);
    until_equal(&master, &replica);
    replica.handle().freeze();
    master.ask("SET last write");
    (master, replica)
}

#[test]
fn a_replica_in_the_middle_of_its_first_sync_holds_up_no_end_if_nothing_was_written() {
    let mut master = Server::node(&["repl-diskless-sync-delay 0"]);
    master.ask("DEBUG POPULATE 10 key 10");
    master.ask("CONFIG SET rdb-key-save-delay 1000000");
    let replica = Server::node(&[]);
    replica.follow(&master);
    until("the snapshot", &[&master, &replica], || master.info("slave0").contains("wait_bgsave"));
    let begun = Instant::now();
    master.shut_down("NOSAVE");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(replica.ask("DBSIZE"), "0", "half a snapshot");
}

#[test]
fn a_master_waits_until_its_replica_has_the_last_write() {
    let (mut master, replica) = lagging(Kind::Node, "60");
    let mut asking = master.client();
    asking.send(b"SHUTDOWN NOSAVE\r\n");
    until("it waits", &[&master], || !master.info("shutdown_in_milliseconds").is_empty());
    // Reads go on, writes wait for the end or for its being called off.
    assert_eq!(master.ask("GET last"), "write");
    let mut writing = master.client();
    writing.send(b"SET too late\r\n");
    assert_eq!(master.ask("SHUTDOWN ABORT"), "OK");
    assert_eq!(asking.reply().unwrap().text(), "-ERR Errors trying to SHUTDOWN. Check logs.");
    assert_eq!(writing.reply().unwrap().text(), "OK");
    assert_eq!(master.ask("SHUTDOWN ABORT"), "-ERR No shutdown in progress.");

    asking.send(b"SHUTDOWN NOSAVE\r\n");
    until("it waits again", &[&master], || !master.info("shutdown_in_milliseconds").is_empty());
    replica.handle().thaw();
    master.join();
    assert!(master.journal().contains("1 of 1 replicas are in sync when shutting down."));
    assert_eq!((replica.ask("GET last"), replica.ask("GET too")), ("write".into(), "late".into()));
}

#[test]
fn it_waits_no_longer_than_shutdown_timeout_and_not_at_all_with_now() {
    for (kind, line, least) in
        [(Kind::Node, "SHUTDOWN", 1), (Kind::Node, "SHUTDOWN NOW", 0), (Kind::Process, "TERM", 1)]
    {
        let (mut master, replica) = lagging(kind, "1");
        let begun = Instant::now();
        if line == "TERM" {
            master.terminate();
        } else {
            master.client().send(format!("{line}\r\n").as_bytes());
            master.join();
            assert!(master.journal().contains("0 of 1 replicas are in sync when shutting down."), "{line}");
        }
        assert!(begun.elapsed() >= Duration::from_secs(least), "{line}: {:?}", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(8), "{line}: {:?}", begun.elapsed());
        replica.handle().thaw();
    }
}
