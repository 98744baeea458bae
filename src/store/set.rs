//! Sets: of integers in one sorted array, of anything else in a hash table. A set that left the array stays so.

use triomphe::ThinArc;

use super::dict::{Dict, Keyed};
use super::{Encodings, Intset, Item, allocated};
use crate::protocol::strict_i64;

/// Reference count and length that stand before the bytes of a [`Member`].
const MEMBER_OVERHEAD: usize = 16;
/// Redis' own bound: an intset has no more members, whatever the configured threshold.
const INTSET_MAX: u64 = 1 << 30;

/// A member in an allocation of its own, shared with snapshots.
#[derive(Debug, Clone)]
struct Member(ThinArc<(), u8>);

impl Member {
    fn new(bytes: &[u8]) -> Self {
        Self(ThinArc::from_header_and_slice((), bytes))
    }
}

impl Keyed for Member {
    #[inline]
    fn key(&self) -> &[u8] {
        &self.0.slice
    }

    fn memory(&self) -> usize {
        allocated(MEMBER_OVERHEAD + self.0.slice.len())
    }
}

/// Members without an order.
#[derive(Debug, Clone, Default)]
pub struct Set(Members);

#[derive(Debug, Clone)]
enum Members {
    Ints(Intset),
    /// Behind one pointer, so that the many small sets do not pay for the few large ones.
    Table(Box<Dict<Member>>),
}

impl Default for Members {
    fn default() -> Self {
        Self::Ints(Intset::new())
    }
}

impl Set {
    /// Takes over an intset.
    pub fn from_intset(ints: Intset, encodings: &Encodings) -> Self {
        let mut set = Self(Members::Ints(ints));
        set.convert_if_long(encodings);
        set
    }

    /// The intset, if the set is one.
    pub fn as_intset(&self) -> Option<&Intset> {
        match &self.0 {
            Members::Ints(ints) => Some(ints),
            Members::Table(_) => None,
        }
    }

    /// Members. O(1).
    pub fn len(&self) -> usize {
        match &self.0 {
            Members::Ints(ints) => ints.len(),
            Members::Table(table) => table.len(),
        }
    }

