//! Writer and reader together: what is written comes back, and damage never passes for data.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::ControlFlow;

use proptest::prelude::*;

use super::*;
use crate::commands::Access;
use crate::store::{Random, Store, Ttl};

/// Contents of a data set: value, expiry and access field by database and key.
pub(super) type Contents = BTreeMap<(usize, Vec<u8>), (Vec<u8>, Option<i64>, u32)>;

pub(super) fn contents(store: &Store) -> Contents {
    let mut contents = Contents::new();
    for db in 0..store.databases() {
        for entry in store.db(db).iter() {
            let value = entry.value().as_str().unwrap();
            let access = entry.access().load(std::sync::atomic::Ordering::Relaxed);
            contents.insert((db, entry.key().to_vec()), (value.to_vec(), entry.expire(), access));
        }
    }
    contents
}

pub(super) fn set(store: &mut Store, db: usize, key: &[u8], value: &[u8], expire: Option<i64>) {
    let hash = store.db(db).hash(key);
    store.db_mut(db).set(hash, key, value, expire.map_or(Ttl::Clear, Ttl::At), 0);
}

pub(super) fn written(store: &mut Store, options: &WriteOptions) -> Vec<u8> {
    let mut file = Vec::new();
    let snapshot = store.begin_snapshot();
    store.capture(usize::MAX);
    let mut keys = 0;
    let sink = |chunk: bytes::Bytes| {
        assert!(chunk.len() <= CHUNK);
        file.extend_from_slice(&chunk);
        Ok(())
    };
    let written = RdbWriter::encode(snapshot, options, sink, |done| keys = done).unwrap();
    assert_eq!((written.bytes, written.keys), (file.len() as u64, store.keys()));
    assert_eq!(keys, store.keys());
    file
}

pub(super) fn read(file: &[u8], options: &LoadOptions) -> Result<Loaded, RdbError> {
    load(file, options, |_| ControlFlow::Continue(()))
}

fn small_store() -> Store {
    let mut store = Store::new(16, 1);
    set(&mut store, 0, b"plain", b"some text", None);
    set(&mut store, 0, b"int8", b"-5", None);
    set(&mut store, 0, b"int16", b"30000", Some(4_000_000_000_000));
    set(&mut store, 3, b"int32", b"-2000000000", None);
    set(&mut store, 3, &[0, 255, 13, 10], &[0, 1, 2, 255], Some(5_000_000_000_000));
    set(&mut store, 15, b"packed", &b"abcabc".repeat(20), None);
    set(&mut store, 15, b"", b"", None);
    store
}

fn checked() -> WriteOptions {
    let aux = Aux {
        redis_ver: Some("7.0.15".to_owned()),
        redis_bits: Some(64),
        ctime: Some(1_700_000_000),
        used_mem: Some(1_234_567),
        repl_stream_db: Some(3),
        repl_id: Some(*b"0123456789abcdef0123456789abcdef01234567"),
        repl_offset: Some(98_765_432_101),
        ..Aux::default()
    };
    WriteOptions { compress: true, checksum: true, aux, ..WriteOptions::default() }
}

fn shows(file: &[u8], options: &LoadOptions) -> String {
    read(file, options).unwrap_err().to_string()
}

#[test]
fn what_the_snapshot_says_about_itself_comes_back() {
    let mut store = small_store();
    let options = checked();
    let file = written(&mut store, &options);
    let loaded = read(&file, &LoadOptions::default()).unwrap();
    assert_eq!(loaded.aux, options.aux);
    assert_eq!((loaded.version, loaded.checksum), (10, Checksum::Verified));
    assert_eq!((loaded.keys_loaded, loaded.keys_expired), (7, 0));
    assert_eq!(loaded.bytes, file.len() as u64);
    assert_eq!(contents(&loaded.store), contents(&store));
}

