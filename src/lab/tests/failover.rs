use super::*;
use crate::lab::tests::process::redis_is_installed;
use crate::node::StopReason;

fn workload(on: bool) -> LabCommand {
    LabCommand::Workload(WorkloadSettings { on, writes_per_second: 2000, ..WorkloadSettings::default() })
}

#[test]
fn a_killed_master_is_replaced_by_partial_resyncs_and_comes_back_as_a_replica() {
    if !redis_is_installed("failover") {
        return;
    }
    let mut bench = Bench::with_cluster(Preset::Star { replicas: 2 }, 3);
    let port = bench.port;
    bench.ask(workload(true));
    bench.until("writes", |event| matches!(event, Event::Workload(sample) if sample.writes_ok > 500));

    let from = bench.now();
    bench.ask(LabCommand::Kill(NodeId(1)));
    bench.node_event(from, 1, "killed", |event| matches!(event, NodeEvent::Stopped(StopReason::Killed)));
    bench.until_after(from, "failed writes", |event| {
        matches!(event, Event::Workload(sample) if sample.writes_failed > 0 && sample.last_error.is_some())
    });

    // The one that is ahead, as nothing else could be continued by the other one.
    bench.until_redis(port + 1, &["INFO", "replication"], "master_link_status:down");
    bench.until_redis(port + 2, &["INFO", "replication"], "master_link_status:down");
    let offset = |replica: u16| figure(port + replica, "master_repl_offset");
    let (new, other) = if offset(1) >= offset(2) { (1, 2) } else { (2, 1) };
    bench.ask(LabCommand::Promote(NodeId(new + 1)));
    let mut step = |step: PromotionStep| {
        let entry = bench.until_after(from, "promotion", |event| {
            matches!(event, Event::Promotion { node, step: told, .. } if node.0 == new + 1 && *told == step)
        });
        let Event::Promotion { after, .. } = entry.event else { unreachable!() };
        after
    };
    let promoted = step(PromotionStep::Promoted);
    let writable = step(PromotionStep::Writable);
    step(PromotionStep::Reparented(NodeId(other + 1)));
    assert!(promoted <= writable && writable < Duration::from_secs(1), "{promoted:?} {writable:?}");

    let (new_port, other_port) = (port + new, port + other);
    bench.until_redis(other_port, &["INFO", "replication"], "master_link_status:up");
    assert!(redis(other_port, &["INFO", "replication"]).contains(&format!("master_port:{new_port}")));
    assert_eq!((figure(new_port, "sync_partial_ok"), figure(new_port, "sync_full")), (1, 0));
    let from = bench.now();
    bench.until_after(from, "writes go to the new master", |event| {
        matches!(event, Event::Workload(sample) if sample.writes_ok > 500 && sample.writes_failed == 0)
    });

    bench.ask(LabCommand::Start(NodeId(1)));
    bench.notice(from, &format!("n1 comes back as a replica of n{}", new + 1));
    bench.until_redis(port, &["INFO", "replication"], "master_link_status:up");
    bench.ask(workload(false));
    bench.until("off", |event| matches!(event, Event::WorkloadChanged(settings) if !settings.on));
    std::thread::sleep(Duration::from_millis(300));
    let digest = redis(new_port, &["DEBUG", "DIGEST"]);
    for replica in [port, other_port] {
        bench.until_redis(replica, &["DEBUG", "DIGEST"], digest.trim());
    }
    let seen = bench.end();
    assert!(matches!(seen.last().unwrap().event, Event::ClusterStopped));
    let errors = seen.iter().filter(|e| matches!(e.event, Event::Notice { level: NoticeLevel::Error, .. }));
    assert_eq!(errors.count(), 0);
}

#[test]
fn promoting_beside_a_living_master_leaves_one_master() {
    if !redis_is_installed("switchover") {
        return;
    }
    let mut bench = Bench::with_cluster(Preset::Star { replicas: 2 }, 3);
    let port = bench.port;
    bench.ask(LabCommand::Promote(NodeId(3)));
    bench.ask(LabCommand::Promote(NodeId(3)));
    bench.until_redis(port + 2, &["INFO", "replication"], "connected_slaves:2");
    bench.until_redis(port, &["INFO", "replication"], "role:slave");
    let from = bench.now();
    bench.ask(LabCommand::Promote(NodeId(3)));
    bench.notice(from, "n3 is a master already");
    // redis.conf says so too.
    bench.until_conf(port, &format!("replicaof 127.0.0.1 {}", port + 2));
    bench.end();
}

#[test]
fn a_frozen_old_master_follows_the_new_one_once_it_thaws() {
    if !redis_is_installed("thaw") {
        return;
    }
    let mut bench = Bench::with_cluster(Preset::Star { replicas: 2 }, 3);
    let port = bench.port;
    bench.ask(LabCommand::Freeze(NodeId(1)));
    bench.until("silent", |event| matches!(event, Event::Silent { node: NodeId(1), .. }));
    let from = bench.now();
    bench.ask(LabCommand::Promote(NodeId(1)));
    bench.notice(from, "n1 is frozen");
    bench.ask(LabCommand::Promote(NodeId(2)));
    bench.until("promoted", |event| {
        matches!(event, Event::Promotion { step: PromotionStep::Reparented(NodeId(3)), .. })
    });
    bench.ask(LabCommand::Thaw(NodeId(1)));
    bench.notice(from, "n1 is back and follows n2");
    bench.until_redis(port, &["INFO", "replication"], &format!("master_port:{}", port + 1));
    bench.until_after(from, "answers again", |event| matches!(event, Event::Answering { node: NodeId(1) }));
    bench.end();
}

#[test]
fn the_middle_of_a_chain_can_take_over_its_upper_end() {
    if !redis_is_installed("chain") {
        return;
    }
    let mut bench = Bench::with_cluster(Preset::Chain { nodes: 3 }, 3);
    let port = bench.port;
    let from = bench.now();
    bench.ask(LabCommand::ReplicaOf { node: NodeId(1), master: NodeId(3) });
    bench.notice(from, "n3 follows n1 already");
    bench.ask(LabCommand::ReplicaOf { node: NodeId(1), master: NodeId(1) });
    bench.notice(from, "n1 cannot follow itself");
    bench.ask(LabCommand::ReplicaOf { node: NodeId(3), master: NodeId(2) });
    bench.notice(from, "n3 follows n2 already");
    bench.ask(LabCommand::ReplicaOf { node: NodeId(3), master: NodeId(1) });
    bench.until_redis(port, &["INFO", "replication"], "connected_slaves:2");
    bench.ask(LabCommand::Kill(NodeId(1)));
    bench.ask(LabCommand::Promote(NodeId(2)));
    bench.until_redis(port + 1, &["INFO", "replication"], "connected_slaves:1");
    bench.ask(LabCommand::Start(NodeId(1)));
    bench.until_redis(port + 1, &["INFO", "replication"], "connected_slaves:2");
    bench.end();
}
