//! What goes into the append-only file: commands as they travel, each preceded by SELECT when its database differs.

use crate::protocol::write_request;

/// Commands on their way into the file.
#[derive(Debug, Default)]
pub struct AofWriter {
    buffer: Vec<u8>,
    /// Database of the last command; `None` when the next one must SELECT.
    selected: Option<usize>,
    /// Seconds since 1970; `None` if times are not noted.
    time: Option<u64>,
    /// The last time that was noted.
    noted: Option<u64>,
}

impl AofWriter {
    /// The time now, in s since 1970, to be noted before the next command if it is another than the last one; `None` to
    /// note none (`aof-timestamp-enabled`).
    pub fn set_time(&mut self, unix: Option<u64>) {
        self.time = unix;
    }

    /// Appends one command of database `db`.
    #[inline]
    pub fn command(&mut self, db: usize, parts: &[&[u8]]) {
        self.select(db);
        self.put(parts);
    }

    /// Appends one command that is encoded already.
    pub fn encoded(&mut self, db: usize, command: &[u8]) {
        self.select(db);
        self.buffer.extend_from_slice(command);
    }

    /// Opens a transaction whose first command is for `db`.
    pub fn multi(&mut self, db: usize) {
        self.command(db, &[b"MULTI"]);
    }

    /// Closes a transaction.
    pub fn exec(&mut self) {
        self.put(&[b"EXEC"]);
    }

    /// Commands that are not written yet.
    pub fn unwritten(&self) -> &[u8] {
        &self.buffer
    }

    /// They are written.
    pub fn written(&mut self) {
        self.buffer.clear();
        self.buffer.shrink_to(1 << 20);
    }

    /// What follows goes into another file, whose reader has selected nothing.
    pub fn another_file(&mut self) {
        self.selected = None;
        self.noted = None;
    }

    /// What was appended so far is kept elsewhere: begins anew.
    pub fn start_over(&mut self) {
        self.buffer.clear();
        self.another_file();
    }

    fn select(&mut self, db: usize) {
        if let Some(unix) = self.time
            && self.time > self.noted
        {
            self.noted = self.time;
            annotate(&mut self.buffer, unix);
        }
        if self.selected.replace(db) != Some(db) {
            let mut digits = itoa::Buffer::new();
            self.put(&[b"SELECT", digits.format(db).as_bytes()]);
        }
    }

    fn put(&mut self, parts: &[&[u8]]) {
        write_request(parts, &mut |piece| self.buffer.extend_from_slice(piece));
    }
}

/// Notes that what follows was written at `unix`, in s since 1970: a line that tools cut the file at.
pub(super) fn annotate(out: &mut Vec<u8>, unix: u64) {
    out.extend_from_slice(format!("#TS:{unix}\r\n").as_bytes());
}
