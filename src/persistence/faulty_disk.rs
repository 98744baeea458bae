//! The real disk, which can be told to be slow, full, or broken for a while.
//!
//! It stands where a node writes its files, so that what comes of a bad disk can be seen without one. As long as
//! nothing is wrong, each call to the system costs one look at a flag more.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::files::{Disk, OsDisk};

/// The system's number for "no space left on device".
const NO_SPACE: i32 = if cfg!(windows) { 112 } else { 28 };
/// The system's number for "input/output error"; on Windows, for one of the device.
const IO_ERROR: i32 = if cfg!(windows) { 1117 } else { 5 };

/// What a disk does wrong. The default is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskTroubles {
    /// Each call takes this much longer.
    pub delay: Duration,
    /// Nothing more can be written.
    pub is_full: bool,
    /// This call fails, counted from when that was asked for, and so does each that many calls later.
    pub error_at: Option<u64>,
}

/// What a call to the system is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    /// It needs space.
    Write,
    /// It does not.
    Other,
}

/// The disk of one node; all clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct FaultyDisk(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    is_troubled: AtomicBool,
    state: Mutex<State>,
    /// The troubles are others: who waits for a slow disk looks again.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    troubles: DiskTroubles,
    calls: u64,
}

impl FaultyDisk {
    /// From now on this is wrong with the disk. Who waits for a disk that is not slow any more goes on at once.
    pub fn set_troubles(&self, troubles: DiskTroubles) {
        let mut state = self.state();
        if troubles.error_at != state.troubles.error_at {
            state.calls = 0;
        }
        state.troubles = troubles;
        self.0.is_troubled.store(troubles != DiskTroubles::default(), Ordering::Release);
        self.0.changed.notify_all();
    }

    /// What is wrong now.
    pub fn troubles(&self) -> DiskTroubles {
        self.state().troubles
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here can be half changed.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before each call to the system.
    #[inline]
    fn before(&self, call: Call) -> io::Result<()> {
        if self.0.is_troubled.load(Ordering::Acquire) { self.be_troubled(call) } else { Ok(()) }
    }

    #[cold]
    fn be_troubled(&self, call: Call) -> io::Result<()> {
        let begun = Instant::now();
        let mut state = self.state();
        while let Some(left) =
            state.troubles.delay.checked_sub(begun.elapsed()).filter(|left| !left.is_zero())
        {
            let waited = self.0.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.calls += 1;
        if state.troubles.error_at.is_some_and(|nth| state.calls.is_multiple_of(nth.max(1))) {
            return Err(io::Error::from_raw_os_error(IO_ERROR));
        }
        if state.troubles.is_full && call == Call::Write {
            return Err(io::Error::from_raw_os_error(NO_SPACE));
        }
        Ok(())
    }

    /// A file on this disk.
    pub(super) fn file(&self, file: File) -> FaultyFile {
        FaultyFile { file, disk: self.clone() }
    }
}

/// An open file on such a disk.
#[derive(Debug)]
pub struct FaultyFile {
    pub(super) file: File,
    disk: FaultyDisk,
}

impl FaultyFile {
    /// Waits until the data are on the disk.
    ///
    /// # Errors
    /// As the system says.
    pub fn sync_data(&self) -> io::Result<()> {
        self.disk.before(Call::Other)?;
        self.file.sync_data()
    }

    /// The same file, for another thread.
    ///
    /// # Errors
    /// As the system says.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(self.disk.file(self.file.try_clone()?))
    }
}

impl Write for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.before(Call::Write)?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Disk for FaultyDisk {
    type File = FaultyFile;

    fn create(&self, path: &Path) -> io::Result<FaultyFile> {
        self.before(Call::Other)?;
        Ok(self.file(OsDisk.create(path)?))
    }

    fn sync(&self, file: &FaultyFile) -> io::Result<()> {
        self.before(Call::Other)?;
        OsDisk.sync(&file.file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.before(Call::Other)?;
        OsDisk.rename(from, to)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.before(Call::Other)?;
        OsDisk.sync_directory(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        // What is cleaned up after a failure always goes: it would be in the way of the next try.
        OsDisk.remove(path)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::persistence::{AppendFile, PendingFile, write_whole_to};

    fn troubles(change: impl FnOnce(&mut DiskTroubles)) -> FaultyDisk {
        let disk = FaultyDisk::default();
        let mut troubles = DiskTroubles::default();
        change(&mut troubles);
        disk.set_troubles(troubles);
        disk
    }

    #[test]
    fn whichever_call_fails_the_old_contents_or_the_new_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("dump.rdb");
        let mut succeeded = false;
        for nth in 1..10 {
            write_whole_to(FaultyDisk::default(), &target, b"old").unwrap();
            let disk = troubles(|troubles| troubles.error_at = Some(nth));
            match write_whole_to(disk, &target, b"new") {
                Ok(()) => {
                    succeeded = true;
                    assert_eq!(std::fs::read(&target).unwrap(), b"new");
                }
                Err(error) => {
                    let is_new = error.step == crate::persistence::Step::SyncDirectory;
                    assert_eq!(
                        std::fs::read(&target).unwrap(),
                        if is_new { b"new" } else { b"old" },
                        "{nth}"
                    );
                }
            }
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left behind");
        }
        assert!(succeeded);
    }

    #[test]
    fn a_full_disk_takes_no_byte_and_loses_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("aof");
        let disk = FaultyDisk::default();
        let mut file = AppendFile::open(&path, &disk).unwrap();
        file.append(b"first").unwrap();
        disk.set_troubles(DiskTroubles { is_full: true, ..DiskTroubles::default() });
        let error = file.append(b"second").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let mut pending = PendingFile::create(disk.clone(), &path).unwrap();
        assert!(pending.write(b"other").is_err());
        drop(pending);
        disk.set_troubles(DiskTroubles::default());
        file.append(b" and third").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"first and third");
    }

    #[test]
    fn who_waits_for_a_slow_disk_goes_on_when_it_is_healed() {
        let disk = troubles(|troubles| troubles.delay = Duration::from_mins(1));
        let other = disk.clone();
        let begun = Instant::now();
        let waiting = std::thread::spawn(move || other.before(Call::Other));
        std::thread::sleep(Duration::from_millis(50));
        disk.set_troubles(DiskTroubles::default());
        waiting.join().unwrap().unwrap();
        assert!((50..5000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    }
}
