//! Sorted sets: compact in a listpack, large in an ordered chain of pieces with a hash table beside it.

#![allow(clippy::float_cmp)] // scores are equal or they are not

mod order;
mod range;
mod record;
mod score;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use range::{LexBound, LexRange, ScoreBound, ScoreRange};
pub use score::{ScoreText, parse_bound, parse_score};

use order::{Items, Order};
use record::{Scored, compare};

use super::dict::Dict;
use super::memory::allocated;
use super::{Encodings, Item, Listpack};

/// A compact sorted set never takes more bytes than this, whatever the parameters allow.
const PACK_BYTES_MAX: usize = 1 << 30;

/// Sorted set: members by score, and those of equal score by their bytes.
#[derive(Debug, Clone)]
pub struct Zset(Form);

#[derive(Debug, Clone)]
enum Form {
    /// Member, score, member, score, … in order.
    Pack(Listpack),
    Large(Box<Large>),
}

#[derive(Debug, Clone, Default)]
struct Large {
    table: Dict<Scored>,
    order: Order,
}

/// What [`Zset::set`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// The member is new.
    Added,
    /// The member has another score now.
    Updated,
    /// It had this score already.
    Same,
}

/// Which way a walk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the lowest score up.
    Forward,
    /// From the highest score down.
    Backward,
}

impl Default for Zset {
    fn default() -> Self {
        Self(Form::Pack(Listpack::new()))
    }
}

impl Zset {
    /// A sorted set of these members, each of which comes once, in whatever order; compact if it may be.
    pub fn from_members<M: AsRef<[u8]>>(mut members: Vec<(f64, M)>, encodings: &Encodings) -> Self {
        let longest = members.iter().map(|(_, member)| member.as_ref().len()).max().unwrap_or(0);
        let total: usize = members.iter().map(|(_, member)| member.as_ref().len()).sum();
        members.sort_by(|a, b| compare((a.0, a.1.as_ref()), (b.0, b.1.as_ref())));
        if members.len() as u64 <= encodings.zset_max_listpack_entries
            && longest as u64 <= encodings.zset_max_listpack_value
            && total < PACK_BYTES_MAX
        {
            let mut pack = Listpack::new();
            for (score, member) in members {
                pack_insert(&mut pack, None, score, member.as_ref());
            }
            return Self(Form::Pack(pack));
        }
        let mut large = Large::default();
        for (score, member) in &members {
            large.add(Scored::new(*score, member.as_ref()));
        }
        Self(Form::Large(Box::new(large)))
    }

