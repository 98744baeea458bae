//! Hashes in RDB.

use std::io;

use bytes::Bytes;
use foldhash::quality::RandomState;
use hashbrown::HashSet;

use super::{Fields, ziplist, zipmap};
use crate::persistence::rdb_encode::Encoder;
use crate::persistence::rdb_error::Reason;
use crate::store::{Encodings, Hash, Item, Listpack, Object};

const TYPE_PLAIN: u8 = 4;
const TYPE_ZIPMAP: u8 = 9;
const TYPE_ZIPLIST: u8 = 13;
const TYPE_LISTPACK: u8 = 16;

/// A listpack is never made longer: its length has 32 bits.
const PACK_MAX: usize = 1 << 30;

const DAMAGED: Reason = Reason::Damaged("hash");

pub(super) fn type_of(hash: &Hash) -> u8 {
    if hash.as_listpack().is_some() { TYPE_LISTPACK } else { TYPE_PLAIN }
}

pub(super) fn write<S: FnMut(Bytes) -> io::Result<()>>(hash: &Hash, to: &mut Encoder<S>) -> io::Result<()> {
    if let Some(pack) = hash.as_listpack() {
        return to.put_string(pack.as_bytes());
    }
    to.put_length(hash.len() as u64)?;
    for (field, value) in hash.iter() {
        field.with(|field| to.put_string(field))?;
        value.with(|value| to.put_string(value))?;
    }
    Ok(())
}

pub(super) fn read(id: u8, from: &mut impl Fields, encodings: &Encodings) -> Result<Object, Reason> {
    let hash = match id {
        TYPE_PLAIN => read_plain(from, encodings)?,
        TYPE_ZIPMAP => of_zipmap(&zipmap::elements(&from.string()?).ok_or(DAMAGED)?, encodings)?,
        TYPE_ZIPLIST => of_ziplist(&ziplist::elements(&from.string()?).ok_or(DAMAGED)?, encodings)?,
        TYPE_LISTPACK => {
            let pack = Listpack::checked(from.string()?).ok_or(DAMAGED)?;
            of_listpack(pack, from, encodings)?
        }
        _ => return Err(Reason::OtherType { name: "hash", id }),
    };
    if hash.is_empty() { Err(Reason::Empty) } else { Ok(Object::Hash(hash)) }
}

/// Redis serves such a hash as long as it is small, and finds the first of the two values.
const TWICE: &str = "hash: a field comes twice";

/// Pairs on their way into a listpack. To look for a field in the listpack itself would take time by the square.
#[derive(Default)]
struct Packing {
    pack: Listpack,
    seen: HashSet<Vec<u8>, RandomState>,
}

impl Packing {
    /// `false` if the field is there already; its first value is kept then.
    fn push(&mut self, field: &[u8], value: &[u8]) -> bool {
        let is_new = self.seen.insert(field.to_vec());
        if is_new {
            self.pack.push(field);
            self.pack.push(value);
        }
        is_new
    }
}

fn read_plain(from: &mut impl Fields, encodings: &Encodings) -> Result<Hash, Reason> {
    let count = from.count()?;
    let mut packing = Packing::default();
    let mut large: Option<Hash> = None;
    for _ in 0..count {
        let (field, value) = (from.string()?, from.string()?);
        let fits = count <= encodings.hash_max_listpack_entries
            && Hash::is_short(&field, encodings)
            && Hash::is_short(&value, encodings)
            && packing.pack.as_bytes().len() + field.len() + value.len() <= PACK_MAX;
        if fits && large.is_none() {
            if !packing.push(&field, &value) {
                from.repair(TWICE)?;
            }
            continue;
        }
        let hash = large.get_or_insert_with(|| {
            let mut hash = Hash::from_listpack(std::mem::take(&mut packing.pack), encodings);
            hash.enlarge();
            hash
        });
        if !hash.set(&field, &value, encodings) {
            return Err(DAMAGED);
        }
    }
    Ok(large.unwrap_or_else(|| Hash::from_listpack(packing.pack, encodings)))
}

fn of_ziplist(elements: &[Vec<u8>], encodings: &Encodings) -> Result<Hash, Reason> {
    let (pairs, rest) = elements.as_chunks();
    let mut packing = Packing::default();
    for [field, value] in pairs {
        if !packing.push(field, value) {
            return Err(DAMAGED);
        }
    }
    if rest.is_empty() { Ok(Hash::from_listpack(packing.pack, encodings)) } else { Err(DAMAGED) }
}

fn of_zipmap(elements: &[Vec<u8>], encodings: &Encodings) -> Result<Hash, Reason> {
    let mut hash = of_ziplist(elements, encodings)?;
    hash.make_way(elements.iter().map(Vec::as_slice), encodings);
    Ok(hash)
}

