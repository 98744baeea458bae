//! What depends on the role of a node, on its settings, and on what it is told to note.

use super::harness::{Fixture, START};
use crate::commands::{Access, ExpiryMode, WholeDb};
use crate::store::{BIG_STRING, Random};

/// A node with one key that has just expired, and one that has not.
fn with_expired_key(expiry: ExpiryMode) -> Fixture {
    let mut node = Fixture::new();
    node.run("SET gone v PX 1000");
    node.run("SET kept v");
    node.now += 1000;
    node.expiry = expiry;
    node
}

#[test]
fn a_replica_hides_expired_keys_and_deletes_none() {
    for line in [
        "GET gone => nil",
        "EXISTS gone kept => :1",
        "TYPE gone => +none",
        "TTL gone => :-2",
        "STRLEN gone => :0",
        "MGET gone kept => [nil $v]",
        "TOUCH gone => :0",
        "OBJECT ENCODING gone => nil",
        "GETRANGE gone 0 -1 => $",
        "LCS gone kept => $",
        "KEYS * => [$kept]",
        "SCAN 0 => [$0 [$kept]]",
        "RANDOMKEY => $kept",
        "DBSIZE => :2",
    ] {
        let (request, reply) = line.split_once(" => ").unwrap();
        let mut node = with_expired_key(ExpiryMode::Hide);
        assert_eq!(node.run(request), reply, "{request}");
        assert!(node.stream.is_empty(), "{request} sent {:?}", node.stream);
        assert_eq!(node.store.db(0).len(), 2, "{request} deleted a key");
        assert_eq!(node.stats.expired, 0);
    }
}

#[test]
fn the_time_of_a_claim_is_its_masters_however_slow_the_own_clock_is() {
    let mut node = Fixture::new();
    node.run("XADD x 1-0 f v");
    node.run("XGROUP CREATE x g 0");
    let claim = format!("XCLAIM x g c 0 1-0 TIME {} RETRYCOUNT 1 FORCE JUSTID", START + 5000);
    node.expiry = ExpiryMode::Visible;
    node.run(&claim);
    node.now = START + 6000;
    assert_eq!(node.run("XPENDING x g - + 1"), "[[$1-0 $c :1000 :1]]");
    node.now = START;
    node.expiry = ExpiryMode::Delete;
    node.run(&claim);
    node.now = START + 6000;
    assert_eq!(
        node.run("XPENDING x g - + 1"),
        "[[$1-0 $c :6000 :1]]",
        "a client may not claim in the future"
    );
}

#[test]
fn a_master_deletes_an_expired_key_that_is_met_and_says_so() {
    for (request, reply) in [
        ("GET gone", "nil"),
        ("EXISTS gone", ":0"),
        ("TTL gone", ":-2"),
        ("SCAN 0", "[$0 [$kept]]"),
        ("EXPIRE gone 10", ":0"),
        ("DEL gone", ":0"),
    ] {
        let mut node = with_expired_key(ExpiryMode::Delete);
        assert_eq!(node.run(request), reply, "{request}");
        assert_eq!(node.stream, ["DEL gone"], "{request}");
        assert_eq!((node.store.db(0).len(), node.stats.expired), (1, 1), "{request}");
    }
    let mut node = with_expired_key(ExpiryMode::Delete);
    node.lazy_expire = true;
    assert_eq!(node.stream_of("GET gone"), "UNLINK gone");
    assert_eq!(node.stream_of("EXPIRE kept -1"), "UNLINK kept");
}

#[test]
fn random_keys_are_never_expired_ones() {
    for expiry in [ExpiryMode::Delete, ExpiryMode::Hide] {
        let mut node = Fixture::new();
        (0..300).for_each(|key| drop(node.run(&format!("SET {key} v PX 10"))));
        node.now += 10;
        node.expiry = expiry;
        assert_eq!(node.run("RANDOMKEY"), "nil");
        node.run("SET kept v");
        assert_eq!(node.run("RANDOMKEY"), "$kept");
    }
}

