//! Hashes and sets beyond single replies: events, changes counted, luck, large collections, bounds.

use std::collections::{BTreeMap, BTreeSet};

use super::harness::Fixture;
use crate::commands::KeyspaceEvents;

/// Events of a request, and the number of changes it counts as.
fn heard(node: &mut Fixture, line: &str) -> String {
    node.run(line);
    let event = |(_, name, key): (usize, &str, &[u8])| format!("{name}:{} ", String::from_utf8_lossy(key));
    let events: String = node.effects.events().map(event).collect();
    format!("{events}{}", node.effects.dirty)
}

#[test]
fn events_come_in_the_order_of_redis_and_every_element_counts() {
    let mut node = Fixture::new();
    node.effects.notifying = KeyspaceEvents::ALL.or(KeyspaceEvents::NEW);
    for line in [
        "HSET h a 1 b 2 => new:h hset:h 2",
        "HSET h a 1 => hset:h 1",
        "HMSET h c 1 d 2 e 3 => hset:h 3",
        "HSETNX h a 1 => 0",
        "HSETNX h f 1 => hset:h 1",
        "HINCRBY h a 1 => hincrby:h 1",
        "HINCRBYFLOAT h a 1 => hincrbyfloat:h 1",
        "HDEL h z => 0",
        "HDEL h a b z => hdel:h 2",
        "HDEL h c d e f => hdel:h del:h 4",
        "SADD s 1 2 3 4 5 => new:s sadd:s 5",
        "SADD s 1 2 => 0",
        "SREM s 9 => 0",
        "SREM s 1 => srem:s 1",
        "SMOVE s t 2 => srem:s new:t sadd:t 2",
        "SADD t 3 => sadd:t 1",
        "SMOVE s t 3 => srem:s 1",
        "SINTERSTORE u t => new:u sinterstore:u 1",
        "SUNIONSTORE u t => sunionstore:u 1",
        "SDIFFSTORE u t => sdiffstore:u 1",
        "SDIFFSTORE u t t => del:u 1",
        "SDIFFSTORE u t t => 0",
        "SPOP t => spop:t 1",
        "SPOP t 5 => spop:t del:t 1",
        "SMOVE s t 4 => srem:s new:t sadd:t 2",
        "SMOVE s t 5 => srem:s del:s sadd:t 2",
        "SPOP t 1 => spop:t 1",
        "SREM t 4 5 => srem:t del:t 1",
    ] {
        let (request, expected) = line.split_once(" => ").unwrap();
        assert_eq!(heard(&mut node, request), expected, "{request}");
    }
    assert_eq!(node.store.db(0).len(), 0);
}

fn words(reply: &str) -> Vec<String> {
    reply.trim_matches(['[', ']']).split(' ').map(|word| word.trim_start_matches('$').to_owned()).collect()
}

/// `members` members, integers in an intset or texts in a hash table.
fn with_set(members: usize, prefix: &str) -> Fixture {
    let mut node = Fixture::new();
    let all: Vec<String> = (0..members).map(|nth| format!("{prefix}{nth}")).collect();
    node.run(&format!("SADD s {}", all.join(" ")));
    node
}

#[test]
fn spop_removes_what_it_returns_and_sends_just_that() {
    for prefix in ["", "text:"] {
        for count in [1, 10, 90, 99] {
            let mut node = with_set(100, prefix);
            let before: BTreeSet<String> = words(&node.run("SMEMBERS s")).into_iter().collect();
            let popped: BTreeSet<String> = words(&node.run(&format!("SPOP s {count}"))).into_iter().collect();
            let sent: BTreeSet<String> =
                node.stream.iter().map(|line| line.strip_prefix("SREM s ").unwrap().to_owned()).collect();
            assert_eq!((popped.len(), &popped), (count, &sent));
            let after: BTreeSet<String> = words(&node.run("SMEMBERS s")).into_iter().collect();
            assert_eq!(before.difference(&popped).cloned().collect::<BTreeSet<_>>(), after);
        }
    }
}

#[test]
fn a_set_of_integers_that_loses_nearly_all_at_once_is_an_intset_again() {
    let mut node = with_set(600, "");
    assert_eq!(node.run("OBJECT ENCODING s"), "$hashtable");
    node.run("SPOP s 100");
    assert_eq!(node.run("OBJECT ENCODING s"), "$hashtable");
    node.run("SPOP s 450");
    assert_eq!(node.run("OBJECT ENCODING s"), "$intset");
    assert_eq!(node.run("SCARD s"), ":50");
}

#[test]
fn random_members_are_different_unless_repetitions_are_asked_for_and_all_equally_likely() {
    for (members, prefix) in [(20, ""), (20, "text:"), (1000, "text:")] {
        let mut node = with_set(members, prefix);
        for count in [2, 5, members / 2, members - 1] {
            let mut times = BTreeMap::<String, usize>::new();
            let rounds = 100 * members / count;
            for _ in 0..rounds {
                let picked = words(&node.run(&format!("SRANDMEMBER s {count}")));
                assert_eq!(picked.iter().collect::<BTreeSet<_>>().len(), count);
                for member in picked {
                    *times.entry(member).or_default() += 1;
                }
            }
            assert_eq!(times.len(), members);
            // 100 are expected, and no more than the number of rounds are possible.
            assert!(times.values().all(|times| (40..170).contains(times)), "{members} {count}: {times:?}");
        }
        let picked = words(&node.run(&format!("SRANDMEMBER s -{}", members * 100)));
        assert_eq!(picked.len(), members * 100);
        assert_eq!(picked.into_iter().collect::<BTreeSet<_>>().len(), members);
        let few = words(&node.run("SRANDMEMBER s -5"));
        assert_eq!(few.len(), 5);
    }
}

