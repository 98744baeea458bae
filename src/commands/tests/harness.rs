//! A node without a node: runs commands against a store with a clock that only the test moves.

use crate::commands::{
    Access, CmdError, Ctx, Effects, ExpiryMode, Garbage, LfuTuning, OWN_NAMES, Run, Stats, check,
};
use crate::protocol::{Args, OwnedArgs, Replies, split_inline};
use crate::store::{Encodings, Millis, Random, Store};

/// When tests begin.
pub(super) const START: Millis = 1_700_000_000_000;

/// The parts of a node that data commands touch.
pub(super) struct Fixture {
    pub(super) store: Store,
    pub(super) db: usize,
    pub(super) now: Millis,
    pub(super) expiry: ExpiryMode,
    pub(super) access: Access,
    pub(super) lazy_expire: bool,
    pub(super) max_string: usize,
    pub(super) encodings: Encodings,
    pub(super) stats: Stats,
    pub(super) out: Replies,
    pub(super) effects: Effects,
    pub(super) garbage: Vec<Garbage>,
    random: Random,
    /// What the last command sent to the replicas, a command with its database before it.
    pub(super) stream: Vec<String>,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let mut effects = Effects::default();
        (effects.streaming, effects.watching) = (true, true);
        Self {
            store: Store::new(16, 7),
            db: 0,
            now: START,
            expiry: ExpiryMode::Delete,
            access: Access::Lru,
            lazy_expire: false,
            max_string: 512 * 1024 * 1024,
            encodings: Encodings::REDIS,
            stats: Stats::default(),
            out: Replies::new(),
            effects,
            garbage: Vec::new(),
            random: Random::new(1),
            stream: Vec::new(),
        }
    }

    /// Runs an inline request and returns its reply on one line, as [`shown`] writes it.
    pub(super) fn run(&mut self, line: &str) -> String {
        let words = split_inline(line.as_bytes()).unwrap();
        let reply = self.run_words(words.iter().map(Vec::as_slice));
        shown(&reply)
    }

    /// Runs a request and returns its reply as it goes over the wire.
    pub(super) fn run_words<'w>(&mut self, words: impl IntoIterator<Item = &'w [u8]>) -> Vec<u8> {
        let request = OwnedArgs::from_parts(words);
        self.effects.clear();
        if let Err(error) = self.execute(&request.args()) {
            error.write_to(&mut self.out);
        }
        self.stream = self.effects.sent().map(|(db, command)| stream_line(db, command)).collect();
        if self.effects.sends_itself() {
            let mut itself = Vec::new();
            let parts: Vec<&[u8]> = request.args().from(0).collect();
            crate::commands::effects::encode_command(&mut itself, &parts);
            self.stream.push(stream_line(self.db, &itself));
        }
        self.out.take()
    }

    fn execute(&mut self, args: &Args<'_>) -> Result<(), CmdError> {
        let before = self.out.len();
        let function = match check(args)?.run {
            Run::Data(function) => function,
            Run::Describe(what) => return what.run(&OWN_NAMES, &mut self.out, args),
            _ => panic!("a command of the node"),
        };
        let result = function(
            &mut Ctx {
                store: &mut self.store,
                db: self.db,
                now: self.now,
                expiry: self.expiry,
                access: self.access,
                shares_integers: true,
                lfu: LfuTuning::default(),
                lazy_expire: self.lazy_expire,
                max_string: self.max_string,
                verify_checksum: true,
                encodings: &self.encodings,
                may_block: false,
                ready_key: None,
                out: &mut self.out,
                effects: &mut self.effects,
                stats: &mut self.stats,
                random: &mut self.random,
                garbage: &mut self.garbage,
            },
            args,
        );
        assert!(result.is_ok() || self.out.len() == before, "an error after a part of a reply");
        result
    }

    /// Runs a request and returns what it sent to the replicas.
    pub(super) fn stream_of(&mut self, line: &str) -> String {
        self.run(line);
        self.stream.join("; ")
    }
}

pub(super) fn stream_line(db: usize, command: &[u8]) -> String {
    let words = shown(command);
    let words = words.trim_start_matches('[').trim_end_matches(']').replace('$', "");
    if db == 0 { words } else { format!("{db}: {words}") }
}

/// A reply on one line: `+OK`, `-ERR …`, `:1`, `$bulk`, `nil`, `[$a $b]`.
pub(super) fn shown(reply: &[u8]) -> String {
    let (mut text, mut rest) = (String::new(), reply);
    while !rest.is_empty() {
        rest = show_one(rest, &mut text);
    }
    text
}

fn show_one<'a>(reply: &'a [u8], text: &mut String) -> &'a [u8] {
    let end = reply.windows(2).position(|pair| pair == b"\r\n").unwrap();
    let (line, rest) = (&reply[1..end], &reply[end + 2..]);
    let line_text = line.escape_ascii().to_string().replace("\\'", "'").replace("\\\"", "\"");
    match reply[0] {
        b'$' | b'*' if line == b"-1" => {
            text.push_str("nil");
            rest
        }
        b'$' => {
            let len: usize = line_text.parse().unwrap();
            text.push('$');
            text.push_str(&rest[..len].escape_ascii().to_string());
            &rest[len + 2..]
        }
        b'*' | b'~' | b'%' => {
            let items: usize = line_text.parse().unwrap();
            let items = if reply[0] == b'%' { items * 2 } else { items };
            text.push('[');
            let mut rest = rest;
            for item in 0..items {
                if item > 0 {
                    text.push(' ');
                }
                rest = show_one(rest, text);
            }
            text.push(']');
            rest
        }
        kind => {
            text.push(char::from(kind));
            text.push_str(&line_text);
            rest
        }
    }
}
