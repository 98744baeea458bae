//! Parameters that act where nothing else tests them: what they change can be seen from outside.

use std::time::{Duration, Instant};

use super::support::{Server, until, until_equal};

#[test]
fn a_link_comes_from_bind_source_addr() {
    let master = Server::node(&["bind 127.0.0.1", "protected-mode no"]);
    let replica = Server::node(&["bind-source-addr 127.0.0.1"]);
    replica.follow(&master);
    until_equal(&master, &replica);
    // Linux has all of 127.0.0.0/8.
    if cfg!(target_os = "linux") {
        replica.ask("CONFIG SET bind-source-addr 127.0.0.2");
        master.ask("CLIENT KILL TYPE replica");
        until("the link is from there", &[&master], || master.info("slave0").starts_with("ip=127.0.0.2,"));
    }
    // A link from another address is better than none.
    replica.ask("CONFIG SET bind-source-addr 203.0.113.7");
    master.ask("CLIENT KILL TYPE replica");
    until("the link is back", &[&master], || master.info("slave0").starts_with("ip=127.0.0.1,"));
    until_equal(&master, &replica);
}

#[test]
fn the_file_of_a_sync_goes_where_nothing_is_to_be_kept() {
    let master = Server::node(&["repl-diskless-sync no", "rdb-del-sync-files yes"]);
    let file = master.dir().join("dump.rdb");
    let replica = Server::replica_of(super::support::Kind::Node, &master, &[]);
    until_equal(&master, &replica);
    until("the file is gone", &[&master], || {
        master
            .journal()
            .contains("Removing the RDB file used to feed replicas in a persistence-less instance")
    });
    assert!(!file.exists());

    master.ask("CONFIG SET save 900");
    assert_eq!(master.client().ask(&["CONFIG", "SET", "save", "900 1"]).text(), "OK");
    let other = Server::replica_of(super::support::Kind::Node, &master, &[]);
    until_equal(&master, &other);
    let begun = Instant::now();
    until("a round has passed", &[&master], || begun.elapsed() > Duration::from_millis(1200));
    assert!(file.exists(), "it may be loaded at the next start");
}

#[test]
fn expiry_goes_round_as_often_as_hz_says() {
    let server = Server::node(&["hz 1", "latency-monitor-threshold 0"]);
    server.ask("CONFIG SET hz 500");
    // Once the round of a second is over, keys go within some milliseconds, and not at the next tenth of a second.
    server.client().ask(&["SET", "first", "x", "PX", "1"]);
    until("the slow round is over", &[&server], || server.number("expired_keys") == 1);
    let mut fastest = Duration::MAX;
    for nth in 2..12 {
        let mut client = server.client();
        client.ask(&["SET", "key", "x", "PX", "1"]);
        let begun = Instant::now();
        while server.number("expired_keys") < nth {
            assert!(begun.elapsed() < Duration::from_secs(10));
        }
        fastest = fastest.min(begun.elapsed());
    }
    assert!(fastest < Duration::from_millis(50), "{fastest:?}");
}

#[test]
fn what_has_no_effect_is_in_the_log_and_nothing_else_is() {
    let server = Server::node(&["io-threads 4", "activerehashing no", "maxmemory 1gb"]);
    let line = "'io-threads 4' has no effect here: one thread serves all clients of a node";
    assert!(server.journal().contains(line), "{}", server.journal());
    assert_eq!(server.client().ask(&["CONFIG", "SET", "oom-score-adj", "yes"]).text(), "OK");
    assert!(server.journal().contains("'oom-score-adj yes' has no effect here: "), "{}", server.journal());
    assert_eq!(server.journal().matches("has no effect here").count(), 2, "{}", server.journal());
    assert_eq!(
        server.ask("CONFIG SET tls-replication yes"),
        "-ERR CONFIG SET failed (possibly related to argument 'tls-replication') - Unable to update TLS \
         configuration. Check server logs."
    );
}