#[test]
fn the_stream_of_a_master_sees_keys_until_it_deletes_them() {
    let mut node = with_expired_key(ExpiryMode::Visible);
    assert_eq!(node.run("APPEND gone w"), ":2");
    assert_eq!(node.run("PEXPIREAT gone 1"), ":1", "a past time is kept, and deletes nothing");
    assert_eq!(node.run("SET gone x KEEPTTL"), "+OK");
    assert_eq!(node.run("PEXPIRETIME gone"), ":1");
    assert_eq!(node.run("EXISTS gone"), ":1");
    assert_eq!(node.run("SET gone v EX 10"), "+OK");
    assert_eq!(node.run("PEXPIRETIME gone"), format!(":{}", node.now + 10_000));
}

#[test]
fn a_writable_replica_starts_anew_where_a_key_has_expired() {
    let mut node = with_expired_key(ExpiryMode::Hide);
    assert_eq!(node.run("INCR gone"), ":1");
    assert_eq!(node.run("TTL gone"), ":-1", "the old expiry is gone with the old value");
    assert_eq!(node.stream, Vec::<String>::new());
    let mut node = with_expired_key(ExpiryMode::Hide);
    assert_eq!(node.run("SET gone v KEEPTTL"), "+OK");
    assert_eq!(node.run("TTL gone"), ":-1");
}

#[test]
fn watch_hears_of_every_key_that_changes() {
    let mut node = Fixture::new();
    let changed = |node: &mut Fixture, line: &str| {
        node.run(line);
        let keys = node.effects.changed_keys();
        keys.map(|(db, key)| format!("{db}:{}", String::from_utf8_lossy(key))).collect::<Vec<_>>().join(" ")
    };
    for (line, keys) in [
        ("SET a 1", "0:a"),
        ("GET a", ""),
        ("SET a 1 NX", ""),
        ("MSET a 1 b 2", "0:a 0:b"),
        ("RENAME a c", "0:a 0:c"),
        ("COPY c d DB 2", "2:d"),
        ("MOVE c 3", "0:c 3:c"),
        ("DEL b missing", "0:b"),
        ("EXPIRE b 10", ""),
        ("PERSIST b", ""),
        ("SET e v PX 1", "0:e"),
        ("EXPIRE e -1", "0:e"),
        ("SETRANGE e 0 x", "0:e"),
        ("SETRANGE e 0 \"\"", ""),
    ] {
        assert_eq!(changed(&mut node, line), keys, "{line}");
    }
    node.run("FLUSHDB");
    assert_eq!(node.effects.whole_dbs, [WholeDb::Flushed { db: 0, garbage: Some(0) }]);
    node.run("SWAPDB 1 2");
    assert_eq!(node.effects.whole_dbs, [WholeDb::Swapped(1, 2)]);
    node.run("FLUSHALL");
    assert_eq!(node.effects.whole_dbs.len(), 16);
    node.run("SET e v PX 1");
    node.now += 1;
    assert_eq!(changed(&mut node, "GET e"), "0:e", "expiry is a change, too");
}

#[test]
fn flushed_databases_are_handed_out_to_be_freed() {
    let mut node = Fixture::new();
    node.run("SET a 1");
    node.run("COPY a a DB 5");
    node.run("FLUSHALL");
    assert_eq!(node.garbage.len(), 2, "empty databases are not worth it");
    assert_eq!(node.effects.dirty, 2);
    node.run("FLUSHALL");
    assert_eq!(node.effects.dirty, 1, "sent all the same");
}

#[test]
fn accesses_are_counted_and_their_time_is_noted() {
    let mut node = Fixture::new();
    node.run("SET a 1");
    for line in ["GET a", "GET missing", "EXISTS a missing", "TTL a", "STRLEN a", "MGET a missing"] {
        node.run(line);
    }
    assert_eq!((node.stats.hits, node.stats.misses), (5, 3));
    node.run("INCR missing");
    assert_eq!((node.stats.hits, node.stats.misses), (5, 3), "a write is neither");
    node.now += 7000;
    assert_eq!(node.run("OBJECT IDLETIME a"), ":7");
    node.run("TYPE a");
    node.run("TTL a");
    assert_eq!(node.run("OBJECT IDLETIME a"), ":7", "to ask about a key is not to use it");
    node.run("TOUCH a");
    assert_eq!(node.run("OBJECT IDLETIME a"), ":0");
}

