//! SET with all its options, the older commands that are forms of it, and GETEX, which shares its options.
//!
//! An expiry travels to the replicas as a point in time: they may receive it much later.

use super::strings::{answer, is_there, store};
use super::{ArgCursor, CmdError, CmdResult, Ctx, ExpiryMode, KeyspaceEvents, numbers};
use crate::protocol::Args;
use crate::store::{KeyHash, Millis, Ttl};

/// How an expiry was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Millis,
    UnixSeconds,
    UnixMillis,
}

/// The words of an expiry.
const UNITS: [(&str, Unit); 4] =
    [("EX", Unit::Seconds), ("PX", Unit::Millis), ("EXAT", Unit::UnixSeconds), ("PXAT", Unit::UnixMillis)];

impl Unit {
    fn is_relative(self) -> bool {
        matches!(self, Self::Seconds | Self::Millis)
    }

    /// The point in time that `text` means.
    fn deadline(self, text: &[u8], now: Millis, command: &'static str) -> CmdResult<Millis> {
        let invalid = || CmdError::InvalidExpire(command);
        let mut millis = numbers::integer(text)?;
        if millis <= 0 {
            return Err(invalid());
        }
        if matches!(self, Self::Seconds | Self::UnixSeconds) {
            millis = millis.checked_mul(1000).ok_or_else(invalid)?;
        }
        if self.is_relative() {
            millis = millis.checked_add(now).ok_or_else(invalid)?;
        }
        Ok(millis)
    }
}

/// Which command's options are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Set,
    Getex,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Only {
    IfMissing,
    IfPresent,
}

/// The options of SET and GETEX.
#[derive(Debug, Default)]
struct Options<'a> {
    only: Option<Only>,
    get: bool,
    keep_ttl: bool,
    persist: bool,
    expire: Option<(Unit, &'a [u8])>,
}

impl<'a> Options<'a> {
    /// Reads the options from argument `from` on.
    ///
    /// # Errors
    /// [`CmdError::Syntax`] if one is unknown, or excludes another. The same one may come twice.
    fn parse(args: &Args<'a>, from: usize, form: Form) -> CmdResult<Self> {
        let mut options = Self::default();
        let set = form == Form::Set;
        let mut words = ArgCursor::new(args, from);
        while words.has_more() {
            let mut given = UNITS.into_iter().filter_map(|(word, unit)| Some((unit, words.option(word)?)));
            if let Some((unit, [text])) = given.next() {
                let same = options.expire.is_none_or(|(other, _)| other == unit);
                if !same || options.keep_ttl || options.persist {
                    return Err(CmdError::Syntax);
                }
                options.expire = Some((unit, text));
            } else if set && options.only != Some(Only::IfPresent) && words.flag("NX") {
                options.only = Some(Only::IfMissing);
            } else if set && options.only != Some(Only::IfMissing) && words.flag("XX") {
                options.only = Some(Only::IfPresent);
            } else if set && words.flag("GET") {
                options.get = true;
            } else if set && options.expire.is_none() && words.flag("KEEPTTL") {
                options.keep_ttl = true;
            } else if !set && options.expire.is_none() && words.flag("PERSIST") {
                options.persist = true;
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(options)
    }

    fn deadline(&self, now: Millis, command: &'static str) -> CmdResult<Option<Millis>> {
        self.expire.map(|(unit, text)| unit.deadline(text, now, command)).transpose()
    }
}

/// `SET key value [options]`. O(1).
///
/// # Errors
/// [`CmdError::Syntax`], [`CmdError::NotAnInteger`] or [`CmdError::InvalidExpire`] for its options;
/// [`CmdError::WrongType`] if GET is asked for what is no string.
pub(super) fn set(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (key, value) = (args.get(1), args.get(2));
    let hash = ctx.hash(key);
    if args.len() == 3 {
        ctx.clear_expired(ctx.db, hash, key);
        store(ctx, hash, key, value, Ttl::Clear);
        ctx.notify(KeyspaceEvents::STRING, "set", key);
        ctx.out.ok();
        return Ok(());
    }
    let options = Options::parse(args, 3, Form::Set)?;
    let deadline = options.deadline(ctx.now, "set")?;
    if options.get {
        answer(ctx, hash, key)?;
    }
    let wanted = options.only.is_none_or(|only| {
        let there = is_there(ctx, ctx.db, hash, key);
        there == (only == Only::IfPresent)
    });
    if wanted {
        ctx.clear_expired(ctx.db, hash, key);
        let ttl = match deadline {
            Some(at) => Ttl::At(at),
            None if options.keep_ttl => Ttl::Keep,
            None => Ttl::Clear,
        };
        store(ctx, hash, key, value, ttl);
        ctx.notify(KeyspaceEvents::STRING, "set", key);
        if deadline.is_some() {
            ctx.notify(KeyspaceEvents::GENERIC, "expire", key);
        }
        match deadline {
            Some(at) => propagate_deadline(ctx, key, value, at),
            None if options.get => propagate_without_get(ctx, args),
            None => {}
        }
    }
    if !options.get {
        if wanted { ctx.out.ok() } else { ctx.out.null() }
    }
    Ok(())
}

fn propagate_deadline(ctx: &mut Ctx<'_>, key: &[u8], value: &[u8], deadline: Millis) {
    let mut digits = itoa::Buffer::new();
    ctx.propagate(&[b"SET", key, value, b"PXAT", digits.format(deadline).as_bytes()]);
}

/// A replica would read the old value for nothing.
fn propagate_without_get(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let words = args.from(0).enumerate();
    let kept = words.filter(|(at, word)| *at < 3 || !word.eq_ignore_ascii_case(b"GET"));
    let parts: Vec<&[u8]> = kept.map(|(_, word)| word).collect();
    ctx.propagate(&parts);
}

/// `SETNX key value`. O(1).
pub(super) fn setnx(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (key, value) = (args.get(1), args.get(2));
    let hash = ctx.hash(key);
    let free = !is_there(ctx, ctx.db, hash, key);
    if free {
        store(ctx, hash, key, value, Ttl::Clear);
        ctx.notify(KeyspaceEvents::STRING, "set", key);
    }
    ctx.out.flag(free);
    Ok(())
}

/// `SETEX key seconds value`. O(1).
pub(super) fn setex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    set_for(ctx, args, Unit::Seconds, "setex")
}

/// `PSETEX key milliseconds value`. O(1).
pub(super) fn psetex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    set_for(ctx, args, Unit::Millis, "psetex")
}

