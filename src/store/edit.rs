//! What a keyspace hands out to be changed in place.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering::Relaxed;

use super::record::Record;
use super::value::Collection;

/// A collection being changed. What it takes more or less afterwards is added to the estimate of its keyspace.
#[derive(Debug)]
pub struct Edit<'a, T: Collection> {
    value: &'a mut T,
    before: usize,
    total: &'a mut u64,
}

impl<'a, T: Collection> Edit<'a, T> {
    pub(super) fn new(value: &'a mut T, total: &'a mut u64) -> Self {
        Self { before: value.memory(), value, total }
    }
}

impl<T: Collection> Deref for Edit<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value
    }
}

impl<T: Collection> DerefMut for Edit<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value
    }
}

impl<T: Collection> Drop for Edit<'_, T> {
    fn drop(&mut self) {
        *self.total = self.total.wrapping_add(record_delta(self.before, self.value.memory()));
    }
}

/// A short string that may be written over.
#[derive(Debug)]
pub struct StringEdit<'a>(pub(super) &'a mut Record);

impl StringEdit<'_> {
    /// What it is.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.0.value()
    }

    /// Puts `value` in its place; `false`, and nothing is changed, if that needs another record.
    #[inline]
    pub fn overwrite(&mut self, value: &[u8], access: u32) -> bool {
        let done = self.0.overwrite(value, self.0.expire());
        if done {
            self.0.access().store(access, Relaxed);
        }
        done
    }
}

/// What to add (wrapping) to a running sum when one of its parts goes from `before` to `after`.
pub(super) fn record_delta(before: usize, after: usize) -> u64 {
    (after as u64).wrapping_sub(before as u64)
}
