//! Sorted sets in RDB.

use std::io;

use bytes::Bytes;

use super::{Fields, ziplist};
use crate::persistence::rdb_encode::Encoder;
use crate::persistence::rdb_error::Reason;
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

pub(super) fn write<S: FnMut(Bytes) -> io::Result<()>>(zset: &Zset, to: &mut Encoder<S>) -> io::Result<()> {
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
    if zset.is_empty() { Err(Reason::Empty) } else { Ok(Object::Zset(zset)) }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::persistence::rdb_tests::{read as load, written};
    use crate::persistence::{LoadOptions, WriteOptions};
    use crate::store::{Store, value_digest};

    fn of(members: u32) -> Zset {
        let score = |nth: u32| if nth == 7 { f64::INFINITY } else { f64::from(nth % 50) / 3.0 };
        let members = (0..members).map(|nth| (score(nth), format!("m{nth}").into_bytes())).collect();
        Zset::from_members(members, &Encodings::REDIS)
    }

    #[test]
    fn what_is_written_comes_back_in_the_same_encoding() {
        for members in [1, 128, 129, 3000] {
            let mut store = Store::new(1, 1);
            let (zset, hash) = (of(members), store.db(0).hash(b"z"));
            let encoding = zset.encoding();
            store.db_mut(0).put_object(hash, b"z", Object::Zset(zset), None, 0);
            let file = written(&mut store, &WriteOptions { compress: true, ..WriteOptions::default() });
            let loaded = load(&file, &LoadOptions::default()).unwrap().store;
            let [before, after] =
                [&store, &loaded].map(|store| store.db(0).get(store.db(0).hash(b"z"), b"z").unwrap().value());
            assert_eq!(value_digest(before, None), value_digest(after, None));
            let crate::store::ValueRef::Zset(after) = after else { panic!("another type") };
            assert_eq!((after.len(), after.encoding()), (members as usize, encoding));
        }
    }

    /// Fields as a file has them one after the other.
    struct Given(std::vec::IntoIter<Field>);

    enum Field {
        Count(u64),
        Text(Vec<u8>),
        Byte(u8),
        Double(f64),
    }

    impl Fields for Given {
        fn count(&mut self) -> Result<u64, Reason> {
            let Some(Field::Count(count)) = self.0.next() else { return Err(Reason::Truncated) };
            Ok(count)
        }
        fn string(&mut self) -> Result<Vec<u8>, Reason> {
            let Some(Field::Text(text)) = self.0.next() else { return Err(Reason::Truncated) };
            Ok(text)
        }
        fn byte(&mut self) -> Result<u8, Reason> {
            let Some(Field::Byte(byte)) = self.0.next() else { return Err(Reason::Truncated) };
            Ok(byte)
        }
        fn eight(&mut self) -> Result<[u8; 8], Reason> {
            let Some(Field::Double(double)) = self.0.next() else { return Err(Reason::Truncated) };
            Ok(double.to_le_bytes())
        }
    }

    fn shown(id: u8, fields: Vec<Field>) -> Option<Vec<String>> {
        let Object::Zset(zset) = read(id, &mut Given(fields.into_iter()), &Encodings::REDIS).ok()? else {
            return None;
        };
        let one = |(member, score): (crate::store::Item<'_>, f64)| {
            format!("{}={score}", String::from_utf8_lossy(&member.bytes()))
        };
        Some(zset.iter().map(one).collect())
    }

    #[test]
    fn older_encodings_are_read_and_damage_is_refused() {
        let text = |text: &str| Field::Text(text.into());
        let bytes = |score: &str| {
            let len = Field::Byte(score.len() as u8);
            std::iter::once(len).chain(score.bytes().map(Field::Byte)).collect::<Vec<_>>()
        };
        let mut fields = vec![Field::Count(3), text("b")];
        fields.extend(bytes("2.5"));
        fields.extend([text("a"), Field::Byte(255), text("c"), Field::Byte(254)]);
        assert_eq!(shown(3, fields).unwrap(), ["a=-inf", "b=2.5", "c=inf"]);

        let not_a_number = vec![Field::Count(1), text("a"), Field::Byte(253)];
        assert!(shown(3, not_a_number).is_none());
        let twice = vec![Field::Count(2), text("a"), Field::Double(1.0), text("a"), Field::Double(2.0)];
        assert!(shown(5, twice).is_none());
        assert!(shown(5, vec![Field::Count(1), text("a"), Field::Double(f64::NAN)]).is_none());
        assert!(shown(5, vec![Field::Count(0)]).is_none());
        assert!(shown(5, vec![Field::Count(u64::MAX), text("a"), Field::Double(1.0)]).is_none());

        let mut pack = Listpack::new();
        for element in ["b", "2", "a", "1"] {
            pack.push(element.as_bytes());
        }
        assert_eq!(shown(17, vec![Field::Text(pack.as_bytes().to_vec())]).unwrap(), ["a=1", "b=2"]);
        assert!(shown(17, vec![text("junk")]).is_none());

        // Header, "a", 1, "b", 2, end.
        let ziplist =
            [&[21, 0, 0, 0, 18, 0, 0, 0, 4, 0][..], &[0, 1, b'a', 3, 0xF2, 2, 1, b'b', 3, 0xF3, 0xFF]]
                .concat();
        assert_eq!(shown(12, vec![Field::Text(ziplist)]).unwrap(), ["a=1", "b=2"]);
        assert!(shown(12, vec![text("junk")]).is_none());
    }
}
