//! What must hold after every step, one file for each invariant or family, named after the specification's numbers.
//!
//! The checks see the nodes from outside: data, history, bytes of the stream, files. They know nothing of how a node
//! came to them.

mod i01_equal;
mod i03_forks;
mod i04_stream;
mod i04_acks;
mod i06_refusals;
mod i07_wait;
mod i09_replicas;
mod i11_transfers;
mod i12_durable;
mod i15_files;

pub use i01_equal::Equal;
pub use i03_forks::Forks;
pub use i04_acks::Acks;
pub use i04_stream::Tee;
pub use i06_refusals::Refusals;
pub use i07_wait::WaitedFor;
pub use i09_replicas::Replicas;
pub use i11_transfers::Transfers;
pub use i12_durable::Durable;
pub use i15_files::Files;

use std::cell::RefCell;
use std::rc::Rc;

use repliscope::replication::ReplId;

use crate::env::Micros;
use crate::oracle::Oracles;
use crate::plan::Plan;
use crate::rng::Rng;
use crate::server::Server;

/// The first thing that must not be, shared by all checks.
#[derive(Debug, Clone, Default)]
pub struct Verdicts(Rc<RefCell<Option<String>>>);

impl Verdicts {
    pub fn fail(&self, invariant: &str, text: &str) {
        self.0.borrow_mut().get_or_insert_with(|| format!("{invariant}: {text}"));
    }

    pub fn first(&self) -> Option<String> {
        self.0.borrow().clone()
    }
}

/// All of them.
#[derive(Debug)]
pub struct Checks {
    pub verdicts: Verdicts,
    pub equal: Equal,
    pub forks: Forks,
    pub acks: Acks,
    pub refusals: Refusals,
    pub waited_for: WaitedFor,
    pub replicas: Replicas,
    pub transfers: Transfers,
    pub durable: Durable,
    pub files: Files,
    tee: Tee,
    oracles: Oracles,
    /// Where each node was seen last.
    seen: Vec<Option<(u64, ReplId, u64)>>,
}

impl Checks {
    pub fn new(plan: &Plan, mut rng: Rng) -> Self {
        let verdicts = Verdicts::default();
        let nodes = plan.nodes.len();
        Self {
            equal: Equal::new(&verdicts, rng.range(2, 12)),
            forks: Forks::new(&verdicts, nodes),
            acks: Acks::new(&verdicts),
            refusals: Refusals::new(&verdicts),
            waited_for: WaitedFor::new(&verdicts, nodes),
            replicas: Replicas::new(&verdicts),
            transfers: Transfers::new(&verdicts),
            durable: Durable::new(&verdicts, plan),
            files: Files::new(&verdicts, nodes),
            tee: Tee::new(&verdicts),
            oracles: Oracles::new(&verdicts, nodes),
            seen: vec![None; nodes],
            verdicts,
        }
    }

    /// A node may have gone on: looks at what is new.
    pub fn observe(&mut self, _: Micros, server: &Server) {
        let node = server.node();
        let (nth, replid, offset) = (server.life.nth, server.history.replid(), server.history.offset());
        let now = Some((nth, replid, offset));
        if self.seen[node] == now {
            return;
        }
        if let Some((last_nth, last_replid, last_offset)) = self.seen[node]
            && last_nth == nth
        {
            if last_replid == replid && offset < last_offset {
                let text = format!("n{node} went back from {last_offset} to {offset} of {replid:?}");
                self.verdicts.fail("I4", &text);
            }
            if offset > last_offset
                && let Some(backlog) = &server.backlog
                && let Some(cursor) = backlog.open(last_offset + 1)
            {
                let bytes = backlog.slices(&cursor, usize::MAX).collect::<Vec<_>>().concat();
                if last_replid == replid {
                    self.tee.wrote(node, replid, last_offset, &bytes);
                }
                self.oracles.feed(server, &bytes);
            } else {
                // The same data under another name, writes that no history has, or more bytes at once than the backlog
                // holds.
                self.oracles.begin(server);
                self.oracles.selected(server);
            }
        }
        self.seen[node] = now;
        self.equal.look(server);
    }

    /// A node begins, on what its files hold.
    pub fn started(&mut self, _: Micros, server: &Server) {
        self.seen[server.node()] = Some((server.life.nth, server.history.replid(), server.history.offset()));
        self.oracles.begin(server);
        self.waited_for.forget(server.node());
        if server.backlog.is_some() {
            self.equal.record(server);
        }
        self.durable.started(server);
    }

    /// A node has another data set.
    pub fn replaced(&mut self, _: Micros, server: &Server) {
        self.seen[server.node()] = Some((server.life.nth, server.history.replid(), server.history.offset()));
        self.oracles.begin(server);
        self.waited_for.forget(server.node());
        self.equal.record(server);
    }

    /// The link of a node streams.
    pub fn up(&mut self, _: Micros, server: &Server) {
        self.oracles.selected(server);
        self.equal.record(server);
    }

    /// All is over: looks at everything once more.
    pub fn at_rest(&mut self, server: &Server) {
        self.equal.record(server);
        self.oracles.compare(server);
    }

    /// A node is about to become master under a new name.
    pub fn promoted(&mut self, server: &Server, id: ReplId) {
        self.forks.forked(id, server.history.replid(), server.history.offset());
        self.waited_for.promoted(server);
    }
}
