//! DEBUG: what tests and the curious need.

mod shapes;

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use repliscope_platform::DeadlySignal;

use crate::commands::{Case, CmdError, CmdResult, glob_matches};
use crate::node::clients::buffers::ReplyTuning;
use crate::node::clients::session::Session;
use crate::node::config::parse_memory;
use crate::node::exec::effects::streams;
use crate::node::exec::flow::Flow;
use crate::node::node::Node;
use crate::node::program::crash::Crash;
use crate::protocol::{Args, Replies, escape_line, strict_i64};
use crate::store::{Object, Ttl, dataset_digest, value_digest};

/// Highest `QUICKLIST-PACKED-THRESHOLD` that Redis takes.
const PACKED_THRESHOLD_MAX: i128 = (1 << 32) - (1 << 20);
/// What has a meaning in a pattern.
const PATTERN_BYTES: &[u8] = br"*?[]^-\\";
/// Pairs of pattern and text of `STRINGMATCH-TEST`.
const MATCHES: usize = 100_000;
/// Longest text that is looked at for a decimal number.
const FLOAT_MAX: usize = 64;

impl Node {
    pub(super) fn debug(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        match args.get(1).to_ascii_lowercase().as_slice() {
            b"sleep" if args.len() == 3 => {
                // Like Redis the whole node stands still: that is what this is for.
                std::thread::sleep(
                    Duration::try_from_secs_f64(leading_float(args.get(2))).unwrap_or_default(),
                );
                // Inside a transaction time stands still.
                if self.data.collected.is_none() {
                    self.clock.tick(std::time::Instant::now());
                }
                session.out.ok();
            }
            b"digest" if args.len() == 2 => {
                let digest = hex(&dataset_digest(&self.data.store));
                session.out.simple(&digest);
            }
            b"digest-value" => {
                session.out.array(args.len() - 2);
                for key in args.from(2) {
                    let keyspace = self.data.store.db(session.db);
                    let entry = keyspace.get(keyspace.hash(key), key);
                    let digest =
                        entry.map(|entry| value_digest(entry.value(), entry.expire())).unwrap_or_default();
                    session.out.simple(&hex(&digest));
                }
            }
            b"object" if args.len() == 3 => return self.debug_object(session, args.get(2)),
            b"loadaof" if args.len() == 2 => {
                if self.data.collected.is_some() {
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
                self.disk.aof.flush_sleep = Duration::from_micros(micros);
                session.out.ok();
            }
            b"reload" => return self.debug_reload(session, args),
            b"set-active-expire" if args.len() == 3 => {
                self.data.active_expire = leading_integer(args.get(2)) != 0;
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
                self.replication.history.reset(id);
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
                self.data.cron_paused = leading_integer(args.get(2)) != 0;
                session.out.ok();
            }
            b"segfault" => Crash::by_signal(DeadlySignal::SegmentationFault).raise(),
            b"panic" => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
                Crash::by_panic(&format!("DEBUG PANIC called at Unix time {now}")).raise()
            }
            b"assert" => Crash::by_assertion("1 == 2").raise(),
            b"oom" => {
                let bytes = usize::MAX / 2;
                self.warning(format!("Out Of Memory allocating {bytes} bytes!"));
                Crash::by_panic(&format!("Redis aborting for OUT OF MEMORY. Allocating {bytes} bytes!"))
                    .raise()
            }
            name @ (b"restart" | b"crash-and-recover") => {
                let delay =
                    if args.len() > 2 { strict_i64(args.get(2)).ok_or(CmdError::NotAnInteger)? } else { 0 };
                let delay = Duration::from_millis(u64::try_from(delay).unwrap_or(0));
                match self.restart(name == b"restart", delay) {
                    Ok(()) => return Ok(Flow::Drop),
                    Err(why) => self.warning(format!("Can't restart: {why}")),
                }
                return Err(CmdError::text("ERR failed to restart the server. Check server logs."));
            }
            b"leak" if args.len() == 3 => {
                std::mem::forget(args.get(2).to_vec());
                session.out.ok();
            }
            b"sdslen" if args.len() == 3 => self.show_string_sizes(session, args.get(2))?,
            b"listpack" if args.len() == 3 => self.show_listpack(session, args.get(2))?,
            b"quicklist" if (3..=4).contains(&args.len()) => {
                let whole = args.len() == 4 && leading_integer(args.get(3)) != 0;
                self.show_quicklist(session, args.get(2), whole)?;
            }
            b"htstats" if args.len() == 3 => self.show_table(&mut session.out, args.get(2))?,
            b"htstats-key" if args.len() == 3 => self.show_table_of(session, args.get(2))?,
            b"structsize" if args.len() == 2 => session.out.bulk(struct_sizes().as_bytes()),
            b"stringmatch-test" if args.len() == 2 => {
                self.try_patterns();
                session.out.simple("Apparently Redis did not crash: test passed");
            }
            b"set-skip-checksum-validation" if args.len() == 3 => {
                self.data.skips_checksums = leading_integer(args.get(2)) != 0;
                session.out.ok();
            }
            // There are neither scripts nor a cluster that it could change.
            b"set-disable-deny-scripts" if args.len() == 3 => session.out.ok(),
            b"drop-cluster-packet-filter" if args.len() == 3 => {
                strict_i64(args.get(2)).ok_or(CmdError::NotAnInteger)?;
                session.out.ok();
            }
            b"help" if args.len() == 2 => help(session),
            _ => return Err(unknown(args)),
        }
        Ok(Flow::Next)
    }

