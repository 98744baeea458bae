//! Full syncs of replicas that want something special, or stand in each other's way.

use repliscope::node::NodeEvent;

use super::support::client::command;
use super::support::server::Kind;
use super::support::{Client, Server, missing, until, until_equal};

#[test]
fn a_replica_that_wants_nothing_but_a_snapshot_gets_that_and_the_end() {
    // As redis-cli --rdb and --functions-rdb ask, and beside each other: what they want is not the same.
    for kind in [Kind::Node, Kind::Redis] {
        if kind == Kind::Redis && missing("redis-server") {
            return;
        }
        let master = Server::start(kind, &["repl-diskless-sync-delay 0"]);
        for n in 0..100 {
            master.ask(&format!("SET key:{n} value"));
        }
        let mut links: Vec<Client> = ["", "rdb-filter-only functions", "rdb-filter-only "]
            .iter()
            .map(|filter| {
                let mut link = master.client();
                let mut words = vec!["REPLCONF", "capa", "eof", "rdb-only", "1"];
                words.extend(filter.split(' ').filter(|_| !filter.is_empty()));
                assert_eq!(link.ask(&words).text(), "OK", "{filter}");
                link.send(&command("PSYNC ? -1"));
                link
            })
            .collect();
        let snapshots: Vec<Vec<u8>> = links
            .iter_mut()
            .map(|link| {
                let granted = link.line().unwrap();
                assert!(granted.starts_with("+FULLRESYNC "), "{granted}");
                let mut preamble = link.line().unwrap();
                while preamble.is_empty() {
                    preamble = link.line().unwrap();
                }
                let mark = preamble.strip_prefix("$EOF:").unwrap().to_owned();
                let rest = link.until_closed();
                rest.strip_suffix(mark.as_bytes()).expect("the mark, and nothing behind it").to_vec()
            })
            .collect();
        let has_keys = |snapshot: &Vec<u8>| snapshot.windows(4).any(|part| part == b"key:");
        assert_eq!(snapshots.iter().map(has_keys).collect::<Vec<_>>(), [true, false, false], "{kind:?}");
        until("none is left", &[&master], || master.info("connected_slaves") == "0");

        let mut link = master.client();
        assert_eq!(link.ask(&["REPLCONF", "rdb-filter-only", "functions"]).text(), "OK");
        assert_eq!(link.ask(&["PSYNC", "?", "-1"]).text(), "-ERR Filtered replica requires EOF capability");
    }
}

#[test]
fn a_replica_that_stands_still_in_its_snapshot_takes_no_other_with_it() {
    let master = Server::node(&[
        "repl-diskless-sync-delay 5",
        "repl-diskless-sync-max-replicas 2",
        "repl-timeout 2",
        "repl-ping-replica-period 1",
    ]);
    master.ask("DEBUG POPULATE 3000 key 10000");
    let mut deaf = master.client();
    assert_eq!(deaf.ask(&["REPLCONF", "capa", "eof", "listening-port", "7999"]).text(), "OK");
    deaf.send(&command("PSYNC ? -1"));
    let replica = Server::replica_of(Kind::Node, &master, &["repl-timeout 10"]);
    until_equal(&master, &replica);
    assert_eq!(replica.number("sync_full") + master.number("sync_full"), 2, "nobody had to begin again");
    assert_eq!(master.info("connected_slaves"), "1");
    let gone = |event| matches!(event, NodeEvent::ReplicaGone { replica_port: 7999, reason } if reason.contains("snapshot"));
    assert!(master.events().into_iter().any(gone), "{}", master.journal());
}

#[test]
fn flushall_has_saved_the_empty_data_before_it_is_answered() {
    let server = Server::node(&["save 3600 1000000"]);
    for round in 1..=5 {
        assert_eq!(server.ask("SET k v"), "OK");
        assert_eq!(server.ask("FLUSHALL"), "OK");
        assert_eq!(server.number("rdb_saves"), round, "{}", server.journal());
        assert_eq!(server.ask("BGREWRITEAOF"), "Background append only file rewriting started");
        until("it is rewritten", &[&server], || server.info("aof_rewrite_in_progress") == "0");
    }
    assert_eq!(server.ask("DEBUG RELOAD NOSAVE"), "OK");
    assert_eq!(server.ask("DBSIZE"), "0");
}