#[test]
fn without_a_checksum_it_is_absent_and_that_is_told() {
    let mut store = small_store();
    let file = written(&mut store, &WriteOptions::default());
    assert_eq!(file[file.len() - 8..], [0; 8]);
    let loaded = read(&file, &LoadOptions::default()).unwrap();
    assert_eq!(loaded.checksum, Checksum::Absent);
    let file = written(&mut store, &checked());
    let options = LoadOptions { verify_checksum: false, ..LoadOptions::default() };
    assert_eq!(read(&file, &options).unwrap().checksum, Checksum::Ignored);
}

#[test]
fn a_master_leaves_expired_keys_out_and_a_replica_keeps_them() {
    let mut store = small_store();
    let file = written(&mut store, &checked());
    let late = LoadOptions { now: 4_500_000_000_000, ..LoadOptions::default() };
    let loaded = read(&file, &late).unwrap();
    assert_eq!((loaded.keys_loaded, loaded.keys_expired), (6, 1));
    assert_eq!(loaded.store.keys(), 6);
    let replica = read(&file, &LoadOptions { keep_expired: true, ..late }).unwrap();
    assert_eq!((replica.keys_loaded, replica.keys_expired), (7, 0));
    assert_eq!(contents(&replica.store).len(), 7);
}

#[test]
fn idle_times_and_frequencies_survive() {
    let now = 1_700_000_000_000;
    let seconds = (now / 1000) & 0xFF_FFFF;
    let mut store = Store::new(1, 1);
    let hash = store.db(0).hash(b"k");
    store.db_mut(0).set(hash, b"k", b"v", Ttl::Clear, (seconds - 77) as u32);
    let lru = WriteOptions { access: Some(Access::Lru), now, ..checked() };
    let file = written(&mut store, &lru);
    let later = now + 60_000;
    let loaded = read(&file, &LoadOptions { now: later, ..LoadOptions::default() }).unwrap();
    assert_eq!(contents(&loaded.store).values().next().unwrap().2, (seconds + 60 - 77) as u32);

    let minutes = ((now / 60_000) & 0xFFFF) as u32;
    store.db_mut(0).set(hash, b"k", b"v", Ttl::Clear, minutes << 8 | 0xC8);
    let file = written(&mut store, &WriteOptions { access: Some(Access::Lfu), ..lru });
    let options = LoadOptions { now: later, access: Access::Lfu, ..LoadOptions::default() };
    let loaded = read(&file, &options).unwrap();
    assert_eq!(contents(&loaded.store).values().next().unwrap().2, (minutes + 1) << 8 | 0xC8);
    // A node with another policy has no use for the number.
    let options = LoadOptions { access: Access::Lru, ..options };
    let loaded = read(&file, &options).unwrap();
    assert_eq!(contents(&loaded.store).values().next().unwrap().2, ((later / 1000) & 0xFF_FFFF) as u32);
}

/// Hands out bytes in small pieces, so that every field is at some point cut by the end of the window.
struct Trickle<'a>(&'a [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let len = self.1.min(buffer.len()).min(self.0.len());
        let (now, later) = self.0.split_at(len);
        buffer[..len].copy_from_slice(now);
        self.0 = later;
        Ok(len)
    }
}

#[test]
fn the_size_of_the_reads_does_not_matter() {
    let mut store = small_store();
    (0..300u32).for_each(|n| set(&mut store, 1, &n.to_be_bytes(), &[n as u8; 30], None));
    set(&mut store, 2, b"big", &vec![b'x'; 700_000], None);
    set(&mut store, 2, &vec![b'k'; 70_000], &[b'y'; 5000], None);
    for options in [checked(), WriteOptions { compress: false, ..checked() }] {
        let file = written(&mut store, &options);
        for piece in [1, 2, 3, 7, 100, 4096, usize::MAX] {
            let loaded =
                load(Trickle(&file, piece), &LoadOptions::default(), |_| ControlFlow::Continue(())).unwrap();
            assert!(contents(&loaded.store) == contents(&store), "reads of {piece} bytes");
        }
    }
}

