//! Streams: adding entries, reading ranges of them, removing them.
//!
//! | module | commands |
//! |---|---|
//! | `ids` | how ids are read |
//! | `add` | XADD, XTRIM |
//! | `read` | XREAD, XREADGROUP |
//! | `group` | XGROUP |
//! | `pending` | XACK, XPENDING |
//! | `claim` | XCLAIM, XAUTOCLAIM |
//! | `info` | XINFO |

pub(super) mod add;
pub(super) mod claim;
pub(super) mod group;
mod ids;
pub(super) mod info;
pub(super) mod pending;
pub(super) mod read;

use self::ids::{exact_id, interval_end, interval_start};
use super::c_string::until_nul;
use super::{ArgCursor, CmdError, CmdResult, Ctx, KeyspaceEvents};
use crate::protocol::{Args, Replies};
use crate::store::Stream;
use crate::store::stream::{StreamEntry, StreamId};

/// `XLEN key`. O(1).
pub(super) fn xlen(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (stream, out) = ctx.read_as::<Stream>(args.get(1))?;
    out.integer(stream.map_or(0, |stream| stream.len() as i64));
    Ok(())
}

/// `XRANGE key start end [COUNT count]`. O(entries returned).
pub(super) fn xrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    range(ctx, args, false)
}

/// `XREVRANGE key end start [COUNT count]`. O(entries returned).
pub(super) fn xrevrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    range(ctx, args, true)
}

fn range(ctx: &mut Ctx<'_>, args: &Args<'_>, back: bool) -> CmdResult {
    let (start, end) = if back { (args.get(3), args.get(2)) } else { (args.get(2), args.get(3)) };
    let start = interval_start(start)?;
    let end = interval_end(end)?;
    let (mut most, mut words) = (None, ArgCursor::new(args, 4));
    while words.has_more() {
        let count = words.integer("COUNT")?.ok_or(CmdError::Syntax)?;
        most = Some(count.max(0) as usize);
    }
    let (stream, out) = ctx.read_as::<Stream>(args.get(1))?;
    match stream {
        None => out.array(0),
        Some(_) if most == Some(0) => out.null_array(),
        Some(stream) => {
            let most = most.unwrap_or(usize::MAX);
            if back {
                write_entries(out, stream.log().range_back(start, end).take(most));
            } else {
                write_entries(out, stream.log().range(start, end).take(most));
            }
        }
    }
    Ok(())
}

/// `XDEL key ID [ID ...]`. O(IDs).
pub(super) fn xdel(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let key = args.get(1);
    // Redis reads the ids only if the key is there.
    let Some((mut stream, out)) = ctx.edit::<Stream>(key)? else {
        ctx.out.integer(0);
        return Ok(());
    };
    let ids = args.from(2).map(exact_id).collect::<CmdResult<Vec<StreamId>>>()?;
    let deleted = stream.log_mut().delete(&ids);
    out.integer(deleted as i64);
    drop(stream);
    if deleted > 0 {
        ctx.notify(KeyspaceEvents::STREAM, "xdel", key);
        changed_by(ctx, key, deleted);
    }
    Ok(())
}

/// `XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]`. O(1).
pub(super) fn xsetid(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    const BELOW_DELETED: &str =
        "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id";
    const BELOW_TOP: &str = "ERR The ID specified in XSETID is smaller than the target stream top item";
    const BELOW_LENGTH: &str =
        "ERR The entries_added specified in XSETID is smaller than the target stream length";
    let key = args.get(1);
    let id = exact_id(args.get(2))?;
    let (mut added, mut max_deleted) = (None, StreamId::MIN);
    let mut words = ArgCursor::new(args, 3);
    while words.has_more() {
        if let Some(number) = words.integer("ENTRIESADDED")? {
            let number = u64::try_from(number);
            added = Some(number.map_err(|_| CmdError::text("ERR entries_added must be positive"))?);
        } else if let Some([id_deleted]) = words.option("MAXDELETEDID") {
            max_deleted = exact_id(id_deleted)?;
            if id < max_deleted {
                return Err(CmdError::text(BELOW_DELETED));
            }
        } else {
            return Err(CmdError::Syntax);
        }
    }
    let (mut stream, out) = ctx.edit::<Stream>(key)?.ok_or(CmdError::NoSuchKey)?;
    let log = stream.log_mut();
    if log.last_entry_id().is_some_and(|last| id < last) {
        return Err(CmdError::text(BELOW_TOP));
    }
    if added.is_some_and(|added| log.len() > added) {
        return Err(CmdError::text(BELOW_LENGTH));
    }
    log.last_id = id;
    log.entries_added = added.unwrap_or(log.entries_added);
    if max_deleted != StreamId::MIN {
        log.max_deleted_id = max_deleted;
    }
    out.ok();
    drop(stream);
    // Redis touches no watched key here.
    ctx.effects.dirty += 1;
    ctx.notify(KeyspaceEvents::STREAM, "xsetid", key);
    Ok(())
}

/// Notes so many changes to `key`, at least one.
fn changed_by(ctx: &mut Ctx<'_>, key: &[u8], changes: u64) {
    ctx.changed(key);
    ctx.effects.dirty += changes - 1;
}

/// An id as a bulk string.
fn write_id(out: &mut Replies, id: StreamId) {
    let (mut ms, mut seq) = (itoa::Buffer::new(), itoa::Buffer::new());
    let (ms, seq) = (ms.format(id.ms).as_bytes(), seq.format(id.seq).as_bytes());
    let mut text = [b'-'; 41];
    let len = ms.len() + 1 + seq.len();
    text[..ms.len()].copy_from_slice(ms);
    text[ms.len() + 1..len].copy_from_slice(seq);
    out.bulk(&text[..len]);
}

/// An entry: its id, then its fields with their values.
fn write_entry(out: &mut Replies, entry: &StreamEntry<'_>) {
    out.array(2);
    write_id(out, entry.id);
    out.array(2 * entry.len());
    for (field, value) in entry.fields() {
        field.with(|field| out.bulk(field));
        value.with(|value| out.bulk(value));
    }
}

/// An array of entries. Returns how many there are.
fn write_entries<'a>(out: &mut Replies, entries: impl Iterator<Item = StreamEntry<'a>>) -> usize {
    let (at, mut count) = (out.len(), 0);
    for entry in entries {
        write_entry(out, &entry);
        count += 1;
    }
    out.array_from(at, count);
    count
}

/// The error of commands that need a group.
fn no_group(key: &[u8], group: &[u8]) -> CmdError {
    let line = [b"NOGROUP No such key '", until_nul(key), b"' or consumer group '", until_nul(group), b"'"];
    CmdError::Raw(line.concat())
}

/// The error of commands that need a group of a stream that is there.
fn no_group_of_key(key: &[u8], group: &[u8]) -> CmdError {
    let line =
        [b"NOGROUP No such consumer group '", until_nul(group), b"' for key name '", until_nul(key), b"'"];
    CmdError::Raw(line.concat())
}
