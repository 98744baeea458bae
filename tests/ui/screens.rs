//! Pictures of the main states, to be looked at: `cargo test -p repliscope-ui-tests screens -- --ignored`.
//!
//! They land in the folder that `REPLISCOPE_SCREENS` names, or in the system's temporary folder.

use std::path::PathBuf;
use std::time::Duration;

use eframe::egui::{Key, Modifiers, Theme};
use egui_kittest::kittest::Queryable;
use repliscope::lab::{FaultEnd, NoticeLevel, ReplyValue};
use repliscope::node::{FailoverPhase, FaultKind, NodeEvent, SnapshotTarget};
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

/// The last figures come anew, so that the picture is of a cluster in which bytes flow.
fn flowing(bench: &mut Bench, story: &Story) {
    let last: Vec<_> = story.entries.iter().rev().take(3).cloned().collect();
    for mut entry in last.into_iter().rev() {
        entry.at += std::time::Duration::from_millis(100);
        if let repliscope::lab::Event::Sample { sample, .. } = &mut entry.event {
            sample.repl_bytes_in += 2_600;
            sample.offset += 2_600;
        }
        bench.entries.send(entry).unwrap();
    }
    bench.window.run_steps(2);
}

#[test]
#[ignore = "makes pictures for people"]
fn home() {
    both_themes_and_sizes(&Story::new(), "home", |_| {});
    let mut story = Story::new();
    story.push(repliscope::lab::Event::PortsTaken {
        preset: repliscope::lab::Preset::Star { replicas: 2 },
        taken: vec![(7001, Some("redis-server (pid 4711)".to_owned())), (7003, None)],
        offer: 7101,
    });
    both_themes_and_sizes(&story, "ports", |_| {});
}

#[test]
#[ignore = "makes pictures for people"]
fn live() {
    let mut story = streaming(40.0);
    story.console(1, 7001, "SET greeting \"hello world\"", ReplyValue::Simple("OK".into()));
    story.console(2, 7001, "INCR visits", ReplyValue::Integer(42));
    story.console(3, 7001, "GET nothing", ReplyValue::Null);
    story.console(4, 7001, "GET greeting", ReplyValue::Bulk(b"hello world".to_vec()));
    story.console(5, 7001, "LPUSH greeting x", ReplyValue::Error(WRONGTYPE.into()));
    let role = ReplyValue::Array(vec![
        ReplyValue::Bulk(b"master".to_vec()),
        ReplyValue::Integer(942_909),
        ReplyValue::Array(vec![ReplyValue::Bulk(b"127.0.0.1".to_vec()), ReplyValue::Bulk(b"7002".to_vec())]),
    ]);
    story.console(6, 7001, "ROLE", role);
    story.run(0.4);
    both_themes_and_sizes(&story, "live", |bench| {
        bench.click("Node 7002");
        bench.window.remove_cursor();
        flowing(bench, &story);
    });
    both_themes_and_sizes(&story, "live-tabs", |bench| {
        bench.click("Workload");
        bench.click("Syncs");
        bench.window.remove_cursor();
        flowing(bench, &story);
    });
    both_themes_and_sizes(&story, "typing", |bench| {
        bench.click("Console");
        bench.click("Console line");
        bench.window.get_by_label("Console line").type_text("se");
        bench.window.remove_cursor();
    });
}

const WRONGTYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
#[ignore = "makes pictures for people"]
fn after_failover() {
    both_themes_and_sizes(&failover(), "failover", |bench| {
        bench.click("Timeline");
        bench.click("Node 7002");
        bench.window.remove_cursor();
    });
    let mut story = streaming(20.0);
    story.kill(7001);
    story.up(7001);
    story.ask_wipe(7002, 98_304);
    story.ask_wipe(7003, 98_298);
    both_themes_and_sizes(&story, "ask-wipe", |_| {});
    both_themes_and_sizes(&story, "ask-wipe-later", |bench| {
        bench.click("Decide later");
        bench.click("Node 7002");
        bench.window.remove_cursor();
    });
    let mut story = streaming(20.0);
    let target = ("127.0.0.1".to_owned(), 7002);
    let reason = "Replica never caught up before timeout".to_owned();
    for event in [
        NodeEvent::SnapshotBegun { target: SnapshotTarget::AofBase, keys: 12_000, offset: 240_112 },
        NodeEvent::SnapshotEnded {
            target: SnapshotTarget::AofBase,
            bytes: 1_480_321,
            took: Duration::from_millis(37),
            error: None,
        },
        NodeEvent::Failover(FailoverPhase::WaitingForSync { target: Some(target.clone()) }),
        NodeEvent::Failover(FailoverPhase::Aborted { reason }),
        NodeEvent::Failover(FailoverPhase::WaitingForSync { target: None }),
        NodeEvent::Failover(FailoverPhase::InProgress { target: target.clone(), forced: false }),
        NodeEvent::Failover(FailoverPhase::InProgress { target, forced: true }),
        NodeEvent::Failover(FailoverPhase::Done),
    ] {
        story.node(7001, event);
    }
    both_themes_and_sizes(&story, "handover", |bench| {
        bench.click("Timeline");
        bench.window.remove_cursor();
    });
    let mut story = streaming(20.0);
    story.notice(
        NoticeLevel::Error,
        Some(7003),
        "7003 could not be restarted: the port is taken. Free it and start again",
    );
    both_themes_and_sizes(&story, "confirm", |bench| {
        bench.click("Node 7001");
        bench.click("Node menu 7001");
        bench.click("Kill");
        bench.window.remove_cursor();
    });
    both_themes_and_sizes(&story, "menu", |bench| {
        bench.click("Node menu 7003");
        bench.window.remove_cursor();
    });
    both_themes_and_sizes(&story, "palette", |bench| {
        bench.window.key_press_modifiers(Modifiers::COMMAND, Key::K);
        bench.settle();
    });
}

#[test]
#[ignore = "makes pictures for people"]
fn in_trouble() {
    let mut story = streaming(10.0);
    story.cut(7002);
    story.run(9.0);
    story.fault_ended(7002, FaultKind::Cut, FaultEnd::Healed);
    let reason = FullReason::BeforeBacklog { asked: 240_112, first: 301_877, needed: 327_680 };
    story.full_sync(7002, reason, true);
    both_themes_and_sizes(&story, "transfer", |bench| {
        bench.click("Syncs");
        bench.window.remove_cursor();
    });
    let mut story = streaming(10.0);
    story.freeze(7003);
    story.cut(7002);
    story.run(14.0);
    both_themes_and_sizes(&story, "faults", |bench| bench.window.remove_cursor());
}

#[test]
#[ignore = "makes pictures for people"]
fn faults() {
    let story = crate::faults::tale();
    both_themes_and_sizes(&story, "fault-bands", |bench| bench.window.remove_cursor());
    both_themes_and_sizes(&story, "fault-timeline", |bench| {
        bench.click("Timeline");
        bench.click("Workload");
        bench.window.remove_cursor();
    });
    both_themes_and_sizes(&story, "fault-dialog", |bench| {
        bench.click("Node menu 7002");
        bench.click("Faults…");
        bench.window.remove_cursor();
    });
    both_themes_and_sizes(&story, "fault-dialog-master", |bench| {
        bench.click("Node menu 7001");
        bench.click("Faults…");
        bench.click("Slow disk");
        bench.window.remove_cursor();
    });
    both_themes_and_sizes(&story, "fault-tooltip", |bench| {
        let band = bench.window.get_by_label_contains("Band: Bandwidth limit").rect().center();
        bench.window.hover_at(band);
        bench.window.run_steps(60);
    });
}

