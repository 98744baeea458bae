//! MEMORY: where the bytes of a node go, and what that says about it. And LOLWUT.

use crate::commands::{CmdError, CmdResult};
use crate::node::clients::session::Session;
use crate::node::exec::flow::Flow;
use crate::node::node::Node;
use crate::protocol::{Args, Replies, strict_i64};
use crate::store::ScoreText;

/// Below this, figures say nothing.
const LITTLE: u64 = 5 * 1024 * 1024;

/// How much more one amount is than another that it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Overhead {
    pub(super) ratio: f64,
    pub(super) bytes: i64,
}

impl Overhead {
    pub(super) fn of(whole: u64, part: u64) -> Self {
        Self {
            ratio: whole as f64 / part.max(1) as f64,
            bytes: whole.cast_signed().wrapping_sub(part.cast_signed()),
        }
    }
}

/// What is known of the allocator. It keeps no figures of its own, and what Redis does then is done here: it counts
/// as allocated what the node accounts for, and as active and resident what the process has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allocator {
    pub(super) allocated: u64,
    pub(super) resident: u64,
}

impl Allocator {
    pub(super) fn active(self) -> u64 {
        self.resident
    }

    /// `allocator_frag`: pages in use beyond what is allocated.
    pub(super) fn fragmentation(self) -> Overhead {
        Overhead::of(self.active(), self.allocated)
    }

    /// `allocator_rss`: pages that are held and not in use.
    pub(super) fn unreturned(self) -> Overhead {
        Overhead::of(self.resident, self.active())
    }

    /// `rss_overhead`: what the process has beside the allocator's pages.
    pub(super) fn beside(self, rss: u64) -> Overhead {
        Overhead::of(rss, self.resident)
    }
}

/// One figure of MEMORY STATS.
enum Figure {
    Bytes(u64),
    Difference(i64),
    Ratio(f64),
}

/// What is known of the node's memory.
struct Overview {
    used: u64,
    peak: u64,
    data: u64,
    backlog: u64,
    replicas: u64,
    clients: u64,
    resident: u64,
}

impl Overview {
    fn overhead(&self) -> u64 {
        self.used - self.data
    }

    /// Share of `part` in the whole, in percent.
    fn percent(part: u64, whole: u64) -> f64 {
        part as f64 * 100.0 / whole.max(1) as f64
    }

    fn figures(&self, keys: u64) -> Vec<(&'static str, Figure)> {
        use Figure::{Bytes, Difference, Ratio};
        let beyond_start = self.used.saturating_sub(super::stats::BASE_MEMORY);
        let allocator = Allocator { allocated: self.used, resident: self.resident };
        let mut figures = vec![
            ("overhead.total", Bytes(self.overhead())),
            ("keys.count", Bytes(keys)),
            ("keys.bytes-per-key", Bytes(beyond_start.checked_div(keys).unwrap_or(0))),
            ("dataset.bytes", Bytes(self.data)),
            ("dataset.percentage", Ratio(Self::percent(self.data, beyond_start).min(100.0))),
            ("peak.percentage", Ratio(Self::percent(self.used, self.peak))),
            ("allocator.allocated", Bytes(allocator.allocated)),
            ("allocator.active", Bytes(allocator.active())),
            ("allocator.resident", Bytes(allocator.resident)),
        ];
        let overheads = [
            ("allocator-fragmentation.ratio", "allocator-fragmentation.bytes", allocator.fragmentation()),
            ("allocator-rss.ratio", "allocator-rss.bytes", allocator.unreturned()),
            ("rss-overhead.ratio", "rss-overhead.bytes", allocator.beside(self.resident)),
            ("fragmentation", "fragmentation.bytes", Overhead::of(self.resident, self.used)),
        ];
        for (ratio, bytes, overhead) in overheads {
            figures.extend([(ratio, Ratio(overhead.ratio)), (bytes, Difference(overhead.bytes))]);
        }
        figures
    }
}

impl Node {
    fn memory_overview(&self) -> Overview {
        let used = self.used_memory();
        let stream = self.replication.backlog.as_ref().map_or(0, |backlog| backlog.memory() as u64);
        let backlog = stream.min(self.config.repl_backlog_size);
        Overview {
            used,
            peak: self.figures.stats.peak_memory.max(used),
            data: self.data.store.memory(),
            backlog,
            replicas: stream - backlog,
            clients: self.client_bytes(),
            resident: repliscope_platform::resident_bytes(),
        }
    }

