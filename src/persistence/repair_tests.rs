//! Odd items in files of older servers: what is redundant or can be put right is loaded and told, what is damaged is
//! refused. What is loaded here a real server loads as well.
#![allow(clippy::unwrap_used)]

use super::rdb_tests::{file_of, read};
use super::*;
use crate::store::stream::StreamId;
use crate::store::{Listpack, Store, ValueRef};

const KEY: &[u8] = b"\x00\x04good\x01v";
const REPL_ID: &[u8] = b"0123456789abcdef0123456789abcdef01234567";

fn string(bytes: &[u8]) -> Vec<u8> {
    assert!(bytes.len() < 64, "longer ones have another head");
    [&[bytes.len() as u8], bytes].concat()
}

fn key(id: u8, value: &[u8]) -> Vec<u8> {
    [&[id, 1, b'k'], value].concat()
}

fn pack(items: &[&[u8]]) -> Vec<u8> {
    let mut pack = Listpack::new();
    for item in items {
        pack.push(item);
    }
    string(pack.as_bytes())
}

fn loaded(body: &[u8]) -> Result<Loaded, RdbError> {
    read(&file_of("0010", &[body, KEY].concat()), &LoadOptions::default())
}

fn refusal(body: &[u8]) -> String {
    loaded(body).unwrap_err().to_string()
}

fn aux_field(name: &[u8], value: &[u8]) -> Vec<u8> {
    [&[0xFA][..], &string(name), &string(value)].concat()
}

#[test]
fn a_collection_without_elements_is_left_out_whatever_its_encoding() {
    let empty_ziplist = string(b"\x0B\0\0\0\x0A\0\0\0\0\0\xFF");
    let one = |value: &[u8]| [&[1], value].concat();
    let cases: [(u8, Vec<u8>); 17] = [
        (1, vec![0]),
        (2, vec![0]),
        (3, vec![0]),
        (4, vec![0]),
        (5, vec![0]),
        (9, string(b"\0\xFF")),
        (10, empty_ziplist.clone()),
        (11, string(b"\x02\0\0\0\0\0\0\0")),
        (12, empty_ziplist.clone()),
        (13, empty_ziplist.clone()),
        (14, vec![0]),
        (14, one(&empty_ziplist)),
        (16, pack(&[])),
        (17, pack(&[])),
        (18, vec![0]),
        (18, one(&[&[2][..], &pack(&[])].concat())),
        (20, pack(&[])),
    ];
    for (id, value) in &cases {
        let loaded = loaded(&key(*id, value)).unwrap();
        assert_eq!((loaded.keys_loaded, loaded.store.keys()), (1, 1), "type {id}");
        assert_eq!(loaded.repairs.empty_keys, 1, "type {id}");
        assert_eq!(loaded.repairs.lines, ["rdbLoadObject skipping empty key: k"], "type {id}");
    }
    // Its expiry goes with it, and the same key may come again.
    let with_expiry = [&b"\xFC\x01\0\0\0\0\0\0\0"[..], &key(1, &[0]), &key(0, b"\x01v")].concat();
    let loaded = loaded(&with_expiry).unwrap();
    assert_eq!((loaded.keys_loaded, loaded.keys_expired, loaded.store.keys()), (2, 0, 2));
}

#[test]
fn many_empty_keys_are_counted_and_some_of_them_named() {
    let loaded = loaded(&key(1, &[0]).repeat(25)).unwrap();
    assert_eq!((loaded.repairs.empty_keys, loaded.repairs.lines.len()), (25, 10));
}

#[test]
fn a_field_that_cannot_be_read_is_as_good_as_none() {
    let history = |db: &[u8], id: &[u8], offset: &[u8]| {
        let fields =
            [aux_field(b"repl-stream-db", db), aux_field(b"REPL-ID", id), aux_field(b"Repl-Offset", offset)];
        let aux = loaded(&fields.concat()).unwrap().aux;
        aux.history().map(|(_, offset, db)| (offset, db))
    };
    assert_eq!(history(b"0", REPL_ID, b"100"), Some((100, 0)));
    assert_eq!(history(b"99", REPL_ID, b"100"), Some((100, 99)));
    assert_eq!(history(b"-1", REPL_ID, b"100"), None, "as Redis 4.0 writes it");
    assert_eq!(history(b"abc", REPL_ID, b"100"), None);
    assert_eq!(history(b"0", &REPL_ID[1..], b"100"), None);
    assert_eq!(history(b"0", &[b'Z'; 40], b"100"), None);
    for offset in [&b"-1"[..], b"abc", b"12x", b"", b"9223372036854775807"] {
        assert_eq!(history(b"0", REPL_ID, offset), None);
    }
    assert_eq!(loaded(&aux_field(b"repl-id", REPL_ID)).unwrap().aux.history(), None, "half of it");

    for (name, value) in [
        (&b"ctime"[..], &b"x"[..]),
        (b"ctime", b"-5"),
        (b"used-mem", b"x"),
        (b"redis-bits", b"32"),
        (b"redis-bits", b"x"),
        (b"redis-ver", b"\xFF\xFE"),
        (b"lua", b"return 1"),
        (b"aof-preamble", b"1"),
        (b"aof-base", b"x"),
        (b"unknown", b"x"),
        (b"", b"x"),
    ] {
        let loaded = loaded(&aux_field(name, value)).unwrap();
        assert_eq!(loaded.repairs, Repairs::default(), "{}", name.escape_ascii());
        assert!(!loaded.aux.aof_base);
        assert_eq!(loaded.aux.aof_preamble, name == b"aof-preamble");
    }
}

