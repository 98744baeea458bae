//! What a write becomes in the stream, and that it means the same on the other side.

use std::collections::BTreeMap;

use super::support::client::Reply;
use super::support::data::words;
use super::support::server::Kind;
use super::support::storm::{Dice, seed};
use super::support::{Client, Server, missing, until, until_equal};

/// Joins as a replica and returns the stream of these commands, one line each. A line that begins with `& ` is one of
/// another client, which blocks; its answer is awaited before the end.
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
    let mut blocked: Vec<(&str, Client)> = Vec::new();
    for line in lines {
        if let Some(line) = line.strip_prefix("& ") {
            let mut other = master.client();
            other.send(format!("{line}\r\n").as_bytes());
            blocked.push((line, other));
            let count = blocked.len().to_string();
            until(line, &[&master], || master.info("blocked_clients") == count);
            continue;
        }
        let reply = client.ask_bytes(&words(line).iter().map(Vec::as_slice).collect::<Vec<_>>());
        assert!(!reply.text().starts_with("-ERR unknown"), "{line}: {}", reply.text());
        if !blocked.is_empty() && master.info("blocked_clients") == "0" {
            for (line, mut other) in blocked.drain(..) {
                assert!(other.reply().is_ok(), "{line}");
            }
        }
    }
    assert!(blocked.is_empty(), "{:?}", blocked.iter().map(|(line, _)| line).collect::<Vec<_>>());
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

/// Times that depend on when a command ran become a word, and so does what was picked at random from a key `any…`.
fn without_times(line: &str) -> String {
    let is_time =
        |word: &str| word.len() == 13 && word.starts_with('1') && word.bytes().all(|b| b.is_ascii_digit());
    let mut random = false;
    let mut shown = Vec::new();
    for word in line.split(' ') {
        let (number, rest) = word.split_once('-').map_or((word, ""), |(number, rest)| (number, rest));
        shown.push(match word {
            _ if random => "<any>".to_owned(),
            _ if is_time(word) => "<ms>".to_owned(),
            _ if is_time(number) && rest.bytes().all(|b| b.is_ascii_digit()) => format!("<ms>-{rest}"),
            word => word.to_owned(),
        });
        random |= word.starts_with("any");
    }
    shown.join(" ")
}

/// What these commands become in our stream and in that of a real server.
fn both(lines: &[&str]) -> [Vec<String>; 2] {
    [Kind::Node, Kind::Redis].map(|kind| tap(kind, lines).iter().map(|line| without_times(line)).collect())
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
    let [ours, theirs] = both(&lines);
    assert_eq!(ours, theirs);
}

