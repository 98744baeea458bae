//! DEBUG: what tests and the curious need.

use std::fmt::Write as _;
use std::time::Duration;

use super::buffers::ReplyTuning;
use super::config::ProtectedAction;
use super::dispatch::Flow;
use super::session::Session;
use super::state::Node;
use super::streams::streams;
use crate::commands::{CmdError, CmdResult};
use crate::protocol::{Args, Replies, strict_i64};
use crate::store::{Ttl, dataset_digest, value_digest};

impl Node {
    fn allows_debug(&self, session: &Session) -> bool {
        match self.config.enable_debug_command {
            ProtectedAction::Yes => true,
            ProtectedAction::Local => session.client.addr.ip().is_loopback(),
            ProtectedAction::No => false,
        }
    }

    pub(super) fn debug(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        if !self.allows_debug(session) {
            return Err(CmdError::text(
                "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can \
                 run it from a local connection, otherwise you need to set this option in the configuration file, \
                 and then restart the server.",
            ));
        }
        match args.get(1).to_ascii_lowercase().as_slice() {
            b"sleep" if args.len() == 3 => {
                let text = std::str::from_utf8(args.get(2)).ok();
                let seconds: f64 = text.and_then(|text| text.parse().ok()).ok_or(CmdError::NotAFloat)?;
                // Like Redis the whole node stands still: that is what this is for.
                std::thread::sleep(Duration::try_from_secs_f64(seconds).unwrap_or_default());
                // Inside a transaction time stands still.
                if self.collected.is_none() {
                    self.clock.tick(std::time::Instant::now());
                }
                session.out.ok();
            }
            b"digest" if args.len() == 2 => {
                let digest = hex(&dataset_digest(&self.store));
                session.out.simple(&digest);
            }
            b"digest-value" if args.len() >= 3 => {
                session.out.array(args.len() - 2);
                for key in args.from(2) {
                    let keyspace = self.store.db(session.db);
                    let entry = keyspace.get(keyspace.hash(key), key);
                    let digest =
                        entry.map(|entry| value_digest(entry.value(), entry.expire())).unwrap_or_default();
                    session.out.simple(&hex(&digest));
                }
            }
            b"object" if args.len() == 3 => return self.debug_object(session, args.get(2)),
            b"loadaof" if args.len() == 2 => {
                if self.collected.is_some() {
                    return Err(CmdError::text("ERR DEBUG LOADAOF is not possible inside a transaction"));
                }
                if let Err(error) = self.reload_aof() {
                    self.warning(error);
                    return Err(CmdError::text("ERR Error trying to load the AOF files, check server logs."));
                }
                session.out.ok();
            }
            b"reload" => return self.debug_reload(session, args),
            b"set-active-expire" if args.len() == 3 => {
                self.active_expire = args.get(2) != b"0";
                session.out.ok();
            }
            // Large elements are kept as all others are, so there is nothing to set.
            b"quicklist-packed-threshold" if args.len() == 3 => session.out.ok(),
            b"replicate" if args.len() >= 3 => {
                let parts: Vec<&[u8]> = args.from(2).collect();
                let mut streams = streams!(self);
                // It is for replicas alone, and says no database.
                streams.log = None;
                let db = streams.writer.selected().unwrap_or(0);
                streams.command(usize::from(db), &parts);
                session.out.ok();
            }
            b"protocol" if args.len() == 3 => show_type(&mut session.out, args.get(2))?,
            b"populate" if (3..=5).contains(&args.len()) => return self.populate(session, args),
            b"log" if args.len() == 3 => {
                let text = String::from_utf8_lossy(args.get(2)).into_owned();
                self.warning(format!("DEBUG LOG: {text}"));
                session.out.ok();
            }
            b"replybuffer" if args.len() == 4 => self.tune_reply_buffers(session, args)?,
            b"pause-cron" if args.len() == 3 => {
                self.cron_paused = args.get(2) != b"0";
                session.out.ok();
            }
            b"jmap" | b"segfault" | b"panic" if args.len() == 2 => {
                return Err(CmdError::text("ERR this node has no such DEBUG subcommand on purpose"));
            }
            b"help" => help(session),
            _ => {
                let word = String::from_utf8_lossy(args.get(1)).into_owned();
                return Err(CmdError::from(format!(
                    "ERR unknown subcommand or wrong number of arguments for '{word}'. Try DEBUG HELP."
                )));
            }
        }
        Ok(Flow::Next)
    }

