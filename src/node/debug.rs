//! DEBUG: what tests and the curious need.

use std::fmt::Write as _;
use std::time::Duration;

use super::buffers::ReplyTuning;
use super::client::ClientKind;
use super::config::parse_memory;
use super::dispatch::Flow;
use super::session::Session;
use super::state::Node;
use super::streams::streams;
use crate::commands::{CmdError, CmdResult};
use crate::persistence::dump_value;
use crate::protocol::{Args, Replies, escape_line, strict_i64};
use crate::store::{Ttl, ValueRef, dataset_digest, value_digest};

/// Highest `QUICKLIST-PACKED-THRESHOLD` that Redis takes.
const PACKED_THRESHOLD_MAX: i128 = (1 << 32) - (1 << 20);
/// Bytes of DUMP's answer beside the value: its type, and version and checksum at the end.
const DUMP_AROUND: usize = 11;
/// Longest text that is looked at for a decimal number.
const FLOAT_MAX: usize = 64;
/// Sizes of clients: below two to the power of this, …
const SIZE_CLASS_FIRST: u32 = 15;
/// … and so many classes, the last of which has no upper end.
const SIZE_CLASSES: usize = 19;

impl Node {
    pub(super) fn debug(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        match args.get(1).to_ascii_lowercase().as_slice() {
            b"sleep" if args.len() == 3 => {
                // Like Redis the whole node stands still: that is what this is for.
                std::thread::sleep(
                    Duration::try_from_secs_f64(leading_float(args.get(2))).unwrap_or_default(),
                );
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
            b"digest-value" => {
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
                if self.reload_aof().is_err() {
                    return Err(CmdError::text("ERR Error trying to load the AOF files, check server logs."));
                }
                self.warning("Append Only File loaded by DEBUG LOADAOF");
                session.out.ok();
            }
            b"aof-flush-sleep" if args.len() == 3 => {
                let micros =
                    strict_i64(args.get(2)).and_then(|micros| u64::try_from(micros).ok()).unwrap_or(0);
                self.aof.flush_sleep = Duration::from_micros(micros);
                session.out.ok();
            }
            b"reload" => return self.debug_reload(session, args),
            b"set-active-expire" if args.len() == 3 => {
                self.active_expire = leading_integer(args.get(2)) != 0;
                session.out.ok();
            }
            // Large elements are kept as all others are, so there is nothing to set.
            b"quicklist-packed-threshold" if args.len() == 3 => {
                let bytes = std::str::from_utf8(args.get(2)).ok().and_then(parse_memory);
                if bytes.is_none_or(|bytes| bytes > PACKED_THRESHOLD_MAX) {
                    return Err(CmdError::text(
                        "ERR argument must be a memory value bigger than 1 and smaller than 4gb",
                    ));
                }
                session.out.ok();
            }
            // It is a test of clients and counts as no error of this node's.
            b"error" if args.len() == 3 => {
                let line: Vec<u8> = escape_line(args.get(2)).collect();
                session.out.error(&line);
            }
            b"change-repl-id" if args.len() == 2 => {
                self.warning("Changing replication IDs after receiving DEBUG change-repl-id");
                let id = self.random_replid();
                self.history.reset(id);
                self.emit_role();
                session.out.ok();
            }
            b"client-eviction" if args.len() == 2 => self.show_client_sizes(&mut session.out)?,
            b"config-rewrite-force-all" if args.len() == 2 => self.rewrite_whole_config(&mut session.out)?,
            b"clusterlink" if args.len() == 5 && args.is(2, "KILL") => {
                return Err(CmdError::text(
                    "ERR Debug option only available for cluster mode enabled setup!",
                ));
            }
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
                self.cron_paused = leading_integer(args.get(2)) != 0;
                session.out.ok();
            }
            b"help" if args.len() == 2 => help(session),
            _ => return Err(unknown(args)),
        }
        Ok(Flow::Next)
    }

