//! The key browser: what it asks, how it shows what came back, and the lines that its changes become.

use eframe::egui::{Key, Modifiers, Theme};
use egui_kittest::kittest::Queryable;
use repliscope::lab::browse::{Browse, Browsed, Cell, Digest, Group, KeyInfo, KeyPage, ValuePage};
use repliscope::lab::{Event, KeyType, LabCommand, ReplyValue};

use crate::bench::Bench;
use crate::story::{Story, node, streaming};

pub(crate) fn info(key: &str, kind: &str, encoding: &str) -> KeyInfo {
    KeyInfo {
        key: key.as_bytes().to_vec(),
        kind: kind.to_owned().into(),
        memory: Some(72 + key.len() as u64),
        len: Some(3),
        encoding: encoding.to_owned(),
        ..KeyInfo::default()
    }
}

fn cell(text: &str) -> Cell {
    Cell::new(text.as_bytes().to_vec())
}

pub(crate) fn page(keys: Vec<KeyInfo>, next: u64) -> KeyPage {
    KeyPage { from: 0, next, dbsize: 1_204, keys, offset: Some(942_909) }
}

/// One key of each type.
pub(crate) fn of_all_types() -> Vec<KeyInfo> {
    let mut keys = vec![
        info("greeting", "string", "embstr"),
        info("jobs", "list", "listpack"),
        info("tags", "set", "hashtable"),
        info("user:1", "hash", "listpack"),
        info("scores", "zset", "skiplist"),
        info("log", "stream", "stream"),
    ];
    keys[0].ttl_ms = Some(93_000);
    keys
}

pub(crate) fn value_of(key: KeyInfo) -> ValuePage {
    let rows = match key.kind.word() {
        "string" => vec![vec![cell("{\"hello\": \"w\u{f6}rld\",\n \"n\": 1}")]],
        "list" => vec![vec![cell("first")], vec![cell("second")], vec![Cell::new(vec![0, 0xff])]],
        "set" => vec![vec![cell("blue")], vec![cell("red")]],
        "hash" => vec![vec![cell("name"), cell("Ann")], vec![cell("mail"), cell("ann@example.org")]],
        "zset" => vec![vec![cell("bob"), cell("1.5")], vec![cell("eve"), cell("3")]],
        _ => vec![vec![cell("1700000000000-0"), cell("level"), cell("info"), cell("text"), cell("up")]],
    };
    let group = Group {
        name: cell("workers"),
        consumers: 2,
        pending: 3,
        last_id: "1700000000000-0".to_owned(),
        lag: Some(7),
    };
    let groups = if key.kind == KeyType::Stream { vec![group] } else { Vec::new() };
    ValuePage { info: key, rows, groups, ..ValuePage::default() }
}

impl Bench {
    /// The browser is in front.
    pub(crate) fn show_keys(&mut self) {
        self.window.key_press_modifiers(Modifiers::COMMAND, Key::Num8);
        self.settle();
    }

    /// What was wished, each wish told back as the lab does, and each look answered by `answer`.
    pub(crate) fn answer(
        &mut self,
        story: &mut Story,
        answer: impl Fn(u16, u16, &Browse) -> Browsed,
    ) -> Vec<LabCommand> {
        let mut all = Vec::new();
        for _ in 0..20 {
            let wishes = self.wished();
            if wishes.is_empty() {
                break;
            }
            let begun = story.entries.len();
            for wish in &wishes {
                story.push(Event::Asked(wish.clone()));
                if let LabCommand::Browse { id, node, db, what } = wish {
                    let answer = answer(node.0 + 7000, *db, what);
                    let took = std::time::Duration::from_micros(400);
                    story.push(Event::Browsed { id: *id, node: *node, answer, took });
                }
            }
            for entry in &story.entries[begun..] {
                self.entries.send(entry.clone()).unwrap();
            }
            all.extend(wishes);
            self.settle();
        }
        all
    }
}

/// A node with one key of each type.
pub(crate) fn answers(_port: u16, _db: u16, what: &Browse) -> Browsed {
    match what {
        Browse::Keys { .. } => Browsed::Keys(page(of_all_types(), 0)),
        Browse::Value { key, .. } => match of_all_types().into_iter().find(|info| info.key == *key) {
            Some(info) => Browsed::Value(Box::new(value_of(info))),
            None => Browsed::Gone(key.clone()),
        },
    }
}

fn browsing() -> (Bench, Story) {
    let mut story = streaming(2.0);
    let mut bench = Bench::after(&story);
    bench.show_keys();
    bench.answer(&mut story, answers);
    (bench, story)
}

