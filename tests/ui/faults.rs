//! Faults: begun in their dialog, seen where they are and on the graphs for as long as they last, and healed.

use std::time::Duration;

use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable};
use repliscope::lab::{FaultEnd, LabCommand};
use repliscope::node::{Fault, FaultKind, Way};

use crate::bench::Bench;
use crate::story::{Story, node, streaming};

const LATENCY: Fault = Fault::Latency {
    way: Way::Both,
    delay: Duration::from_millis(200),
    jitter: Duration::from_millis(50),
    seed: 1,
};

/// Faults that are over, and three that last: two on a link, one of a disk.
pub(crate) fn tale() -> Story {
    let mut story = streaming(14.0);
    story.fault(7003, Fault::Bandwidth { way: Way::ToReplica, bytes_per_second: 16_384 }, Some(20));
    story.run(6.0);
    story.fault(7002, Fault::Reset { every: Duration::from_secs(2) }, None);
    story.fault_ended(7002, FaultKind::Reset, FaultEnd::Expired);
    story.run(5.0);
    story.fault(7001, Fault::FullDisk, Some(60));
    story.run(3.0);
    story.fault(7002, LATENCY, Some(30));
    story.run(6.0);
    story.fault_ended(7003, FaultKind::Bandwidth, FaultEnd::Expired);
    story.fault(7002, Fault::Chunks { way: Way::Both }, None);
    story.fault(7003, Fault::OneWayCut { way: Way::ToMaster }, Some(30));
    story.run(4.0);
    story
}

fn begin(bench: &mut Bench, port: u16, name: &str) {
    bench.click(&format!("Node menu {port}"));
    bench.click("Faults…");
    bench.click(name);
}

#[test]
fn a_fault_is_begun_from_the_menu_of_its_node_with_figures_that_show_something() {
    let some = Some(Duration::from_secs(30));
    for (name, button, fault) in [
        ("Cut", "Begin cut", Fault::Cut),
        ("One-way cut", "Begin one-way cut", Fault::OneWayCut { way: Way::ToReplica }),
        ("Black hole", "Begin black hole", Fault::BlackHole),
        ("Latency", "Begin latency", LATENCY),
        (
            "Bandwidth limit",
            "Begin bandwidth limit",
            Fault::Bandwidth { way: Way::Both, bytes_per_second: 16_384 },
        ),
        ("Reset", "Begin reset", Fault::Reset { every: Duration::from_secs(2) }),
        ("1-byte chunks", "Begin 1-byte chunks", Fault::Chunks { way: Way::Both }),
        ("Slow disk", "Begin slow disk", Fault::SlowDisk { delay: Duration::from_millis(100) }),
        ("Full disk", "Begin full disk", Fault::FullDisk),
        ("Disk errors", "Begin disk errors", Fault::DiskErrors { nth: 3 }),
    ] {
        let mut bench = Bench::after(&streaming(3.0));
        begin(&mut bench, 7002, name);
        bench.click(button);
        assert_eq!(bench.wished(), [LabCommand::BeginFault { node: node(7002), fault, lasts: some }]);
        assert!(bench.window.query_by_label(button).is_none(), "the dialog is closed");
    }
}

#[test]
fn a_fault_without_a_time_lasts_until_it_is_healed_and_a_way_can_be_chosen() {
    let mut bench = Bench::after(&streaming(3.0));
    begin(&mut bench, 7003, "One-way cut");
    bench.click("to the master");
    bench.click("Heals itself after");
    bench.click("Begin one-way cut");
    let fault = Fault::OneWayCut { way: Way::ToMaster };
    assert_eq!(bench.wished(), [LabCommand::BeginFault { node: node(7003), fault, lasts: None }]);
}

#[test]
fn a_master_has_no_link_that_could_go_wrong() {
    let mut bench = Bench::after(&streaming(3.0));
    bench.click("Node menu 7001");
    bench.click("Faults…");
    assert!(bench.window.query_by_label("Latency").is_none());
    bench.click("Begin full disk");
    let lasts = Some(Duration::from_secs(30));
    assert_eq!(bench.wished(), [LabCommand::BeginFault { node: node(7001), fault: Fault::FullDisk, lasts }]);
}

