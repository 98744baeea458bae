//! What makes a key differ between two nodes, and how that is said.

use std::time::Duration;

use crate::lab::model::keys::{Listing, SeenKey};

/// Deadlines that are this close count as equal: each was read at its own moment.
const TTL_SLACK: Duration = Duration::from_secs(1);

/// How a key of two nodes compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As far as was asked, the same.
    Same,
    /// One of the listings is not complete: nothing can be said yet.
    Unknown,
    /// The values are too large to be compared, or were read in different ways.
    NotCompared,
    /// Not on the first node.
    OnlySecond,
    /// Not on the second node.
    OnlyFirst,
    /// Another type.
    Kind,
    /// Another value.
    Value,
    /// The same value that expires at another time, or not at all.
    Ttl,
}

impl Verdict {
    /// What stands in the list.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Unknown => "…",
            Self::NotCompared => "not compared",
            Self::OnlySecond | Self::OnlyFirst => "missing",
            Self::Kind => "type",
            Self::Value => "value",
            Self::Ttl => "TTL",
        }
    }

    /// Whether the nodes differ for certain.
    pub(super) fn is_difference(self) -> bool {
        matches!(self, Self::OnlySecond | Self::OnlyFirst | Self::Kind | Self::Value | Self::Ttl)
    }
}

/// How a key compares, of which at least one side was seen.
pub(super) fn judge(
    (first, first_listing): (Option<&SeenKey>, &Listing),
    (second, second_listing): (Option<&SeenKey>, &Listing),
) -> Verdict {
    let (first, second) = match (first, second) {
        (Some(first), Some(second)) => (first, second),
        (None, _) if !first_listing.complete => return Verdict::Unknown,
        (_, None) if !second_listing.complete => return Verdict::Unknown,
        (None, _) => return Verdict::OnlySecond,
        (_, None) => return Verdict::OnlyFirst,
    };
    if first.info.kind != second.info.kind {
        return Verdict::Kind;
    }
    if first.info.len != second.info.len {
        return Verdict::Value;
    }
    let same = match (&first.info.digest, &second.info.digest) {
        (Some(a), Some(b)) if std::mem::discriminant(a) == std::mem::discriminant(b) => Some(a == b),
        _ => None,
    };
    if same == Some(false) {
        return Verdict::Value;
    }
    let apart = match (first.deadline, second.deadline) {
        (None, None) => false,
        (Some(a), Some(b)) => a.abs_diff(b) > TTL_SLACK,
        _ => true,
    };
    match (apart, same) {
        (true, _) => Verdict::Ttl,
        (false, None) => Verdict::NotCompared,
        (false, Some(_)) => Verdict::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::browse::{Digest, KeyInfo};

    fn seen(kind: &str, digest: Option<Digest>, deadline: Option<u64>) -> SeenKey {
        let info = KeyInfo { key: b"k".to_vec(), kind: kind.to_owned().into(), digest, ..KeyInfo::default() };
        SeenKey { info, deadline: deadline.map(Duration::from_millis) }
    }

    #[test]
    fn each_way_to_differ_is_told_apart() {
        let whole = Listing { complete: true, ..Listing::default() };
        let part = Listing::default();
        let of = |hex: &str| Some(Digest::Node(hex.to_owned()));
        let a = seen("string", of("aa"), None);
        let judged =
            |first: Option<&SeenKey>, second: Option<&SeenKey>| judge((first, &whole), (second, &whole));
        assert_eq!(judged(Some(&a), Some(&a)), Verdict::Same);
        assert_eq!(judged(Some(&a), None), Verdict::OnlyFirst);
        assert_eq!(judged(None, Some(&a)), Verdict::OnlySecond);
        assert_eq!(judged(Some(&a), Some(&seen("list", of("aa"), None))), Verdict::Kind);
        assert_eq!(judged(Some(&a), Some(&seen("string", of("bb"), None))), Verdict::Value);
        assert_eq!(judged(Some(&a), Some(&seen("string", of("aa"), Some(5)))), Verdict::Ttl);
        assert_eq!(judged(Some(&a), Some(&seen("string", None, None))), Verdict::NotCompared);
        let read = Some(Digest::Elements("aa".to_owned()));
        assert_eq!(judged(Some(&a), Some(&seen("string", read, None))), Verdict::NotCompared);
        assert_eq!(judge((Some(&a), &whole), (None, &part)), Verdict::Unknown);
    }

    #[test]
    fn deadlines_within_a_second_are_the_same() {
        let whole = Listing { complete: true, ..Listing::default() };
        let digest = Some(Digest::Node("aa".to_owned()));
        let at = |ms| seen("string", digest.clone(), Some(ms));
        let judged = |a: &SeenKey, b: &SeenKey| judge((Some(a), &whole), (Some(b), &whole));
        assert_eq!(judged(&at(10_000), &at(11_000)), Verdict::Same);
        assert_eq!(judged(&at(10_000), &at(11_001)), Verdict::Ttl);
    }
}
