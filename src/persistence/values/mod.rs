//! How each type of collection is written and read: one file for each type.
//!
//! Written in the encodings of RDB version 10; read in every encoding that 2.8 to 7.2 emit. What is read is not trusted:
//! whatever does not fit is an error, never a panic, and memory is taken for bytes that have come and not for promises.

mod fields;
#[cfg(test)]
mod given;
mod hash;
mod list;
mod set;
mod stream;
mod ziplist;
mod zipmap;
mod zset;

pub(super) use fields::Fields;

use std::io;

use bytes::Bytes;

use super::format::type_name;
use super::rdb_encode::Encoder;
use super::rdb_error::Reason;
use crate::store::{Encodings, Object, ValueRef};

/// The type byte of a value.
pub(super) fn type_of(value: ValueRef<'_>) -> u8 {
    match value {
        ValueRef::Str(_) => super::format::TYPE_STRING,
        ValueRef::List(list) => list::type_of(list),
        ValueRef::Set(set) => set::type_of(set),
        ValueRef::Hash(hash) => hash::type_of(hash),
        ValueRef::Zset(zset) => zset::type_of(zset),
        ValueRef::Stream(stream) => stream::type_of(stream),
    }
}

/// Writes what stands behind type byte and key.
pub(super) fn write<S: FnMut(Bytes) -> io::Result<()>>(
    value: ValueRef<'_>,
    to: &mut Encoder<S>,
) -> io::Result<()> {
    match value {
        ValueRef::Str(text) => to.put_string(text),
        ValueRef::List(list) => list::write(list, to),
        ValueRef::Set(set) => set::write(set, to),
        ValueRef::Hash(hash) => hash::write(hash, to),
        ValueRef::Zset(zset) => zset::write(zset, to),
        ValueRef::Stream(stream) => stream::write(stream, to),
    }
}

/// Reads the collection behind a type byte.
pub(super) fn read(id: u8, from: &mut impl Fields, encodings: &Encodings) -> Result<Object, Reason> {
    let name = type_name(id).ok_or(Reason::UnknownType(id))?;
    match name {
        "list" => list::read(id, from, encodings),
        "set" => set::read(id, from, encodings),
        "hash" => hash::read(id, from, encodings),
        "zset" => zset::read(id, from, encodings),
        "stream" => stream::read(id, from, encodings),
        _ => Err(Reason::module(from.count()?)),
    }
}
