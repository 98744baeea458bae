//! The invariants of the store: the snapshot equals the data set at `begin`, a scan misses nothing.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Random, SnapshotReader, Store, Ttl};

type Model = BTreeMap<(usize, Vec<u8>), (Vec<u8>, Option<i64>)>;

fn contents(store: &Store) -> Model {
    let mut model = Model::new();
    for db in 0..store.databases() {
        for entry in store.db(db).iter() {
            let value = entry.value().as_str().unwrap();
            model.insert((db, entry.key().to_vec()), (value.to_vec(), entry.expire()));
        }
    }
    model
}

fn read(mut snapshot: SnapshotReader) -> Model {
    let mut model = Model::new();
    while let Some(part) = snapshot.next_part() {
        for entry in part.segment.iter() {
            let value = entry.value().as_str().unwrap();
            let twice = model.insert((part.db, entry.key().to_vec()), (value.to_vec(), entry.expire()));
            assert_eq!(twice, None, "a key came twice");
        }
    }
    model
}

fn set(store: &mut Store, db: usize, key: &[u8], value: &[u8], ttl: Ttl) {
    let hash = store.db(db).hash(key);
    store.db_mut(db).set(hash, key, value, ttl, 0);
}

#[derive(Debug, Clone)]
enum Step {
    Set { db: usize, key: u16, len: usize, ttl: Option<i64> },
    Append { db: usize, key: u16 },
    Expire { db: usize, key: u16, at: Option<i64> },
    Remove { db: usize, key: u16 },
    Take { db: usize, key: u16 },
    Flush { db: usize },
    Swap,
    Capture(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..900u16;
    prop_oneof![
        40 => (0..2usize, key.clone(), prop_oneof![0..40usize, 4090..4100usize], prop::option::of(1..99i64))
            .prop_map(|(db, key, len, ttl)| Step::Set { db, key, len, ttl }),
        5 => (0..2usize, key.clone()).prop_map(|(db, key)| Step::Append { db, key }),
        5 => (0..2usize, key.clone(), prop::option::of(1..99i64)).prop_map(|(db, key, at)| Step::Expire { db, key, at }),
        10 => (0..2usize, key.clone()).prop_map(|(db, key)| Step::Remove { db, key }),
        3 => (0..2usize, key).prop_map(|(db, key)| Step::Take { db, key }),
        1 => (0..2usize).prop_map(|db| Step::Flush { db }),
        1 => Just(Step::Swap),
        5 => (0..4usize).prop_map(Step::Capture),
    ]
}

fn apply(store: &mut Store, step: &Step, nth: usize) {
    let name = |key: u16| format!("key:{key}").into_bytes();
    match *step {
        Step::Set { db, key, len, ttl } => {
            let value = vec![b'a' + (nth % 26) as u8; len];
            set(store, db, &name(key), &value, ttl.map_or(Ttl::Clear, Ttl::At));
        }
        Step::Append { db, key } => {
            let hash = store.db(db).hash(&name(key));
            store.db_mut(db).edit_big_string(hash, &name(key), |text| text.push(b'!'));
        }
        Step::Expire { db, key, at } => {
            let hash = store.db(db).hash(&name(key));
            store.db_mut(db).set_expire(hash, &name(key), at);
        }
        Step::Remove { db, key } => {
            let hash = store.db(db).hash(&name(key));
            store.db_mut(db).remove(hash, &name(key));
        }
        Step::Take { db, key } => {
            let hash = store.db(db).hash(&name(key));
            store.db_mut(db).take(hash, &name(key));
        }
        Step::Flush { db } => drop(store.flush(db)),
        Step::Swap => store.swap(0, 1),
        Step::Capture(segments) => {
            store.capture(segments);
        }
    }
}

fn check_counts(store: &Store) {
    for db in 0..store.databases() {
        let keyspace = store.db(db);
        assert_eq!(keyspace.len(), keyspace.iter().count());
        assert_eq!(keyspace.expires(), keyspace.iter().filter(|entry| entry.expire().is_some()).count());
        let deadlines: i64 = keyspace.iter().filter_map(|entry| entry.expire()).sum();
        assert_eq!(keyspace.average_ttl(0), deadlines / (keyspace.expires().max(1) as i64));
        for entry in keyspace.iter() {
            assert!(keyspace.get(keyspace.hash(entry.key()), entry.key()).is_some());
        }
        let records: usize = keyspace.iter().map(|entry| entry.memory()).sum();
        assert!(keyspace.memory() >= records as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_snapshot_equals_the_data_set_at_begin(
        before in prop::collection::vec(step(), 0..1500),
        during in prop::collection::vec(step(), 0..600),
        second in prop::collection::vec(step(), 0..200),
        seed: u64,
    ) {
        let mut store = Store::new(2, seed);
        before.iter().enumerate().for_each(|(nth, step)| apply(&mut store, step, nth));
        let expected = contents(&store);
        let snapshot = store.begin_snapshot();
        prop_assert_eq!(snapshot.keys(), expected.len() as u64);
        during.iter().enumerate().for_each(|(nth, step)| apply(&mut store, step, nth + 7));
        let expected_second = contents(&store);
        let second_snapshot = store.begin_snapshot();
        second.iter().enumerate().for_each(|(nth, step)| apply(&mut store, step, nth + 13));
        while !store.capture(1) {}
        prop_assert!(read(snapshot) == expected, "the first snapshot differs");
        prop_assert!(read(second_snapshot) == expected_second, "the second snapshot differs");
        check_counts(&store);
    }

    #[test]
    fn a_scan_visits_what_is_there_all_along_exactly_once(
        keys in 1..3000usize,
        count in 1..50usize,
        churn in prop::collection::vec((any::<bool>(), 0..5000u16), 0..400),
        seed: u64,
    ) {
        let mut store = Store::new(1, seed);
        for key in 0..keys {
            set(&mut store, 0, format!("stays:{key}").as_bytes(), b"v", Ttl::Clear);
        }
        let mut churn = churn.into_iter();
        let mut seen = Vec::new();
        let mut cursor = 0;
        loop {
            cursor = store.db(0).scan(cursor, count, |entry| seen.push(entry.key().to_vec()));
            prop_assert!(cursor < 1 << 48);
            for (add, key) in churn.by_ref().take(5) {
                let key = format!("churn:{key}").into_bytes();
                let hash = store.db(0).hash(&key);
                if add {
                    (0..40).for_each(|n| set(&mut store, 0, &[&key[..], &[n]].concat(), b"v", Ttl::Clear));
                } else {
                    store.db_mut(0).remove(hash, &key);
                }
            }
            if cursor == 0 {
                break;
            }
        }
        let stays: Vec<_> = seen.iter().filter(|key| key.starts_with(b"stays:")).collect();
        prop_assert_eq!(stays.len(), keys);
        prop_assert_eq!(stays.iter().collect::<BTreeSet<_>>().len(), keys);
    }
}

#[test]
fn a_scan_returns_about_what_was_asked_for() {
    let mut store = Store::new(1, 3);
    (0..10_000).for_each(|key| set(&mut store, 0, format!("k{key}").as_bytes(), b"v", Ttl::Clear));
    let mut largest = 0;
    let mut cursor = 0;
    loop {
        let mut keys = 0;
        cursor = store.db(0).scan(cursor, 10, |_| keys += 1);
        largest = largest.max(keys);
        if cursor == 0 {
            break;
        }
    }
    assert!((10..60).contains(&largest), "{largest} keys for COUNT 10");
}

#[test]
fn random_keys_are_spread_evenly() {
    let mut store = Store::new(1, 9);
    (0..2000).for_each(|key| set(&mut store, 0, format!("k{key}").as_bytes(), b"v", Ttl::Clear));
    let mut random = Random::new(1);
    let mut hits = BTreeMap::new();
    for _ in 0..40_000 {
        let entry = store.db(0).random(|| random.bits()).unwrap();
        *hits.entry(entry.key().to_vec()).or_insert(0) += 1;
    }
    assert!(hits.len() > 1990, "{} of 2000 keys were ever picked", hits.len());
    assert!(hits.values().all(|&n| n < 60), "some key is picked far too often");
}

#[test]
fn due_keys_are_found_and_the_rest_is_left() {
    let mut store = Store::new(1, 5);
    for key in 0..1000i64 {
        set(&mut store, 0, format!("k{key}").as_bytes(), b"v", Ttl::At(key));
    }
    let mut due = Vec::new();
    assert_eq!(store.db_mut(0).due(99, 1000, |key| due.push(key.to_vec())), 100);
    for key in &due {
        let hash = store.db(0).hash(key);
        assert!(store.db_mut(0).remove(hash, key));
    }
    assert_eq!(store.db_mut(0).due(99, 1000, |_| ()), 0);
    assert_eq!(store.db(0).expires(), 900);
}

#[test]
fn a_deadline_that_is_overwritten_in_place_is_found_when_it_is_due() {
    let mut store = Store::new(1, 5);
    set(&mut store, 0, b"k", b"old", Ttl::At(900));
    let memory = store.memory();
    set(&mut store, 0, b"k", b"new", Ttl::At(50));
    assert_eq!((store.memory(), store.db(0).expires()), (memory, 1));
    assert_eq!(store.db_mut(0).due(49, 10, |_| ()), 0);
    assert_eq!(store.db_mut(0).due(50, 10, |_| ()), 1);
    assert_eq!(store.db(0).get(store.db(0).hash(b"k"), b"k").unwrap().expire(), Some(50));
}

#[test]
fn reserving_room_makes_segments_before_the_keys_come() {
    let mut store = Store::new(1, 1);
    store.db_mut(0).reserve(100_000);
    assert!(store.db(0).segment_count() >= 256);
    (0..1000).for_each(|key| set(&mut store, 0, format!("k{key}").as_bytes(), b"v", Ttl::Clear));
    check_counts(&store);
    store.db_mut(0).reserve(u64::MAX);
    assert_eq!(store.db(0).len(), 1000);
}

#[test]
fn loading_into_reserved_room_gives_the_same_data_set_in_as_much_memory() {
    let mut grown = Store::new(1, 1);
    let mut loaded = Store::new(1, 1);
    loaded.db_mut(0).reserve(20_000);
    for key in 0..20_000u32 {
        let (name, value) = (format!("key:{key}"), vec![b'v'; if key % 500 == 0 { 5000 } else { 10 }]);
        set(&mut grown, 0, name.as_bytes(), &value, Ttl::Clear);
        let hash = loaded.db(0).hash(name.as_bytes());
        assert!(loaded.db_mut(0).insert_new(hash, name.as_bytes(), value[..].into(), None, 0));
    }
    let hash = loaded.db(0).hash(b"key:500");
    assert!(!loaded.db_mut(0).insert_new(hash, b"key:500", b"other"[..].into(), Some(1), 0));
    assert!(contents(&loaded) == contents(&grown));
    check_counts(&loaded);
    assert!(loaded.memory() < grown.memory() * 11 / 10, "{} of {}", loaded.memory(), grown.memory());
}

#[test]
fn a_promise_of_keys_that_do_not_come_takes_little_memory() {
    let mut store = Store::new(1, 1);
    store.db_mut(0).reserve(1_000_000);
    let before = store.memory();
    for key in 0..1000u32 {
        let hash = store.db(0).hash(&key.to_le_bytes());
        assert!(store.db_mut(0).insert_new(hash, &key.to_le_bytes(), b""[..].into(), None, 0));
    }
    assert!(store.memory() - before < 1000 * 1024, "{} bytes", store.memory() - before);
}

#[test]
fn overwriting_keeps_the_sums_exact() {
    let mut store = Store::new(1, 1);
    let empty = store.memory();
    set(&mut store, 0, b"k", b"value", Ttl::At(5));
    set(&mut store, 0, b"k", b"other", Ttl::Keep);
    set(&mut store, 0, b"k", &[b'x'; 5000], Ttl::Keep);
    assert_eq!(store.db(0).expires(), 1);
    set(&mut store, 0, b"k", b"short", Ttl::Clear);
    assert_eq!(store.db(0).expires(), 0);
    let hash = store.db(0).hash(b"k");
    assert!(store.db_mut(0).remove(hash, b"k"));
    assert_eq!(store.memory(), empty);
}
