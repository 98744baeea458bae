//! A change to one key, as the key browser makes it, and the line of a console that carries it out.
//!
//! Must not know the window. What a change may lose is decided by its kind, never by its line.

use serde::{Deserialize, Serialize};

use super::words::line_of;
use crate::protocol::split_inline;

/// A change to the key of this name. Recordings have its line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct KeyEdit {
    /// Which key.
    pub key: Vec<u8>,
    /// What is done to it.
    pub kind: EditKind,
}

/// What is done to a key. Numbers are kept as they were typed: the node says what is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EditKind {
    /// A new string, if there is no key of that name.
    Create(Vec<u8>),
    /// Another value for a string, which keeps its time to live.
    Replace(Vec<u8>),
    /// Another name, which no other key may have.
    Rename(Vec<u8>),
    /// Seconds to live.
    Expire(Vec<u8>),
    /// It never expires.
    Persist,
    /// The whole key is lost.
    Delete,
    /// An element at the end of a list.
    Push(Vec<u8>),
    /// Another element at this index of a list.
    SetElement(Vec<u8>, Vec<u8>),
    /// The first element of a list that equals this one is lost.
    RemoveElement(Vec<u8>),
    /// A member of a set.
    AddMember(Vec<u8>),
    /// A member of a set is lost.
    RemoveMember(Vec<u8>),
    /// A score, and the member of a sorted set that gets it.
    SetScore(Vec<u8>, Vec<u8>),
    /// A member of a sorted set is lost.
    RemoveScored(Vec<u8>),
    /// A field of a hash and its value.
    SetField(Vec<u8>, Vec<u8>),
    /// A field of a hash is lost.
    RemoveField(Vec<u8>),
    /// An entry of a stream with one field and its value.
    AddEntry(Vec<u8>, Vec<u8>),
    /// The entry of this id is lost.
    RemoveEntry(Vec<u8>),
    /// A line of a recording that is none of these.
    Line(String),
}

impl KeyEdit {
    /// The line in redis-cli's syntax.
    pub fn line(&self) -> String {
        use EditKind as E;
        let key = self.key.as_slice();
        match &self.kind {
            E::Create(value) => line_of(&[b"SET", key, value, b"NX"]),
            E::Replace(value) => line_of(&[b"SET", key, value, b"KEEPTTL"]),
            E::Rename(name) => line_of(&[b"RENAMENX", key, name]),
            E::Expire(seconds) => line_of(&[b"EXPIRE", key, seconds]),
            E::Persist => line_of(&[b"PERSIST", key]),
            E::Delete => line_of(&[b"DEL", key]),
            E::Push(element) => line_of(&[b"RPUSH", key, element]),
            E::SetElement(index, element) => line_of(&[b"LSET", key, index, element]),
            E::RemoveElement(element) => line_of(&[b"LREM", key, b"1", element]),
            E::AddMember(member) => line_of(&[b"SADD", key, member]),
            E::RemoveMember(member) => line_of(&[b"SREM", key, member]),
            E::SetScore(score, member) => line_of(&[b"ZADD", key, score, member]),
            E::RemoveScored(member) => line_of(&[b"ZREM", key, member]),
            E::SetField(field, value) => line_of(&[b"HSET", key, field, value]),
            E::RemoveField(field) => line_of(&[b"HDEL", key, field]),
            E::AddEntry(field, value) => line_of(&[b"XADD", key, b"*", field, value]),
            E::RemoveEntry(id) => line_of(&[b"XDEL", key, id]),
            E::Line(line) => line.clone(),
        }
    }

