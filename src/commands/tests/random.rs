//! Random requests: ours and a real server must agree on every reply and on the stream.
//!
//! Deadlines are far away or long past, so that it does not matter that the two clocks are read at slightly
//! different moments; the seed is fixed, so a difference can be run again.
#![cfg(unix)]

use super::harness::{Fixture, shown};
use super::real::{Outcome, Real, now};
use crate::store::Random;

const REQUESTS: usize = 20_000;
const SEED: u64 = 0x5EED;
/// How far apart two points in time may be that mean the same, in milliseconds.
const SLACK: i64 = 2000;

const KEYS: [&str; 6] = ["a", "b", "key:c", "key:d", "", "e"];
const VALUES: [&str; 16] = [
    "",
    "0",
    "1",
    "-7",
    "41",
    "9223372036854775806",
    "-9223372036854775808",
    "3.25",
    "1e3",
    "-0.5",
    "abc",
    " 1",
    "hello world",
    "aXbXc",
    "0x10",
    "12345678901234567890",
];
const NUMBERS: [&str; 14] = [
    "0",
    "1",
    "2",
    "-1",
    "-3",
    "10",
    "16",
    "x",
    "1.5",
    "",
    "9223372036854775807",
    "-9223372036854775808",
    "100",
    "7",
];
const SECONDS: [&str; 7] = ["1000000", "2000000", "-5", "0", "x", "9223372036854775807", "1500000"];
const MILLIS: [&str; 6] = ["1000000000", "2000000000", "-5", "0", "x", "9223372036854775807"];
const UNIX_SECONDS: [&str; 5] = ["9999999999", "8888888888", "1", "-1", "9223372036854775"];
const UNIX_MILLIS: [&str; 5] = ["9999999999999", "8888888888888", "1", "-1", "y"];
const PATTERNS: [&str; 9] = ["*", "key:*", "?", "[a-b]", "[^a]*", "k*:[cd]", "\\a", "*e*", ""];

/// Durations stand without GT and LT: the same duration twice may be later or not, by a millisecond.
/// `%k` a key, `%v` a value, `%n` a number, `%s %m %S %M` times, `%p` a pattern; `[…]` half of the time.
const FORMS: [&str; 70] = [
    "GET %k",
    "SET %k %v",
    "SET %k %v [NX] [GET]",
    "SET %k %v [XX] [GET]",
    "SET %k %v EX %s [GET]",
    "SET %k %v PX %m [NX]",
    "SET %k %v EXAT %S [XX]",
    "set %k %v pxat %M [get]",
    "SET %k %v KEEPTTL [GET] [XX]",
    "SETNX %k %v",
    "SETEX %k %s %v",
    "PSETEX %k %m %v",
    "GETSET %k %v",
    "GETDEL %k",
    "GETEX %k",
    "GETEX %k EX %s",
    "GETEX %k PX %m",
    "GETEX %k EXAT %S",
    "GETEX %k PXAT %M",
    "GETEX %k PERSIST",
    "MGET %k %k %k",
    "MSET %k %v %k %v [%k]",
    "MSETNX %k %v [%k %v]",
    "APPEND %k %v",
    "STRLEN %k",
    "GETRANGE %k %n %n",
    "SUBSTR %k %n %n",
    "SETRANGE %k 3 %v",
    "SETRANGE %k 5000 %v",
    "SETRANGE %k -1 %v",
    "INCR %k",
    "DECR %k",
    "INCRBY %k %n",
    "DECRBY %k %n",
    "INCRBYFLOAT %k %v",
    "INCRBYFLOAT %k %n",
    "INCRBYFLOAT %k %f",
    "SET %k %f",
    "LCS %k %k [LEN] [IDX]",
    "LCS %k %k IDX [WITHMATCHLEN] [MINMATCHLEN %n]",
    "DEL %k [%k]",
    "UNLINK %k [%k]",
    "EXISTS %k [%k]",
    "TYPE %k",
    "TOUCH %k [%k]",
    "EXPIRE %k %s [NX]",
    "EXPIRE %k %s [XX]",
    "PEXPIRE %k %m",
    "EXPIREAT %k %S [GT] [NX]",
    "PEXPIREAT %k %M [XX] [LT]",
    "TTL %k",
    "PTTL %k",
    "EXPIRETIME %k",
    "PEXPIRETIME %k",
    "PERSIST %k",
    "RENAME %k %k",
    "RENAMENX %k %k",
    "COPY %k %k [REPLACE]",
    "COPY %k %k DB %n [REPLACE]",
    "MOVE %k %n",
    "SWAPDB %n %n",
    "DBSIZE",
    "KEYS %p",
    "SCAN 0 COUNT 1000 [MATCH %p]",
    "SCAN 0 MATCH %p COUNT 1000",
    "OBJECT ENCODING %k",
    "OBJECT REFCOUNT %k",
    "FLUSHDB [ASYNC]",
    "nope %v %k",
    "OBJECT FREQ %k",
];

struct Requests(Random);

