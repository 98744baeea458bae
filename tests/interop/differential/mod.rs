//! The same random commands of every kind to one of our nodes and to a real redis-server: replies equal to the byte,
//! data equal at the end, on both and on a replica of the other kind behind each.
//!
//! `REPLISCOPE_COMMANDS` says how many (40,000 unless told), `REPLISCOPE_SEED` which. With `REPLISCOPE_SURVEY=1` it
//! goes on after a difference, from empty data sets, and lists one example for each command.
//!
//! Times to live are far longer than a run, and compared with some tolerance. Keys expire between two batches.

mod allowed;
mod grammar;
mod raw;
mod templates;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::support::client::encode;
use super::support::server::Kind;
use super::support::storm::seed;
use super::support::{Server, missing, until, until_equal};
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
    /// `None` for a further connection to a server that is held elsewhere.
    server: Option<Server>,
    wire: Wire,
}

impl Side {
    fn start(kind: Kind) -> Self {
        let server = Server::start(
            kind,
            // Compressed dumps may differ and mean the same. Redis looks `hz` times a second whose wait is over.
            &["repl-backlog-size 64mb", "proto-max-bulk-len 1mb", "rdbcompression no", "hz 500"],
        );
        let wire = Wire::connect(server.port);
        Self { server: Some(server), wire }
    }

    /// Another connection to the same server.
    fn beside(&self) -> Self {
        Self { server: None, wire: Wire::connect(self.server().port) }
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    fn ask(&mut self, words: &[&str]) -> String {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        self.wire.send(&encode(&words));
        self.wire.reply().escape_ascii().to_string()
    }
}

/// Lets a key expire on both sides and says whether it was there. Not in the stream of commands: neither could tell
/// which of them come before its time, and which after.
fn expire(sides: &mut [Side; 2], db: &str, key: &str) -> [String; 2] {
    let was_there = sides.each_mut().map(|side| {
        side.ask(&["SELECT", db]);
        side.ask(&["PEXPIRE", key, "1"])
    });
    std::thread::sleep(Duration::from_millis(5));
    for side in sides {
        side.ask(&["EXISTS", key]);
    }
    was_there
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
    let is = |request: &Request, name: &[u8]| request[0].eq_ignore_ascii_case(name);
    // What EXEC answers is decided by all that has happened since WATCH.
    let watch =
        if is(request, b"exec") { before.iter().rposition(|earlier| is(earlier, b"watch")) } else { None };
    let about = watch.map_or(request, |index| &before[index]);
    let related = before[watch.unwrap_or(0)..].iter().rev().filter(|earlier| {
        is(earlier, b"swapdb")
            || is(earlier, b"select")
            || earlier[1..].iter().any(|word| about[1..].contains(word))
    });
    let mut related: Vec<_> = related.take(SHOWN).collect();
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
    let ours_below = Server::replica_of(Kind::Redis, ours.server(), &[]);
    let real_below = Server::replica_of(Kind::Node, real.server(), &[]);
    let mut generator = Generator::new(seed, &templates::all());
    let (mut history, mut queued) = (Vec::<Request>::new(), Vec::<Request>::new());
    let (mut survey, mut sent, mut stage) = (Survey::default(), 0, 0);
    if seed % 2 == 1 {
        assert_eq!(ours.ask(&["HELLO", "3"]).is_empty(), real.ask(&["HELLO", "3"]).is_empty());
    }
    let mut bystanders = [&ours, &real].map(Side::beside);
    while sent < total {
        if generator.below(20) == 0 {
            let keys = templates::keys();
            let key = &keys[generator.below(keys.len() as u64) as usize];
            let [mine, theirs] = expire(&mut bystanders, ["0", "1"][generator.below(2) as usize], key);
            assert_eq!(mine, theirs, "REPLISCOPE_SEED={seed}, after {sent}: {key} expires");
        }
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
            let transaction = if request[0].eq_ignore_ascii_case(b"exec") {
                std::mem::take(&mut queued)
            } else {
                Vec::new()
            };
            let difference = if transaction.is_empty() {
                (!allowed::equal(&request, &mine, &theirs)).then_some((&request, &mine[..], &theirs[..]))
            } else {
                allowed::first_difference(&request, &transaction, &mine, &theirs)
            };
            match &mine[..] {
                b"+QUEUED\r\n" => queued.push(request.clone()),
                _ if request[0].eq_ignore_ascii_case(b"discard") => queued.clear(),
                _ => {}
            }
            if let Some((request, mine, theirs)) = difference.filter(|_| !differed) {
                let text = report(request, mine, theirs, &history);
                assert!(surveying, "REPLISCOPE_SEED={seed}, no. {}: {text}", history.len());
                survey.note(request, text);
                differed = true;
            }
            differed |= allowed::leaves_half(&request, &theirs);
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
            queued.clear();
        } else if sent / STAGE > stage {
            stage = sent / STAGE;
            for side in [&mut ours, &mut real] {
                // An open transaction would hold back what is about to be compared.
                side.ask(&["DISCARD"]);
            }
            queued.clear();
            let differing = differing_keys(&mut ours, &mut real, Clocks::Two);
            assert!(
                differing.is_empty() || surveying,
                "REPLISCOPE_SEED={seed}, after {sent}: {differing:#?}"
            );
            if !differing.is_empty() {
                survey.note(&vec![b"(data)".to_vec()], differing[..differing.len().min(SHOWN)].join("\n"));
            }
            for (master, replica) in [(&mut ours, &ours_below), (&mut real, &real_below)] {
                let mut below = Side { wire: Wire::connect(replica.port), server: None };
                until_applied(master.server(), replica);
                let differing = differing_keys(master, &mut below, Clocks::One);
                assert!(
                    differing.is_empty(),
                    "REPLISCOPE_SEED={seed}, after {sent}, replica: {differing:#?}"
                );
                until_equal(master.server(), replica);
            }
            assert!(
                surveying || ours.server().digest() == real.server().digest(),
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

/// Waits until a replica has applied what its master wrote.
fn until_applied(master: &Server, replica: &Server) {
    until("the replica is at its master's offset", &[master, replica], || {
        master.offset() == replica.offset()
    });
}

/// Whose clock made deadlines out of times to live.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clocks {
    /// The master's.
    One,
    /// That of each side.
    Two,
}

/// Keys whose value, type or time of expiry is not the same.
fn differing_keys(ours: &mut Side, real: &mut Side, clocks: Clocks) -> Vec<String> {
    let mut differing = Vec::new();
    for db in ["0", "1"] {
        for side in [&mut *ours, &mut *real] {
            side.ask(&["SELECT", db]);
        }
        for key in templates::keys() {
            for question in [&["PEXPIRETIME", &key][..], &["TYPE", &key], &["DEBUG", "DIGEST-VALUE", &key]] {
                let (mine, theirs) = (ours.ask(question), real.ask(question));
                let same_deadline = clocks == Clocks::Two
                    && question[0] == "PEXPIRETIME"
                    && allowed::same_deadline(mine.as_bytes(), theirs.as_bytes());
                if mine != theirs && !same_deadline {
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