    /// `DEBUG REPLYBUFFER PEAK-RESET-TIME milliseconds | NEVER | RESET`, `DEBUG REPLYBUFFER RESIZING 0 | 1`
    fn tune_reply_buffers(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult {
        let tuning = &mut self.reply_tuning;
        if args.is(2, "resizing") {
            tuning.resizing = leading_integer(args.get(3)) != 0;
        } else if !args.is(2, "peak-reset-time") {
            return Err(unknown(args));
        } else if args.is(3, "never") {
            tuning.peak_reset = None;
        } else if args.is(3, "reset") {
            tuning.peak_reset = ReplyTuning::default().peak_reset;
        } else {
            // A time below zero is over at once.
            let millis = strict_i64(args.get(3)).ok_or(CmdError::NotAnInteger)?;
            tuning.peak_reset = Some(Duration::from_millis(u64::try_from(millis).unwrap_or(0)));
        }
        session.out.ok();
        Ok(())
    }

    fn debug_object(&mut self, session: &mut Session, key: &[u8]) -> CmdResult<Flow> {
        let keyspace = self.store.db(session.db);
        let entry = keyspace.get(keyspace.hash(key), key).ok_or(CmdError::NoSuchKey)?;
        let lru = entry.access().load(std::sync::atomic::Ordering::Relaxed);
        let payload = dump_value(entry.value(), self.config.rdbcompression);
        let mut line = String::new();
        // Writing to a String cannot fail.
        let _ = write!(
            line,
            "Value at:0x0 refcount:1 encoding:{} serializedlength:{} lru:{lru} lru_seconds_idle:{}",
            entry.encoding(),
            payload.map_or(0, |payload| payload.len() - DUMP_AROUND),
            ((self.clock.millis() / 1000) & 0xFF_FFFF).wrapping_sub(i64::from(lru)).max(0),
        );
        if let ValueRef::List(list) = entry.value()
            && entry.encoding() == "quicklist"
        {
            let (nodes, bytes) =
                (list.packs().len(), list.packs().map(|pack| pack.as_bytes().len()).sum::<usize>());
            let _ = write!(
                line,
                " ql_nodes:{nodes} ql_avg_node:{:.2} ql_listpack_max:{} ql_compressed:0 \
                 ql_uncompressed_size:{bytes}",
                list.len() as f64 / nodes.max(1) as f64,
                self.config.encodings.list_max_listpack_size,
            );
        }
        session.out.simple(&line);
        Ok(Flow::Next)
    }

    /// `DEBUG CLIENT-EVICTION`: how many clients take how much, by powers of two.
    fn show_client_sizes(&self, out: &mut Replies) -> CmdResult {
        if self.config.integer("maxmemory-clients") == 0 {
            return Err(CmdError::text("ERR maxmemory-clients is disabled."));
        }
        let mut classes = [(0, 0); SIZE_CLASSES];
        let counted = self.clients.values();
        for client in
            counted.filter(|client| client.kind.get() == ClientKind::Normal && !client.no_evict.get())
        {
            let bytes = client.whole_memory() as u64;
            let class = (bytes >> SIZE_CLASS_FIRST).checked_ilog2().map_or(0, |log| log as usize + 1);
            let (sum, count) = &mut classes[class.min(SIZE_CLASSES - 1)];
            (*sum, *count) = (*sum + bytes, *count + 1);
        }
        let mut text = String::new();
        for (class, (sum, count)) in classes.iter().enumerate() {
            let least = if class == 0 { 0 } else { 1u64 << (SIZE_CLASS_FIRST as usize + class - 1) };
            let range = match (1u64 << (SIZE_CLASS_FIRST as usize + class)) - 1 {
                _ if class == SIZE_CLASSES - 1 => format!("{least:>10}+            "),
                most => format!("{least:>10} - {most:>10}"),
            };
            let _ = writeln!(text, "bucket {range}: tot-mem: {sum:>10}, clients: {count}");
        }
        out.verbatim("txt", text.as_bytes());
        Ok(())
    }

    /// `DEBUG CONFIG-REWRITE-FORCE-ALL`: CONFIG REWRITE that leaves no parameter out.
    fn rewrite_whole_config(&self, out: &mut Replies) -> CmdResult {
        let failed = |why: &str| CmdError::from(format!("ERR CONFIG-REWRITE-FORCE-ALL failed: {why}"));
        // The words are the system's for a file without a name.
        let path = self.config_file.as_ref().ok_or_else(|| failed("Bad address"))?;
        self.config.rewrite_whole(path).map_err(|error| failed(&error.to_string()))?;
        out.ok();
        Ok(())
    }

    /// `DEBUG POPULATE count [prefix] [size]`: keys that are there already are kept; not propagated.
    fn populate(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        let positive = |at| {
            let number = strict_i64(args.get(at)).and_then(|number| usize::try_from(number).ok());
            number.ok_or(CmdError::text("ERR value is out of range, must be positive"))
        };
        let count = positive(2)?;
        let prefix = if args.len() > 3 { args.get(3) } else { b"key" };
        // Zero stands for the size of the text itself.
        let size = if args.len() == 5 { Some(positive(4)?).filter(|size| *size > 0) } else { None };
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

fn unknown(args: &Args<'_>) -> CmdError {
    CmdError::quoting(
        "ERR unknown subcommand or wrong number of arguments for '",
        args.get(1),
        "'. Try DEBUG HELP.",
    )
}

/// The number that a text begins with, as C's `atoi` reads it; 0 if it begins with none.
fn leading_integer(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let sign = usize::from(text.first().is_some_and(|byte| matches!(byte, b'+' | b'-')));
    let digits = text[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(&text[..sign + digits]).unwrap_or_default();
    number.parse().unwrap_or(0)
}

/// The number that a text begins with, as C's `strtod` reads it, but for hexadecimal ones; 0 if it begins with none.
fn leading_float(text: &[u8]) -> f64 {
    let text = text.trim_ascii_start();
    let text = &text[..text.len().min(FLOAT_MAX)];
    let lengths = (1..=text.len()).rev();
    let numbers = lengths.filter_map(|len| std::str::from_utf8(&text[..len]).ok()?.parse::<f64>().ok());
    numbers.take(1).sum()
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

const HELP: [&str; 18] = [
    "AOF-FLUSH-SLEEP <us> -- let the node stand still before each write of the append-only file",
    "CHANGE-REPL-ID -- name the history of this node anew: nobody can continue it",
    "CLIENT-EVICTION -- how many clients take how much (maxmemory-clients)",
    "CONFIG-REWRITE-FORCE-ALL -- CONFIG REWRITE with the parameters that have their defaults",
    "DIGEST -- a digest of the whole data set, equal to Redis' own",
    "DIGEST-VALUE <key> … -- a digest of each value",
    "ERROR <text> -- an error with this text",
    "LOADAOF -- write the append-only file to the disk and load it",
    "LOG <text> -- write a line to the log",
    "OBJECT <key> -- encoding and size of a value",
    "PAUSE-CRON 0|1 -- whether the node does nothing by the clock",
    "POPULATE <count> [<prefix>] [<size>] -- make keys, without propagating them",
    "PROTOCOL <type> -- a reply of this type",
    "QUICKLIST-PACKED-THRESHOLD <size> -- without effect: large elements are kept as all others are",
    "RELOAD [NOSAVE] -- save, empty and load the data set",
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