#[test]
fn a_transfer_ends_at_its_mark_and_reads_no_further() {
    let mut store = small_store();
    let mark = [b'm'; 40];
    let mut stream = written(&mut store, &WriteOptions::default());
    let end = stream.len() as u64;
    stream.extend_from_slice(&mark);
    let options = LoadOptions { ending: Ending::Mark(mark), ..LoadOptions::default() };
    // A read that is not needed would find the transfer cut.
    let mut pieces = vec![Piece::Bytes(stream.clone().into())].into_iter();
    let source = ChannelReader::new(|| pieces.next());
    let loaded = load(source, &options, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((loaded.bytes, loaded.rest.len()), (end, 0));

    let wrong = LoadOptions { ending: Ending::Mark([b'n'; 40]), ..LoadOptions::default() };
    let error = read(&stream, &wrong).unwrap_err();
    assert!(matches!(error, RdbError { offset, reason: Reason::WrongMark, .. } if offset == end));

    let open = LoadOptions { ending: Ending::Open, ..LoadOptions::default() };
    assert_eq!(read(&stream, &open).unwrap().rest, mark);
    let error = read(&stream, &LoadOptions::default()).unwrap_err();
    assert!(matches!(error, RdbError { offset, reason: Reason::Trailing, .. } if offset == end));
}

#[test]
fn a_cut_transfer_is_told_from_a_corrupt_one() {
    let mut store = small_store();
    let file = written(&mut store, &checked());
    let half = file[..file.len() / 2].to_vec();
    let mut pieces = vec![Piece::Bytes(half.clone().into())].into_iter();
    let cut =
        load(ChannelReader::new(|| pieces.next()), &LoadOptions::default(), |_| ControlFlow::Continue(()));
    let cut = cut.unwrap_err();
    assert!(cut.is_cut(), "{cut}");
    assert_eq!(cut.offset, half.len() as u64);
    assert!(!read(&half, &LoadOptions::default()).unwrap_err().is_cut());
    let stopped = load(&file[..], &LoadOptions::default(), |_| ControlFlow::Break(())).unwrap_err();
    assert!(matches!(stopped.reason, Reason::Stopped) && stopped.is_cut());
}

#[test]
fn every_truncation_is_refused() {
    let mut store = small_store();
    for options in [checked(), WriteOptions::default()] {
        let file = written(&mut store, &options);
        for len in 0..file.len() {
            let error = read(&file[..len], &LoadOptions::default()).unwrap_err();
            assert!(matches!(error.reason, Reason::Truncated), "cut at {len}: {error}");
            assert_eq!(error.offset, len as u64);
        }
    }
}

#[test]
fn every_flipped_byte_is_found_by_the_checksum() {
    let mut store = small_store();
    let file = written(&mut store, &checked());
    for at in 0..file.len() {
        for flip in [0x01, 0x80, 0xFF] {
            let mut damaged = file.clone();
            damaged[at] ^= flip;
            let loaded = read(&damaged, &LoadOptions::default());
            assert!(loaded.is_err(), "byte {at} ^ {flip:#x} went unnoticed");
        }
    }
}

#[test]
fn a_flip_anywhere_in_a_file_of_several_windows_is_found() {
    let mut store = Store::new(2, 1);
    for n in 0..3500u32 {
        set(&mut store, n as usize % 2, &n.to_be_bytes(), &[n as u8; 90], (n % 5 == 0).then_some(1 << 42));
    }
    let mut file = written(&mut store, &WriteOptions { compress: false, ..checked() });
    assert!(file.len() > 256 * 1024);
    let mut random = Random::new(7);
    for _ in 0..1000 {
        let at = random.index(file.len());
        let flip = 1 << random.below(8);
        file[at] ^= flip;
        assert!(read(&file, &LoadOptions::default()).is_err(), "byte {at} ^ {flip:#x} went unnoticed");
        file[at] ^= flip;
    }
    assert!(contents(&read(&file, &LoadOptions::default()).unwrap().store) == contents(&store));
}

#[test]
fn without_a_checksum_every_byte_may_have_any_value_and_nothing_panics() {
    let mut store = small_store();
    let file = written(&mut store, &WriteOptions { checksum: false, ..checked() });
    for at in 0..file.len() {
        for value in 0..=255 {
            let mut damaged = file.clone();
            damaged[at] = value;
            if let Ok(loaded) = read(&damaged, &LoadOptions::default()) {
                assert_eq!(loaded.keys_loaded, loaded.store.keys());
            }
        }
    }
}

pub(super) fn file_of(version: &str, body: &[u8]) -> Vec<u8> {
    [b"REDIS", version.as_bytes(), body, &[255], &[0; 8]].concat()
}

#[test]
fn what_cannot_be_served_is_named_with_its_place() {
    let key = [3, b'k', b'e', b'y'];
    let with = |before: &[u8], after: &[u8]| file_of("0010", &[before, &key, after].concat());
    let module_id = 0x2000_0000_0000_0000u64.to_be_bytes();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"REDIX0010\xFF".to_vec(), "at byte 0: this is no RDB file: it begins with \"REDIX0010\""),
        (file_of("00x0", b""), "at byte 0: this is no RDB file: it begins with \"REDIS00x0\""),
        (file_of("0000", b""), "at byte 0: RDB version 0 is not supported, only 1 to 11 are"),
        (file_of("9999", b""), "at byte 0: RDB version 9999 is not supported, only 1 to 11 are"),
        (
            with(&[6], &[&[0x81][..], &module_id].concat()),
            "at byte 9, key \"key\": it needs the module \"IAAAAAAAA\", and modules are not supported",
        ),
        (
            with(&[7], &[&[0x81][..], &module_id].concat()),
            "at byte 9, key \"key\": it needs the module \"IAAAAAAAA\", and modules are not supported",
        ),
        (with(&[99], &[0]), "at byte 9: unknown type 99"),
        (with(&[0], &[0xC4]), "at byte 14, key \"key\": 0xc4 is no valid encoding here"),
        (with(&[0], &[0x82]), "at byte 14, key \"key\": 0x82 begins no length"),
        (
            with(&[0], &[0x81, 1, 0, 0, 0, 0, 0, 0, 0]),
            "at byte 14, key \"key\": a string of 72057594037927936 bytes, while at most 536870912 are allowed",
        ),
        (
            with(&[0], &[0xC3, 2, 0x80, 0x10, 0, 0, 0, 0, b'a']),
            "at byte 14, key \"key\": 2 compressed bytes cannot hold 268435456",
        ),
        (
            with(&[0], &[0xC3, 2, 2, 5, b'a']),
            "at byte 14, key \"key\": the compressed bytes end in the middle of an item",
        ),
        (with(&[254, 16], &[]), "at byte 10: it selects database 16, but there are only 16"),
        (
            [with(&[0], &[1, b'v'])[..16].to_vec(), with(&[0], &[1, b'w'])[9..].to_vec()].concat(),
            "at byte 16, key \"key\": the key comes twice",
        ),
        (
            b"REDIS0010\xF5\x04code\xFF".to_vec(),
            "at byte 10: it holds a bad function library: Missing library metadata",
        ),
        (
            b"REDIS0010\xF5\x0D#!lua name=l\n\xF5\x0D#!lua name=l\n\xFF".to_vec(),
            "at byte 25: it holds a function library twice",
        ),
        (
            [&b"REDIS0010\xF7\x81"[..], &module_id].concat(),
            "at byte 10: it needs the module \"IAAAAAAAA\", and modules are not supported",
        ),
        (file_of("0010", &[246]), "at byte 9: it holds a function in the format of a 7.0 release candidate"),
    ];
    for (file, message) in cases {
        assert_eq!(shows(&file, &LoadOptions::default()), message);
    }
}

