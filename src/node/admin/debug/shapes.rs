//! DEBUG's looks at how values, tables and clients are kept.

use std::fmt::Write as _;
use std::io::Write as _;

use crate::commands::{CmdError, CmdResult, references};
use crate::node::clients::client::ClientKind;
use crate::node::clients::session::Session;
use crate::node::exec::flow::Flow;
use crate::node::node::Node;
use crate::persistence::dump_value;
use crate::protocol::{Replies, strict_i64};
use crate::store::{EntryRef, Listpack, StringEncoding, ValueRef};

/// Bytes of DUMP's answer beside the value: its type, and version and checksum at the end.
const DUMP_AROUND: usize = 11;
/// Sizes of clients: below two to the power of this, …
const SIZE_CLASS_FIRST: u32 = 15;
/// … and so many classes, the last of which has no upper end.
const SIZE_CLASSES: usize = 19;

impl Node {
    /// Looks at a key without touching it.
    fn shown(&self, db: usize, key: &[u8]) -> CmdResult<EntryRef<'_>> {
        let keyspace = self.data.store.db(db);
        keyspace.get(keyspace.hash(key), key).ok_or(CmdError::NoSuchKey)
    }

    pub(super) fn debug_object(&mut self, session: &mut Session, key: &[u8]) -> CmdResult<Flow> {
        let entry = self.shown(session.db, key)?;
        let lru = entry.access().load(std::sync::atomic::Ordering::Relaxed);
        let payload = dump_value(entry.value(), self.config.rdbcompression);
        let mut line = String::new();
        // Writing to a String cannot fail.
        let _ = write!(
            line,
            "Value at:0x0 refcount:{} encoding:{} serializedlength:{} lru:{lru} lru_seconds_idle:{}",
            references(&entry, self.shares_integers()),
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

    /// `DEBUG SDSLEN key`: key and value of a string share one allocation without room to grow.
    pub(super) fn show_string_sizes(&self, session: &mut Session, key: &[u8]) -> CmdResult {
        let entry = self.shown(session.db, key)?;
        let text = entry.value();
        let text = text.as_str().filter(|_| entry.string_encoding() != StringEncoding::Int);
        let text = text.ok_or(CmdError::text("ERR Not an sds encoded string."))?;
        session.out.simple(&format!(
            "key_sds_len:{}, key_sds_avail:0, key_zmalloc: {}, val_sds_len:{}, val_sds_avail:0, val_zmalloc: 0",
            key.len(),
            entry.memory(),
            text.len(),
        ));
        Ok(())
    }

    /// `DEBUG LISTPACK key`.
    pub(super) fn show_listpack(&self, session: &mut Session, key: &[u8]) -> CmdResult {
        let pack = match self.shown(session.db, key)?.value() {
            ValueRef::Hash(hash) => hash.as_listpack(),
            ValueRef::Zset(zset) => zset.as_listpack(),
            _ => None,
        };
        let mut text = String::new();
        show_pack(&mut text, pack.ok_or(CmdError::text("ERR Not a listpack encoded object."))?, true);
        print(&text);
        session.out.simple("Listpack structure printed on stdout");
        Ok(())
    }

    /// `DEBUG QUICKLIST key [0 | 1]`: with 1 also the elements.
    pub(super) fn show_quicklist(&self, session: &mut Session, key: &[u8], whole: bool) -> CmdResult {
        let ValueRef::List(list) = self.shown(session.db, key)?.value() else {
            return Err(CmdError::text("ERR Not a quicklist encoded object."));
        };
        let mut text = format!("{{count : {}}}\n{{nodes : {}}}\n", list.len(), list.packs().len());
        for (index, pack) in list.packs().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{{quicklist node({index})}} ");
            show_pack(&mut text, pack, whole);
        }
        print(&text);
        session.out.simple("Quicklist structure printed on stdout");
        Ok(())
    }

    /// `DEBUG HTSTATS db`: its keys, and those with a deadline, which stand in the same table.
    pub(super) fn show_table(&self, out: &mut Replies, db: &[u8]) -> CmdResult {
        let db = strict_i64(db).ok_or(CmdError::NotAnInteger)?;
        let db = usize::try_from(db).ok().filter(|db| *db < self.config.databases as usize);
        let keyspace = self.data.store.db(db.ok_or(CmdError::text("ERR Out of range database"))?);
        let text = format!(
            "[Dictionary HT]\n{}[Expires HT]\n{}",
            table_stats(keyspace.slot_count(), keyspace.len()),
            table_stats(keyspace.slot_count(), keyspace.expires()),
        );
        out.verbatim("txt", text.as_bytes());
        Ok(())
    }

    /// `DEBUG HTSTATS-KEY key`.
    pub(super) fn show_table_of(&self, session: &mut Session, key: &[u8]) -> CmdResult {
        let table = match self.shown(session.db, key)?.value() {
            ValueRef::Set(set) => set.slot_count().map(|slots| (slots, set.len())),
            ValueRef::Hash(hash) => hash.slot_count().map(|slots| (slots, hash.len())),
            ValueRef::Zset(zset) => zset.slot_count().map(|slots| (slots, zset.len())),
            _ => None,
        };
        let (slots, elements) = table.ok_or(CmdError::text(
            "ERR The value stored at the specified key is not represented using an hash table",
        ))?;
        session.out.verbatim("txt", table_stats(slots, elements).as_bytes());
        Ok(())
    }

    /// `DEBUG CLIENT-EVICTION`: how many clients take how much, by powers of two.
    pub(super) fn show_client_sizes(&self, out: &mut Replies) -> CmdResult {
        if self.config.integer("maxmemory-clients") == 0 {
            return Err(CmdError::text("ERR maxmemory-clients is disabled."));
        }
        let mut classes = [(0, 0); SIZE_CLASSES];
        let counted = self.clients.by_id.values();
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
}

/// As Redis words it. It has no chains to tell of: an element is in the slot where its probe found room.
fn table_stats(slots: usize, elements: usize) -> String {
    let head = "Hash table 0 stats (main hash table):\n";
    match elements {
        0 => format!("{head}No stats available for empty dictionaries\n"),
        _ => format!("{head} table size: {slots}\n number of elements: {elements}\n"),
    }
}

fn show_pack(text: &mut String, pack: &Listpack, whole: bool) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{{total bytes {}}} {{num entries {}}}", pack.as_bytes().len(), pack.len());
    let mut at = pack.first();
    while whole && let Some(found) = at {
        let bytes = pack.get(found).bytes().escape_ascii().to_string();
        let _ = writeln!(text, "    at {found}: \"{bytes}\"");
        at = pack.next(found);
    }
}

/// On the standard output of the program, wherever the log goes.
fn print(text: &str) {
    // A program without one misses nothing that anybody waits for.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
