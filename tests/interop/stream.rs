//! What a write becomes in the stream, and that it means the same on the other side.

use std::collections::BTreeMap;

use super::support::client::Reply;
use super::support::data::words;
use super::support::server::Kind;
use super::support::storm::{Dice, seed};
use super::support::{Client, Server, missing, until_equal};

/// Joins as a replica and returns the stream of these commands, one line each.
fn tap(kind: Kind, lines: &[&str]) -> Vec<String> {
    let master = Server::start(kind, &["repl-diskless-sync no", "repl-ping-replica-period 3600"]);
    let mut link = master.client();
    link.send(b"PSYNC ? -1\r\n");
    assert!(link.line().unwrap().starts_with("+FULLRESYNC"));
    let mut preamble = link.line().unwrap();
    while preamble.is_empty() {
        preamble = link.line().unwrap();
    }
    link.exactly(preamble[1..].parse().unwrap()).unwrap();
    let mut client = master.client();
    for line in lines {
        client.ask_bytes(&words(line).iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
    client.ask(&["SET", "the", "end"]);
    let mut stream = Vec::new();
    loop {
        let Ok(Reply::Array(parts)) = link.reply() else { panic!("the stream ends") };
        let line = parts.iter().map(Reply::text).collect::<Vec<_>>().join(" ");
        if line == "SET the end" {
            return stream;
        }
        if !line.eq_ignore_ascii_case("PING") {
            stream.push(line);
        }
    }
}

/// Times that depend on when a command ran become a word.
fn without_times(line: &str) -> String {
    let is_time =
        |word: &str| word.len() == 13 && word.starts_with('1') && word.bytes().all(|b| b.is_ascii_digit());
    line.split(' ').map(|word| if is_time(word) { "<ms>" } else { word }).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_stream_is_the_same_to_the_byte() {
    if missing("redis-server") {
        return;
    }
    #[rustfmt::skip] // several to a line
    let lines = [
        "SET a 1", "set b 2 EX 100", "SET b 3 PX 5000", "SET b 4 EXAT 4000000000", "SET b 5 KEEPTTL", "SET b 6 GET",
        "SET b 6 NX", "SETEX c 100 v", "PSETEX c 100000 v", "SETNX c 1", "SETNX d 1", "GETSET d 2", "GETDEL d",
        "GETDEL d", "GETEX b", "GETEX b EX 50", "GETEX b PERSIST", "GETEX b PERSIST", "GETEX c PXAT 1", "EXPIRE a 100",
        "PEXPIRE a 100000", "EXPIREAT a 4000000000", "PEXPIREAT a 4000000000000", "EXPIRE a 10 GT", "EXPIRE a 10 LT",
        "EXPIRE missing 10", "PERSIST a", "PERSIST a", "EXPIRE a -1", "EXPIRE a 5", "INCR n", "INCRBY n 5", "DECR n",
        "DECRBY n 2", "INCRBYFLOAT n 0.5", "INCRBYFLOAT n 1e20", "APPEND s abc", "APPEND s def", "SETRANGE s 2 X",
        "SETRANGE s 0", "MSET x 1 y 2", "MSETNX x 1 z 2", "MSETNX p 1 q 2", "RENAME x x2", "RENAMENX y x2", "RENAME nope x",
        "COPY x2 x3", "COPY x2 x3", "COPY x2 x3 REPLACE", "COPY x2 x3 DB 1", "MOVE x2 2", "MOVE x2 2", "DEL x3 nope",
        "DEL nope", "UNLINK y", "SWAPDB 1 2", "SELECT 3", "SET in3 1", "SELECT 0", "SET in0 1", "MULTI", "SET m 1",
        "INCR m", "EXEC", "MULTI", "SET one 1", "EXEC", "MULTI", "GET m", "EXEC", "MULTI", "SET m 1", "SELECT 4",
        "SET m4 1", "EXEC", "SET m5 1", "SELECT 0", "MULTI", "INCR m", "DISCARD", "TOUCH m", "FLUSHDB", "FLUSHALL ASYNC",
        "flushall sync", "SETRANGE empty 0 v", "SET t v PX 1", "DEBUG SLEEP 0.01", "GET t", "SET t v PX 1",
        "DEBUG SLEEP 0.01", "SET t w", "DEBUG SET-ACTIVE-EXPIRE 0", "SET u v PX 1", "DEBUG SLEEP 0.01", "INCR u",
        "MULTI", "INCRBYFLOAT f 1.5", "GETEX f EX 100", "EXEC", "WAIT 0 0",
    ];
    let [ours, theirs] = [Kind::Node, Kind::Redis]
        .map(|kind| tap(kind, &lines).iter().map(|line| without_times(line)).collect::<Vec<_>>());
    assert_eq!(ours, theirs);
}

fn ask(client: &mut Client, line: &str) -> String {
    client.ask_bytes(&words(line).iter().map(Vec::as_slice).collect::<Vec<_>>()).text()
}

#[test]
fn thousands_of_random_commands_have_the_same_replies_and_lead_to_the_same_data_everywhere() {
    if missing("redis-server") {
        return;
    }
    let seed = seed();
    let ours = Server::node(&[]);
    let theirs = Server::redis(&[]);
    let ours_below = Server::replica_of(Kind::Redis, &ours, &[]);
    let theirs_below = Server::replica_of(Kind::Node, &theirs, &[]);
    until_equal(&ours, &ours_below);
    until_equal(&theirs, &theirs_below);
    let mut dice = Dice::new(seed);
    let (mut here, mut there) = (ours.client(), theirs.client());
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for n in 0..6000 {
        let line = dice.line();
        let (mine, yours) = (ask(&mut here, &line), ask(&mut there, &line));
        assert_eq!(mine, yours, "REPLISCOPE_SEED={seed}, no. {n}: {line}");
        *seen.entry(line.split(' ').next().unwrap().to_owned()).or_default() += 1;
        if n % 2000 == 1999 {
            until_equal(&ours, &ours_below);
            until_equal(&theirs, &theirs_below);
            assert_eq!(
                ours.digest(),
                theirs.digest(),
                "REPLISCOPE_SEED={seed}, after {n}: times may differ by a tick"
            );
        }
    }
    assert!(seen.len() > 15, "{seen:?}");
}
