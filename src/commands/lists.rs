//! Lists: pushing, popping, reading and changing one list.

use super::numbers::integer;
use super::{ArgCursor, CmdError, CmdResult, Ctx, KeyspaceEvents};
use crate::protocol::{Args, Replies};
use crate::store::{End, Item, List, Side};

impl End {
    /// The event of a push to this end.
    pub(super) fn push_event(self) -> &'static str {
        match self {
            Self::Head => "lpush",
            Self::Tail => "rpush",
        }
    }

    /// The event of a pop from this end.
    pub(super) fn pop_event(self) -> &'static str {
        match self {
            Self::Head => "lpop",
            Self::Tail => "rpop",
        }
    }
}

/// `LPUSH key element [element ...]`. O(1) for each element.
pub(super) fn lpush(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    push(ctx, args, End::Head, false)
}

/// `RPUSH key element [element ...]`. O(1) for each element.
pub(super) fn rpush(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    push(ctx, args, End::Tail, false)
}

/// `LPUSHX key element [element ...]`. O(1) for each element.
pub(super) fn lpushx(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    push(ctx, args, End::Head, true)
}

/// `RPUSHX key element [element ...]`. O(1) for each element.
pub(super) fn rpushx(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    push(ctx, args, End::Tail, true)
}

fn push(ctx: &mut Ctx<'_>, args: &Args<'_>, end: End, only_existing: bool) -> CmdResult {
    let key = args.get(1);
    args.from(2).try_for_each(check_element)?;
    if only_existing && ctx.edit::<List>(key)?.is_none() {
        ctx.out.integer(0);
        return Ok(());
    }
    let limit = ctx.encodings.list_max_listpack_size;
    let (mut list, out) = ctx.edit_or_new::<List>(key)?;
    if list.is_empty() {
        list.set_limit(limit);
    }
    args.from(2).for_each(|element| list.push(end, element));
    out.integer(list.len() as i64);
    drop(list);
    ctx.changed(key);
    // Every element counts, not the command.
    ctx.effects.dirty += args.len() as u64 - 3;
    ctx.notify(KeyspaceEvents::LIST, end.push_event(), key);
    Ok(())
}

/// Lists refuse what their format cannot hold; the default `proto-max-bulk-len` refuses it long before.
fn check_element(element: &[u8]) -> CmdResult {
    if element.len() <= List::ELEMENT_MAX { Ok(()) } else { Err(CmdError::StringTooLong) }
}

/// `LPOP key [count]`. O(elements returned).
pub(super) fn lpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    pop(ctx, args, End::Head, "lpop")
}

/// `RPOP key [count]`. O(elements returned).
pub(super) fn rpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    pop(ctx, args, End::Tail, "rpop")
}

fn pop(ctx: &mut Ctx<'_>, args: &Args<'_>, end: End, name: &'static str) -> CmdResult {
    let key = args.get(1);
    let count = match args.len() {
        2 => None,
        3 => Some(not_negative(args.get(2))?),
        _ => return Err(CmdError::Arity(name.into())),
    };
    let Some((mut list, out)) = ctx.edit::<List>(key)? else {
        if count.is_some() {
            ctx.out.null_array();
        } else {
            ctx.out.null();
        }
        return Ok(());
    };
    if count == Some(0) {
        out.array(0);
        return Ok(());
    }
    let removed = match count {
        None => {
            out.bulk_or_null(list.pop(end).as_deref());
            1
        }
        Some(count) => pop_range(&mut list, end, count, out),
    };
    drop(list);
    popped(ctx, key, end, removed);
    Ok(())
}

/// A count of elements.
fn not_negative(text: &[u8]) -> CmdResult<u64> {
    let number = integer(text).ok().and_then(|number| u64::try_from(number).ok());
    number.ok_or(CmdError::text("ERR value is out of range, must be positive"))
}

/// Moves up to `count` elements from one end into an array; returns how many there were.
pub(super) fn pop_range(list: &mut List, end: End, count: u64, out: &mut Replies) -> u64 {
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(list.len());
    out.array(count);
    match end {
        End::Head => {
            list.iter_from(0).take(count).for_each(|item| write_item(out, item));
            list.remove(0, count);
        }
        End::Tail => {
            list.iter_back().take(count).for_each(|item| write_item(out, item));
            list.remove(list.len() - count, count);
        }
    }
    count as u64
}

