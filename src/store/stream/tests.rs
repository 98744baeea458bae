//! Streams beside a plain ordered map.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Group, Log, Stream, StreamId, Trim};
use crate::store::Encodings;

type Model = BTreeMap<StreamId, Vec<Vec<u8>>>;

fn id(ms: u64) -> StreamId {
    StreamId { ms, seq: ms % 3 }
}

fn shown(log: &Log) -> Model {
    let fields = |entry: super::StreamEntry<'_>| {
        let pairs = entry.fields().flat_map(|(field, value)| [field.bytes(), value.bytes()]);
        pairs.map(std::borrow::Cow::into_owned).collect()
    };
    log.iter().map(|entry| (entry.id, fields(entry))).collect()
}

proptest! {
    #[test]
    fn a_log_is_an_ordered_map_with_an_end_that_only_grows(
        steps in prop::collection::vec((0u8..10, 0u64..200, 1usize..4), 1..300),
        node_entries in 0u64..12,
    ) {
        let encodings = Encodings { stream_node_max_entries: node_entries, ..Encodings::REDIS };
        let (mut log, mut model) = (Log::default(), Model::new());
        let mut last = 0;
        for (step, number, size) in steps {
            let before: Vec<StreamId> = model.keys().copied().collect();
            match step {
                0..=5 => {
                    last += 1 + number % 4;
                    let names = [&b"field"[..], b"17", b"third"];
                    let value = "v".repeat(number as usize);
                    let fields: Vec<&[u8]> =
                        names[..size].iter().flat_map(|name| [*name, value.as_bytes()]).collect();
                    log.append(id(last), &fields, &encodings);
                    model.insert(id(last), fields.iter().map(|part| part.to_vec()).collect());
                }
                6 | 7 => {
                    let gone = model.remove(&id(number)).is_some();
                    prop_assert_eq!(log.delete(&[id(number)]), u64::from(gone));
                }
                8 => {
                    let trimmed = log.trim(Trim::MaxLen(number / 2), false, 0);
                    let keep = model.len().min(number as usize / 2);
                    prop_assert_eq!(trimmed as usize, model.len() - keep);
                    before[..model.len() - keep].iter().for_each(|id| { model.remove(id); });
                }
                _ => {
                    log.trim(Trim::MinId(id(number)), false, 0);
                    before.iter().filter(|old| **old < id(number)).for_each(|id| { model.remove(id); });
                }
            }
            prop_assert_eq!(&shown(&log), &model);
            prop_assert_eq!(log.len() as usize, model.len());
            prop_assert_eq!(log.first_id, model.keys().next().copied().unwrap_or_default());
            prop_assert_eq!(log.last_entry_id(), model.keys().next_back().copied());
            let bytes: usize = log.nodes().map(|(_, pack)| pack.memory()).sum();
            prop_assert!(log.memory() >= bytes);
        }
        let (start, end) = (id(20), id(90));
        prop_assert!(log.range(start, end).map(|entry| entry.id).eq(model.range(start..=end).map(|(id, _)| *id)));
        let back = log.range_back(start, end).map(|entry| entry.id);
        prop_assert!(back.eq(model.range(start..=end).rev().map(|(id, _)| *id)));
    }
}

#[test]
fn what_a_group_holds_has_one_owner_and_is_counted() {
    let mut stream = Stream::default();
    let empty = stream.memory();
    assert!(stream.add_group(b"g", Group::new(StreamId::MIN, 0)));
    assert!(!stream.add_group(b"g", Group::new(StreamId::MIN, 0)));
    let (_, mut group) = stream.edit_group(b"g").unwrap();
    assert!(group.see_consumer(b"a", 1) && group.see_consumer(b"b", 1) && !group.see_consumer(b"a", 2));
    for ms in 0..1000 {
        assert!(group.assign(id(ms), b"a", 5, 1));
    }
    for ms in 0..400 {
        assert!(group.assign(id(ms), b"b", 6, 2));
    }
    assert!(!group.assign(id(1), b"nobody", 5, 1));
    let own = |group: &Group, name: &[u8]| group.consumer(name).unwrap().pending().len();
    assert_eq!((own(&group, b"a"), own(&group, b"b"), group.pending().len()), (600, 400, 1000));
    assert_eq!(group.acknowledge(id(0)).unwrap().consumer.as_bytes(), b"b");
    assert_eq!(group.acknowledge(id(0)), None);
    assert_eq!(group.remove_consumer(b"b"), Some(399));
    assert_eq!((own(&group, b"a"), group.pending().len()), (600, 600));
    drop(group);
    assert!(stream.memory() > empty + 600 * size_of::<StreamId>() * 2);

    let snapshot = stream.clone();
    let (_, mut group) = stream.edit_group(b"g").unwrap();
    assert_eq!(group.remove_consumer(b"a"), Some(600));
    drop(group);
    assert_eq!(snapshot.group(b"g").unwrap().pending().len(), 600, "a snapshot keeps what it held");
    assert!(stream.remove_group(b"g") && !stream.remove_group(b"g"));
    assert_eq!(stream.group_bytes, 0, "nothing is counted that is gone");
}
