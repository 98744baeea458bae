//! Ranges of scores and of members.

/// One end of a [`ScoreRange`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ScoreBound {
    /// The score itself belongs to the range.
    Inclusive(f64),
    /// It does not.
    Exclusive(f64),
}

/// Scores from one bound to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreRange {
    /// Lower end.
    pub min: ScoreBound,
    /// Upper end.
    pub max: ScoreBound,
}

impl ScoreRange {
    /// Whether `score` lies before the range.
    #[inline]
    pub fn is_below(&self, score: f64) -> bool {
        match self.min {
            ScoreBound::Inclusive(min) => score < min,
            ScoreBound::Exclusive(min) => score <= min,
        }
    }

    /// Whether `score` lies behind the range.
    #[inline]
    pub fn is_above(&self, score: f64) -> bool {
        match self.max {
            ScoreBound::Inclusive(max) => score > max,
            ScoreBound::Exclusive(max) => score >= max,
        }
    }
}

/// One end of a [`LexRange`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// `-`: before every member.
    First,
    /// `+`: behind every member.
    Last,
    /// The member itself belongs to the range.
    Inclusive(&'a [u8]),
    /// It does not.
    Exclusive(&'a [u8]),
}

/// Members from one bound to another, by their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LexRange<'a> {
    /// Lower end.
    pub min: LexBound<'a>,
    /// Upper end.
    pub max: LexBound<'a>,
}

impl LexRange<'_> {
    /// Whether `member` lies before the range.
    #[inline]
    pub fn is_below(&self, member: &[u8]) -> bool {
        match self.min {
            LexBound::First => false,
            LexBound::Last => true,
            LexBound::Inclusive(min) => member < min,
            LexBound::Exclusive(min) => member <= min,
        }
    }

    /// Whether `member` lies behind the range.
    #[inline]
    pub fn is_above(&self, member: &[u8]) -> bool {
        match self.max {
            LexBound::First => true,
            LexBound::Last => false,
            LexBound::Inclusive(max) => member > max,
            LexBound::Exclusive(max) => member >= max,
        }
    }
}