fn edits(wishes: &[LabCommand]) -> Vec<String> {
    wishes
        .iter()
        .filter_map(|wish| match wish {
            LabCommand::Edit { edit, .. } => Some(edit.line()),
            _ => None,
        })
        .collect()
}

#[test]
fn the_master_is_asked_for_a_page_and_its_keys_are_listed() {
    let (bench, story) = browsing();
    let asked: Vec<_> = story
        .entries
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::Asked(LabCommand::Browse { node, db, what, .. }) => Some((*node, *db, what.clone())),
            _ => None,
        })
        .collect();
    let what = Browse::Keys { from: 0, pattern: Vec::new(), kind: None, count: 200, digests: false };
    assert_eq!(asked, [(node(7001), 0, what)]);
    bench.window.get_by_label("Key jobs list");
    bench.window.get_by_label_contains("6 of 1,204 loaded");
}

#[test]
fn a_page_that_is_not_the_last_is_followed_by_the_next_one() {
    let mut story = streaming(2.0);
    let mut bench = Bench::after(&story);
    bench.show_keys();
    bench.answer(&mut story, |_, _, what| match what {
        Browse::Keys { from: 0, .. } => Browsed::Keys(page(vec![info("a", "string", "int")], 17)),
        Browse::Keys { from: 17, .. } => Browsed::Keys(page(vec![info("b", "string", "int")], 0)),
        other => panic!("{other:?}"),
    });
    bench.window.get_by_label("Key a string");
    bench.window.get_by_label("Key b string");
    bench.window.get_by_label_contains("all that fit");
}

#[test]
fn each_type_is_shown_in_its_own_way() {
    for (key, shown) in [
        ("Key jobs list", "Element 2 \\x00\\xff"),
        ("Key tags set", "Element  blue"),
        ("Key user:1 hash", "Element mail ann@example.org"),
        ("Key scores zset", "Element 1.5 bob"),
        ("Key log stream", "Element 1700000000000-0 level=info  text=up"),
    ] {
        let (mut bench, mut story) = browsing();
        bench.click(key);
        bench.answer(&mut story, answers);
        bench.window.get_by_label(shown);
    }
    let (mut bench, mut story) = browsing();
    bench.click("Key greeting string");
    bench.answer(&mut story, answers);
    bench.window.get_by_label("{\"hello\": \"w\u{f6}rld\",\n \"n\": 1}");
    bench.click("Show as hex");
    bench.window.get_by_label_contains("00000000  7b 22 68 65 6c 6c 6f");
    bench.click("Show as escaped");
    bench.window.get_by_label_contains("\\\"hello\\\"");
}

#[test]
fn a_stream_shows_its_groups() {
    let (mut bench, mut story) = browsing();
    bench.click("Key log stream");
    bench.answer(&mut story, answers);
    bench.window.get_by_label_contains("Group workers: 2 consumers, 3 pending");
}

#[test]
fn pattern_type_and_database_ask_anew() {
    let (mut bench, mut story) = browsing();
    bench.click("Pattern of keys");
    bench.window.get_by_label("Pattern of keys").type_text("user:*");
    bench.settle();
    bench.window.key_press(Key::Enter);
    bench.settle();
    let wishes = bench.answer(&mut story, answers);
    let asked = wishes.iter().any(|wish| {
        matches!(wish, LabCommand::Browse { what: Browse::Keys { from: 0, pattern, .. }, .. } if pattern == b"user:*")
    });
    assert!(asked, "{wishes:?}");
}

#[test]
fn what_the_node_refuses_and_what_is_gone_is_said_in_place() {
    let mut story = streaming(2.0);
    let mut bench = Bench::after(&story);
    bench.show_keys();
    bench.answer(&mut story, |_, _, _| Browsed::Failed("n1 is stopped".to_owned()));
    bench.window.get_by_label("7001: 7001 is stopped");
    bench.click("Refresh keys");
    bench.answer(&mut story, |_, _, what| match what {
        Browse::Keys { .. } => Browsed::Keys(page(of_all_types(), 0)),
        Browse::Value { key, .. } => Browsed::Gone(key.clone()),
    });
    bench.click("Key jobs list");
    bench.answer(&mut story, |_, _, what| match what {
        Browse::Value { key, .. } => Browsed::Gone(key.clone()),
        Browse::Keys { .. } => Browsed::Keys(page(of_all_types(), 0)),
    });
    bench.window.get_by_label("The key is gone");
    assert!(bench.window.query_by_label("Key jobs list").is_none(), "nor is it listed any more");
}

