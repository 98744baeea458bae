//! The empty window: starting, and what happens when ports are taken.

use eframe::egui::{Key, Theme};
use egui_kittest::kittest::Queryable;
use repliscope::lab::{Event, LabCommand, Preset};

use crate::bench::Bench;
use crate::story::{Story, streaming};

const SMALL: [f32; 2] = [800.0, 600.0];

fn start(preset: Preset, port: u16) -> LabCommand {
    LabCommand::StartCluster { preset, port }
}

#[test]
fn one_click_asks_for_three_nodes() {
    let mut bench = Bench::new(SMALL, Theme::Dark);
    bench.click("Start 3-node cluster");
    assert_eq!(bench.wished(), [start(Preset::Star { replicas: 2 }, 7001)]);
}

#[test]
fn enter_starts_too_as_the_button_has_the_focus() {
    let mut bench = Bench::new(SMALL, Theme::Dark);
    bench.window.key_press(Key::Enter);
    bench.settle();
    assert_eq!(bench.wished(), [start(Preset::Star { replicas: 2 }, 7001)]);
}

#[test]
fn a_double_click_is_one_wish() {
    let mut bench = Bench::new(SMALL, Theme::Dark);
    bench.click("Start 3-node cluster");
    bench.click("Start 3-node cluster");
    assert_eq!(bench.wished().len(), 1);
}

#[test]
fn every_shape_has_its_button() {
    for (label, preset) in [
        ("Start 1 + 1", Preset::Star { replicas: 1 }),
        ("Start 1 + 2", Preset::Star { replicas: 2 }),
        ("Start Chain of 3", Preset::Chain { nodes: 3 }),
        ("Start Empty node", Preset::Single),
    ] {
        let mut bench = Bench::new(SMALL, Theme::Light);
        bench.click(label);
        assert_eq!(bench.wished(), [start(preset, 7001)]);
    }
}

#[test]
fn taken_ports_are_named_and_the_free_block_is_one_click_away() {
    let mut story = Story::new();
    let preset = Preset::Star { replicas: 2 };
    story.push(Event::PortsTaken {
        preset,
        taken: vec![(7001, Some("redis-server (pid 4711)".into())), (7003, None)],
        offer: 7101,
    });
    let mut bench = Bench::sized(&story, SMALL, Theme::Dark);
    bench.window.get_by_label("7001 is held by redis-server (pid 4711)");
    bench.window.get_by_label("7003 is held by another program");
    bench.click("Use ports 7101–7103 instead");
    assert_eq!(bench.wished(), [start(preset, 7101)]);
}

#[test]
fn nothing_that_matters_is_cut_off_in_a_small_window() {
    let inside = |bench: &Bench, label: &str| {
        let rect = bench.window.get_by_label(label).rect();
        let window = eframe::egui::Rect::from_min_size(eframe::egui::Pos2::ZERO, SMALL.into());
        assert!(window.contains_rect(rect), "{label} is at {rect:?}");
    };
    let home = Bench::new(SMALL, Theme::Dark);
    for label in [
        "Start 3-node cluster",
        "Start 1 + 1",
        "Start 1 + 2",
        "Start Chain of 3",
        "Start Empty node",
        "Open recording…",
        "First port",
        "File",
        "Help",
        "Notices",
    ] {
        inside(&home, label);
    }

    let mut live = Bench::sized(&streaming(5.0), SMALL, Theme::Dark);
    for label in
        ["Node 7001", "Node 7002", "Node 7003", "Node menu 7001", "Add replica", "Follow live", "Console"]
    {
        inside(&live, label);
    }
    live.click("Node");
    for verb in ["Kill", "Stop", "Restart", "Freeze", "Promote", "Cut link"] {
        inside(&live, &format!("{verb} 7001"));
    }
    live.click("Workload");
    inside(&live, "Stop workload");
    live.click("Console");
    inside(&live, "Run console line");
    live.click("Timeline");
    inside(&live, "Save recording from timeline");
}

#[test]
fn an_idle_window_asks_for_no_frame() {
    let mut bench = Bench::new(SMALL, Theme::Dark);
    // Without focus no text cursor blinks; what was hovered or pressed has faded.
    bench.window.run_steps(120);
    assert_eq!(bench.next_frame(), std::time::Duration::MAX);

    let mut bench = Bench::sized(&streaming(3.0), SMALL, Theme::Dark);
    bench.window.run_steps(600);
    assert_eq!(bench.next_frame(), std::time::Duration::MAX, "no bytes flow any more");
}