/// What follows the loss of `count` elements at one end.
pub(super) fn popped(ctx: &mut Ctx<'_>, key: &[u8], end: End, count: u64) {
    ctx.notify(KeyspaceEvents::LIST, end.pop_event(), key);
    ctx.drop_if_empty::<List>(key);
    ctx.changed(key);
    ctx.effects.dirty += count - 1;
}

pub(super) fn write_item(out: &mut Replies, item: Item<'_>) {
    item.with(|bytes| out.bulk(bytes));
}

/// `LLEN key`. O(1).
pub(super) fn llen(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (list, out) = ctx.read_as::<List>(args.get(1))?;
    out.integer(list.map_or(0, List::len) as i64);
    Ok(())
}

/// First element and number of elements of an inclusive range in which negative indexes count from the tail.
fn range(start: i64, stop: i64, len: usize) -> (usize, usize) {
    let len = len as i64;
    let from_tail = |index: i64| if index < 0 { index.saturating_add(len) } else { index };
    let (start, stop) = (from_tail(start).max(0), from_tail(stop).min(len - 1));
    if start > stop { (0, 0) } else { (start as usize, (stop - start + 1) as usize) }
}

/// `LRANGE key start stop`. O(S+N) for a start S elements from the nearer end and N elements.
pub(super) fn lrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (start, stop) = (integer(args.get(2))?, integer(args.get(3))?);
    let (list, out) = ctx.read_as::<List>(args.get(1))?;
    let Some(list) = list else {
        out.array(0);
        return Ok(());
    };
    let (start, count) = range(start, stop, list.len());
    out.array(count);
    if count > 0 {
        list.iter_from(start).take(count).for_each(|item| write_item(out, item));
    }
    Ok(())
}

/// `LINDEX key index`. O(N) for N elements to the nearer end, skipping whole nodes.
pub(super) fn lindex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (list, out) = ctx.read_as::<List>(args.get(1))?;
    let Some(list) = list else {
        out.null();
        return Ok(());
    };
    match list.get(integer(args.get(2))?) {
        Some(item) => write_item(out, item),
        None => out.null(),
    }
    Ok(())
}

/// `LSET key index element`. O(N) for N elements to the nearer end, skipping whole nodes.
pub(super) fn lset(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (key, element) = (args.get(1), args.get(3));
    check_element(element)?;
    let Some((mut list, out)) = ctx.edit::<List>(key)? else { return Err(CmdError::NoSuchKey) };
    if !list.set(integer(args.get(2))?, element) {
        return Err(CmdError::text("ERR index out of range"));
    }
    out.ok();
    drop(list);
    ctx.changed(key);
    ctx.notify(KeyspaceEvents::LIST, "lset", key);
    Ok(())
}

/// `LINSERT key BEFORE | AFTER pivot element`. O(N) for N elements before the pivot.
pub(super) fn linsert(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (key, element) = (args.get(1), args.get(4));
    let side = if args.is(2, "AFTER") {
        Side::After
    } else if args.is(2, "BEFORE") {
        Side::Before
    } else {
        return Err(CmdError::Syntax);
    };
    check_element(element)?;
    let Some((mut list, out)) = ctx.edit::<List>(key)? else {
        ctx.out.integer(0);
        return Ok(());
    };
    let Some(pivot) = list.find(args.get(3)) else {
        out.integer(-1);
        return Ok(());
    };
    list.insert(pivot, side, element);
    out.integer(list.len() as i64);
    drop(list);
    ctx.changed(key);
    ctx.notify(KeyspaceEvents::LIST, "linsert", key);
    Ok(())
}

/// `LREM key count element`: a negative count removes from the tail, 0 removes all. O(N).
pub(super) fn lrem(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let key = args.get(1);
    let count = integer(args.get(2))?;
    let from = if count < 0 { End::Tail } else { End::Head };
    let most = if count == 0 { u64::MAX } else { count.unsigned_abs() };
    let Some((mut list, out)) = ctx.edit::<List>(key)? else {
        ctx.out.integer(0);
        return Ok(());
    };
    let removed = list.remove_equal(args.get(3), usize::try_from(most).unwrap_or(usize::MAX), from);
    out.integer(removed as i64);
    drop(list);
    if removed > 0 {
        ctx.changed(key);
        ctx.effects.dirty += removed as u64 - 1;
        ctx.notify(KeyspaceEvents::LIST, "lrem", key);
        ctx.drop_if_empty::<List>(key);
    }
    Ok(())
}

