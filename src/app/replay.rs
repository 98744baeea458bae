//! A recording on screen: its entries, and the model folded up to the moment that is looked at.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::lab::Entry;
use crate::lab::model::{AT_MAX, LabModel};

/// A copy of the model is kept each time this many entries were folded, so that scrubbing back is short.
const KEY_FRAME_EVERY: usize = 20_000;
/// Copies that are kept; beyond, scrubbing back folds more.
const KEY_FRAMES_MAX: usize = 32;
/// Entries between two looks at the clock.
const BATCH: usize = 64;

/// An opened recording.
pub(crate) struct Replay {
    /// Where it was read from.
    pub(crate) path: PathBuf,
    /// The model as of `position`, or still on the way there.
    pub(crate) model: LabModel,
    /// Moment that is looked at.
    pub(crate) position: Duration,
    /// The position moves on by itself.
    pub(crate) playing: bool,
    entries: Vec<Entry>,
    folded: usize,
    key_frames: Vec<(usize, LabModel)>,
}

impl Replay {
    /// Opens at the end, where the whole story is told.
    pub(crate) fn new(path: PathBuf, mut entries: Vec<Entry>) -> Self {
        // A file may have been edited; what follows relies on time running forward.
        for entry in &mut entries {
            entry.at = entry.at.min(AT_MAX);
        }
        entries.sort_by_key(|entry| (entry.at, entry.seq));
        let position = entries.last().map_or(Duration::ZERO, |entry| entry.at);
        Self {
            path,
            model: LabModel::default(),
            position,
            playing: false,
            entries,
            folded: 0,
            key_frames: Vec::new(),
        }
    }

    /// Time of the last entry.
    pub(crate) fn end(&self) -> Duration {
        self.entries.last().map_or(Duration::ZERO, |entry| entry.at)
    }

    /// Number of entries in the recording.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Plays, or pauses; from the end it plays again from the beginning.
    pub(crate) fn toggle(&mut self) {
        self.playing = !self.playing;
        if self.playing && self.position >= self.end() {
            self.seek(Duration::ZERO);
        }
    }

    /// Looks at another moment.
    pub(crate) fn seek(&mut self, position: Duration) {
        self.position = position.min(self.end());
        let target = self.target();
        if target < self.folded {
            let frame = self.key_frames.iter().rev().find(|(folded, _)| *folded <= target);
            (self.folded, self.model) = frame.cloned().unwrap_or_default();
        }
    }

    /// Folds towards the position for at most `budget`; `true` when it is reached.
    pub(crate) fn advance(&mut self, budget: Duration) -> bool {
        let (started, target) = (Instant::now(), self.target());
        while self.folded < target {
            let until = target.min(self.folded + BATCH);
            for entry in &self.entries[self.folded..until] {
                self.model.fold(entry);
            }
            let before = self.folded / KEY_FRAME_EVERY;
            self.folded = until;
            let due = self.folded / KEY_FRAME_EVERY > before;
            let known = self.key_frames.last().is_some_and(|(folded, _)| *folded >= self.folded);
            if due && !known && self.key_frames.len() < KEY_FRAMES_MAX {
                self.key_frames.push((self.folded, self.model.clone()));
            }
            if started.elapsed() >= budget {
                break;
            }
        }
        self.folded >= target
    }

    fn target(&self) -> usize {
        self.entries.partition_point(|entry| entry.at <= self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Event;

    #[test]
    fn scrubbing_back_and_forth_ends_where_a_fresh_fold_does() {
        let entries: Vec<Entry> = (0..50_000)
            .map(|seq| Entry { seq, at: Duration::from_millis(seq), event: Event::ClusterStopped })
            .collect();
        let mut replay = Replay::new(PathBuf::new(), entries);
        for millis in [49_999, 10, 45_000, 25_000, 24_999, 0] {
            replay.seek(Duration::from_millis(millis));
            while !replay.advance(Duration::from_secs(1)) {}
            assert_eq!(replay.model.folded, millis + 1);
            assert_eq!(replay.model.now, Duration::from_millis(millis));
        }
    }
}