fn of_listpack(pack: Listpack, from: &mut impl Fields, encodings: &Encodings) -> Result<Hash, Reason> {
    let mut seen = HashSet::with_hasher(RandomState::default());
    let (mut is_field, mut is_good) = (false, true);
    for item in &pack {
        is_field = !is_field;
        // A number that is written as a text would never be found.
        is_good &= item.with(|bytes| Item::of(bytes) == item) && (!is_field || seen.insert(item));
    }
    drop(seen);
    if is_field {
        return Err(DAMAGED);
    }
    if is_good {
        return Ok(Hash::from_listpack(pack, encodings));
    }
    let elements: Vec<Vec<u8>> = pack.iter().map(|item| item.bytes().into_owned()).collect();
    let mut packing = Packing::default();
    for [field, value] in elements.as_chunks().0 {
        if !packing.push(field, value) {
            from.repair(TWICE)?;
        }
    }
    Ok(Hash::from_listpack(packing.pack, encodings))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::given::Given;
    use super::*;

    const FEW: Encodings =
        Encodings { hash_max_listpack_entries: 2, hash_max_listpack_value: 5, ..Encodings::REDIS };

    fn packed(texts: &[&[u8]]) -> Vec<u8> {
        let mut pack = Listpack::new();
        for text in texts {
            pack.push(text);
        }
        pack.as_bytes().to_vec()
    }

    /// Encoding and contents, or nothing if it was refused.
    fn shown(id: u8, mut from: Given) -> Option<String> {
        let Object::Hash(hash) = read(id, &mut from, &FEW).ok()? else { return None };
        let mut pairs: Vec<String> = hash
            .iter()
            .map(|(field, value)| {
                let text = |item: Item<'_>| String::from_utf8_lossy(&item.bytes()).into_owned();
                format!("{}={}", text(field), text(value))
            })
            .collect();
        pairs.sort();
        for pair in &pairs {
            assert!(hash.get(pair.split('=').next().unwrap().as_bytes()).is_some());
        }
        Some(format!("{} {}", hash.encoding(), pairs.join(" ")))
    }

    #[test]
    fn every_form_is_read_and_takes_the_encoding_of_the_thresholds() {
        let ab: [&[u8]; 4] = [b"a", b"1", b"b", b"2"];
        let abc: [&[u8]; 6] = [b"a", b"1", b"b", b"2", b"c", b"3"];
        let long: [&[u8]; 4] = [b"a", b"1", b"b", b"123456"];
        let small = Some("listpack a=1 b=2".to_owned());
        assert_eq!(shown(TYPE_PLAIN, Given::counted(&ab, 2)), small);
        assert_eq!(shown(TYPE_PLAIN, Given::counted(&abc, 2)).unwrap(), "hashtable a=1 b=2 c=3");
        assert_eq!(shown(TYPE_PLAIN, Given::counted(&long, 2)).unwrap(), "hashtable a=1 b=123456");
        assert_eq!(shown(TYPE_LISTPACK, Given::blob(&packed(&ab))), small);
        assert_eq!(shown(TYPE_LISTPACK, Given::blob(&packed(&abc))).unwrap(), "hashtable a=1 b=2 c=3");
        assert_eq!(
            shown(TYPE_LISTPACK, Given::blob(&packed(&long))).unwrap(),
            "listpack a=1 b=123456",
            "Redis looks at the number of fields only"
        );
        assert_eq!(shown(TYPE_ZIPMAP, Given::blob(b"\x02\x01a\x01\x001\x01b\x01\x002\xFF")), small);
        assert_eq!(
            shown(TYPE_ZIPMAP, Given::blob(b"\x01\x01a\x06\x00123456\xFF")).unwrap(),
            "hashtable a=123456"
        );
        let ziplist = b"\x15\0\0\0\x12\0\0\0\x04\0\0\x01a\x03\xF2\x02\x01b\x03\xF3\xFF";
        assert_eq!(shown(TYPE_ZIPLIST, Given::blob(ziplist)), small);
    }

    #[test]
    fn a_number_that_stands_as_a_text_is_found_all_the_same() {
        let odd = b"\x10\0\0\0\x02\0\x82\x31\x32\x03\x81\x37\x02\xFF";
        let odd = [&[odd.len() as u8], &odd[1..]].concat();
        assert_eq!(shown(TYPE_LISTPACK, Given::blob(&odd)).unwrap(), "listpack 12=7");
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        let twice: [&[u8]; 4] = [b"a", b"1", b"a", b"2"];
        let long_twice: [&[u8]; 6] = [b"a", b"123456", b"b", b"1", b"a", b"2"];
        for (id, given) in [
            (TYPE_PLAIN, Given::counted(&[], 2)),
            (TYPE_PLAIN, Given::counted(&twice, 2)),
            (TYPE_PLAIN, Given::counted(&long_twice, 2)),
            (TYPE_PLAIN, Given::counted(&[b"a"], 1)),
            (TYPE_LISTPACK, Given::blob(&packed(&[]))),
            (TYPE_LISTPACK, Given::blob(&packed(&twice))),
            (TYPE_LISTPACK, Given::blob(&packed(&twice[..3]))),
            (TYPE_LISTPACK, Given::blob(b"junk")),
            (TYPE_ZIPLIST, Given::blob(b"junk")),
            (TYPE_ZIPMAP, Given::blob(b"\x02\x01a\x01\x001\x01a\x01\x002\xFF")),
            (TYPE_ZIPMAP, Given::blob(b"\0\xFF")),
            (22, Given::blob(b"")),
        ] {
            assert_eq!(shown(id, given), None, "type {id}");
        }
    }
}
