//! SORT and SORT_RO: the elements of a list, a set or a sorted set in another order, or what other keys say about them.

use std::cmp::Ordering;

use super::{ArgCursor, CmdError, CmdResult, Ctx, KeyspaceEvents, numbers};
use crate::protocol::Args;
use crate::store::{Direction, End, Item, List, ValueRef, Zset, parse_score};

/// What to do with the elements.
#[derive(Debug, Default)]
struct Options<'a> {
    descending: bool,
    alpha: bool,
    start: i64,
    count: Option<i64>,
    by: Option<&'a [u8]>,
    get: Vec<&'a [u8]>,
    store: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(args: &Args<'a>, may_store: bool) -> CmdResult<Self> {
        let mut options = Self::default();
        let mut words = ArgCursor::new(args, 2);
        while words.has_more() {
            if words.flag("ASC") {
                options.descending = false;
            } else if words.flag("DESC") {
                options.descending = true;
            } else if words.flag("ALPHA") {
                options.alpha = true;
            } else if let Some([start, count]) = words.option("LIMIT") {
                options.start = numbers::integer(start)?;
                options.count = Some(numbers::integer(count)?);
            } else if may_store && let Some([key]) = words.option("STORE") {
                options.store = Some(key);
            } else if let Some([pattern]) = words.option("BY") {
                options.by = Some(pattern);
            } else if let Some([pattern]) = words.option("GET") {
                options.get.push(pattern);
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(options)
    }

    /// `BY` something that names no key: the order stays as it is.
    fn keeps_order(&self) -> bool {
        self.by.is_some_and(|by| !by.contains(&b'*'))
    }

    /// The part of `len` elements that LIMIT leaves.
    fn part(&self, len: usize) -> std::ops::Range<usize> {
        let within = |number: i64| number.clamp(0, len as i64) as usize;
        let start = within(self.start);
        match self.count {
            Some(count) if count >= 0 => start..(start + within(count)).min(len),
            _ => start..len,
        }
    }
}

/// The key after the last STORE, whether the rest of the request is right or not: what COMMAND GETKEYS tells.
pub(super) fn destination<'a>(args: &Args<'a>) -> Option<&'a [u8]> {
    let mut words = ArgCursor::new(args, 2);
    let mut found = None;
    while words.has_more() {
        if words.option_before("STORE", 1) {
            // Redis reads the key as the next option, too.
            found = Some(words.peek());
        } else if words.flag("LIMIT") {
            words.nth(1);
        } else {
            // The pattern of one of these, or a word that says nothing here.
            let _ = words.flag("GET") || words.flag("BY");
            words.next();
        }
    }
    found
}

/// The elements at the key, in their own order.
struct Elements {
    items: Vec<Vec<u8>>,
    is_set: bool,
}

fn read_elements(ctx: &mut Ctx<'_>, key: &[u8], backwards: bool) -> CmdResult<Elements> {
    let bytes = |item: Item<'_>| item.bytes().into_owned();
    let Some(entry) = ctx.read(key) else { return Ok(Elements { items: Vec::new(), is_set: false }) };
    let elements = match entry.value() {
        ValueRef::List(list) => {
            let items = if backwards {
                list.iter_back().map(bytes).collect()
            } else {
                list.iter_from(0).map(bytes).collect()
            };
            Elements { items, is_set: false }
        }
        ValueRef::Set(set) => Elements { items: set.iter().map(bytes).collect(), is_set: true },
        ValueRef::Zset(zset) => {
            let direction = if backwards { Direction::Backward } else { Direction::Forward };
            let members = zset.range(0..zset.len(), direction);
            let elements =
                Elements { items: members.map(|(member, _)| bytes(member)).collect(), is_set: false };
            // Redis walks the large form, and leaves the set in it: OBJECT ENCODING and DUMP show that.
            if let Some((mut zset, _)) = ctx.edit::<Zset>(key)? {
                zset.expand();
            }
            elements
        }
        _ => return Err(CmdError::WrongType),
    };
    Ok(elements)
}

/// What a pattern of BY or GET means for an element: `#` the element itself, `weight_*` the string at another key,
/// `object_*->name` the field of a hash.
fn resolve(ctx: &mut Ctx<'_>, pattern: &[u8], element: &[u8]) -> Option<Vec<u8>> {
    if pattern == b"#" {
        return Some(element.to_vec());
    }
    let star = pattern.iter().position(|byte| *byte == b'*')?;
    let (prefix, rest) = (&pattern[..star], &pattern[star + 1..]);
    let arrow = rest.windows(2).position(|pair| pair == b"->").filter(|arrow| arrow + 2 < rest.len());
    let (suffix, field) = match arrow {
        Some(arrow) => (&rest[..arrow], Some(&rest[arrow + 2..])),
        None => (rest, None),
    };
    let key = [prefix, element, suffix].concat();
    match (ctx.read(&key)?.value(), field) {
        (ValueRef::Hash(hash), Some(field)) => Some(hash.get(field)?.bytes().into_owned()),
        (ValueRef::Str(text), None) => Some(text.to_vec()),
        _ => None,
    }
}

/// The number in a text, as C's `strtod` reads all of it.
fn number(text: &[u8]) -> Option<f64> {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    match &text[..end] {
        [] => Some(0.0),
        text => parse_score(text.trim_ascii_start()),
    }
}

