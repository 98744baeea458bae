//! I9: a replica runs no client's write, whatever it is doing.

use super::Verdicts;
use crate::digest::{Keys, of_store};
use crate::server::{Server, Verdict};

#[derive(Debug)]
pub struct Replicas {
    verdicts: Verdicts,
    /// Commands seen; every fourth is looked at.
    asked: u64,
    /// The data of a replica before a client's command.
    before: Option<(usize, u64)>,
}

impl Replicas {
    pub fn new(verdicts: &Verdicts) -> Self {
        Self { verdicts: verdicts.clone(), asked: 0, before: None }
    }

    /// A client is about to be answered.
    pub fn asked(&mut self, server: &Server) {
        self.asked += 1;
        let looks = server.is_replica() && self.asked.is_multiple_of(4);
        self.before = looks.then(|| (server.node(), of_store(&server.store, Keys::All)));
    }

    /// A replica has answered a client.
    pub fn answered(&mut self, server: &Server, offset: u64, verdict: &Verdict) {
        let Some((node, digest)) = self.before.take() else { return };
        let same = node == server.node()
            && offset == server.history.offset()
            && digest == of_store(&server.store, Keys::All);
        if !same {
            self.verdicts
                .fail("I9", &format!("a client has changed the data of replica n{node}: {verdict:?}"));
        }
    }
}