#[test]
fn a_duplicate_is_found_whatever_its_encoding() {
    let plain: &[u8] = &[0, 1, b'5', 1, b'v'];
    let integer: &[u8] = &[0, 0xC0, 5, 1, b'v'];
    for (first, second) in [(plain, integer), (integer, plain), (integer, integer)] {
        let file = file_of("0010", &[first, second].concat());
        assert_eq!(shows(&file, &LoadOptions::default()), "at byte 14, key \"5\": the key comes twice");
    }
}

#[test]
fn what_other_versions_write_is_read() {
    let old = [b"REDIS0003", &[254, 0, 0, 1, b'k', 1, b'v', 255][..]].concat();
    let loaded = read(&old, &LoadOptions::default()).unwrap();
    assert_eq!((loaded.version, loaded.checksum, loaded.keys_loaded), (3, Checksum::Ignored, 1));

    let seconds = [&[253][..], &2_000_000_000i32.to_le_bytes(), &[0, 1, b'k', 1, b'v']].concat();
    let loaded = read(&file_of("0009", &seconds), &LoadOptions::default()).unwrap();
    assert_eq!(contents(&loaded.store).values().next().unwrap().1, Some(2_000_000_000_000));

    let newer =
        b"\xFA\x07unknown\x05field\xF5\x0F#!lua name=lib\n\xF4\x01\x02\x03\xF8\x05\x00\x01k\xC1\x39\x30";
    let loaded = read(&file_of("0011", newer), &LoadOptions::default()).unwrap();
    assert_eq!((loaded.store.libraries.len(), loaded.keys_loaded), (1, 1));
    assert_eq!(contents(&loaded.store).values().next().unwrap().0, b"12345");
}

