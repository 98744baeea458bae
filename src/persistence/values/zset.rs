//! Sorted sets in RDB.

use std::io;

use bytes::Bytes;

use super::{Fields, ziplist};
use crate::persistence::rdb_error::Reason;
use crate::persistence::rdb_write::RdbWriter;
use crate::store::{Direction, Encodings, Listpack, Object, Zset, parse_bound};

/// Scores as text.
const TYPE_TEXT: u8 = 3;
/// Scores as binary doubles.
const TYPE_BINARY: u8 = 5;
const TYPE_ZIPLIST: u8 = 12;
const TYPE_LISTPACK: u8 = 17;

const DAMAGED: Reason = Reason::Damaged("sorted set");
/// Members that room is made for on a promise.
const PROMISED_MAX: u64 = 1024;

pub(super) fn type_of(zset: &Zset) -> u8 {
    if zset.as_listpack().is_some() { TYPE_LISTPACK } else { TYPE_BINARY }
}

pub(super) fn write<S: FnMut(Bytes) -> io::Result<()>>(zset: &Zset, to: &mut RdbWriter<S>) -> io::Result<()> {
    if let Some(pack) = zset.as_listpack() {
        return to.put_string(pack.as_bytes());
    }
    to.put_length(zset.len() as u64)?;
    // The highest score first, as Redis writes it: who reads it then inserts at the front each time.
    for (member, score) in zset.range(0..zset.len(), Direction::Backward) {
        member.with(|member| to.put_string(member))?;
        to.put(&score.to_le_bytes())?;
    }
    Ok(())
}

pub(super) fn read(id: u8, from: &mut impl Fields, encodings: &Encodings) -> Result<Object, Reason> {
    let zset = match id {
        TYPE_TEXT | TYPE_BINARY => {
            let count = from.count()?;
            let mut members = Vec::with_capacity(count.min(PROMISED_MAX) as usize);
            for _ in 0..count {
                let member = from.string()?;
                let score = if id == TYPE_BINARY { f64::from_le_bytes(from.eight()?) } else { text(from)? };
                if score.is_nan() {
                    return Err(DAMAGED);
                }
                members.push((score, member));
            }
            let mut names: Vec<&[u8]> = members.iter().map(|(_, member)| &**member).collect();
            names.sort_unstable();
            if names.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err(DAMAGED);
            }
            Zset::from_members(members, encodings)
        }
        TYPE_ZIPLIST => {
            let mut pack = Listpack::new();
            let elements = ziplist::elements(&from.string()?).ok_or(DAMAGED)?;
            for element in &elements {
                pack.push(element);
            }
            Zset::from_listpack(pack, encodings).ok_or(DAMAGED)?
        }
        TYPE_LISTPACK => {
            let pack = Listpack::checked(from.string()?).ok_or(DAMAGED)?;
            Zset::from_listpack(pack, encodings).ok_or(DAMAGED)?
        }
        _ => return Err(Reason::OtherType { name: "zset", id }),
    };
    if zset.is_empty() { Err(DAMAGED) } else { Ok(Object::Zset(zset)) }
}

/// A score as versions before 4.0 wrote it.
fn text(from: &mut impl Fields) -> Result<f64, Reason> {
    match from.byte()? {
        255 => Ok(f64::NEG_INFINITY),
        254 => Ok(f64::INFINITY),
        253 => Err(DAMAGED),
        len => {
            let text = (0..len).map(|_| from.byte()).collect::<Result<Vec<u8>, _>>()?;
            if text.is_empty() { Err(DAMAGED) } else { parse_bound(&text).ok_or(DAMAGED) }
        }
    }
}
