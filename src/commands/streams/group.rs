//! XGROUP: groups and their members.

use super::ids::{any_id, exact_id};
use super::no_group_of_key;
use crate::commands::c_string::until_nul;
use crate::commands::{ArgCursor, CmdError, CmdResult, Ctx, KeyspaceEvents};
use crate::protocol::{Args, Replies};
use crate::store::Stream;
use crate::store::stream::{EditGroup, Group, Log, StreamId, UNKNOWN_COUNT};

const KEY_MISSING: CmdError = CmdError::text(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM \
     option to create an empty stream automatically.",
);
const GROUP_EXISTS: CmdError = CmdError::text("BUSYGROUP Consumer Group name already exists");

/// What may follow the id of CREATE and SETID.
struct Options {
    make_stream: bool,
    entries_read: i64,
}

fn options(args: &Args<'_>, create: bool) -> CmdResult<Options> {
    let mut found = Options { make_stream: false, entries_read: UNKNOWN_COUNT };
    let mut words = ArgCursor::new(args, 5);
    while words.has_more() {
        if create && words.flag("MKSTREAM") {
            found.make_stream = true;
        } else if let Some(count) = words.integer("ENTRIESREAD")? {
            found.entries_read = count;
            if count < UNKNOWN_COUNT {
                return Err(CmdError::text("ERR value for ENTRIESREAD must be positive or -1"));
            }
        } else {
            return Err(wrong_subcommand(args));
        }
    }
    Ok(found)
}

/// The error of words that no subcommand takes.
pub(super) fn wrong_subcommand(args: &Args<'_>) -> CmdError {
    let word = until_nul(args.get(1));
    let line = [
        b"ERR unknown subcommand or wrong number of arguments for '",
        &word[..word.len().min(128)],
        b"'. Try ",
        &args.name().to_ascii_uppercase(),
        b" HELP.",
    ];
    CmdError::Raw(line.concat())
}

/// The group that a subcommand changes, with its stream's entries and where the answer goes.
fn with_group<R>(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    change: impl FnOnce(&Log, &mut EditGroup<'_>, &mut Replies) -> CmdResult<R>,
) -> CmdResult<R> {
    let (key, name) = (args.get(2), args.get(3));
    let (mut stream, out) = ctx.edit::<Stream>(key)?.ok_or(KEY_MISSING)?;
    let (log, mut group) = stream.edit_group(name).ok_or_else(|| no_group_of_key(key, name))?;
    change(log, &mut group, out)
}

/// `XGROUP CREATE key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]`. O(1).
pub(in crate::commands) fn create(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (key, name) = (args.get(2), args.get(3));
    let options = options(args, true)?;
    let existing = ctx.edit::<Stream>(key)?.map(|(stream, _)| stream.log().last_id);
    if existing.is_none() && !options.make_stream {
        return Err(KEY_MISSING);
    }
    // As many words as both options take together, and no more.
    if args.len() > 8 {
        return Err(wrong_subcommand(args));
    }
    let last_id = match args.get(4) {
        b"$" => existing.unwrap_or_default(),
        id => exact_id(id)?,
    };
    let (mut stream, out) = ctx.edit_or_new::<Stream>(key)?;
    if !stream.add_group(name, Group::new(last_id, options.entries_read)) {
        return Err(GROUP_EXISTS);
    }
    out.ok();
    drop(stream);
    if existing.is_none() {
        ctx.also_changed(ctx.db, key);
    }
    ctx.effects.dirty += 1;
    ctx.notify(KeyspaceEvents::STREAM, "xgroup-create", key);
    Ok(())
}

/// `XGROUP SETID key group <id | $> [ENTRIESREAD entries-read]`. O(1).
pub(in crate::commands) fn setid(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let options = options(args, false)?;
    with_group(ctx, args, |log, group, out| {
        if args.len() != 5 && args.len() != 7 {
            return Err(wrong_subcommand(args));
        }
        group.last_id = match args.get(4) {
            b"$" => log.last_id,
            id => any_id(id, 0)?,
        };
        group.entries_read = options.entries_read;
        out.ok();
        Ok(())
    })?;
    ctx.effects.dirty += 1;
    ctx.notify(KeyspaceEvents::STREAM, "xgroup-setid", args.get(2));
    Ok(())
}

/// `XGROUP DESTROY key group`. O(entries that are pending in it).
pub(in crate::commands) fn destroy(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let key = args.get(2);
    let (mut stream, out) = ctx.edit::<Stream>(key)?.ok_or(KEY_MISSING)?;
    let removed = stream.remove_group(args.get(3));
    out.flag(removed);
    drop(stream);
    if removed {
        ctx.effects.dirty += 1;
        ctx.notify(KeyspaceEvents::STREAM, "xgroup-destroy", key);
        // Who waits as a member of it must hear that it is gone.
        ctx.effects.signal_ready(ctx.db, key);
    }
    Ok(())
}

/// `XGROUP CREATECONSUMER key group consumer`. O(1).
pub(in crate::commands) fn createconsumer(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let now = ctx.now;
    let created = with_group(ctx, args, |_, group, out| {
        let created = group.add_consumer(args.get(4), now);
        out.flag(created);
        Ok(created)
    })?;
    if created {
        note_consumer(ctx, args.get(2));
    }
    Ok(())
}

/// `XGROUP DELCONSUMER key group consumer`. O(entries that are pending for it).
pub(in crate::commands) fn delconsumer(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let removed = with_group(ctx, args, |_, group, out| {
        let removed = group.remove_consumer(args.get(4));
        out.integer(removed.unwrap_or(0) as i64);
        Ok(removed.is_some())
    })?;
    if removed {
        ctx.effects.dirty += 1;
        ctx.notify(KeyspaceEvents::STREAM, "xgroup-delconsumer", args.get(2));
    }
    Ok(())
}

/// Notes that a consumer has come to be.
pub(super) fn note_consumer(ctx: &mut Ctx<'_>, key: &[u8]) {
    ctx.effects.dirty += 1;
    ctx.notify(KeyspaceEvents::STREAM, "xgroup-createconsumer", key);
}

/// Sends where a group stands, when no claim says it.
pub(super) fn send_group_id(
    ctx: &mut Ctx<'_>,
    key: &[u8],
    name: &[u8],
    last_id: StreamId,
    entries_read: i64,
) {
    let (id, read) = (last_id.to_string(), entries_read.to_string());
    ctx.propagate(&[b"XGROUP", b"SETID", key, name, id.as_bytes(), b"ENTRIESREAD", read.as_bytes()]);
}
