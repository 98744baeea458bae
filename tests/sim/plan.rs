//! What a seed means: the cluster, its configuration, the work, and what goes wrong when.

use std::fmt;
use std::time::Duration;

use repliscope::replication::MIN_BACKLOG_SIZE;

use crate::disk::DiskFault;
use crate::env::{MILLI, Micros, SECOND};
use crate::rng::Rng;

/// `appendfsync`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    Always,
    EverySecond,
}

/// How one node is configured.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// The node that it follows at first.
    pub replicaof: Option<usize>,
    pub backlog_size: u64,
    pub backlog_ttl: Duration,
    pub diskless: bool,
    pub sync_delay: Duration,
    pub timeout: Duration,
    pub ping_period: Duration,
    /// Hard limit of `client-output-buffer-limit replica`, 0 for none.
    pub output_limit: u64,
    pub appendonly: Option<Fsync>,
    /// How far its clock is off, in milliseconds.
    pub clock_offset: i64,
    /// By how many parts in a million it is too fast.
    pub clock_drift: i64,
}

/// What the clients do.
#[derive(Debug, Clone)]
pub struct Workload {
    pub clients: usize,
    /// Between two commands of a client.
    pub pause: (Micros, Micros),
    /// Keys of each kind.
    pub keys: u64,
    /// Share of commands that are kept for a transaction, in percent.
    pub multi: u64,
    /// Share of writes that are followed by WAIT, in percent.
    pub wait: u64,
    /// Share of keys that get an expiry, in percent.
    pub expiry: u64,
    /// Databases in use.
    pub databases: u64,
    /// Length of a big value, now and then.
    pub big: u64,
}

/// One thing that happens to the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Connections between two nodes are reset and refused.
    Cut(usize, usize),
    /// Nothing arrives from one at the other.
    Hold(usize, usize),
    /// Nothing arrives in either direction.
    BlackHole(usize, usize),
    /// Connections between two nodes are reset once.
    Reset(usize, usize),
    /// So many bytes a second from one to the other.
    Slow(usize, usize, u64),
    /// A process dies; it is started again at the end of the step.
    Kill(usize),
    /// The same, and its disk loses what was not synced.
    PowerLoss(usize),
    /// A process ends after SAVE; it is started again at the end of the step.
    Stop(usize),
    Save(usize),
    /// A process is stopped and goes on later, as by SIGSTOP or a sleep of its computer.
    Freeze(usize),
    /// REPLICAOF NO ONE
    Promote(usize),
    /// REPLICAOF
    Follow(usize, usize),
    /// FAILOVER [TO the second] [FORCE]
    Failover {
        node: usize,
        to: Option<usize>,
        force: bool,
    },
    /// The wall clock of a node jumps by milliseconds.
    ClockJump(usize, i64),
    /// The n-th call to the disk from now on fails, and all after it.
    DiskBreaks(usize, u64, DiskFault),
    /// A byte of the next snapshot for a node is wrong.
    FlipByte(usize),
    /// A command that no node can execute gets into a master's stream, alone or inside a transaction.
    BadCommand {
        node: usize,
        in_multi: bool,
    },
    /// A replica loses its connection as CLIENT KILL TYPE master has it.
    DropLink(usize),
}

/// A fault and its time.
#[derive(Debug, Clone)]
pub struct Step {
    pub at: Micros,
    pub lasts: Micros,
    pub fault: Fault,
}

#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub nodes: Vec<NodeConfig>,
    pub latency: (Micros, Micros),
    /// Share of deliveries of a few bytes, in percent.
    pub crumbs: u64,
    pub work: Workload,
    /// Length of the safety phase.
    pub safety: Micros,
    pub steps: Vec<Step>,
}

/// Kinds of faults; a seed has some of them, so that each also meets the others' absence.
const FAMILIES: usize = 13;

impl Plan {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let count = rng.pick(&[1, 2, 2, 2, 3, 3, 3, 4, 5, 6]);
        let tiny = rng.percent(60);
        let with_aof = rng.percent(40);
        let skewed = rng.percent(40);
        let nodes = (0..count).map(|id| node_config(&mut rng, id, tiny, with_aof, skewed)).collect();
        let most = rng.pick(&[1, 5, 20, 100]);
        let latency = (rng.range(20, 500), 500 + rng.below(most * MILLI));
        let work = workload(&mut rng);
        let safety = rng.range(3, 15) * SECOND;
        let families: Vec<usize> = (0..FAMILIES).filter(|_| rng.percent(35)).collect();
        let mut steps = Vec::new();
        if !families.is_empty() {
            for _ in 0..rng.range(2, 25) {
                let family = rng.pick(&families);
                let at = rng.range(300 * MILLI, safety);
                let most = rng.pick(&[50 * MILLI, 500 * MILLI, 3 * SECOND]);
                let lasts = rng.range(MILLI, most);
                if let Some(fault) = fault(&mut rng, family, count) {
                    steps.push(Step { at, lasts, fault });
                }
            }
        }
        steps.sort_by_key(|step| step.at);
        let crumbs = rng.pick(&[0, 5, 30]);
        Self { seed, nodes, latency, crumbs, work, safety, steps }
    }
}