#[test]
#[ignore = "makes pictures for people"]
fn dragging() {
    both_themes_and_sizes(&streaming(8.0), "drag", |bench| {
        let from = bench.window.get_by_label("Node 7003").rect().center();
        let to = bench.window.get_by_label("Node 7002").rect().center();
        bench.window.drag_at(from);
        bench.window.step();
        bench.window.hover_at(to + eframe::egui::vec2(20.0, 10.0));
        bench.window.run_steps(2);
    });
}

#[test]
#[ignore = "makes pictures for people"]
fn in_front() {
    let mut story = failover();
    story.notice(NoticeLevel::Warning, None, "Port 7004 was taken: the new replica listens on 7005");
    story.notice(NoticeLevel::Error, Some(7003), "7003 did not start: dump.rdb has a bad checksum at 4,096");
    for (name, menu, entry) in
        [("shortcuts", "Help", "Keyboard shortcuts"), ("about", "Help", "About Repliscope")]
    {
        both_themes_and_sizes(&story, name, |bench| {
            bench.click(menu);
            bench.click(entry);
        });
    }
    both_themes_and_sizes(&story, "notices", |bench| bench.click("Notices"));
    both_themes_and_sizes(&story, "view-menu", |bench| bench.click("View"));
    both_themes_and_sizes(&story, "tooltip", |bench| {
        bench.window.get_by_label("Falls off").hover();
        bench.window.run_steps(60);
    });
    let path = folder().join("made-up.repliscope");
    story.save(&path);
    both_themes_and_sizes(&Story::new(), "recording", |bench| {
        let ctx = bench.window.ctx.clone();
        bench.window.state_mut().open_recording(&ctx, path.clone());
        for _ in 0..300 {
            std::thread::sleep(std::time::Duration::from_millis(5));
            bench.window.step();
        }
        bench.click("Syncs");
        bench.click("Timeline");
    });
}

#[test]
#[ignore = "makes pictures for people"]
fn huge() {
    let story = failover();
    let mut bench = Bench::sized(&story, [3_840.0, 2_160.0], Theme::Dark);
    save(&mut bench, "huge-dark");
}

#[test]
#[ignore = "makes pictures for people"]
fn keys() {
    use crate::keys::{answers, of_all_types, page, value_of};
    use repliscope::lab::browse::{Browse, Browsed, Digest};
    for key in ["greeting string", "user:1 hash", "scores zset", "log stream"] {
        let name = format!("keys-{}", key.split(' ').next().unwrap().replace(':', ""));
        both_themes_and_sizes(&streaming(4.0), &name, |bench| {
            let mut story = streaming(4.0);
            bench.show_keys();
            bench.answer(&mut story, answers);
            bench.click(&format!("Key {key}"));
            bench.answer(&mut story, answers);
            bench.window.remove_cursor();
        });
    }
    both_themes_and_sizes(&streaming(4.0), "keys-compare", |bench| {
        let mut story = streaming(4.0);
        bench.show_keys();
        bench.answer(&mut story, answers);
        bench.click("Compare keys with");
        bench.click("Compare with 7002");
        let differing = |port: u16, _: u16, what: &Browse| match what {
            Browse::Keys { .. } => {
                let mut keys = of_all_types();
                for (index, key) in keys.iter_mut().enumerate() {
                    let same = port == 7001 || index != 3;
                    key.digest = Some(Digest::Node(if same { "aa" } else { "bb" }.to_owned()));
                }
                if port == 7002 {
                    keys.remove(1);
                }
                Browsed::Keys(page(keys, 0))
            }
            Browse::Value { key, .. } => {
                let info = of_all_types().into_iter().find(|info| info.key == *key).unwrap();
                Browsed::Value(Box::new(value_of(info)))
            }
        };
        bench.answer(&mut story, differing);
        bench.click("Key user:1 hash, value");
        bench.answer(&mut story, differing);
        bench.window.remove_cursor();
    });
}