#[test]
fn the_stream_of_every_type_is_the_same_to_the_byte() {
    if missing("redis-server") {
        return;
    }
    #[rustfmt::skip] // several to a line
    let lines = [
        // Lists, blocking ones too: at once, and served later.
        "RPUSH l 1 2 3 4 5 6 7 8", "LPOP l", "lpop l 2", "RPOP l 1", "LPOP nope", "LMPOP 2 nope l LEFT COUNT 2", "BLPOP l 0",
        "LPUSHX nope 1", "LREM l 0 nope", "LREM l 0 7", "LTRIM l 0 -1", "DEL l", "RPUSH l a b c d e f", "BRPOP l 0",
        "BLMOVE l other LEFT RIGHT 0", "BRPOPLPUSH l other 0", "RPOPLPUSH l other", "LMOVE l l LEFT RIGHT",
        "BLMPOP 0 1 l RIGHT COUNT 5", "LINSERT other BEFORE nope x", "LINSERT other AFTER a x", "LSET other 0 y",
        "& BLPOP wait 0", "RPUSH wait 1 2 3", "& BRPOP wait2 wait3 0", "MULTI", "RPUSH wait3 1", "RPUSH wait3 2", "EXEC",
        "& BLMOVE wait4 to LEFT LEFT 0", "LPUSH wait4 v", "& BRPOPLPUSH wait5 to 0", "LPUSH wait5 v",
        "& BLMPOP 0 2 wait6 wait7 LEFT COUNT 3", "RPUSH wait7 1 2 3 4", "& BLPOP wait8 0", "& BLPOP wait8 0",
        "RPUSH wait8 1 2 3",
        // Sets.
        "SADD s 1 2 3", "SADD s 1", "SREM s nope", "SREM s 1", "SMOVE s s2 2", "SMOVE s s2 nope", "SPOP s", "SPOP s",
        "SADD any1 a b c", "SPOP any1 2", "SADD s3 a b", "SPOP s3 2", "SADD s3 a b", "SPOP s3 5", "SPOP s3 0", "SADD s4 a b",
        "SADD s5 b c", "SINTERSTORE s6 s4 s5", "SUNIONSTORE s6 s4 s5", "SDIFFSTORE s6 s4 s4", "SDIFFSTORE s6 nope",
        // Hashes.
        "HSET h a 1 b 2", "HSET h a 1", "HSETNX h a 2", "HSETNX h c 3", "HMSET h d 4", "HINCRBY h a 5", "HINCRBYFLOAT h a 0.5",
        "HINCRBYFLOAT h new 1e3", "HDEL h nope", "HDEL h a b", "HDEL h c d new",
        // Sorted sets and geo.
        "ZADD z 1 a 2 b 3 c 4 d", "ZADD z 1 a", "ZADD z XX CH 5 a", "ZADD z NX 9 a", "ZADD z GT CH 1 a", "ZADD z INCR 2 a",
        "ZINCRBY z 1.5 a", "ZREM z nope", "ZPOPMIN z", "ZPOPMAX z 1", "ZMPOP 2 nope z MIN", "ZMPOP 1 z MAX COUNT 5", "ZPOPMIN z",
        "ZADD z 1 a 2 b 3 c 4 d", "BZPOPMIN z 0", "BZPOPMAX z 0", "BZMPOP 0 1 z MIN COUNT 2", "& BZPOPMIN wz 0", "ZADD wz 1 a",
        "& BZPOPMAX wz 0", "ZADD wz 1 a 2 b", "& BZMPOP 0 2 nope wz2 MIN COUNT 2", "ZADD wz2 1 a 2 b 3 c", "ZADD y 1 a 2 b 3 c",
        "ZUNIONSTORE u 2 y y WEIGHTS 2 3", "ZINTERSTORE u 2 y nope", "ZDIFFSTORE u 2 y wz", "ZRANGESTORE u y 0 1",
        "ZRANGESTORE u y 9 10", "ZREMRANGEBYSCORE y 9 10", "ZREMRANGEBYRANK y 0 0", "ZREMRANGEBYLEX y - +",
        "GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", "geoadd g NX 1 1 Palermo",
        "GEOSEARCHSTORE g2 g FROMLONLAT 15 37 BYRADIUS 200 km", "GEORADIUS g 15 37 200 km STORE g3",
        "GEORADIUSBYMEMBER g Palermo 1 m STOREDIST g3", "GEORADIUS g 0 0 1 m STORE g3", "SORT other ALPHA STORE sorted",
        "SORT nope STORE sorted",
        // Streams.
        "XADD x * f v", "XADD x 1-* f v", "XADD q 5-1 f v", "XADD q 5-* f v", "XADD q 6 f v", "XADD q NOMKSTREAM 7-0 f v",
        "XADD nope NOMKSTREAM 7-0 f v", "XADD q MAXLEN ~ 2 8-0 f v", "XADD q MAXLEN = 3 9-0 f v", "XADD q MINID ~ 6 10-0 f v",
        "XADD q MAXLEN ~ 1 LIMIT 10 11-0 f v", "XTRIM q MAXLEN ~ 1", "XTRIM q MAXLEN 3", "XTRIM q MINID 9-0", "XDEL q 99-0",
        "XDEL q 9-0", "XSETID q 20-0", "XGROUP CREATE q grp 0", "XGROUP CREATE made grp $ MKSTREAM", "XGROUP CREATECONSUMER q grp bob",
        "XGROUP CREATECONSUMER q grp bob", "XADD q 21-0 f v", "XADD q 22-0 f v", "XREADGROUP GROUP grp alice COUNT 1 STREAMS q >",
        "XREADGROUP GROUP grp alice COUNT 9 STREAMS q >", "XREADGROUP GROUP grp alice STREAMS q >",
        "XREADGROUP GROUP grp alice STREAMS q 0", "XADD q 23-0 f v", "XREADGROUP GROUP grp carol NOACK STREAMS q >",
        "XACK q grp 21-0 21-0", "XACK q grp 21-0", "XCLAIM q grp bob 0 22-0", "XCLAIM q grp bob 0 22-0 JUSTID", "XCLAIM q grp bob 0 77-0",
        "XCLAIM q grp bob 0 23-0 FORCE IDLE 5 RETRYCOUNT 7 LASTID 23-0", "XAUTOCLAIM q grp carol 0 0 COUNT 10",
        "XAUTOCLAIM q grp carol 99999999 0", "XDEL q 22-0", "XAUTOCLAIM q grp dave 0 0", "XGROUP SETID q grp 22-0",
        "XGROUP SETID q grp 0 ENTRIESREAD 3", "XGROUP DELCONSUMER q grp bob", "XGROUP DELCONSUMER q grp nobody",
        "& XREADGROUP GROUP grp erin BLOCK 0 STREAMS made >", "XADD made 1-1 f v", "& XREAD BLOCK 0 STREAMS made $", "XADD made 1-2 f v",
        "XGROUP DESTROY q nope", "XGROUP DESTROY q grp",
        // Bits and estimates.
        "SETBIT bits 7 1", "SETBIT bits 7 1", "BITOP NOT bits2 bits", "BITOP AND bits2 nope", "BITFIELD bits SET u8 0 255 GET u8 0",
        "BITFIELD bits GET u8 0", "BITFIELD_RO bits GET u8 0", "BITFIELD bits OVERFLOW FAIL INCRBY u8 0 10", "PFADD pf a b c",
        "PFADD pf a", "PFADD pfnew", "PFCOUNT pf", "PFCOUNT pf", "PFADD pf d", "PFCOUNT pf pfnew", "PFMERGE pfsum pf",
        // Expiry and eviction, lazily and not.
        "CONFIG SET lazyfree-lazy-expire yes", "DEBUG SET-ACTIVE-EXPIRE 0", "SET e v PX 1", "DEBUG SLEEP 0.01", "GET e", "SET e v",
        "EXPIRE e -1", "SET e v PX 1", "DEBUG SLEEP 0.01", "APPEND e w", "CONFIG SET lazyfree-lazy-expire no", "SET e v PX 1",
        "RPUSH elist a", "PEXPIRE elist 1", "DEBUG SLEEP 0.01", "EXISTS e elist", "GETEX e", "SET e v", "GETEX e EXAT 1",
        "DEBUG SET-ACTIVE-EXPIRE 1", "FLUSHALL", "SET alone v", "CONFIG SET maxmemory-policy allkeys-lru maxmemory 1", "GET alone",
        "CONFIG SET maxmemory 0", "CONFIG SET lazyfree-lazy-eviction yes", "SET alone v", "CONFIG SET maxmemory 1", "GET alone",
        "CONFIG SET maxmemory 0",
        // Messages, functions, transactions that do little.
        "PUBLISH channel hello", "publish channel hello", "SPUBLISH channel hello", "FUNCTION FLUSH", "MULTI",
        "PUBLISH channel 1", "EXEC", "MULTI", "PUBLISH channel 1", "SET p 1", "EXEC", "MULTI", "LPOP nope", "SREM nope x", "EXEC",
        "MULTI", "DEL nope", "SET p 2", "EXEC", "SELECT 5", "MULTI", "SELECT 6", "SET six 1", "SELECT 5", "SET five 1", "EXEC",
        "DEBUG REPLICATE anything at all", "SELECT 0",
        // Whole values.
        "SET whole v", "COPY whole copy", "DUMP whole", "FLUSHDB", "FLUSHDB", "flushall async", "SWAPDB 0 1", "SWAPDB 1 1",
    ];
    let [ours, theirs] = both(&lines);
    assert_eq!(ours, theirs);
    assert!(ours.len() > 200, "{} commands", ours.len());
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