impl Requests {
    fn below(&mut self, end: usize) -> usize {
        self.0.index(end)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn request(&mut self) -> Vec<Vec<u8>> {
        let form = self.pick(&FORMS);
        let (mut words, mut skipping) = (Vec::new(), false);
        for part in form.split(' ') {
            if part.starts_with('[') {
                skipping = self.below(2) == 0;
            }
            let word = part.trim_start_matches('[').trim_end_matches(']');
            if !skipping {
                words.push(self.word(word).into_bytes());
            }
            skipping &= !part.ends_with(']');
        }
        words
    }

    fn word(&mut self, word: &str) -> String {
        let from: &[&str] = match word {
            "%k" => &KEYS,
            "%v" => &VALUES,
            "%n" => &NUMBERS,
            "%s" => &SECONDS,
            "%m" => &MILLIS,
            "%S" => &UNIX_SECONDS,
            "%M" => &UNIX_MILLIS,
            "%p" => &PATTERNS,
            "%f" => return self.decimal(),
            word => return word.to_owned(),
        };
        self.pick(from).to_owned()
    }

    /// A number that may be huge, tiny, hexadecimal or longer than its type can hold.
    fn decimal(&mut self) -> String {
        let hexadecimal = self.below(8) == 0;
        let mut text = self.pick(&["", "-", "+"]).to_owned();
        text.push_str(if hexadecimal { "0x" } else { "" });
        let digits = 1 + self.below(25);
        let point = self.below(digits * 2);
        for at in 0..digits {
            if at == point {
                text.push('.');
            }
            let digit = self.below(if hexadecimal { 16 } else { 10 }) as u32;
            text.push(char::from_digit(digit, 16).unwrap());
        }
        let range = [0, 40, 400, 12_000][self.below(4)];
        if range > 0 {
            text.push(if hexadecimal { 'p' } else { 'e' });
            text.push_str(&(self.below(range) as i64 - range as i64 / 2).to_string());
        }
        text
    }
}

/// The same but for points in time, and for the order of keys, which is a server's own.
fn agree(name: &str, ours: &Outcome, theirs: &Outcome) -> bool {
    if name == "KEYS" || name == "SCAN" {
        let sorted = |text: String| {
            let mut words: Vec<String> = text.split([' ', '[', ']']).map(str::to_owned).collect();
            words.sort();
            words
        };
        let streams = |outcome: &Outcome| sorted(outcome.stream.join(" "));
        return sorted(shown(&ours.reply)) == sorted(shown(&theirs.reply))
            && streams(ours) == streams(theirs);
    }
    let times_fit = |ours: &str, theirs: &str| {
        let number = |text: &str| text.trim_start_matches(':').parse::<i64>().ok();
        ours == theirs
            || number(ours)
                .zip(number(theirs))
                .is_some_and(|(a, b)| a > 900_000 && a.abs_diff(b) <= SLACK as u64)
    };
    let lines_fit = |ours: &str, theirs: &str| {
        let (ours, theirs): (Vec<_>, Vec<_>) = (ours.split(' ').collect(), theirs.split(' ').collect());
        ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| times_fit(ours, theirs))
    };
    let reply_fits = match name {
        "TTL" | "PTTL" | "EXPIRETIME" | "PEXPIRETIME" => {
            lines_fit(&shown(&ours.reply), &shown(&theirs.reply))
        }
        _ => ours.reply == theirs.reply,
    };
    reply_fits && lines_fit(&ours.stream.join("; "), &theirs.stream.join("; "))
}

/// Redis keeps a sum of decimals as text even where it looks like an integer, until it is written again.
/// For us, and for a replica that gets the SET, an integer is an integer.
fn is_known_difference(name: &str, ours: &[u8], theirs: &[u8]) -> bool {
    name == "OBJECT"
        && (ours == b"$3\r\nint\r\n" && theirs == b"$6\r\nembstr\r\n"
            || ours == b":2147483647\r\n" && theirs == b":1\r\n")
}

#[test]
fn random_requests_come_to_the_same_here_and_on_a_real_server() {
    let Some(mut real) = Real::start() else { return };
    let mut node = Fixture::new();
    let mut requests = Requests(Random::new(SEED));
    let mut history = Vec::new();
    for resp3 in [false, true] {
        let protocol = if resp3 { "HELLO 3" } else { "HELLO 2" };
        real.ask(protocol);
        node.out.set_resp3(resp3);
        for _ in 0..REQUESTS / 2 {
            let request = requests.request();
            let words: Vec<&[u8]> = request.iter().map(Vec::as_slice).collect();
            node.now = now();
            let reply = node.run_words(words.iter().copied());
            let ours = Outcome { reply, stream: std::mem::take(&mut node.stream) };
            let theirs = real.ask_words(&words);
            let line =
                request.iter().map(|word| word.escape_ascii().to_string()).collect::<Vec<_>>().join(" ");
            history.push(line);
            let name = String::from_utf8_lossy(&request[0]).to_ascii_uppercase();
            let same = agree(&name, &ours, &theirs) || is_known_difference(&name, &ours.reply, &theirs.reply);
            let last = &history[history.len().saturating_sub(12)..];
            assert!(
                same,
                "{}\n  ours   {} | {}\n  theirs {} | {}",
                last.join("\n"),
                shown(&ours.reply),
                ours.stream.join("; "),
                shown(&theirs.reply),
                theirs.stream.join("; ")
            );
        }
    }
}
