//! Pictures of the main states, to be looked at: `cargo test -p repliscope-ui-tests screens -- --ignored`.
//!
//! They land in the folder that `REPLISCOPE_SCREENS` names, or in the system's temporary folder.

use std::path::PathBuf;

use eframe::egui::Theme;
use egui_kittest::kittest::Queryable;
use repliscope::replication::FullReason;

use crate::bench::Bench;
use crate::story::{Story, failover, streaming};

fn folder() -> PathBuf {
    let folder = std::env::var_os("REPLISCOPE_SCREENS")
        .map_or_else(|| std::env::temp_dir().join("repliscope-screens"), PathBuf::from);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn save(bench: &mut Bench, name: &str) {
    bench.window.render().unwrap().save(folder().join(format!("{name}.png"))).unwrap();
}

fn both_themes_and_sizes(story: &Story, name: &str, mut prepare: impl FnMut(&mut Bench)) {
    for (theme, theme_name) in [(Theme::Dark, "dark"), (Theme::Light, "light")] {
        for (size, size_name) in [([1_280.0, 800.0], "wide"), ([800.0, 600.0], "small")] {
            let mut bench = Bench::sized(story, size, theme);
            prepare(&mut bench);
            bench.settle();
            save(&mut bench, &format!("{name}-{size_name}-{theme_name}"));
        }
    }
}

fn click(bench: &mut Bench, label: &str) {
    bench.window.get_by_label(label).click();
    bench.settle();
}

#[test]
#[ignore = "makes pictures for people"]
fn home() {
    both_themes_and_sizes(&Story::new(), "home", |_| {});
}

#[test]
#[ignore = "makes pictures for people"]
fn live() {
    both_themes_and_sizes(&streaming(40.0), "live", |bench| click(bench, "Node 7002"));
}

#[test]
#[ignore = "makes pictures for people"]
fn after_failover() {
    both_themes_and_sizes(&failover(), "failover", |bench| click(bench, "Timeline"));
}

#[test]
#[ignore = "makes pictures for people"]
fn in_transfer() {
    let mut story = streaming(10.0);
    story.cut(7002);
    story.run(9.0);
    story.node(7002, repliscope::node::NodeEvent::LinkCut(false));
    let reason = FullReason::BeforeBacklog { asked: 240_112, first: 301_877, needed: 327_680 };
    story.full_sync(7002, reason, true);
    both_themes_and_sizes(&story, "transfer", |_| {});
}
