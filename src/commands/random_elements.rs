//! HRANDFIELD and SRANDMEMBER: elements picked evenly at random, all different or with repetitions.

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;
use hashbrown::HashSet;

use super::hashes::bulk_item;
use super::{CmdError, CmdResult, Ctx, numbers};
use crate::protocol::{Args, Replies};
use crate::store::{Hash, Item, Random, Set};

/// Most elements with repetitions. Redis takes any number, and runs out of memory.
const REPETITIONS_MAX: u64 = 1 << 20;
/// Most bytes of a reply with repetitions: few large elements must not become an endless one.
const REPLY_MAX: usize = 512 << 20;
/// Different elements are picked one by one if they are at most one in so many; else in one walk over all.
const FEW: usize = 3;

const OUT_OF_RANGE: CmdError = CmdError::text("ERR value is out of range");

/// What can be picked from.
trait Elements {
    type Element<'e>: Copy
    where
        Self: 'e;

    fn len(&self) -> usize;
    /// All elements are in one allocation: one by one they are no faster found than all together.
    fn is_compact(&self) -> bool;
    fn all(&self) -> impl Iterator<Item = Self::Element<'_>>;
    fn one(&self, random: &mut Random) -> Option<Self::Element<'_>>;
    /// What an element differs in from all others.
    fn name<'e>(&'e self, element: Self::Element<'e>) -> Item<'e>;
}

impl Elements for Set {
    type Element<'e> = Item<'e>;

    fn len(&self) -> usize {
        self.len()
    }
    fn is_compact(&self) -> bool {
        self.as_intset().is_some()
    }
    fn all(&self) -> impl Iterator<Item = Item<'_>> {
        self.iter()
    }
    fn one(&self, random: &mut Random) -> Option<Item<'_>> {
        self.random(|| random.bits())
    }
    fn name<'e>(&'e self, element: Item<'e>) -> Item<'e> {
        element
    }
}

impl Elements for Hash {
    type Element<'e> = (Item<'e>, Item<'e>);

    fn len(&self) -> usize {
        self.len()
    }
    fn is_compact(&self) -> bool {
        self.as_listpack().is_some()
    }
    fn all(&self) -> impl Iterator<Item = (Item<'_>, Item<'_>)> {
        self.iter()
    }
    fn one(&self, random: &mut Random) -> Option<(Item<'_>, Item<'_>)> {
        self.random(|| random.bits())
    }
    fn name<'e>(&'e self, (field, _): (Item<'e>, Item<'e>)) -> Item<'e> {
        field
    }
}

/// Elements that a reply to `count` has: negative allows repetitions. Any number of these is begun for a client that is
/// cut off when too much waits for it.
fn reply_len(elements: &impl Elements, count: i64, out: &Replies) -> CmdResult<usize> {
    let wanted = count.unsigned_abs();
    match count {
        0.. => Ok(elements.len().min(wanted as usize)),
        _ if wanted > REPETITIONS_MAX && !out.has_limit() => Err(OUT_OF_RANGE),
        _ => Ok(wanted as usize),
    }
}

/// Picks elements and hands each to `put`, which says when it has had enough.
fn pick<'e, E: Elements>(
    elements: &'e E,
    count: i64,
    random: &mut Random,
    mut put: impl FnMut(E::Element<'e>) -> bool,
) {
    let (len, wanted) = (elements.len(), count.unsigned_abs() as usize);
    if count < 0 {
        if elements.is_compact() || wanted >= len {
            let all: Vec<E::Element<'e>> = elements.all().collect();
            let _ = (0..wanted).all(|_| put(all[random.index(len)]));
        } else {
            let _ = (0..wanted).map_while(|_| elements.one(random)).all(put);
        }
    } else if wanted >= len {
        let _ = elements.all().all(put);
    } else if elements.is_compact() || wanted > len / FEW {
        // Each element is taken with the chance that leaves every subset equally likely.
        let (mut left, mut wanted) = (len as u64, wanted as u64);
        for element in elements.all() {
            let taken = random.below(left) < wanted;
            (left, wanted) = (left - 1, wanted - u64::from(taken));
            if taken && !put(element) {
                return;
            }
        }
    } else {
        let hasher = SeedableRandomState::with_seed(random.bits(), SharedSeed::global_fixed());
        let mut seen = HashSet::with_capacity_and_hasher(wanted, hasher);
        while seen.len() < wanted {
            let Some(element) = elements.one(random) else { return };
            if seen.insert(elements.name(element).bytes()) && !put(element) {
                return;
            }
        }
    }
}

