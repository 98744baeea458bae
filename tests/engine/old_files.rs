//! Files and full syncs with odd items, as older servers and bugs of theirs leave them: the rest is served.

use std::fs;

use super::support::fake::{FakeMaster, REPLID};
use super::support::server::Kind;
use super::support::{Server, missing, until};

const KEY: &[u8] = b"\x00\x04good\x01v";
/// A list without elements.
const EMPTY: &[u8] = b"\x01\x05empty\x00";

fn rdb(body: &[&[u8]]) -> Vec<u8> {
    [b"REDIS0010", &body.concat()[..], b"\xFF\0\0\0\0\0\0\0\0"].concat()
}

fn aux(name: &str, value: &str) -> Vec<u8> {
    [&[0xFA, name.len() as u8], name.as_bytes(), &[value.len() as u8], value.as_bytes()].concat()
}

/// A stream of type 19 whose only node holds two entries, and that says it has `len`.
fn stream(len: u8) -> Vec<u8> {
    let entry = |ms: u8, value: u8| [2, 1, ms, 1, 0, 1, 0x81, value, 2, 4, 1];
    let pack =
        [&[2, 1, 0, 1, 1, 1, 0x81, b'f', 2, 0, 1][..], &entry(0, b'a'), &entry(1, b'b'), &[0xFF]].concat();
    let head = [&(pack.len() as u32 + 6).to_le_bytes()[..], &[15, 0]].concat();
    let id = [1u64.to_be_bytes(), 1u64.to_be_bytes()].concat();
    [
        &b"\x13\x01s\x01\x10"[..],
        &id,
        &[(head.len() + pack.len()) as u8],
        &head,
        &pack,
        &[len, 2, 1, 1, 1, 0, 0, len, 0],
    ]
    .concat()
}

/// A server that has loaded this file, which both kinds do.
fn started(kind: Kind, file: &[u8]) -> Server {
    let mut server = Server::start(kind, &["rdbchecksum no"]);
    server.kill();
    fs::write(server.dir().join("dump.rdb"), file).unwrap();
    server.restart(&[]);
    server
}

#[test]
fn a_file_with_odd_items_is_loaded_as_by_redis_and_what_was_odd_is_told() {
    let history =
        |db| [aux("repl-stream-db", db), aux("repl-id", REPLID), aux("repl-offset", "100")].concat();
    let done = "Done loading RDB, keys loaded: 1, keys expired: 0";
    let skipped = "rdbLoadObject skipping empty key: empty";
    let count = format!("{done}, empty keys skipped: 2.");
    let none = format!("{done}.");
    let cases: [(&str, Vec<u8>, &[&str]); 7] = [
        ("a database of Redis 4.0", rdb(&[&history("-1"), KEY]), &[&none]),
        ("a history", rdb(&[&history("0"), KEY]), &[&none]),
        ("empty keys", rdb(&[EMPTY, KEY, EMPTY]), &[skipped, skipped, &count]),
        (
            "the length of a stream",
            rdb(&[&stream(4), KEY]),
            &["Done loading RDB, keys loaded: 2, keys expired: 0."],
        ),
        ("a remark", rdb(&[&aux("%about", "it"), KEY]), &["RDB '%about': it", &none]),
        ("a tail", rdb(&[&aux("aof-preamble", "1"), KEY]), &["RDB has an AOF tail", &none]),
        (
            "figures",
            rdb(&[&aux("redis-ver", "4.0.9"), &aux("used-mem", "1048576"), KEY]),
            &["Loading RDB produced by version 4.0.9", "RDB memory usage when created 1.00 Mb"],
        ),
    ];
    for (what, file, lines) in cases {
        let ours = started(Kind::Node, &file);
        let told = ours.journal();
        for line in lines {
            assert!(told.contains(line), "{what}: {line}\n{told}");
        }
        if missing("redis-server") {
            continue;
        }
        let redis = started(Kind::Redis, &file);
        let told = redis.journal();
        for line in lines {
            assert!(told.contains(line), "{what}, redis-server: {line}\n{told}");
        }
        for field in ["master_replid2", "second_repl_offset", "db0"] {
            assert_eq!(ours.info(field), redis.info(field), "{what}: {field}");
        }
        assert_eq!(ours.digest(), redis.digest(), "{what}");
    }
}

#[test]
fn a_stream_is_counted_where_a_file_counts_it_wrongly() {
    for len in [0, 1, 4] {
        let mut server = started(Kind::Node, &rdb(&[&stream(len)]));
        assert_eq!(server.ask("XLEN s"), "2");
        let told = server.journal();
        let line = "Repaired key \"s\" in DB 0: it held a damaged stream: its length is not the number of its entries";
        assert!(told.contains(line) && told.contains("Values repaired: 1"), "{told}");
        assert_eq!(server.ask("SAVE"), "OK");
        server.kill();
        server.restart(&[]);
        assert_eq!(server.ask("XLEN s"), "2");
        assert_eq!(server.journal().matches("Values repaired").count(), 1, "the new file is right");
    }
}

#[test]
fn a_full_sync_leaves_the_same_out() {
    let master = FakeMaster::start();
    let replica = Server::node(&[&format!("replicaof 127.0.0.1 {}", master.port)]);
    let file = rdb(&[EMPTY, KEY, &stream(4)]);
    let (mut link, _) = master.handshake();
    link.send(format!("+FULLRESYNC {REPLID} 7\r\n${}\r\n", file.len()).as_bytes());
    link.send(&file);
    until("the data are there", &[&replica], || replica.info("master_link_status") == "up");
    assert_eq!((replica.ask("DBSIZE"), replica.ask("XLEN s")), ("2".into(), "2".into()));
    let told = replica.journal();
    assert!(told.contains("rdbLoadObject skipping empty key: empty"), "{told}");
    assert!(told.contains("keys loaded: 2, keys expired: 0, empty keys skipped: 1."), "{told}");
    assert!(told.contains("Values repaired: 1"), "{told}");
}

#[test]
fn a_stream_that_goes_on_in_a_database_that_is_not_here_is_not_followed() {
    let master = FakeMaster::start();
    let replica = Server::node(&[&format!("replicaof 127.0.0.1 {}", master.port)]);
    let file = rdb(&[&aux("repl-stream-db", "99"), KEY]);
    let (mut link, _) = master.handshake();
    link.send(format!("+FULLRESYNC {REPLID} 7\r\n${}\r\n", file.len()).as_bytes());
    link.send(&file);
    until("it is refused", &[&replica], || replica.journal().contains("a database that is not here"));
    assert_eq!((replica.ask("DBSIZE"), replica.info("master_link_status")), ("0".into(), "down".into()));
}