#[test]
fn promises_take_no_memory() {
    let huge = [0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    let body: Vec<u8> = (0..16).flat_map(|db| [&[254, db, 251][..], &huge, &huge].concat()).collect();
    let loaded = read(&file_of("0010", &body), &LoadOptions::default()).unwrap();
    assert!(loaded.store.memory() < 16 << 20, "{} bytes", loaded.store.memory());
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..80),
        2 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        2 => any::<i16>().prop_map(|number| number.to_string().into_bytes()),
        2 => (b'a'..=b'z', 1..300usize).prop_map(|(letter, len)| vec![letter; len]),
        1 => (any::<u8>(), 4000..20_000usize).prop_map(|(byte, len)| vec![byte; len]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_data_set_comes_back(
        keys in prop::collection::vec((0..16usize, text(), text(), prop::option::of(1..i64::MAX)), 0..400),
        compress: bool,
        checksum: bool,
        seed: u64,
    ) {
        let mut store = Store::new(16, seed);
        for (db, key, value, expire) in &keys {
            set(&mut store, *db, key, value, *expire);
        }
        let file = written(&mut store, &WriteOptions { compress, checksum, ..checked() });
        let options = LoadOptions { seed: !seed, keep_expired: true, ..LoadOptions::default() };
        let loaded = read(&file, &options).unwrap();
        let strip = |store| {
            let all = contents(store).into_iter();
            all.map(|(key, (value, expire, _))| (key, value, expire)).collect::<Vec<_>>()
        };
        prop_assert!(strip(&loaded.store) == strip(&store));
        prop_assert_eq!(loaded.store.keys(), loaded.keys_loaded);
    }

    #[test]
    fn random_bytes_are_loaded_or_refused(body in prop::collection::vec(any::<u8>(), 0..600)) {
        let file = [b"REDIS0010", &body[..]].concat();
        if let Ok(loaded) = read(&file, &LoadOptions::default()) {
            prop_assert_eq!(loaded.store.keys(), loaded.keys_loaded);
        }
    }
}