#[test]
fn with_lfu_a_key_keeps_its_counter_when_it_is_written() {
    let mut node = Fixture::new();
    node.access = Access::Lfu;
    node.run("SET a 1");
    assert_eq!(node.run("OBJECT FREQ a"), ":5");
    (0..500).for_each(|_| drop(node.run("GET a")));
    let counter: i64 = node.run("OBJECT FREQ a").trim_start_matches(':').parse().unwrap();
    assert!(counter > 8, "{counter}");
    node.run("SET a 2");
    node.run("INCR a");
    let written: i64 = node.run("OBJECT FREQ a").trim_start_matches(':').parse().unwrap();
    assert!(written >= counter);
    assert!(node.run("OBJECT IDLETIME a").starts_with("-ERR An LFU maxmemory policy is selected, "));
    node.now += 3 * 60_000;
    assert_eq!(node.run("OBJECT FREQ a"), format!(":{}", written - 3), "one less for each minute");
}

#[test]
fn strings_grow_to_the_longest_allowed_and_no_further() {
    let mut node = Fixture::new();
    node.max_string = 3 * BIG_STRING;
    let too_long = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    assert_eq!(node.run(&format!("SETRANGE k {} x", node.max_string - 1)), format!(":{}", node.max_string));
    assert_eq!(node.run("APPEND k x"), too_long);
    assert_eq!(node.run(&format!("SETRANGE k {} x", node.max_string)), too_long);
    assert_eq!(node.run("STRLEN k"), format!(":{}", node.max_string));
    assert_eq!(node.run("APPEND k \"\""), format!(":{}", node.max_string));
    assert_eq!(node.run("LCS k k LEN").split(' ').next(), Some("-ERR"));
}

/// Writes at both sides of the size at which a string moves to an allocation of its own.
#[test]
fn strings_are_the_same_on_both_sides_of_the_big_size() {
    let mut node = Fixture::new();
    let mut model: Vec<u8> = Vec::new();
    let mut random = Random::new(9);
    node.run("SET k \"\" EX 1000");
    for step in 0..3000 {
        let offset = random.index(BIG_STRING + 40);
        let value = vec![b'a' + (step % 26) as u8; random.index(30)];
        match step % 500 {
            499 => {
                model = value.clone();
                node.run_words([&b"SET"[..], b"k", &value, b"KEEPTTL"]);
            }
            odd if odd % 2 == 1 => {
                model.extend_from_slice(&value);
                node.run_words([&b"APPEND"[..], b"k", &value]);
            }
            _ if value.is_empty() => {}
            _ => {
                if model.len() < offset + value.len() {
                    model.resize(offset + value.len(), 0);
                }
                model[offset..offset + value.len()].copy_from_slice(&value);
                node.run_words([&b"SETRANGE"[..], b"k", offset.to_string().as_bytes(), &value]);
            }
        }
        let entry = node.store.db(0).get(node.store.db(0).hash(b"k"), b"k").unwrap();
        assert_eq!(entry.value().as_str(), Some(&model[..]), "step {step}");
        assert_eq!(entry.expire(), Some(START + 1_000_000));
    }
}

#[test]
fn appending_to_a_big_string_does_not_copy_it() {
    let mut node = Fixture::new();
    node.run("SETRANGE k 20000000 x");
    let started = std::time::Instant::now();
    (0..20_000).for_each(|_| drop(node.run("APPEND k 0123456789")));
    assert!(started.elapsed().as_secs() < 5, "{:?} for 20,000 appends to 20 MB", started.elapsed());
    assert_eq!(node.run("STRLEN k"), ":20200001");
}

#[test]
fn a_scan_returns_every_key_once_however_few_it_is_asked_for() {
    let mut node = Fixture::new();
    (0..1000).for_each(|key| drop(node.run(&format!("SET key:{key} v"))));
    let (mut cursor, mut seen) = ("0".to_owned(), Vec::new());
    loop {
        let reply = node.run(&format!("SCAN {cursor} COUNT 7 MATCH key:*"));
        let words: Vec<&str> = reply.split([' ', '[', ']', '$']).filter(|word| !word.is_empty()).collect();
        seen.extend(words[1..].iter().map(|word| (*word).to_owned()));
        words[0].clone_into(&mut cursor);
        if cursor == "0" {
            break;
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 1000);
}