fn node_config(rng: &mut Rng, id: usize, tiny: bool, with_aof: bool, skewed: bool) -> NodeConfig {
    let seconds = Duration::from_secs;
    NodeConfig {
        // A tree: each follows one with a smaller number.
        replicaof: (id > 0).then(|| if rng.percent(50) { 0 } else { rng.index(id) }),
        backlog_size: if tiny { MIN_BACKLOG_SIZE } else { 1 << 20 },
        backlog_ttl: seconds(rng.pick(&[0, 1, 3600])),
        diskless: rng.percent(50),
        sync_delay: Duration::from_millis(rng.pick(&[0, 200, 1000])),
        timeout: seconds(rng.pick(&[2, 5, 60])),
        ping_period: seconds(rng.pick(&[1, 3, 10])),
        output_limit: rng.pick(&[0, 0, 40_000]),
        appendonly: (with_aof && rng.percent(60))
            .then(|| if rng.percent(60) { Fsync::Always } else { Fsync::EverySecond }),
        clock_offset: if skewed { rng.below(20_000) as i64 - 10_000 } else { 0 },
        clock_drift: if skewed { rng.below(2000) as i64 - 1000 } else { 0 },
    }
}

fn workload(rng: &mut Rng) -> Workload {
    let most = rng.pick(&[20, 100, 400]);
    Workload {
        clients: rng.range(1, 4) as usize,
        pause: (MILLI, most * MILLI),
        keys: rng.pick(&[2, 6, 20]),
        multi: rng.pick(&[0, 10, 40]),
        wait: rng.pick(&[0, 10, 40]),
        expiry: rng.pick(&[0, 10, 40]),
        databases: rng.pick(&[1, 1, 3]),
        big: rng.pick(&[0, 3000, 12_000]),
    }
}

fn fault(rng: &mut Rng, family: usize, count: usize) -> Option<Fault> {
    let node = rng.index(count);
    let other = (node + 1 + rng.index(count.max(2) - 1)) % count;
    let power = rng.percent(50);
    let fault = match family {
        0 => Fault::Cut(node, other),
        1 => Fault::Hold(node, other),
        2 => Fault::BlackHole(node, other),
        3 => Fault::Reset(node, other),
        4 => Fault::Slow(node, other, rng.pick(&[2000, 20_000, 200_000])),
        5 if power => Fault::PowerLoss(node),
        5 => Fault::Kill(node),
        6 if rng.percent(50) => Fault::Save(node),
        6 => Fault::Stop(node),
        7 if rng.percent(40) => Fault::Promote(node),
        7 => Fault::Follow(node, other),
        8 => Fault::Failover { node, to: rng.percent(60).then_some(other), force: rng.percent(50) },
        9 => Fault::ClockJump(node, rng.pick(&[-86_400_000, -3000, 500, 3000, 86_400_000])),
        10 if rng.percent(50) => Fault::FlipByte(node),
        10 => {
            Fault::DiskBreaks(node, rng.range(1, 30), if power { DiskFault::Full } else { DiskFault::Broken })
        }
        11 => Fault::Freeze(node),
        _ if rng.percent(60) => Fault::DropLink(node),
        _ => Fault::BadCommand { node, in_multi: power },
    };
    let alone = count == 1
        && matches!(
            fault,
            Fault::Cut(..)
                | Fault::Hold(..)
                | Fault::BlackHole(..)
                | Fault::Reset(..)
                | Fault::Slow(..)
                | Fault::Follow(..)
                | Fault::Failover { .. }
        );
    (!alone).then_some(fault)
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, latency, crumbs, work, safety, .. } = self;
        writeln!(f, "seed {seed}: {} ms, latency {latency:?} us, crumbs {crumbs}%", safety / MILLI)?;
        writeln!(f, "{work:?}")?;
        for (id, node) in self.nodes.iter().enumerate() {
            writeln!(f, "n{id}: {node:?}")?;
        }
        for (nth, step) in self.steps.iter().enumerate() {
            let (at, lasts) = (step.at / MILLI, step.lasts / MILLI);
            writeln!(f, "{nth:>3}: at {at} ms for {lasts} ms {:?}", step.fault)?;
        }
        Ok(())
    }
}