    /// Whether it has no member.
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Members::Ints(ints) => ints.is_empty(),
            Members::Table(table) => table.is_empty(),
        }
    }

    /// Estimate of the bytes that it takes.
    pub fn memory(&self) -> usize {
        match &self.0 {
            Members::Ints(ints) => ints.memory(),
            Members::Table(table) => allocated(size_of::<Dict<Member>>()) + table.memory(),
        }
    }

    /// Places for members in the table of a large one, taken or not.
    pub fn slot_count(&self) -> Option<usize> {
        match &self.0 {
            Members::Ints(_) => None,
            Members::Table(table) => Some(table.slot_count()),
        }
    }

    /// What OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Members::Ints(_) => "intset",
            Members::Table(_) => "hashtable",
        }
    }

    /// Loads what a look-up of `member` will read; an intset is read as it comes.
    #[inline]
    pub fn touch(&self, member: &[u8]) {
        if let Members::Table(table) = &self.0 {
            table.touch(member);
        }
    }

    /// Whether it has this member. O(1), and O(log members) in an intset.
    #[inline]
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.0 {
            Members::Ints(ints) => strict_i64(member).is_some_and(|number| ints.contains(number)),
            Members::Table(table) => table.get(member).is_some(),
        }
    }

    /// [`Set::contains`] for a member of another set.
    pub fn contains_item(&self, member: Item<'_>) -> bool {
        match (&self.0, member) {
            (Members::Ints(ints), Item::Int(number)) => ints.contains(number),
            (_, member) => member.with(|bytes| self.contains(bytes)),
        }
    }

    /// Adds a member. Returns whether it is new. O(1), and O(members) in an intset.
    pub fn insert(&mut self, member: &[u8], encodings: &Encodings) -> bool {
        if let Members::Ints(_) = &self.0 {
            if let Some(number) = strict_i64(member) {
                return self.insert_int(number, encodings);
            }
            self.convert();
        }
        match &mut self.0 {
            Members::Ints(_) => false,
            // A member that is there already costs no allocation.
            Members::Table(table) if table.get(member).is_some() => false,
            Members::Table(table) => table.insert(Member::new(member)).is_none(),
        }
    }

    /// [`Set::insert`] for a member of another set.
    pub fn insert_item(&mut self, member: Item<'_>, encodings: &Encodings) -> bool {
        match (&self.0, member) {
            (Members::Ints(_), Item::Int(number)) => self.insert_int(number, encodings),
            (_, member) => member.with(|bytes| self.insert(bytes, encodings)),
        }
    }

    fn insert_int(&mut self, number: i64, encodings: &Encodings) -> bool {
        let Members::Ints(ints) = &mut self.0 else { return false };
        let is_new = ints.insert(number);
        if is_new {
            self.convert_if_long(encodings);
        }
        is_new
    }

    /// Removes a member. Returns whether it was there. O(1), and O(members) in an intset.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Members::Ints(ints) => strict_i64(member).is_some_and(|number| ints.remove(number)),
            Members::Table(table) => table.remove(member).is_some(),
        }
    }

    /// All members: in order of size if they are integers in an intset, else in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = Item<'_>> {
        let (ints, table) = match &self.0 {
            Members::Ints(ints) => (Some(ints), None),
            Members::Table(table) => (None, Some(table)),
        };
        let ints = ints.into_iter().flat_map(|ints| ints.iter().map(Item::Int));
        ints.chain(table.into_iter().flat_map(|table| table.iter().map(|member| Item::Str(member.key()))))
    }

    /// Visits about `count` members from `cursor` on and returns the next cursor, 0 at the end; an intset is visited
    /// whole. O(count).
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(Item<'a>)) -> u64 {
        match &self.0 {
            Members::Ints(ints) => {
                ints.iter().for_each(|number| visit(Item::Int(number)));
                0
            }
            Members::Table(table) => table.scan(cursor, count, |member| visit(Item::Str(member.key()))),
        }
    }

    /// A member picked evenly at random; `random` yields 64 random bits each time. O(1).
    pub fn random(&self, mut random: impl FnMut() -> u64) -> Option<Item<'_>> {
        match &self.0 {
            Members::Ints(ints) => {
                let nth = random().checked_rem(ints.len() as u64)?;
                Some(Item::Int(ints.get(nth as usize)))
            }
            Members::Table(table) => table.random(random).map(|member| Item::Str(member.key())),
        }
    }

    /// Leaves the compact encoding: more members are known to come than it may have.
    pub fn enlarge(&mut self) {
        if let Members::Ints(_) = &self.0 {
            self.convert();
        }
    }

    fn convert_if_long(&mut self, encodings: &Encodings) {
        if self.len() as u64 > encodings.set_max_intset_entries.min(INTSET_MAX) {
            self.convert();
        }
    }

    fn convert(&mut self) {
        let mut table: Box<Dict<Member>> = Box::default();
        for member in self.iter() {
            table.insert(member.with(Member::new));
        }
        self.0 = Members::Table(table);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const FEW: Encodings = Encodings { set_max_intset_entries: 8, ..Encodings::REDIS };

    fn contents(set: &Set) -> BTreeSet<Vec<u8>> {
        set.iter().map(|member| member.bytes().into_owned()).collect()
    }

    /// What its elements take alone.
    fn least(set: &Set) -> usize {
        match &set.0 {
            Members::Ints(ints) => ints.memory(),
            Members::Table(table) => table.iter().map(Keyed::memory).sum(),
        }
    }

    fn member() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            20 => (-10..10i64).prop_map(|number| number.to_string().into_bytes()),
            2 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
            1 => prop::collection::vec(any::<u8>(), 0..3),
            1 => Just(b"01".to_vec()),
            1 => Just(vec![b'm'; 300]),
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_set_and_a_clone_of_it_does_not_change(
            steps in prop::collection::vec((0..8u8, member()), 0..120),
            cut in 0..120usize,
        ) {
            let (mut set, mut model) = (Set::default(), BTreeSet::new());
            let (mut snapshot, mut was_large) = (None, false);
            for (nth, (action, member)) in steps.into_iter().enumerate() {
                if nth == cut {
                    snapshot = Some((set.clone(), model.clone()));
                }
                if action < 5 {
                    prop_assert_eq!(set.insert(&member, &FEW), model.insert(member.clone()));
                } else {
                    prop_assert_eq!(set.remove(&member), model.remove(&member));
                }
                prop_assert_eq!(set.contains(&member), action < 5);
                prop_assert_eq!(set.contains_item(Item::of(&member)), action < 5);
                prop_assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
                let is_large = set.as_intset().is_none();
                prop_assert!(is_large || model.len() <= 8, "too long for an intset");
                prop_assert!(is_large || !was_large, "a large set stays large");
                was_large = is_large;
                prop_assert!((least(&set)..least(&set) + 8192).contains(&set.memory()));
            }
            prop_assert_eq!(contents(&set), model);
            if let Some((set, model)) = snapshot {
                prop_assert_eq!(contents(&set), model);
            }
        }
    }

    #[test]
    fn a_walk_meets_every_member_once() {
        for members in [8, 2000] {
            let mut set = Set::default();
            for nth in 0..members {
                assert!(set.insert(format!("{nth}").as_bytes(), &FEW));
            }
            let (mut cursor, mut seen) = (0, Vec::new());
            loop {
                cursor = set.scan(cursor, 10, |member| seen.push(member.bytes().into_owned()));
                if cursor == 0 {
                    break;
                }
            }
            assert_eq!(seen.len(), members);
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), members);
        }
    }

    #[test]
    fn members_of_every_encoding_go_into_every_other() {
        let of = |members: &[&str]| {
            let mut set = Set::default();
            for member in members {
                assert!(set.insert(member.as_bytes(), &FEW));
            }
            set
        };
        let (ints, texts) = (of(&["1", "2"]), of(&["2", "x"]));
        for (one, other) in [(&ints, &texts), (&texts, &ints), (&ints, &ints), (&texts, &texts)] {
            let mut both = one.clone();
            let mut expected = contents(one);
            for member in other.iter() {
                let is_new = expected.insert(member.bytes().into_owned());
                assert_eq!(one.contains_item(member), !is_new);
                assert_eq!(both.insert_item(member, &FEW), is_new);
            }
            assert_eq!(contents(&both), expected);
        }
    }
}
