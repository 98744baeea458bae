use std::net::TcpListener;

use super::*;
use crate::lab::recording::read_recording;
use crate::lab::tests::process::redis_is_installed;
use crate::node::{Fault, FaultKind, StopReason};

fn single(bench: &Bench) -> LabCommand {
    LabCommand::StartCluster { preset: Preset::Single, port: bench.port }
}

#[test]
fn a_taken_port_starts_nothing_and_offers_the_next_block() {
    let mut bench = Bench::new(8);
    let held = TcpListener::bind(("127.0.0.1", bench.port + 1)).unwrap();
    bench.ask(LabCommand::StartCluster { preset: Preset::Star { replicas: 2 }, port: bench.port });
    let entry = bench.until("ports taken", |event| matches!(event, Event::PortsTaken { .. }));
    let Event::PortsTaken { taken, offer, .. } = entry.event else { unreachable!() };
    assert_eq!(taken.len(), 1);
    assert_eq!((taken[0].0, offer), (bench.port + 1, bench.port + 2));
    assert!(!bench.seen.iter().any(|entry| matches!(entry.event, Event::ClusterPlanned { .. })));
    drop(held);
    bench.end();
}

#[test]
fn wishes_about_nothing_are_answered_and_never_harm() {
    let mut bench = Bench::new(3);
    let nobody = NodeId(9);
    for command in [
        LabCommand::StopCluster,
        LabCommand::AddNode { master: None },
        LabCommand::RemoveNode(nobody),
        LabCommand::Start(nobody),
        LabCommand::Stop(nobody),
        LabCommand::Restart(nobody),
        LabCommand::Kill(nobody),
        LabCommand::Freeze(nobody),
        LabCommand::Thaw(nobody),
        LabCommand::Promote(nobody),
        LabCommand::ReplicaOf { node: nobody, master: NodeId(8) },
        LabCommand::BeginFault { node: nobody, fault: Fault::Cut, lasts: None },
        LabCommand::HealFault { node: nobody, kind: FaultKind::Cut },
        LabCommand::Console { id: 1, target: ConsoleTarget::All, line: "PING".into() },
        LabCommand::ClearFaults,
        LabCommand::StartCluster { preset: Preset::Chain { nodes: 0 }, port: bench.port },
        LabCommand::StartCluster { preset: Preset::Star { replicas: u16::MAX }, port: bench.port },
        LabCommand::SaveRecording("/no/such/folder/x".into()),
    ] {
        let from = bench.now();
        bench.ask(command.clone());
        bench.until_after(from, &format!("{command:?}"), |event| matches!(event, Event::Notice { .. }));
    }
    let from = bench.now();
    bench.ask(LabCommand::Console { id: 7, target: ConsoleTarget::Node(nobody), line: "PING".into() });
    bench.until_after(from, "reply", |event| {
        matches!(event, Event::ConsoleReply { id: 7, reply: ReplyValue::ConnectionFailed(_), .. })
    });
    bench.end();
}

#[test]
fn a_stopped_node_keeps_its_data_and_a_new_cluster_begins_empty() {
    if !redis_is_installed("stop") {
        return;
    }
    let mut bench = Bench::with_cluster(Preset::Single, 1);
    let port = bench.port;
    redis(port, &["SET", "k", "v"]);
    let from = bench.now();
    bench.ask(LabCommand::Stop(NodeId(1)));
    bench.ask(LabCommand::Stop(NodeId(1)));
    bench.notice(from, "n1 is stopping already");
    bench.node_event(from, 1, "stopped", |event| matches!(event, NodeEvent::Stopped(StopReason::Shutdown)));
    bench.ask(LabCommand::Stop(NodeId(1)));
    bench.notice(from, "n1 is stopped already");
    let from = bench.now();
    bench.ask(LabCommand::Restart(NodeId(1)));
    bench.until_after(from, "answers", |event| matches!(event, Event::Answering { .. }));
    assert_eq!(redis(port, &["GET", "k"]), "v\n");
    bench.ask(LabCommand::Start(NodeId(1)));
    bench.notice(from, "n1 runs already");

    // A double click is one start; later the same wish is a fresh cluster.
    std::thread::sleep(Duration::from_secs(2));
    let from = bench.now();
    bench.ask(single(&bench));
    bench.until_after(from, "ended", |event| matches!(event, Event::ClusterStopped));
    bench.until_after(from, "answers", |event| matches!(event, Event::Answering { .. }));
    bench.ask(single(&bench));
    bench.notice(from, "This cluster is starting already");
    assert_eq!(redis(port, &["GET", "k"]), "\n");
    assert!(bench.data_dir.path().join(port.to_string()).join("dump.rdb.previous").exists());
    bench.end();
}