#[test]
fn remarks_are_kept_for_the_log_and_take_no_more_memory_than_that() {
    let aux = loaded(&aux_field(b"%info", b"hello").repeat(100)).unwrap().aux;
    assert_eq!((aux.remarks.len(), &aux.remarks[0]), (10, &("%info".to_owned(), "hello".to_owned())));
}

#[test]
fn what_stands_between_the_keys_may_come_in_any_order() {
    let far = 4_000_000_000_000i64;
    let expire = [&[0xFC][..], &far.to_le_bytes()].concat();
    let between: [&[u8]; 5] =
        [b"", b"\xFE\x00", b"\xFB\x00\x00", &aux_field(b"a", b"b"), b"\xF8\x05\xF9\x07"];
    for other in between {
        let loaded = loaded(&[&b"\xFC\x01\0\0\0\0\0\0\0"[..], &expire, other].concat()).unwrap();
        let db = loaded.store.db(0);
        assert_eq!(db.get(db.hash(b"good"), b"good").unwrap().expire(), Some(far), "{other:?}");
    }
}

#[test]
fn what_follows_data_that_are_proved_whole_is_ignored() {
    let options = WriteOptions { checksum: true, ..WriteOptions::default() };
    let mut store = Store::new(1, 1);
    super::rdb_tests::set(&mut store, 0, b"k", b"v", None);
    let file = super::rdb_tests::written(&mut store, &options);
    let more = read(&[&file[..], b"an append-only file"].concat(), &LoadOptions::default()).unwrap();
    assert_eq!(more.keys_loaded, 1);
    let line = format!("The data end at byte {}: what follows is ignored", file.len());
    assert_eq!(more.repairs.lines, [line]);
    // Without a checksum the end may be a byte that changed, and all keys behind it lost.
    let without = super::rdb_tests::written(&mut store, &WriteOptions::default());
    let error = read(&[&without[..], b"x"].concat(), &LoadOptions::default()).unwrap_err();
    assert!(matches!(error.reason, Reason::Trailing));
}

/// A node whose entries have one field `f`, at the milliseconds given.
fn node(first: u64, entries: &[u64]) -> Vec<u8> {
    let mut pack = Listpack::new();
    let mut number = |number: u64| pack.push(number.to_string().as_bytes());
    [entries.len() as u64, 0, 1].into_iter().for_each(&mut number);
    pack.push(b"f");
    pack.push(b"0");
    for entry in entries {
        for number in [2, entry - first, 0] {
            pack.push(number.to_string().as_bytes());
        }
        pack.push(b"v");
        pack.push(b"4");
    }
    let id = [first.to_be_bytes(), 1u64.to_be_bytes()].concat();
    [string(&id), string(pack.as_bytes())].concat()
}

/// A stream of type 19 with these nodes, the length it tells, the milliseconds of its last id, and its groups.
fn stream(nodes: &[Vec<u8>], len: u8, last: u8, groups: &[u8]) -> Vec<u8> {
    let ids = [last, 1, 1, 1, 0, 0, len];
    let value = [&[nodes.len() as u8], &nodes.concat()[..], &[len], &ids, groups].concat();
    key(19, &value)
}

/// A group with what is pending, as milliseconds, and what of it each consumer has.
fn group(pending: &[u64], consumers: &[(&str, &[u64])]) -> Vec<u8> {
    let id = |ms: &u64| [ms.to_be_bytes(), 1u64.to_be_bytes()].concat();
    let mut bytes = [&[1][..], &string(b"g"), &[9, 1, 2, pending.len() as u8]].concat();
    for ms in pending {
        bytes.extend([id(ms), vec![0; 8], vec![1]].concat());
    }
    bytes.push(consumers.len() as u8);
    for (name, has) in consumers {
        bytes.extend([string(name.as_bytes()), vec![0; 8], vec![has.len() as u8]].concat());
        bytes.extend(has.iter().flat_map(id));
    }
    bytes
}

/// Repairs, number of entries, last id, and who has the entry at 1 ms.
fn shown(body: &[u8]) -> (u64, u64, u64, String) {
    let loaded = loaded(body).unwrap();
    let db = loaded.store.db(0);
    let ValueRef::Stream(stream) = db.get(db.hash(b"k"), b"k").unwrap().value() else { panic!("no stream") };
    let id = StreamId { ms: 1, seq: 1 };
    let mut owners = stream.groups().flat_map(|(_, group)| group.consumers().map(move |one| (group, one)));
    let owner = owners.find(|(_, (_, consumer))| consumer.pending().get(&id).is_some());
    let owner = owner.map(|(_, (name, _))| String::from_utf8_lossy(name.as_bytes()).into_owned());
    let log = stream.log();
    assert_eq!(log.iter().count() as u64, log.len());
    assert_eq!(loaded.repairs.lines.len() as u64, loaded.repairs.values);
    (loaded.repairs.values, log.len(), log.last_id.ms, owner.unwrap_or_default())
}

