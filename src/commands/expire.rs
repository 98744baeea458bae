//! Expiry: setting it, asking for it, removing it.
//!
//! Replicas always receive a point in time, never a duration: they may apply it much later.

use super::set::{delete_as_expired, is_past, persist_key};
use super::strings::is_there;
use super::{CmdError, CmdResult, Ctx, KeyspaceEvents, numbers};
use crate::protocol::Args;
use crate::store::Millis;

/// How a deadline is given, and by which command.
#[derive(Debug, Clone, Copy)]
struct Form {
    command: &'static str,
    relative: bool,
    millis_per_unit: i64,
}

/// `EXPIRE key seconds [NX | XX | GT | LT]`. O(1).
pub(super) fn expire(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    set_deadline(ctx, args, Form { command: "expire", relative: true, millis_per_unit: 1000 })
}

/// `PEXPIRE key milliseconds [NX | XX | GT | LT]`. O(1).
pub(super) fn pexpire(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    set_deadline(ctx, args, Form { command: "pexpire", relative: true, millis_per_unit: 1 })
}

/// `EXPIREAT key unix-time-seconds [NX | XX | GT | LT]`. O(1).
pub(super) fn expireat(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    set_deadline(ctx, args, Form { command: "expireat", relative: false, millis_per_unit: 1000 })
}

/// `PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]`. O(1).
pub(super) fn pexpireat(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    set_deadline(ctx, args, Form { command: "pexpireat", relative: false, millis_per_unit: 1 })
}

/// Conditions on the expiry that a key has.
#[derive(Debug, Clone, Copy, Default)]
struct Conditions {
    none_yet: bool,
    some: bool,
    later: bool,
    sooner: bool,
}

impl Conditions {
    fn parse(args: &Args<'_>) -> CmdResult<Self> {
        let mut conditions = Self::default();
        for word in args.from(3) {
            match word.to_ascii_uppercase().as_slice() {
                b"NX" => conditions.none_yet = true,
                b"XX" => conditions.some = true,
                b"GT" => conditions.later = true,
                b"LT" => conditions.sooner = true,
                _ => return Err(CmdError::quoting("ERR Unsupported option ", word, "")),
            }
        }
        let Self { none_yet, some, later, sooner } = conditions;
        if none_yet && (some || later || sooner) {
            let text = "ERR NX and XX, GT or LT options at the same time are not compatible";
            return Err(CmdError::text(text));
        }
        if later && sooner {
            return Err(CmdError::text("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(conditions)
    }

    /// A key without an expiry counts as one that lives for ever.
    fn allow(self, present: Option<Millis>, wanted: Millis) -> bool {
        !(self.none_yet && present.is_some()
            || self.some && present.is_none()
            || self.later && present.is_none_or(|present| wanted <= present)
            || self.sooner && present.is_some_and(|present| wanted >= present))
    }
}

fn set_deadline(ctx: &mut Ctx<'_>, args: &Args<'_>, form: Form) -> CmdResult {
    let conditions = Conditions::parse(args)?;
    let amount = numbers::integer(args.get(2))?;
    let base = if form.relative { ctx.now } else { 0 };
    let deadline = amount.checked_mul(form.millis_per_unit).and_then(|millis| millis.checked_add(base));
    let deadline = deadline.ok_or(CmdError::InvalidExpire(form.command))?;
    let key = args.get(1);
    let hash = ctx.hash(key);
    if !is_there(ctx, ctx.db, hash, key) {
        ctx.out.flag(false);
        return Ok(());
    }
    let present = ctx.keyspace().get(hash, key).and_then(|entry| entry.expire());
    let allowed = conditions.allow(present, deadline);
    if allowed && is_past(ctx, deadline) {
        delete_as_expired(ctx, hash, key);
    } else if allowed {
        ctx.keyspace_mut().set_expire(hash, key, Some(deadline));
        ctx.changed(key);
        ctx.notify(KeyspaceEvents::GENERIC, "expire", key);
        propagate(ctx, args, form, deadline);
    }
    ctx.out.flag(allowed);
    Ok(())
}

/// The conditions go along: a replica holds the same expiry and so comes to the same result.
fn propagate(ctx: &mut Ctx<'_>, args: &Args<'_>, form: Form, deadline: Millis) {
    if !form.relative && form.millis_per_unit == 1 {
        return;
    }
    let mut digits = itoa::Buffer::new();
    let command: [&[u8]; 3] = [b"PEXPIREAT", args.get(1), digits.format(deadline).as_bytes()];
    if args.len() == 3 {
        ctx.propagate(&command);
    } else {
        let parts: Vec<&[u8]> = command.into_iter().chain(args.from(3)).collect();
        ctx.propagate(&parts);
    }
}

/// `PERSIST key`. O(1).
pub(super) fn persist(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let key = args.get(1);
    let hash = ctx.hash(key);
    ctx.clear_expired(ctx.db, hash, key);
    let persisted = persist_key(ctx, hash, key);
    ctx.out.flag(persisted);
    Ok(())
}

/// `TTL key`: seconds, rounded. O(1).
pub(super) fn ttl(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let now = ctx.now;
    answer_with(ctx, args, |at| rounded_seconds(at.saturating_sub(now).max(0)))
}

/// `PTTL key`. O(1).
pub(super) fn pttl(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let now = ctx.now;
    answer_with(ctx, args, |at| at.saturating_sub(now).max(0))
}

/// `EXPIRETIME key`: seconds, rounded. O(1).
pub(super) fn expiretime(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    answer_with(ctx, args, rounded_seconds)
}

/// `PEXPIRETIME key`. O(1).
pub(super) fn pexpiretime(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    answer_with(ctx, args, |at| at)
}

fn rounded_seconds(millis: i64) -> i64 {
    millis.saturating_add(500) / 1000
}

/// -2 without the key, -1 without an expiry.
fn answer_with(ctx: &mut Ctx<'_>, args: &Args<'_>, form: impl Fn(Millis) -> i64) -> CmdResult {
    let number = match ctx.peek(ctx.db, args.get(1)) {
        None => -2,
        Some(entry) => entry.expire().map_or(-1, form),
    };
    ctx.out.integer(number);
    Ok(())
}
