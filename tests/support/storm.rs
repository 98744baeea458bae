//! Random commands and random faults, from one seed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use repliscope::node::{Fault, FaultKind, NodeEvent};
use repliscope::replication::{FullReason, PsyncVerdict};
use repliscope::store::Random;

use super::data::words;
use super::{Kind, Server, until, until_equal};

/// The seed of this run, told so that a failure can be repeated.
pub fn seed() -> u64 {
    let seed = std::env::var("REPLISCOPE_SEED").map_or(7, |seed| seed.parse().unwrap());
    println!("REPLISCOPE_SEED={seed}");
    seed
}

/// What a run decides, so that a failure can be repeated.
#[derive(Debug)]
pub struct Dice(Random);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Random::new(seed))
    }

    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0.below(sides)
    }

    /// One random write, read or change of database.
    pub fn line(&mut self) -> String {
        let (a, b, n) = (self.roll(20), self.roll(20), self.roll(1000));
        #[rustfmt::skip] // several to a line
        let templates = [
            format!("SET k{a} {n}"), format!("SET k{a} v{n} KEEPTTL"), format!("SETEX k{a} 1000 {n}"),
            format!("APPEND k{a} {n}"), format!("INCR k{a}"), format!("INCRBYFLOAT k{a} {n}.25"), format!("DEL k{a} k{b}"),
            format!("RENAME k{a} k{b}"), format!("COPY k{a} k{b} REPLACE"), format!("COPY k{a} k{b} DB {}", n % 16),
            format!("MOVE k{a} {}", n % 16), format!("SETRANGE k{a} {} xyz", n % 50), format!("EXPIRE k{a} {}", n + 100),
            format!("PERSIST k{a}"), format!("GETDEL k{a}"), format!("MSETNX k{a} 1 k{b} 2"), format!("SELECT {}", n % 16),
            format!("GETEX k{a} EX 500"), format!("DECRBY k{a} {n}"), format!("SETNX k{a} {b}"),
            if n < 20 { "FLUSHDB".to_owned() } else { format!("SWAPDB {} {}", a % 16, b % 16) },
        ];
        templates[self.roll(templates.len() as u64) as usize].clone()
    }
}

/// Servers in a random tree below the first, under load: links are cut and killed, replicas move, freeze and
/// come back. When it is calm again all data are equal, and nothing was lost on the way.
pub fn weather(kinds: &[Kind], faults: u32) {
    let mut dice = Dice::new(seed());
    let fast = ["repl-timeout 5", "repl-ping-replica-period 1"];
    let master = Server::start(kinds[0], &fast);
    let replicas: Vec<Server> =
        kinds[1..].iter().map(|kind| Server::replica_of(*kind, &master, &fast)).collect();
    // A fault in the first sync costs a second one, which is another test's matter.
    until("all links are up", &[&master], || {
        replicas.iter().all(|replica| replica.info("master_link_status") == "up")
    });
    let running = AtomicBool::new(true);
    let writes = AtomicU64::new(0);
    let mut said = Vec::new();
    thread::scope(|scope| {
        for writer in 0..2 {
            let (master, running, writes, mut dice) =
                (&master, &running, &writes, Dice::new(dice.roll(1 << 40)));
            scope.spawn(move || {
                let mut client = master.client();
                while running.load(Ordering::Relaxed) {
                    let line = if dice.roll(3) > 0 { dice.line() } else { format!("INCR counter{writer}") };
                    client.ask_bytes(&words(&line).iter().map(Vec::as_slice).collect::<Vec<_>>());
                    writes.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // The tree: whom each replica follows, as an index one above that of `replicas`; 0 is the master.
        let mut parents = vec![0; replicas.len()];
        for _ in 0..faults {
            let victim = dice.roll(replicas.len() as u64) as usize;
            let replica = &replicas[victim];
            let fault = dice.roll(5);
            said.push((fault, victim));
            match fault {
                0 => drop(replica.ask("CLIENT KILL TYPE master")),
                1 => drop(replica.ask("CLIENT KILL TYPE replica")),
                2 if replica.kind == Kind::Node => {
                    replica.handle().begin_fault(Fault::Cut);
                    thread::sleep(Duration::from_millis(dice.roll(30)));
                    replica.handle().end_fault(FaultKind::Cut);
                }
                3 if replica.kind == Kind::Node => {
                    replica.handle().freeze();
                    thread::sleep(Duration::from_millis(dice.roll(30)));
                    replica.handle().thaw();
                }
                _ => {
                    // Never below one of its own: that would be a circle.
                    let parent = dice.roll(kinds.len() as u64) as usize;
                    let mut above = parent;
                    while above != 0 && above != victim + 1 {
                        above = parents[above - 1];
                    }
                    if above == 0 {
                        parents[victim] = parent;
                        replica.follow(if parent == 0 { &master } else { &replicas[parent - 1] });
                    }
                }
            }
            thread::sleep(Duration::from_millis(dice.roll(40)));
        }
        running.store(false, Ordering::Relaxed);
    });
    let all: Vec<&Server> = std::iter::once(&master).chain(&replicas).collect();
    until("all links are up", &all, || {
        replicas.iter().all(|replica| replica.info("master_link_status") == "up")
    });
    for replica in &replicas {
        until_equal(&master, replica);
    }
    let sum = |field: &str| all.iter().map(|server| server.number(field)).sum::<u64>();
    let (full, partial) = (sum("sync_full"), sum("sync_partial_ok"));
    println!("{} writes, {full} full and {partial} partial syncs: {said:?}", writes.into_inner());
    let refused: Vec<FullReason> = all
        .iter()
        .flat_map(|server| server.events())
        .filter_map(|event| match event {
            NodeEvent::Psync { asked: Some(_), verdict: PsyncVerdict::Full(reason), .. } => Some(reason),
            _ => None,
        })
        .collect();
    // A replica that moves below one that is behind it has to start over, in Redis too; nothing else does.
    let behind = |reason: &FullReason| matches!(reason, FullReason::BeyondBacklog { .. });
    assert!(refused.iter().all(behind), "{refused:?}");
    if kinds.iter().all(|kind| *kind == Kind::Node) {
        assert_eq!(
            full,
            (replicas.len() + refused.len()) as u64,
            "all other links were continued: {refused:?}"
        );
    }
    assert!(partial > 0, "no link was continued");
}
