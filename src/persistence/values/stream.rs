//! Streams in RDB.

use std::io;

use bytes::Bytes;

use super::Fields;
use crate::persistence::rdb_error::Reason;
use crate::persistence::rdb_write::RdbWriter;
use crate::store::{Encodings, Object, Stream};

pub(super) fn type_of(_: &Stream) -> u8 {
    19
}

pub(super) fn write<S: FnMut(Bytes) -> io::Result<()>>(_: &Stream, _: &mut RdbWriter<S>) -> io::Result<()> {
    Err(io::Error::other("not written yet"))
}

pub(super) fn read(id: u8, _: &mut impl Fields, _: &Encodings) -> Result<Object, Reason> {
    Err(Reason::OtherType { name: "stream", id })
}