    /// `MEMORY STATS`. O(databases and clients).
    pub(super) fn memory_stats(&mut self, session: &mut Session, _: &Args<'_>) -> CmdResult<Flow> {
        let out = &mut session.out;
        let overview = self.memory_overview();
        let databases: Vec<usize> =
            (0..self.data.store.databases()).filter(|db| !self.data.store.db(*db).is_empty()).collect();
        let first = [
            ("peak.allocated", overview.peak),
            ("total.allocated", overview.used),
            ("startup.allocated", super::stats::BASE_MEMORY),
            ("replication.backlog", overview.backlog),
            ("clients.slaves", overview.replicas),
            ("clients.normal", overview.clients),
            ("cluster.links", 0),
            (
                "aof.buffer",
                self.disk.aof.log.as_ref().map_or(0, crate::node::disk::aof::append::Log::buffered) as u64,
            ),
            ("lua.caches", 0),
            ("functions.caches", self.data.store.libraries.memory()),
        ];
        let rest = overview.figures(self.data.store.keys());
        out.map(first.len() + databases.len() + rest.len());
        for (name, bytes) in first {
            put(out, name, &Figure::Bytes(bytes));
        }
        for db in databases {
            out.bulk(format!("db.{db}").as_bytes());
            out.map(3);
            put(out, "overhead.hashtable.main", &Figure::Bytes(self.data.store.db(db).table_memory()));
            put(out, "overhead.hashtable.expires", &Figure::Bytes(0));
            put(out, "overhead.hashtable.slot-to-keys", &Figure::Bytes(0));
        }
        for (name, figure) in &rest {
            put(out, name, figure);
        }
        Ok(Flow::Next)
    }

    /// `MEMORY DOCTOR`. O(clients).
    pub(super) fn memory_doctor(&self) -> String {
        let Overview { used, peak, resident, clients, replicas, .. } = self.memory_overview();
        if used < LITTLE {
            return "This node holds next to nothing: there is nothing to say about its memory yet. Ask again when \
                    it has some data.\n"
                .to_owned();
        }
        let mut found = Vec::new();
        if peak as f64 / used as f64 > 1.5 {
            found.push(
                "Peak: the node once held more than one and a half times of what it holds now. The allocator may \
                 keep that memory for later.",
            );
        }
        if resident > used * 14 / 10 && resident - used > 10 << 20 {
            found.push(
                "Resident memory: the process takes much more than this node accounts for. All nodes of one process \
                 share that figure.",
            );
        }
        if clients / (self.clients.by_id.len().max(1) as u64) > 200 * 1024 {
            found.push(
                "Clients: they hold more than 200 KiB each on average. One of them may not read its replies.",
            );
        }
        if replicas > 10 << 20 {
            found.push("Replicas: more than 10 MiB of the stream wait for the slowest of them.");
        }
        if found.is_empty() {
            return "Nothing unusual was found in this node's memory.\n".to_owned();
        }
        found.iter().fold("What is unusual in this node's memory:\n\n".to_owned(), |text, line| {
            format!("{text} * {line}\n")
        })
    }
}

fn put(out: &mut Replies, name: &str, figure: &Figure) {
    out.bulk(name.as_bytes());
    match figure {
        Figure::Bytes(bytes) => out.integer(*bytes as i64),
        Figure::Difference(bytes) => out.integer(*bytes),
        Figure::Ratio(ratio) => out.double(ScoreText::new(*ratio).as_str()),
    }
}

/// `MEMORY MALLOC-STATS`: all nodes of a process share one allocator, which keeps no figures for each.
pub(super) fn malloc_stats(_: &mut Node, session: &mut Session, _: &Args<'_>) -> CmdResult<Flow> {
    session.out.verbatim(
        "txt",
        b"mimalloc keeps no statistics in this build; MEMORY STATS has the node's own figures.\n",
    );
    Ok(Flow::Next)
}

/// Widest chain that LOLWUT draws.
const CHAIN_MAX: i64 = 12;

/// `LOLWUT [VERSION version] [replicas ...]`: a chain of replication, longer on request. O(1).
pub(super) fn lolwut(node: &mut Node, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
    let luck = node.random();
    let mut numbers = Vec::new();
    let from = if args.len() >= 3 && args.is(1, "VERSION") { 2 } else { args.len() };
    for number in args.from(from) {
        let number = strict_i64(number).ok_or(CmdError::NotAnInteger)?;
        numbers.push(i32::try_from(number).map_err(|_| CmdError::NotAnInteger)?.into());
    }
    let length = numbers.get(1).copied().unwrap_or(4).clamp(1, CHAIN_MAX);
    let mut text = String::from("(master)");
    for nth in 0..length {
        let link = if luck >> nth & 1 == 0 { "~~>" } else { "-->" };
        let replica = if (luck >> (nth + 16)).is_multiple_of(4) { "( zzz )" } else { "(replica)" };
        text = format!("{text}{link}{replica}");
    }
    let version = crate::node::config::REDIS_VERSION;
    session.out.verbatim("txt", format!("{text}\n\nRedis ver. {version}\n").as_bytes());
    Ok(Flow::Next)
}