/// Sorts by numbers; elements of the same number by their bytes.
fn sort_by_number(ctx: &mut Ctx<'_>, items: Vec<Vec<u8>>, options: &Options<'_>) -> CmdResult<Vec<Vec<u8>>> {
    let mut all_numbers = true;
    let mut weighed = Vec::with_capacity(items.len());
    for item in items {
        let weight = match options.by {
            None => number(&item),
            // Who has no weight weighs nothing.
            Some(pattern) => resolve(ctx, pattern, &item).map_or(Some(0.0), |weight| number(&weight)),
        };
        all_numbers &= weight.is_some();
        weighed.push((weight.unwrap_or(0.0), item));
    }
    if !all_numbers {
        return Err(CmdError::text("ERR One or more scores can't be converted into double"));
    }
    weighed.sort_by(|a, b| {
        let order = a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal).then_with(|| a.1.cmp(&b.1));
        if options.descending { order.reverse() } else { order }
    });
    Ok(weighed.into_iter().map(|(_, item)| item).collect())
}

/// Sorts by texts; who has none comes first.
fn sort_by_text(ctx: &mut Ctx<'_>, mut items: Vec<Vec<u8>>, by: Option<&[u8]>, down: bool) -> Vec<Vec<u8>> {
    let directed = |order: Ordering| if down { order.reverse() } else { order };
    let Some(pattern) = by else {
        items.sort_by(|a, b| directed(a.cmp(b)));
        return items;
    };
    let mut weighed: Vec<_> = items.into_iter().map(|item| (resolve(ctx, pattern, &item), item)).collect();
    weighed.sort_by(|a, b| directed(a.0.cmp(&b.0)));
    weighed.into_iter().map(|(_, item)| item).collect()
}

/// `SORT key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC | DESC] [ALPHA] [STORE destination]`.
/// O(n log n), and one look-up for each element and pattern.
pub(super) fn sort(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    run(ctx, args.get(1), &Options::parse(args, true)?)
}

/// `SORT_RO key …`: SORT without STORE. O(n log n).
pub(super) fn sort_ro(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    run(ctx, args.get(1), &Options::parse(args, false)?)
}

fn run(ctx: &mut Ctx<'_>, key: &[u8], options: &Options<'_>) -> CmdResult {
    let keeps_order = options.keeps_order();
    let Elements { items, is_set } = read_elements(ctx, key, keeps_order && options.descending)?;
    let items = if keeps_order && is_set && options.store.is_some() {
        // A set has no order of its own that replicas would share.
        sort_by_text(ctx, items, None, options.descending)
    } else if keeps_order {
        items
    } else if options.alpha {
        sort_by_text(ctx, items, options.by, options.descending)
    } else {
        sort_by_number(ctx, items, options)?
    };
    let part = options.part(items.len());
    let chosen = &items[part];
    match options.store {
        None => answer(ctx, chosen, &options.get),
        Some(destination) => store(ctx, chosen, &options.get, destination),
    }
    Ok(())
}

fn answer(ctx: &mut Ctx<'_>, items: &[Vec<u8>], get: &[&[u8]]) {
    ctx.out.array(items.len() * get.len().max(1));
    for item in items {
        if get.is_empty() {
            ctx.out.bulk(item);
        }
        for pattern in get {
            let value = resolve(ctx, pattern, item);
            ctx.out.bulk_or_null(value.as_deref());
        }
    }
}

fn store(ctx: &mut Ctx<'_>, items: &[Vec<u8>], get: &[&[u8]], destination: &[u8]) {
    let mut list = List::new(ctx.encodings.list_max_listpack_size);
    for item in items {
        if get.is_empty() {
            list.push(End::Tail, item);
        }
        for pattern in get {
            list.push(End::Tail, &resolve(ctx, pattern, item).unwrap_or_default());
        }
    }
    let len = list.len();
    if len > 0 {
        ctx.replace(destination, list);
        ctx.changed(destination);
        ctx.effects.dirty += len as u64 - 1;
        ctx.notify(KeyspaceEvents::LIST, "sortstore", destination);
    } else {
        let hash = ctx.hash(destination);
        if ctx.delete(ctx.db, hash, destination) {
            ctx.changed(destination);
            ctx.notify(KeyspaceEvents::GENERIC, "del", destination);
        }
    }
    ctx.out.integer(len as i64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_never_leaves_the_elements() {
        let part = |start, count| Options { start, count, ..Options::default() }.part(5);
        assert_eq!(part(0, None), 0..5);
        assert_eq!(part(1, Some(2)), 1..3);
        assert_eq!(part(-3, Some(2)), 0..2);
        assert_eq!(part(3, Some(-1)), 3..5);
        assert_eq!(part(3, Some(i64::MAX)), 3..5);
        assert!(part(9, Some(1)).is_empty() && part(0, Some(0)).is_empty());
        assert!(part(i64::MIN, Some(i64::MIN)).len() == 5);
    }

    #[test]
    fn numbers_are_read_as_c_does() {
        for (text, expected) in
            [("", Some(0.0)), (" 1", Some(1.0)), ("1e3", Some(1000.0)), ("-1.5", Some(-1.5)), ("x", None)]
        {
            assert_eq!(number(text.as_bytes()), expected, "{text}");
        }
        for text in ["1 ", " ", "nan", "1e400"] {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
    }
}
