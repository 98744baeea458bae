//! Sets in RDB.

use std::io;

use bytes::Bytes;

use super::Fields;
use crate::persistence::rdb_error::Reason;
use crate::persistence::rdb_write::RdbWriter;
use crate::store::{Encodings, Intset, Listpack, Object, Set};

const TYPE_PLAIN: u8 = 2;
const TYPE_INTSET: u8 = 11;
const TYPE_LISTPACK: u8 = 20;

const DAMAGED: Reason = Reason::Damaged("set");

pub(super) fn type_of(set: &Set) -> u8 {
    if set.as_intset().is_some() { TYPE_INTSET } else { TYPE_PLAIN }
}

pub(super) fn write<S: FnMut(Bytes) -> io::Result<()>>(set: &Set, to: &mut RdbWriter<S>) -> io::Result<()> {
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
    if set.is_empty() { Err(DAMAGED) } else { Ok(Object::Set(set)) }
}

fn add(set: &mut Set, member: &[u8], encodings: &Encodings) -> Result<(), Reason> {
    if set.insert(member, encodings) { Ok(()) } else { Err(DAMAGED) }
}
