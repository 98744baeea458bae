//! I6: a stream that a replica cannot execute is never skipped, and a good stream is never refused.

use super::Verdicts;

#[derive(Debug)]
pub struct Refusals {
    verdicts: Verdicts,
    /// Bad commands were put into a stream by the plan.
    pub expected: bool,
    pub seen: u64,
}

impl Refusals {
    pub fn new(verdicts: &Verdicts) -> Self {
        Self { verdicts: verdicts.clone(), expected: false, seen: 0 }
    }

    /// A replica has refused its master's stream.
    pub fn refused(&mut self, node: usize, reason: &str) {
        self.seen += 1;
        if !self.expected {
            self.verdicts.fail("I6", &format!("n{node} refuses a good stream: {reason}"));
        }
    }
}