#[test]
fn a_stream_that_contradicts_itself_is_counted_anew() {
    let two = || node(1, &[1, 2]);
    let none: &[u8] = &[0];
    assert_eq!(shown(&stream(&[two()], 2, 2, none)), (0, 2, 2, String::new()));
    for told in [4, 1, 0] {
        assert_eq!(shown(&stream(&[two()], told, 2, none)), (1, 2, 2, String::new()), "{told}");
    }
    assert_eq!(shown(&stream(&[two()], 2, 1, none)), (1, 2, 2, String::new()), "the last id is raised");
    assert_eq!(shown(&stream(&[node(5, &[5]), two()], 3, 5, none)), (0, 3, 5, String::new()), "in any order");
    assert_eq!(shown(&stream(&[], 0, 5, none)), (0, 0, 5, String::new()));

    let lines = loaded(&stream(&[two()], 4, 2, none)).unwrap().repairs.lines;
    let expected =
        "Repaired key \"k\" in DB 0: it held a damaged stream: its length is not the number of its entries";
    assert_eq!(lines, [expected]);

    let damaged = "at byte 9, key \"k\": it holds a damaged stream";
    assert_eq!(refusal(&stream(&[], 3, 5, none)), damaged, "its entries are lost");
    assert_eq!(refusal(&stream(&[two(), two()], 4, 5, none)), damaged);
}

#[test]
fn pending_entries_belong_to_one_consumer() {
    let with = |group: Vec<u8>| stream(&[node(1, &[1, 2])], 2, 2, &group);
    assert_eq!(shown(&with(group(&[1], &[("c", &[1])]))), (0, 2, 2, "c".to_owned()));
    assert_eq!(shown(&with(group(&[2, 1], &[("c", &[2, 1])]))), (0, 2, 2, "c".to_owned()), "in any order");
    assert_eq!(shown(&with(group(&[1], &[("c", &[1]), ("d", &[1])]))), (1, 2, 2, "d".to_owned()), "the last");
    assert_eq!(shown(&with(group(&[7], &[("c", &[7])]))), (0, 2, 2, String::new()), "a deleted entry");

    let damaged = "at byte 9, key \"k\": it holds a damaged stream";
    for wrong in [
        group(&[1, 1], &[("c", &[1])]),
        group(&[1, 2], &[("c", &[1])]),
        group(&[1], &[]),
        group(&[], &[("c", &[1])]),
        group(&[], &[("c", &[]), ("c", &[])]),
    ] {
        assert_eq!(refusal(&with(wrong)), damaged);
    }
}

#[test]
fn the_first_of_two_values_of_a_field_is_kept() {
    let pairs: [&[u8]; 6] = [b"a", b"1", b"b", b"x", b"a", b"2"];
    let plain = [vec![3], pairs.map(string).concat()].concat();
    for (id, value) in [(4, plain), (16, pack(&pairs))] {
        let loaded = loaded(&key(id, &value)).unwrap();
        let db = loaded.store.db(0);
        let ValueRef::Hash(hash) = db.get(db.hash(b"k"), b"k").unwrap().value() else { panic!("no hash") };
        assert_eq!((hash.len(), hash.get(b"a").unwrap().bytes().as_ref()), (2, &b"1"[..]), "type {id}");
        assert_eq!(loaded.repairs.values, 1, "type {id}");
    }
    assert!(refusal(&key(16, &pack(&pairs[..3]))).ends_with("damaged hash"), "a field without a value");
    assert!(refusal(&key(2, &[vec![2], string(b"a").repeat(2)].concat())).ends_with("damaged set"));
}

#[test]
fn a_payload_of_restore_is_refused_where_a_file_is_repaired() {
    let restore = |key: &[u8]| {
        let body = [&key[..1], &key[3..], &[10, 0]].concat();
        let checksum = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Redis, &body);
        let payload = [&body[..], &checksum.to_le_bytes()].concat();
        restore_value(
            &payload,
            Restoring { max_string: 1 << 29, verify_checksum: true },
            &crate::store::Encodings::REDIS,
        )
        .map(drop)
    };
    assert!(restore(&stream(&[node(1, &[1, 2])], 2, 2, &[0])).is_ok());
    for refused in [
        key(1, &[0]),
        key(16, &pack(&[])),
        key(16, &pack(&[b"a", b"1", b"a", b"2"])),
        stream(&[node(1, &[1, 2])], 4, 2, &[0]),
        stream(&[node(1, &[1, 2])], 2, 1, &[0]),
    ] {
        assert_eq!(restore(&refused).unwrap_err().to_string(), "Bad data format");
    }
}