    /// A listpack from outside whose elements were checked: members and scores in turn, no member twice. A larger one
    /// than the parameters allow is converted. `None` if anything does not fit.
    pub fn from_listpack(pack: Listpack, encodings: &Encodings) -> Option<Self> {
        let (mut members, mut sorted) = (Vec::new(), true);
        let mut items = pack.iter();
        while let Some(member) = items.next() {
            let score = checked_score(items.next()?)?;
            // A number that is written as a text would never be found.
            sorted &= member.with(|bytes| Item::of(bytes) == member);
            let member = member.bytes();
            sorted &= members.last().is_none_or(|(last_score, last): &(f64, std::borrow::Cow<'_, [u8]>)| {
                compare((*last_score, last), (score, &member)).is_lt()
            });
            members.push((score, member));
        }
        let mut names: Vec<&[u8]> = members.iter().map(|(_, member)| &**member).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return None;
        }
        if sorted && members.len() as u64 <= encodings.zset_max_listpack_entries {
            drop(members);
            return Some(Self(Form::Pack(pack)));
        }
        // The length of members does not matter to Redis here.
        let encodings = Encodings { zset_max_listpack_value: u64::MAX, ..*encodings };
        Some(Self::from_members(members, &encodings))
    }

    /// The listpack of a compact one.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match &self.0 {
            Form::Pack(pack) => Some(pack),
            Form::Large(_) => None,
        }
    }

    /// Places for members in the table of a large one, taken or not.
    pub fn slot_count(&self) -> Option<usize> {
        match &self.0 {
            Form::Pack(_) => None,
            Form::Large(large) => Some(large.table.slot_count()),
        }
    }

    /// Elements.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Pack(pack) => pack.len() / 2,
            Form::Large(large) => large.order.len(),
        }
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Form::Pack(pack) => pack.is_empty(),
            Form::Large(large) => large.order.len() == 0,
        }
    }

    /// Estimate of the bytes that it takes.
    pub fn memory(&self) -> usize {
        match &self.0 {
            Form::Pack(pack) => pack.memory(),
            Form::Large(large) => allocated(size_of::<Large>()) + large.table.memory() + large.order.memory(),
        }
    }

    /// What OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Form::Pack(_) => "listpack",
            Form::Large(_) => "skiplist",
        }
    }

    /// Loads what a look-up of `member` will read; a compact one is read as a whole anyway.
    #[inline]
    pub fn touch(&self, member: &[u8]) {
        if let Form::Large(large) = &self.0 {
            large.table.touch(member);
        }
    }

    /// Score of a member. O(1), or O(bytes) of a compact one.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.0 {
            Form::Pack(pack) => {
                let at = pack.find(pack.start(), member, 1)?;
                Some(score_of(pack.get(pack.after(at))))
            }
            Form::Large(large) => large.table.get(member).map(Scored::score),
        }
    }

    /// Gives a member this score, which is not NaN. O(log n), or O(bytes) of a compact one.
    pub fn set(&mut self, member: &[u8], score: f64, encodings: &Encodings) -> Stored {
        if let Form::Pack(pack) = &mut self.0 {
            if let Some(at) = pack.find(pack.start(), member, 1) {
                if score_of(pack.get(pack.after(at))) == score {
                    return Stored::Same;
                }
                pack.remove(at, 2);
                let at = pack_place(pack, score, member);
                pack_insert(pack, at, score, member);
                return Stored::Updated;
            }
            if ((pack.len() / 2) as u64) < encodings.zset_max_listpack_entries
                && member.len() as u64 <= encodings.zset_max_listpack_value
                && pack.as_bytes().len() + member.len() < PACK_BYTES_MAX
            {
                let at = pack_place(pack, score, member);
                pack_insert(pack, at, score, member);
                return Stored::Added;
            }
        }
        let large = self.make_large();
        let old = large.table.get(member).map(Scored::score);
        if old == Some(score) {
            return Stored::Same;
        }
        if let Some(old) = old {
            large.order.remove(old, member);
        }
        large.add(Scored::new(score, member));
        if old.is_some() { Stored::Updated } else { Stored::Added }
    }

    /// Removes a member; `false` if there was none. O(log n), or O(bytes) of a compact one.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Form::Pack(pack) => match pack.find(pack.start(), member, 1) {
                None => false,
                Some(at) => pack.remove(at, 2) > 0,
            },
            Form::Large(large) => match large.table.remove(member) {
                None => false,
                Some(record) => {
                    large.order.remove(record.score(), member);
                    true
                }
            },
        }
    }

    /// Removes the members of these ranks. O(log n) and the members.
    pub fn remove_ranks(&mut self, ranks: Range<usize>) {
        let count = ranks.end.saturating_sub(ranks.start);
        match &mut self.0 {
            Form::Pack(pack) => {
                if let Some(at) = pack.seek(2 * ranks.start as i64) {
                    pack.remove(at, 2 * count);
                }
            }
            Form::Large(large) => {
                for item in large.order.range(ranks.clone()) {
                    large.table.remove(item.record.member());
                }
                large.order.remove_ranks(ranks);
            }
        }
    }

    /// How many members stand before this one. O(log n).
    pub fn rank(&self, member: &[u8]) -> Option<usize> {
        match &self.0 {
            Form::Pack(pack) => {
                let wanted = Item::of(member);
                pack.iter().step_by(2).position(|item| item == wanted)
            }
            Form::Large(large) => {
                let wanted = (large.table.get(member)?.score(), member);
                let before = |item: &order::Item| compare((item.score, item.record.member()), wanted).is_lt();
                Some(large.order.partition(before))
            }
        }
    }

    /// The ranks of the scores in `range`. O(log n).
    pub fn ranks_by_score(&self, range: &ScoreRange) -> Range<usize> {
        match &self.0 {
            Form::Pack(pack) => {
                let (mut below, mut not_above) = (0, 0);
                for score in pack.iter().skip(1).step_by(2).map(score_of) {
                    below += usize::from(range.is_below(score));
                    not_above += usize::from(!range.is_above(score));
                }
                below..not_above.max(below)
            }
            Form::Large(large) => {
                let start = large.order.partition(|item| range.is_below(item.score));
                start..large.order.partition(|item| !range.is_above(item.score)).max(start)
            }
        }
    }

    /// The ranks of the members in `range`, which makes sense only if all scores are equal. If they are not, a compact
    /// one answers as Redis does: the walk starts at the first member that is not before the range, seen from where it
    /// comes, and ends at the first that is behind it. O(log n).
    pub fn ranks_by_lex(&self, range: &LexRange<'_>, direction: Direction) -> Range<usize> {
        match &self.0 {
            Form::Pack(pack) => pack_ranks_by_lex(pack, range, direction),
            Form::Large(large) => {
                let start = large.order.partition(|item| range.is_below(item.record.member()));
                start..large.order.partition(|item| !range.is_above(item.record.member())).max(start)
            }
        }
    }

    /// The members of these ranks with their scores. O(log n) and then O(1) for each.
    pub fn range(&self, ranks: Range<usize>, direction: Direction) -> Walk<'_> {
        let end = ranks.end.min(self.len());
        let start = ranks.start.min(end);
        match &self.0 {
            Form::Pack(pack) => {
                let first = if direction == Direction::Forward { start } else { end.saturating_sub(1) };
                let at = pack.seek(2 * first as i64).unwrap_or(pack.end());
                Walk { source: Source::Pack { pack, at, left: end - start }, direction }
            }
            Form::Large(large) => Walk { source: Source::Large(large.order.range(start..end)), direction },
        }
    }

    /// All members with their scores, in order.
    pub fn iter(&self) -> Walk<'_> {
        self.range(0..self.len(), Direction::Forward)
    }

    /// The member of this rank. O(log n).
    pub fn at(&self, rank: usize) -> Option<(Item<'_>, f64)> {
        self.range(rank..rank.saturating_add(1), Direction::Forward).next()
    }

    /// Visits about `count` members from `cursor` on and returns the next cursor, 0 at the end; all of a compact one.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(Item<'a>, f64)) -> u64 {
        match &self.0 {
            Form::Pack(_) => {
                self.iter().for_each(|(member, score)| visit(member, score));
                0
            }
            Form::Large(large) => {
                large.table.scan(cursor, count, |record| visit(Item::Str(record.member()), record.score()))
            }
        }
    }

    /// Leaves the compact encoding, for good.
    pub fn expand(&mut self) {
        self.make_large();
    }

    fn make_large(&mut self) -> &mut Large {
        if let Form::Pack(_) = &self.0 {
            let mut large = Box::<Large>::default();
            for (member, score) in self.iter() {
                large.add(member.with(|member| Scored::new(score, member)));
            }
            self.0 = Form::Large(large);
        }
        match &mut self.0 {
            Form::Large(large) => large,
            Form::Pack(_) => unreachable!("it was just converted"),
        }
    }

    #[cfg(test)]
    fn check(&self) {
        if let Form::Large(large) = &self.0 {
            large.order.check();
            assert_eq!(large.table.len(), large.order.len());
            for item in large.order.range(0..large.order.len()) {
                assert_eq!(large.table.get(item.record.member()).map(Scored::score), Some(item.score));
            }
        }
    }
}

