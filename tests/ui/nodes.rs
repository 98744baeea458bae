//! Breaking and healing nodes: by their menu, by the inspector, and what is asked before something is lost.

use eframe::egui::{Key, Modifiers, vec2};
use egui_kittest::kittest::Queryable;
use repliscope::lab::{Event, FaultEnd, LabCommand, NoticeLevel};
use repliscope::node::{Fault, FaultKind};

use crate::bench::Bench;
use crate::story::{failover, node, streaming};

#[test]
fn the_menu_of_a_replica_sends_what_it_says() {
    for (entry, command) in [
        ("Kill", LabCommand::Kill(node(7002))),
        ("Stop", LabCommand::Stop(node(7002))),
        ("Restart", LabCommand::Restart(node(7002))),
        ("Freeze", LabCommand::Freeze(node(7002))),
        ("Cut link", LabCommand::BeginFault { node: node(7002), fault: Fault::Cut, lasts: None }),
    ] {
        let mut bench = Bench::after(&streaming(3.0));
        bench.click("Node menu 7002");
        bench.click(entry);
        assert_eq!(bench.wished(), [command]);
    }
}

#[test]
fn a_right_click_opens_the_same_menu() {
    let mut bench = Bench::after(&streaming(3.0));
    bench.window.get_by_label("Node 7003").click_secondary();
    bench.settle();
    bench.click("Freeze");
    assert_eq!(bench.wished(), [LabCommand::Freeze(node(7003))]);
}

#[test]
fn the_inspector_shows_the_chosen_node_and_breaks_it() {
    let mut bench = Bench::after(&streaming(3.0));
    bench.window.get_by_label("Kill 7001");
    bench.click("Node 7003");
    bench.window.get_by_label("redis-cli -p 7003");
    bench.click("Kill 7003");
    assert_eq!(bench.wished(), [LabCommand::Kill(node(7003))]);
}

#[test]
fn killing_a_master_under_load_says_what_happens_first() {
    let mut bench = Bench::after(&streaming(3.0));
    bench.click("Kill 7001");
    assert!(bench.wished().is_empty());
    bench.window.get_by_label("Kill master 7001?");
    bench.window.get_by_label_contains("200 writes per second fail");
    bench.click("Cancel");
    assert!(bench.window.query_by_label("Kill master 7001?").is_none());
    assert!(bench.wished().is_empty());

    bench.click("Kill 7001");
    bench.click("Kill it");
    assert_eq!(bench.wished(), [LabCommand::Kill(node(7001))]);
}

#[test]
fn promoting_beside_a_living_master_is_asked_and_after_its_death_it_is_not() {
    let mut bench = Bench::after(&streaming(3.0));
    bench.click("Node 7002");
    bench.click("Promote 7002");
    bench.window.get_by_label("Promote 7002 while 7001 still answers?");
    bench.click("Promote it");
    assert_eq!(bench.wished(), [LabCommand::Promote(node(7002))]);

    let mut story = streaming(3.0);
    story.kill(7001);
    story.run(1.0);
    let mut bench = Bench::after(&story);
    bench.click("Node 7002");
    bench.click("Promote 7002");
    assert_eq!(bench.wished(), [LabCommand::Promote(node(7002))]);
}

#[test]
fn a_killed_node_can_be_started_and_nothing_else() {
    let mut bench = Bench::after(&failover());
    bench.click("Node 7001");
    assert!(bench.window.query_by_label("Kill 7001").is_none());
    bench.click("Freeze 7001");
    bench.click("Promote 7001");
    assert!(bench.wished().is_empty(), "both are grey");
    bench.click("Start 7001");
    assert_eq!(bench.wished(), [LabCommand::Start(node(7001))]);
}

#[test]
fn a_replica_can_follow_another_one_but_not_itself_or_its_own_master() {
    let mut bench = Bench::after(&streaming(3.0));
    bench.click("Node 7003");
    bench.click("Make 7003 replica of");
    assert!(bench.window.query_by_label("Make 7003 replica of 7003").is_none());
    bench.click("Make 7003 replica of 7001");
    assert!(bench.wished().is_empty(), "it follows 7001 already");
    bench.click("Make 7003 replica of");
    bench.click("Make 7003 replica of 7002");
    assert_eq!(bench.wished(), [LabCommand::ReplicaOf { node: node(7003), master: node(7002) }]);
}