#[test]
fn the_dialog_is_reached_and_used_with_the_keyboard_alone() {
    let mut bench = Bench::after(&streaming(3.0));
    bench.window.key_press_modifiers(Modifiers::COMMAND, Key::K);
    bench.settle();
    bench.window.get_by_label("Find an action").type_text("faults of 7002");
    bench.settle();
    bench.window.key_press(Key::Enter);
    bench.settle();
    bench.window.get_by_label("Begin latency").focus();
    bench.settle();
    bench.window.key_press(Key::Enter);
    bench.settle();
    let lasts = Some(Duration::from_secs(30));
    assert_eq!(bench.wished(), [LabCommand::BeginFault { node: node(7002), fault: LATENCY, lasts }]);
}

#[test]
fn a_fault_is_seen_where_it_is_with_the_time_left_and_healed_there() {
    let mut bench = Bench::after(&tale());
    bench.window.get_by_label_contains("Fault of 7001: full disk");
    bench.window.get_by_label("Link of 7003: streaming, bytes held");
    bench.click("Heal full disk of 7001");
    bench.click("Heal one-way cut of 7003");
    bench.click("Heal 2 faults of 7002");
    let heal = |port, kind| LabCommand::HealFault { node: node(port), kind };
    assert_eq!(
        bench.wished(),
        [
            heal(7001, FaultKind::FullDisk),
            heal(7003, FaultKind::OneWayCut),
            heal(7002, FaultKind::Latency),
            heal(7002, FaultKind::Chunks),
        ]
    );
    // The words of the badge lead to the dialog, where each is healed by itself.
    let badge = bench.window.get_by_label_contains("Fault of 7002: latency").rect().center();
    bench.press_at(badge);
    bench.click("Heal 1-byte chunks now");
    assert_eq!(bench.wished(), [heal(7002, FaultKind::Chunks)]);
}

#[test]
fn the_time_left_goes_down_while_nothing_else_happens() {
    let mut bench = Bench::after(&tale());
    let left = |bench: &Bench| {
        let label =
            bench.window.get_by_label_contains("Fault of 7001: full disk").accesskit_node().label().unwrap();
        let words = label.rsplit_once(" left").unwrap().0;
        words.rsplit_once(", ").unwrap().1.trim_end_matches(" s").parse::<u32>().unwrap()
    };
    let before = left(&bench);
    bench.window.run_steps(150);
    assert_eq!(left(&bench), before - 2, "150 frames are two and a half seconds, or nearly");
}

#[test]
fn faults_are_bands_on_the_graph_for_the_time_they_lasted() {
    let mut bench = Bench::after(&tale());
    let rect = |bench: &Bench, what: &str| bench.window.get_by_label_contains(what).rect();
    let narrow = rect(&bench, "Band: Bandwidth limit of 16 KiB/s to the replica on the link of 7003");
    let full = rect(&bench, "Band: Full disk of 7001");
    let reset = rect(&bench, "Band: One reset on the link of 7002");
    assert!(narrow.left() < reset.left() && reset.left() < full.left());
    assert!(narrow.right() < full.right(), "one is over and the other lasts");
    assert!(reset.width() < 8.0 && reset.width() >= 4.0, "{reset:?}");
    assert!(!narrow.intersects(full), "they were there at the same time: one stands above the other");
    bench.window.get_by_label_contains("(20.00 s), its time was over");
    bench.click("Workload");
    assert!(bench.window.query_all_by_label_contains("Band: Full disk of 7001").count() >= 1);
}

#[test]
fn the_timeline_tells_begin_and_end() {
    let mut bench = Bench::after(&tale());
    bench.click("Timeline");
    bench.window.get_by_label_contains("Fault begins: latency of 200 ms + up to 50 ms, for 30.00 s");
    bench.window.get_by_label_contains("Fault ends: bandwidth limit, its time was over");
}

#[test]
fn a_recording_shows_faults_and_heals_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faults.repliscope");
    tale().save(&path);
    let mut bench = Bench::after(&Story::new());
    let ctx = bench.window.ctx.clone();
    bench.window.state_mut().open_recording(&ctx, path);
    for _ in 0..500 {
        bench.window.step();
        if bench.window.query_by_label_contains("Fault of 7001: full disk").is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    bench.settle();
    bench.window.get_by_label_contains("Fault of 7001: full disk");
    bench.window.get_by_label_contains("Band: Full disk of 7001");
    assert!(bench.window.query_by_label("Heal full disk of 7001").is_none());
    bench.click("Node menu 7001");
    bench.click("Faults…");
    bench.click("Begin full disk");
    assert!(bench.wished().is_empty(), "the button is grey");
}
