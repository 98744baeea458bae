//! XINFO: what is known about a stream, its groups and their members.

use super::group::wrong_subcommand;
use super::{no_group_of_key, write_entries, write_entry, write_id};
use crate::commands::{CmdError, CmdResult, Ctx, numbers};
use crate::protocol::{Args, Replies};
use crate::store::Stream;
use crate::store::stream::{Consumer, Group, Log, StreamId, UNKNOWN_COUNT, radix_nodes};

/// Entries that FULL shows of each list, unless COUNT says otherwise.
const COUNT_DEFAULT: i64 = 10;

/// `XINFO STREAM key [FULL [COUNT count]]`. O(nodes of the stream), and with FULL what is shown.
pub(in crate::commands) fn stream(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (stream, out) = ctx.read_as::<Stream>(args.get(2))?;
    let stream = stream.ok_or(CmdError::NoSuchKey)?;
    let full = full_count(args)?;
    let log = stream.log();
    out.map(if full.is_some() { 9 } else { 10 });
    write_counters(out, log);
    match full {
        None => {
            field(out, "groups", stream.group_count() as i64);
            out.bulk(b"first-entry");
            write_edge(out, log.iter().next().as_ref());
            out.bulk(b"last-entry");
            write_edge(out, log.range_back(StreamId::MIN, StreamId::MAX).next().as_ref());
        }
        Some(most) => {
            out.bulk(b"entries");
            write_entries(out, log.iter().take(most));
            out.bulk(b"groups");
            out.array(stream.group_count());
            for (name, group) in stream.groups() {
                write_full_group(out, name.as_bytes(), group, log, most);
            }
        }
    }
    Ok(())
}

/// How much FULL shows of each list; `None` without FULL.
fn full_count(args: &Args<'_>) -> CmdResult<Option<usize>> {
    if args.len() == 3 {
        return Ok(None);
    }
    let fits = args.is(3, "FULL") && (args.len() == 4 || (args.len() == 6 && args.is(4, "COUNT")));
    if !fits {
        return Err(wrong_subcommand(args));
    }
    let count = if args.len() == 4 { COUNT_DEFAULT } else { numbers::integer(args.get(5))? };
    Ok(Some(match count {
        0 => usize::MAX,
        ..0 => COUNT_DEFAULT as usize,
        count => count as usize,
    }))
}

fn write_counters(out: &mut Replies, log: &Log) {
    field(out, "length", log.len() as i64);
    field(out, "radix-tree-keys", log.node_count() as i64);
    field(out, "radix-tree-nodes", radix_nodes(log.nodes().map(|(id, _)| id)) as i64);
    id_field(out, "last-generated-id", log.last_id);
    id_field(out, "max-deleted-entry-id", log.max_deleted_id);
    field(out, "entries-added", log.entries_added as i64);
    id_field(out, "recorded-first-entry-id", log.first_id);
}

fn write_edge(out: &mut Replies, entry: Option<&crate::store::stream::StreamEntry<'_>>) {
    match entry {
        Some(entry) => write_entry(out, entry),
        None => out.null(),
    }
}

fn write_full_group(out: &mut Replies, name: &[u8], group: &Group, log: &Log, most: usize) {
    out.map(7);
    out.bulk(b"name");
    out.bulk(name);
    id_field(out, "last-delivered-id", group.last_id);
    write_progress(out, group, log);
    field(out, "pel-count", group.pending().len() as i64);
    out.bulk(b"pending");
    out.array(group.pending().len().min(most));
    for (id, pending) in group.pending().iter().take(most) {
        out.array(4);
        write_id(out, *id);
        out.bulk(pending.consumer.as_bytes());
        out.integer(pending.time);
        out.integer(pending.count as i64);
    }
    out.bulk(b"consumers");
    out.array(group.consumer_count());
    for (name, consumer) in group.consumers() {
        out.map(4);
        out.bulk(b"name");
        out.bulk(name.as_bytes());
        field(out, "seen-time", consumer.seen);
        field(out, "pel-count", consumer.pending().len() as i64);
        write_own_pending(out, group, consumer, most);
    }
}

fn write_own_pending(out: &mut Replies, group: &Group, consumer: &Consumer, most: usize) {
    out.bulk(b"pending");
    out.array(consumer.pending().len().min(most));
    for (id, ()) in consumer.pending().iter().take(most) {
        let pending = group.pending().get(id);
        out.array(3);
        write_id(out, *id);
        out.integer(pending.map_or(0, |pending| pending.time));
        out.integer(pending.map_or(0, |pending| pending.count as i64));
    }
}

/// How far a group has read, and how far that is behind, where it is known.
fn write_progress(out: &mut Replies, group: &Group, log: &Log) {
    let read = Some(group.entries_read).filter(|read| *read != UNKNOWN_COUNT);
    for (name, number) in [("entries-read", read), ("lag", group.lag(log))] {
        out.bulk(name.as_bytes());
        match number {
            Some(number) => out.integer(number),
            None => out.null(),
        }
    }
}

/// `XINFO GROUPS key`. O(groups).
pub(in crate::commands) fn groups(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (stream, out) = ctx.read_as::<Stream>(args.get(2))?;
    let stream = stream.ok_or(CmdError::NoSuchKey)?;
    out.array(stream.group_count());
    for (name, group) in stream.groups() {
        out.map(6);
        out.bulk(b"name");
        out.bulk(name.as_bytes());
        field(out, "consumers", group.consumer_count() as i64);
        field(out, "pending", group.pending().len() as i64);
        id_field(out, "last-delivered-id", group.last_id);
        write_progress(out, group, stream.log());
    }
    Ok(())
}

/// `XINFO CONSUMERS key group`. O(consumers).
pub(in crate::commands) fn consumers(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (key, name, now) = (args.get(2), args.get(3), ctx.now);
    let (stream, out) = ctx.read_as::<Stream>(key)?;
    let stream = stream.ok_or(CmdError::NoSuchKey)?;
    let group = stream.group(name).ok_or_else(|| no_group_of_key(key, name))?;
    out.array(group.consumer_count());
    for (name, consumer) in group.consumers() {
        out.map(3);
        out.bulk(b"name");
        out.bulk(name.as_bytes());
        field(out, "pending", consumer.pending().len() as i64);
        field(out, "idle", now.wrapping_sub(consumer.seen).max(0));
    }
    Ok(())
}

fn field(out: &mut Replies, name: &str, number: i64) {
    out.bulk(name.as_bytes());
    out.integer(number);
}

fn id_field(out: &mut Replies, name: &str, id: StreamId) {
    out.bulk(name.as_bytes());
    write_id(out, id);
}
