//! Classes of keyspace events: which command's news are published.

/// Classes of keyspace events, combined with [`KeyspaceEvents::or`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyspaceEvents(pub u16);

impl KeyspaceEvents {
    /// Nothing is published.
    pub const NONE: Self = Self(0);
    /// `K`: to `__keyspace@<db>__:<key>`.
    pub const KEYSPACE: Self = Self(1);
    /// `E`: to `__keyevent@<db>__:<event>`.
    pub const KEYEVENT: Self = Self(1 << 1);
    /// `g`: DEL, EXPIRE, RENAME, …
    pub const GENERIC: Self = Self(1 << 2);
    /// `$`: strings.
    pub const STRING: Self = Self(1 << 3);
    /// `l`: lists.
    pub const LIST: Self = Self(1 << 4);
    /// `s`: sets.
    pub const SET: Self = Self(1 << 5);
    /// `h`: hashes.
    pub const HASH: Self = Self(1 << 6);
    /// `z`: sorted sets.
    pub const ZSET: Self = Self(1 << 7);
    /// `x`: expired keys.
    pub const EXPIRED: Self = Self(1 << 8);
    /// `e`: evicted keys.
    pub const EVICTED: Self = Self(1 << 9);
    /// `t`: streams.
    pub const STREAM: Self = Self(1 << 10);
    /// `d`: module types.
    pub const MODULE: Self = Self(1 << 11);
    /// `n`: new keys; not part of `A`.
    pub const NEW: Self = Self(1 << 12);
    /// `m`: reads of missing keys; not part of `A`.
    pub const KEY_MISS: Self = Self(1 << 13);
    /// `A`: all classes but `n` and `m` (and without `K` and `E`).
    pub const ALL: Self = Self((1 << 12) - (1 << 2));

    /// Letters in the order in which Redis prints them.
    const LETTERS: [(char, Self); 14] = [
        ('g', Self::GENERIC),
        ('$', Self::STRING),
        ('l', Self::LIST),
        ('s', Self::SET),
        ('h', Self::HASH),
        ('z', Self::ZSET),
        ('x', Self::EXPIRED),
        ('e', Self::EVICTED),
        ('t', Self::STREAM),
        ('d', Self::MODULE),
        ('n', Self::NEW),
        ('K', Self::KEYSPACE),
        ('E', Self::KEYEVENT),
        ('m', Self::KEY_MISS),
    ];

    /// Both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Reads the letters of `notify-keyspace-events`; `None` if one is unknown.
    pub fn parse(letters: &str) -> Option<Self> {
        let mut classes = Self::NONE;
        for letter in letters.chars() {
            let known = Self::LETTERS.iter().find(|(known, _)| *known == letter).map(|(_, class)| *class);
            classes = classes.or(if letter == 'A' { Self::ALL } else { known? });
        }
        Some(classes)
    }

    /// The letters as CONFIG GET shows them. Beside `A` Redis shows no `n`, whether it is set or not.
    pub fn letters(self) -> String {
        let all = self.has(Self::ALL);
        let mut letters = String::from(if all { "A" } else { "" });
        for (letter, class) in Self::LETTERS {
            if self.has(class) && !(all && Self::ALL.or(Self::NEW).has(class)) {
                letters.push(letter);
            }
        }
        letters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_classes_are_those_that_redis_means() {
        let all = KeyspaceEvents::parse("KA").expect("letters");
        assert!(all.has(KeyspaceEvents::MODULE) && all.has(KeyspaceEvents::GENERIC));
        assert!(!all.has(KeyspaceEvents::NEW) && !all.has(KeyspaceEvents::KEY_MISS));
        for (letters, shown) in [("KA", "AK"), ("g$lshzxetdE", "AE"), ("nm", "nm"), ("KAnm", "AKm")] {
            let classes = KeyspaceEvents::parse(letters).expect("letters");
            assert_eq!(classes.letters(), shown);
            assert_eq!(classes.has(KeyspaceEvents::NEW), letters.contains('n'));
        }
        assert_eq!(KeyspaceEvents::parse("q"), None);
    }
}
