//! The console: typing, history, completion, help, and replies.

use eframe::egui::{Key, Modifiers, Theme};
use egui_kittest::kittest::Queryable;
use repliscope::lab::{ConsoleMode, ConsoleTarget, Event, LabCommand, ReplyValue};

use crate::bench::Bench;
use crate::story::{Story, node, streaming};

impl Bench {
    fn type_line(&mut self, text: &str) {
        self.click("Console line");
        self.window.get_by_label("Console line").type_text(text);
        self.settle();
    }

    fn key(&mut self, key: Key) {
        self.window.key_press(key);
        self.settle();
    }

    fn line(&self) -> String {
        self.window.get_by_label("Console line").value().unwrap_or_default()
    }

    fn typed(&self) -> Vec<(ConsoleTarget, String)> {
        self.wished()
            .into_iter()
            .map(|wish| match wish {
                LabCommand::Console { target, line, .. } => (target, line),
                other => panic!("{other:?}"),
            })
            .collect()
    }
}

#[test]
fn a_line_goes_to_the_master_until_another_node_is_chosen() {
    let mut bench = Bench::after(&streaming(2.0));
    bench.type_line("SET a 1");
    bench.key(Key::Enter);
    bench.click("Console target 7003");
    bench.type_line("GET a");
    bench.key(Key::Enter);
    bench.click("Console target all");
    bench.type_line("DBSIZE");
    bench.click("Run console line");
    assert_eq!(
        bench.typed(),
        [
            (ConsoleTarget::Node(node(7001)), "SET a 1".to_owned()),
            (ConsoleTarget::Node(node(7003)), "GET a".to_owned()),
            (ConsoleTarget::All, "DBSIZE".to_owned()),
        ]
    );
}

#[test]
fn every_line_has_an_id_of_its_own() {
    let mut story = streaming(2.0);
    story.console(41, 7001, "PING", ReplyValue::Simple("PONG".into()));
    let mut bench = Bench::after(&story);
    bench.type_line("PING");
    bench.key(Key::Enter);
    bench.type_line("PING");
    bench.key(Key::Enter);
    let ids: Vec<u64> = bench
        .wished()
        .into_iter()
        .map(|wish| if let LabCommand::Console { id, .. } = wish { id } else { 0 })
        .collect();
    assert_eq!(ids, [42, 43]);
}

#[test]
fn up_and_down_walk_the_history_and_come_back_to_the_draft() {
    let mut bench = Bench::after(&streaming(2.0));
    for line in ["PING", "DBSIZE"] {
        bench.type_line(line);
        bench.key(Key::Enter);
    }
    bench.type_line("draft");
    bench.key(Key::ArrowUp);
    assert_eq!(bench.line(), "DBSIZE");
    bench.key(Key::ArrowUp);
    bench.key(Key::ArrowUp);
    assert_eq!(bench.line(), "PING");
    bench.key(Key::ArrowDown);
    bench.key(Key::ArrowDown);
    assert_eq!(bench.line(), "draft");
    bench.key(Key::ArrowUp);
    bench.window.get_by_label("Console line").type_text("!");
    bench.settle();
    assert_eq!(bench.line(), "DBSIZE!", "the cursor stands at the end");
}

#[test]
fn tab_completes_and_goes_round_in_the_case_of_what_was_typed() {
    let mut bench = Bench::after(&streaming(2.0));
    bench.type_line("mse");
    bench.window.get_by_label("Complete MSETNX");
    bench.key(Key::Tab);
    assert_eq!(bench.line(), "mset ");
    bench.key(Key::Tab);
    assert_eq!(bench.line(), "msetnx ");
    bench.key(Key::Tab);
    assert_eq!(bench.line(), "mset ");
}

#[test]
fn an_offer_can_be_clicked_and_help_follows_the_command() {
    let mut bench = Bench::after(&streaming(2.0));
    bench.type_line("SE");
    bench.click("Complete SET");
    assert_eq!(bench.line(), "SET ");
    bench.window.get_by_label_contains("SET key value");
}

#[test]
fn replies_are_shown_by_their_type_and_errors_in_their_own_words() {
    let mut story = streaming(2.0);
    story.console(1, 7001, "GET a", ReplyValue::Bulk(b"line\x00".to_vec()));
    story.console(2, 7001, "INCR a", ReplyValue::Error("ERR value is not an integer or out of range".into()));
    story.console(3, 7001, "GET b", ReplyValue::Null);
    let bench = Bench::after(&story);
    bench.window.get_by_label("\"line\\x00\"");
    bench.window.get_by_label("ERR value is not an integer or out of range");
    bench.window.get_by_label("nil");
    bench.window.get_by_label("null");
}

