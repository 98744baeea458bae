//! A member with its score in one allocation, which the table and the order share.

use std::cmp::Ordering;

use triomphe::ThinArc;

use crate::store::allocated;
use crate::store::dict::Keyed;

/// Reference count, score and length before the bytes of a member.
const OVERHEAD: usize = 24;

/// A member with its score.
#[derive(Debug, Clone)]
pub(super) struct Scored(ThinArc<f64, u8>);

impl Scored {
    pub(super) fn new(score: f64, member: &[u8]) -> Self {
        Self(ThinArc::from_header_and_slice(score, member))
    }

    #[inline]
    pub(super) fn score(&self) -> f64 {
        self.0.header.header
    }

    #[inline]
    pub(super) fn member(&self) -> &[u8] {
        &self.0.slice
    }
}

impl Keyed for Scored {
    #[inline]
    fn key(&self) -> &[u8] {
        self.member()
    }

    fn memory(&self) -> usize {
        allocated(OVERHEAD + self.member().len())
    }
}

/// The order of a sorted set: by score, then by the bytes of the member. No score is NaN.
#[inline]
pub(super) fn compare(a: (f64, &[u8]), b: (f64, &[u8])) -> Ordering {
    a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal).then_with(|| a.1.cmp(b.1))
}
