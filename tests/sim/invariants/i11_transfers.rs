//! I11: a full sync is all or nothing: old data serve until the new are whole and checked.

use super::Verdicts;

#[derive(Debug)]
pub struct Transfers {
    verdicts: Verdicts,
    pub failed: u64,
}

impl Transfers {
    pub fn new(verdicts: &Verdicts) -> Self {
        Self { verdicts: verdicts.clone(), failed: 0 }
    }

    /// A transfer ended without a new data set; the figures are of the data before it and now.
    pub fn failed(&mut self, node: usize, before: u64, now: u64) {
        self.failed += 1;
        if before != now {
            self.verdicts.fail("I11", &format!("n{node} has lost its data by a full sync that failed"));
        }
    }
}