    /// `DEBUG REPLYBUFFER PEAK-RESET-TIME milliseconds | NEVER | RESET`, `DEBUG REPLYBUFFER RESIZING 0 | 1`
    fn tune_reply_buffers(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult {
        let number = || strict_i64(args.get(3)).and_then(|number| u64::try_from(number).ok());
        let tuning = &mut self.reply_tuning;
        if args.is(2, "resizing") {
            tuning.resizing = number().ok_or(CmdError::NotAnInteger)? != 0;
        } else if !args.is(2, "peak-reset-time") {
            return Err(CmdError::Syntax);
        } else if args.is(3, "never") {
            tuning.peak_reset = None;
        } else if args.is(3, "reset") {
            tuning.peak_reset = ReplyTuning::default().peak_reset;
        } else {
            let millis = number().ok_or(CmdError::NotAnInteger)?;
            tuning.peak_reset = Some(Duration::from_millis(millis));
        }
        session.out.ok();
        Ok(())
    }

    fn debug_object(&mut self, session: &mut Session, key: &[u8]) -> CmdResult<Flow> {
        let keyspace = self.store.db(session.db);
        let entry = keyspace.get(keyspace.hash(key), key).ok_or(CmdError::NoSuchKey)?;
        let lru = entry.access().load(std::sync::atomic::Ordering::Relaxed);
        let mut line = String::new();
        // Writing to a String cannot fail.
        let _ = write!(
            line,
            "Value at:0x0 refcount:1 encoding:{} serializedlength:{} lru:{lru} lru_seconds_idle:{}",
            entry.encoding(),
            entry.value().as_str().map_or(0, <[u8]>::len) + 1,
            ((self.clock.millis() / 1000) & 0xFF_FFFF).wrapping_sub(i64::from(lru)).max(0),
        );
        session.out.simple(&line);
        Ok(Flow::Next)
    }

    /// `DEBUG POPULATE count [prefix] [size]`: keys that are there already are kept; not propagated.
    fn populate(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        let count = strict_i64(args.get(2)).filter(|count| *count >= 0).ok_or(CmdError::NotAnInteger)?;
        let prefix = if args.len() > 3 { args.get(3) } else { b"key" };
        let size = match args.len() {
            5 => Some(strict_i64(args.get(4)).ok_or(CmdError::NotAnInteger)?),
            _ => None,
        };
        let size = size.and_then(|size| usize::try_from(size).ok());
        let access = self.ctx(0, &mut Replies::new()).fresh_access();
        let keyspace = self.store.db_mut(session.db);
        let mut digits = itoa::Buffer::new();
        for index in 0..count {
            let index = digits.format(index).as_bytes();
            let key = [prefix, b":", index].concat();
            let hash = keyspace.hash(&key);
            if keyspace.get(hash, &key).is_some() {
                continue;
            }
            let mut value = [b"value:", index].concat();
            if let Some(size) = size {
                value.resize(size, 0);
            }
            keyspace.set(hash, &key, &value, Ttl::Clear, access);
        }
        session.out.ok();
        Ok(Flow::Next)
    }
}

/// `DEBUG PROTOCOL type`: a sample of every type that a reply can have.
fn show_type(out: &mut Replies, name: &[u8]) -> CmdResult {
    match name.to_ascii_lowercase().as_slice() {
        b"string" => out.bulk(b"Hello World"),
        b"integer" => out.integer(12345),
        b"double" => out.double("3.141"),
        b"bignum" => out.big_number("1234567999999999999999999999999999999"),
        b"null" => out.null(),
        b"array" => {
            out.array(3);
            (0..3).for_each(|number| out.integer(number));
        }
        b"set" => {
            out.set(3);
            (0..3).for_each(|number| out.integer(number));
        }
        b"map" => {
            out.map(3);
            for number in 0..3 {
                out.integer(number);
                out.boolean(number == 1);
            }
        }
        b"attrib" => {
            // RESP2 knows no attributes, so it gets the reply alone.
            if out.is_resp3() {
                out.attribute(1);
                out.bulk(b"key-popularity");
                out.array(2);
                out.bulk(b"key:123");
                out.integer(90);
            }
            out.bulk(b"Some real reply following the attribute");
        }
        b"push" if !out.is_resp3() => {
            return Err(CmdError::text("ERR RESP2 is not supported by this command"));
        }
        b"push" => {
            out.push(2);
            out.bulk(b"server-cpu-usage");
            out.integer(42);
            // A push answers nothing.
            out.bulk(b"Some real reply following the push reply");
        }
        b"verbatim" => out.verbatim("txt", b"This is a verbatim\nstring"),
        b"true" => out.boolean(true),
        b"false" => out.boolean(false),
        _ => {
            return Err(CmdError::text(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(())
}

const HELP: [&str; 12] = [
    "DIGEST -- a digest of the whole data set, equal to Redis' own",
    "DIGEST-VALUE <key> … -- a digest of each value",
    "LOADAOF -- write the append-only file to the disk and load it",
    "LOG <text> -- write a line to the log",
    "OBJECT <key> -- encoding and size of a value",
    "PAUSE-CRON 0|1 -- whether the node does nothing by the clock",
    "POPULATE <count> [<prefix>] [<size>] -- make keys, without propagating them",
    "PROTOCOL <type> -- a reply of this type",
    "RELOAD -- save, empty and load the data set",
    "REPLYBUFFER PEAK-RESET-TIME <ms>|NEVER|RESET, REPLYBUFFER RESIZING 0|1 -- when clients' buffers shrink",
    "SET-ACTIVE-EXPIRE 0|1 -- whether expired keys are collected in the background",
    "SLEEP <seconds> -- let the node stand still",
];

/// DEBUG HELP; the other containers' help comes from the command table.
fn help(session: &mut Session) {
    session.out.array(HELP.len() + 2);
    session.out.simple("DEBUG <subcommand> [<argument> …]. Subcommands are");
    for line in HELP {
        session.out.simple(line);
    }
    session.out.simple("HELP -- this text");
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
