//! Sets in RDB.

use std::io;

use bytes::Bytes;

use super::Fields;
use crate::persistence::rdb_encode::Encoder;
use crate::persistence::rdb_error::Reason;
use crate::store::{Encodings, Intset, Listpack, Object, Set};

const TYPE_PLAIN: u8 = 2;
const TYPE_INTSET: u8 = 11;
const TYPE_LISTPACK: u8 = 20;

const DAMAGED: Reason = Reason::Damaged("set");

pub(super) fn type_of(set: &Set) -> u8 {
    if set.as_intset().is_some() { TYPE_INTSET } else { TYPE_PLAIN }
}

pub(super) fn write<S: FnMut(Bytes) -> io::Result<()>>(set: &Set, to: &mut Encoder<S>) -> io::Result<()> {
    if let Some(ints) = set.as_intset() {
        return to.put_string(ints.as_bytes());
    }
    to.put_length(set.len() as u64)?;
    for member in set.iter() {
        member.with(|member| to.put_string(member))?;
    }
    Ok(())
}

pub(super) fn read(id: u8, from: &mut impl Fields, encodings: &Encodings) -> Result<Object, Reason> {
    let mut set = Set::default();
    match id {
        TYPE_PLAIN => {
            let count = from.count()?;
            if count > encodings.set_max_intset_entries {
                set.enlarge();
            }
            for _ in 0..count {
                add(&mut set, &from.string()?, encodings)?;
            }
        }
        TYPE_INTSET => {
            let ints = Intset::checked(from.string()?).ok_or(DAMAGED)?;
            set = Set::from_intset(ints, encodings);
        }
        // Written by 7.2; there is no such encoding here.
        TYPE_LISTPACK => {
            let pack = Listpack::checked(from.string()?).ok_or(DAMAGED)?;
            for member in &pack {
                member.with(|member| add(&mut set, member, encodings))?;
            }
        }
        _ => return Err(Reason::OtherType { name: "set", id }),
    }
    if set.is_empty() { Err(Reason::Empty) } else { Ok(Object::Set(set)) }
}

fn add(set: &mut Set, member: &[u8], encodings: &Encodings) -> Result<(), Reason> {
    if set.insert(member, encodings) { Ok(()) } else { Err(DAMAGED) }
}

#[cfg(test)]
mod tests {
    use super::super::given::Given;
    use super::*;

    const FEW: Encodings = Encodings { set_max_intset_entries: 2, ..Encodings::REDIS };

    fn packed(texts: &[&[u8]]) -> Vec<u8> {
        let mut pack = Listpack::new();
        for text in texts {
            pack.push(text);
        }
        pack.as_bytes().to_vec()
    }

    fn ints(numbers: &[i64]) -> Vec<u8> {
        let mut ints = Intset::new();
        assert!(numbers.iter().all(|number| ints.insert(*number)));
        ints.as_bytes().to_vec()
    }

    /// Encoding and members, or nothing if it was refused.
    fn shown(id: u8, mut from: Given) -> Option<String> {
        let Object::Set(set) = read(id, &mut from, &FEW).ok()? else { return None };
        let text = |member: crate::store::Item<'_>| String::from_utf8_lossy(&member.bytes()).into_owned();
        let mut members: Vec<String> = set.iter().map(text).collect();
        members.sort();
        Some(format!("{} {}", set.encoding(), members.join(" ")))
    }

    #[test]
    fn every_form_is_read_and_takes_the_encoding_of_the_thresholds() {
        for (id, given, expected) in [
            (TYPE_PLAIN, Given::counted(&[b"2", b"1"], 1), "intset 1 2"),
            (TYPE_PLAIN, Given::counted(&[b"2", b"1", b"3"], 1), "hashtable 1 2 3"),
            (TYPE_PLAIN, Given::counted(&[b"2", b"x"], 1), "hashtable 2 x"),
            (TYPE_INTSET, Given::blob(&ints(&[2, 1])), "intset 1 2"),
            (TYPE_INTSET, Given::blob(&ints(&[2, 1, 1 << 40])), "hashtable 1 1099511627776 2"),
            (TYPE_LISTPACK, Given::blob(&packed(&[b"2", b"1"])), "intset 1 2"),
            (TYPE_LISTPACK, Given::blob(&packed(&[b"2", b"x"])), "hashtable 2 x"),
        ] {
            assert_eq!(shown(id, given).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for (id, given) in [
            (TYPE_PLAIN, Given::counted(&[], 1)),
            (TYPE_PLAIN, Given::counted(&[b"1", b"1"], 1)),
            (TYPE_PLAIN, Given::counted(&[b"x", b"1", b"x"], 1)),
            (TYPE_INTSET, Given::blob(&ints(&[]))),
            (TYPE_INTSET, Given::blob(b"\x02\0\0\0\x02\0\0\0\x02\0\x01\0")),
            (TYPE_LISTPACK, Given::blob(&packed(&[b"x", b"x"]))),
            (TYPE_LISTPACK, Given::blob(&packed(&[]))),
            (TYPE_LISTPACK, Given::blob(b"junk")),
        ] {
            assert_eq!(shown(id, given), None, "type {id}");
        }
    }
}
