//! Streams in RDB.
//!
//! Written as type 19: the listpacks as they are, the counters, then each group with what is pending in it and in each
//! of its consumers. Type 15 lacks the counters that 7.0 brought; type 21 has one more time for each consumer.

use std::io;

use bytes::Bytes;

use super::Fields;
use crate::persistence::rdb_encode::Encoder;
use crate::persistence::rdb_error::Reason;
use crate::store::stream::{Group, Log, StreamId};
use crate::store::{Collection as _, Encodings, Listpack, Millis, Object, Stream};

/// Redis 5.0 to 6.2.
const TYPE_OF_5_0: u8 = 15;
/// Redis 7.0.
const TYPE_OF_7_0: u8 = 19;
/// Redis 7.2 and later.
const TYPE_OF_7_2: u8 = 21;

const DAMAGED: Reason = Reason::Damaged("stream");

pub(super) fn type_of(_: &Stream) -> u8 {
    TYPE_OF_7_0
}

pub(super) fn write<S: FnMut(Bytes) -> io::Result<()>>(
    stream: &Stream,
    to: &mut Encoder<S>,
) -> io::Result<()> {
    let log = stream.log();
    to.put_length(log.node_count() as u64)?;
    for (id, pack) in log.nodes() {
        to.put_string(&id.to_bytes())?;
        to.put_string(pack.as_bytes())?;
    }
    to.put_length(log.len())?;
    for id in [log.last_id, log.first_id, log.max_deleted_id] {
        put_id(id, to)?;
    }
    to.put_length(log.entries_added)?;
    to.put_length(stream.group_count() as u64)?;
    for (name, group) in stream.groups() {
        to.put_string(name.as_bytes())?;
        put_id(group.last_id, to)?;
        to.put_length(group.entries_read as u64)?;
        write_members(group, to)?;
    }
    Ok(())
}

fn put_id<S: FnMut(Bytes) -> io::Result<()>>(id: StreamId, to: &mut Encoder<S>) -> io::Result<()> {
    to.put_length(id.ms)?;
    to.put_length(id.seq)
}

fn write_members<S: FnMut(Bytes) -> io::Result<()>>(group: &Group, to: &mut Encoder<S>) -> io::Result<()> {
    to.put_length(group.pending().len() as u64)?;
    for (id, pending) in group.pending() {
        to.put(&id.to_bytes())?;
        to.put(&pending.time.to_le_bytes())?;
        to.put_length(pending.count)?;
    }
    to.put_length(group.consumer_count() as u64)?;
    for (name, consumer) in group.consumers() {
        to.put_string(name.as_bytes())?;
        to.put(&consumer.seen.to_le_bytes())?;
        to.put_length(consumer.pending().len() as u64)?;
        for (id, ()) in consumer.pending() {
            to.put(&id.to_bytes())?;
        }
    }
    Ok(())
}

pub(super) fn read(id: u8, from: &mut impl Fields, _: &Encodings) -> Result<Object, Reason> {
    if ![TYPE_OF_5_0, TYPE_OF_7_0, TYPE_OF_7_2].contains(&id) {
        return Err(Reason::OtherType { name: "stream", id });
    }
    let mut stream = Stream::with_log(read_log(id, from)?);
    for _ in 0..from.count()? {
        let name = from.string()?;
        let last_id = read_id(from)?;
        let entries_read = match id {
            TYPE_OF_5_0 => stream.log().count_up_to(last_id),
            _ => from.count()? as i64,
        };
        let mut group = Group::new(last_id, entries_read);
        read_members(id, &mut group, from)?;
        if !stream.add_group(&name, group) {
            return Err(DAMAGED);
        }
    }
    Ok(stream.into_object())
}

fn read_log(id: u8, from: &mut impl Fields) -> Result<Log, Reason> {
    let mut nodes = Vec::new();
    for _ in 0..from.count()? {
        let node = <[u8; 16]>::try_from(from.string()?).map_err(|_| DAMAGED)?;
        let pack = Listpack::checked(from.string()?).ok_or(DAMAGED)?;
        nodes.push((StreamId::from_bytes(node), pack));
    }
    // Redis puts them into a tree, so their order in a file is no matter.
    nodes.sort_by_key(|(id, _)| *id);
    let mut log = Log::default();
    for (id, pack) in nodes {
        if !log.push_checked(id, pack) {
            return Err(DAMAGED);
        }
    }
    let told = from.count()?;
    // Without any node the entries are lost, and not counted wrongly.
    if told > 0 && log.node_count() == 0 {
        return Err(DAMAGED);
    }
    if told != log.len() {
        from.repair("stream: its length is not the number of its entries")?;
    }
    log.last_id = read_id(from)?;
    if let Some(last) = log.last_entry_id().filter(|last| *last > log.last_id) {
        // XADD would put the next entry before one that is there.
        from.repair("stream: its last id is below that of an entry")?;
        log.last_id = last;
    }
    if id == TYPE_OF_5_0 {
        log.entries_added = log.len();
        log.first_id = log.range(StreamId::MIN, StreamId::MAX).next().map_or(StreamId::MAX, |entry| entry.id);
    } else {
        log.first_id = read_id(from)?;
        log.max_deleted_id = read_id(from)?;
        log.entries_added = from.count()?;
    }
    Ok(log)
}

