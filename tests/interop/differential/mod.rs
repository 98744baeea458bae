//! The same random commands of every kind to one of our nodes and to a real redis-server: replies equal to the byte,
//! data equal at the end, on both and on a replica of the other kind behind each.
//!
//! `REPLISCOPE_COMMANDS` says how many (40,000 unless told), `REPLISCOPE_SEED` which. With `REPLISCOPE_SURVEY=1` it
//! goes on after a difference, from empty data sets, and lists one example for each command.

mod allowed;
mod grammar;
mod raw;
mod templates;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::support::client::encode;
use super::support::server::Kind;
use super::support::storm::seed;
use super::support::{Server, missing, until_equal};
use grammar::{Generator, Request};
use raw::Wire;

/// Commands that are under way at once.
const BATCH: usize = 50;
/// Commands between two comparisons of all data.
const STAGE: usize = 20_000;
/// Commands that a report shows before the one that differs.
const SHOWN: usize = 25;

fn commands() -> usize {
    std::env::var("REPLISCOPE_COMMANDS").ok().and_then(|text| text.parse().ok()).unwrap_or(40_000)
}

/// One side: a server and the connection that everything goes through.
struct Side {
    server: Server,
    wire: Wire,
}

impl Side {
    fn start(kind: Kind) -> Self {
        let server = Server::start(
            kind,
            // Compressed dumps may differ and mean the same.
            &["repl-backlog-size 64mb", "proto-max-bulk-len 1mb", "rdbcompression no"],
        );
        let wire = Wire::connect(server.port);
        Self { server, wire }
    }

    fn ask(&mut self, words: &[&str]) -> String {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        self.wire.send(&encode(&words));
        self.wire.reply().escape_ascii().to_string()
    }
}

fn shown(request: &Request) -> String {
    let words = request.iter().map(|word| match word.len() {
        0 => "''".to_owned(),
        len if len > 60 => format!("{}…({len} bytes)", word[..40].escape_ascii()),
        _ => word.escape_ascii().to_string(),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn shown_reply(reply: &[u8]) -> String {
    let text = reply.escape_ascii().to_string();
    if text.len() > 600 { format!("{}…({} bytes)", &text[..600], reply.len()) } else { text }
}

fn report(request: &Request, mine: &[u8], real: &[u8], before: &[Request]) -> String {
    let mut text =
        format!("{}\n  ours: {}\n  real: {}\n", shown(request), shown_reply(mine), shown_reply(real));
    let keys: Vec<&Vec<u8>> = request.iter().skip(1).collect();
    let related =
        before.iter().rev().filter(|earlier| earlier.iter().skip(1).any(|word| keys.contains(&word)));
    let is_exec = request[0].eq_ignore_ascii_case(b"exec");
    let mut related: Vec<_> =
        if is_exec { before.iter().rev().take(2 * SHOWN).collect() } else { related.take(SHOWN).collect() };
    related.reverse();
    for earlier in related {
        let _ = writeln!(text, "    after {}", shown(earlier));
    }
    text
}

#[derive(Default)]
struct Survey {
    first: BTreeMap<String, (usize, String)>,
}

impl Survey {
    fn is_on() -> bool {
        std::env::var("REPLISCOPE_SURVEY").is_ok_and(|value| value == "1")
    }

    fn note(&mut self, request: &Request, report: String) {
        let name = String::from_utf8_lossy(&request[0]).to_ascii_uppercase();
        self.first.entry(name).or_insert((0, report)).0 += 1;
    }
}

#[test]
fn every_command_answers_as_the_real_server_and_leaves_the_same_data_everywhere() {
    if missing("redis-server") {
        return;
    }
    let (seed, total, surveying) = (seed(), commands(), Survey::is_on());
    let (mut ours, mut real) = (Side::start(Kind::Node), Side::start(Kind::Redis));
    let ours_below = Server::replica_of(Kind::Redis, &ours.server, &[]);
    let real_below = Server::replica_of(Kind::Node, &real.server, &[]);
    let mut generator = Generator::new(seed, &templates::all());
    let mut history: Vec<Request> = Vec::new();
    let (mut survey, mut sent, mut stage) = (Survey::default(), 0, 0);
    if seed % 2 == 1 {
        assert_eq!(ours.ask(&["HELLO", "3"]).is_empty(), real.ask(&["HELLO", "3"]).is_empty());
    }
    while sent < total {
        let requests: Vec<Request> = (0..BATCH).map(|_| generator.request()).collect();
        let bytes: Vec<u8> = requests
            .iter()
            .flat_map(|request| encode(&request.iter().map(Vec::as_slice).collect::<Vec<_>>()))
            .collect();
        ours.wire.send(&bytes);
        real.wire.send(&bytes);
        let mut differed = false;
        for request in requests {
            let (mine, theirs) = (ours.wire.reply(), real.wire.reply());
            if !differed && !allowed::equal(&request, &mine, &theirs) {
                let text = report(&request, &mine, &theirs, &history);
                assert!(surveying, "REPLISCOPE_SEED={seed}, no. {}: {text}", history.len());
                survey.note(&request, text);
                differed = true;
            }
            history.push(request);
        }
        sent += BATCH;
        if differed {
            for side in [&mut ours, &mut real] {
                side.ask(&["DISCARD"]);
                side.ask(&["UNWATCH"]);
                side.ask(&["SELECT", "0"]);
                side.ask(&["FLUSHALL"]);
            }
            history.clear();
        } else if sent / STAGE > stage {
            stage = sent / STAGE;
            for side in [&mut ours, &mut real] {
                // An open transaction would hold back what is about to be compared.
                side.ask(&["DISCARD"]);
            }
            let differing = differing_keys(&mut ours, &mut real);
            assert!(
                differing.is_empty() || surveying,
                "REPLISCOPE_SEED={seed}, after {sent}: {differing:#?}"
            );
            if !differing.is_empty() {
                survey.note(&vec![b"(data)".to_vec()], differing[..differing.len().min(SHOWN)].join("\n"));
            }
            until_equal(&ours.server, &ours_below);
            until_equal(&real.server, &real_below);
            assert!(
                surveying || ours.server.digest() == real.server.digest(),
                "REPLISCOPE_SEED={seed}, after {sent}"
            );
            if !surveying {
                history.clear();
            }
        }
    }
    for (name, (times, report)) in &survey.first {
        println!("── {name}: {times} times, first\n{report}");
    }
    assert!(survey.first.is_empty(), "{} commands differ", survey.first.len());
    let used = generator.used();
    assert!(used * 10 >= generator.templates() * 9 || total < 10_000, "only {used} templates were used");
}

/// Keys whose value, time to live or dump is not the same.
fn differing_keys(ours: &mut Side, real: &mut Side) -> Vec<String> {
    let mut differing = Vec::new();
    for db in ["0", "1"] {
        for side in [&mut *ours, &mut *real] {
            side.ask(&["SELECT", db]);
        }
        for key in templates::keys() {
            for question in [&["PEXPIRETIME", &key][..], &["TYPE", &key], &["DEBUG", "DIGEST-VALUE", &key]] {
                let (mine, theirs) = (ours.ask(question), real.ask(question));
                if mine != theirs {
                    differing.push(format!("db {db} {question:?}: ours {mine}, real {theirs}"));
                }
            }
        }
    }
    for side in [ours, real] {
        side.ask(&["SELECT", "0"]);
    }
    differing
}
