use std::io;
use std::path::PathBuf;

use super::*;
use crate::lab::runner::{Embedded, OnEvent, Runner, RunningNode};
use crate::lab::tests::process::redis_is_installed;
use crate::node::{Fault, FaultKind, Way};

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

/// A node that reacts to nothing, not even to a kill.
struct Stubborn;

impl Runner for Stubborn {
    fn start(&self, _: PathBuf, _: bool, _: OnEvent) -> io::Result<Box<dyn RunningNode>> {
        Ok(Box::new(Self))
    }
}

impl RunningNode for Stubborn {
    fn stop(&self) {}
    fn kill(&self) {}
    fn freeze(&self) {}
    fn thaw(&self) {}
    fn begin_fault(&self, _: Fault) {}
    fn end_fault(&self, _: FaultKind) {}
    fn ask_before_wipe(&self, _: bool) {}
    fn let_wipe(&self) {}
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

fn with_nodes_of_our_own(replicas: u16) -> Bench {
    let mut bench = Bench::with_runner(replicas + 2, Box::new(Embedded));
    bench.ask(LabCommand::StartCluster { preset: Preset::Star { replicas }, port: bench.port });
    for node in 2..=replicas + 1 {
        bench.node_event(0, node, "streaming", |event| {
            matches!(event, NodeEvent::Link(crate::node::LinkPhase::Streaming))
        });
    }
    bench
}

impl Bench {
    fn fault_ended(&mut self, from: usize, kind: FaultKind, how: FaultEnd) -> Entry {
        self.until_after(
            from,
            &format!("{kind} ends: {how:?}"),
            |event| matches!(event, Event::FaultEnded { kind: k, how: h, .. } if (*k, *h) == (kind, how)),
        )
    }