#[test]
fn nodes_are_added_and_removed_while_the_cluster_runs() {
    if !redis_is_installed("add") {
        return;
    }
    let mut bench = Bench::with_cluster(Preset::Single, 1);
    let port = bench.port;
    let from = bench.now();
    // These are servers that do not ask.
    bench.ask(LabCommand::AskBeforeWipe(false));
    bench.ask(LabCommand::AddNode { master: Some(NodeId(1)) });
    bench.until_redis(port, &["INFO", "replication"], "state=online");
    bench.until_after(from, "answers", |event| matches!(event, Event::Answering { node: NodeId(2) }));
    bench.ask(LabCommand::RemoveNode(NodeId(2)));
    bench.notice(from, "n2 still runs");
    bench.ask(LabCommand::Kill(NodeId(1)));
    bench.node_event(from, 1, "killed", |event| matches!(event, NodeEvent::Stopped(_)));
    bench.ask(LabCommand::RemoveNode(NodeId(1)));
    bench.notice(from, "n2 follows n1");
    bench.ask(LabCommand::Start(NodeId(1)));
    bench.notice(from, "n1 starts without data");
    bench.ask(LabCommand::Kill(NodeId(2)));
    bench.node_event(from, 2, "killed", |event| matches!(event, NodeEvent::Stopped(_)));
    bench.ask(LabCommand::RemoveNode(NodeId(2)));
    bench.until_after(from, "removed", |event| matches!(event, Event::NodeRemoved(NodeId(2))));
    bench.end();
}

#[test]
fn a_recording_holds_the_whole_story() {
    if !redis_is_installed("recording") {
        return;
    }
    let mut bench = Bench::with_cluster(Preset::Star { replicas: 1 }, 2);
    let path = bench.data_dir.path().join("story.repliscope");
    bench.ask(LabCommand::SaveRecording(path.clone()));
    bench.notice(0, "Saved");
    let read = read_recording(&path).unwrap();
    let seen: Vec<_> = bench.seen.iter().take(read.len()).cloned().collect();
    assert_eq!(read, seen);
    assert!(read.iter().any(|entry| matches!(entry.event, Event::Sample { .. })));
    bench.end();
}

#[test]
fn a_cluster_at_rest_tells_nothing() {
    if !redis_is_installed("rest") {
        return;
    }
    let mut bench = Bench::with_cluster(Preset::Star { replicas: 1 }, 2);
    std::thread::sleep(Duration::from_secs(3));
    let from = bench.now();
    std::thread::sleep(Duration::from_secs(4));
    let to = bench.now();
    // Once in ten seconds a master pings its replicas, which moves the offset of both.
    let told: Vec<_> = bench.seen[from..to].iter().map(|entry| &entry.event).collect();
    assert!(told.len() <= 3, "{told:#?}");
    bench.end();
}

#[test]
fn a_window_that_goes_away_ends_the_lab_and_its_nodes() {
    if !redis_is_installed("window gone") {
        return;
    }
    let bench = Bench::with_cluster(Preset::Single, 1);
    let port = bench.port;
    drop(bench.parts.commands);
    let deadline = Instant::now() + Duration::from_secs(3);
    while TcpStream::connect(("127.0.0.1", port)).is_ok() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(10));
    }
}
