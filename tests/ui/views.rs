//! Panes, theme, graphs, syncs, timeline, workload and recordings.

use std::collections::BTreeMap;
use std::time::Duration;

use eframe::egui::accesskit::Toggled;
use eframe::egui::{Key, Role, Theme, ThemePreference};
use eframe::{App as _, Storage};
use egui_kittest::kittest::{NodeT, Queryable};
use repliscope::lab::{
    Event, LabCommand, NodeSample, NoticeLevel, ReplicaSample, ReplyValue, WorkloadSample, WorkloadSettings,
};
use repliscope::node::{LinkPhase, NodeEvent};
use repliscope::replication::{FullReason, PsyncVerdict, ReplId};

use crate::bench::Bench;
use crate::story::{failover, node, streaming};

#[test]
fn the_theme_is_switched_from_the_menu() {
    let mut bench = Bench::after(&streaming(2.0));
    for (entry, theme) in [
        ("Light theme", ThemePreference::Light),
        ("Dark theme", ThemePreference::Dark),
        ("Theme like the system", ThemePreference::System),
    ] {
        bench.click("View");
        bench.click(entry);
        assert_eq!(bench.window.ctx.options(|options| options.theme_preference), theme);
    }
}

#[test]
fn a_closed_pane_comes_back_by_reset() {
    let mut bench = Bench::after(&streaming(2.0));
    bench.click("View");
    bench.window.get_by_role_and_label(Role::CheckBox, "Console").click();
    bench.settle();
    bench.window.key_press(eframe::egui::Key::Escape);
    bench.settle();
    assert!(bench.window.query_by_label("Console line").is_none());
    bench.click("View");
    bench.click("Reset layout");
    bench.window.get_by_label("Console line");
}

/// What eframe would write to the disk.
#[derive(Default)]
struct Stored(BTreeMap<String, String>);

impl Storage for Stored {
    fn get_string(&self, key: &str) -> Option<String> {
        self.0.get(key).cloned()
    }

    fn set_string(&mut self, key: &str, value: String) {
        self.0.insert(key.to_owned(), value);
    }

    fn remove_string(&mut self, key: &str) {
        self.0.remove(key);
    }

    fn flush(&mut self) {}
}

#[test]
fn the_layout_is_there_again_the_next_time() {
    let mut stored = Stored::default();
    let mut bench = Bench::after(&streaming(2.0));
    bench.click("View");
    bench.window.get_by_role_and_label(Role::CheckBox, "Console").click();
    bench.settle();
    bench.window.state_mut().save(&mut stored);

    let mut bench = Bench::new([1_280.0, 800.0], Theme::Dark);
    bench.window.state_mut().restore(&stored);
    bench.tell(&streaming(2.0));
    assert!(bench.window.query_by_label("Console line").is_none());
    bench.window.get_by_label("Follow live");

    // What an older or broken version wrote is left alone.
    for (key, value) in &mut stored.0 {
        *value = format!("({key}");
    }
    let mut bench = Bench::new([1_280.0, 800.0], Theme::Dark);
    bench.window.state_mut().restore(&stored);
    bench.tell(&streaming(2.0));
    bench.window.get_by_label("Console line");
}

#[test]
fn the_graph_stops_following_when_it_is_dragged() {
    let mut bench = Bench::after(&streaming(20.0));
    let graph = bench.window.get_by_label("Offsets of 7001, 7002, 7003").rect();
    bench.drag(graph.center(), graph.center() + eframe::egui::vec2(40.0, 0.0));
    let is_on = |bench: &Bench| bench.window.get_by_label("Follow live").accesskit_node().toggled();
    assert_eq!(is_on(&bench), Some(Toggled::False));
    bench.click("Follow live");
    assert_eq!(is_on(&bench), Some(Toggled::True));
}

#[test]
fn every_sync_says_why_with_the_numbers() {
    let mut story = streaming(2.0);
    story.cut(7002);
    let reason = FullReason::BeforeBacklog { asked: 10_240, first: 51_300, needed: 65_536 };
    story.full_sync(7002, reason, false);
    let mut bench = Bench::after(&story);
    bench.click("Syncs");
    bench.window.get_by_label_contains("the backlog starts at 51,300");
    bench.window.get_by_label_contains("A backlog of 64 KiB would have served it");
}

#[test]
fn after_a_failover_the_other_replica_continued_by_replid2() {
    let mut bench = Bench::after(&failover());
    bench.window.get_by_label("Master 7002");
    bench.window.get_by_label("2 of 3 nodes answer");
    bench.click("Syncs");
    bench.window.get_by_label_contains("named the previous history");
}

#[test]
fn the_timeline_is_filtered_by_text_and_opened_by_a_click() {
    let mut bench = Bench::after(&failover());
    bench.click("Timeline");
    bench.click("Find in timeline");
    bench.window.get_by_label("Find in timeline").type_text("killed");
    bench.settle();
    let row = bench.window.get_by_label_contains("Killed: nothing flushed");
    row.click();
    bench.settle();
    bench.window.get_by_label_contains("\"Stopped\": \"Killed\"");
    bench.click("Close details");
    assert!(bench.window.query_by_label_contains("\"Stopped\": \"Killed\"").is_none());
}