    /// The change that has this line.
    fn of_line(line: &str) -> Option<Self> {
        use EditKind as E;
        let words = split_inline(line.as_bytes())?;
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let (key, kind) = match *words.as_slice() {
            [b"SET", key, value, b"NX"] => (key, E::Create(value.to_vec())),
            [b"SET", key, value, b"KEEPTTL"] => (key, E::Replace(value.to_vec())),
            [b"RENAMENX", key, name] => (key, E::Rename(name.to_vec())),
            [b"EXPIRE", key, seconds] => (key, E::Expire(seconds.to_vec())),
            [b"PERSIST", key] => (key, E::Persist),
            [b"DEL", key] => (key, E::Delete),
            [b"RPUSH", key, element] => (key, E::Push(element.to_vec())),
            [b"LSET", key, index, element] => (key, E::SetElement(index.to_vec(), element.to_vec())),
            [b"LREM", key, b"1", element] => (key, E::RemoveElement(element.to_vec())),
            [b"SADD", key, member] => (key, E::AddMember(member.to_vec())),
            [b"SREM", key, member] => (key, E::RemoveMember(member.to_vec())),
            [b"ZADD", key, score, member] => (key, E::SetScore(score.to_vec(), member.to_vec())),
            [b"ZREM", key, member] => (key, E::RemoveScored(member.to_vec())),
            [b"HSET", key, field, value] => (key, E::SetField(field.to_vec(), value.to_vec())),
            [b"HDEL", key, field] => (key, E::RemoveField(field.to_vec())),
            [b"XADD", key, b"*", field, value] => (key, E::AddEntry(field.to_vec(), value.to_vec())),
            [b"XDEL", key, id] => (key, E::RemoveEntry(id.to_vec())),
            _ => return None,
        };
        Some(Self { key: key.to_vec(), kind })
    }
}

impl From<String> for KeyEdit {
    fn from(line: String) -> Self {
        Self::of_line(&line).unwrap_or(Self { key: Vec::new(), kind: EditKind::Line(line) })
    }
}

impl From<KeyEdit> for String {
    fn from(edit: KeyEdit) -> Self {
        edit.line()
    }
}

#[cfg(test)]
mod tests {
    use super::{EditKind as E, KeyEdit};

    #[test]
    fn each_change_has_a_line_and_is_read_from_it_again() {
        let (a, b) = (|| b"a b".to_vec(), || b"\xff".to_vec());
        for (kind, line) in [
            (E::Create(a()), r#"SET k "a b" NX"#),
            (E::Replace(a()), r#"SET k "a b" KEEPTTL"#),
            (E::Rename(a()), r#"RENAMENX k "a b""#),
            (E::Expire(b"60".to_vec()), "EXPIRE k 60"),
            (E::Persist, "PERSIST k"),
            (E::Delete, "DEL k"),
            (E::Push(a()), r#"RPUSH k "a b""#),
            (E::SetElement(b"0".to_vec(), b()), r#"LSET k 0 "\xff""#),
            (E::RemoveElement(a()), r#"LREM k 1 "a b""#),
            (E::AddMember(a()), r#"SADD k "a b""#),
            (E::RemoveMember(a()), r#"SREM k "a b""#),
            (E::SetScore(b"1.5".to_vec(), a()), r#"ZADD k 1.5 "a b""#),
            (E::RemoveScored(a()), r#"ZREM k "a b""#),
            (E::SetField(a(), b()), r#"HSET k "a b" "\xff""#),
            (E::RemoveField(a()), r#"HDEL k "a b""#),
            (E::AddEntry(a(), b()), r#"XADD k * "a b" "\xff""#),
            (E::RemoveEntry(b"1-1".to_vec()), "XDEL k 1-1"),
        ] {
            let edit = KeyEdit { key: b"k".to_vec(), kind };
            assert_eq!(edit.line(), line);
            assert_eq!(KeyEdit::from(line.to_owned()), edit);
        }
    }

    #[test]
    fn a_line_that_is_no_such_change_stays_as_it_is() {
        for line in ["DEL a b", "GET k", "SET k v", "LREM k 2 e", "del k", "\"", ""] {
            let edit = KeyEdit::from(line.to_owned());
            assert_eq!((edit.line().as_str(), &edit.kind), (line, &E::Line(line.to_owned())));
        }
    }
}
