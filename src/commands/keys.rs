//! Keys of any type: deleting, asking, renaming, copying, moving.

use super::strings::is_there;
use super::{ArgCursor, CmdError, CmdResult, Ctx, KeyspaceEvents, numbers};
use crate::protocol::Args;
use crate::store::{Entry, KeyHash, Object, Value};

const SAME_OBJECT: CmdError = CmdError::text("ERR source and destination objects are the same");

/// `DEL key [key ...]` and UNLINK: both leave what takes long to free to another thread. O(keys).
pub(super) fn del(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let mut deleted = 0;
    for key in args.from(1) {
        let hash = ctx.hash(key);
        ctx.clear_expired(ctx.db, hash, key);
        if ctx.delete(ctx.db, hash, key) {
            ctx.changed(key);
            ctx.notify(KeyspaceEvents::GENERIC, "del", key);
            deleted += 1;
        }
    }
    ctx.out.integer(deleted);
    Ok(())
}

/// `EXISTS key [key ...]`: a key named twice counts twice. O(keys).
pub(super) fn exists(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let found = args.from(1).filter(|key| ctx.peek(ctx.db, key).is_some()).count();
    ctx.out.integer(found as i64);
    Ok(())
}

/// `TOUCH key [key ...]`. O(keys).
pub(super) fn touch(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let found = args.from(1).filter(|key| ctx.read(key).is_some()).count();
    ctx.out.integer(found as i64);
    Ok(())
}

/// `TYPE key`. O(1).
pub(super) fn type_of(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let name = ctx.peek(ctx.db, args.get(1)).map_or("none", |entry| entry.value().type_name());
    ctx.out.simple(name);
    Ok(())
}

/// `RENAME key newkey`. O(1), and the length of a string.
pub(super) fn rename(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    rename_key(ctx, args, true)?;
    ctx.out.ok();
    Ok(())
}

/// `RENAMENX key newkey`. O(1), and the length of a string.
pub(super) fn renamenx(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let renamed = rename_key(ctx, args, false)?;
    ctx.out.flag(renamed);
    Ok(())
}

/// Renames; `false` if the new name is taken and must not be replaced, or is the old one.
fn rename_key(ctx: &mut Ctx<'_>, args: &Args<'_>, replace: bool) -> CmdResult<bool> {
    let (from, to) = (args.get(1), args.get(2));
    let (from_hash, to_hash) = (ctx.hash(from), ctx.hash(to));
    if !is_there(ctx, ctx.db, from_hash, from) {
        return Err(CmdError::NoSuchKey);
    }
    if from == to || (is_there(ctx, ctx.db, to_hash, to) && !replace) {
        return Ok(false);
    }
    let access = ctx.write_access(from_hash, from);
    if let Some(entry) = take(ctx, from_hash, from) {
        ctx.delete(ctx.db, to_hash, to);
        ctx.keyspace_mut().put(to_hash, to, entry, access);
        ctx.note_new(to);
    }
    ctx.changed(from);
    ctx.also_changed(ctx.db, to);
    ctx.notify(KeyspaceEvents::GENERIC, "rename_from", from);
    ctx.notify(KeyspaceEvents::GENERIC, "rename_to", to);
    Ok(true)
}

/// Takes a key with its value out of the selected database.
fn take(ctx: &mut Ctx<'_>, hash: KeyHash, key: &[u8]) -> Option<Entry> {
    let entry = ctx.keyspace_mut().take(hash, key)?;
    if matches!(entry.value, Value::Object(Object::Stream(_))) {
        // Who waits for one of its groups must hear that it is gone.
        ctx.effects.signal_ready(ctx.db, key);
    }
    Some(entry)
}

/// `COPY source destination [DB destination-db] [REPLACE]`. O(length of a string).
pub(super) fn copy(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (from, to) = (args.get(1), args.get(2));
    let (mut db, mut replace, mut words) = (ctx.db, false, ArgCursor::new(args, 3));
    while words.has_more() {
        if words.flag("REPLACE") {
            replace = true;
        } else if let Some([number]) = words.option("DB") {
            db = numbers::database(number, ctx.store.databases())?;
        } else {
            return Err(CmdError::Syntax);
        }
    }
    if db == ctx.db && from == to {
        return Err(SAME_OBJECT);
    }
    let entry = ctx.read(from).map(|entry| Entry { value: entry.to_value(), expire: entry.expire() });
    let to_hash = ctx.store.db(db).hash(to);
    let copied = match entry {
        Some(entry) if !is_there(ctx, db, to_hash, to) || replace => {
            let access = ctx.fresh_access();
            ctx.delete(db, to_hash, to);
            ctx.store.db_mut(db).put(to_hash, to, entry, access);
            ctx.note_new_in(db, to);
            ctx.changed_in(db, to);
            ctx.effects.notify(KeyspaceEvents::GENERIC, "copy_to", db, to);
            true
        }
        _ => false,
    };
    ctx.out.flag(copied);
    Ok(())
}

/// `MOVE key db`: not onto a key of the same name. O(1), and the length of a string.
pub(super) fn move_key(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let key = args.get(1);
    let db = numbers::database(args.get(2), ctx.store.databases())?;
    if db == ctx.db {
        return Err(SAME_OBJECT);
    }
    let (from_hash, to_hash) = (ctx.hash(key), ctx.store.db(db).hash(key));
    let moves = is_there(ctx, ctx.db, from_hash, key) && !is_there(ctx, db, to_hash, key);
    if moves {
        let access = ctx.write_access(from_hash, key);
        if let Some(entry) = take(ctx, from_hash, key) {
            ctx.store.db_mut(db).put(to_hash, key, entry, access);
            ctx.note_new_in(db, key);
        }
        ctx.changed(key);
        ctx.also_changed(db, key);
        ctx.notify(KeyspaceEvents::GENERIC, "move_from", key);
        ctx.effects.notify(KeyspaceEvents::GENERIC, "move_to", db, key);
    }
    ctx.out.flag(moves);
    Ok(())
}
