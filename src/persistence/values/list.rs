//! Lists in RDB.

use std::io;

use bytes::Bytes;

use super::{Fields, ziplist};
use crate::persistence::rdb_encode::Encoder;
use crate::persistence::rdb_error::Reason;
use crate::store::{Encodings, End, List, Listpack, Object};

/// Elements one by one (before 3.2).
const PLAIN: u8 = 1;
/// One ziplist (before 3.2).
const ZIPLIST: u8 = 10;
/// Ziplists (3.2 to 6.2).
const QUICKLIST: u8 = 14;
/// Listpacks, and large elements by themselves.
const QUICKLIST_2: u8 = 18;

/// A node of one large element.
const NODE_PLAIN: u64 = 1;
/// A node that is a listpack.
const NODE_PACKED: u64 = 2;

const DAMAGED: Reason = Reason::Damaged("list");

pub(super) fn type_of(_: &List) -> u8 {
    QUICKLIST_2
}

pub(super) fn write<S: FnMut(Bytes) -> io::Result<()>>(list: &List, to: &mut Encoder<S>) -> io::Result<()> {
    let packs = list.packs();
    to.put_length(packs.len() as u64)?;
    for pack in packs {
        to.put_length(NODE_PACKED)?;
        to.put_string(pack.as_bytes())?;
    }
    Ok(())
}

pub(super) fn read(id: u8, from: &mut impl Fields, encodings: &Encodings) -> Result<Object, Reason> {
    let mut list = List::new(encodings.list_max_listpack_size);
    match id {
        PLAIN => {
            for _ in 0..from.count()? {
                push(&mut list, &from.string()?)?;
            }
        }
        ZIPLIST => {
            let elements = ziplist::elements(&from.string()?).ok_or(DAMAGED)?;
            for element in elements {
                list.push(End::Tail, &element);
            }
        }
        QUICKLIST => {
            for _ in 0..from.count()? {
                let mut pack = Listpack::new();
                let elements = ziplist::elements(&from.string()?).ok_or(DAMAGED)?;
                for element in elements {
                    pack.push(&element);
                }
                list.push_pack(pack);
            }
        }
        QUICKLIST_2 => {
            for _ in 0..from.count()? {
                match from.count()? {
                    NODE_PLAIN => push_plain(&mut list, &from.string()?)?,
                    NODE_PACKED => list.push_pack(Listpack::checked(from.string()?).ok_or(DAMAGED)?),
                    _ => return Err(DAMAGED),
                }
            }
        }
        _ => return Err(Reason::OtherType { name: "list", id }),
    }
    if list.is_empty() {
        return Err(Reason::Empty);
    }
    Ok(Object::List(Box::new(list)))
}

fn push(list: &mut List, element: &[u8]) -> Result<(), Reason> {
    if element.len() > List::ELEMENT_MAX {
        return Err(DAMAGED);
    }
    list.push(End::Tail, element);
    Ok(())
}

/// A large element gets a node of its own here too.
fn push_plain(list: &mut List, element: &[u8]) -> Result<(), Reason> {
    if element.len() > List::ELEMENT_MAX || element.is_empty() {
        return Err(DAMAGED);
    }
    let mut pack = Listpack::new();
    pack.push(element);
    list.push_pack(pack);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::VecDeque;

    use super::*;

    /// Numbers and strings in the order in which a file has them.
    #[derive(Default)]
    struct Script {
        counts: VecDeque<u64>,
        strings: VecDeque<Vec<u8>>,
    }

    impl Fields for Script {
        fn count(&mut self) -> Result<u64, Reason> {
            self.counts.pop_front().ok_or(Reason::Truncated)
        }
        fn string(&mut self) -> Result<Vec<u8>, Reason> {
            self.strings.pop_front().ok_or(Reason::Truncated)
        }
        fn byte(&mut self) -> Result<u8, Reason> {
            Err(Reason::Truncated)
        }
        fn eight(&mut self) -> Result<[u8; 8], Reason> {
            Err(Reason::Truncated)
        }
    }

    fn loaded(id: u8, counts: &[u64], strings: &[&[u8]]) -> Result<String, Reason> {
        let mut script = Script {
            counts: counts.iter().copied().collect(),
            strings: strings.iter().map(|text| text.to_vec()).collect(),
        };
        let Object::List(list) = read(id, &mut script, &Encodings::REDIS)? else { panic!("no list") };
        let items: Vec<_> =
            list.iter_from(0).map(|item| String::from_utf8_lossy(&item.bytes()).into_owned()).collect();
        Ok(items.join(" "))
    }

    /// `a`, `1`
    const ZIPLIST_BYTES: &[u8] = b"\x10\0\0\0\x0d\0\0\0\x02\0\0\x01a\x03\xf2\xff";
    /// The same.
    const LISTPACK_BYTES: &[u8] = b"\x0c\0\0\0\x02\0\x81a\x02\x01\x01\xff";

    #[test]
    fn every_encoding_is_read() {
        assert_eq!(loaded(PLAIN, &[2], &[b"a", b"1"]).unwrap(), "a 1");
        assert_eq!(loaded(ZIPLIST, &[], &[ZIPLIST_BYTES]).unwrap(), "a 1");
        assert_eq!(loaded(QUICKLIST, &[2], &[ZIPLIST_BYTES, ZIPLIST_BYTES]).unwrap(), "a 1 a 1");
        let mixed = loaded(QUICKLIST_2, &[3, 2, 1, 2], &[LISTPACK_BYTES, b"large", LISTPACK_BYTES]);
        assert_eq!(mixed.unwrap(), "a 1 large a 1");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(loaded(PLAIN, &[0], &[]).is_err(), "empty");
        assert!(loaded(PLAIN, &[u64::MAX], &[b"a"]).is_err(), "cut");
        assert!(loaded(ZIPLIST, &[], &[LISTPACK_BYTES]).is_err());
        assert!(loaded(QUICKLIST, &[1], &[LISTPACK_BYTES]).is_err());
        assert!(loaded(QUICKLIST_2, &[1, 2], &[ZIPLIST_BYTES]).is_err());
        assert!(loaded(QUICKLIST_2, &[1, 3], &[LISTPACK_BYTES]).is_err(), "an unknown kind of node");
        assert!(loaded(QUICKLIST_2, &[1, 1], &[b""]).is_err(), "an empty plain node");
        assert!(loaded(QUICKLIST_2, &[1, 2], &[b"\x07\0\0\0\0\0\xff"]).is_err(), "only empty nodes");
    }
}