#[test]
fn the_prompt_tells_database_and_transaction() {
    let mut story = streaming(2.0);
    story.push(repliscope::lab::Event::ConsoleReply {
        id: 1,
        node: node(7001),
        reply: ReplyValue::Simple("OK".into()),
        took: std::time::Duration::ZERO,
        db: 5,
        in_multi: true,
    });
    let bench = Bench::after(&story);
    bench.window.get_by_label("7001[5](TX)>");
}

#[test]
fn clear_empties_the_view_and_asks_nobody() {
    let mut story = streaming(2.0);
    story.console(1, 7001, "PING", ReplyValue::Simple("PONG".into()));
    let mut bench = Bench::after(&story);
    bench.window.get_by_label("PONG");
    bench.type_line("clear");
    bench.key(Key::Enter);
    assert!(bench.window.query_by_label("PONG").is_none());
    assert!(bench.wished().is_empty());
}

#[test]
fn its_key_brings_the_console_to_the_front_ready_to_type() {
    let mut bench = Bench::sized(&streaming(2.0), [800.0, 600.0], Theme::Light);
    assert!(bench.window.query_by_label("Console line").is_none());
    bench.window.key_press_modifiers(Modifiers::COMMAND, Key::Num5);
    bench.settle();
    bench.window.event(eframe::egui::Event::Text("PING".to_owned()));
    bench.settle();
    bench.key(Key::Enter);
    assert_eq!(bench.typed(), [(ConsoleTarget::Node(node(7001)), "PING".to_owned())]);
}

fn streams(mode: ConsoleMode) -> Story {
    let mut story = streaming(2.0);
    let text = |text: &str| ReplyValue::Bulk(text.as_bytes().to_vec());
    let confirmed = vec![text("subscribe"), text("news"), ReplyValue::Integer(1)];
    story.console(1, 7001, "SUBSCRIBE news", ReplyValue::Push(confirmed));
    story.push(Event::ConsoleMode { node: node(7001), mode });
    let message = ReplyValue::Push(vec![text("message"), text("news"), text("hello")]);
    story.push(Event::ConsoleMessages { id: 1, node: node(7001), messages: vec![message], dropped: 3 });
    story
}

#[test]
fn messages_are_shown_as_they_come_and_the_stream_can_be_stopped_by_button_or_key() {
    let mut bench = Bench::after(&streams(ConsoleMode::Subscribed(1)));
    bench.window.get_by_label("message  \"news\"  \"hello\"");
    bench.window.get_by_label("… 3 messages were not kept");
    bench.window.get_by_label("7001(subscribed mode)>");
    let stop = LabCommand::StopConsole(node(7001));
    bench.click("Stop console of 7001");
    assert_eq!(bench.wished(), std::slice::from_ref(&stop));
    bench.click("Console line");
    bench.key(Key::Escape);
    assert_eq!(bench.wished(), std::slice::from_ref(&stop));
    bench.click("Console line");
    bench.window.key_press_modifiers(Modifiers::CTRL, Key::C);
    bench.settle();
    assert_eq!(bench.wished(), [stop]);
}

#[test]
fn a_line_that_blocks_can_be_stopped_and_an_answered_one_not() {
    let mut story = streaming(2.0);
    story.console(1, 7001, "PING", ReplyValue::Simple("PONG".into()));
    story.run(2.0);
    let bench = Bench::after(&story);
    assert!(bench.window.query_by_label("Stop console of 7001").is_none());
    let target = ConsoleTarget::Node(node(7001));
    story.push(Event::Asked(LabCommand::Console { id: 2, target, line: "BLPOP q 0".to_owned() }));
    story.run(2.0);
    let mut bench = Bench::after(&story);
    bench.click("Stop console of 7001");
    assert_eq!(bench.wished(), [LabCommand::StopConsole(node(7001))]);
}

#[test]
fn long_help_of_many_arguments_stays_on_its_line() {
    let mut bench = Bench::sized(&streaming(2.0), [800.0, 600.0], Theme::Dark);
    bench.window.key_press_modifiers(Modifiers::COMMAND, Key::Num5);
    bench.settle();
    bench.type_line("SET key value ");
    let help = bench.window.get_by_label_contains("SET key value").rect();
    assert!(bench.window.ctx.content_rect().contains_rect(help), "{help:?}");
}
