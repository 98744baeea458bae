use std::io;
use std::path::PathBuf;

use super::*;
use crate::lab::process::redis_is_installed;
use crate::lab::runner::{OnEvent, Runner, RunningNode};

#[test]
fn a_lab_with_every_node_frozen_ends_within_three_seconds() {
    if !redis_is_installed("frozen end") {
        return;
    }
    let mut bench = Bench::with_cluster(Preset::Star { replicas: 2 }, 3);
    for node in 1..=3 {
        bench.ask(LabCommand::Freeze(NodeId(node)));
    }
    for node in 1..=3 {
        bench.until("silence", |event| matches!(event, Event::Silent { node: NodeId(n), .. } if *n == node));
    }
    bench.end();
}

#[test]
fn a_frozen_node_is_silent_within_two_seconds_and_answers_again_after_the_thaw() {
    if !redis_is_installed("freeze") {
        return;
    }
    let mut bench = Bench::with_cluster(Preset::Single, 1);
    let from = bench.now();
    let begun = Instant::now();
    bench.ask(LabCommand::Freeze(NodeId(1)));
    bench.until_after(from, "silent", |event| matches!(event, Event::Silent { .. }));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    for (command, told) in [
        (LabCommand::Freeze(NodeId(1)), "n1 is frozen already"),
        (LabCommand::Stop(NodeId(1)), "thaw it first, or kill it"),
        (LabCommand::Restart(NodeId(1)), "thaw it first, or kill it"),
    ] {
        bench.ask(command);
        bench.notice(from, told);
    }
    bench.ask(LabCommand::ClearFaults);
    bench.until_after(from, "answering", |event| matches!(event, Event::Answering { .. }));
    bench.ask(LabCommand::ClearFaults);
    bench.notice(from, "There is no fault to clear");
    bench.end();
}

#[test]
fn a_cut_survives_a_restart_until_it_is_healed() {
    if !redis_is_installed("cut") {
        return;
    }
    let mut bench = Bench::with_cluster(Preset::Star { replicas: 1 }, 2);
    let from = bench.now();
    bench.ask(LabCommand::CutLink(NodeId(1)));
    bench.notice(from, "n1 is a master: it has no link to cut");
    bench.ask(LabCommand::CutLink(NodeId(2)));
    bench.node_event(from, 2, "cut", |event| matches!(event, NodeEvent::LinkCut(true)));
    bench.ask(LabCommand::CutLink(NodeId(2)));
    bench.notice(from, "The link of n2 is cut already");
    let from = bench.now();
    bench.ask(LabCommand::Restart(NodeId(2)));
    bench.node_event(from, 2, "cut again", |event| matches!(event, NodeEvent::LinkCut(true)));
    bench.ask(LabCommand::HealLink(NodeId(2)));
    bench.node_event(from, 2, "healed", |event| matches!(event, NodeEvent::LinkCut(false)));
    bench.ask(LabCommand::HealLink(NodeId(2)));
    bench.notice(from, "The link of n2 is not cut");
    bench.end();
}

/// A node that reacts to nothing, not even to a kill.
struct Stubborn;

impl Runner for Stubborn {
    fn start(&self, _: PathBuf, _: OnEvent) -> io::Result<Box<dyn RunningNode>> {
        Ok(Box::new(Self))
    }
}

impl RunningNode for Stubborn {
    fn stop(&self) {}
    fn kill(&self) {}
    fn freeze(&self) {}
    fn thaw(&self) {}
    fn cut_link(&self, _: bool) {}
    fn join(&mut self, timeout: Duration) -> bool {
        std::thread::sleep(timeout);
        false
    }
}

#[test]
fn a_node_that_reacts_to_nothing_is_given_up_and_holds_no_end_up() {
    let mut bench = Bench::with_runner(4, Box::new(Stubborn));
    bench.ask(LabCommand::StartCluster { preset: Preset::Chain { nodes: 3 }, port: bench.port });
    bench.until("planned", |event| matches!(event, Event::ClusterPlanned { .. }));
    bench.ask(LabCommand::Kill(NodeId(3)));
    bench.notice(0, "n3 was killed and did not end");
    let seen = bench.end();
    for node in ["n1", "n2"] {
        let given_up = format!("{node} was killed and did not end");
        assert!(
            seen.iter().any(|entry| {
                matches!(&entry.event, Event::Notice { text, .. } if text.contains(&given_up))
            })
        );
    }
    assert_eq!(seen.last().unwrap().event, Event::ClusterStopped);
}
