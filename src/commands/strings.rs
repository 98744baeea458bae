//! GET and its kin, and the commands on many keys at once. SET with options is in `set`.
//!
//! The plain forms allocate nothing: the key's hash is computed once, values are copied straight between
//! the request, the store and the reply.

use super::{CmdError, CmdResult, Ctx, KeyspaceEvents};
use crate::protocol::Args;
use crate::store::{EntryRef, KeyHash, Ttl};

/// The bytes of a string.
///
/// # Errors
/// [`CmdError::WrongType`] if it is none.
#[inline]
pub(super) fn text<'a>(entry: &EntryRef<'a>) -> CmdResult<&'a [u8]> {
    entry.value().as_str().ok_or(CmdError::WrongType)
}

/// The string at `key` for a command that is about to change it: an expired one is gone.
///
/// # Errors
/// [`CmdError::WrongType`] if `key` holds something else.
pub(super) fn current<'c>(ctx: &'c mut Ctx<'_>, hash: KeyHash, key: &[u8]) -> CmdResult<Option<&'c [u8]>> {
    ctx.clear_expired(ctx.db, hash, key);
    ctx.keyspace().get(hash, key).map(|entry| text(&entry)).transpose()
}

/// Whether `key` exists, for a command that is about to write it: an expired one is gone.
pub(super) fn is_there(ctx: &mut Ctx<'_>, db: usize, hash: KeyHash, key: &[u8]) -> bool {
    ctx.clear_expired(db, hash, key);
    ctx.store.db(db).get(hash, key).is_some()
}

/// Stores a string and notes the change, and that a new key has come to be; the command's own event is the caller's.
#[inline]
pub(super) fn store(ctx: &mut Ctx<'_>, hash: KeyHash, key: &[u8], value: &[u8], ttl: Ttl) {
    let access = ctx.write_access(hash, key);
    ctx.note_store(hash, key);
    ctx.keyspace_mut().set(hash, key, value, ttl, access);
    ctx.changed(key);
}

/// `GET key`. O(1).
pub(super) fn get(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let key = args.get(1);
    let hash = ctx.hash(key);
    answer(ctx, hash, key).map(drop)
}

/// Answers with the string at `key`, or null; `true` if there was one.
///
/// # Errors
/// [`CmdError::WrongType`]
pub(super) fn answer(ctx: &mut Ctx<'_>, hash: KeyHash, key: &[u8]) -> CmdResult<bool> {
    let (entry, out) = ctx.read_and_reply(hash, key);
    match entry {
        None => out.null(),
        Some(entry) => out.bulk(text(&entry)?),
    }
    Ok(entry.is_some())
}

/// `STRLEN key`. O(1).
pub(super) fn strlen(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let len = match ctx.read(args.get(1)) {
        None => 0,
        Some(entry) => text(&entry)?.len(),
    };
    ctx.out.integer(len as i64);
    Ok(())
}

/// `GETDEL key`: replicas receive the deletion alone. O(1).
pub(super) fn getdel(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let key = args.get(1);
    let hash = ctx.hash(key);
    if answer(ctx, hash, key)? {
        ctx.delete(ctx.db, hash, key);
        ctx.changed(key);
        ctx.propagate(&[b"DEL", key]);
        ctx.notify(KeyspaceEvents::GENERIC, "del", key);
    }
    Ok(())
}

/// `MGET key [key ...]`: null where there is no string. O(keys).
pub(super) fn mget(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    ctx.out.array(args.len() - 1);
    for key in args.from(1) {
        let hash = ctx.hash(key);
        let (entry, out) = ctx.read_and_reply(hash, key);
        out.bulk_or_null(entry.and_then(|entry| entry.value().as_str()));
    }
    Ok(())
}

/// The pairs of MSET and MSETNX.
///
/// # Errors
/// [`CmdError::Arity`] if the last key has no value.
fn pairs<'a>(
    args: &Args<'a>,
    name: &'static str,
) -> CmdResult<impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a>> {
    if args.len().is_multiple_of(2) {
        return Err(CmdError::Arity(name.into()));
    }
    Ok(args.from(1).step_by(2).zip(args.from(2).step_by(2)))
}

/// `MSET key value [key value ...]`. O(keys).
pub(super) fn mset(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    for (key, value) in pairs(args, "mset")? {
        let hash = ctx.hash(key);
        ctx.clear_expired(ctx.db, hash, key);
        store(ctx, hash, key, value, Ttl::Clear);
        ctx.notify(KeyspaceEvents::STRING, "set", key);
    }
    ctx.out.ok();
    Ok(())
}

/// `MSETNX key value [key value ...]`: all of them or none. O(keys).
pub(super) fn msetnx(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    for (key, _) in pairs(args, "msetnx")? {
        let hash = ctx.hash(key);
        if is_there(ctx, ctx.db, hash, key) {
            ctx.out.flag(false);
            return Ok(());
        }
    }
    for (key, value) in pairs(args, "msetnx")? {
        let hash = ctx.hash(key);
        store(ctx, hash, key, value, Ttl::Clear);
        ctx.notify(KeyspaceEvents::STRING, "set", key);
    }
    ctx.out.flag(true);
    Ok(())
}