    /// `DEBUG REPLYBUFFER PEAK-RESET-TIME milliseconds | NEVER | RESET`, `DEBUG REPLYBUFFER RESIZING 0 | 1`
    fn tune_reply_buffers(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult {
        let tuning = &mut self.clients.reply_tuning;
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

    /// `DEBUG CONFIG-REWRITE-FORCE-ALL`: CONFIG REWRITE that leaves no parameter out.
    fn rewrite_whole_config(&self, out: &mut Replies) -> CmdResult {
        let failed = |why: &str| CmdError::from(format!("ERR CONFIG-REWRITE-FORCE-ALL failed: {why}"));
        // The words are the system's for a file without a name.
        let path = self.config_file.as_ref().ok_or_else(|| failed("Bad address"))?;
        self.config.rewrite_whole(path).map_err(|error| failed(&error.to_string()))?;
        out.ok();
        Ok(())
    }

    /// `DEBUG STRINGMATCH-TEST`: patterns by chance, half of them of what has a meaning in one.
    fn try_patterns(&mut self) {
        for _ in 0..MATCHES {
            let (mut pattern, mut text) = ([0; 32], [0; 32]);
            for byte in pattern.iter_mut().chain(&mut text) {
                let chance = self.random() as usize;
                *byte = if chance & 1 == 0 {
                    PATTERN_BYTES[(chance >> 1) % PATTERN_BYTES.len()]
                } else {
                    (chance >> 8) as u8
                };
            }
            let (pattern, text) =
                (&pattern[..self.random() as usize % 33], &text[..self.random() as usize % 33]);
            std::hint::black_box(glob_matches(pattern, text, Case::Sensitive));
        }
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
        let keyspace = self.data.store.db_mut(session.db);
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

/// `DEBUG STRUCTSIZE`: of what stands for Redis' structures; a string here has no header of its own.
fn struct_sizes() -> String {
    let headers = [5, 8, 16, 32, 64].map(|bits| format!("sdshdr{bits}:0 ")).concat();
    format!("bits:{} robj:{} dictentry:{} {headers}", usize::BITS, size_of::<Object>(), size_of::<usize>())
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

const HELP: [&str; 34] = [
    "AOF-FLUSH-SLEEP <us> -- let the node stand still before each write of the append-only file",
    "ASSERT -- let the node crash as by a condition that does not hold",
    "CHANGE-REPL-ID -- name the history of this node anew: nobody can continue it",
    "CLIENT-EVICTION -- how many clients take how much (maxmemory-clients)",
    "CONFIG-REWRITE-FORCE-ALL -- CONFIG REWRITE with the parameters that have their defaults",
    "CRASH-AND-RECOVER [<ms>] -- end at once, save nothing, and begin anew after this time",
    "DIGEST -- a digest of the whole data set, equal to Redis' own",
    "DIGEST-VALUE <key> … -- a digest of each value",
    "DROP-CLUSTER-PACKET-FILTER <type> -- without effect: there is no cluster",
    "ERROR <text> -- an error with this text",
    "HTSTATS <db> -- size and filling of a database's table",
    "HTSTATS-KEY <key> -- size and filling of the table of a large set, hash or sorted set",
    "LEAK <text> -- lose as much memory as this text takes",
    "LISTPACK <key> -- print the listpack of a small hash or sorted set",
    "LOADAOF -- write the append-only file to the disk and load it",
    "LOG <text> -- write a line to the log",
    "OBJECT <key> -- encoding and size of a value",
    "OOM -- let the node crash as by want of memory",
    "PANIC -- let the node crash as by a panic",
    "PAUSE-CRON 0|1 -- whether the node does nothing by the clock",
    "POPULATE <count> [<prefix>] [<size>] -- make keys, without propagating them",
    "PROTOCOL <type> -- a reply of this type",
    "QUICKLIST <key> [0|1] -- print the listpacks of a list, with 1 their elements, too",
    "QUICKLIST-PACKED-THRESHOLD <size> -- without effect: large elements are kept as all others are",
    "RELOAD [NOSAVE] [NOFLUSH] [MERGE] -- save, empty and load the data set; MERGE lets the file replace keys",
    "REPLICATE <command> … -- send a command to the replicas alone",
    "REPLYBUFFER PEAK-RESET-TIME <ms>|NEVER|RESET, REPLYBUFFER RESIZING 0|1 -- when clients' buffers shrink",
    "RESTART [<ms>] -- save configuration and data, end, and begin anew after this time",
    "SDSLEN <key> -- sizes of a string and its key",
    "SEGFAULT -- let the node crash as by a wrong address",
    "SET-ACTIVE-EXPIRE 0|1 -- whether expired keys are collected in the background",
    "SET-SKIP-CHECKSUM-VALIDATION 0|1 -- whether files and serialized values may have a wrong checksum",
    "SLEEP <seconds> -- let the node stand still",
    "STRINGMATCH-TEST, STRUCTSIZE -- try the matcher of patterns; sizes of structures",
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
