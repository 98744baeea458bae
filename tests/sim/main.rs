//! The simulator: a whole cluster in a plain loop, without tokio, sockets, threads and clocks. One seed decides
//! everything: the plan (cluster, configuration, work, faults) and every draw while it runs.
//!
//! A run has two phases. In the first everything may go wrong, and the invariants are looked at after every step. Then
//! all faults end, and within 60 simulated seconds all links must be up, all offsets and all data equal.
//!
//! ```text
//! cargo test --no-default-features --test sim                        2,000 seeds
//! REPLISCOPE_SEEDS=100000 cargo test … --test sim seeds              more of them
//! REPLISCOPE_SIM_SEED=17 cargo test … --test sim replay              one seed, with its plan and its trace
//! REPLISCOPE_SIM_SEED=17 REPLISCOPE_SIM_STEPS=2,5 … replay           the same with only these steps of the plan
//! ```
//!
//! | | at this level | where |
//! |---|---|---|
//! | I1 | one map (replid, offset) to a figure of the data, at the same random offsets on all nodes, at each sync and at rest | `i01_equal` |
//! | I2 | follows from I1 and I3: what was resumed is compared at the next offsets | `i01_equal` |
//! | I3 | the family tree of all histories vouches for each `+CONTINUE` | `i03_forks` |
//! | I4 | every byte a node passes on is compared with the bytes written first; each ACK with what is applied | `i04_stream`, `i04_acks` |
//! | I5, I19 | links are cut at any byte, processes at any step, inside transactions too | `i01_equal`, `i12_durable` |
//! | I6 | bad commands are put into streams: the link drops, a full sync follows; a good stream is never refused | `i06_refusals` |
//! | I7 | a promoted replica has each write that WAIT was told it has | `i07_wait` |
//! | I9 | clients' writes never change a replica; the commands are the workload's, not the whole table | `i09_replicas` |
//! | I11 | a full sync that fails, by a cut or by a wrong byte, leaves the data as they were | `i11_transfers` |
//! | I12 to I14 | after a kill or a power loss a node comes back with what it has acknowledged, at a whole command | `i12_durable` |
//! | I15 | the RDB file is the old one or the new one after a crash at any call | `i15_files` |
//! | I20 | clocks are off, drift and jump by a day: data stay equal | `i01_equal` |
//! | I25 | each seed twice gives the same trace | `each_seed_has_one_trace` |
//! | oracle | strings are what a model says that has read the stream | `oracle` |
//!
//! Not at this level: I8 (loss report) and I10 (epochs) are the lab's and the sentinel's; I16 to I18 need real files
//! and sockets; I21 to I24 the app and the system. Scripts, blocking pops, eviction and AUTH are not in the workload;
//! a node keeps no AOF rewrite under way besides those of a full sync.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod digest;
mod disk;
mod env;
mod invariants;
mod mutant;
mod net;
mod oracle;
mod plan;
mod rng;
mod server;
mod shrink;
mod workload;
mod world;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use mutant::Mutant;
use plan::Plan;
use world::{Figures, Outcome, World};

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Panics of a run are its outcome, and are told with the line that replays it.
fn catch_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let in_run = PANIC.with_borrow_mut(|panic| {
                panic.as_mut().map(|text| text.push_str(&info.to_string().replace('\n', " "))).is_some()
            });
            if !in_run {
                default(info);
            }
        }));
    });
}