#[test]
fn a_cut_link_is_healed_where_it_was_cut() {
    let mut story = streaming(3.0);
    story.cut(7002);
    let mut bench = Bench::after(&story);
    bench.window.get_by_label("Link of 7002: cut");
    bench.click("Node 7002");
    bench.click("Heal link 7002");
    bench.click("Clear faults");
    let heal = LabCommand::HealFault { node: node(7002), kind: FaultKind::Cut };
    assert_eq!(bench.wished(), [heal, LabCommand::ClearFaults]);

    // It outlives its node and a restart of it.
    story.kill(7002);
    story.run(1.0);
    story.up(7002);
    let mut bench = Bench::after(&story);
    bench.window.get_by_label("Link of 7002: cut");
    bench.click("Node 7002");
    bench.window.get_by_label("Heal link 7002");
}

#[test]
fn a_cut_and_its_end_are_told_in_their_own_words_and_once() {
    let mut story = streaming(3.0);
    story.cut(7002);
    story.push(Event::Asked(LabCommand::HealFault { node: node(7002), kind: FaultKind::Cut }));
    story.fault_ended(7002, FaultKind::Cut, FaultEnd::Healed);
    let mut bench = Bench::after(&story);
    assert!(bench.window.query_by_label("Link of 7002: cut").is_none());
    bench.click("Node 7002");
    bench.window.get_by_label("Cut link 7002");
    bench.click("Timeline");
    for told in [
        "Asked to cut the link of 7002",
        "Fault begins: cut, until healed",
        "Asked to heal the link of 7002",
        "Fault ends: cut, healed by hand",
    ] {
        bench.window.get_by_label_contains(told);
    }
    for twice in ["Its link was cut", "Its link was healed"] {
        assert!(bench.window.query_by_label_contains(twice).is_none());
    }
}

#[test]
fn a_node_is_reached_with_the_keyboard_alone() {
    let mut bench = Bench::after(&streaming(3.0));
    bench.window.get_by_label("Node menu 7002").focus();
    bench.settle();
    bench.window.key_press(Key::Enter);
    bench.settle();
    bench.window.get_by_label("Freeze").focus();
    bench.settle();
    bench.window.key_press(Key::Enter);
    bench.settle();
    assert_eq!(bench.wished(), [LabCommand::Freeze(node(7002))]);
}

#[test]
fn the_palette_finds_an_action_by_its_letters() {
    let mut bench = Bench::after(&streaming(3.0));
    bench.window.key_press_modifiers(Modifiers::COMMAND, Key::K);
    bench.settle();
    bench.window.get_by_label("Find an action").type_text("freeze 7003");
    bench.settle();
    bench.window.key_press(Key::Enter);
    bench.settle();
    assert_eq!(bench.wished(), [LabCommand::Freeze(node(7003))]);
}

#[test]
fn stopping_the_cluster_is_asked() {
    let mut bench = Bench::after(&streaming(3.0));
    bench.click("Cluster");
    bench.click("Stop cluster");
    assert!(bench.wished().is_empty());
    bench.click("Stop all nodes");
    assert_eq!(bench.wished(), [LabCommand::StopCluster]);
}

#[test]
fn what_failed_is_shown_and_stays_in_the_list() {
    let mut story = streaming(3.0);
    story.notice(NoticeLevel::Error, Some(7003), "7003 did not start: the port is taken");
    let mut bench = Bench::after(&story);
    bench.window.get_by_label("7003 did not start: the port is taken");
    bench.click("Dismiss message 1");
    assert!(bench.window.query_by_label("7003 did not start: the port is taken").is_none());
    bench.click("Notices");
    bench.window.get_by_label("7003 did not start: the port is taken");
}

#[test]
fn a_wish_that_the_lab_does_not_take_is_told() {
    let mut bench = Bench::after(&streaming(3.0));
    bench.hang_up();
    bench.click("Freeze 7001");
    bench.window.get_by_label_contains("The lab has ended");
}

#[test]
fn a_replica_is_dragged_onto_the_node_that_it_is_to_follow() {
    let mut bench = Bench::after(&streaming(3.0));
    let from = bench.window.get_by_label("Node 7003").rect().center();
    let to = bench.window.get_by_label("Node 7002").rect().center();
    bench.drag(from, to);
    assert_eq!(bench.wished(), [LabCommand::ReplicaOf { node: node(7003), master: node(7002) }]);

    // Onto its own master, or onto nothing: no wish.
    let master = bench.window.get_by_label("Node 7001").rect().center();
    bench.drag(from, master);
    bench.drag(from, from + vec2(0.0, 60.0));
    assert!(bench.wished().is_empty());
}

#[test]
fn the_inspector_tells_how_a_promotion_went() {
    let bench = Bench::after(&failover());
    bench.window.get_by_label("First write accepted after 3.1 ms");
    bench.window.get_by_label("7003 follows after 3.9 ms");
}
