//! Looking for keys: KEYS, SCAN, RANDOMKEY. Expired keys are hidden here, whatever the role of the node.

use super::glob::{self, Case};
use super::{ArgCursor, CmdError, CmdResult, Ctx, ExpiryMode, numbers};
use crate::protocol::Args;
use crate::store::{EntryRef, Millis};

/// Random picks that may hit an expired key before every key is looked at.
const PICKS_MAX: usize = 100;
/// Keys that one SCAN call looks at unless told otherwise.
const SCAN_COUNT: usize = 10;

/// Whether a key has expired at `now`, as seen by this role.
fn expired_at(expiry: ExpiryMode, now: Millis) -> impl Fn(&EntryRef<'_>) -> bool {
    move |entry| expiry != ExpiryMode::Visible && entry.expire().is_some_and(|at| at <= now)
}

/// `KEYS pattern`. O(keys in the database).
pub(super) fn keys(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let pattern = args.get(1);
    let all = pattern == b"*";
    let hidden = expired_at(ctx.expiry, ctx.now);
    let names = ctx.store.db(ctx.db).iter().filter(|entry| !hidden(entry)).map(|entry| entry.key());
    let found: Vec<&[u8]> = names.filter(|key| all || glob::matches(pattern, key, Case::Sensitive)).collect();
    ctx.out.bulks(found.into_iter());
    Ok(())
}

/// `RANDOMKEY`. O(1), unless nearly all keys have expired.
pub(super) fn randomkey(ctx: &mut Ctx<'_>, _: &Args<'_>) -> CmdResult {
    let hidden = expired_at(ctx.expiry, ctx.now);
    for _ in 0..PICKS_MAX {
        let (random, keyspace) = (&mut *ctx.random, ctx.store.db(ctx.db));
        let Some(entry) = keyspace.random(|| random.bits()) else { break };
        if !hidden(&entry) {
            ctx.out.bulk(entry.key());
            return Ok(());
        }
        let key = entry.key().to_vec();
        let hash = ctx.hash(&key);
        ctx.expire_if_due(ctx.db, hash, &key);
    }
    let live = ctx.store.db(ctx.db).iter().find(|entry| !hidden(entry));
    ctx.out.bulk_or_null(live.map(|entry| entry.key()));
    Ok(())
}

/// What SCAN looks for.
#[derive(Debug)]
struct Wanted<'a> {
    pattern: Option<&'a [u8]>,
    count: usize,
    type_name: Option<&'a [u8]>,
}

impl<'a> Wanted<'a> {
    fn parse(args: &Args<'a>) -> CmdResult<Self> {
        let mut wanted = Self { pattern: None, count: SCAN_COUNT, type_name: None };
        let mut words = ArgCursor::new(args, 2);
        while words.has_more() {
            if let Some(count) = words.integer("COUNT")? {
                let count = usize::try_from(count).ok().filter(|count| *count > 0);
                wanted.count = count.ok_or(CmdError::Syntax)?;
            } else if let Some([pattern]) = words.option("MATCH") {
                wanted.pattern = (pattern != b"*").then_some(pattern);
            } else if let Some([name]) = words.option("TYPE") {
                wanted.type_name = Some(name);
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(wanted)
    }
}

/// `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`. O(count).
///
/// A key that is there from the first call to the last is returned exactly once.
pub(super) fn scan(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let cursor = numbers::cursor(args.get(1)).ok_or(CmdError::text("ERR invalid cursor"))?;
    let wanted = Wanted::parse(args)?;
    let (mut found, mut expired): (Vec<&[u8]>, Vec<Vec<u8>>) = (Vec::new(), Vec::new());
    let hidden = expired_at(ctx.expiry, ctx.now);
    let keyspace = ctx.store.db(ctx.db);
    let next = keyspace.scan(cursor, wanted.count, |entry| {
        let named = wanted.pattern.is_none_or(|glob| glob::matches(glob, entry.key(), Case::Sensitive));
        let type_name = entry.value().type_name().as_bytes();
        if !named || wanted.type_name.is_some_and(|wanted| !wanted.eq_ignore_ascii_case(type_name)) {
            return;
        }
        if hidden(&entry) {
            expired.push(entry.key().to_vec());
        } else {
            found.push(entry.key());
        }
    });
    ctx.out.array(2);
    ctx.out.bulk(itoa::Buffer::new().format(next).as_bytes());
    ctx.out.bulks(found.into_iter());
    for key in expired {
        let hash = ctx.hash(&key);
        ctx.expire_if_due(ctx.db, hash, &key);
    }
    Ok(())
}
