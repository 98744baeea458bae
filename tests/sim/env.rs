//! What surrounds the nodes: time, chance, the network, and those who watch.

use std::collections::BTreeMap;

use crate::digest::Hash;
use crate::invariants::Checks;
use crate::mutant::Mutant;
use crate::net::{Net, NetEvent};
use crate::plan::Plan;
use crate::rng::Rng;

/// Simulated time in microseconds since the run began.
pub type Micros = u64;

pub const MILLI: Micros = 1000;
pub const SECOND: Micros = 1_000_000;

/// What happens next. An event of a node belongs to one life of it, and is void after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Net(NetEvent),
    /// A node's timer, ten times a second.
    Tenth(Life),
    /// The pause before a reconnect is over.
    Reopen(Life, u64),
    /// A full sync's snapshot is encoded.
    SnapshotReady(Life, u64),
    /// A full sync's snapshot is decoded.
    SnapshotLoaded(Life, u64),
    /// The append-only file is on the disk.
    Synced(Life),
    /// A client sends its next command.
    Client(usize),
    /// A step of the plan.
    Step(usize),
    /// A step of the plan ends.
    StepEnds(usize),
    /// The safety phase is over.
    Heal,
    /// The liveness phase looks whether all is well.
    Look,
}

/// A node between a start and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    pub node: usize,
    pub nth: u64,
}

/// What a client gets, later than it asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Its writes are on the disk.
    OnDisk,
    /// These replicas have acknowledged.
    Acked(Vec<usize>),
    /// The node is no master any more.
    Unblocked,
}

#[derive(Debug)]
pub struct Env {
    pub now: Micros,
    pub rng: Rng,
    pub net: Net,
    pub checks: Checks,
    pub mutant: Option<Mutant>,
    /// Answers for clients, each with its number.
    pub answers: Vec<(usize, Answer)>,
    queue: BTreeMap<(Micros, u64), Event>,
    queued: u64,
    trace: Hash,
    pub events: u64,
    told: bool,
}

impl Env {
    pub fn new(plan: &Plan, mutant: Option<Mutant>, told: bool) -> Self {
        let mut rng = Rng::new(plan.seed ^ 0x57A7_E000);
        let mut checks = Checks::new(plan, rng.fork());
        (checks.equal.details, checks.durable.details) = (told, told);
        let net = Net::new(plan.nodes.len(), plan.latency, plan.crumbs);
        Self {
            now: 0,
            rng,
            net,
            checks,
            mutant,
            answers: Vec::new(),
            queue: BTreeMap::new(),
            queued: 0,
            trace: Hash::new(plan.seed),
            events: 0,
            told,
        }
    }

    pub fn after(&mut self, pause: Micros, event: Event) {
        self.queued += 1;
        self.queue.insert((self.now + pause, self.queued), event);
    }

    /// The next event; the time is then its time.
    pub fn next(&mut self) -> Option<Event> {
        let ((at, _), event) = self.queue.pop_first()?;
        self.now = at;
        self.events += 1;
        Some(event)
    }

    pub fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// Notes what happened: for the hash that two runs of a seed must share, and for people if they asked.
    pub fn note(&mut self, node: usize, what: &str, figure: u64) {
        self.trace = self.trace.number(self.now).number(node as u64).bytes(what.as_bytes()).number(figure);
        if self.told {
            self.tell(&format!("n{node} {what} {figure}"));
        }
    }

    /// For people only.
    pub fn remark(&self, text: impl FnOnce() -> String) {
        if self.told {
            self.tell(&text());
        }
    }

    #[expect(clippy::print_stderr, reason = "the trace is what was asked for")]
    fn tell(&self, text: &str) {
        eprintln!("{:>9.3} ms {text}", self.now as f64 / 1000.0);
    }

    pub fn trace(&self) -> u64 {
        self.trace.end()
    }
}
