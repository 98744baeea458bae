//! A node: some entries in one listpack, byte for byte as Redis lays them out.
//!
//! First the master entry: `live, deleted, fields, field…, 0`. Then each entry: `flags, ms, seq` (both as the distance
//! from the node's own id), then either `fields, (field, value)…` or, if it has the master's fields, `value…` alone,
//! and last how many elements that were. The last element lets a walk go backwards; the 0 ends it.

use super::StreamId;
use crate::store::listpack::{Item, Listpack};

/// The entry was deleted.
const DELETED: i64 = 1;
/// The entry has the fields of the master entry, and only its values stand here.
const SAME_FIELDS: i64 = 2;
/// Flags, both parts of the id, and how many elements there are.
const FIXED: i64 = 3;

/// The integer at a position; what is in a node was checked to be one.
fn int(pack: &Listpack, at: usize) -> i64 {
    match pack.get(at) {
        Item::Int(number) => number,
        Item::Str(_) => 0,
    }
}

/// The master entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Master {
    fields: usize,
    fields_at: usize,
    /// Where the entries begin.
    body: usize,
}

impl Master {
    pub(super) fn of(pack: &Listpack) -> Self {
        let count_at = pack.after(pack.after(pack.start()));
        let fields = int(pack, count_at) as usize;
        let fields_at = pack.after(count_at);
        let terminator = (0..fields).fold(fields_at, |at, _| pack.after(at));
        Self { fields, fields_at, body: pack.after(terminator) }
    }

    pub(super) fn body(&self) -> usize {
        self.body
    }
}

/// An entry, where it lies.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Its id.
    pub id: StreamId,
    pack: &'a Listpack,
    /// Where its flags stand.
    at: usize,
    flags: i64,
    fields: usize,
    /// Where the names of the fields stand; values follow each of them unless they are the master's.
    fields_at: usize,
    values_at: usize,
}

impl<'a> Entry<'a> {
    /// Number of fields.
    pub fn len(&self) -> usize {
        self.fields
    }

    /// Whether it has no field.
    pub fn is_empty(&self) -> bool {
        self.fields == 0
    }

    /// Its fields with their values.
    pub fn fields(&self) -> impl Iterator<Item = (Item<'a>, Item<'a>)> + use<'a> {
        let (pack, same) = (self.pack, self.flags & SAME_FIELDS != 0);
        let (mut name, mut value) = (self.fields_at, self.values_at);
        (0..self.fields).map(move |_| {
            if same {
                let pair = (pack.get(name), pack.get(value));
                (name, value) = (pack.after(name), pack.after(value));
                return pair;
            }
            let value_at = pack.after(name);
            let pair = (pack.get(name), pack.get(value_at));
            name = pack.after(value_at);
            pair
        })
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.flags & DELETED != 0
    }

    /// Where its flags stand.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Position behind it.
    pub(super) fn end(&self) -> usize {
        let same = self.flags & SAME_FIELDS != 0;
        let elements = if same { self.fields } else { 2 * self.fields };
        (0..=elements).fold(self.values_at, |at, _| self.pack.after(at))
    }
}

/// The entry whose flags stand at `at`.
pub(super) fn entry<'a>(pack: &'a Listpack, master: &Master, node: StreamId, at: usize) -> Entry<'a> {
    let flags = int(pack, at);
    let ms_at = pack.after(at);
    let seq_at = pack.after(ms_at);
    let behind = pack.after(seq_at);
    let id = StreamId {
        ms: node.ms.wrapping_add(int(pack, ms_at) as u64),
        seq: node.seq.wrapping_add(int(pack, seq_at) as u64),
    };
    let (fields, fields_at, values_at) = if flags & SAME_FIELDS != 0 {
        (master.fields, master.fields_at, behind)
    } else {
        let first = pack.after(behind);
        (int(pack, behind) as usize, first, first)
    };
    Entry { id, pack, at, flags, fields, fields_at, values_at }
}

/// Where the entry begins that ends at `end`; `None` at the master entry.
pub(super) fn entry_before(pack: &Listpack, end: usize) -> Option<usize> {
    let mut at = pack.before(end)?;
    let elements = int(pack, at);
    if elements == 0 {
        return None;
    }
    for _ in 0..elements {
        at = pack.before(at)?;
    }
    Some(at)
}

/// Entries that are left, and entries that are deleted.
pub(super) fn counts(pack: &Listpack) -> (i64, i64) {
    (int(pack, pack.start()), int(pack, pack.after(pack.start())))
}

