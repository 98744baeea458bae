//! How a value is read, field by field.

use crate::persistence::rdb_error::Reason;

/// The fields that a value is made of, as a reader hands them out.
pub(in crate::persistence) trait Fields {
    /// A length, or any other unsigned number that is stored as one.
    fn count(&mut self) -> Result<u64, Reason>;
    /// A string, whatever way it is stored.
    fn string(&mut self) -> Result<Vec<u8>, Reason>;
    /// One byte.
    fn byte(&mut self) -> Result<u8, Reason>;
    /// Eight bytes: a binary double or a time.
    fn eight(&mut self) -> Result<[u8; 8], Reason>;
    /// A value contradicts itself in a way that can be put right. A file is the only copy of its owner's data, so that
    /// is done and told there; a payload of RESTORE is refused, as its sender still has the value.
    ///
    /// # Errors
    /// It is not to be put right.
    fn repair(&mut self, damage: &'static str) -> Result<(), Reason> {
        Err(Reason::Damaged(damage))
    }
}
