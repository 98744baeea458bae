//! What kind of value a key holds: TYPE's answer, as it is decided by.
//!
//! Must not know sockets or the window. The word of each type is here and nowhere else.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The type of a key. Recordings have its word, as TYPE gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum KeyType {
    /// `string`
    String,
    /// `list`
    List,
    /// `set`
    Set,
    /// `zset`
    SortedSet,
    /// `hash`
    Hash,
    /// `stream`
    Stream,
    /// One of a module, or of a server that is newer than this.
    Other(String),
}

impl KeyType {
    /// The types of Redis 7.0, in the order in which they are offered.
    pub const KNOWN: [Self; 6] =
        [Self::String, Self::List, Self::Set, Self::SortedSet, Self::Hash, Self::Stream];

    /// TYPE's word for it.
    pub fn word(&self) -> &str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::SortedSet => "zset",
            Self::Hash => "hash",
            Self::Stream => "stream",
            Self::Other(word) => word,
        }
    }
}

impl Default for KeyType {
    fn default() -> Self {
        Self::Other(String::new())
    }
}

impl From<String> for KeyType {
    fn from(word: String) -> Self {
        Self::KNOWN.into_iter().find(|known| known.word() == word).unwrap_or(Self::Other(word))
    }
}

impl From<KeyType> for String {
    fn from(kind: KeyType) -> Self {
        match kind {
            KeyType::Other(word) => word,
            known => known.word().to_owned(),
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::KeyType;
    use crate::lab::browse::KeyInfo;

    #[test]
    fn a_key_of_an_old_recording_has_its_type() {
        let json = r#"{"key":"k","kind":"zset","ttl_ms":null,"memory":72,"len":3,"encoding":"listpack","digest":null}"#;
        let info: KeyInfo = serde_json::from_str(json).unwrap();
        assert_eq!(info.kind, KeyType::SortedSet);
        assert_eq!(serde_json::to_string(&info).unwrap(), json);
    }

    #[test]
    fn a_type_is_recorded_as_the_word_of_type() {
        for (word, kind) in [
            ("string", KeyType::String),
            ("list", KeyType::List),
            ("set", KeyType::Set),
            ("zset", KeyType::SortedSet),
            ("hash", KeyType::Hash),
            ("stream", KeyType::Stream),
            ("ReJSON-RL", KeyType::Other("ReJSON-RL".to_owned())),
            ("", KeyType::default()),
        ] {
            let json = format!("\"{word}\"");
            assert_eq!(serde_json::from_str::<KeyType>(&json).unwrap(), kind);
            assert_eq!(serde_json::to_string(&kind).unwrap(), json);
        }
    }
}