/// The count of HRANDFIELD and SRANDMEMBER.
fn parse_count(text: &[u8]) -> CmdResult<i64> {
    match numbers::integer(text)? {
        i64::MIN => Err(CmdError::text(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        )),
        count => Ok(count),
    }
}

/// Whether a reply that has come so far may become longer.
fn goes_on(out: &mut Replies, start: usize, count: i64) -> bool {
    !out.cut_short() && (out.len() - start <= REPLY_MAX || count >= 0)
}

/// Ends a reply, or takes it back if it became too large.
fn check_size(out: &mut Replies, start: usize) -> CmdResult {
    if out.len() - start <= REPLY_MAX || out.is_cut_short() {
        return Ok(());
    }
    out.truncate(start);
    Err(OUT_OF_RANGE)
}

/// `SRANDMEMBER key [count]`. O(count), and O(members) for a large part of the set.
///
/// # Errors
/// [`CmdError::WrongType`], or the count is no integer or asks for an endless reply.
pub(super) fn srandmember(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    if args.len() > 3 {
        return Err(CmdError::Syntax);
    }
    let count = if args.len() == 3 { Some(parse_count(args.get(2))?) } else { None };
    let mut random = Random::new(ctx.random());
    let (set, out) = ctx.read_as::<Set>(args.get(1))?;
    let Some(count) = count else {
        match set.and_then(|set| set.one(&mut random)) {
            Some(member) => bulk_item(out, member),
            None => out.null(),
        }
        return Ok(());
    };
    let Some(set) = set else {
        out.array(0);
        return Ok(());
    };
    let start = out.len();
    let len = reply_len(set, count, out)?;
    out.array(len);
    pick(set, count, &mut random, |member| {
        bulk_item(out, member);
        goes_on(out, start, count)
    });
    if count < 0 { check_size(out, start) } else { Ok(()) }
}

/// `HRANDFIELD key [count [WITHVALUES]]`. O(count), and O(fields) for a large part of the hash.
///
/// # Errors
/// [`CmdError::WrongType`], or the count is no integer or asks for an endless reply.
pub(super) fn hrandfield(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let count = if args.len() > 2 { Some(parse_count(args.get(2))?) } else { None };
    if args.len() > 4 || (args.len() == 4 && !args.is(3, "WITHVALUES")) {
        return Err(CmdError::Syntax);
    }
    let with_values = args.len() == 4;
    if with_values && count.is_some_and(|count| count.unsigned_abs() > i64::MAX as u64 / 2) {
        return Err(OUT_OF_RANGE);
    }
    let mut random = Random::new(ctx.random());
    let (hash, out) = ctx.read_as::<Hash>(args.get(1))?;
    let Some(count) = count else {
        match hash.and_then(|hash| hash.one(&mut random)) {
            Some((field, _)) => bulk_item(out, field),
            None => out.null(),
        }
        return Ok(());
    };
    let Some(hash) = hash else {
        out.array(0);
        return Ok(());
    };
    let (start, nested) = (out.len(), with_values && out.is_resp3());
    let len = reply_len(hash, count, out)?;
    out.array(if with_values && !nested { len * 2 } else { len });
    pick(hash, count, &mut random, |(field, value)| {
        if nested {
            out.array(2);
        }
        bulk_item(out, field);
        if with_values {
            bulk_item(out, value);
        }
        goes_on(out, start, count)
    });
    if count < 0 { check_size(out, start) } else { Ok(()) }
}