#[test]
fn random_fields_come_with_their_values() {
    for fields in [10, 1000] {
        let mut node = Fixture::new();
        let all: Vec<String> = (0..fields).map(|nth| format!("f{nth} v{nth}")).collect();
        node.run(&format!("HSET h {}", all.join(" ")));
        for count in [3, fields - 1, fields, fields * 2] {
            let picked = words(&node.run(&format!("HRANDFIELD h {count} WITHVALUES")));
            assert_eq!(picked.len(), count.min(fields) * 2);
            assert!(picked.chunks(2).all(|pair| pair[0][1..] == pair[1][1..]));
            assert_eq!(words(&node.run(&format!("HRANDFIELD h {count}"))).len(), count.min(fields));
        }
        let picked = words(&node.run(&format!("HRANDFIELD h -{} WITHVALUES", fields * 3)));
        assert_eq!(picked.len(), fields * 6);
        node.out.set_resp3(true);
        let nested = node.run_words([&b"HRANDFIELD"[..], b"h", b"2", b"WITHVALUES"]);
        assert!(nested.starts_with(b"*2\r\n*2\r\n$"), "{}", nested.escape_ascii());
        assert!(node.run_words([&b"HGETALL"[..], b"h"]).starts_with(b"%"));
        node.out.set_resp3(false);
    }
}

#[test]
fn repetitions_are_bounded_by_their_number_and_by_the_size_of_the_reply() {
    let mut node = Fixture::new();
    node.run("HSET h f v");
    node.run("SADD s m");
    let out_of_range = "-ERR value is out of range";
    for line in [
        "SRANDMEMBER s -1048577",
        "SRANDMEMBER s -4611686018427387905",
        "SRANDMEMBER s -9223372036854775807",
        "HRANDFIELD h -1048577",
        "HRANDFIELD h -1048577 WITHVALUES",
        "HRANDFIELD h -4611686018427387905",
    ] {
        assert_eq!(node.run(line), out_of_range, "{line}");
    }
    assert_eq!(node.run("SRANDMEMBER none -4611686018427387905"), "[]");
    assert!(node.run_words([&b"SRANDMEMBER"[..], b"s", b"-1048576"]).starts_with(b"*1048576\r\n"));
    node.run_words([&b"SADD"[..], b"huge", &vec![b'x'; 8 << 20]]);
    assert_eq!(node.run("SRANDMEMBER huge -1048576"), out_of_range);
}

#[test]
fn a_walk_over_a_large_collection_meets_everything_once() {
    let mut node = Fixture::new();
    let all: Vec<String> = (0..2000).map(|nth| format!("key:{nth}")).collect();
    node.run(&format!("SADD s {}", all.join(" ")));
    let pairs: Vec<String> = all.iter().map(|name| format!("{name} 1")).collect();
    node.run(&format!("HSET h {}", pairs.join(" ")));
    for (command, step) in [("SSCAN s", 1), ("HSCAN h", 2)] {
        let (mut cursor, mut seen, mut calls) = ("0".to_owned(), Vec::new(), 0);
        loop {
            let reply = node.run(&format!("{command} {cursor} COUNT 50 MATCH key:*"));
            let (next, found) = reply.trim_start_matches("[$").split_once(" [").unwrap();
            let found = words(found);
            seen.extend(found.iter().step_by(step).filter(|name| !name.is_empty()).cloned());
            next.clone_into(&mut cursor);
            calls += 1;
            if cursor == "0" {
                break;
            }
        }
        assert!(calls > 10, "{command}: {calls} calls");
        let seen_once: BTreeSet<String> = seen.iter().cloned().collect();
        assert_eq!((seen.len(), seen_once.len()), (2000, 2000), "{command}");
    }
}

#[test]
fn what_is_asked_of_an_expired_source_is_asked_of_an_empty_set() {
    let mut node = Fixture::new();
    node.run("SADD a 1 2");
    node.run("SADD b 1");
    node.run("PEXPIRE b 10");
    node.now += 10;
    assert_eq!(node.stream_of("SDIFFSTORE d a b"), "DEL b; SDIFFSTORE d a b");
    assert_eq!(node.run("SMEMBERS d"), "[$1 $2]");
    node.run("SADD b 1");
    node.run("PEXPIRE b 10");
    node.now += 10;
    node.expiry = crate::commands::ExpiryMode::Hide;
    assert_eq!(node.run("SDIFF a b"), "[$1 $2]");
    assert_eq!(node.run("SINTER a b"), "[]");
    assert_eq!(node.store.db(0).len(), 3, "a replica keeps it");
}

#[test]
fn a_large_difference_is_the_same_by_either_way() {
    let mut node = Fixture::new();
    let texts =
        |range: std::ops::Range<u32>| range.map(|nth| format!("t{nth}")).collect::<Vec<_>>().join(" ");
    node.run(&format!("SADD a {}", texts(0..300)));
    node.run(&format!("SADD b {}", texts(100..150)));
    node.run(&format!("SADD c {}", texts(140..200)));
    node.run("SADD d t0");
    // Four small sets to take away: their members are removed from a copy. One large set: it is asked.
    assert_eq!(node.run("SDIFFSTORE e a b c d d"), ":199");
    assert_eq!(node.run("SDIFFSTORE f b a"), ":0");
    assert_eq!(node.run("SDIFFSTORE f a b"), ":250");
    assert_eq!(node.run("SISMEMBER e t99"), ":1");
    assert_eq!(node.run("SMISMEMBER e t0 t100 t199 t200"), "[:0 :0 :0 :1]");
}