#[test]
fn the_workload_is_switched_with_the_settings_shown() {
    let mut story = streaming(2.0);
    let mut bench = Bench::after(&story);
    bench.click("Workload");
    bench.click("Stop workload");
    let settings = WorkloadSettings { on: false, ..WorkloadSettings::default() };
    assert_eq!(bench.wished(), [LabCommand::Workload(settings)]);

    story.push(repliscope::lab::Event::WorkloadChanged(settings));
    let mut bench = Bench::after(&story);
    bench.click("Workload");
    bench.click("Start workload");
    assert_eq!(bench.wished(), [LabCommand::Workload(WorkloadSettings { on: true, ..settings })]);
}

#[test]
fn a_recording_is_looked_at_and_left_again() {
    let path = std::env::temp_dir().join(format!("repliscope-ui-{}.repliscope", std::process::id()));
    failover().save(&path);

    let mut bench = Bench::new([1_280.0, 800.0], Theme::Dark);
    let ctx = bench.window.ctx.clone();
    bench.window.state_mut().open_recording(&ctx, path.clone());
    for _ in 0..500 {
        std::thread::sleep(Duration::from_millis(5));
        bench.window.step();
        if bench.window.query_by_label("Back to live").is_some() {
            break;
        }
    }
    bench.settle();
    std::fs::remove_file(path).unwrap();
    bench.window.get_by_label("Master 7002");
    bench.click("Node 7003");
    bench.click("Freeze 7003");
    assert!(bench.wished().is_empty(), "a recording cannot be broken");

    // Back to the beginning: nothing has happened yet.
    let slider = bench.window.get_by_label("Position in the recording").rect();
    bench.press_at(slider.left_center() + eframe::egui::vec2(4.0, 0.0));
    assert!(bench.window.query_by_label("Master 7002").is_none());
    bench.click("Back to live");
    bench.window.get_by_label("Start 3-node cluster");
}

#[test]
fn a_file_that_is_no_recording_is_refused_in_words() {
    let mut bench = Bench::new([1_280.0, 800.0], Theme::Dark);
    let ctx = bench.window.ctx.clone();
    bench.window.state_mut().open_recording(&ctx, "/nowhere/at/all.repliscope".into());
    for _ in 0..500 {
        std::thread::sleep(Duration::from_millis(5));
        bench.window.step();
        if bench.window.query_by_label_contains("/nowhere/at/all.repliscope could not be opened").is_some() {
            return;
        }
    }
    panic!("nothing was told");
}

#[test]
fn a_journal_full_of_extreme_values_is_shown_like_any_other() {
    let extreme = NodeSample {
        offset: u64::MAX,
        read_offset: u64::MAX,
        second_offset: Some(u64::MAX),
        replid: Some(ReplId::from_bytes([1; 20])),
        backlog_active: true,
        backlog_size: u64::MAX,
        backlog_first: u64::MAX,
        backlog_len: u64::MAX,
        replicas: vec![ReplicaSample {
            port: 7002,
            state: "x".repeat(5_000),
            offset: u64::MAX,
            ack_age: u64::MAX,
        }],
        keys: u64::MAX,
        used_memory: u64::MAX,
        repl_bytes_in: u64::MAX,
        loop_lag_max_us: u64::MAX,
        round_trip: Duration::MAX,
        ..NodeSample::default()
    };
    let mut story = streaming(2.0);
    for (port, offset) in [(7001, u64::MAX), (7002, 0), (7003, u64::MAX), (7001, 0)] {
        let sample = NodeSample { offset, ..extreme.clone() };
        story.push(Event::Sample { node: node(port), sample: Box::new(sample) });
    }
    let full = u64::MAX;
    let workload = WorkloadSample { writes_ok: full, reads_stale: full, ..WorkloadSample::default() };
    story.push(Event::Workload(workload.clone()));
    story.push(Event::Workload(workload));
    let verdict = PsyncVerdict::Full(FullReason::PastFork { asked: 0, fork: full });
    story.node(7001, NodeEvent::Psync { replica_port: 7002, asked: None, verdict });
    let transfer = LinkPhase::Transfer { received: full, total: Some(0), keys: full, keys_total: 1 };
    story.node(7002, NodeEvent::Link(transfer));
    story.node(7003, NodeEvent::LinkLost { reason: "long ".repeat(100_000) });
    story.console(full, 7001, &"a".repeat(100_000), ReplyValue::Integer(i64::MIN));
    story.at = Duration::MAX;
    story.push(Event::Notice { level: NoticeLevel::Error, node: None, text: "y".repeat(1_000_000) });

    let mut bench = Bench::after(&story);
    for tab in ["Syncs", "Timeline", "Workload", "Offsets", "Console"] {
        bench.click(tab);
    }
    for port in ["Node 7002", "Node 7003"] {
        bench.click(port);
    }
    bench.click("Console line");
    bench.window.get_by_label("Console line").type_text("PING");
    bench.window.key_press(Key::Enter);
    bench.settle();
    assert_eq!(bench.wished().len(), 1);
}
