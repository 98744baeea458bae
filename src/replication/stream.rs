//! What goes into the replication stream, and how a replica counts what it has applied of it.
//!
//! Owns the wire form (RESP arrays, SELECT when the database differs) and the rule that an offset moves by
//! whole commands and whole transactions. It must not know what a command does.

use super::{Backlog, History, ReplOffset};
use crate::protocol::write_request;

/// Writes the stream of a master: every byte goes to the backlog and counts in the offset.
#[derive(Debug, Default)]
pub struct StreamWriter {
    /// Database of the last command written, `None` when the next one must SELECT.
    selected: Option<u16>,
}

impl StreamWriter {
    /// A writer that continues a stream whose last selected database is known (`repl-stream-db`), or not.
    pub fn new(selected: Option<u16>) -> Self {
        Self { selected }
    }

    /// The database that readers of the stream have selected (`repl-stream-db` of a snapshot).
    pub fn selected(&self) -> Option<u16> {
        self.selected
    }

    /// The next command is preceded by SELECT, whatever its database.
    ///
    /// Needed at every full sync, as the snapshot's reader has selected nothing, and after a promotion.
    pub fn force_select(&mut self) {
        self.selected = None;
    }

    /// Writes one command for database `db`.
    pub fn command(&mut self, history: &mut History, backlog: &mut Backlog, db: u16, args: &[&[u8]]) {
        self.select(history, backlog, db);
        feed(history, backlog, args);
    }

    /// Writes one command that is encoded already.
    pub fn encoded(&mut self, history: &mut History, backlog: &mut Backlog, db: u16, command: &[u8]) {
        self.select(history, backlog, db);
        relay(history, backlog, command);
    }

    /// Opens a transaction; its first command's SELECT goes before MULTI, as Redis has it.
    pub fn multi(&mut self, history: &mut History, backlog: &mut Backlog, db: u16) {
        self.command(history, backlog, db, &[b"MULTI"]);
    }

    /// Closes a transaction.
    pub fn exec(&mut self, history: &mut History, backlog: &mut Backlog) {
        feed(history, backlog, &[b"EXEC"]);
    }

    /// Writes the heartbeat of `repl-ping-replica-period`, in whatever database is selected.
    pub fn ping(&mut self, history: &mut History, backlog: &mut Backlog) {
        feed(history, backlog, &[b"PING"]);
    }

    /// Asks every replica for its offset now.
    pub fn get_ack(&mut self, history: &mut History, backlog: &mut Backlog) {
        feed(history, backlog, &[b"REPLCONF", b"GETACK", b"*"]);
    }

    fn select(&mut self, history: &mut History, backlog: &mut Backlog, db: u16) {
        if self.selected != Some(db) {
            let mut digits = itoa::Buffer::new();
            feed(history, backlog, &[b"SELECT", digits.format(db).as_bytes()]);
            self.selected = Some(db);
        }
    }
}

fn feed(history: &mut History, backlog: &mut Backlog, args: &[&[u8]]) {
    let before = backlog.next();
    if !backlog.append_within(longest(args), |tail| {
        write_request(args, &mut |piece| tail.extend_from_slice(piece));
    }) {
        write_request(args, &mut |piece| backlog.append(piece));
    }
    history.advance(backlog.next() - before);
    debug_assert_eq!(history.offset() + 1, backlog.next(), "history and backlog count the same bytes");
}

/// A replica passes on what it has applied, byte for byte: it never writes a stream of its own, so that
/// offsets and ids agree along a chain.
pub fn relay(history: &mut History, backlog: &mut Backlog, applied: &[u8]) {
    backlog.append(applied);
    history.advance(applied.len() as u64);
    debug_assert_eq!(history.offset() + 1, backlog.next(), "history and backlog count the same bytes");
}

/// A command as a RESP array, for what a link sends beside the stream.
pub fn encode_command(args: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(longest(args));
    write_request(args, &mut |piece| out.extend_from_slice(piece));
    out
}

/// An upper bound of a command's bytes in the stream.
fn longest(args: &[&[u8]]) -> usize {
    // Per argument `$`, a length of at most 20 digits and two line ends; the same once for the array.
    args.iter().map(|arg| arg.len() + 25).sum::<usize>() + 25
}

