//! The end of the append-only file: what is written is whole or not there.

use std::io::{self, Seek as _, SeekFrom, Write};
use std::path::Path;

use crate::persistence::faulty_disk::{FaultyDisk, FaultyFile};
use crate::persistence::files::open_to_write;

/// A file whose end can be taken back.
pub trait Appendable: Write {
    /// Drops all behind the first `len` bytes; what is written next follows them.
    ///
    /// # Errors
    /// As the system says.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

impl Appendable for FaultyFile {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        self.file.seek(SeekFrom::Start(len)).map(|_| ())
    }
}

/// A file that whole commands are appended to.
#[derive(Debug)]
pub struct AppendFile<F = FaultyFile> {
    file: F,
    len: u64,
}

impl AppendFile {
    /// Opens a file to append to it, or makes it.
    ///
    /// # Errors
    /// As the system says.
    pub fn open(path: &Path, disk: &FaultyDisk) -> io::Result<Self> {
        let mut file = open_to_write(path)?;
        let len = file.seek(SeekFrom::End(0))?;
        Ok(Self::at_end(disk.file(file), len))
    }

    /// The same file, for a helper thread that waits until it is on the disk.
    ///
    /// # Errors
    /// As the system says.
    pub fn for_sync(&self) -> io::Result<FaultyFile> {
        self.file.try_clone()
    }
}

impl<F: Appendable> AppendFile<F> {
    /// A file of `len` bytes whose next write goes to its end.
    pub fn at_end(file: F, len: u64) -> Self {
        Self { file, len }
    }

    /// The file.
    pub fn file(&self) -> &F {
        &self.file
    }

    /// Bytes in it.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends whole commands, into the system's cache.
    ///
    /// # Errors
    /// As the system says. The file then ends where it ended before: half a command would hide all that follow it.
    pub fn append(&mut self, commands: &[u8]) -> io::Result<()> {
        match self.file.write_all(commands) {
            Ok(()) => {
                self.len += commands.len() as u64;
                Ok(())
            }
            Err(error) => {
                // If that fails as well, the next load finds a torn end and cuts it off.
                let _ = self.file.cut(self.len);
                Err(error)
            }
        }
    }
}