impl Large {
    /// Puts a record in that is not in the order.
    fn add(&mut self, record: Scored) {
        self.order.insert(record.clone());
        self.table.insert(record);
    }
}

/// The score in an element that we wrote, or checked.
#[inline]
fn score_of(item: Item<'_>) -> f64 {
    let score = checked_score(item);
    debug_assert!(score.is_some(), "the score of a member is no number");
    score.unwrap_or_default()
}

#[inline]
fn checked_score(item: Item<'_>) -> Option<f64> {
    match item {
        Item::Int(score) => Some(score as f64),
        Item::Str(text) => parse_score(text),
    }
}

/// Where a member that is not in it belongs; `None` for the end.
fn pack_place(pack: &Listpack, score: f64, member: &[u8]) -> Option<usize> {
    let mut at = pack.first();
    while let Some(here) = at {
        let score_at = pack.after(here);
        let other = score_of(pack.get(score_at));
        if other > score || (other == score && pack.get(here).with(|other| other > member)) {
            return at;
        }
        at = pack.next(score_at);
    }
    None
}

/// Puts a member in front of the one at `at`, or at the end.
fn pack_insert(pack: &mut Listpack, at: Option<usize>, score: f64, member: &[u8]) {
    let at = pack.insert(at.unwrap_or(pack.end()), member);
    match score::as_integer(score) {
        Some(integer) => pack.insert(at, itoa::Buffer::new().format(integer).as_bytes()),
        None => pack.insert(at, ScoreText::new(score).as_bytes()),
    };
}