/// Runs one plan; an assertion of the product that fails is a failure of the run.
fn run_plan(plan: &Plan, mutant: Option<Mutant>, told: bool) -> Outcome {
    catch_panics();
    PANIC.set(Some(String::new()));
    let result = catch_unwind(AssertUnwindSafe(|| World::new(plan, mutant, told).run()));
    let panic = PANIC.take().unwrap_or_default();
    result.unwrap_or_else(|_| Outcome {
        failure: Some(format!("panic: {panic}")),
        trace: 0,
        simulated: 0,
        figures: Figures::default(),
    })
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The one line that replays a failure, and what it shows.
fn report(plan: &Plan, mutant: Option<Mutant>) -> String {
    let steps = shrink::shrink(plan, mutant);
    let shrunk = shrink::keep(plan, &steps);
    let failure = run_plan(&shrunk, mutant, false).failure;
    let steps = steps.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    format!(
        "{}\n{shrunk}\nREPLISCOPE_SIM_SEED={} REPLISCOPE_SIM_STEPS={steps} cargo test -p repliscope \
         --no-default-features --test sim replay -- --nocapture",
        failure.unwrap_or_default(),
        plan.seed,
    )
}

/// Runs seeds on all processors until one fails or none is left; returns the smallest that was seen to fail.
fn run_seeds(seeds: std::ops::Range<u64>, mutant: Option<Mutant>) -> (Option<u64>, Figures, u64) {
    let (next, found, stop) = (AtomicU64::new(seeds.start), AtomicU64::new(u64::MAX), AtomicBool::new(false));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let (mut figures, mut simulated) = (Figures::default(), 0);
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            let outcome = run_plan(&Plan::new(seed), mutant, false);
            figures.add(&outcome.figures);
            simulated += outcome.simulated;
            if outcome.failure.is_some() {
                found.fetch_min(seed, Ordering::Relaxed);
                stop.store(true, Ordering::Relaxed);
            }
        }
        (figures, simulated)
    };
    let (mut figures, mut simulated) = (Figures::default(), 0);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let (of_one, time) = worker.join().unwrap();
            figures.add(&of_one);
            simulated += time;
        }
    });
    let found = found.into_inner();
    ((found < u64::MAX).then_some(found), figures, simulated)
}

#[test]
#[expect(clippy::print_stderr, reason = "figures for people")]
fn seeds() {
    let (first, count) =
        (number("REPLISCOPE_FIRST_SEED").unwrap_or(0), number("REPLISCOPE_SEEDS").unwrap_or(2000));
    let begun = Instant::now();
    let (failed, figures, simulated) = run_seeds(first..first + count, None);
    if let Some(seed) = failed {
        panic!("{}", report(&Plan::new(seed), None));
    }
    let (real, simulated) = (begun.elapsed().as_secs_f64(), simulated as f64 / 1e6);
    eprintln!(
        "{count} seeds: {simulated:.0} simulated seconds in {real:.1} s, {:.0} per second\n{figures:?}",
        simulated / real
    );
    // A simulator in which nothing happens finds nothing.
    assert!(figures.compared > count && figures.writes > 10 * count, "{figures:?}");
}

#[test]
#[expect(clippy::print_stderr, reason = "the trace is what was asked for")]
fn replay() {
    let Some(seed) = number("REPLISCOPE_SIM_SEED") else { return };
    let mut plan = Plan::new(seed);
    if let Ok(steps) = std::env::var("REPLISCOPE_SIM_STEPS") {
        let steps: Vec<usize> = steps.split(',').filter_map(|nth| nth.parse().ok()).collect();
        plan = shrink::keep(&plan, &steps);
    }
    let named = std::env::var("REPLISCOPE_SIM_MUTANT").ok();
    let mutant = Mutant::ALL.into_iter().find(|mutant| Some(format!("{mutant:?}")) == named);
    eprintln!("{plan}");
    let outcome = run_plan(&plan, mutant, true);
    eprintln!("{outcome:?}");
    assert_eq!(outcome.failure, None);
}

/// I25.
#[test]
fn each_seed_has_one_trace() {
    for seed in 0..150 {
        let plan = Plan::new(seed);
        let (one, other) = (run_plan(&plan, None, false), run_plan(&plan, None, false));
        assert_eq!((one.trace, one.figures.events), (other.trace, other.figures.events), "seed {seed}");
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "figures for people")]
fn every_mutant_is_caught() {
    let most = number("REPLISCOPE_MUTANT_SEEDS").unwrap_or(10_000);
    for mutant in Mutant::ALL {
        let (failed, ..) = run_seeds(0..most, Some(mutant));
        let seed = failed.unwrap_or_else(|| panic!("{mutant:?} is not caught in {most} seeds"));
        let failure = run_plan(&Plan::new(seed), Some(mutant), false).failure.unwrap_or_default();
        let innocent = run_plan(&Plan::new(seed), None, false).failure;
        assert_eq!(innocent, None, "seed {seed} fails without {mutant:?} as well");
        eprintln!("{mutant:?}: caught at seed {seed}: {failure}");
    }
}
