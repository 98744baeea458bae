//! Parts of strings: APPEND, SETRANGE, GETRANGE.
//!
//! Strings that grow past a size live in an allocation of their own that grows in place, so that appending
//! costs the length of what is appended and not that of the whole.

use std::sync::atomic::Ordering::Relaxed;

use super::strings::{current, text};
use super::{CmdError, CmdResult, Ctx, KeyspaceEvents, numbers};
use crate::protocol::Args;
use crate::store::{BIG_STRING, KeyHash, Ttl};

/// A big string that grows makes room for as much again, but never for more than this.
const SPARE_MAX: usize = 1024 * 1024;

/// The length of a string that holds `more` bytes behind its first `before`.
///
/// # Errors
/// [`CmdError::StringTooLong`]
fn grown(ctx: &Ctx<'_>, before: usize, more: usize) -> CmdResult<usize> {
    let len = before.checked_add(more).filter(|len| *len <= ctx.max_string);
    len.ok_or(CmdError::StringTooLong)
}

/// `APPEND key value`. O(length of the value), amortised.
pub(super) fn append(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (key, value) = (args.get(1), args.get(2));
    let hash = ctx.hash(key);
    let len = if let Some(old) = current(ctx, hash, key)?.map(<[u8]>::len) {
        let len = grown(ctx, old, value.len())?;
        overwrite(ctx, hash, key, old, value);
        len
    } else {
        let access = ctx.write_access(hash, key);
        ctx.keyspace_mut().set(hash, key, value, Ttl::Clear, access);
        ctx.note_new(key);
        value.len()
    };
    ctx.changed(key);
    ctx.notify(KeyspaceEvents::STRING, "append", key);
    ctx.out.integer(len as i64);
    Ok(())
}

/// `SETRANGE key offset value`. O(length of the value), and of the zero bytes before it.
pub(super) fn setrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (key, value) = (args.get(1), args.get(3));
    let offset = usize::try_from(numbers::integer(args.get(2))?)
        .map_err(|_| CmdError::text("ERR offset is out of range"))?;
    let hash = ctx.hash(key);
    let old = current(ctx, hash, key)?.map(<[u8]>::len);
    if value.is_empty() {
        ctx.out.integer(old.unwrap_or(0) as i64);
        return Ok(());
    }
    let end = grown(ctx, offset, value.len())?;
    overwrite(ctx, hash, key, offset, value);
    if old.is_none() {
        ctx.note_new(key);
    }
    ctx.changed(key);
    ctx.notify(KeyspaceEvents::STRING, "setrange", key);
    ctx.out.integer(old.unwrap_or(0).max(end) as i64);
    Ok(())
}

/// Writes `value` at `offset` of the string at `key`, with zero bytes between its end and `offset`. The
/// caller has checked the length.
pub(super) fn overwrite(ctx: &mut Ctx<'_>, hash: KeyHash, key: &[u8], offset: usize, value: &[u8]) {
    let edit = |text: &mut Vec<u8>| {
        let end = offset + value.len();
        if text.capacity() < end && offset > text.len().saturating_add(SPARE_MAX) {
            // Zeros of a fresh allocation cost nothing until they are touched: `SETBIT k 4294967295 1` returns at once.
            let mut longer = vec![0; end];
            longer[..text.len()].copy_from_slice(text);
            longer.truncate(offset);
            *text = longer;
        } else if text.capacity() < end {
            // A new string has its exact size; one that has grown once will grow again.
            let spare = if text.is_empty() { 0 } else { end.min(SPARE_MAX) };
            text.reserve_exact(end - text.len() + spare);
        }
        if text.len() < offset {
            text.resize(offset, 0);
        }
        let over = value.len().min(text.len() - offset);
        text[offset..offset + over].copy_from_slice(&value[..over]);
        text.extend_from_slice(&value[over..]);
    };
    let access = ctx.write_access(hash, key);
    let keyspace = ctx.keyspace_mut();
    if keyspace.edit_big_string(hash, key, edit).is_some() {
        if let Some(entry) = keyspace.get(hash, key) {
            entry.access().store(access, Relaxed);
        }
        return;
    }
    let old = keyspace.get(hash, key).and_then(|entry| entry.value().as_str()).unwrap_or_default();
    let len = old.len().max(offset + value.len());
    let mut whole = Vec::with_capacity(len.min(BIG_STRING));
    whole.extend_from_slice(old);
    if len < BIG_STRING {
        whole.resize(len, 0);
        whole[offset..offset + value.len()].copy_from_slice(value);
        keyspace.set_changed(hash, key, &whole, Ttl::Keep, access);
    } else {
        // It becomes a big one, and is then grown as such: the long part is copied only once.
        let from = whole.len();
        whole.resize(BIG_STRING, 0);
        keyspace.set_changed(hash, key, &whole, Ttl::Keep, access);
        keyspace.edit_big_string(hash, key, |text| {
            text.truncate(from);
            edit(text);
        });
    }
}

/// `GETRANGE key start end`, and SUBSTR: both ends count, negative ones from the end of the string.
/// O(bytes returned).
pub(super) fn getrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (start, end) = (numbers::integer(args.get(2))?, numbers::integer(args.get(3))?);
    let key = args.get(1);
    let hash = ctx.hash(key);
    let (entry, out) = ctx.read_and_reply(hash, key);
    let text = entry.map(|entry| text(&entry)).transpose()?.unwrap_or_default();
    out.bulk(part(text, start, end));
    Ok(())
}

fn part(text: &[u8], start: i64, end: i64) -> &[u8] {
    if start < 0 && end < 0 && start > end {
        return &[];
    }
    let len = text.len() as i64;
    let from_end = |at: i64| if at < 0 { at.saturating_add(len).max(0) } else { at };
    let (start, end) = (from_end(start), from_end(end).min(len - 1));
    if start > end { &[] } else { &text[start as usize..=end as usize] }
}