fn pack_ranks_by_lex(pack: &Listpack, range: &LexRange<'_>, direction: Direction) -> Range<usize> {
    let is_below: Vec<bool> = pack.iter().step_by(2).map(|item| item.with(|m| range.is_below(m))).collect();
    let is_above: Vec<bool> = pack.iter().step_by(2).map(|item| item.with(|m| range.is_above(m))).collect();
    // Redis gives up when the ends show that nothing can be inside.
    if is_below.last().is_none_or(|below| *below) || is_above[0] {
        return 0..0;
    }
    match direction {
        Direction::Forward => {
            let start = is_below.iter().position(|below| !below).unwrap_or(is_below.len());
            let count = is_above[start..].iter().position(|above| *above);
            start..count.map_or(is_above.len(), |count| start + count)
        }
        Direction::Backward => {
            let end = is_above.iter().rposition(|above| !above).map_or(0, |last| last + 1);
            let start = is_below[..end].iter().rposition(|below| *below).map_or(0, |last| last + 1);
            start..end
        }
    }
}

impl<'a> IntoIterator for &'a Zset {
    type Item = (Item<'a>, f64);
    type IntoIter = Walk<'a>;

    fn into_iter(self) -> Walk<'a> {
        self.iter()
    }
}

/// Walks over members with their scores.
#[derive(Debug, Clone)]
pub struct Walk<'a> {
    source: Source<'a>,
    direction: Direction,
}

#[derive(Debug, Clone)]
enum Source<'a> {
    Pack { pack: &'a Listpack, at: usize, left: usize },
    Large(Items<'a>),
}

impl<'a> Iterator for Walk<'a> {
    type Item = (Item<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.source {
            Source::Large(items) => {
                let item = match self.direction {
                    Direction::Forward => items.next(),
                    Direction::Backward => items.next_back(),
                }?;
                Some((Item::Str(item.record.member()), item.score))
            }
            Source::Pack { left: 0, .. } => None,
            Source::Pack { pack, at, left } => {
                *left -= 1;
                let (member_at, score_at) = (*at, pack.after(*at));
                if *left > 0 {
                    *at = match self.direction {
                        Direction::Forward => pack.after(score_at),
                        Direction::Backward => pack.before(*at).and_then(|at| pack.before(at))?,
                    };
                }
                Some((pack.get(member_at), score_of(pack.get(score_at))))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.source {
            Source::Large(items) => items.len(),
            Source::Pack { left, .. } => *left,
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for Walk<'_> {}
