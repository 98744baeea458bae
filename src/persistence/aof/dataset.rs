//! A snapshot as commands, for a base file without the RDB format (`aof-use-rdb-preamble no`).
//!
//! A large collection becomes several commands, as in Redis, so that none of them is huge.

use std::borrow::Cow;
use std::io;

use super::writer::annotate;
use crate::protocol::write_request;
use crate::store::stream::{Group, StreamId};
use crate::store::{EntryRef, ScoreText, SnapshotPart, SnapshotReader, Stream, ValueRef};

/// Elements in one command.
const ELEMENTS: usize = 64;
/// Bytes handed to the sink at once, or a little more.
const CHUNK: usize = 128 * 1024;

/// Encodes `snapshot` into chunks of whole commands, after a note of the time in s since 1970, if given; `progress` hears
/// the number of keys done. Returns the bytes.
///
/// # Errors
/// The first error of `sink`, or the snapshot was given up.
pub fn encode_dataset(
    mut snapshot: SnapshotReader,
    time: Option<u64>,
    mut sink: impl FnMut(&[u8]) -> io::Result<()>,
    mut progress: impl FnMut(u64),
) -> io::Result<u64> {
    let mut out = Commands::default();
    let (mut keys, mut bytes, mut selected) = (0, 0, None);
    if let Some(unix) = time {
        annotate(&mut out.bytes, unix);
    }
    for library in snapshot.libraries().iter() {
        out.put(&[b"FUNCTION", b"LOAD", library.code()]);
    }
    let mut flush = |out: &mut Vec<u8>| {
        bytes += out.len() as u64;
        sink(out)?;
        out.clear();
        io::Result::Ok(())
    };
    while let Some(SnapshotPart { db, segment }) = snapshot.next_part() {
        if selected.replace(db) != Some(db) {
            out.put(&[b"SELECT", db.to_string().as_bytes()]);
        }
        for entry in segment.iter() {
            out.put_entry(&entry);
            keys += 1;
            if out.bytes.len() >= CHUNK {
                flush(&mut out.bytes)?;
            }
        }
        progress(keys);
    }
    // Otherwise the capture was given up, and half a data set must not pass for a whole one.
    if keys != snapshot.keys() {
        return Err(io::Error::other("the snapshot was given up before all keys were captured"));
    }
    flush(&mut out.bytes)?;
    Ok(bytes)
}

#[derive(Default)]
struct Commands {
    bytes: Vec<u8>,
}

impl Commands {
    fn put(&mut self, parts: &[&[u8]]) {
        write_request(parts, &mut |piece| self.bytes.extend_from_slice(piece));
    }

    fn put_entry(&mut self, entry: &EntryRef<'_>) {
        let key = entry.key();
        match entry.value() {
            ValueRef::Str(value) => self.put(&[b"SET", key, value]),
            ValueRef::List(list) => {
                self.put_elements(&[b"RPUSH", key], 1, list.iter_from(0).map(|item| item.bytes()));
            }
            ValueRef::Set(set) => self.put_elements(&[b"SADD", key], 1, set.iter().map(|item| item.bytes())),
            ValueRef::Hash(hash) => {
                let pairs = hash.iter().flat_map(|(field, value)| [field.bytes(), value.bytes()]);
                self.put_elements(&[b"HMSET", key], 2, pairs);
            }
            ValueRef::Zset(zset) => {
                let pairs = zset.iter().flat_map(|(member, score)| {
                    [Cow::Owned(ScoreText::new(score).as_bytes().to_vec()), member.bytes()]
                });
                self.put_elements(&[b"ZADD", key], 2, pairs);
            }
            ValueRef::Stream(stream) => self.put_stream(key, stream),
        }
        if let Some(at) = entry.expire() {
            self.put(&[b"PEXPIREAT", key, at.to_string().as_bytes()]);
        }
    }

    /// One command for every [`ELEMENTS`] groups of `width` elements.
    fn put_elements<'e>(
        &mut self,
        head: &[&[u8]],
        width: usize,
        elements: impl Iterator<Item = Cow<'e, [u8]>>,
    ) {
        let mut elements = elements.peekable();
        while elements.peek().is_some() {
            let some: Vec<Cow<'_, [u8]>> = elements.by_ref().take(ELEMENTS * width).collect();
            let parts: Vec<&[u8]> = head.iter().copied().chain(some.iter().map(AsRef::as_ref)).collect();
            self.put(&parts);
        }
    }

    fn put_stream(&mut self, key: &[u8], stream: &Stream) {
        let log = stream.log();
        for entry in log {
            let id = entry.id.to_string();
            let fields: Vec<Cow<'_, [u8]>> =
                entry.fields().flat_map(|(field, value)| [field.bytes(), value.bytes()]).collect();
            let head = [b"XADD", key, id.as_bytes()];
            let parts: Vec<&[u8]> = head.into_iter().chain(fields.iter().map(AsRef::as_ref)).collect();
            self.put(&parts);
        }
        if log.is_empty() {
            // Only an entry makes a stream; it goes at once.
            let id = log.last_id.max(StreamId { ms: 0, seq: 1 }).to_string();
            self.put(&[b"XADD", key, b"MAXLEN", b"0", id.as_bytes(), b"x", b"y"]);
        }
        let (last, added, deleted) =
            (log.last_id.to_string(), log.entries_added.to_string(), log.max_deleted_id.to_string());
        let (last, added, deleted) = (last.as_bytes(), added.as_bytes(), deleted.as_bytes());
        self.put(&[b"XSETID", key, last, b"ENTRIESADDED", added, b"MAXDELETEDID", deleted]);
        for (name, group) in stream.groups() {
            self.put_group(key, name.as_bytes(), group);
        }
    }

    fn put_group(&mut self, key: &[u8], name: &[u8], group: &Group) {
        let (last, read) = (group.last_id.to_string(), group.entries_read.to_string());
        self.put(&[b"XGROUP", b"CREATE", key, name, last.as_bytes(), b"ENTRIESREAD", read.as_bytes()]);
        for (consumer, has) in group.consumers() {
            let consumer = consumer.as_bytes();
            // Also one that has nothing to acknowledge.
            self.put(&[b"XGROUP", b"CREATECONSUMER", key, name, consumer]);
            for (id, ()) in has.pending() {
                let Some(pending) = group.pending().get(id) else { continue };
                let (id, time, count) = (id.to_string(), pending.time.to_string(), pending.count.to_string());
                let (id, time, count) = (id.as_bytes(), time.as_bytes(), count.as_bytes());
                self.put(&[
                    b"XCLAIM",
                    key,
                    name,
                    consumer,
                    b"0",
                    id,
                    b"TIME",
                    time,
                    b"RETRYCOUNT",
                    count,
                    b"JUSTID",
                    b"FORCE",
                ]);
            }
        }
    }
}