/// Moves entries from those that are left to those that are deleted.
pub(super) fn count_deleted(pack: &mut Listpack, more: i64) {
    let (live, deleted) = counts(pack);
    let behind = pack.replace_int(pack.start(), live - more);
    pack.replace_int(behind, deleted + more);
}

/// Marks the entry whose flags stand at `at`. The counts are left to [`count_deleted`].
pub(super) fn mark_deleted(pack: &mut Listpack, at: usize) {
    let flags = int(pack, at);
    pack.replace_int(at, flags | DELETED);
}

/// A node with a first entry; `fields` are names and values in turn.
pub(super) fn new(fields: &[&[u8]]) -> Listpack {
    let mut pack = Listpack::new();
    pack.push_int(1);
    pack.push_int(0);
    pack.push_int(fields.len() as i64 / 2);
    for name in fields.iter().step_by(2) {
        pack.push(name);
    }
    pack.push_int(0);
    push(&mut pack, (0, 0), fields, true);
    pack
}

/// Adds an entry to a node.
pub(super) fn append(pack: &mut Listpack, node: StreamId, id: StreamId, fields: &[&[u8]]) {
    let live = int(pack, pack.start());
    pack.replace_int(pack.start(), live + 1);
    let master = Master::of(pack);
    let same = master.fields == fields.len() / 2
        && pack
            .iter_from(master.fields_at)
            .zip(fields.iter().step_by(2))
            .take(master.fields)
            .all(|(stored, name)| stored.with(|stored| stored == *name));
    let ms = id.ms.wrapping_sub(node.ms) as i64;
    let seq = id.seq.wrapping_sub(node.seq) as i64;
    push(pack, (ms, seq), fields, same);
}

fn push(pack: &mut Listpack, (ms, seq): (i64, i64), fields: &[&[u8]], same: bool) {
    let count = fields.len() as i64 / 2;
    pack.push_int(if same { SAME_FIELDS } else { 0 });
    pack.push_int(ms);
    pack.push_int(seq);
    if !same {
        pack.push_int(count);
    }
    for pair in fields.chunks_exact(2) {
        if !same {
            pack.push(pair[0]);
        }
        pack.push(pair[1]);
    }
    pack.push_int(FIXED + if same { count } else { 2 * count + 1 });
}

/// What a node from outside holds, if it is one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checked {
    pub(super) live: u64,
    /// First and last entry that is left.
    pub(super) ends: Option<(StreamId, StreamId)>,
}

/// Checks every element of a node from outside: the counts, the flags, the lengths, the order of what is left.
pub(super) fn check(pack: &Listpack, node: StreamId) -> Option<Checked> {
    let mut rest = Elements { pack, at: pack.start() };
    let (live, deleted) = (rest.int()?, rest.int()?);
    let fields = usize::try_from(rest.int()?).ok()?;
    rest.skip(fields)?;
    if rest.int()? != 0 {
        return None;
    }
    let (mut found_live, mut found_deleted) = (0, 0);
    let mut ends: Option<(StreamId, StreamId)> = None;
    while rest.at < pack.end() {
        let (flags, ms, seq) = (rest.int()?, rest.int()?, rest.int()?);
        let own = match flags {
            0 | DELETED => usize::try_from(rest.int()?).ok()?.checked_mul(2)?,
            SAME_FIELDS | 3 => fields,
            _ => return None,
        };
        rest.skip(own)?;
        let expected = FIXED + own as i64 + i64::from(flags & SAME_FIELDS == 0);
        if rest.int()? != expected {
            return None;
        }
        if flags & DELETED != 0 {
            found_deleted += 1;
            continue;
        }
        found_live += 1;
        let id = StreamId { ms: node.ms.wrapping_add(ms as u64), seq: node.seq.wrapping_add(seq as u64) };
        ends = match ends {
            Some((_, last)) if last >= id => return None,
            Some((first, _)) => Some((first, id)),
            None => Some((id, id)),
        };
    }
    (found_live == live && found_deleted == deleted).then_some(Checked { live: live as u64, ends })
}

/// Elements one after the other, as far as there are any.
struct Elements<'a> {
    pack: &'a Listpack,
    at: usize,
}

impl Elements<'_> {
    fn int(&mut self) -> Option<i64> {
        if self.at >= self.pack.end() {
            return None;
        }
        let Item::Int(number) = self.pack.get(self.at) else { return None };
        self.at = self.pack.after(self.at);
        Some(number)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        for _ in 0..count {
            if self.at >= self.pack.end() {
                return None;
            }
            self.at = self.pack.after(self.at);
        }
        Some(())
    }
}