fn set_for(ctx: &mut Ctx<'_>, args: &Args<'_>, unit: Unit, command: &'static str) -> CmdResult {
    let (key, value) = (args.get(1), args.get(3));
    let deadline = unit.deadline(args.get(2), ctx.now, command)?;
    let hash = ctx.hash(key);
    ctx.clear_expired(ctx.db, hash, key);
    store(ctx, hash, key, value, Ttl::At(deadline));
    ctx.notify(KeyspaceEvents::STRING, "set", key);
    ctx.notify(KeyspaceEvents::GENERIC, "expire", key);
    propagate_deadline(ctx, key, value, deadline);
    ctx.out.ok();
    Ok(())
}

/// `GETSET key value`: replicas receive a SET. O(1).
pub(super) fn getset(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (key, value) = (args.get(1), args.get(2));
    let hash = ctx.hash(key);
    answer(ctx, hash, key)?;
    ctx.clear_expired(ctx.db, hash, key);
    store(ctx, hash, key, value, Ttl::Clear);
    ctx.notify(KeyspaceEvents::STRING, "set", key);
    ctx.propagate(&[b"SET", key, value]);
    Ok(())
}

/// `GETEX key [EX seconds | … | PERSIST]`. O(1).
///
/// # Errors
/// As [`set`]; the options count even if there is no such key, the time itself does not.
pub(super) fn getex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let options = Options::parse(args, 2, Form::Getex)?;
    let key = args.get(1);
    let hash = ctx.hash(key);
    let before = ctx.out.len();
    if !answer(ctx, hash, key)? {
        return Ok(());
    }
    let deadline = options.deadline(ctx.now, "getex").inspect_err(|_| ctx.out.truncate(before))?;
    match (deadline, options.expire) {
        (Some(at), Some((unit, _))) if !unit.is_relative() && is_past(ctx, at) => {
            delete_as_expired(ctx, hash, key);
        }
        (Some(at), _) => {
            ctx.keyspace_mut().set_expire(hash, key, Some(at));
            ctx.changed(key);
            let mut digits = itoa::Buffer::new();
            ctx.propagate(&[b"PEXPIREAT", key, digits.format(at).as_bytes()]);
            ctx.notify(KeyspaceEvents::GENERIC, "expire", key);
        }
        (None, _) if options.persist && persist_key(ctx, hash, key) => ctx.propagate(&[b"PERSIST", key]),
        (None, _) => {}
    }
    Ok(())
}

/// Whether a deadline given by a client deletes its key at once. A replica waits for its master's word.
pub(super) fn is_past(ctx: &Ctx<'_>, deadline: Millis) -> bool {
    ctx.expiry == ExpiryMode::Delete && deadline <= ctx.now
}

/// Deletes a key that a client gave a deadline in the past; replicas receive the deletion.
pub(super) fn delete_as_expired(ctx: &mut Ctx<'_>, hash: KeyHash, key: &[u8]) {
    ctx.delete(ctx.db, hash, key);
    ctx.changed(key);
    ctx.notify(KeyspaceEvents::GENERIC, "del", key);
    let verb: &[u8] = if ctx.lazy_expire { b"UNLINK" } else { b"DEL" };
    ctx.propagate(&[verb, key]);
}

/// Removes the expiry of a key; `false` if it has none.
pub(super) fn persist_key(ctx: &mut Ctx<'_>, hash: KeyHash, key: &[u8]) -> bool {
    let expires = ctx.keyspace().get(hash, key).is_some_and(|entry| entry.expire().is_some());
    if expires {
        ctx.keyspace_mut().set_expire(hash, key, None);
        ctx.changed(key);
        ctx.notify(KeyspaceEvents::GENERIC, "persist", key);
    }
    expires
}