    /// The model of what was told so far.
    fn model(&self) -> model::LabModel {
        let mut model = model::LabModel::default();
        for entry in &self.seen {
            model.fold(entry);
        }
        model
    }
}

const N2: NodeId = NodeId(2);

#[test]
fn a_fault_heals_itself_after_its_time_and_its_events_frame_what_came_of_it() {
    let mut bench = with_nodes_of_our_own(1);
    let lasts = Some(Duration::from_millis(300));
    let from = bench.now();
    bench.ask(LabCommand::BeginFault { node: N2, fault: Fault::Cut, lasts });
    let begun = bench.until_after(
        from,
        "begins",
        |event| matches!(event, Event::FaultBegun { node: N2, fault: Fault::Cut, lasts: l } if *l == lasts),
    );
    let ended = bench.fault_ended(from, FaultKind::Cut, FaultEnd::Expired);
    let lasted = ended.at.checked_sub(begun.at).unwrap();
    assert!((300..1000).contains(&lasted.as_millis()), "{lasted:?}");
    bench.node_event(
        from,
        2,
        "cut",
        |event| matches!(event, NodeEvent::LinkLost { reason } if reason.contains("the link was cut")),
    );
    bench.node_event(from, 2, "partial", |event| {
        matches!(event, NodeEvent::SyncDecided { outcome: crate::node::SyncOutcome::Partial { .. }, .. })
    });
    // As a recording brings it back.
    let path = bench.data_dir.path().join("faults.repliscope");
    let entries: Vec<_> = bench.seen.iter().cloned().map(std::sync::Arc::new).collect();
    recording::write_recording(&path, &entries).unwrap();
    let replayed = recording::read_recording(&path).unwrap();
    assert_eq!(replayed, bench.seen);
    let model = bench.model();
    let spans: Vec<_> = model.faults.spans().copied().collect();
    assert_eq!(spans.len(), 1);
    assert_eq!((spans[0].begun, spans[0].ended), (begun.at, Some((ended.at, FaultEnd::Expired))));
    assert_eq!(model.faults.active().count(), 0);
    bench.end();
}

#[test]
fn a_cut_survives_a_restart_until_it_is_healed() {
    let mut bench = with_nodes_of_our_own(1);
    let cut = |node| LabCommand::BeginFault { node, fault: Fault::Cut, lasts: None };
    let heal = LabCommand::HealFault { node: N2, kind: FaultKind::Cut };
    let from = bench.now();
    bench.ask(cut(NodeId(1)));
    bench.notice(from, "n1 is a master: it has no link to one");
    bench.ask(cut(N2));
    bench.until_after(from, "cut", |event| {
        matches!(event, Event::FaultBegun { node: N2, fault: Fault::Cut, lasts: None })
    });
    let from = bench.now();
    bench.ask(LabCommand::Restart(N2));
    bench.node_event(from, 2, "started again", |event| matches!(event, NodeEvent::Ready { .. }));
    let from = bench.seen.len();
    bench.node_event(
        from,
        2,
        "still cut",
        |event| matches!(event, NodeEvent::LinkLost { reason } if reason.contains("the link is cut")),
    );
    assert!(bench.model().faults.is_cut(N2));
    bench.ask(heal.clone());
    bench.fault_ended(from, FaultKind::Cut, FaultEnd::Healed);
    bench.node_event(from, 2, "streaming", |event| {
        matches!(event, NodeEvent::Link(crate::node::LinkPhase::Streaming))
    });
    assert!(!bench.model().faults.is_cut(N2));
    bench.ask(heal);
    bench.notice(from, "n2 has no cut to heal");
    bench.end();
}

#[test]
fn a_fault_is_replaced_by_one_of_its_kind_and_healed_by_hand() {
    let mut bench = with_nodes_of_our_own(1);
    let from = bench.now();
    let slow = |ms| Fault::Latency {
        way: Way::Both,
        delay: Duration::from_millis(ms),
        jitter: Duration::ZERO,
        seed: 1,
    };
    // The first one's time is over while the second lasts: that must not end it.
    let lasts = Some(Duration::from_millis(100));
    bench.ask(LabCommand::BeginFault { node: N2, fault: slow(50), lasts });
    bench.ask(LabCommand::BeginFault { node: N2, fault: slow(80), lasts: None });
    bench.fault_ended(from, FaultKind::Latency, FaultEnd::Replaced);
    std::thread::sleep(Duration::from_millis(200));
    bench.ask(LabCommand::HealFault { node: N2, kind: FaultKind::BlackHole });
    bench.notice(from, "n2 has no black hole to heal");
    bench.ask(LabCommand::HealFault { node: N2, kind: FaultKind::Latency });
    bench.fault_ended(from, FaultKind::Latency, FaultEnd::Healed);
    let ends = bench.seen.iter().filter(|entry| matches!(entry.event, Event::FaultEnded { .. }));
    assert_eq!(ends.count(), 2);
    bench.end();
}

#[test]
fn faults_end_with_their_link_their_node_and_their_cluster() {
    let mut bench = with_nodes_of_our_own(2);
    let n3 = NodeId(3);
    let chunks = Fault::Chunks { way: Way::Both };
    for node in [N2, n3] {
        bench.ask(LabCommand::BeginFault { node, fault: chunks, lasts: None });
    }
    let from = bench.now();
    bench.ask(LabCommand::BeginFault { node: NodeId(1), fault: chunks, lasts: None });
    bench.notice(from, "n1 is a master");
    bench.ask(LabCommand::Promote(N2));
    bench.until_after(from, "the link is gone", |event| {
        matches!(event, Event::FaultEnded { node: N2, how: FaultEnd::Gone, .. })
    });
    // That of a node that is down goes on, and goes with it.
    bench.ask(LabCommand::Kill(n3));
    bench.node_event(from, 3, "gone", |event| matches!(event, NodeEvent::Stopped(_)));
    let from = bench.now();
    bench.ask(LabCommand::RemoveNode(n3));
    bench.until_after(from, "the node is gone", |event| {
        matches!(event, Event::FaultEnded { node: NodeId(3), how: FaultEnd::Gone, .. })
    });
    bench.ask(LabCommand::BeginFault { node: NodeId(1), fault: Fault::BlackHole, lasts: None });
    bench.until_after(from, "begun", |event| matches!(event, Event::FaultBegun { node: NodeId(1), .. }));
    let seen = bench.end();
    let last = seen.iter().rposition(|entry| matches!(entry.event, Event::FaultEnded { .. })).unwrap();
    assert!(matches!(seen[last].event, Event::FaultEnded { node: NodeId(1), how: FaultEnd::Gone, .. }));
    assert_eq!(seen.last().unwrap().event, Event::ClusterStopped);
}

#[test]
fn a_reset_without_a_time_happens_once() {
    let mut bench = with_nodes_of_our_own(1);
    let from = bench.now();
    let fault = Fault::Reset { every: Duration::from_secs(1) };
    bench.ask(LabCommand::BeginFault { node: N2, fault, lasts: None });
    bench.fault_ended(from, FaultKind::Reset, FaultEnd::Expired);
    bench.until_after(from, "lost", |event| {
        matches!(event, Event::Node { node: N2, event: NodeEvent::LinkLost { reason } } if reason.contains("reset"))
    });
    bench.ask(LabCommand::ClearFaults);
    bench.notice(from, "There is no fault to clear");
    bench.end();
}

#[test]
fn replicas_of_an_emptied_master_ask_and_the_users_word_is_passed_on() {
    let mut bench = with_nodes_of_our_own(3);
    let ports = [bench.port, bench.port + 1, bench.port + 2, bench.port + 3];
    let lose_the_master = |bench: &mut Bench, master: u16| {
        let from = bench.now();
        bench.ask(LabCommand::Kill(NodeId(master)));
        bench.node_event(from, master, "gone", |event| matches!(event, NodeEvent::Stopped(_)));
        bench.ask(LabCommand::Start(NodeId(master)));
        from
    };
    redis(ports[0], &["MSET", "a", "1", "b", "2", "c", "3"]);
    for port in &ports[1..] {
        bench.until_redis(*port, &["DBSIZE"], "3");
    }
    let from = lose_the_master(&mut bench, 1);
    for node in ["n2", "n3", "n4"] {
        bench.notice(from, &format!("{node} keeps its 3 keys: n1 came back with 0"));
    }
    bench.ask(LabCommand::LetWipe(NodeId(4)));
    bench.until_redis(ports[3], &["DBSIZE"], "0");
    for port in &ports[1..3] {
        assert_eq!(redis(*port, &["DBSIZE"]).trim(), "3");
    }
    // The others go on with what they have, and the emptied master follows.
    bench.ask(LabCommand::Promote(N2));
    for port in ports {
        bench.until_redis(port, &["DBSIZE"], "3");
    }
    // Without the question a warning comes before it is too late.
    bench.ask(LabCommand::AskBeforeWipe(false));
    bench.until("the switch", |event| matches!(event, Event::AsksBeforeWipe(false)));
    let from = lose_the_master(&mut bench, 2);
    bench.notice(from, "n2 starts without data, and its replicas will copy that");
    bench.until_redis(ports[2], &["DBSIZE"], "0");
    bench.ask(LabCommand::Kill(NodeId(4)));
    bench.node_event(from, 4, "gone", |event| matches!(event, NodeEvent::Stopped(_)));
    bench.ask(LabCommand::LetWipe(NodeId(4)));
    bench.notice(from, "n4 cannot be told");
    bench.end();
}