/// `LTRIM key start stop`: only this range stays. O(N) for N elements removed.
pub(super) fn ltrim(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let key = args.get(1);
    let (start, stop) = (integer(args.get(2))?, integer(args.get(3))?);
    let Some((mut list, out)) = ctx.edit::<List>(key)? else {
        ctx.out.ok();
        return Ok(());
    };
    let (start, count) = range(start, stop, list.len());
    let removed = list.len() - count;
    list.remove(start + count, usize::MAX);
    list.remove(0, start);
    out.ok();
    drop(list);
    ctx.notify(KeyspaceEvents::LIST, "ltrim", key);
    ctx.drop_if_empty::<List>(key);
    if removed > 0 {
        ctx.changed(key);
        ctx.effects.dirty += removed as u64 - 1;
    } else {
        // Nothing to send, but a WATCH is told all the same.
        ctx.also_changed(ctx.db, key);
    }
    Ok(())
}

/// What LPOS looks for.
struct Search {
    /// The match to begin with, the first being 1.
    rank: u64,
    /// Most matches wanted, 0 for all; `None` asks for one, not in an array.
    count: Option<u64>,
    /// Most elements compared.
    elements_max: usize,
    from: End,
}

impl Search {
    fn parse(args: &Args<'_>) -> CmdResult<Self> {
        let mut search = Self { rank: 1, count: None, elements_max: usize::MAX, from: End::Head };
        let positive = |text: &[u8], otherwise: &'static str| {
            let number = integer(text).ok().and_then(|number| u64::try_from(number).ok());
            number.ok_or(CmdError::text(otherwise))
        };
        let mut words = ArgCursor::new(args, 3);
        while words.has_more() {
            if let Some(rank) = words.integer("RANK")? {
                if rank == 0 {
                    return Err(CmdError::text(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
                         negative to start from the end of the list",
                    ));
                }
                search.from = if rank < 0 { End::Tail } else { End::Head };
                search.rank = rank.unsigned_abs();
            } else if let Some([count]) = words.option("COUNT") {
                search.count = Some(positive(count, "ERR COUNT can't be negative")?);
            } else if let Some([most]) = words.option("MAXLEN") {
                let most = positive(most, "ERR MAXLEN can't be negative")?;
                search.elements_max = if most == 0 { usize::MAX } else { most as usize };
            } else {
                return Err(CmdError::Syntax);
            }
        }
        if search.rank == i64::MIN.unsigned_abs() {
            // It has no opposite, and Redis counts on with what is left of it: no match is skipped, COUNT ends nothing.
            search.rank = 1;
            search.count = search.count.map(|_| 0);
        }
        Ok(search)
    }

    /// Indexes of the matches.
    fn run(&self, list: &List, wanted: &[u8]) -> Vec<i64> {
        let wanted = Item::of(wanted);
        let most = match self.count {
            None => 1,
            Some(0) => usize::MAX,
            Some(count) => usize::try_from(count).unwrap_or(usize::MAX),
        };
        let skip = usize::try_from(self.rank - 1).unwrap_or(usize::MAX);
        let matches = |items: &mut dyn Iterator<Item = Item<'_>>| -> Vec<i64> {
            let numbered = items.take(self.elements_max).enumerate();
            let hits = numbered.filter(|(_, item)| *item == wanted).map(|(at, _)| at as i64);
            hits.skip(skip).take(most).collect()
        };
        match self.from {
            End::Head => matches(&mut list.iter_from(0)),
            End::Tail => {
                let last = list.len() as i64 - 1;
                matches(&mut list.iter_back()).into_iter().map(|at| last - at).collect()
            }
        }
    }
}

/// `LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]`. O(N) for N elements compared.
pub(super) fn lpos(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let search = Search::parse(args)?;
    let (list, out) = ctx.read_as::<List>(args.get(1))?;
    let found = list.map(|list| search.run(list, args.get(2))).unwrap_or_default();
    if search.count.is_some() {
        out.array(found.len());
        for at in found {
            out.integer(at);
        }
    } else if let Some(at) = found.first() {
        out.integer(*at);
    } else {
        out.null();
    }
    Ok(())
}