#[test]
fn a_change_is_a_line_of_the_console_and_its_error_is_shown_in_place() {
    let (mut bench, mut story) = browsing();
    bench.click("Key user:1 hash");
    bench.answer(&mut story, answers);
    bench.click("Add on 7001");
    bench.window.get_by_label("Field").type_text("a b");
    bench.settle();
    bench.click("Value");
    bench.window.get_by_label("Value").type_text("\\xff");
    bench.settle();
    bench.settle();
    bench.click("Apply");
    let wishes = bench.wished();
    assert_eq!(edits(&wishes), ["HSET user:1 \"a b\" \"\\xff\""]);
    let Some(LabCommand::Edit { id, node, db: 0, .. }) = wishes.last() else { panic!("{wishes:?}") };
    story.push(Event::Asked(wishes[wishes.len() - 1].clone()));
    let text = "READONLY You can't write against a read only replica.";
    story.push(Event::ConsoleReply {
        id: *id,
        node: *node,
        reply: ReplyValue::Error(text.to_owned()),
        took: std::time::Duration::ZERO,
        db: 0,
        in_multi: false,
    });
    for entry in &story.entries[story.entries.len() - 2..] {
        bench.entries.send(entry.clone()).unwrap();
    }
    bench.settle();
    assert_eq!(bench.window.get_all_by_label(text).count(), 2, "beside the value and in the console");
    let again = bench.wished();
    assert!(matches!(again[..], [LabCommand::Browse { what: Browse::Value { .. }, .. }]), "{again:?}");
}

#[test]
fn elements_are_changed_and_removed_by_what_they_are() {
    for (key, element, word, line) in [
        ("Key jobs list", "Element 1 second", "Remove on 7001", "LREM jobs 1 second"),
        ("Key tags set", "Element  red", "Remove on 7001", "SREM tags red"),
        ("Key scores zset", "Element 3 eve", "Remove on 7001", "ZREM scores eve"),
        ("Key user:1 hash", "Element name Ann", "Remove on 7001", "HDEL user:1 name"),
        (
            "Key log stream",
            "Element 1700000000000-0 level=info  text=up",
            "Remove on 7001",
            "XDEL log 1700000000000-0",
        ),
    ] {
        let (mut bench, mut story) = browsing();
        bench.click(key);
        bench.answer(&mut story, answers);
        bench.click(element);
        bench.click(word);
        assert_eq!(edits(&bench.wished()), [line]);
    }
}

#[test]
fn a_key_is_deleted_only_after_a_question() {
    let (mut bench, mut story) = browsing();
    bench.click("Key jobs list");
    bench.answer(&mut story, answers);
    bench.click("Delete on 7001");
    assert!(bench.wished().is_empty());
    bench.click("Delete it");
    assert_eq!(edits(&bench.wished()), ["DEL jobs"]);
}

#[test]
fn two_nodes_are_merged_by_key_and_their_differences_marked() {
    let mut story = streaming(2.0);
    let mut bench = Bench::after(&story);
    bench.show_keys();
    bench.answer(&mut story, answers);
    bench.click("Compare keys with");
    bench.click("Compare with 7002");
    let digest = |hex: &str| Some(Digest::Node(hex.to_owned()));
    bench.answer(&mut story, |port, _, what| {
        assert!(matches!(what, Browse::Keys { digests: true, .. }), "{what:?}");
        let mut keys = of_all_types();
        for key in &mut keys {
            key.digest = digest("aa");
        }
        if port == 7002 {
            keys[0].ttl_ms = None;
            keys[1].digest = digest("bb");
            keys.remove(5);
        }
        Browsed::Keys(page(keys, 0))
    });
    bench.window.get_by_label("Key greeting string, TTL");
    bench.window.get_by_label("Key jobs list, value");
    bench.window.get_by_label("Key log stream, missing");
    bench.window.get_by_label("Key tags set, same");
    bench.window.get_by_label("3 of 6 keys differ");
    bench.window.get_by_label_contains("7001 at offset 942,909, 7002 at offset 942,909");
    bench.click("Only differences");
    assert!(bench.window.query_by_label("Key tags set, same").is_none());
}

#[test]
fn it_fits_a_small_window_in_both_themes() {
    for theme in [Theme::Dark, Theme::Light] {
        let mut story = streaming(2.0);
        let mut bench = Bench::sized(&story, [800.0, 600.0], theme);
        bench.show_keys();
        bench.answer(&mut story, answers);
        bench.click("Key user:1 hash");
        bench.answer(&mut story, answers);
        let window = bench.window.ctx.content_rect();
        for label in ["Key scores zset", "Element name Ann", "Delete on 7001", "Refresh keys"] {
            let rect = bench.window.get_by_label(label).rect();
            assert!(window.contains_rect(rect), "{label} at {rect:?}");
        }
    }
}