/// What is pending comes first, and who has it only then: each consumer names its part by the ids.
fn read_members(id: u8, group: &mut Group, from: &mut impl Fields) -> Result<(), Reason> {
    let pending = read_pending(from)?;
    let mut owned = 0;
    for _ in 0..from.count()? {
        let name = from.string()?;
        let seen = read_time(from)?;
        if id == TYPE_OF_7_2 {
            // When it last got anything: 7.0 does not tell that.
            read_time(from)?;
        }
        if !group.add_consumer(&name, seen) {
            return Err(DAMAGED);
        }
        for _ in 0..from.count()? {
            let entry = read_raw_id(from)?;
            let at = pending.binary_search_by_key(&entry, |(id, ..)| *id).map_err(|_| DAMAGED)?;
            let (_, time, count) = pending[at];
            if group.pending().get(&entry).is_some() {
                from.repair("stream: an entry is pending for two consumers")?;
            } else {
                owned += 1;
            }
            group.assign(entry, &name, time, count);
        }
    }
    if owned == pending.len() { Ok(()) } else { Err(DAMAGED) }
}

fn read_pending(from: &mut impl Fields) -> Result<Vec<(StreamId, Millis, u64)>, Reason> {
    let mut pending: Vec<(StreamId, Millis, u64)> = Vec::new();
    for _ in 0..from.count()? {
        pending.push((read_raw_id(from)?, read_time(from)?, from.count()?));
    }
    pending.sort_by_key(|(id, ..)| *id);
    if pending.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(DAMAGED);
    }
    Ok(pending)
}

fn read_id(from: &mut impl Fields) -> Result<StreamId, Reason> {
    Ok(StreamId { ms: from.count()?, seq: from.count()? })
}

fn read_raw_id(from: &mut impl Fields) -> Result<StreamId, Reason> {
    Ok(StreamId { ms: u64::from_be_bytes(from.eight()?), seq: u64::from_be_bytes(from.eight()?) })
}

fn read_time(from: &mut impl Fields) -> Result<Millis, Reason> {
    Ok(Millis::from_le_bytes(from.eight()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crate::persistence::rdb_tests::{read, written};
    use crate::persistence::{LoadOptions, WriteOptions};
    use crate::store::stream::{Group, Log, StreamId};
    use crate::store::{Encodings, Object, Store, Stream};

    const KEY: &[u8] = b"stream";

    fn id(ms: u64) -> StreamId {
        StreamId { ms, seq: 1 }
    }

    fn sample() -> Stream {
        let mut log = Log::default();
        let encodings = Encodings { stream_node_max_entries: 3, ..Encodings::REDIS };
        for ms in 1..=8 {
            let fields: &[&[u8]] =
                if ms % 3 == 0 { &[b"a", b"1", b"b", b"2"] } else { &[b"field", b"a value"] };
            log.append(id(ms), fields, &encodings);
        }
        log.delete(&[id(2), id(5)]);
        let mut stream = Stream::with_log(log);
        stream.add_group(b"group", Group::new(StreamId::MIN, 0));
        let (log, mut group) = stream.edit_group(b"group").unwrap();
        for (ms, consumer) in [(1, &b"one"[..]), (3, b"two"), (4, b"one")] {
            group.see_consumer(consumer, 1_700_000_000_000);
            group.advance(id(ms), log);
            group.assign(id(ms), consumer, 1_700_000_000_001, 2);
        }
        drop(group);
        stream
    }

    fn file(stream: &Stream) -> Vec<u8> {
        let mut store = Store::new(1, 5);
        let hash = store.db(0).hash(KEY);
        store.db_mut(0).put_object(hash, KEY, Object::Stream(Box::new(stream.clone())), None, 0);
        written(&mut store, &WriteOptions::default())
    }

    #[test]
    fn a_stream_comes_back_with_its_groups() {
        let file = file(&sample());
        let store = read(&file, &LoadOptions::default()).unwrap().store;
        let mut store = store;
        assert_eq!(written(&mut store, &WriteOptions::default()), file);
    }

    #[test]
    fn whatever_a_file_says_nothing_panics_and_what_is_let_through_can_be_walked() {
        let good = file(&sample());
        let mut refused = 0;
        for at in 9..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                let Ok(loaded) = read(&bad, &LoadOptions::default()) else {
                    refused += 1;
                    continue;
                };
                for entry in loaded.store.db(0).iter() {
                    let crate::store::ValueRef::Stream(stream) = entry.value() else { continue };
                    let count = stream
                        .log()
                        .iter()
                        .inspect(|entry| assert!(entry.fields().count() < 1 << 20))
                        .count();
                    assert_eq!(count, stream.len());
                    assert_eq!(stream.log().range_back(StreamId::MIN, StreamId::MAX).count(), count);
                }
            }
        }
        assert!(refused > good.len() * 2, "{refused} of {}", good.len() * 8);
    }

    #[test]
    fn counts_inside_a_node_that_lie_are_refused() {
        let good = file(&sample());
        // The first node: two entries left, one deleted, one field in the master entry.
        let at = good.windows(6).position(|bytes| bytes == [2, 1, 1, 1, 1, 1]).unwrap();
        for (at, lie) in [(at, 3), (at + 2, 0), (at + 4, 2)] {
            let mut bad = good.clone();
            bad[at] = lie;
            let error = read(&bad, &LoadOptions::default()).unwrap_err().to_string();
            assert!(error.contains("damaged stream"), "{error}");
        }
    }
}