/// How far a replica has applied its master's stream.
///
/// The offset stands still inside MULTI..EXEC: a link that breaks there asks again from MULTI on, so that a
/// transaction is applied never or once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    offset: ReplOffset,
    db: u16,
    transaction: Option<Open>,
}

/// A transaction whose EXEC has not come yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Open {
    bytes: u64,
    db: u16,
}

impl Applied {
    /// A replica that has applied everything up to `offset`, with database `db` selected.
    pub fn new(offset: ReplOffset, db: u16) -> Self {
        Self { offset, db, transaction: None }
    }

    /// Bytes applied (`slave_repl_offset`), which is also the offset to acknowledge.
    pub fn offset(&self) -> ReplOffset {
        self.offset
    }

    /// Database selected at [`Applied::offset`], for a link that continues there: no SELECT is sent again.
    pub fn db(&self) -> u16 {
        self.db
    }

    /// Database in which the next command runs.
    pub fn current_db(&self) -> u16 {
        self.transaction.map_or(self.db, |open| open.db)
    }

    /// Bytes of an open transaction, to be kept as they came until it is complete.
    pub fn held(&self) -> u64 {
        self.transaction.map_or(0, |open| open.bytes)
    }

    /// The command `args`, which took `bytes` in the stream, was executed (or queued, inside a transaction).
    ///
    /// Returns how many bytes became applied by it, 0 inside a transaction: so many bytes of the stream, as they
    /// came, are now due to the own backlog, and the history advances by them.
    pub fn command(&mut self, args: &[&[u8]], bytes: u64) -> u64 {
        let (name, operand) = (args.first().copied().unwrap_or_default(), args.get(1));
        if name.eq_ignore_ascii_case(b"select")
            && let Some(db) = operand.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok())
        {
            match &mut self.transaction {
                Some(open) => open.db = db,
                None => self.db = db,
            }
        }
        if let Some(open) = &mut self.transaction {
            open.bytes += bytes;
            let ends = name.eq_ignore_ascii_case(b"exec") || name.eq_ignore_ascii_case(b"discard");
            return if ends { self.commit() } else { 0 };
        }
        if name.eq_ignore_ascii_case(b"multi") {
            self.transaction = Some(Open { bytes, db: self.db });
            return 0;
        }
        self.offset += bytes;
        bytes
    }

    fn commit(&mut self) -> u64 {
        let Some(open) = self.transaction.take() else { return 0 };
        self.offset += open.bytes;
        self.db = open.db;
        open.bytes
    }

    /// The link broke: an open transaction is forgotten and will come again from MULTI on.
    pub fn cut(&mut self) {
        self.transaction = None;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::replication::{MIN_BACKLOG_SIZE, ReplId};

    fn stream() -> (StreamWriter, History, Backlog) {
        let history = History::new(ReplId::from_bytes([1; 20]));
        (StreamWriter::default(), history, Backlog::new(MIN_BACKLOG_SIZE, 1))
    }

    fn text(backlog: &Backlog) -> String {
        let cursor = backlog.open(backlog.first()).unwrap();
        let bytes = backlog.slices(&cursor, usize::MAX).flatten().copied().collect();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn select_is_sent_only_when_the_database_differs_or_is_forced() {
        let (mut writer, mut history, mut backlog) = stream();
        writer.command(&mut history, &mut backlog, 0, &[b"DEL", b"a"]);
        writer.command(&mut history, &mut backlog, 0, &[b"DEL", b""]);
        writer.ping(&mut history, &mut backlog);
        writer.command(&mut history, &mut backlog, 12, &[b"DEL", b"c"]);
        writer.force_select();
        writer.get_ack(&mut history, &mut backlog);
        writer.command(&mut history, &mut backlog, 12, &[b"DEL", b"d"]);
        let expected = concat!(
            "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n",
            "*2\r\n$3\r\nDEL\r\n$1\r\na\r\n",
            "*2\r\n$3\r\nDEL\r\n$0\r\n\r\n",
            "*1\r\n$4\r\nPING\r\n",
            "*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n",
            "*2\r\n$3\r\nDEL\r\n$1\r\nc\r\n",
            "*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n",
            "*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n",
            "*2\r\n$3\r\nDEL\r\n$1\r\nd\r\n",
        );
        assert_eq!(text(&backlog), expected);
        assert_eq!(history.offset(), expected.len() as u64);
    }

    #[test]
    fn select_goes_before_multi() {
        let (mut writer, mut history, mut backlog) = stream();
        writer.multi(&mut history, &mut backlog, 3);
        writer.command(&mut history, &mut backlog, 3, &[b"DEL", b"a"]);
        writer.exec(&mut history, &mut backlog);
        assert_eq!(
            text(&backlog),
            "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nDEL\r\n$1\r\na\r\n*1\r\n$4\r\nEXEC\r\n"
        );
    }

    #[test]
    fn a_replica_passes_the_same_bytes_on_at_the_same_offsets() {
        let (mut writer, mut history, mut backlog) = stream();
        let (_, mut followed, mut passed_on) = stream();
        writer.command(&mut history, &mut backlog, 0, &[b"DEL", b"a"]);
        relay(&mut followed, &mut passed_on, text(&backlog).as_bytes());
        assert_eq!((text(&passed_on), followed), (text(&backlog), history));
    }

    #[test]
    fn lengths_of_any_size_are_framed() {
        for (length, framed) in
            [(0, "$0"), (9, "$9"), (10, "$10"), (99, "$99"), (100, "$100"), (1024, "$1024")]
        {
            let arg = vec![b'x'; length];
            let text = String::from_utf8(encode_command(&[&arg])).unwrap();
            assert_eq!(text, format!("*1\r\n{framed}\r\n{}\r\n", "x".repeat(length)));
        }
    }

    #[test]
    fn commands_of_any_size_go_over_the_ends_of_blocks_unharmed() {
        let (mut writer, mut history, mut backlog) = stream();
        let mut reader = backlog.open(1).unwrap();
        writer.command(&mut history, &mut backlog, 0, &[]);
        let (mut expected, mut seen) = (encode_command(&[b"SELECT", b"0"]), Vec::new());
        expected.extend_from_slice(b"*0\r\n");
        for length in (0..3000).chain([16_384, 100_000]) {
            let value = vec![b'x'; length];
            writer.command(&mut history, &mut backlog, 0, &[b"SET", b"k", &value]);
            expected.extend_from_slice(&encode_command(&[b"SET", b"k", &value]));
            // Until it shows nothing more, whatever it says is missing: a reader that lost its place must fail here.
            loop {
                let chunk = backlog.read_at(&mut reader, 10_000);
                if chunk.is_empty() {
                    break;
                }
                seen.extend_from_slice(&chunk);
            }
        }
        assert!(seen == expected);
        assert_eq!(history.offset(), expected.len() as u64);
    }

    #[test]
    fn the_offset_waits_for_exec() {
        let mut applied = Applied::new(100, 0);
        assert_eq!(applied.command(&[b"SELECT", b"2"], 20), 20);
        assert_eq!(applied.command(&[b"multi"], 15), 0);
        assert_eq!(applied.command(&[b"SELECT", b"5"], 20), 0);
        assert_eq!((applied.offset(), applied.db(), applied.current_db(), applied.held()), (120, 2, 5, 35));
        let mut cut = applied.clone();
        assert_eq!(applied.command(&[b"EXEC"], 14), 49);
        assert_eq!((applied.offset(), applied.db(), applied.held()), (169, 5, 0));

        cut.cut();
        assert_eq!((cut.offset(), cut.db(), cut.current_db()), (120, 2, 2), "asked again from MULTI on");
    }

    proptest! {
        /// I5: wherever the link is cut, the bytes applied before and after the cut are the stream, once.
        #[test]
        fn a_cut_stream_resumes_at_a_command_boundary_outside_transactions(
            commands in prop::collection::vec((0_u8..4, 1_u64..50), 1..40),
            cut in 0_usize..40,
        ) {
            let named = |kind: u8| -> &'static [u8] { [&b"SET"[..], b"MULTI", b"EXEC", b"PING"][usize::from(kind)] };
            let mut boundary = 0;
            let (mut at, mut open) = (0, false);
            let mut applied = Applied::new(0, 0);
            for &(kind, bytes) in commands.iter().take(cut) {
                applied.command(&[named(kind)], bytes);
                at += bytes;
                open = (open || kind == 1) && kind != 2;
                if !open {
                    boundary = at;
                }
            }
            prop_assert_eq!(applied.offset(), boundary);
            prop_assert_eq!(applied.offset() + applied.held(), at);
        }
    }
}
