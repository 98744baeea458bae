//! Links with something wrong: what each fault looks like from both ends, and that its end heals it.

use std::time::{Duration, Instant};

use repliscope::node::{Fault, FaultKind, LinkPhase, NodeEvent, Way};

use super::links::{counters, pair};
use super::support::data::{fill, write_all_forms};
use super::support::{Server, until, until_equal};

const IMPATIENT: [&str; 2] = ["repl-timeout 2", "repl-ping-replica-period 1"];

fn latency(delay: Duration) -> Fault {
    Fault::Latency { way: Way::Both, delay, jitter: delay / 2, seed: 1 }
}

fn link_is_down(replica: &Server) {
    until("the link is down", &[replica], || replica.info("master_link_status") == "down");
}

fn gone_reasons(master: &Server) -> Vec<String> {
    let reason = |event| match event {
        NodeEvent::ReplicaGone { reason, .. } => Some(reason),
        _ => None,
    };
    master.events().into_iter().filter_map(reason).collect()
}

#[test]
fn a_black_hole_holds_what_is_sent_and_lets_all_of_it_arrive_when_it_is_healed() {
    let (master, replica) = pair(&[]);
    replica.handle().begin_fault(Fault::BlackHole);
    let mut client = master.client();
    until("nothing arrives", &[&replica], || {
        client.ask(&["SET", "k", "v"]);
        client.ask(&["WAIT", "1", "50"]).text() == "0"
    });
    for round in 0..3 {
        write_all_forms(&master, round);
    }
    let offset = replica.offset();
    client.ask(&["SET", "k", "w"]);
    assert_eq!(client.ask(&["WAIT", "1", "200"]).text(), "0");
    assert_eq!(replica.offset(), offset);
    assert_eq!(replica.info("master_link_status"), "up", "nobody can know yet");
    replica.handle().end_fault(FaultKind::BlackHole);
    until_equal(&master, &replica);
    assert_eq!(counters(&master), (1, 0), "it is the same connection");
}

#[test]
fn both_ends_of_a_black_hole_give_up_after_repl_timeout_each_by_itself() {
    let (master, replica) = pair(&IMPATIENT);
    replica.handle().begin_fault(Fault::BlackHole);
    let begun = Instant::now();
    link_is_down(&replica);
    assert!(begun.elapsed() > Duration::from_secs(1), "{:?}", begun.elapsed());
    until("the master gives up too", &[&master], || master.info("connected_slaves") == "0");
    let reasons = gone_reasons(&master);
    assert!(!reasons[0].contains("closed"), "it cannot have heard of the other end: {reasons:?}");
    master.ask("SET k v");
    replica.handle().end_fault(FaultKind::BlackHole);
    until_equal(&master, &replica);
    assert_eq!(counters(&master), (1, 1));
}

#[test]
fn a_link_into_a_black_hole_connects_when_that_is_healed() {
    let master = Server::node(&[]);
    let replica = Server::node(&[]);
    replica.handle().begin_fault(Fault::BlackHole);
    replica.follow(&master);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(master.info("connected_slaves"), "0");
    assert_eq!(replica.info("master_link_status"), "down");
    replica.handle().end_fault(FaultKind::BlackHole);
    until_equal(&master, &replica);
}

#[test]
fn acks_are_lost_to_sight_one_way_and_data_the_other() {
    let (master, replica) = pair(&[]);
    replica.handle().begin_fault(Fault::OneWayCut { way: Way::ToMaster });
    let mut client = master.client();
    client.ask(&["SET", "k", "1"]);
    until("the data arrives", &[&replica], || replica.ask("GET k") == "1");
    assert_eq!(client.ask(&["WAIT", "1", "200"]).text(), "0");
    // In place of the first: the same kind of fault.
    replica.handle().begin_fault(Fault::OneWayCut { way: Way::ToReplica });
    assert_eq!(client.ask(&["WAIT", "1", "2000"]).text(), "1", "what was held arrives");
    client.ask(&["SET", "k", "2"]);
    assert_eq!(client.ask(&["WAIT", "1", "200"]).text(), "0");
    assert_eq!(replica.ask("GET k"), "1");
    replica.handle().end_fault(FaultKind::OneWayCut);
    until_equal(&master, &replica);
    assert_eq!(counters(&master), (1, 0));
}

#[test]
fn the_master_drops_a_replica_that_it_does_not_hear() {
    let (master, replica) = pair(&IMPATIENT);
    replica.handle().begin_fault(Fault::OneWayCut { way: Way::ToMaster });
    until("the master drops it", &[&master], || master.info("connected_slaves") == "0");
    replica.handle().end_fault(FaultKind::OneWayCut);
    until_equal(&master, &replica);
    assert_eq!(counters(&master), (1, 1));
}

#[test]
fn latency_makes_acks_late_and_changes_nothing_else() {
    let (master, replica) = pair(&[]);
    replica.handle().begin_fault(latency(Duration::from_millis(100)));
    for round in 0..3 {
        write_all_forms(&master, round);
    }
    let mut client = master.client();
    let begun = Instant::now();
    client.ask(&["SET", "k", "v"]);
    assert_eq!(client.ask(&["WAIT", "1", "5000"]).text(), "1");
    assert!(begun.elapsed() >= Duration::from_millis(200), "there and back: {:?}", begun.elapsed());
    until_equal(&master, &replica);
    assert_eq!(counters(&master), (1, 0));
    replica.handle().end_fault(FaultKind::Latency);
    until("ACKs are fresh again", &[&replica], || {
        client.ask(&["SET", "k", "w"]);
        let begun = Instant::now();
        client.ask(&["WAIT", "1", "5000"]).text() == "1" && begun.elapsed() < Duration::from_millis(150)
    });
}

#[test]
fn a_full_sync_goes_through_latency() {
    let master = Server::node(&[]);
    fill(&master);
    let replica = Server::node(&[]);
    replica.handle().begin_fault(latency(Duration::from_millis(20)));
    replica.follow(&master);
    until_equal(&master, &replica);
    assert_eq!(counters(&master), (1, 0));
}

#[test]
fn a_narrow_link_lets_the_replica_lag_and_catch_up() {
    let (master, replica) = pair(&[]);
    replica.handle().begin_fault(Fault::Bandwidth { way: Way::ToReplica, bytes_per_second: 50_000 });
    let value = "x".repeat(1000);
    let mut client = master.client();
    let begun = Instant::now();
    for key in 0..50 {
        client.ask(&["SET", &format!("key:{key}"), &value]);
    }
    let behind = master.offset() - replica.offset();
    assert!(behind > 20_000, "{behind}");
    until("it has caught up", &[&replica], || replica.offset() >= 50_000);
    assert!(begun.elapsed() > Duration::from_millis(800), "{:?}", begun.elapsed());
    until_equal(&master, &replica);
    assert_eq!(counters(&master), (1, 0));
}

#[test]
fn a_reset_is_seen_as_one_and_continued() {
    let (master, replica) = pair(&[]);
    replica.handle().begin_fault(Fault::Reset { every: Duration::from_mins(1) });
    replica.handle().end_fault(FaultKind::Reset);
    until("it was continued", &[&master], || counters(&master) == (1, 1));
    assert!(gone_reasons(&master)[0].contains("reset"), "{:?}", gone_reasons(&master));
    write_all_forms(&master, 1);
    until_equal(&master, &replica);
    assert_eq!(counters(&master), (1, 1), "once means once");
}

#[test]
fn connections_that_are_reset_again_and_again_lose_nothing() {
    let (master, replica) = pair(&[]);
    replica.handle().begin_fault(Fault::Reset { every: Duration::from_millis(60) });
    let mut round = 0;
    until("three resets", &[&master, &replica], || {
        write_all_forms(&master, round);
        round += 1;
        counters(&master).1 >= 3
    });
    replica.handle().end_fault(FaultKind::Reset);
    until_equal(&master, &replica);
    assert_eq!(counters(&master).0, 1);
}

#[test]
fn a_full_sync_and_a_stream_of_single_bytes_arrive_whole() {
    for diskless in ["repl-diskless-sync yes", "repl-diskless-sync no"] {
        let master = Server::node(&[diskless]);
        write_all_forms(&master, 1);
        let replica = Server::node(&[]);
        replica.handle().begin_fault(Fault::Chunks { way: Way::Both });
        replica.follow(&master);
        until("the link is up", &[&master, &replica], || replica.info("master_link_status") == "up");
        write_all_forms(&master, 2);
        until_equal(&master, &replica);
        assert_eq!(counters(&master), (1, 0));
    }
}

#[test]
fn faults_that_are_healed_in_another_order_leave_a_link_that_works() {
    let (master, replica) = pair(&IMPATIENT);
    let node = replica.handle();
    node.begin_fault(latency(Duration::from_millis(30)));
    node.begin_fault(Fault::BlackHole);
    write_all_forms(&master, 1);
    node.begin_fault(Fault::Cut);
    link_is_down(&replica);
    node.end_fault(FaultKind::BlackHole);
    write_all_forms(&master, 2);
    node.end_fault(FaultKind::Cut);
    until("the link is up", &[&replica], || replica.info("master_link_status") == "up");
    node.end_fault(FaultKind::Latency);
    until_equal(&master, &replica);
    assert_eq!(counters(&master), (1, 1));
}

#[test]
fn a_snapshot_that_is_held_goes_on_and_one_that_is_reset_comes_again_whole() {
    let master = Server::node(&["repl-diskless-sync no"]);
    fill(&master);
    let replica = Server::node(&[]);
    replica.ask("SET old data");
    let node = replica.handle();
    node.begin_fault(Fault::Bandwidth { way: Way::ToReplica, bytes_per_second: 400_000 });
    replica.follow(&master);
    let transfers = || {
        let arrives =
            |event: &NodeEvent| matches!(event, NodeEvent::Link(LinkPhase::Transfer { received: 1.., .. }));
        replica.events().iter().filter(|event| arrives(event)).count()
    };
    until("it arrives", &[&replica], || transfers() > 1);
    node.begin_fault(Fault::BlackHole);
    std::thread::sleep(Duration::from_millis(150));
    let held = transfers();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(transfers(), held, "nothing arrives");
    assert_eq!(replica.ask("GET old"), "data", "the old data serve until the new are whole");
    node.end_fault(FaultKind::BlackHole);
    until("it goes on", &[&replica], || transfers() > held);
    assert_eq!(counters(&master), (1, 0));
    node.begin_fault(Fault::Reset { every: Duration::from_mins(1) });
    node.end_fault(FaultKind::Reset);
    node.end_fault(FaultKind::Bandwidth);
    until_equal(&master, &replica);
    assert_eq!(counters(&master), (2, 0), "half a snapshot is no history");
}
